"""Which process works on which point of a sweep, and how each attempt ended, kept in files of one directory.

    KEY.0001.lease         process of the first attempt; its modification time is the heartbeat
    KEY.0001.run           name of the run's directory
    KEY.0001.failed        how the attempt ended, with the reason; or KEY.0001.interrupted
    KEY.0002.lease         the second attempt
    KEY.done               the point is finished, with the attempt and the run

A file is written under another name and then linked to its own name, which fails where that name exists: of several
processes, on any number of hosts, exactly one makes it. So an attempt has one holder, and a point is finished once,
without locks. A lease without an end whose process has gone, or whose heartbeat has stopped, is abandoned: the next
attempt may start. A holder that is still there after all, on a host that was paused or cut off, sees the later lease at
its next heartbeat and has to stop; if it finishes first, its result counts and the later one's is refused.

References:
    open(2) and link(2) of Linux on exclusive creation over NFS.
"""

import os
import re
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from topo_exp.errors import RecordError
from topo_exp.record.holders import Holder, create_once, holder_in, read_facts

State = Literal["waiting", "running", "done", "failed", "interrupted"]

STALE_AFTER = 300.0
"""Seconds without a heartbeat after which a lease of another host is abandoned; NFS shows times up to 60 s late."""

BEAT_EVERY = 20.0
"""Seconds between heartbeats."""

_NAME = re.compile(r"([0-9a-f]+)\.(?:([0-9]{4,})\.(lease|run|failed|interrupted)|done)")


@dataclass(frozen=True)
class PointState:
    """State of a point.

    Attributes:
        key: The point's key.
        state: `interrupted` includes attempts whose process has gone without a word.
        attempts: Number of attempts so far.
        holder: Process of the last attempt, if it runs or was interrupted, where that is known.
        heartbeat_age: Seconds since the last heartbeat of a running or interrupted attempt.
        message: Why the last attempt failed or was interrupted.
    """

    key: str
    state: State
    attempts: int = 0
    holder: Holder | None = None
    heartbeat_age: float | None = None
    message: str = ""


class Lease:
    """The right to work on a point, held by one process."""

    def __init__(self, directory: Path, key: str, attempt: int) -> None:
        """Describe a lease that `Ledger` has made."""
        self.key = key
        self.attempt = attempt
        self._directory = directory
        self._is_lost = False

    @property
    def is_lost(self) -> bool:
        """True if another process has taken the point over, as seen at the last heartbeat: stop working on it."""
        return self._is_lost

    def beat(self) -> bool:
        """Show that the holder is there.

        Returns:
            False if another process has taken the point over, or the ledger has been deleted.
        """
        try:
            os.utime(self._path("lease"))
        except FileNotFoundError:
            self._is_lost = True
        if self._path("lease", self.attempt + 1).exists():
            self._is_lost = True
        return not self._is_lost

    @contextmanager
    def beating(self, every: float = BEAT_EVERY) -> Iterator["Lease"]:
        """Beat from a thread while the block runs; a heartbeat that cannot be written is tried again at the next."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(every):
                try:
                    if not self.beat():
                        return
                except OSError:  # the file system is away; whether it was for too long, the next heartbeat shows
                    continue

        thread = threading.Thread(target=beat, name=f"heartbeat of {self.key}", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def set_run(self, directory: str) -> None:
        """Record the name of the run's directory, so that the next attempt can continue it."""
        create_once(self._path("run"), {"run": directory})

    def finish(self, run: str) -> bool:
        """Record that the point is done.

        Args:
            run: Name of the run's directory.

        Returns:
            False if another attempt has finished it before: that one counts.
        """
        facts = {"attempt": self.attempt, "run": run, "time": time.time()}
        return create_once(self._directory / f"{self.key}.done", facts)

    def fail(self, message: str) -> None:
        """Record that the attempt failed: the point is not tried again unless that is asked for."""
        create_once(self._path("failed"), {"message": message, "time": time.time()})

    def interrupt(self, message: str) -> None:
        """Record that the attempt was stopped: the point may be tried again at once."""
        create_once(self._path("interrupted"), {"message": message, "time": time.time()})

    def _path(self, kind: str, attempt: int | None = None) -> Path:
        return _path(self._directory, self.key, self.attempt if attempt is None else attempt, kind)


