"""Analyses of runs that are over, applied to the states that they kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from topo_exp.errors import AnalysisError, RecordError, StateError
from topo_exp.runner.directory import find_runs, locked
from topo_exp.runner.drawing import Draughtsman, Drawing
from topo_exp.runner.handle import RunHandle
from topo_exp.runner.measuring import Analysis, Measuring
from topo_exp.runner.progress import Progress
from topo_exp.runner.record import amend_record, now, plain
from topo_exp.runner.recorders import METRICS, ResultStore, Row, replace_metrics

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result
    from topo_exp.engine.simulation import Simulation

log = logging.getLogger(__name__)


@dataclass
class Analysed:
    """What was added to one run."""

    directory: Path
    times: list[float] = field(default_factory=list)
    metrics: int = 0
    maps: int = 0
    pictures: int = 0
    failures: list[AnalysisError] = field(default_factory=list)

    def __str__(self) -> str:
        added = f"{self.metrics} metric values, {self.maps} maps, {self.pictures} pictures"
        failed = f"; {len(self.failures)} failed" if self.failures else ""
        return f"{added} at {len(self.times)} times{failed}"


def analyse(
    paths: Path | str | Sequence[Path | str],
    analyses: Mapping[str, Analysis],
    *,
    build: Callable[[RunHandle], Simulation],
    analysis_config: Mapping[str, Any] | None = None,
    figure_formats: Sequence[str] = ("png",),
    on_analysis_error: Literal["fail", "continue"] = "fail",
    progress: bool = False,
) -> Iterator[Analysed]:
    """Apply analyses to every state that finished runs have kept, and add the results to their directories.

    No step is simulated: each simulation is built as it was, and takes on the stored states one after the other. For
    analyses of maps alone, the recorded maps do, and none is built.

    Args:
        paths: Run directories, or directories above them.
        analyses: What to measure, by name.
        build: Makes the simulation of a run, at time 0, from its record.
        analysis_config: The analyses and their options as plain data, for the record.
        figure_formats: As for a run.
        on_analysis_error: Whether an analysis that fails ends everything, or is reported with the rest.
        progress: Whether a live bar is shown on a terminal.

    Yields:
        For each run, what was added to it.

    Raises:
        RecordError: There is no run, or one is going on, or has kept no state.
        StateError: A stored state does not fit the simulation that `build` makes.
        AnalysisError: An analysis failed; what was found before stays.
    """
    directories = find_runs(paths)
    if not directories:
        raise RecordError(f"{paths}: must hold a run, a directory with run.yaml (got none). Give another path.")
    from topo_exp.analysis.result import subject_of

    runs = [RunHandle(directory) for directory in directories]
    looks_at_states = any(subject_of(analysis) == "simulation" for analysis in analyses.values())
    for run in runs:
        _require_end(run)
        if looks_at_states:
            _require_states(run)
    for run in runs:
        with locked(run.directory) as mine:
            if not mine:
                raise RecordError(
                    f"{run.directory.name}: must be free (got another process at work on it). Wait for it."
                )
            shown = Progress(max(run.times, default=0.0), live=progress, label=run.metadata["model"])
            shown.start()
            try:
                done = _analyse_run(run, analyses, build, analysis_config, figure_formats, on_analysis_error, shown)
            finally:
                shown.stop()
        yield done


def _require_end(run: RunHandle) -> None:
    if run.status == "running":
        raise RecordError(f"{run.directory.name}: must be over (got a run that goes on). Wait for its end.")


def _require_states(run: RunHandle) -> None:
    if not run.checkpoints():
        raise RecordError(
            f"{run.directory.name}: must have kept a state (got neither checkpoints nor a snapshot). "
            "Run it with snapshot=all, or snapshot=last."
        )


def _analyse_run(
    run: RunHandle,
    analyses: Mapping[str, Analysis],
    build: Callable[[RunHandle], Simulation],
    analysis_config: Mapping[str, Any] | None,
    figure_formats: Sequence[str],
    on_analysis_error: str,
    progress: Progress,
) -> Analysed:
    done = Analysed(run.directory)
    rows: list[Row] = []

    def note(failure: AnalysisError) -> None:
        log.error("%s: %s", run.directory.name, failure)
        done.failures.append(failure)

    def fail(failure: AnalysisError) -> None:
        note(failure)
        if on_analysis_error == "fail":
            raise failure from failure.__cause__

    def drawn(drawing: Drawing, error: BaseException | None) -> None:
        if error is None:
            done.pictures += 1
            return
        failure = AnalysisError(f"{drawing.source}: figure {drawing.name!r} could not be drawn (got {error}).")
        failure.__cause__ = error
        note(failure)

    def keep(name: str, time: float, result: Result) -> None:
        try:
            rows.extend(store.rows(name, time, result))
            store.write_maps(name, time, result)
            done.maps += result.maps is not None
            for drawing in store.drawings(name, time, result):
                draughtsman.submit(drawing)
        except AnalysisError as failure:
            fail(failure)

    measuring = Measuring(analyses, fail=fail, begin=progress.measuring)
    draughtsman = Draughtsman(drawn)
    store = ResultStore(run.directory, figure_formats=figure_formats)
    sim = build(run) if measuring.needs_simulation else None
    try:
        for time in run.times if sim is None else run.checkpoints():
            if sim is not None:
                _restore(sim, run, time)
            done.times.append(time)
            for name, _, result in measuring.at(sim, time, run.maps_at(time)):
                keep(name, time, result)
            progress.analysed(time)
        for name, time, result in measuring.over_time(run.directory):
            keep(name, time, result)
    finally:
        draughtsman.finish()
        _add(run, rows, done, analysis_config or {name: {} for name in analyses})
    if done.failures and on_analysis_error == "fail":
        raise done.failures[0]
    return done


def _restore(sim: Simulation, run: RunHandle, time: float) -> None:
    try:
        sim.restore(run.state(time))
    except StateError as error:
        raise StateError(f"{run.directory.name}, time {time:g}: {error}") from error
    if sim.time != time:
        raise StateError(
            f"{run.directory.name}: the state must be of time {time:g} (got {sim.time:g}). Is it replaced?"
        )


def _add(run: RunHandle, rows: Sequence[Row], done: Analysed, config: Mapping[str, Any]) -> None:
    """Put new metrics among the others, and note in run.yaml where they are from."""
    done.metrics = len(rows)
    if rows:
        replace_metrics(run.directory / METRICS, rows)
    entry = {"at": now(), "analysis": plain(config), "times": list(done.times), "failures": len(done.failures)}
    amend_record(run.directory, lambda data: data.setdefault("analysed_later", []).append(entry))
