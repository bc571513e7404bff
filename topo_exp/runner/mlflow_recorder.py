"""MLflow while the run goes on: a process beside it, told when there is something new.

The run itself never loads MLflow and never waits for it, but for a while at its end. The process reads the run
directory as everybody does, so what it shows is what is kept.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from topo_exp.runner.processes import start_beside
from topo_exp.runner.record import RunRecord, Status

if TYPE_CHECKING:
    from topo_exp.analysis.result import Result
    from topo_exp.runner.recorders import Moment

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds to wait at the end for MLflow, besides PATIENCE_SHARE of the run's own time."""
PATIENCE_SHARE = 0.02


class MlflowRecorder:
    """Have the run directory shown in MLflow by a process of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def open(self, record: RunRecord) -> None:
        self._record = record
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process
        self._process = start_beside(
            "topo_exp.runner.mlflow_follow", str(record.directory), output=subprocess.DEVNULL, errors=self._errors
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def record(self, name: str, time: float, result: Result) -> None:
        """Do nothing: a time is shown when it is complete."""

    def finish(self) -> None:
        """Do nothing: `close` waits."""

    def checkpoint(self, time: float, moment: Moment) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), b".")
        except BlockingIOError:
            log.debug("MLflow is behind; it will find this time with the next")

    def close(self, status: Status, error: Mapping[str, Any] | None) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(PATIENCE + PATIENCE_SHARE * self._record.data["seconds"]["wall"])
        except subprocess.TimeoutExpired:
            log.warning(
                "MLflow is still being brought up to date, by process %d in the background. "
                "If it does not come to an end: python -m topo_exp sync %s",
                self._process.pid,
                self._record.directory,
            )
            self._process.returncode = 0  # it is on its own now, and nobody is to warn that it still runs
        else:
            if code:
                log.warning(
                    "MLflow does not show all of this run (%s). The run itself is complete; to try again: "
                    "python -m topo_exp sync %s",
                    self._last_words(),
                    self._record.directory,
                )
        finally:
            if self._errors is not None:
                self._errors.close()

    def _last_words(self) -> str:
        assert self._errors is not None
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with {self._process.returncode if self._process else None}"
