"""A run that is continued in its directory: from its last usable restart point, or to later analysis times."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.files import delete_leftovers
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import CHECKSUMS, METRICS, results_path
from topo_exp.record.metrics import MetricRow, read_metrics, write_metrics
from topo_exp.record.restart import RestartPoint, delete_parts, delete_restart_point, read_restart_point, restart_points
from topo_exp.record.results import (
    TimeResults,
    delete_results_over_time,
    read_failed_pictures,
    read_results,
)
from topo_exp.record.run_yaml import RunData, now
from topo_exp.runner.describe import this_process
from topo_exp.runner.start import Start
from topo_exp.typing import State

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Continuation:
    """Describe how a run is continued.

    Args:
        directory: Of the run.
        times: Analysis times from now on.
        analyses: Names of the analyses that are applied at each time.
        differences: Differences of code and versions that the user has accepted.
        is_extension: Whether a finished run is continued to later times.
    """

    directory: Path
    times: tuple[float, ...]
    analyses: frozenset[str]
    differences: Sequence[str] = ()
    is_extension: bool = False

    def prepare(self) -> tuple[Start, RunData]:
        """Find the starting point, and bring the directory to the state that it had there.

        Returns:
            The starting point, and the contents of run.yaml for a run that continues from it.

        Raises:
            RecordError: An extension lacks the state of the last time, or a file cannot be read or written.
        """
        run = RunHandle(self.directory)
        start, time = self._extension(run) if self.is_extension else self._resumption()
        delete_leftovers(self.directory)
        delete_parts(self.directory)
        (self.directory / CHECKSUMS).unlink(missing_ok=True)
        for point in restart_points(self.directory):
            if point.time > time or (self.differences and point.time != time):
                delete_restart_point(point)
        measured = [each for each in self.times if start.reached is not None and each <= start.reached]
        for each in self.times:
            if each not in measured and not (each == time and start.results):
                results_path(self.directory, each).unlink(missing_ok=True)
        write_metrics(self.directory / METRICS, _rows(self.directory, measured))
        delete_results_over_time(self.directory)
        return start, self._data(run.metadata, start, time)

    def _resumption(self) -> tuple[Start, float]:
        """Return the start from the last usable restart point, and its time; the beginning, before all, if none is."""
        failed = read_failed_pictures(self.directory)
        for point in restart_points(self.directory):
            earlier = [time for time in self.times if time < point.time]
            if not all(self._complete(time, failed).keys() >= self.analyses for time in earlier):
                continue
            state = _readable(point)
            if state is not None:
                results = {} if self.differences else self._complete(point.time, failed)
                return Start(state, earlier[-1] if earlier else None, results), point.time
        return Start(), -math.inf

    def _extension(self, run: RunHandle) -> tuple[Start, float]:
        """Return the start from the snapshot of a finished run, and its time."""
        last = max(run.times)
        if last not in run.checkpoints():
            raise RecordError(
                f"{run.directory.name}: must have kept the state of its last time, {last:g} (got snapshot=none). "
                "Run it again with the new times."
            )
        return Start(run.state(last), last), last

    def _complete(self, time: float, failed: Collection[str]) -> TimeResults:
        """Return the results of a time that are complete: metrics, maps and pictures."""
        results = read_results(self.directory, time)
        return {name: entry for name, entry in results.items() if entry.is_complete(self.directory, failed)}

    def _data(self, data: RunData, start: Start, time: float) -> RunData:
        """Return the contents of run.yaml for the run that continues."""
        reached = start.reached
        recorded = [entry for entry in data["recorded"] if reached is not None and entry["time"] <= reached]
        changed: RunData = {
            **data,
            "status": "running",
            "ended": None,
            "error": None,
            "reached": reached,
            "recorded": recorded,
            "times": list(self.times),
            "process": this_process(),
        }
        for name in ("checksums", "stopped_at"):
            changed.pop(name, None)  # type: ignore[misc]  # both are entries that may be absent
        changed["resumed"] = [
            *data.get("resumed", []),
            {"at": now(), "time": max(time, 0.0), "differences": list(self.differences), "times": list(self.times)},
        ]
        return changed


def _readable(point: RestartPoint) -> State | None:
    """Return the state of a restart point; None if it is damaged."""
    try:
        return read_restart_point(point)
    except RecordError as error:
        log.warning("%s The restart point before it is used.", error)
        return None


def _rows(directory: Path, times: Sequence[float]) -> list[MetricRow]:
    """Return the metrics of times, without those of analyses over time."""
    stored: list[MetricRow] | None = None
    rows: list[MetricRow] = []
    for time in times:
        if results_path(directory, time).is_file():
            rows += [row for entry in read_results(directory, time).values() for row in entry.rows]
        else:  # recorded by a version that kept no results by analysis
            stored = read_metrics(directory / METRICS) if stored is None else stored
            rows += [row for row in stored if row[0] == time]
    return rows
