"""The complete description of one run, validated before it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from topo_exp.runner.options import RunOptions
from topo_exp.runner.progress import Progress, ignore_progress
from topo_exp.typing import Data

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result
    from topo_exp.engine.simulation import Simulation
    from topo_exp.runner.recorders import Recorder

Found: TypeAlias = "Result | Mapping[str, Result] | Mapping[float, Result | Mapping[str, Result]]"
"""Return values of an analysis; the last form is that of an analysis over time."""
Analysis: TypeAlias = "Callable[..., Found]"
"""A function of the simulation, or of maps; see `topo_exp.analysis.result`."""
Hook: TypeAlias = "Callable[[Simulation], object]"
"""A function that a run calls on its simulation, before the first step or after the last analysis."""
SettingKind: TypeAlias = Literal["parameter", "option", "analysis", "analysis option", "experiment", "other"]


@dataclass(frozen=True)
class Setting:
    """One setting that the user chose.

    Args:
        kind: The part of the configuration to which it belongs.
        value: Its value, as plain data.
        is_swept: Whether it differs between the runs of a sweep.
    """

    kind: SettingKind
    value: Data
    is_swept: bool = False


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Describe one run completely; `topo_exp.runner.run.execute` runs it.

    The code that makes a RunSpec has validated it: names exist, values are within their bounds, `times` increase,
    analyses are callable, and `directory_name` is legal on every file system. Fields with a default are those that may
    be absent from a run.
    """

    model: str
    """Name of the model: `tiny`, or the stem of the user's own file."""
    build: Callable[[], Simulation]
    """Builds the simulation at time 0."""
    parameters: Mapping[str, Data]
    """All parameters of the model, with the values that are in force."""
    given: Mapping[str, Data] = field(default_factory=dict)
    """The settings that name the run, in their order: parameters that the user set, and whatever is swept."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """Everything that the user set, of whatever kind, by name."""
    seeds: Mapping[str, Data] = field(default_factory=dict)
    """Every seed on which the run depends, by name."""
    options: RunOptions
    """The options of the run."""

    analyses: Mapping[str, Analysis]
    """The analyses that are applied at each analysis time, by name, in this order."""
    analysis_config: Mapping[str, Data] = field(default_factory=dict)
    """The analyses and their options as plain data, for the record."""
    before: tuple[Hook, ...] = ()
    """Functions called on the simulation before its first step, inside the record."""
    after: tuple[Hook, ...] = ()
    """Functions called on the simulation after its last analysis, inside the record."""
    views: tuple[Callable[[], Recorder], ...] = ()
    """Make the recorders that show the run beside its directory; the run continues if one of them fails."""

    on_progress: Callable[[Progress], object] = ignore_progress
    """Receives the progress of the run, several times a second."""
    on_directory: Callable[[Path], object] = lambda directory: None
    """Receives the run directory before anything is written into it."""

    directory_name: str
    """Name of the run directory, already composed and bounded; `-2`, `-3` ... is appended if it is taken."""
    command: str
    """Shell-safe command line that repeats this run."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Texts written into `.hydra/`, by file name: `config.yaml`, `overrides.yaml`, `hydra.yaml`."""
    model_source: Path | None = None
    """File that defines the model, copied into `provenance/`."""
    described_code: Path | None = None
    """Folder in which the origin of the code is described, for code that runs from a copy; None: git is asked."""
