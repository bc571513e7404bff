"""Points as the local launcher takes them, their ends, and a source of further ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from topo_exp.errors import RunError
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.ledger import Lease
from topo_exp.sweeps.worker import Task

EndState = Literal["done", "failed", "stopped", "elsewhere", "pruned"]


@dataclass(frozen=True)
class Job:
    """A point to run.

    Attributes:
        key: Of the point.
        label: The settings that distinguish it, for messages.
        make_task: Makes its task for an attempt when that is about to start.
    """

    key: str
    label: str
    make_task: Callable[[Lease], Task]


@dataclass(frozen=True)
class JobEnd:
    """State how a point ended.

    Attributes:
        job: The point.
        state: `stopped` by a signal, or never started; `elsewhere`: another process works on it or has finished it;
            `pruned`: stopped early by the source of a search, and finished thereby.
        message: The reason of a failure.
        outcome: As the run returned it; None if its process died, or there was no run.
    """

    job: Job
    state: EndState
    message: str = ""
    outcome: Outcome | None = None


class Source(Protocol):
    """Supplies further points while others run, as a search does, and may stop runs early."""

    def next(self) -> Job | None:
        """Return a point to run now; None if there is none at present."""

    def is_hopeless(self, key: str) -> bool:
        """Return True if the run of a point, which is in progress, is to be stopped and counts as finished."""

    def ended(self, end: JobEnd) -> None:
        """Receive how a point has ended."""


class NoSource:
    """Supplies nothing: all points are known from the beginning."""

    def next(self) -> Job | None:
        """Return None."""
        return None

    def is_hopeless(self, key: str) -> bool:
        """Return False."""
        return False

    def ended(self, end: JobEnd) -> None:
        """Ignore the end."""


def require_success(ends: Sequence[JobEnd]) -> str:
    """Return one line about a sweep that ended well.

    Raises:
        RunError: A point failed or was not started.
    """
    states = [end.state for end in ends]
    failed = [f"{end.job.label}: {first_line(end.message)}" for end in ends if end.state == "failed"]
    if failed or "stopped" in states:
        listed = "".join(f"\n  {line}" for line in failed)
        rest = f", {states.count('stopped')} not started" if "stopped" in states else ""
        raise RunError(f"sweep: every run must end well (got {len(failed)} of {len(ends)} failed{rest}).{listed}")
    others = f", {states.count('elsewhere')} before or by other processes" if "elsewhere" in states else ""
    pruned = f", {states.count('pruned')} stopped early" if "pruned" in states else ""
    return f"{states.count('done')} runs done{pruned}{others}"


def first_line(message: str) -> str:
    """Return the first line of a message."""
    return next(iter(message.splitlines()), "")
