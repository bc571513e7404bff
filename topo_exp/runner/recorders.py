"""Where results go: the run directory, and whatever shows it."""

from __future__ import annotations

import csv
import logging
import math
import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from topo_exp.errors import AnalysisError
from topo_exp.runner.directory import explained, time_label, write_bytes, write_state, write_text
from topo_exp.runner.drawing import Draughtsman, Drawing, DrawingError
from topo_exp.runner.record import RunRecord, Status
from topo_exp.runner.runlog import ONLY_IN_FILE
from topo_exp.runner.spec import RunSpec
from topo_exp.typing import State

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result

log = logging.getLogger(__name__)

METRICS = "metrics.csv"
METRICS_HEAD = "time,name,value\n"
WAITING_RESULTS = 8
"""Results that may wait for the disk before the simulation waits too."""
PROVENANCE_PATIENCE = 120.0
"""Seconds to wait at the end for what git has to say."""
Row = tuple[float, str, float]
"""Time, name and value of one metric."""


@dataclass(frozen=True)
class Moment:
    """The simulation itself at an analysis time, as far as it is kept."""

    state: State | None
    """Everything that it is, or None where that is not kept."""
    script: str | None
    """Source that builds its network, or None where that is not kept."""


class Recorder(Protocol):
    """Keep, or show, what a run finds."""

    def open(self, record: RunRecord) -> None:
        """Begin; the simulation is built."""

    def record(self, name: str, time: float, result: Result) -> None:
        """Take the result of the analysis `name` at `time`."""

    def checkpoint(self, time: float, moment: Moment) -> None:
        """Take note that every analysis of `time` is done, and what the simulation is."""

    def finish(self) -> None:
        """Wait for whatever is still being done, and raise what went wrong with it."""

    def close(self, status: Status, error: Mapping[str, Any] | None) -> None:
        """End, in whatever way the run has ended."""


class Recorders:
    """Several recorders as one.

    Args:
        truth: The recorder whose failure is the run's.
        views: The others: one that fails is reported once, and left out from then on.
    """

    def __init__(self, truth: Recorder, views: Iterable[Recorder] = ()) -> None:
        self._truth = truth
        self._views = list(views)

    def open(self, record: RunRecord) -> None:
        self._truth.open(record)
        self._tell_views(lambda view: view.open(record))

    def record(self, name: str, time: float, result: Result) -> None:
        self._truth.record(name, time, result)
        self._tell_views(lambda view: view.record(name, time, result))

    def checkpoint(self, time: float, moment: Moment) -> None:
        self._truth.checkpoint(time, moment)
        self._tell_views(lambda view: view.checkpoint(time, moment))

    def finish(self) -> None:
        self._truth.finish()
        self._tell_views(lambda view: view.finish())

    def close(self, status: Status, error: Mapping[str, Any] | None) -> None:
        self._truth.close(status, error)
        self._tell_views(lambda view: view.close(status, error))

    def _tell_views(self, call: Callable[[Recorder], None]) -> None:
        for view in list(self._views):
            try:
                call(view)
            except Exception as error:
                self._views.remove(view)
                log.warning("%s: out of order (%s); the run directory has everything", type(view).__name__, error)
                log.info("%s failed", type(view).__name__, exc_info=True, extra=ONLY_IN_FILE)


