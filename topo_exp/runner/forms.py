"""The cost of projections that are simulated in the dense form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

NOTABLE_SHARE = 0.1
"""Share of a run's time from which dense projections are worth a line in the log."""


class FormRow(Protocol):
    """A row of `Simulation.explain()`: the form of one projection, or of a sheet itself if `projection` is empty."""

    @property
    def sheet(self) -> str:
        """Name of the sheet."""

    @property
    def projection(self) -> str:
        """Name of the projection; empty for the sheet itself."""

    @property
    def form(self) -> str:
        """The form: "compiled" or "dense"."""

    @property
    def reason(self) -> str:
        """The reason for a dense form."""

    @property
    def weights(self) -> int:
        """Number of weights."""

    @property
    def megabytes(self) -> float:
        """Memory that the weights take."""


def dense_cost(rows: Sequence[FormRow]) -> str:
    """Describe the dense projections, if they cost a notable share of an iteration's time.

    A weight costs at least as much time in the dense form as in the compiled one, which skips silent inputs. The share
    of dense weights among all is therefore a lower bound for their share of the time, and no time has to be measured.

    Args:
        rows: Of `Simulation.explain()`.

    Returns:
        One line for the log; empty if there is nothing to report.
    """
    total = sum(row.weights for row in rows)
    dense = [row for row in rows if row.form == "dense" and row.projection]
    share = sum(row.weights for row in dense) / total if total else 0.0
    if share <= NOTABLE_SHARE:
        return ""
    named = "; ".join(f"{row.sheet}.{row.projection}: {row.reason}" for row in dense)
    return f"dense projections take at least {100 * share:.0f} % of the simulating time ({named})"
