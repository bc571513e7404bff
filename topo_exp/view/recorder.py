"""The recorder that shows a run in MLflow: it notifies a process beside the run after each analysis time.

The run itself never loads MLflow, and waits for it only at its end, for a limited time. The process reads the run
directory, so that MLflow shows the contents of that directory, and writes its errors into run.log.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from typing import IO

from topo_exp.record.layout import RUN_LOG
from topo_exp.record.live import RunRecord
from topo_exp.record.processes import start_beside
from topo_exp.record.run_yaml import ErrorData, Status
from topo_exp.record.states import Snapshot

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds to wait at the end for MLflow, besides PATIENCE_SHARE of the run's own time."""
PATIENCE_SHARE = 0.02
PATIENCE_WHEN_STOPPED = 0.3
"""Seconds to wait for MLflow after a signal: its process ends in the background."""


class MlflowRecorder:
    """Show the run directory in MLflow, by a process of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def open(self, record: RunRecord) -> None:
        """Start the process."""
        self._record = record
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process
        with (record.directory / RUN_LOG).open("ab") as errors:
            self._process = start_beside(
                "topo_exp.view.follow", str(record.directory), output=self._output, errors=errors
            )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def record(self, name: str, time: float, result: object) -> None:
        """Do nothing: results are shown when their time is complete."""

    def finish(self) -> None:
        """Do nothing: `close` waits."""

    def complete_time(self, time: float, snapshot: Snapshot) -> None:
        """Notify the process that a time is complete."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), b".")
        except BlockingIOError:
            log.debug("MLflow is behind; the next update includes this time")

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Wait a limited time for the last update, and log if it is late or has failed."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        patience = PATIENCE_WHEN_STOPPED if status == "killed" else PATIENCE + PATIENCE_SHARE * self._seconds()
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            log.log(
                logging.INFO if status == "killed" else logging.WARNING,
                "MLflow is still being updated, by process %d in the background. "
                "If it does not end: python -m topo_exp sync %s",
                self._process.pid,
                self._record.directory,
            )
            self._process.returncode = 0  # it continues alone; without this, Popen warns that it still runs
        else:
            if code:
                log.warning(
                    "MLflow does not show all of this run (%s). The run itself is complete; to try again: "
                    "python -m topo_exp sync %s",
                    self._last_words(),
                    self._record.directory,
                )
        finally:
            if self._output is not None:
                self._output.close()

    def _last_words(self) -> str:
        assert self._output is not None
        self._output.seek(0)
        lines = self._output.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with {self._process.returncode if self._process else None}"

    def _seconds(self) -> float:
        """Return the wall time of the run, which has ended."""
        wall = self._record.data["seconds"]["wall"]
        assert isinstance(wall, float)
        return wall
