"""The run.yaml of a run that is still running: collected in memory, rewritten at each change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topo_exp.record.files import reserve_space
from topo_exp.record.log import RunLog
from topo_exp.record.run_yaml import ErrorData, LaterEntries, RunData, Status, now, write_record
from topo_exp.typing import Data


class RunRecord:
    """Collect the contents of run.yaml, and write the whole file each time it changes.

    Several threads add to it: the loop, the one that asks git, the one that waits for pictures. Some space on the disk
    is reserved, so that the end of the run can be recorded even when the disk is full.

    Args:
        directory: Of the run.
        data: First contents, with status running; written at once.
        run_log: Counts the warnings and errors of the run.

    Raises:
        RecordError: run.yaml cannot be written.
    """

    def __init__(self, directory: Path, data: RunData, run_log: RunLog) -> None:
        self.directory = directory
        self.data = data
        self._run_log = run_log
        self._lock = threading.RLock()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        self._before = {name: _number(data["seconds"].get(name)) for name in ("wall", "cpu")}
        reserve_space(self._reserve)
        self.save()

    def update(self, entries: LaterEntries) -> None:
        """Set top-level entries; nothing is written before the next `save`."""
        with self._lock:
            self.data.update(entries)

    def set_option(self, name: str, value: Data) -> None:
        """Replace the value of an option by the one that the simulation really has."""
        with self._lock:
            self.data["options"][name] = value

    @property
    def elapsed(self) -> str:
        """Wall time since the run began, as text."""
        return f"{time.perf_counter() - self._wall:.2f} s"

    @contextmanager
    def stage(self, name: str, part: str | None = None) -> Iterator[None]:
        """Add the wall time of the block to `seconds`.

        Args:
            name: Entry of `seconds`.
            part: Entry within that one, if it is divided.
        """
        start = time.perf_counter()
        try:
            yield
        finally:
            self._add_seconds(time.perf_counter() - start, name, part)

    def mark_reached(self, time_reached: float) -> None:
        """Record that all results of an analysis time are on disk."""
        with self._lock:
            self.data["reached"] = time_reached
            self.data["recorded"].append({"time": time_reached, "at": now()})
            self.save()

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Record how the run ended. Called once, after every other file is on disk."""
        with self._lock:
            self.data["status"] = status
            self.data["ended"] = now()
            wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
            self.data["seconds"]["wall"] = round(self._before["wall"] + wall, 4)
            self.data["seconds"]["cpu"] = round(self._before["cpu"] + cpu, 4)
            self.data["error"] = error
            self._reserve.unlink(missing_ok=True)
            self.save()

    def save(self) -> None:
        """Write run.yaml with its current contents."""
        with self._lock:
            self.data["errors"] = self._run_log.errors
            self.data["warnings"] = self._run_log.warnings
            write_record(self.directory, self.data)

    @property
    def _reserve(self) -> Path:
        return self.directory / ".reserve"

    def _add_seconds(self, seconds: float, name: str, part: str | None) -> None:
        with self._lock:
            place: dict[str, float] | dict[str, float | dict[str, float]] = self.data["seconds"]
            if part is not None:
                inner = self.data["seconds"].setdefault(name, {})
                assert isinstance(inner, dict)
                place, name = inner, part
            before = place.get(name, 0.0)
            assert isinstance(before, float)
            place[name] = round(before + seconds, 4)


def _number(value: object) -> float:
    return value if isinstance(value, float) else 0.0
