"""The interface of everything that receives the results of a run, and a recorder that combines several."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from topo_exp.record.live import RunRecord
from topo_exp.record.log import ONLY_IN_FILE
from topo_exp.record.run_yaml import ErrorData, Status
from topo_exp.record.states import Snapshot

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Receive the results of a run, to keep or to display them."""

    def open(self, record: RunRecord) -> None:
        """Begin; the simulation has been built."""

    def record(self, name: str, time: float, result: Result) -> None:
        """Receive the result of the analysis `name` at `time`."""

    def complete_time(self, time: float, snapshot: Snapshot) -> None:
        """Receive the snapshot of `time`, after the results of all its analyses."""

    def finish(self) -> None:
        """Wait for all work in progress, and raise the first error of it."""

    def close(self, status: Status, error: ErrorData | None) -> None:
        """End, with the status that the run has ended with."""


class CombinedRecorder:
    """Pass everything on to several recorders.

    Args:
        directory_recorder: Its errors are errors of the run.
        views: Recorders that display the run: the error of one is logged once, and that view is then left out.
        waiting: Returns a context in which the name of a view that is being waited for is shown.
    """

    def __init__(
        self,
        directory_recorder: Recorder,
        views: Iterable[Recorder] = (),
        waiting: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
    ) -> None:
        self._directory_recorder = directory_recorder
        self._waiting = waiting
        self._views = list(views)

    def open(self, record: RunRecord) -> None:
        """Open all recorders."""
        self._directory_recorder.open(record)
        self._call_views(lambda view: view.open(record))

    def record(self, name: str, time: float, result: Result) -> None:
        """Pass a result on."""
        self._directory_recorder.record(name, time, result)
        self._call_views(lambda view: view.record(name, time, result))

    def complete_time(self, time: float, snapshot: Snapshot) -> None:
        """Pass the end of an analysis time on."""
        self._directory_recorder.complete_time(time, snapshot)
        self._call_views(lambda view: view.complete_time(time, snapshot))

    def finish(self) -> None:
        """Wait for all recorders."""
        self._directory_recorder.finish()
        self._call_views(lambda view: view.finish())

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Close all recorders, the views after the directory is complete."""
        self._directory_recorder.close(status, error)
        self._call_views(lambda view: self._close_view(view, status, error))

    def _close_view(self, view: Recorder, status: Status, error: ErrorData | None) -> None:
        with self._waiting(type(view).__name__.removesuffix("Recorder").replace("Mlflow", "MLflow")):
            view.close(status, error)

    def _call_views(self, call: Callable[[Recorder], None]) -> None:
        for view in list(self._views):
            try:
                call(view)
            except Exception as error:
                self._views.remove(view)
                log.warning("%s: out of order (%s); the run directory has everything", type(view).__name__, error)
                log.info("%s failed", type(view).__name__, exc_info=True, extra=ONLY_IN_FILE)
