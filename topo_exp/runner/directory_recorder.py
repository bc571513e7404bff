"""The recorder that keeps results in the run directory."""

from __future__ import annotations

import logging
import math
import threading
import time as clock
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.errors import AnalysisError
from topo_exp.record.checksums import write_checksums
from topo_exp.record.files import write_text
from topo_exp.record.layout import METRICS, NETWORK, SNAPSHOT, checkpoint_path, map_path, network_path
from topo_exp.record.live import RunRecord
from topo_exp.record.log import ONLY_IN_FILE
from topo_exp.record.metrics import MetricRow, append_metrics, create_metrics, replace_metrics
from topo_exp.record.pictures import picture_time
from topo_exp.record.results import (
    AnalysisResults,
    TimeResults,
    read_failed_pictures,
    write_failed_pictures,
    write_results,
)
from topo_exp.record.run_yaml import ErrorData, Status
from topo_exp.record.states import Snapshot, copy_state
from topo_exp.runner.drawing import FigureWriter, PictureOrder, figure_failure
from topo_exp.runner.options import RunOptions
from topo_exp.runner.rendering import FigureError
from topo_exp.runner.results import ResultStore
from topo_exp.runner.start import Start

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result

log = logging.getLogger(__name__)

PROVENANCE_PATIENCE = 120.0
"""Seconds to wait at the end of a run for the answers of git."""
RESULTS_EVERY = 2.0
"""Seconds between records of the analyses of one time that are complete; all are recorded at the end of the time."""
STOP_PATIENCE = 1.0
"""Seconds to wait for them when a signal has stopped the run."""


