"""The process of one run of a sweep, which its supervisor hears through a pipe."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

from topo_exp.runner.outcome import Outcome
from topo_exp.runner.progress import Progress

Task: TypeAlias = Callable[[Callable[[Progress], object]], Outcome]
"""The work of a worker: it takes a function that receives progress. It is pickled for the worker."""

REPORT_EVERY = 0.25
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class Stopped:
    """State that a signal has stopped a run."""

    reason: str


Message: TypeAlias = Progress | Outcome | Stopped
"""What a worker sends: progress, and as the last message how its run ended."""


def work(connection: Connection, task: Task, output: Path, environment: Mapping[str, str]) -> None:
    """Carry out a task; this is the main function of a worker.

    The worker has a session of its own, so that Ctrl-C reaches only the supervisor, which decides. If the supervisor
    ends, the worker stops its run as at SIGTERM.

    Args:
        connection: To the supervisor.
        task: To carry out.
        output: File for everything that the process prints.
        environment: Of the supervisor; that of this process is older.
    """
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the process from which this one was forked ignores it
    os.environ.clear()
    os.environ.update(environment)
    _print_to(output)
    threading.Thread(target=_watch_supervisor, args=(connection,), name="supervisor", daemon=True).start()
    try:
        message: Message = task(_reporter(connection))
    except KeyboardInterrupt:
        message = Stopped("SIGINT")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        message = Stopped(signal.Signals(code - 128).name if code > 128 else f"exit code {end.code}")
    _send(connection, message)


def _print_to(output: Path) -> None:
    """Send standard output and error stream of the process to a file."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _watch_supervisor(connection: Connection) -> None:
    """Stop the run when the other end of the pipe is closed, for the supervisor sends nothing."""
    try:
        connection.recv_bytes()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


def _reporter(connection: Connection) -> Callable[[Progress], None]:
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if progress.is_simulated or time.monotonic() - last >= REPORT_EVERY:
            last = time.monotonic()
            _send(connection, progress)

    return report


def _send(connection: Connection, message: Message) -> None:
    try:
        connection.send(message)
    except (BrokenPipeError, ConnectionResetError):
        return  # the supervisor has ended, which the watching thread has noticed
