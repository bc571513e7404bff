"""The names and values that the command line accepts, by the rules that `param` declarations make for them."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import param

from topo_exp.errors import ConfigError, ParameterError, UnknownNameError, nearest
from topo_exp.runner.options import OPTIONS
from topo_exp.sweeps.options import SWEEP_OPTIONS
from topo_exp.typing import Data

GROUPS: Mapping[str, str] = {
    "model": "Model to run: one of those below, or a file of your own: model=path/to/my_model.py.",
    "analysis": "Analyses to apply, a list: entries of conf/analysis, your own function as my_file.py:function or "
    "package.module.function. Options: analysis.NAME.OPTION=value.",
    "experiment": "A file with settings from conf/experiment, or from experiment/ in your own --config-dir.",
}
"""Settings that choose a file or a model; the default choices stand in conf/config.yaml."""


SWEEP_NODE = "sweep"
"""Key of the mapping that describes the space of a sweep, in configuration files and on the command line."""

RESERVED = frozenset({*OPTIONS, *GROUPS, *SWEEP_OPTIONS, SWEEP_NODE, "hydra"})
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


@dataclass(frozen=True)
class NamedAnalysis:
    """An analysis as a file of conf/analysis names it.

    Args:
        file: Name of the file, as `analysis=[...]` takes it.
        reference: Its function, as `analysis=[...]` takes it, too.
    """

    file: str
    reference: str


def analysis_functions() -> dict[str, NamedAnalysis]:
    """Return the analyses that the files of conf/analysis contain, by their names and by those of their functions."""
    import yaml  # type: ignore[import-untyped]  # it ships no type information

    found: dict[str, NamedAnalysis] = {}
    for path in sorted((conf_directory() / "analysis").glob("*.yaml")):
        for name, entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if isinstance(entry, dict) and "_target_" in entry:
                analysis = NamedAnalysis(path.stem, entry["_target_"])
                found.setdefault(name, analysis)
                found.setdefault(analysis.reference.rpartition(".")[2], analysis)
    return found


def declared(cls: type[param.Parameterized]) -> dict[str, param.Parameter]:
    """List the public parameters of a class, in the order of their declaration."""
    return {name: cls.param[name] for name in _declared_names(cls)}  # type: ignore[arg-type]  # classes can be hashed


@cache
def _declared_names(cls: type[param.Parameterized]) -> tuple[str, ...]:
    inherited_first = [base for base in reversed(cls.__mro__) if issubclass(base, param.Parameterized)]
    order = {name: None for base in inherited_first for name in vars(base)}
    return tuple(name for name in order if name in cls.param and name != "name" and not name.startswith("_"))


def defaults(declarations: Mapping[str, param.Parameter]) -> dict[str, Data]:
    """Return the default of every declaration that can be written into a configuration file."""
    values = {name: declaration.default for name, declaration in declarations.items()}
    return {name: plain(value) for name, value in values.items() if is_plain(value)}


def is_plain(value: object) -> bool:
    """Return True if a value consists of numbers, strings, truth values, None, lists and mappings only."""
    if isinstance(value, list | tuple):
        return all(is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def plain(value: object) -> Data:
    """Turn tuples into lists, NumPy's numbers into Python's, and any other value that is not plain into its `repr`."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        number: Data = value.item()
        return number
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def checked(
    declarations: Mapping[str, param.Parameter], values: Mapping[str, Any], *, where: str = ""
) -> dict[str, Any]:
    """Convert values to the kinds that declarations require, and check them.

    Args:
        declarations: parameter -> its declaration.
        values: parameter -> value as read from a command line or a file.
        where: name of the declaring class, for errors; empty for options, whose own names suffice.

    Returns:
        The converted values, by name.

    Raises:
        UnknownNameError: a name that is not declared.
        ParameterError: a value of the wrong kind or outside its bounds; the message names parameter, rule and value.
    """
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
                f"{where}{'.' if where else ''}{name}: must be {rule(declaration)} (got {_abbreviated(value)}). "
                f"{_advice(declaration)}"
            ) from error
    return result


def converted(declaration: param.Parameter, value: Any) -> Any:
    """Convert a value of a command line or a YAML file to the kind that a declaration requires.

    Raises:
        ValueError: the value is not of that kind.
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
    """Describe the values that a declaration allows: `a number > 0`, `one of first, last`."""
    text = _rule(declaration) or "as its description says"
    return f"{text}, or null" if declaration.allow_None and not isinstance(declaration, param.Selector) else text


@dataclass(frozen=True)
class Bounds:
    """The limits of a number; None for no limit."""

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
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
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


def _abbreviated(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _advice(declaration: param.Parameter) -> str:
    default = declaration.default
    return f"The default is {_abbreviated(plain(default))}." if is_plain(default) else "See its description in --help."
