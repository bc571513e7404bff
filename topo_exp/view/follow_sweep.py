"""The process that updates MLflow while a sweep is running: one for all of its runs.

Its error stream is `points/mlflow.log` of the sweep; its output is one line with the error that it ended with. If
several processes run the same sweep, one of their followers works, and another one takes over when it ends.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.record.files import locked
from topo_exp.record.layout import RUN_YAML
from topo_exp.record.log import LINE_FORMAT
from topo_exp.record.processes import collect_rarely
from topo_exp.record.run_yaml import actual_status, read_record
from topo_exp.view.follow import VIEW_NICENESS, write_saved_views

if TYPE_CHECKING:
    from topo_exp.view.view import MlflowView

log = logging.getLogger(__name__)

POLLING = 1.0
"""Seconds between two looks at the runs."""
LOCKED = "points"
"""Folder of the sweep that is locked by the process that updates MLflow."""


class SweepFollower:
    """Bring MLflow up to date with the runs of a sweep, again and again.

    Args:
        directory: Of the sweep.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._view: MlflowView | None = None
        self._seen: dict[Path, int] = {}
        """Times at which the descriptions of runs were changed, as they were shown."""

    def update(self) -> list[str]:
        """Show the runs that have changed since the last call.

        Returns:
            Errors; a run with an error is tried again at the next call.
        """
        errors = []
        for path in sorted(self._directory.glob(f"*/{RUN_YAML}")):
            try:
                changed = path.stat().st_mtime_ns
                if self._seen.get(path) != changed:
                    self._show(path.parent)
                    self._seen[path] = changed
            except Exception as error:  # said by the caller; a server may be away for a while
                log.warning("%s is not up to date in MLflow", path.parent.name, exc_info=True)
                errors.append(f"{path.parent.name}: {type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
        if self._view is not None:
            write_saved_views(self._view)
        return errors

    def finish(self) -> list[str]:
        """Show what has changed last, and the sweep itself; return errors."""
        errors = self.update()
        try:
            if self._view is not None:
                self._view.update_sweep(self._directory)
        except Exception as error:  # said by the caller
            log.warning("the sweep is not up to date in MLflow", exc_info=True)
            errors.append(f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
        return errors

    def _show(self, run: Path) -> None:
        from topo_exp.view.store import store_of
        from topo_exp.view.view import MlflowView

        with locked(run) as mine:
            if not mine:  # `sync` is at it
                return
            if self._view is None:
                self._view = MlflowView(store_of(run))
                self._view.update(run, final=actual_status(read_record(run)) != "running")
                self._view.update_sweep(self._directory)
            else:
                self._view.update(run, final=actual_status(read_record(run)) != "running")


def follow_sweep(directory: Path, signals: int) -> list[str]:
    """Update MLflow until the pipe is closed, and a last time then.

    Args:
        directory: Of the sweep.
        signals: File descriptor to read from; its other end belongs to the process that runs the sweep.

    Returns:
        Errors of the last update; none if another process updates MLflow.
    """
    follower, is_running, is_first = SweepFollower(directory), True, False
    (directory / LOCKED).mkdir(exist_ok=True)
    with ExitStack() as stack:
        while is_running:
            is_running = not select.select([signals], [], [], POLLING)[0] or bool(os.read(signals, 4096))
            if not is_first:
                is_first = stack.enter_context(locked(directory / LOCKED))
            if is_first and is_running:
                follower.update()
        return follower.finish() if is_first else []


def main(arguments: list[str]) -> int:
    """Follow the sweep whose directory is named on the command line, until standard input is closed."""
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
        errors = follow_sweep(Path(arguments[0]), sys.stdin.fileno())
    except Exception as error:
        log.exception("MLflow does not show this sweep")
        errors = [f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"]
    if errors:
        print(errors[-1], flush=True)  # noqa: T201  read by the process that runs the sweep
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
