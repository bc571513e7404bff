"""How far a sweep has come, as a value; also read from its directory alone."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.layout import RUN_YAML
from topo_exp.record.run_yaml import RunData, read_record
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.ledger import PointState

SAMPLED_RUNS = 20
"""Finished runs whose duration is read for the estimate of the time left."""


@dataclass(frozen=True)
class RunningPoint:
    """A run in progress.

    Attributes:
        label: The settings that distinguish it.
        seconds: Since it started.
        time: Simulated time that it has reached, in iterations; None if that is not known yet.
        until: Its last time.
        doing: Its rate, the analysis that it measures, or where it runs.
    """

    label: str
    seconds: float
    time: float | None
    until: float | None
    doing: str

    @property
    def share(self) -> float | None:
        """Share of the simulated time that is done, between 0 and 1; None if it is not known."""
        return None if self.time is None or not self.until else min(1.0, self.time / self.until)


@dataclass(frozen=True)
class SweepStatus:
    """How far a sweep has come.

    Attributes:
        name: Of its directory.
        done: Number of finished points.
        failed: Number of points that failed.
        waiting: Number of points that were not started.
        interrupted: Number of points whose process was stopped or has gone; they can be started again.
        elsewhere: Number of points that other processes have taken.
        running: The runs in progress.
        seconds_left: Estimate of the time that is left; None if nothing is known.
        failures: Label and reason of each failed point.
    """

    name: str
    done: int
    failed: int
    waiting: int
    interrupted: int
    running: tuple[RunningPoint, ...]
    elsewhere: int = 0
    seconds_left: float | None = None
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def total(self) -> int:
        """Number of points."""
        return self.done + self.failed + self.waiting + self.interrupted + self.elsewhere + len(self.running)

    @property
    def is_over(self) -> bool:
        """True if nothing runs and nothing waits."""
        return not self.running and not self.waiting

    def __str__(self) -> str:
        """Write it on one line."""
        counts = {
            "done": self.done,
            "running": len(self.running),
            "failed": self.failed,
            "interrupted": self.interrupted,
            "elsewhere": self.elsewhere,
            "waiting": self.waiting,
        }
        listed = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        return f"{self.total} runs: {listed}{left}"


def duration(seconds: float) -> str:
    """Write a duration: 42 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    whole = round(seconds)
    for unit, size, lower, smaller in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {lower}" if rest else "")
    return f"{whole} s"


def seconds_left(finished: Sequence[float], running: Collection[RunningPoint], waiting: int) -> float | None:
    """Estimate the time that is left.

    Args:
        finished: Durations of finished runs, in seconds.
        running: The runs in progress, as many as run at a time.
        waiting: Number of further runs.
    """
    expected = [each.seconds / each.share for each in running if each.share]
    durations = [*finished, *expected]
    if not durations or not (running or waiting):
        return None
    mean = sum(durations) / len(durations)
    rest = [each.seconds * (1 / each.share - 1) if each.share else max(0.0, mean - each.seconds) for each in running]
    jobs = max(1, len(running))
    return max(max(rest, default=0.0), (sum(rest) + waiting * mean) / jobs)


def read_status(path: Path) -> SweepStatus:
    """Read how far a sweep has come from its directory, on any machine; no process is asked.

    Args:
        path: Directory of the sweep.

    Raises:
        ConfigError, RecordError: It is no directory of a sweep, or cannot be read.
    """
    sweep = SweepDirectory.open(path)
    space = sweep.manifest.space
    labels = {point.key: space.label(point) for point in space}
    states = sweep.ledger.states(labels)
    records = dict(_records_of(sweep.path, {key for key, state in states.items() if state.state == "running"}))
    running = tuple(
        _running_point(labels[key], state, records.get(key))
        for key, state in states.items()
        if state.state == "running"
    )
    counts = [state.state for state in states.values()]
    waiting = counts.count("waiting")
    return SweepStatus(
        name=sweep.path.name,
        done=counts.count("done"),
        failed=counts.count("failed"),
        waiting=waiting,
        interrupted=counts.count("interrupted"),
        running=running,
        seconds_left=seconds_left(_durations(sweep, states.values()), running, waiting) if running else None,
        failures=tuple((labels[key], state.message) for key, state in states.items() if state.state == "failed"),
    )


def _records_of(path: Path, keys: set[str]) -> Iterable[tuple[str, RunData]]:
    """Yield the records of the latest runs of some points, by key; the newest directories are read first."""
    wanted = set(keys)
    directories = [each.parent for each in path.glob(f"*/{RUN_YAML}")] if wanted else []
    for directory in sorted(directories, key=lambda each: each.stat().st_ctime, reverse=True):
        if not wanted:
            return
        try:
            record = read_record(directory)
        except RecordError:  # deleted since it was listed, as the directory of a refused run is
            continue
        key = record.get("sweep_point")
        if key in wanted and record["status"] == "running":
            wanted.remove(key)
            yield key, record


def _running_point(label: str, state: PointState, record: RunData | None) -> RunningPoint:
    host = f"on {state.holder.host}" if state.holder else ""
    if record is None:
        return RunningPoint(label, 0.0, None, None, f"starting {host}".rstrip())
    seconds = (datetime.now(UTC) - datetime.fromisoformat(record["started"])).total_seconds()
    beat = record.get("heartbeat")
    reached = max(record["reached"] or 0.0, beat["time"] if beat else 0.0)
    return RunningPoint(label, seconds, reached, record["times"][-1], host)


def _durations(sweep: SweepDirectory, states: Iterable[PointState]) -> list[float]:
    """Return the wall times of some finished runs."""
    found = []
    for state in [state for state in states if state.state == "done"][-SAMPLED_RUNS:]:
        for name in sweep.ledger.runs(state.key)[:1]:
            wall = read_record(sweep.path / name)["seconds"].get("wall")
            if isinstance(wall, float):
                found.append(wall)
    return found
