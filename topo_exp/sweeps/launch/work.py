"""The work of one job of a batch system: take free points of a sweep, and run each in a process of its own."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.job import Job, JobEnd
from topo_exp.sweeps.local import LocalLauncher
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.watch import Display

WARNINGS = tuple(getattr(signal, name) for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU") if hasattr(signal, name))
"""Signals beside SIGTERM by which batch systems ask a job to stop."""


@dataclass(frozen=True)
class Share:
    """Part of a sweep that one job takes.

    Attributes:
        limit: Most points that the job starts. Points that other jobs have left without finishing them are taken beyond
            it. None: all that are free.
        first: Position of the point that is tried first, so that jobs which start together do not compete.
    """

    limit: int | None = None
    first: int = 0


def work_on(
    directory: SweepDirectory, jobs: Sequence[Job], options: SweepOptions, *, workers: Workers, share: Share
) -> list[JobEnd]:
    """Run free points until none is left, or the job has had its share.

    Args:
        directory: Of the sweep.
        jobs: All of its points, in order.
        options: Of the sweep, with the number of points at a time in this job.
        workers: Starts the processes.
        share: The points that the job may take.

    Returns:
        How the points that were run in this job have ended.

    Raises:
        KeyboardInterrupt, SystemExit: A signal stopped the job; its runs have been stopped, and recorded it.
    """
    first = share.first % max(1, len(jobs))
    in_order = [*jobs[first:], *jobs[:first]]
    ends: list[JobEnd] = []
    while True:
        left = None if share.limit is None else share.limit - len(ends)
        batch = _free(directory, in_order, options, left)
        if not batch:
            return ends
        found = LocalLauncher(directory, batch, options, workers, Display(live=False)).run()
        ends += [end for end in found if end.state != "elsewhere"]


def _free(directory: SweepDirectory, jobs: Sequence[Job], options: SweepOptions, left: int | None) -> list[Job]:
    """Choose points to run next: as many free ones as are left of the share, then one that another job has left."""
    states = directory.ledger.states([job.key for job in jobs])
    if options.stops and any(state.state == "failed" for state in states.values()):
        return []
    free = [job for job in jobs if states[job.key].state in ("waiting", "interrupted")]
    if left is None or left > 0:
        return free[:left]
    return [job for job in free if states[job.key].state == "interrupted"][:1]


@contextmanager
def warnings_as_termination() -> Iterator[None]:
    """Handle each signal by which a batch system asks a job to stop as SIGTERM, within the block."""

    def terminate(number: int, frame: FrameType | None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = {number: signal.signal(number, terminate) for number in WARNINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_at_end_of_input() -> None:
    """Stop this process as at SIGTERM when its standard input ends: the process that started it has gone."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # a lock of sys.stdin would be held at the end of this process
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="standard input", daemon=True).start()


def program(sweep: Path, *, python: str, jobs: int, share: Share) -> list[str]:
    """Return the command line of a job, which trusts the code of the sweep: the user has just launched it.

    Args:
        sweep: Directory of the sweep.
        python: The interpreter.
        jobs: Points at a time.
        share: The points that the job may take.
    """
    words = [python, "-P", "-u", "-m", "topo_exp", "work", str(sweep), "--trust", f"--jobs={jobs}"]
    if share.limit is not None:
        words.append(f"--points={share.limit}")
    return [*words, f"--first={share.first}"]
