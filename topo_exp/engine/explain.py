"""Which implementation computes each sheet and projection, and why: the table that `sim.explain()` returns."""

from collections.abc import Iterator
from dataclasses import dataclass

_HEADINGS = ("sheet", "projection", "form", "reason", "weights", "MB")


@dataclass(frozen=True)
class Form:
    """The implementation of one sheet or projection: compiled, or dense for a reason."""

    is_compiled: bool
    reason: str = ""
    """For a dense form the reason; for a compiled form a restriction, if there is one."""

    @property
    def name(self) -> str:
        """Return "compiled" or "dense"."""
        return "compiled" if self.is_compiled else "dense"


COMPILED = Form(is_compiled=True)
DENSE = Form(is_compiled=False, reason="engine='reference'")


@dataclass(frozen=True)
class Row:
    """One sheet, or one projection of it."""

    sheet: str
    projection: str
    """Empty for the sheet itself: its activations, settling and output functions."""
    form: str
    """"compiled" or "dense"."""
    reason: str
    """Why it is dense; for a compiled form a restriction, or empty."""
    weights: int
    """Connections."""
    megabytes: float
    """Memory that the weights take."""

    @property
    def is_dense(self) -> bool:
        """Whether NumPy computes it."""
        return self.form == "dense"


class Explanation(tuple[Row, ...]):
    """The rows of all sheets and projections; as text, an aligned table."""

    __slots__ = ()

    @property
    def dense(self) -> "Explanation":
        """The rows that are dense."""
        return Explanation(row for row in self if row.is_dense)

    def __str__(self) -> str:
        lines = [_HEADINGS, *(self._cells(row) for row in self)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADINGS))]
        return "\n".join(self._line(line, widths) for line in lines)

    @staticmethod
    def _cells(row: Row) -> tuple[str, ...]:
        if not row.projection:
            return row.sheet, "", row.form, row.reason, "", ""
        return row.sheet, row.projection, row.form, row.reason, f"{row.weights}", f"{row.megabytes:.2f}"

    @staticmethod
    def _line(cells: tuple[str, ...], widths: list[int]) -> str:
        return "  ".join(_padded(cells, widths)).rstrip()


def _padded(cells: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    """Yield texts padded to the left, numbers padded to the right."""
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        yield cell.ljust(width) if i < 4 else cell.rjust(width)
