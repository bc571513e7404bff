"""The process that updates MLflow while a run is running, and a last time after it has ended.

Its error stream is the run's own run.log, so that everything that fails here can be read there, also when the run has
not waited for it. Its output is one line with the error that it ended with.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.record.log import LINE_FORMAT
from topo_exp.record.processes import collect_rarely

if TYPE_CHECKING:
    from topo_exp.view.view import MlflowView

log = logging.getLogger(__name__)

PATIENCE_AFTER_END = 600.0
"""Seconds after the end of the run at which this process gives up if the store does not answer."""
EXIT_PATIENCE = 2.0
"""Seconds to wait for the run's process to exit, if run.yaml still says running when the pipe is closed."""
VIEW_NICENESS = 10
"""The simulation has priority when there are more processes than cores."""


def follow(directory: Path, signals: int) -> None:
    """Update MLflow at each byte from a pipe, and a last time when the pipe is closed.

    Args:
        directory: Of the run.
        signals: File descriptor to read from; its other end belongs to the run's process.

    Raises:
        Exception: The last update failed.
    """
    from topo_exp.record.files import locked
    from topo_exp.view.store import store_of
    from topo_exp.view.view import MlflowView

    with locked(directory):
        view = MlflowView(store_of(directory))
        is_running = True
        while is_running:
            try:
                view.update(directory, final=False)
                write_saved_views(view)
            except Exception:  # the next update adds the rest
                log.warning("MLflow is not updated yet; the next update tries again", exc_info=True)
            is_running = _wait(signals)
        _give_up_later()
        _await_end(directory)
        view.update(directory)
        write_saved_views(view)


def write_saved_views(view: MlflowView) -> None:
    """Write saved views, and log an error instead of raising it: the runs themselves are shown without them."""
    try:
        view.write_saved_views()
    except Exception:
        log.warning("MLflow's saved views are not up to date", exc_info=True)


def _wait(signals: int) -> bool:
    """Wait for a byte from the run; return False when the run has closed the pipe."""
    is_running = bool(os.read(signals, 4096))
    while is_running and select.select([signals], [], [], 0)[0]:  # several bytes at once: one update serves them all
        is_running = bool(os.read(signals, 4096))
    return is_running


def _await_end(directory: Path) -> None:
    """Wait until a killed process has exited, so that it does not count as running."""
    from topo_exp.record.processes import process_is_gone
    from topo_exp.record.run_yaml import read_record

    until = time.monotonic() + EXIT_PATIENCE
    while time.monotonic() < until:
        record = read_record(directory)
        if record["status"] != "running" or process_is_gone(record["process"]):
            return
        time.sleep(0.05)


def _give_up_later() -> None:
    def give_up() -> None:
        log.error("MLflow has not answered for %.0f s after the end of the run", PATIENCE_AFTER_END)
        os._exit(1)

    timer = threading.Timer(PATIENCE_AFTER_END, give_up)
    timer.daemon = True
    timer.start()


def follow_from_arguments(arguments: list[str]) -> int:
    """Follow the run directory named on the command line, until standard input is closed."""
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(VIEW_NICENESS)
    logging.basicConfig(stream=sys.stderr, format=LINE_FORMAT, level=logging.WARNING)
    try:
        from topo_exp.view.lean import load_client_only
        from topo_exp.view.store import prepare_environment

        prepare_environment()
        load_client_only()
        follow(Path(arguments[0]), sys.stdin.fileno())
    except Exception as error:
        log.exception("MLflow does not show all of this run")
        first_line = next(iter(str(error).splitlines()), "")
        print(f"{type(error).__name__}: {first_line}", flush=True)  # noqa: T201  read by the run
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(follow_from_arguments(sys.argv[1:]))