class DirectoryRecorder:
    """Keep results in the run directory: metrics.csv, maps/, plots/, results/, network.py and the states.

    The metrics of one analysis time are appended in one write, when the time is complete, so that after a crash each
    time has all of its metrics or none. Metrics that a later analysis over time adds are merged into their time.

    Args:
        options: Of the run.
        provenance: The thread that writes provenance/; the end of the run waits for it.
        start: The point from which the run simulates, with results that are already in the directory.
        report: Shows what the run is waiting for.
    """

    def __init__(
        self, options: RunOptions, provenance: threading.Thread, start: Start, report: Callable[[str], None]
    ) -> None:
        self._options = options
        self._provenance = provenance
        self._report = report
        self._rows: list[MetricRow] = [row for entry in start.results.values() for row in entry.rows]
        self._latest = -math.inf if start.reached is None else start.reached
        self._current = AnalysisResults()
        self._results: TimeResults = dict(start.results)
        self._results_over_time: TimeResults = {}
        self._time: float | None = None
        self._written = clock.monotonic()
        self._failed_pictures: set[str] = set()
        self._failures: list[AnalysisError] = []
        self._lock = threading.Lock()
        self._undrawn: Counter[float] = Counter()
        self._figures = FigureWriter(self._picture_done)

    def open(self, record: RunRecord) -> None:
        """Write an empty metrics.csv, unless the run is continued."""
        self._record = record
        self._failed_pictures = read_failed_pictures(record.directory)
        self._store = ResultStore(
            record.directory, figure_formats=self._options.figure_formats, style=self._options.figure
        )
        if not (record.directory / METRICS).exists():
            create_metrics(record.directory / METRICS)

    def record(self, name: str, time: float, result: Result) -> None:
        """Write the maps of a result, order its pictures, and keep its metrics until the time is complete."""
        with self._record.stage("recording"):
            try:
                rows = self._store.rows(name, time, result)
                self._rows += rows
                self._current.rows += rows
                self._store.write_maps(name, time, result)
                if result.maps is not None:
                    self._current.files.append(self._relative(map_path(self._record.directory, name, time)))
                for order in self._store.picture_orders(name, time, result):
                    self._order_picture(order)
            except AnalysisError as error:
                self._note_failure(error)

    def finish_analysis(self, name: str, time: float | None) -> None:
        """Record that all results of an analysis have been received.

        Args:
            name: Of the analysis.
            time: Of its results; None for an analysis over time.
        """
        with self._lock:
            finished, self._current = self._current, AnalysisResults()
        if time is None:
            self._results_over_time[name] = finished
            return
        self._results[name], self._time = finished, time
        if clock.monotonic() - self._written >= RESULTS_EVERY:
            self._write_results(time)

    def complete_time(self, time: float, snapshot: Snapshot) -> None:
        """Write the metrics and the snapshot of a time, and record it as reached.

        Raises:
            AnalysisError: A result of the time could not be kept, and the option says that the run fails.
        """
        with self._record.stage("recording"):
            directory = self._record.directory
            self._write_results(time)
            self._results, self._time = {}, None
            self._write_metrics()
            if snapshot.script is not None:
                write_text(directory / NETWORK, snapshot.script)
                if self._options.script_repr == "all":
                    write_text(network_path(directory, time), snapshot.script)
            if snapshot.state is not None:
                copy_state(snapshot.state, directory / SNAPSHOT)
                self._record.update({"snapshot": time})
                if self._options.snapshot == "all":
                    copy_state(snapshot.state, checkpoint_path(directory, time))
            self._record.mark_reached(time)
        self._raise_failure()

    def finish(self) -> None:
        """Write the metrics that came after the last time, and wait for every picture.

        Raises:
            AnalysisError: A picture could not be drawn, and the option says that the run fails.
        """
        if self._results_over_time:
            write_results(self._record.directory, None, self._results_over_time)
        self._write_metrics()
        with self._record.stage("finish_drawing"):
            self._figures.finish(self._report_drawing)
        self._raise_failure()

    def stop_drawing(self) -> None:
        """Drop the pictures that are queued: a signal has stopped the run, and resuming draws them."""
        self._figures.stop()

    def is_drawn_before(self, time: float) -> bool:
        """Return True if no picture of an earlier time is still to be drawn."""
        with self._lock:
            return not any(count for when, count in self._undrawn.items() if when < time)

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Complete all files, and record the status last.

        A run that a signal has stopped waits for nothing that resuming can do, and keeps no metrics of a time that is
        not complete.
        """
        try:
            if status == "killed":
                self._figures.stop()
                if self._time is not None:
                    self._write_results(self._time)
                self._await_provenance(STOP_PATIENCE)
            else:
                self._figures.finish(self._report_drawing)
                self._write_metrics()
                self._await_provenance(PROVENANCE_PATIENCE)
            self._record.update({"checksums": write_checksums(self._record.directory)})
        except BaseException as failure:
            self._record.close("failed", {"type": type(failure).__name__, "message": str(failure)})
            raise
        self._record.close(status, error)

    def _await_provenance(self, seconds: float) -> None:
        if self._provenance.ident is not None:  # None: the run ended before the thread was started
            self._provenance.join(seconds)

    def _order_picture(self, order: PictureOrder) -> None:
        with self._lock:
            self._current.files += [self._relative(path) for path in order.paths]
            self._undrawn[picture_time(order.paths[0])] += 1
        self._figures.submit(order)

    def _picture_done(self, order: PictureOrder, error: BaseException | None) -> None:
        if error is not None:
            self._note_failure(figure_failure(order, error))
            if self._options.on_analysis_error == "continue":
                with self._lock:
                    self._failed_pictures |= {self._relative(path) for path in order.paths}
                    write_failed_pictures(self._record.directory, self._failed_pictures)
        with self._lock:
            self._undrawn[picture_time(order.paths[0])] -= 1

    def _report_drawing(self, finished: int, ordered: int) -> None:
        self._report(f"drawing {min(finished + 1, ordered)} of {ordered} pictures")

    def _note_failure(self, failure: AnalysisError) -> None:
        """Log an error of an analysis and keep it until it can be raised; called from any thread."""
        if self._options.on_analysis_error == "continue":
            log.error("%s", failure)
        cause = failure.__cause__
        if cause is not None:
            details = (
                cause.details
                if isinstance(cause, FigureError) and cause.details
                else "".join(traceback.format_exception(cause))
            )
            log.info("%s\n%s", failure, details, extra=ONLY_IN_FILE)
        with self._lock:
            self._failures.append(failure)

    def _raise_failure(self) -> None:
        with self._lock:
            failures, self._failures = self._failures, []
        if failures and self._options.on_analysis_error == "fail":
            raise failures[0]

    def _write_results(self, time: float) -> None:
        write_results(self._record.directory, time, self._results)
        self._written = clock.monotonic()

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._record.directory).as_posix()

    def _write_metrics(self) -> None:
        """Add the rows that are kept in memory to metrics.csv, which is ordered by time and name."""
        if self._rows:
            rows, self._rows = sorted(self._rows), []
            write = append_metrics if rows[0][0] > self._latest else replace_metrics
            write(self._record.directory / METRICS, rows)
            self._latest = max(self._latest, rows[-1][0])