class BackgroundRecorder:
    """Let a recorder work in a thread of its own, in order, while the simulation goes on.

    Disks take their time to say that something is safe. What goes wrong is raised by one of the next calls, at the
    latest by `finish`, and nothing is recorded after it. One state at a time is on its way: memory stays
    bounded.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._pending: deque[Future[None]] = deque()
        self._state: Future[None] | None = None
        self._failed = False

    def open(self, record: RunRecord) -> None:
        self._recorder.open(record)

    def record(self, name: str, time: float, result: Result) -> None:
        self._do(lambda: self._recorder.record(name, time, result))

    def checkpoint(self, time: float, moment: Moment) -> None:
        if self._state is not None:
            wait([self._state])
        self._state = self._do(lambda: self._recorder.checkpoint(time, moment))

    def settle(self) -> None:
        """Wait until everything so far is recorded."""
        while self._pending:
            self._pending.popleft().result()

    def finish(self) -> None:
        self._do(self._recorder.finish)
        self.settle()

    def close(self, status: Status, error: Mapping[str, Any] | None) -> None:
        self._thread.shutdown(wait=True)
        for failure in (future.exception() for future in self._pending):
            if failure is not None:
                log.error("%s", failure)
        self._recorder.close(status, error)

    def _do(self, call: Callable[[], None]) -> Future[None]:
        while self._pending and (self._pending[0].done() or len(self._pending) > WAITING_RESULTS):
            self._pending.popleft().result()
        future = self._thread.submit(self._try, call)
        self._pending.append(future)
        return future

    def _try(self, call: Callable[[], None]) -> None:
        if not self._failed:
            try:
                call()
            except BaseException:
                self._failed = True
                raise


class DirectoryRecorder:
    """Keep results in the run directory: metrics.csv, maps/, plots/, network.py and the states.

    The metrics of one analysis time are appended together, when the time is done, so that after a crash each time is
    there with all of its metrics or not at all. What is said of a time later, by looking back, is put in its place.

    Args:
        spec: Of the run.
        provenance: The thread that writes provenance/; the end of the run waits for it.
    """

    def __init__(self, spec: RunSpec, provenance: threading.Thread) -> None:
        self._spec = spec
        self._provenance = provenance
        self._rows: list[Row] = []
        self._latest = -math.inf
        self._failures: list[AnalysisError] = []
        self._lock = threading.Lock()
        self._draughtsman = Draughtsman(self._drawn)

    def open(self, record: RunRecord) -> None:
        self._record = record
        self._store = ResultStore(record.directory, figure_formats=self._spec.figure_formats)
        write_text(record.directory / METRICS, METRICS_HEAD)

    def record(self, name: str, time: float, result: Result) -> None:
        with self._record.stage("recording"):
            try:
                self._rows += self._store.rows(name, time, result)
                self._store.write_maps(name, time, result)
                for drawing in self._store.drawings(name, time, result):
                    self._draughtsman.submit(drawing)
            except AnalysisError as error:
                self._note(error)

    def checkpoint(self, time: float, moment: Moment) -> None:
        with self._record.stage("recording"):
            directory, label = self._record.directory, time_label(time)
            self._write_metrics()
            if moment.script is not None:
                write_text(directory / "network.py", moment.script)
                if self._spec.script_repr == "all":
                    write_text(directory / "networks" / f"{label}.py", moment.script)
            if moment.state is not None:
                write_state(directory / "snapshot.npz", moment.state)
                self._record.update(snapshot=time)
                if self._spec.snapshot == "all":
                    write_state(directory / "checkpoints" / f"{label}.npz", moment.state)
            self._record.reached(time)
        self._raise_failure()

    def finish(self) -> None:
        """Write what came after the last time, and wait for every picture.

        Raises:
            AnalysisError: One could not be drawn, and the run is to fail by it.
        """
        self._write_metrics()
        with self._record.stage("finish_drawing"):
            self._draughtsman.finish()
        self._raise_failure()

    def close(self, status: Status, error: Mapping[str, Any] | None) -> None:
        try:
            self._draughtsman.finish()
            self._write_metrics()
            self._provenance.join(PROVENANCE_PATIENCE)
        except BaseException as trouble:
            self._record.close("failed", {"type": type(trouble).__name__, "message": str(trouble)})
            raise
        self._record.close(status, error)

    def _drawn(self, drawing: Drawing, error: BaseException | None) -> None:
        if error is None:
            return
        failure = AnalysisError(
            f"{drawing.source}: figure {drawing.name!r} could not be drawn (got {type(error).__name__}: {error})."
        )
        failure.__cause__ = error
        self._note(failure)

    def _note(self, failure: AnalysisError) -> None:
        """Take in an error of an analysis, in whatever thread it was found."""
        if self._spec.on_analysis_error == "continue":
            log.error("%s", failure)
        cause = failure.__cause__
        if cause is not None:
            told = cause.args[0] if isinstance(cause, DrawingError) else "".join(traceback.format_exception(cause))
            log.info("%s\n%s", failure, told, extra=ONLY_IN_FILE)
        with self._lock:
            self._failures.append(failure)

    def _raise_failure(self) -> None:
        with self._lock:
            failures, self._failures = self._failures, []
        if failures and self._spec.on_analysis_error == "fail":
            raise failures[0]

    def _write_metrics(self) -> None:
        """Add the rows at hand to metrics.csv, whose order is by time and name."""
        if self._rows:
            rows, self._rows = sorted(self._rows), []
            write = append_metrics if rows[0][0] > self._latest else replace_metrics
            write(self._record.directory / METRICS, rows)
            self._latest = max(self._latest, rows[-1][0])


class ResultStore:
    """Give each part of a result its place in a run directory."""

    def __init__(self, directory: Path, *, figure_formats: Sequence[str]) -> None:
        self._directory = directory
        self._formats = tuple(figure_formats)
        self._taken: dict[tuple[str, float, str], str] = {}

    def rows(self, name: str, time: float, result: Result) -> list[Row]:
        """Return the metrics of a result as rows of metrics.csv."""
        for metric in result.metrics:
            self._claim("metric", metric, time, name)
        return [(time, metric, value) for metric, value in result.metrics.items()]

    def write_maps(self, name: str, time: float, result: Result) -> None:
        """Write the maps of a result as NetCDF."""
        if result.maps is None:
            return
        path = self._directory / "maps" / f"{file_name(name)}_{time_label(time)}.nc"
        self._claim("map file", path.name, time, name)
        maps = result.maps.assign_attrs(analysis=name, time=time)
        try:
            stored = bytes(maps.to_netcdf(engine="h5netcdf"))  # in memory: HDF5 crashes the process on a full disk
        except (TypeError, ValueError) as error:
            raise AnalysisError(
                f"{name}: maps must be storable as NetCDF (got: {error}). "
                "Use numbers and texts in variables, coordinates and attributes."
            ) from error
        write_bytes(path, stored)

    def drawings(self, name: str, time: float, result: Result) -> list[Drawing]:
        """Return the figures of a result as orders for a draughtsman."""
        orders = []
        for figure, function in result.figures.items():
            stem = f"{time_label(time)}_{file_name(figure)}"
            self._claim("plot file", stem, time, name)
            paths = tuple(self._directory / "plots" / f"{stem}.{kind}" for kind in self._formats)
            orders.append(Drawing(figure, function, paths, source=f"{name}, time {time:g}"))
        return orders

    def _claim(self, kind: str, what: str, time: float, analysis: str) -> None:
        other = self._taken.setdefault((kind, time, what), analysis)
        if other != analysis:
            raise AnalysisError(
                f"{analysis}: the {kind} {what!r} must be its own (got the same from {other!r} at time {time:g}). "
                "Rename one of them."
            )


def flatten(name: str, returned: Any) -> dict[str, Result]:
    """Take what an analysis returned as results by name.

    Args:
        name: Of the analysis.
        returned: A Result, or a mapping of them, which are then named `<name>.<key>`.

    Raises:
        AnalysisError: It is something else.
    """
    from topo_exp.analysis.result import Result

    if isinstance(returned, Result):
        return {name: returned}
    if isinstance(returned, Mapping) and all(isinstance(entry, Result) for entry in returned.values()):
        return {f"{name}.{key}": entry for key, entry in returned.items()}
    raise AnalysisError(
        f"{name}: an analysis must return a Result, or a mapping of names to Results (got {type(returned).__name__}). "
        "End it with `return topo_exp.analysis.Result(metrics=..., maps=..., figures=...)`."
    )


def file_name(name: str) -> str:
    """Return a name with everything that a file system could refuse replaced by `_`."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in ".-_ ") else "_" for letter in name)


def append_metrics(path: Path, rows: Sequence[Row]) -> None:
    """Add rows to metrics.csv in one write."""
    with explained(path), path.open("ab") as file:
        file.write(_csv_lines(rows).encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def replace_metrics(path: Path, rows: Iterable[Row]) -> None:
    """Write metrics.csv anew with these rows besides its own, each time and name once, the new value winning."""
    merged = {(time, name): value for time, name, value in read_metrics(path)}
    merged.update({(time, name): value for time, name, value in rows})
    ordered = sorted((time, name, value) for (time, name), value in merged.items())
    write_text(path, METRICS_HEAD + _csv_lines(ordered))


def read_metrics(path: Path) -> list[Row]:
    """Read metrics.csv; a last line that a crash has cut off is left out."""
    if not path.exists():
        return []
    with explained(path):
        text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return [(float(time), name, float(value)) for time, name, value in list(csv.reader(StringIO(whole)))[1:]]


def _csv_lines(rows: Iterable[Row]) -> str:
    lines = StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerows((repr(float(time)), name, repr(float(value))) for time, name, value in rows)
    return lines.getvalue()
