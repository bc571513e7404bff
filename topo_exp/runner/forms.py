"""The form, compiled or dense, in which each projection is simulated, as a table and as a warning of its cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

NOTABLE_SHARE = 0.1
"""Share of a run's time from which a dense projection is worth a line in the log."""
DENSE = "dense"
COLUMNS = ("sheet", "projection", "form", "reason", "weights", "MB")


class ProjectionForm(Protocol):
    """A row of `Simulation.explain()`."""

    @property
    def sheet(self) -> str:
        """Name of the destination sheet."""

    @property
    def projection(self) -> str:
        """Name of the projection."""

    @property
    def form(self) -> str:
        """Its form: "compiled" or "dense"."""

    @property
    def reason(self) -> str:
        """The reason for a dense form; empty for a compiled one."""

    @property
    def weights(self) -> int:
        """Number of its weights."""

    @property
    def megabytes(self) -> float:
        """Memory that its weights take."""


def forms_of(sim: Simulation) -> Sequence[ProjectionForm]:
    """Return the form of each projection of a simulation."""
    rows: Sequence[ProjectionForm] = getattr(sim, "explain", tuple)()
    return rows


def form_table(rows: Sequence[ProjectionForm]) -> str:
    """Write the rows as a table of aligned columns, numbers to the right, the total in the last line.

    Args:
        rows: Of `Simulation.explain()`.
    """
    cells = [
        (row.sheet, row.projection, row.form, row.reason or "-", f"{row.weights:,}", f"{row.megabytes:.2f}")
        for row in rows
    ]
    total = ("total", "", "", "", f"{sum(row.weights for row in rows):,}", f"{sum(row.megabytes for row in rows):.2f}")
    lines = [COLUMNS, *cells, total]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column >= len(COLUMNS) - 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def dense_cost(rows: Sequence[ProjectionForm]) -> str:
    """Describe the dense projections, if they cost a notable share of an iteration's time.

    A weight costs at least as much time in the dense form as in the compiled one, which skips silent inputs. The share
    of dense weights among all is therefore a lower bound for their share of the time; no time has to be measured.

    Args:
        rows: Of `Simulation.explain()`.

    Returns:
        One line for the log; empty if there is nothing to report.
    """
    total = sum(row.weights for row in rows)
    dense = [row for row in rows if row.form == DENSE]
    share = sum(row.weights for row in dense) / total if total else 0.0
    if share <= NOTABLE_SHARE:
        return ""
    named = "; ".join(f"{row.sheet}.{row.projection}: {row.reason}" for row in dense)
    return (
        f"at least {100 * share:.0f} % of the simulating time is spent in dense projections, "
        f"which have no compiled form ({named})"
    )
