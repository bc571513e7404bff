"""A sweep in MLflow: the process that shows its runs is started, and waited for, here."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topo_exp.about import PROGRAM
from topo_exp.record.processes import start_beside

PATIENCE = 30.0
"""Seconds to wait at the end for MLflow, besides PATIENCE_FOR_EACH for each run."""
PATIENCE_FOR_EACH = 2.0
PATIENCE_WHEN_STOPPED = 0.3
"""Seconds to wait for MLflow after a signal: its process ends in the background."""
LOG = "points/mlflow.log"
"""File of the sweep with the errors of that process; all processes that run points of the sweep append to it."""


@contextmanager
def shown_in_mlflow(directory: Path, *, runs: int) -> Iterator[None]:
    """Show the runs of a sweep in MLflow while the block runs; it never fails the sweep.

    Args:
        directory: Of the sweep.
        runs: Number of its runs.
    """
    log = directory / LOG
    log.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryFile() as output, log.open("ab") as errors:
        process = start_beside("topo_exp.view.follow_sweep", str(directory), output=output, errors=errors)
        patience = PATIENCE_WHEN_STOPPED
        try:
            yield
            patience = PATIENCE + PATIENCE_FOR_EACH * runs
        except Exception:  # a run failed; those that are done are shown nevertheless
            patience = PATIENCE + PATIENCE_FOR_EACH * runs
            raise
        finally:
            assert process.stdin is not None
            process.stdin.close()
            sync = shlex.join([*PROGRAM.split(), "sync", str(directory)])
            try:
                code = process.wait(patience)
            except subprocess.TimeoutExpired:
                if patience > PATIENCE_WHEN_STOPPED:
                    sys.stderr.write(
                        f"topo_exp: MLflow is still being updated, by process {process.pid}. "
                        f"If it does not end: {sync}\n"
                    )
                process.returncode = 0  # it continues alone; without this, Popen warns that it still runs
            else:
                if code:
                    output.seek(0)
                    words = output.read().decode("utf-8", "replace").strip() or f"its process ended with {code}"
                    sys.stderr.write(
                        f"topo_exp: MLflow does not show all of this sweep ({words}); see {log}. "
                        f"The runs are complete; to try again: {sync}\n"
                    )
