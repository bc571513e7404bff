"""Progress of a run: a live bar on a terminal, lines in the log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from topo_exp.analysis.responses import Cost

log = logging.getLogger(__name__)

LOG_EVERY = 30.0
"""Seconds between two lines of progress in the log."""


@dataclass(frozen=True)
class Progress:
    """State how far a run has come.

    Attributes:
        time: Simulated time, in iterations.
        until: Last time of the run.
        doing: The rate of simulating, or the analysis that is measured.
        is_simulated: Whether only pictures and files are still to be written.
    """

    time: float
    until: float
    doing: str
    is_simulated: bool = False


def ignore_progress(progress: Progress) -> None:
    """Receive the progress of a run that is not supervised, and do nothing."""


class ProgressDisplay:
    """Show how far simulation time and analyses have come.

    Args:
        until: Last time of the run, in iterations.
        live: Whether to show a bar, if the error stream is a terminal.
        label: Text before the bar.
        listener: Receives each step of progress.
    """

    def __init__(
        self, until: float, *, live: bool, label: str, listener: Callable[[Progress], object] = ignore_progress
    ) -> None:
        self._until = until
        self._label = label
        self._listener = listener
        self._reached = 0.0
        self._stream = sys.stderr
        self._live = live and self._stream.isatty()
        self._bar: _Bar | None = None
        self._logged = time.monotonic()
        self._has_begun = False
        self._simulated = 0.0
        self._seconds = 0.0

    def start(self) -> None:
        """Show the bar, if one is wanted."""
        if self._live:
            self._bar = _Bar(self._stream, self._label, self._until)

    def advanced(self, time_reached: float, *, iterations: float, seconds: float) -> None:
        """Show that the simulation has reached a time.

        Args:
            time_reached: In iterations.
            iterations: Simulated since the last call.
            seconds: Time that they took. The first slice is not counted, since it may include compilation.
        """
        if self._has_begun:
            self._simulated += iterations
            self._seconds += seconds
        self._has_begun = self._has_begun or iterations > 0
        self._reached = time_reached
        self._listener(Progress(time_reached, self._until, self.rate))
        if self._bar is not None:
            self._bar.show(self.rate, completed=time_reached)
        if self._is_log_due():
            self._log(time_reached)

    def measuring(self, name: str) -> Callable[[Cost], None]:
        """Show that an analysis begins; return a function that receives its progress."""
        self._listener(Progress(self._reached, self._until, name))
        if self._bar is not None:
            self._bar.show(name)
        return partial(self._measured, name)

    def analysed(self, time_reached: float) -> None:
        """Show that all analyses of a time are done."""
        if self._bar is not None:
            self._bar.show(self.rate, completed=time_reached)
        self._logged = time.monotonic()
        self._log(time_reached)

    def simulated(self) -> None:
        """Show that simulation and analyses are over, and the last pictures are drawn."""
        self._listener(Progress(self._reached, self._until, "drawing", is_simulated=True))

    @property
    def rate(self) -> str:
        """Simulated iterations per second, as text; empty before the first."""
        return f"{self._simulated / self._seconds:.3g} iterations/s" if self._simulated and self._seconds else ""

    def say(self, text: str) -> None:
        """Show the present work of the run: beside the bar, or as a line if there is no bar yet; and in the log."""
        if self._bar is not None:
            self._bar.show(text)
        elif self._live:
            self._stream.write(f"{text}\n")
        if self._is_log_due():
            log.info("%s", text)

    @contextmanager
    def saying(self, text: Callable[[float], str], *, after: float = 1.0) -> Iterator[None]:
        """Show a text each second while the block runs.

        Args:
            text: Returns the text, from the seconds since the block began; empty for nothing.
            after: Seconds before the first text.
        """
        ended = threading.Event()
        began = time.monotonic()

        def repeat() -> None:
            delay = after
            while not ended.wait(delay):
                delay = 1.0
                if shown := text(time.monotonic() - began):
                    self.say(shown)

        thread = threading.Thread(target=repeat, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def write(self, text: str, stream: TextIO) -> None:
        """Write a text to a stream without overwriting the bar."""
        if self._bar is not None and stream.isatty():
            self._bar.write(text)
        else:
            stream.write(text)

    def stop(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.remove()
            self._bar = None

    def _measured(self, name: str, cost: Cost) -> None:
        self._listener(Progress(self._reached, self._until, f"{name} {cost}"))
        if self._bar is not None:
            self._bar.show(f"{name} {cost}")
        if self._is_log_due():
            log.info("%s: %s", name, cost)

    def _is_log_due(self) -> bool:
        """Return True if the last line of progress is old enough, and count this as the next one."""
        current = time.monotonic()
        if current - self._logged < LOG_EVERY:
            return False
        self._logged = current
        return True

    def _log(self, time_reached: float) -> None:
        remaining = (self._until - time_reached) * self._seconds / self._simulated if self._simulated else None
        left = "" if remaining is None else f", {remaining:.0f} s of simulating left"
        log.info("time %g of %g%s%s", time_reached, self._until, f", {self.rate}" if self.rate else "", left)


class _Bar:
    """A bar of rich on a terminal, and the stream that writes above it."""

    def __init__(self, stream: TextIO, label: str, until: float) -> None:
        from rich.console import Console
        from rich.file_proxy import FileProxy
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=stream)
        self._display = Progress(
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
        self._proxy = FileProxy(console, stream)
        self._task = self._display.add_task(label, total=until, doing="")
        self._display.start()

    def show(self, doing: str, *, completed: float | None = None) -> None:
        self._display.update(self._task, completed=completed, doing=doing)

    def write(self, text: str) -> None:
        self._proxy.write(text)

    def remove(self) -> None:
        self._proxy.flush()
        self._display.stop()
