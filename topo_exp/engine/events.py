"""What is to come: events in the order of their time, which is rational and counted in whole ticks.

A tick is the common measure of all delays, periods and phases of a network, so that events that belong to one moment
meet there exactly.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from topo_exp.engine.presentation import pack_activity
from topo_exp.engine.projection import Projection
from topo_exp.engine.sheet import GeneratorSheet, Sheet
from topo_exp.typing import State

Event = tuple[Sheet, Projection | None, Any]
"""What happens at a sheet: the arrival of activity through a projection, or without one a presentation."""


class Events:
    """The clock of a network and the events that are to come."""

    def __init__(self) -> None:
        self.ticks_per_unit = 1
        self.tick = 0
        """The present moment."""
        self.limit = 0
        """The moment at which somebody looks again."""
        self.reached: set[Sheet] = set()
        """Sheets at which something has arrived at this moment that they have not dealt with."""
        self._coming: dict[int, list[Event]] = defaultdict(list)
        """What is to come, by tick; what happens at one tick keeps the order in which it was pushed."""
        self._spans: dict[float, int] = {}
        self._laid_for: list[float] = []
        """Delays, periods and phases that the clock was laid for."""
        self._delays: dict[Projection, int] = {}
        self._periods: dict[Sheet, int] = {}
        self._reach: dict[Sheet, dict[Sheet, float]] = {}
        """For each sheet, the least number of ticks in which something that happens at another can reach it."""

    # --- the clock --------------------------------------------------------------------------------------------------

    def lay(self, sheets: Mapping[str, Sheet]) -> None:
        """Make ticks fine enough for all delays, periods and phases, if any has changed; they never get coarser."""
        projections = [p for sheet in sheets.values() for p in sheet.projections.values()]
        generators = [sheet for sheet in sheets.values() if isinstance(sheet, GeneratorSheet)]
        spans: list[float] = [p.delay for p in projections]
        for sheet in generators:
            spans += [sheet.phase, sheet.period]
        if spans != self._laid_for:
            self.refine([Fraction(str(span)) for span in spans])
            self._laid_for = spans
            self._delays = {projection: self.ticks(projection.delay) for projection in projections}
            self._periods = {sheet: self.ticks(sheet.period) for sheet in generators}
            self._reach = self._shortest_delays(list(sheets.values()))

    def refine(self, times: Sequence[Fraction]) -> None:
        """Divide ticks so that each of the given times is a whole number of them."""
        finer = math.lcm(self.ticks_per_unit, *(time.denominator for time in times)) // self.ticks_per_unit
        if finer > 1:
            self.ticks_per_unit *= finer
            self.tick *= finer
            self._coming = defaultdict(list, {tick * finer: events for tick, events in self._coming.items()})
            self._spans.clear()
            self._laid_for = []

    def _shortest_delays(self, sheets: Sequence[Sheet]) -> dict[Sheet, dict[Sheet, float]]:
        """Return by destination and sheet the least number of ticks in which something that happens gets there."""
        reach = {b: {a: 0.0 if a is b else math.inf for a in sheets} for b in sheets}
        for sheet in sheets:
            for p in sheet.outgoing:
                if p.dest is not sheet:
                    reach[p.dest][sheet] = min(reach[p.dest][sheet], self._delays[p])
        for middle, a, b in itertools.product(sheets, sheets, sheets):
            reach[b][a] = min(reach[b][a], reach[middle][a] + reach[b][middle])
        return reach

    def returns_after(self, sheet: Sheet) -> float:
        """Return the least number of ticks in which what a sheet sends to others can have an effect on itself."""
        ways = [self._delays[p] + self._reach[sheet][p.dest] for p in sheet.outgoing if p.dest is not sheet]
        return min(ways, default=math.inf)

    def ticks(self, span: float) -> int:
        """Return a span of time in ticks."""
        if span not in self._spans:
            self._spans[span] = self.ticks_at(Fraction(str(span)))
        return self._spans[span]

    def ticks_at(self, time: Fraction) -> int:
        """Return the last tick that is not after a time."""
        return math.floor(time * self.ticks_per_unit)

    # --- the events -------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget all that is to come."""
        self._coming.clear()

    def push(self, tick: int, sheet: Sheet, projection: Projection | None = None, activity: Any = None) -> None:
        """Let something happen at a tick."""
        self._coming[tick].append((sheet, projection, activity))

    def send(self, activity: Any, projections: Iterable[Projection], *, later: int = 0) -> None:
        """Send activity through projections, `later` ticks after the present moment."""
        tick, delays = self.tick + later, self._delays
        for projection in projections:
            self.push(tick + delays[projection], projection.dest, projection, activity)

    def present_again(self, sheet: Sheet) -> None:
        """Let a sheet that presents something now do so again after its period."""
        self.push(self.tick + self._periods[sheet], sheet)

    def next_moment(self) -> list[Event]:
        """Go on to the next tick at which something happens, and return that; nothing if it is beyond the limit."""
        tick = min(self._coming, default=self.limit + 1)
        if tick > self.limit:
            return []
        self.tick = tick
        self.reached.clear()
        return self._coming.pop(tick)

    def undisturbed(self, sheet: Sheet, ticks: int) -> bool:
        """Tell whether nothing but the sheet's own output can reach it, and nobody looks, for so many ticks.

        Then the sheet may do all of its work up to and including that moment at once.
        """
        until, reach = self.tick + ticks, self._reach[sheet]
        if until > self.limit:
            return False
        for other in self.reached:
            if other is not sheet and reach[other] <= ticks:
                return False
        for tick, events in self._coming.items():
            if tick <= until:
                for other, _, _ in events:
                    if tick + reach[other] <= until:
                        return False
        return True

    def state(self) -> State:
        """Return all that is to come, in order of time and name: a sheet that acts ahead of time pushes early."""
        state: State = {}
        events = [(tick, _target(event), event) for tick, coming in self._coming.items() for event in coming]
        for i, (tick, target, (_, projection, activity)) in enumerate(sorted(events, key=lambda event: event[:2])):
            state[f"events/{i:04d}/time"] = np.array(str(Fraction(tick, self.ticks_per_unit)))
            state[f"events/{i:04d}/target"] = np.array(target)
            if projection:
                state.update(pack_activity(f"events/{i:04d}/activity", activity))
        return state


def _target(event: Event) -> str:
    """Return the path of the projection through which something arrives, or the name of the sheet that presents."""
    sheet, projection, _ = event
    return projection.path if projection else sheet.name
