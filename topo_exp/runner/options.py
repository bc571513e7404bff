"""The options of a run: each is declared here, once.

From the declarations follow the help, the check of values, the typed value in a `RunSpec`, the part of the directory's
name and the entry in run.yaml.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import param

from topo_exp.analysis.figure_style import BASE_FONT_SIZE, FigureStyle
from topo_exp.errors import ConfigError
from topo_exp.runner.times import STANDARD_TIMES, analysis_times


def _option(
    declaration: param.Parameter,
    read: Callable[..., object],
    *,
    in_record: bool = True,
) -> Any:  # the type of the field, as for `dataclasses.field`
    """Declare an option as a field of `RunOptions`.

    Args:
        declaration: Default, documentation and rule of the value as it is written on the command line.
        read: Turns such a value, already checked, into the value of the field.
        in_record: Whether run.yaml lists it under `options`; False for what run.yaml has at its top level.
    """
    metadata = {"declaration": declaration, "read": read, "in_record": in_record}
    return field(default_factory=lambda: read(declaration.default), metadata=metadata)


def output_directory(value: str | None = None) -> Path:
    """Return the directory in which run directories are made: the option's, else the environment's, else `Output`."""
    return Path(value or os.environ.get("TOPO_EXP_OUTPUT") or "Output").expanduser().absolute()


def _directory(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None


def _text(value: str) -> str:
    return value


def _optional_text(value: str | None) -> str | None:
    return value


def _texts(value: list[str]) -> tuple[str, ...]:
    return tuple(value)


def _abbreviations(names: object) -> dict[str, str]:
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return {str(name): str(short) for name, short in names.items()}
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return {name: name for name in names}
    raise ConfigError(
        f"param_names: must be a mapping or a list of names (got {names!r}). Write param_names={{cortex_density:cd}}."
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Hold the options of a run that are no parameters of its model."""

    times: tuple[float, ...] = _option(
        param.Parameter(
            default=1.0,
            doc="Analysis times in iterations: a list that increases, times=[0,100,1000], or a number that multiplies "
            f"[{', '.join(f'{time:g}' for time in STANDARD_TIMES)}]. The run ends at the last one.",
        ),
        analysis_times,
        in_record=False,
    )
    output_dir: Path = _option(  # noqa: RUF009  it returns a field
        param.String(
            default=None,
            doc="Where run directories are made. Default: the environment variable TOPO_EXP_OUTPUT, else Output.",
        ),
        output_directory,
        in_record=False,
    )
    tag: str | None = _option(
        param.String(default=None, doc="Your own word for the run; part of the directory's name."),
        _optional_text,
        in_record=False,
    )
    dirname_prefix: str = _option(
        param.String(default="", doc="Put before the directory's name."), _text, in_record=False
    )
    name_time_format: str = _option(
        param.String(default="%Y%m%d%H%M", doc="Format of the date in the directory's name, as for strftime."),
        _text,
        in_record=False,
    )
    timestamp: str | None = _option(
        param.String(
            default=None,
            doc="The date in the directory's name, to let a group of runs share it: 2026-11-22T11:37 or 202611221137. "
            "Default: now; the runs of a multirun share theirs.",
        ),
        _optional_text,
        in_record=False,
    )
    max_name_length: int = _option(
        param.Integer(
            default=200,
            bounds=(40, 240),
            doc="Longest name of a directory. A longer one is cut and ends in a hash of all parameters.",
        ),
        int,
        in_record=False,
    )
    param_names: Mapping[str, str] = _option(
        param.Parameter(
            default=None,
            doc="Abbreviations of parameters in the directory's name, in the order of the name: "
            "param_names={cortex_density:cd,area:a}; or a list, for the order alone.",
        ),
        _abbreviations,
        in_record=False,
    )
    script_repr: Literal["first", "last", "all", "none"] = _option(
        param.Selector(
            default="first",
            objects=["first", "last", "all", "none"],
            doc="At which analysis times network.py, a script that rebuilds the network, is written.",
        ),
        _text,
    )
    snapshot: Literal["last", "all", "none"] = _option(
        param.Selector(
            default="last",
            objects=["last", "all", "none"],
            doc="Which states stay at the end: snapshot.npz of the last time, or checkpoints/ of all times as well.",
        ),
        _text,
    )
    checkpoint_every: float = _option(
        param.Number(
            default=10.0,
            bounds=(0, None),
            doc="Minutes between restart points, from which an interrupted run continues. They are written at each "
            "analysis time, too; 0: only there.",
        ),
        float,
    )
    figure_formats: tuple[str, ...] = _option(
        param.ListSelector(
            default=["png"],
            objects=["png", "pdf", "svg", "eps", "tif", "jpg", "webp"],
            doc="File formats of pictures: figure_formats=[png,pdf]; [] draws none.",
        ),
        _texts,
    )
    figure: FigureStyle = _option(  # noqa: RUF009  it returns a field
        param.Dict(
            default={"dpi": 150.0, "width": 85.0, "font": "DejaVu Sans", "font_size": BASE_FONT_SIZE},
            doc="Style of the pictures: figure.dpi=300, figure.width=85mm (of one column), figure.font=Arial, "
            "figure.font_size=7 (points).",
        ),
        FigureStyle.from_options,
    )
    metadata_dir: Path | None = _option(  # noqa: RUF009  it returns a field
        param.String(default=None, doc="Put a copy of the finished run directory here."),
        _directory,
    )
    compress_metadata: Literal["tar.gz", "zip"] | None = _option(
        param.Selector(default=None, objects=[None, "tar.gz", "zip"], doc="Make that copy an archive of this kind."),
        _optional_text,
    )
    progress: bool = _option(param.Boolean(default=True, doc="Show a live bar on a terminal."), bool, in_record=False)
    verbose: bool = _option(
        param.Boolean(default=False, doc="Show on the terminal everything that goes to run.log."),
        bool,
        in_record=False,
    )
    before: tuple[str, ...] = _option(
        param.List(
            default=[],
            item_type=str,
            doc="Functions f(sim) called before the first step: before=[my_file.py:setup] or package.module.function.",
        ),
        _texts,
    )
    after: tuple[str, ...] = _option(
        param.List(default=[], item_type=str, doc="Functions f(sim) called after the last analysis."), _texts
    )
    tracking: Literal["mlflow", "none"] = _option(
        param.Selector(
            default="mlflow", objects=["mlflow", "none"], doc="View that shows the run beside its directory."
        ),
        _text,
    )
    experiment_name: str | None = _option(
        param.String(
            default=None,
            doc="Name of the MLflow experiment. Default: MLFLOW_EXPERIMENT_NAME, else the model's name.",
        ),
        _optional_text,
        in_record=False,
    )
    engine: Literal["compiled", "reference"] | None = _option(
        param.Selector(
            default=None,
            objects=[None, "compiled", "reference"],
            doc="Implementation that simulates: compiled, fast and in single precision; or reference, slow, which "
            "rounds exactly as the reference simulator does. Default: as the model declares, mostly compiled.",
        ),
        _optional_text,
    )
    on_analysis_error: Literal["fail", "continue"] = _option(
        param.Selector(
            default="fail",
            objects=["fail", "continue"],
            doc="Whether a failing analysis ends the run, or is logged and left out.",
        ),
        _text,
    )
    sweep_id: str | None = _option(
        param.String(default=None, precedence=-1, doc="Set by multirun: shared by its runs."),
        _optional_text,
        in_record=False,
    )
    sweep_time: str | None = _option(
        param.String(default=None, precedence=-1, doc="Set by multirun: when it began."),
        _optional_text,
        in_record=False,
    )
    sweep_names: tuple[str, ...] = _option(
        param.List(default=[], item_type=str, precedence=-1, doc="Set by multirun: names of the settings that vary."),
        _texts,
        in_record=False,
    )

    sweep_dir: Path | None = _option(  # noqa: RUF009  it returns a field
        param.String(default=None, precedence=-1, doc="Set by multirun: directory of the sweep."),
        _directory,
        in_record=False,
    )
    sweep_point: str | None = _option(
        param.String(default=None, precedence=-1, doc="Set by multirun: key of the run's point."),
        _optional_text,
        in_record=False,
    )

    @classmethod
    def read(cls, values: Mapping[str, object]) -> RunOptions:
        """Make options from checked values as the command line has them; absent ones have their defaults.

        Raises:
            ParameterError, ConfigError: A value cannot be read.
        """
        readers = {each.name: each.metadata["read"] for each in fields(cls)}
        return cls(**{name: readers[name](value) for name, value in values.items()})


OPTIONS: Mapping[str, param.Parameter] = {each.name: each.metadata["declaration"] for each in fields(RunOptions)}
"""The declaration of each option, by name, in the order of the help."""
HIDDEN_OPTIONS = frozenset(name for name, declaration in OPTIONS.items() if (declaration.precedence or 0) < 0)
"""Options that the program sets itself."""


def recorded_options(options: RunOptions) -> dict[str, object]:
    """Return the options that run.yaml lists, by name."""
    values = {each.name: getattr(options, each.name) for each in fields(options) if each.metadata["in_record"]}
    return {**values, "figure": options.figure.as_options()}
