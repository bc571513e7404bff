"""Show how far a sweep has come: one live table on a terminal, lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from topo_exp.sweeps.status import RunningPoint, SweepStatus, duration

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

LINE_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""
SHOWN_RUNS = 30
"""Most runs in progress that the table lists."""


class Display:
    """Show the status of a sweep while the block runs.

    Args:
        live: Whether a table is wanted where the error stream is a terminal.
        stream: Terminal or file; the error stream if None.
    """

    def __init__(self, *, live: bool = True, stream: TextIO | None = None) -> None:
        """Choose between table and lines."""
        self._stream = stream or sys.stderr
        self._wants_table = live and self._stream.isatty()
        self._live: Live | None = None
        self._last_line = time.monotonic()
        self._last: SweepStatus | None = None

    def __enter__(self) -> "Display":
        """Begin with an empty table."""
        if self._wants_table:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=self._stream), refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Remove the table, and leave one line."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, status: SweepStatus) -> None:
        """Show a status."""
        self._last = status
        if self._live is not None:
            self._live.update(table(status))
        elif time.monotonic() - self._last_line > LINE_EVERY:
            self._last_line = time.monotonic()
            self._stream.write(f"{status}\n")
            self._stream.flush()

    def write(self, line: str) -> None:
        """Write a line of results, above the table if there is one."""
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def note(self, line: str) -> None:
        """Write a line about the launcher to the error stream, above the table if there is one."""
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            self._stream.write(f"{line}\n")
            self._stream.flush()


def table(status: SweepStatus) -> "Table":
    """Make the table of a status, for rich."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    rows = Table(title=Text(f"{status.name}\n{status}"), title_justify="left", expand=False)
    for column in ("running", "", "time", "", "left"):
        rows.add_column(column, no_wrap=True)
    for each in status.running[:SHOWN_RUNS]:
        share = each.share
        bar = ProgressBar(total=1.0, completed=share or 0.0, width=20)
        rows.add_row(Text(each.label), bar, reached(each), Text(each.doing), left_of(each))
    hidden = len(status.running) - SHOWN_RUNS
    if hidden > 0:
        rows.add_row(f"and {hidden} more")
    return rows


def lines(status: SweepStatus) -> list[str]:
    """Write a status as lines: one for the sweep, one for each run in progress, one for each failure."""
    rows = [f"{status.name}: {status}"]
    rows += [
        f"  running {each.label}: {' '.join(filter(None, (reached(each), each.doing)))}"
        + (f", {left_of(each)} left" if left_of(each) else "")
        for each in status.running
    ]
    rows += [f"  failed {label}: {next(iter(message.splitlines()), '')}" for label, message in status.failures]
    return rows


def reached(running: RunningPoint) -> str:
    """Write the time that a run has reached; empty if it is not known."""
    return "" if running.time is None or running.until is None else f"{running.time:g}/{running.until:g}"


def left_of(running: RunningPoint) -> str:
    """Write the time that a run still needs, if the rest goes on as before; empty if nothing is known."""
    return duration(running.seconds * (1 / running.share - 1)) if running.share else ""
