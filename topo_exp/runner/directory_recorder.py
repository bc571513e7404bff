"""The recorder that keeps results in the run directory."""

from __future__ import annotations

import logging
import math
import threading
import traceback
from typing import TYPE_CHECKING

from topo_exp.errors import AnalysisError
from topo_exp.record.files import write_text
from topo_exp.record.layout import METRICS, NETWORK, SNAPSHOT, checkpoint_path, network_path
from topo_exp.record.live import RunRecord
from topo_exp.record.log import ONLY_IN_FILE
from topo_exp.record.metrics import MetricRow, append_metrics, create_metrics, replace_metrics
from topo_exp.record.run_yaml import ErrorData, Status
from topo_exp.record.states import Snapshot, write_state
from topo_exp.runner.drawing import FigureError, FigureWriter, PictureOrder
from topo_exp.runner.options import RunOptions
from topo_exp.runner.results import ResultStore

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result

log = logging.getLogger(__name__)

PROVENANCE_PATIENCE = 120.0
"""Seconds to wait at the end of a run for the answers of git."""


class DirectoryRecorder:
    """Keep results in the run directory: metrics.csv, maps/, plots/, network.py and the states.

    The metrics of one analysis time are appended in one write, when the time is complete, so that after a crash each
    time has all of its metrics or none. Metrics that a later analysis over time adds are merged into their time.

    Args:
        options: Of the run.
        provenance: The thread that writes provenance/; the end of the run waits for it.
    """

    def __init__(self, options: RunOptions, provenance: threading.Thread) -> None:
        self._options = options
        self._provenance = provenance
        self._rows: list[MetricRow] = []
        self._latest = -math.inf
        self._failures: list[AnalysisError] = []
        self._lock = threading.Lock()
        self._figures = FigureWriter(self._picture_done)

    def open(self, record: RunRecord) -> None:
        """Write an empty metrics.csv."""
        self._record = record
        self._store = ResultStore(record.directory, figure_formats=self._options.figure_formats)
        create_metrics(record.directory / METRICS)

    def record(self, name: str, time: float, result: Result) -> None:
        """Write the maps of a result, order its pictures, and keep its metrics until the time is complete."""
        with self._record.stage("recording"):
            try:
                self._rows += self._store.rows(name, time, result)
                self._store.write_maps(name, time, result)
                for order in self._store.picture_orders(name, time, result):
                    self._figures.submit(order)
            except AnalysisError as error:
                self._note_failure(error)

    def complete_time(self, time: float, snapshot: Snapshot) -> None:
        """Write the metrics and the snapshot of a time, and record it as reached.

        Raises:
            AnalysisError: A result of the time could not be kept, and the option says that the run fails.
        """
        with self._record.stage("recording"):
            directory = self._record.directory
            self._write_metrics()
            if snapshot.script is not None:
                write_text(directory / NETWORK, snapshot.script)
                if self._options.script_repr == "all":
                    write_text(network_path(directory, time), snapshot.script)
            if snapshot.state is not None:
                write_state(directory / SNAPSHOT, snapshot.state)
                self._record.update({"snapshot": time})
                if self._options.snapshot == "all":
                    write_state(checkpoint_path(directory, time), snapshot.state)
            self._record.mark_reached(time)
        self._raise_failure()

    def finish(self) -> None:
        """Write the metrics that came after the last time, and wait for every picture.

        Raises:
            AnalysisError: A picture could not be drawn, and the option says that the run fails.
        """
        self._write_metrics()
        with self._record.stage("finish_drawing"):
            self._figures.finish()
        self._raise_failure()

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Wait for pictures and provenance, write the remaining metrics, and record the status last."""
        try:
            self._figures.finish()
            self._write_metrics()
            self._provenance.join(PROVENANCE_PATIENCE)
        except BaseException as failure:
            self._record.close("failed", {"type": type(failure).__name__, "message": str(failure)})
            raise
        self._record.close(status, error)

    def _picture_done(self, order: PictureOrder, error: BaseException | None) -> None:
        if error is None:
            return
        failure = AnalysisError(
            f"{order.source}: figure {order.name!r} could not be drawn (got {type(error).__name__}: {error})."
        )
        failure.__cause__ = error
        self._note_failure(failure)

    def _note_failure(self, failure: AnalysisError) -> None:
        """Log an error of an analysis and keep it until it can be raised; called from any thread."""
        if self._options.on_analysis_error == "continue":
            log.error("%s", failure)
        cause = failure.__cause__
        if cause is not None:
            details = cause.args[0] if isinstance(cause, FigureError) else "".join(traceback.format_exception(cause))
            log.info("%s\n%s", failure, details, extra=ONLY_IN_FILE)
        with self._lock:
            self._failures.append(failure)

    def _raise_failure(self) -> None:
        with self._lock:
            failures, self._failures = self._failures, []
        if failures and self._options.on_analysis_error == "fail":
            raise failures[0]

    def _write_metrics(self) -> None:
        """Add the rows that are kept in memory to metrics.csv, which is ordered by time and name."""
        if self._rows:
            rows, self._rows = sorted(self._rows), []
            write = append_metrics if rows[0][0] > self._latest else replace_metrics
            write(self._record.directory / METRICS, rows)
            self._latest = max(self._latest, rows[-1][0])
