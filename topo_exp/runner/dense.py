"""The time that sheets without a compiled form take, measured at the beginning of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

NOTABLE_SHARE = 0.1
"""Share of the simulating time from which a dense sheet is worth a line in the log."""
MEASURED_SECONDS = 1.0
"""Simulating time that is measured."""


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


class DenseWatch:
    """Measure the time of dense sheets, and describe it if it is notable.

    Args:
        rows: Of `Simulation.explain()`.
    """

    def __init__(self, rows: Sequence[FormRow]) -> None:
        dense = [row for row in rows if row.form == "dense"]
        self._reasons: dict[str, list[str]] = {}
        for row in dense:
            if row.projection:
                self._reasons.setdefault(row.sheet, []).append(f"{row.sheet}.{row.projection}: {row.reason}")
        for row in dense:  # the own reason of a sheet with dense projections only refers to them
            if not row.projection:
                self._reasons.setdefault(row.sheet, [f"{row.sheet}: {row.reason}"])
        self._seconds = dict.fromkeys(self._reasons, 0.0)
        self._total = 0.0

    @property
    def is_complete(self) -> bool:
        """True if nothing is dense, or enough time has been measured."""
        return not self._reasons or self._total >= MEASURED_SECONDS

    @contextmanager
    def sheet(self, name: str) -> Iterator[None]:
        """Measure a piece of a sheet's work; the argument for `Simulation.watched`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            if name in self._seconds:
                self._seconds[name] += time.perf_counter() - start

    def add_total(self, seconds: float) -> None:
        """Add to the simulating time within which the sheets were measured."""
        self._total += seconds

    def report(self) -> str:
        """Return one line for the log that names each notable sheet; empty if there is none."""
        if not self._total:
            return ""
        shares = {name: seconds / self._total for name, seconds in self._seconds.items()}
        return "; ".join(
            f"{name} takes {100 * share:.0f} % of the simulating time in the dense form "
            f"({'; '.join(self._reasons[name])})"
            for name, share in shares.items()
            if share > NOTABLE_SHARE
        )
