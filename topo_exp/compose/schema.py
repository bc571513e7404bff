"""What may stand on the command line: the options of a run, and the rules that `param` declarations make for values."""

import itertools
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import param

from topo_exp.errors import ConfigError, ParameterError, UnknownNameError, nearest

STANDARD_TIMES = (0.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 10000.0)
"""The analysis times that a single number for `times` multiplies."""

GROUPS: Mapping[str, str] = {
    "model": "Model to run: one of those below, or a file of your own: model=path/to/my_model.py.",
    "analysis": "What to measure, a list: entries of conf/analysis, your own function as my_file.py:function or "
    "package.module.function. Options: analysis.NAME.OPTION=value.",
    "experiment": "A file with settings from conf/experiment, or from experiment/ in your own --config-dir.",
}
"""What is chosen rather than set; the default choices stand in conf/config.yaml."""


class RunOptions(param.Parameterized):
    """Hold the options of a run that are no parameters of its model. This is the one place that documents them."""

    times = param.Parameter(
        default=1.0,
        doc="Analysis times in iterations: a list that increases, times=[0,100,1000], or a number that multiplies "
        "[0, 50, 100, 500, 1000, 2000, 3000, 4000, 5000, 10000]. The run ends at the last one.",
    )
    output_dir = param.String(
        default=None,
        allow_None=True,
        doc="Where run directories are made. Default: the environment variable TOPO_EXP_OUTPUT, else Output.",
    )
    tag = param.String(default=None, allow_None=True, doc="Your own word for the run; part of the directory's name.")
    dirname_prefix = param.String(default="", doc="Put before the directory's name.")
    name_time_format = param.String(
        default="%Y%m%d%H%M", doc="How the date stands in the directory's name, as for strftime."
    )
    timestamp = param.String(
        default=None,
        allow_None=True,
        doc="The date in the directory's name, to let a group of runs share it: 2026-11-22T11:37 or 202611221137. "
        "Default: now; the runs of a multirun share theirs.",
    )
    max_name_length = param.Integer(
        default=200,
        bounds=(40, 240),
        doc="Longest name of a directory. A longer one is cut and ends in a hash of all parameters.",
    )
    param_names = param.Parameter(
        default=None,
        doc="Abbreviations of parameters in the directory's name, in the order of the name: "
        "param_names={cortex_density:cd,area:a}; or a list, for the order alone.",
    )
    script_repr = param.Selector(
        default="first",
        objects=["first", "last", "all", "none"],
        doc="At which analysis times network.py, a script that rebuilds the network, is written.",
    )
    snapshot = param.Selector(
        default="last",
        objects=["last", "all", "none"],
        doc="Which states are kept: snapshot.npz at the last time, or checkpoints/ at all of them as well.",
    )
    figure_formats = param.ListSelector(
        default=["png"],
        objects=["png", "pdf", "svg", "eps", "tif", "jpg", "webp"],
        doc="File formats of pictures: figure_formats=[png,pdf].",
    )
    metadata_dir = param.String(
        default=None, allow_None=True, doc="Put a copy of the finished run directory, without its states, here."
    )
    compress_metadata = param.Selector(
        default=None, objects=[None, "tar.gz", "zip"], doc="Make that copy an archive of this kind."
    )
    progress = param.Boolean(default=True, doc="Show a live bar on a terminal.")
    verbose = param.Boolean(default=False, doc="Show on the terminal what goes to run.log.")
    before = param.List(
        default=[],
        item_type=str,
        doc="Functions f(sim) called before the first step: before=[my_file.py:setup] or package.module.function.",
    )
    after = param.List(default=[], item_type=str, doc="Functions f(sim) called after the last analysis.")
    tracking = param.Selector(
        default="mlflow", objects=["mlflow", "none"], doc="What shows the run beside its directory."
    )
    experiment_name = param.String(
        default=None,
        allow_None=True,
        doc="Name of the MLflow experiment. Default: MLFLOW_EXPERIMENT_NAME, else the model's name.",
    )
    engine = param.Selector(
        default="compiled",
        objects=["compiled", "reference"],
        doc="Implementation that simulates: compiled, fast and in single precision; or reference, slow, which rounds "
        "exactly as the reference simulator does.",
    )
    on_analysis_error = param.Selector(
        default="fail",
        objects=["fail", "continue"],
        doc="Whether a failing analysis ends the run, or is logged and left out.",
    )
    sweep_id = param.String(default=None, allow_None=True, precedence=-1, doc="Set by multirun: what its runs share.")
    sweep_time = param.String(default=None, allow_None=True, precedence=-1, doc="Set by multirun: when it began.")


