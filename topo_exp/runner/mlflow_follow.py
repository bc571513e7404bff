"""The process that shows a run in MLflow while it goes on, and settles the view when it has ended, however it did."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

PATIENCE_AFTER_END = 600.0
"""Seconds after the end of the run, when this process gives up on a store that does not answer."""
SETTLING = 2.0
"""Seconds to wait after the end of the run for its process to be gone, should run.yaml still say running."""
NICENESS = 10
"""The simulation goes first where there are more processes than cores."""


def follow(directory: Path, signals: int) -> None:
    """Update MLflow at each byte that comes through a pipe, and a last time when the pipe is closed.

    Args:
        directory: Of the run.
        signals: File descriptor to read from; its other end belongs to the run's process.

    Raises:
        Exception: Whatever went wrong in the last update.
    """
    from topo_exp.runner.directory import locked
    from topo_exp.runner.mlflow_view import MlflowView, prepare_environment, store_of

    prepare_environment()
    with locked(directory):
        view = MlflowView(store_of(directory))
        going_on = True
        while going_on:
            try:
                view.update(directory, final=False)
            except Exception as error:  # noqa: BLE001  the next update fills in what this one could not
                print(f"not yet: {error}", file=sys.stderr)  # noqa: T201  read by the run when it ends
            going_on = _wait(signals)
        _give_up_later()
        _await_end(directory)
        view.update(directory)


def _wait(signals: int) -> bool:
    """Wait for the run; return False when it has closed its end."""
    going_on = bool(os.read(signals, 4096))
    while going_on and select.select([signals], [], [], 0)[0]:  # several times at once: one update shows them all
        going_on = bool(os.read(signals, 4096))
    return going_on


def _await_end(directory: Path) -> None:
    """Let the run's process be gone for good, if it was killed, so that nobody takes it for a running one."""
    from topo_exp.runner.processes import process_is_gone
    from topo_exp.runner.record import read_record

    until = time.monotonic() + SETTLING
    while time.monotonic() < until:
        record = read_record(directory)
        if record["status"] != "running" or process_is_gone(record["process"]):
            return
        time.sleep(0.05)


def _give_up_later() -> None:
    timer = threading.Timer(PATIENCE_AFTER_END, os._exit, [1])
    timer.daemon = True
    timer.start()


def main(arguments: list[str]) -> int:
    """Follow the run directory named on the command line, until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        follow(Path(arguments[0]), sys.stdin.fileno())
    except Exception as error:  # noqa: BLE001  the last line is what the run reports
        first_line = next(iter(str(error).splitlines()), "")
        print(f"{type(error).__name__}: {first_line}", file=sys.stderr)  # noqa: T201  read by the run
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
