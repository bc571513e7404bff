"""Everything that one run is, settled before it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result
    from topo_exp.engine.simulation import Simulation


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Describe one run completely; `topo_exp.runner.run.execute` carries it out.

    Whoever makes one has validated it: names exist, values are within their bounds, `times` increase, analyses are
    callable, and `directory_name` is legal on every file system. Fields with a default are those that may be absent
    from a run; whatever is a choice with a customary value has that value in `conf/config.yaml` and nowhere else.
    """

    model: str
    """Name of the model: `tiny`, or the stem of the user's own file."""
    build: Callable[[], Simulation]
    """Make the simulation at time 0."""
    parameters: Mapping[str, Any]
    """All parameters of the model that are in force, as plain data."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Those of `parameters` that the user set, in the order in which they name the run."""
    seeds: Mapping[str, int] = field(default_factory=dict)
    """Every seed that the run depends on, by name."""

    times: tuple[float, ...]
    """Analysis times, increasing, in iterations."""
    analyses: Mapping[str, Callable[[Simulation], Result | Mapping[str, Result]]]
    """What is measured at each of `times`, by name, in this order."""
    analysis_config: Mapping[str, Any] = field(default_factory=dict)
    """The analyses and their options as plain data, for the record."""
    before: tuple[Callable[[Simulation], object], ...] = ()
    """Functions called on the simulation before its first step, inside the record."""
    after: tuple[Callable[[Simulation], object], ...] = ()
    """Functions called on the simulation after its last analysis, inside the record."""
    on_analysis_error: Literal["fail", "continue"]
    """Whether the run goes on after an analysis has failed."""
    engine: Literal["compiled", "reference"]
    """Implementation that simulates; `build` applies it, here it is for the record."""

    directory_name: str
    """Name of the run directory, already composed and bounded; `-2`, `-3` ... is appended where it is taken."""
    output_dir: Path
    """Where run directories are made."""
    command: str
    """Shell-safe command line that repeats this run."""
    config: Mapping[str, str] = field(default_factory=dict)
    """Texts written into `.hydra/`, by file name: `config.yaml`, `overrides.yaml`, `hydra.yaml`."""
    model_source: Path | None = None
    """File that defines the model, copied into `provenance/`."""
    tag: str | None = None
    """The user's own word for this run, or group of runs."""
    sweep: str | None = None
    """Name shared by the runs of one sweep."""
    script_repr: Literal["first", "last", "all", "none"]
    """At which analysis times `network.py` is written."""
    snapshot: Literal["last", "all", "none"]
    """At which analysis times the state is kept: `snapshot.npz` for the last, `checkpoints/` for all."""
    figure_formats: tuple[str, ...] = ("png",)
    """File formats in which each figure is saved, as extensions that matplotlib knows."""
    metadata_dir: Path | None = None
    """Where an archive of the finished directory is put, if anywhere."""
    compress_metadata: Literal["tar.gz", "zip"] | None = None
    """Form of that archive; a plain copy if None."""

    progress: bool
    """Whether a live bar is shown on a terminal."""
    verbose: bool
    """Whether everything that goes to `run.log` is also shown on the terminal."""
    tracking: Literal["mlflow", "none"]
    """What shows the run beside its directory."""
    experiment: str | None = None
    """Name of the MLflow experiment; the environment's, else the model's name, if None."""