RESERVED = frozenset({*RunOptions.param, *GROUPS, "hydra"}) - {"name"}
"""Names that a model's parameter cannot have."""


def conf_directory() -> Path:
    """Find the configuration files: inside the installed package, else beside it in a checkout.

    Raises:
        ConfigError: they are in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise ConfigError(f"conf: must be inside {package} or beside it (got neither). Reinstall topo-exp.")


def output_directory(option: str | None = None) -> Path:
    """Tell where run directories are made: as the option says, else the environment, else `Output`."""
    return Path(option or os.environ.get("TOPO_EXP_OUTPUT") or "Output").expanduser().absolute()


def declared(cls: type[param.Parameterized]) -> dict[str, param.Parameter]:
    """List the public parameters of a class, in the order of their declaration."""
    inherited_first = [base for base in reversed(cls.__mro__) if issubclass(base, param.Parameterized)]
    order = {name: None for base in inherited_first for name in vars(base)}
    public = [name for name in order if name in cls.param and name != "name" and not name.startswith("_")]
    return {name: cls.param[name] for name in public}


def defaults(cls: type[param.Parameterized]) -> dict[str, Any]:
    """Give the default of every public parameter that can be written into a configuration file."""
    values = {name: declaration.default for name, declaration in declared(cls).items()}
    return {name: plain(value) for name, value in values.items() if is_plain(value)}


def is_plain(value: Any) -> bool:
    """Tell whether a value consists of numbers, strings, truth values, None, lists and mappings only."""
    if isinstance(value, list | tuple):
        return all(is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def plain(value: Any) -> Any:
    """Turn tuples into lists, NumPy's numbers into Python's, and what is not plain into its `repr`."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    return value if is_plain(value) else repr(value)


