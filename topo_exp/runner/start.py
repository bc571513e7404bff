"""The point from which a run simulates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from topo_exp.record.results import TimeResults
from topo_exp.typing import State

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


@dataclass(frozen=True)
class Start:
    """Describe where a run starts.

    Args:
        state: State that the simulation takes after it was built; None to start as built, at time 0.
        reached: Last analysis time whose results need not be measured again; None if there is none.
        results: Results of the next analysis time that are complete, by name of the analysis.
    """

    state: State | None = None
    reached: float | None = None
    results: TimeResults = field(default_factory=dict)

    def prepare(self, sim: Simulation) -> None:
        """Bring a simulation that was just built to the starting point.

        Raises:
            StateError: The state does not fit the simulation.
        """
        if self.state is not None:
            sim.restore(self.state)

    def remaining(self, times: tuple[float, ...]) -> tuple[float, ...]:
        """Return the analysis times that are still to come."""
        return times if self.reached is None else tuple(time for time in times if time > self.reached)


ZERO = Start()
"""Start at time 0, with the network as it was built."""