class Ledger:
    """Leases of the points of one sweep.

    Args:
        directory: Where its files are; made with the first lease.
        stale_after: Seconds without a heartbeat after which a lease of another host is abandoned.
        holder: The process that takes leases; this one if None.
    """

    def __init__(self, directory: Path, *, stale_after: float = STALE_AFTER, holder: Holder | None = None) -> None:
        """Describe the ledger; no file is made."""
        self._directory = directory
        self._stale_after = stale_after
        self._holder = holder

    def states(self, keys: Iterable[str]) -> dict[str, PointState]:
        """Return the state of each point, from the files alone, in the order of `keys`.

        Ages of heartbeats are by the clock of this host. No file is changed.

        Raises:
            RecordError: The directory cannot be read.
        """
        found = self._listed()
        now = time.time()
        return {key: self._state(key, found.get(key, {}), now) for key in keys}

    def runs(self, key: str) -> list[str]:
        """Return the names of the run directories of a point's attempts, the finished or last one first."""
        kinds = self._listed().get(key, {})
        names = [str(read_facts(self._directory / f"{key}.done").get("run", ""))] if "done" in kinds else []
        for attempt in sorted(kinds.get("run", ()), reverse=True):
            names.append(str(read_facts(_path(self._directory, key, attempt, "run")).get("run", "")))
        return [name for name in dict.fromkeys(names) if name]

    def acquire(
        self, keys: Iterable[str], *, retry_failed: bool = False, max_attempts: int | None = None
    ) -> Lease | None:
        """Take the first point that is free.

        Args:
            keys: The points to choose from, in order.
            retry_failed: Whether failed points are free, too.
            max_attempts: Points with as many attempts are not free.

        Returns:
            The lease; None if no point is free: all are done, failed, or worked on by others.

        Raises:
            RecordError: The directory cannot be read or written.
        """
        found = self._listed()
        free: tuple[State, ...] = ("waiting", "interrupted", "failed") if retry_failed else ("waiting", "interrupted")
        now = None
        for key in keys:
            kinds = found.get(key, {})
            if now is None and kinds:
                now = self._clock()
            state = self._state(key, kinds, now or 0.0)
            if state.state not in free or (max_attempts is not None and state.attempts >= max_attempts):
                continue
            lease = self._claim(key, state.attempts + 1)
            if lease is not None:
                return lease
        return None

    def _claim(self, key: str, attempt: int) -> Lease | None:
        """Make the lease of an attempt, unless another process has made it."""
        holder = self._holder or Holder.of(os.getpid())
        if not create_once(_path(self._directory, key, attempt, "lease"), asdict(holder)):
            return None
        if (self._directory / f"{key}.done").exists():  # finished since the directory was listed
            _path(self._directory, key, attempt, "lease").unlink()
            return None
        return Lease(self._directory, key, attempt)

    def _state(self, key: str, kinds: Mapping[str, set[int]], now: float) -> PointState:
        attempts = max(kinds.get("lease", ()), default=0)
        if "done" in kinds:
            return PointState(key, "done", attempts)
        if not attempts:
            return PointState(key, "waiting")
        ends: tuple[State, ...] = ("failed", "interrupted")
        for end in ends:
            if attempts in kinds.get(end, ()):
                message = str(read_facts(_path(self._directory, key, attempts, end)).get("message", ""))
                return PointState(key, end, attempts, message=message)
        return self._held(key, attempts, now)

    def _held(self, key: str, attempt: int, now: float) -> PointState:
        """Return the state of a point whose last attempt has no recorded end."""
        path = _path(self._directory, key, attempt, "lease")
        holder = holder_in(read_facts(path))
        try:
            age = now - path.stat().st_mtime
        except FileNotFoundError:  # taken back since the directory was listed
            is_done = (self._directory / f"{key}.done").exists()
            return PointState(key, "done" if is_done else "waiting", attempt)
        if holder is not None and holder.is_here:
            is_abandoned, why = holder.is_gone, f"process {holder.pid} has ended without a word"
        else:
            is_abandoned, why = age > self._stale_after, f"no heartbeat for {age:.0f} s"
        if is_abandoned:
            return PointState(key, "interrupted", attempt, holder, age, why)
        return PointState(key, "running", attempt, holder, age)

    def _listed(self) -> dict[str, dict[str, set[int]]]:
        """List the files: key -> kind -> numbers of attempts."""
        found: dict[str, dict[str, set[int]]] = {}
        try:
            names = os.listdir(self._directory)
        except FileNotFoundError:
            return found
        except OSError as error:
            raise RecordError(f"{self._directory}: must be a readable directory (got {error}). Check it.") from error
        for name in names:
            match = _NAME.fullmatch(name)
            if match:
                kind, attempt = match[3] or "done", int(match[2] or 0)
                found.setdefault(match[1], {}).setdefault(kind, set()).add(attempt)
        return found

    def _clock(self) -> float:
        """Read the clock of the file system, which dates the heartbeats: hosts may differ in theirs."""
        path = self._directory / f".{uuid.uuid4().hex}"
        try:
            path.touch()
            return path.stat().st_mtime
        except OSError as error:
            raise RecordError(f"{self._directory}: must be writable (got {error}). Check its owner.") from error
        finally:
            path.unlink(missing_ok=True)


def _path(directory: Path, key: str, attempt: int, kind: str) -> Path:
    return directory / f"{key}.{attempt:04d}.{kind}"