def checked(cls: type[param.Parameterized], values: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
    """Convert values to what the declarations of a class ask for, and check them.

    Arguments:
        cls: the class that declares the parameters.
        values: parameter -> value as read from a command line or a file.
        where: what the class is called in an error; empty for options, whose names say enough.

    Raises:
        UnknownNameError: a name that is not declared.
        ParameterError: a value of the wrong kind or outside its bounds; the message names parameter, rule and value.
    """
    declarations = declared(cls)
    result = {}
    for name, value in values.items():
        if name not in declarations:
            raise UnknownNameError(
                f"{where or 'options'}: has no parameter of that name (got {name!r}). {nearest(name, declarations)}"
            )
        declaration = declarations[name]
        try:
            result[name] = converted(declaration, value)
            declaration._validate(result[name])  # the hook in which every kind of Parameter checks a value
        except (ValueError, TypeError) as error:
            raise ParameterError(
                f"{where}{'.' if where else ''}{name}: must be {rule(declaration)} (got {_shown(value)}). "
                f"{_advice(declaration)}"
            ) from error
    return result


def converted(declaration: param.Parameter, value: Any) -> Any:
    """Turn what a command line or a YAML file can express into what a declaration asks for.

    Raises:
        ValueError: the value does not express such a thing.
    """
    if value is None or (declaration.allow_None and value in ("None", "null")):
        return None
    if isinstance(declaration, param.Boolean):
        return _truth(value)
    if isinstance(declaration, param.Integer):
        return _whole_number(value)
    if isinstance(declaration, param.Number):
        return _number(value)
    if isinstance(declaration, param.String):
        return _text(value)
    if isinstance(declaration, param.Tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(declaration, param.List) and isinstance(value, tuple):
        return list(value)
    if isinstance(declaration, param.Selector) and not isinstance(declaration, param.ListSelector):
        return _choice(declaration, value)
    return value


def rule(declaration: param.Parameter) -> str:
    """Say in words what values a declaration allows: `a number > 0`, `one of first, last`."""
    text = _rule(declaration) or "as its description says"
    return f"{text}, or null" if declaration.allow_None and not isinstance(declaration, param.Selector) else text


@dataclass(frozen=True)
class Bounds:
    """The limits of a number, None where there is none."""

    low: float | None
    high: float | None
    low_inclusive: bool = True
    high_inclusive: bool = True

    @classmethod
    def of(cls, declaration: param.Parameter) -> "Bounds":
        """Read the hard bounds of a declaration."""
        low, high = getattr(declaration, "bounds", None) or (None, None)
        return cls(low, high, *getattr(declaration, "inclusive_bounds", (True, True)))

    def __str__(self) -> str:
        """Write them so that they complete `a number`: ` > 0`, ` >= 0 and < 1`."""
        low = "" if self.low is None else f"{'>=' if self.low_inclusive else '>'} {self.low}"
        high = "" if self.high is None else f"{'<=' if self.high_inclusive else '<'} {self.high}"
        return " and ".join(limit for limit in (low, high) if limit)


def _rule(declaration: param.Parameter) -> str:
    if isinstance(declaration, param.Boolean):
        return "true or false"
    if isinstance(declaration, param.Number):
        kind = "a whole number" if isinstance(declaration, param.Integer) else "a number"
        return f"{kind} {Bounds.of(declaration)}".rstrip()
    if isinstance(declaration, param.String):
        pattern = getattr(declaration, "regex", None)
        return f"a text that matches {pattern}" if pattern else "a text"
    if isinstance(declaration, param.Selector):
        many = "a list of values from" if isinstance(declaration, param.ListSelector) else "one of"
        return f"{many} {', '.join('null' if item is None else str(item) for item in declaration.objects)}"
    if isinstance(declaration, param.Range):
        return f"two numbers in a list, each {Bounds.of(declaration)}".removesuffix(", each ")
    if isinstance(declaration, param.Tuple):
        kind = "numbers" if isinstance(declaration, param.NumericTuple) else "values"
        return f"a list of {declaration.length} {kind}"
    if isinstance(declaration, param.List):
        item = getattr(declaration, "item_type", None)
        kinds = item if isinstance(item, tuple) else (item,) if item else ()
        return "a list" + (f" of {' or '.join(_KINDS.get(kind, kind.__name__) for kind in kinds)}" if kinds else "")
    if isinstance(declaration, param.Dict):
        return "a mapping, {name:value,...}"
    if isinstance(declaration, param.ClassSelector):
        kinds = declaration.class_ if isinstance(declaration.class_, tuple) else (declaration.class_,)
        return " or ".join(f"a {kind.__name__}" for kind in kinds)
    return ""


_KINDS = {str: "texts", int: "whole numbers", float: "numbers", bool: "truth values"}


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is neither true nor false")


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError(f"{value!r} is no number")
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("nan is within no bounds")
    return value


def _whole_number(value: Any) -> Any:
    number = _number(value)
    if isinstance(number, float):
        if not number.is_integer():
            raise ValueError(f"{value!r} is no whole number")
        return int(number)
    return number


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | os.PathLike) else value


def _choice(declaration: param.Selector, value: Any) -> Any:
    objects = list(declaration.objects)
    names = getattr(declaration, "names", None) or {}
    if isinstance(value, str) and value in names:
        return names[value]
    for item in objects:
        if type(item) is type(value) and item == value:
            return item
    for item in objects:
        if str(item) == str(value) or (isinstance(item, bool) and str(item).lower() == str(value).lower()):
            return item
    if any(value is item for item in objects):
        return value
    for item in objects:
        if not isinstance(item, bool) and not isinstance(value, bool) and item == value:
            return item
    raise ValueError(f"{value!r} is none of {objects!r}")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _advice(declaration: param.Parameter) -> str:
    default = declaration.default
    return f"The default is {_shown(plain(default))}." if is_plain(default) else "See its description in --help."


def analysis_times(times: Any) -> tuple[float, ...]:
    """Read the option `times`: a list that increases, or a number that multiplies the standard list.

    Raises:
        ParameterError: it is something else.
    """
    fix = "Write times=[0,100,1000], or times=0.1 for a tenth of the standard list."
    if isinstance(times, int | float) and not isinstance(times, bool):
        if not (math.isfinite(times) and times > 0):
            raise ParameterError(f"times: a number must be > 0 and finite (got {_shown(times)}). {fix}")
        factor = Fraction(str(float(times)))  # as written, so that 0.7 gives 70 and not 69.99999999999999
        return tuple(float(factor * int(time)) for time in STANDARD_TIMES)
    if not isinstance(times, list | tuple) or not times:
        raise ParameterError(f"times: must be a list of numbers or one number (got {_shown(times)}). {fix}")
    for time in times:
        if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time) or time < 0:
            raise ParameterError(f"times: each must be a number >= 0 (got {_shown(time)} in {_shown(times)}). {fix}")
    for earlier, later in itertools.pairwise(times):
        if not earlier < later:
            raise ParameterError(f"times: must increase (got {later} after {earlier}). {fix}")
    return tuple(float(time) for time in times)
