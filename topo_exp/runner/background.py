"""A recorder that works in a thread while the simulation continues."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from topo_exp.record.live import RunRecord
from topo_exp.record.run_yaml import ErrorData, Status
from topo_exp.record.states import Snapshot
from topo_exp.runner.recorders import Recorder

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result

log = logging.getLogger(__name__)

WAITING_RESULTS = 8
"""Results that may be queued before the simulation waits for the disk."""


class BackgroundRecorder:
    """Run the calls of another recorder in one thread, in order, since waiting for a disk takes time.

    An error in the thread is raised by one of the next calls, at the latest by `finish`, and nothing is recorded after
    it. At most one snapshot is queued at a time, which bounds the memory.

    Args:
        recorder: Does the work.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._pending: deque[Future[None]] = deque()
        self._snapshot: Future[None] | None = None
        self._has_failed = False

    def open(self, record: RunRecord) -> None:
        """Open the recorder, in the calling thread."""
        self._recorder.open(record)

    def record(self, name: str, time: float, result: Result) -> None:
        """Queue a result."""
        self._submit(lambda: self._recorder.record(name, time, result))

    def complete_time(self, time: float, snapshot: Snapshot) -> None:
        """Queue the end of an analysis time, after the one before it has been recorded."""
        if self._snapshot is not None:
            wait([self._snapshot])
        self._snapshot = self._submit(lambda: self._recorder.complete_time(time, snapshot))

    def run_in_order(self, call: Callable[[], None]) -> None:
        """Run a function in the thread, after everything queued before it."""
        self._submit(call)

    def wait_until_recorded(self) -> None:
        """Wait until everything queued so far is recorded."""
        while self._pending:
            self._pending.popleft().result()

    def finish(self) -> None:
        """Wait for all work, and raise the first error of it."""
        self._submit(self._recorder.finish)
        self.wait_until_recorded()

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Wait for all work, log its errors, and close the recorder."""
        self._thread.shutdown(wait=True)
        failures = [failure for future in self._pending if (failure := future.exception()) is not None]
        for failure in failures:
            log.error("%s", failure)
        self._recorder.close(status, error)

    def _submit(self, call: Callable[[], None]) -> Future[None]:
        while self._pending and (self._pending[0].done() or len(self._pending) > WAITING_RESULTS):
            self._pending.popleft().result()
        future = self._thread.submit(self._run_unless_failed, call)
        self._pending.append(future)
        return future

    def _run_unless_failed(self, call: Callable[[], None]) -> None:
        if not self._has_failed:
            try:
                call()
            except BaseException:
                self._has_failed = True
                raise
