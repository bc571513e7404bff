"""How far a run is: a live bar on a terminal, lines in the log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from topo_exp.analysis.responses import Cost

log = logging.getLogger(__name__)

LOG_EVERY = 30.0
"""Seconds between two lines of progress in the log."""


class Progress:
    """Tell how far simulation time is.

    Args:
        until: Last time of the run, in iterations.
        live: Whether to show a bar, given that the error stream is a terminal.
        label: What the bar is called.
    """

    def __init__(self, until: float, *, live: bool, label: str) -> None:
        self._until = until
        self._label = label
        self._stream = sys.stderr
        self._live = live and self._stream.isatty()
        self._bar: Bar | None = None
        self._task: Any = None
        self._proxy: Any = None
        self._logged = time.monotonic()
        self._simulated = 0.0
        self._seconds = 0.0

    def start(self) -> None:
        """Show the bar, if there is to be one."""
        if not self._live:
            return
        from rich.console import Console
        from rich.file_proxy import FileProxy
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=self._stream)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:g}/{task.total:g}  {task.fields[doing]}"),
            TimeRemainingColumn(),
            console=console,
            redirect_stdout=False,
            redirect_stderr=False,
            refresh_per_second=5,
            transient=True,
        )
        self._proxy = FileProxy(console, self._stream)
        self._task = self._bar.add_task(self._label, total=self._until, doing="")
        self._bar.start()

    def advanced(self, time_reached: float, *, iterations: float, seconds: float) -> None:
        """Note that the simulation has come to a time, by so many iterations in so many seconds."""
        self._simulated += iterations
        self._seconds += seconds
        if self._bar is not None:
            self._bar.update(self._task, completed=time_reached, doing=self.rate)
        moment = time.monotonic()
        if moment - self._logged >= LOG_EVERY:
            self._logged = moment
            self._log(time_reached)

    def measuring(self, name: str) -> Callable[[Cost], None]:
        """Note that an analysis begins; return what it can tell how far it is."""
        if self._bar is not None:
            self._bar.update(self._task, doing=name)
        return partial(self._measured, name)

    def analysed(self, time_reached: float) -> None:
        """Note that everything of an analysis time is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=time_reached, doing=self.rate)
        self._logged = time.monotonic()
        self._log(time_reached)

    @property
    def rate(self) -> str:
        """Iterations per second of simulating, as text; empty before the first."""
        return f"{self._simulated / self._seconds:.3g} iterations/s" if self._simulated and self._seconds else ""

    def write(self, text: str, stream: TextIO) -> None:
        """Write a text to a stream without tearing the bar."""
        if self._bar is not None and stream.isatty():
            self._proxy.write(text)
        else:
            stream.write(text)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._proxy.flush()
            self._bar.stop()
            self._bar = None

    def _measured(self, name: str, cost: Cost) -> None:
        if self._bar is not None:
            self._bar.update(self._task, doing=f"{name} {cost}")
        moment = time.monotonic()
        if moment - self._logged >= LOG_EVERY:
            self._logged = moment
            log.info("%s: %s", name, cost)

    def _log(self, time_reached: float) -> None:
        remaining = (self._until - time_reached) * self._seconds / self._simulated if self._simulated else None
        left = "" if remaining is None else f", {remaining:.0f} s of simulating left"
        log.info("time %g of %g%s%s", time_reached, self._until, f", {self.rate}" if self.rate else "", left)
