"""Analyses of ended runs, applied to the states that they kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.errors import AnalysisError, RecordError, StateError
from topo_exp.record.checksums import write_checksums
from topo_exp.record.files import locked
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import CHECKSUMS, METRICS, find_runs
from topo_exp.record.metrics import MetricRow, replace_metrics
from topo_exp.record.run_yaml import AnalysedLater, RunData, amend_record, now
from topo_exp.runner.drawing import FigureWriter, PictureOrder, figure_failure
from topo_exp.runner.measuring import Measuring
from topo_exp.runner.progress import ProgressDisplay
from topo_exp.runner.results import ResultStore
from topo_exp.runner.spec import Analysis
from topo_exp.typing import Data

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result
    from topo_exp.engine.simulation import Simulation

log = logging.getLogger(__name__)


@dataclass
class Addition:
    """The results that were added to one run."""

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


def analyse_runs(
    paths: Path | str | Sequence[Path | str],
    analyses: Mapping[str, Analysis],
    *,
    build: Callable[[RunHandle], Simulation],
    analysis_config: Mapping[str, Data] | None = None,
    figure_formats: Sequence[str] = ("png",),
    style: FigureStyle | None = None,
    on_analysis_error: Literal["fail", "continue"] = "fail",
    progress: bool = False,
) -> Iterator[Addition]:
    """Apply analyses to every state that ended runs have kept, and add the results to their directories.

    Nothing is simulated: each simulation is built as it was, and the stored states are restored into it one after the
    other. Analyses of maps alone use the recorded maps, and no simulation is built for them.

    Args:
        paths: Run directories, or directories above them.
        analyses: The analyses to apply, by name.
        build: Builds the simulation of a run, at time 0, from its record.
        analysis_config: The analyses and their options as plain data, for the record.
        figure_formats: File formats of the pictures.
        style: Size, resolution and font of the pictures.
        on_analysis_error: Whether a failing analysis ends everything, or is counted and the rest continues.
        progress: Whether a live bar is shown on a terminal.

    Yields:
        For each run, the results that were added to it.

    Raises:
        RecordError: There is no run, or one is still running, or has kept no state.
        StateError: A stored state does not fit the simulation that `build` makes.
        AnalysisError: An analysis failed; results found before it are kept.
    """
    directories = find_runs(paths)
    if not directories:
        raise RecordError(f"{paths}: must hold a run, a directory with run.yaml (got none). Give another path.")
    from topo_exp.analysis.result import subject_of

    runs = [RunHandle(directory) for directory in directories]
    needs_states = any(subject_of(analysis) == "simulation" for analysis in analyses.values())
    for run in runs:
        _require_end(run)
        if needs_states:
            _require_states(run)
    config = analysis_config or {name: {} for name in analyses}
    for run in runs:
        with locked(run.directory) as is_mine:
            if not is_mine:
                raise RecordError(
                    f"{run.directory.name}: must be free (got another process at work on it). Wait for it."
                )
            display = ProgressDisplay(max(run.times, default=0.0), live=progress, label=run.metadata["model"])
            store = ResultStore(run.directory, figure_formats=figure_formats, style=style or FigureStyle())
            work = _RunAnalysis(run, analyses, display, store, on_analysis_error)
            display.start()
            try:
                addition = work.apply(build, config)
            finally:
                display.stop()
        yield addition


class _RunAnalysis:
    """Apply analyses to one run."""

    def __init__(
        self,
        run: RunHandle,
        analyses: Mapping[str, Analysis],
        display: ProgressDisplay,
        store: ResultStore,
        on_analysis_error: Literal["fail", "continue"],
    ) -> None:
        self._run = run
        self._display = display
        self._must_fail = on_analysis_error == "fail"
        self._addition = Addition(run.directory)
        self._rows: list[MetricRow] = []
        self._measuring = Measuring(analyses, fail=self._fail, begin=display.measuring)
        self._figures = FigureWriter(self._picture_done)
        self._store = store

    def apply(self, build: Callable[[RunHandle], Simulation], config: Mapping[str, Data]) -> Addition:
        """Apply the analyses at all times, and write the results.

        Raises:
            AnalysisError: An analysis or a picture failed, and failures end the work.
        """
        run, addition = self._run, self._addition
        (run.directory / CHECKSUMS).unlink(missing_ok=True)  # files change until the new table is written
        sim = build(run) if self._measuring.needs_simulation else None
        try:
            for time in run.times if sim is None else run.checkpoints():
                if sim is not None:
                    _restore(sim, run, time)
                addition.times.append(time)
                for name, _, result in self._measuring.at(sim, time, run.maps_at(time)):
                    self._keep(name, time, result)
                self._display.analysed(time)
            for name, time, result in self._measuring.over_time(run.directory):
                self._keep(name, time, result)
        finally:
            self._figures.finish()
            self._write_metrics(config)
        if addition.failures and self._must_fail:
            raise addition.failures[0]
        return addition

    def _keep(self, name: str, time: float, result: Result) -> None:
        try:
            self._rows.extend(self._store.rows(name, time, result))
            self._store.write_maps(name, time, result)
            self._addition.maps += result.maps is not None
            for order in self._store.picture_orders(name, time, result):
                self._figures.submit(order)
        except AnalysisError as failure:
            self._fail(failure)

    def _fail(self, failure: AnalysisError) -> None:
        self._note(failure)
        if self._must_fail:
            raise failure from failure.__cause__

    def _note(self, failure: AnalysisError) -> None:
        if not self._must_fail or self._addition.failures:  # the first one is raised at the end
            log.error("%s: %s", self._run.directory.name, failure)
        self._addition.failures.append(failure)

    def _picture_done(self, order: PictureOrder, error: BaseException | None) -> None:
        if error is None:
            self._addition.pictures += 1
            return
        self._note(figure_failure(order, error))

    def _write_metrics(self, config: Mapping[str, Data]) -> None:
        """Add the new metrics to metrics.csv, and their origin to run.yaml."""
        addition = self._addition
        addition.metrics = len(self._rows)
        if self._rows:
            replace_metrics(self._run.directory / METRICS, self._rows)
        entry: AnalysedLater = {
            "at": now(),
            "analysis": config,
            "times": list(addition.times),
            "failures": len(addition.failures),
        }

        def append(data: RunData) -> None:
            data.setdefault("analysed_later", []).append(entry)
            if "checksums" in data:
                data["checksums"] = write_checksums(self._run.directory)

        amend_record(self._run.directory, append)


def _require_end(run: RunHandle) -> None:
    if run.status == "running":
        raise RecordError(f"{run.directory.name}: must be over (got a run that is still running). Wait for its end.")


def _require_states(run: RunHandle) -> None:
    if not run.checkpoints():
        raise RecordError(
            f"{run.directory.name}: must have kept a state (got neither checkpoints nor a snapshot). "
            "Run it with snapshot=all, or snapshot=last."
        )


def _restore(sim: Simulation, run: RunHandle, time: float) -> None:
    try:
        sim.restore(run.state(time))
    except StateError as error:
        raise StateError(f"{run.directory.name}, time {time:g}: {error}") from error
    if sim.time != time:
        raise StateError(
            f"{run.directory.name}: the state must be of time {time:g} (got {sim.time:g}). Is it replaced?"
        )
