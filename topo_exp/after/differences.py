"""The differences between two runs as values, and their description in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from topo_exp.typing import Data

CauseKind = Literal["setting", "seed", "code", "version", "host"]
ResultKind = Literal["state", "map", "metric"]

HEADINGS: dict[CauseKind, str] = {
    "setting": "settings",
    "seed": "seeds",
    "code": "code",
    "version": "versions",
    "host": "host",
}
MOST_RESULTS = 20
"""Results of each kind that a printed comparison lists."""
MOST_CODE = 200
"""Lines of each diff in it."""


@dataclass(frozen=True)
class Cause:
    """Something that differs between the records of two runs, and that results may depend on.

    Attributes:
        kind: Part of the record.
        name: Of the setting, seed, file, library or property of the host.
        first: Its value in the first run; None if that has none.
        second: The same of the second run.
        diff: Of code that both records hold: a unified diff.
    """

    kind: CauseKind
    name: str
    first: Data = None
    second: Data = None
    diff: str = ""

    def __str__(self) -> str:
        """Write it on one line."""
        if self.diff:
            return f"{self.name}: changed"
        return f"{self.name}: {_value(self.first)} | {_value(self.second)}"


@dataclass(frozen=True)
class Divergence:
    """A number or an array of one time that differs between two runs.

    Attributes:
        kind: Whether it is a part of a state, a map or a metric.
        name: `<analysis>/<map>`, the name of the metric, or that of the array in the state.
        time: In iterations.
        size: Largest absolute difference, of cyclic maps the shorter way round; NaN if it cannot be computed.
        mean: Mean absolute difference.
        relative: `size` over the largest absolute value, of cyclic maps over the period; infinite if there is no size.
        count: Number of elements that differ.
        total: Number of elements.
        unit: Of `size` and `mean`; empty if unknown.
        text: The finding in words where it is no number, such as other shapes.
        file: The file that holds it, relative to the run directory.
        is_over_time: Whether it was measured from the maps of all times, so that its time says nothing about the first
            divergence.
    """

    kind: ResultKind
    name: str
    time: float
    size: float = math.nan
    mean: float = math.nan
    relative: float = math.inf
    count: int = 0
    total: int = 0
    unit: str = ""
    text: str = ""
    file: str = ""
    is_over_time: bool = False

    def __str__(self) -> str:
        """Write it on one line, without the time."""
        return f"{self.kind} {self.name}: {self.amount}"

    @property
    def amount(self) -> str:
        """The difference in words."""
        if self.text:
            return self.text
        unit = "" if self.unit in ("", "1") else f" {self.unit}"
        where = f", mean {self.mean:.3g}{unit}, in {self.count} of {self.total} values" if self.total > 1 else ""
        share = f" ({100 * self.relative:.3g} %)" if math.isfinite(self.relative) else ""
        return f"difference {self.size:.3g}{unit}{share}{where}"


@dataclass(frozen=True)
class Comparison:
    """The differences between two recorded runs.

    Attributes:
        first: Directory of the first run, A.
        second: Directory of the second run, B.
        causes: Differences of settings, seeds, code, versions and host.
        divergences: Differences of states, maps and metrics, in order of time.
        compared: Number of arrays and numbers that both runs have.
        notes: Results that could not be compared, one text each.
        is_readable: False if a file of a result is damaged.
    """

    first: Path
    second: Path
    causes: tuple[Cause, ...]
    divergences: tuple[Divergence, ...]
    compared: int
    notes: tuple[str, ...]
    is_readable: bool = True

    @property
    def is_equal(self) -> bool:
        """Whether there are results of both runs, and all are equal; causes do not count."""
        return self.compared > 0 and not self.divergences and self.is_readable

    @property
    def first_time(self) -> float | None:
        """The first time at which a result differs; None if none does."""
        found = [each.time for each in self.divergences if not each.is_over_time]
        return min(found or [each.time for each in self.divergences], default=None)

    def within(self, tolerance: float) -> bool:
        """Return True if no result differs by more than that share of its largest absolute value or period."""
        small = all(each.relative <= tolerance for each in self.divergences)
        return self.compared > 0 and self.is_readable and small

    def of_kind(self, kind: CauseKind) -> list[Cause]:
        """Return the causes of one kind."""
        return [cause for cause in self.causes if cause.kind == kind]

    def __str__(self) -> str:
        """Write everything that differs, for a terminal."""
        return "\n".join(_lines(self))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"A: {printable(str(comparison.first))}"
    yield f"B: {printable(str(comparison.second))}"
    for kind, heading in HEADINGS.items():
        causes = comparison.of_kind(kind)
        if causes:
            yield f"{heading} (A | B)"
        for cause in causes:
            yield printable(f"  {cause}")
            yield from (printable(f"    {line}") for line in _shortened(cause.diff.splitlines(), MOST_CODE))
    if not comparison.causes:
        yield "settings, seeds, code, versions and host: equal"
    yield from _results(comparison)
    for note in comparison.notes:
        yield printable(f"note: {note}")


def _results(comparison: Comparison) -> Iterator[str]:
    if comparison.is_equal:
        yield f"results: equal, {comparison.compared} arrays and numbers"
        return
    if not comparison.divergences:
        yield "results: not shown to be equal, " + (
            "the runs have none in common" if comparison.is_readable else "some cannot be read"
        )
        return
    yield f"results: different from time {comparison.first_time:g} on"
    for kind in ("state", "map", "metric"):
        names = sorted({each.name for each in comparison.divergences if each.kind == kind}, key=rank)
        found = [[each for each in comparison.divergences if (each.kind, each.name) == (kind, name)] for name in names]
        yield from _shortened([printable(f"  {_history(each)}") for each in found], MOST_RESULTS)


def rank(name: str) -> tuple[int, str]:
    """Return a key that sorts weights before all other arrays, and the states of random numbers after them."""
    return (0 if name.endswith("/weights") else 2 if name.startswith("streams/") else 1, name)


def _history(found: Sequence[Divergence]) -> str:
    """Describe the differences of one result over time: the first one, and the largest."""
    first, largest = found[0], max(found, key=lambda each: -1.0 if math.isnan(each.size) else each.size)
    text = f"{first.kind} {first.name}: from time {first.time:g} on, {first.amount}"
    return text if largest is first or first.text else f"{text}; at most {largest.size:.3g} at time {largest.time:g}"


def _shortened(lines: Sequence[str], most: int) -> Iterable[str]:
    return lines if len(lines) <= most else [*lines[:most], f"  and {len(lines) - most} more"]


def printable(text: str) -> str:
    """Return a text of a record without characters that control a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\t" else repr(letter)[1:-1] for letter in text)


def _value(value: Data) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
