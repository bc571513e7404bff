"""Restart points written while a run simulates: at each analysis time, at intervals, and when a signal stops it."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import TYPE_CHECKING

from topo_exp.record.live import RunRecord
from topo_exp.record.restart import (
    RestartPoint,
    delete_restart_point,
    restart_points,
    thin_restart_points,
    write_restart_point,
)
from topo_exp.typing import State

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

LARGEST_SHARE = 0.02
"""Share of the time that restart points at intervals may take: expensive ones are written less often."""


class RestartWriter:
    """Write the restart points of a run, and delete those that are no longer needed.

    Args:
        record: Of the run.
        minutes: Interval between restart points; 0 for restart points at analysis times only.
        queue: Runs a function in the thread that writes results, after everything queued before it.
        is_usable: Returns True if nothing before a time is still to be written.
    """

    def __init__(
        self,
        record: RunRecord,
        *,
        minutes: float,
        queue: Callable[[Callable[[], None]], None],
        is_usable: Callable[[float], bool],
    ) -> None:
        self._record = record
        self._interval = 60.0 * minutes
        self._queue = queue
        self._is_usable = is_usable
        self._points: list[RestartPoint] = restart_points(record.directory)[::-1]
        self._written = {point.time for point in self._points}
        self._last = clock.monotonic()
        self._cost = 0.0

    def write(self, sim: Simulation) -> None:
        """Write a restart point, unless there is one of that time."""
        time = float(sim.time)
        if time in self._written:
            return
        start = clock.perf_counter()
        with self._record.stage("checkpoint"):
            state = sim.state()
        self._written.add(time)
        copying = clock.perf_counter() - start
        self._last = clock.monotonic()
        self._queue(lambda: self._write(time, state, copying))

    def write_if_due(self, sim: Simulation) -> None:
        """Write a restart point if the interval has passed since the last one."""
        interval = max(self._interval, self._cost / LARGEST_SHARE)
        if self._interval and clock.monotonic() - self._last >= interval:
            self.write(sim)

    def delete_all(self) -> None:
        """Delete all restart points: the run is done."""
        for point in self._points:
            delete_restart_point(point)
        if (folder := self._record.directory / "restart").is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _write(self, time: float, state: State, copying: float) -> None:
        start = clock.perf_counter()
        with self._record.stage("checkpoint"):
            self._points.append(write_restart_point(self._record.directory, time, state))
            self._points = thin_restart_points(self._points, self._is_usable)
        self._cost = copying + clock.perf_counter() - start
