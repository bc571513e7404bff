"""What is to come: events in the order of their time, which is rational and counted in whole ticks.

A tick is the common measure of all delays, periods and phases of a network, so that events that belong to one moment
meet there exactly.
"""

import heapq
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from topo_exp.engine.presentation import pack_activity
from topo_exp.engine.projection import Projection
from topo_exp.engine.sheet import GeneratorSheet, Sheet
from topo_exp.typing import State


class Event(NamedTuple):
    """Something that happens at a tick: a presentation, or the arrival of activity through a projection."""

    tick: int
    order: int
    sheet: Sheet
    projection: Projection | None = None
    activity: Any = None


class Events:
    """The clock of a network and the events that are to come."""

    def __init__(self) -> None:
        self.ticks_per_unit = 1
        self.tick = 0
        """The present moment."""
        self.limit = 0
        """The moment at which somebody looks again."""
        self._queue: list[Event] = []
        self._arrived: list[Event] = []
        self._order = itertools.count()
        self._spans: dict[float, int] = {}
        self._laid_for: list[float] = []
        """Delays, periods and phases that the clock was laid for."""
        self._delays: dict[Projection, int] = {}
        self._reach: dict[tuple[Sheet, Sheet], float] = {}

    # --- the clock --------------------------------------------------------------------------------------------------

    def lay(self, sheets: Mapping[str, Sheet]) -> None:
        """Make ticks fine enough for all delays, periods and phases, if any has changed; they never get coarser."""
        projections = [p for sheet in sheets.values() for p in sheet.projections.values()]
        spans: list[float] = [p.delay for p in projections]
        for sheet in sheets.values():
            if isinstance(sheet, GeneratorSheet):
                spans += [sheet.phase, sheet.period]
        if spans != self._laid_for:
            self.refine([Fraction(str(span)) for span in spans])
            self._laid_for = spans
            self._delays = {projection: self.ticks(projection.delay) for projection in projections}
            self._reach = self._shortest_delays(list(sheets.values()))

    def refine(self, times: Sequence[Fraction]) -> None:
        """Divide ticks so that each of the given times is a whole number of them."""
        finer = math.lcm(self.ticks_per_unit, *(time.denominator for time in times)) // self.ticks_per_unit
        if finer > 1:
            self.ticks_per_unit *= finer
            self.tick *= finer
            self._queue = [event._replace(tick=event.tick * finer) for event in self._queue]
            self._spans.clear()
            self._laid_for = []

    def _shortest_delays(self, sheets: Sequence[Sheet]) -> dict[tuple[Sheet, Sheet], float]:
        """Return the least number of ticks in which something that happens at one sheet can reach another."""
        reach = {(a, b): 0.0 if a is b else math.inf for a in sheets for b in sheets}
        for sheet in sheets:
            for p in sheet.outgoing:
                if p.dest is not sheet:
                    reach[sheet, p.dest] = min(reach[sheet, p.dest], self._delays[p])
        for middle, a, b in itertools.product(sheets, sheets, sheets):
            reach[a, b] = min(reach[a, b], reach[a, middle] + reach[middle, b])
        return reach

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
        self._queue = []

    def push(self, tick: int, sheet: Sheet, projection: Projection | None = None, activity: Any = None) -> None:
        """Let something happen at a tick; what happens at one tick keeps the order in which it was pushed."""
        heapq.heappush(self._queue, Event(tick, next(self._order), sheet, projection, activity))

    def send(self, activity: Any, projections: Iterable[Projection], *, later: int = 0) -> None:
        """Send activity through projections, `later` ticks after the present moment."""
        tick = self.tick + later
        for projection in projections:
            self.push(tick + self._delays[projection], projection.dest, projection, activity)

    def next_moment(self) -> bool:
        """Go on to the next tick at which something happens, unless that is beyond the limit."""
        if not self._queue or self._queue[0].tick > self.limit:
            return False
        self.tick = self._queue[0].tick
        self._arrived = []
        return True

    def next_here(self) -> Event | None:
        """Return the next event of the present tick, or None when there is no other."""
        if not self._queue or self._queue[0].tick != self.tick:
            return None
        event = heapq.heappop(self._queue)
        if event.projection is not None:
            self._arrived.append(event)
        return event

    def reached(self, sheet: Sheet) -> bool:
        """Tell whether something has arrived at a sheet at this tick that it has not dealt with."""
        return any(event.sheet is sheet for event in self._arrived)

    def dealt_with(self, sheet: Sheet) -> None:
        """Take note that a sheet has dealt with all that has arrived at it."""
        self._arrived = [event for event in self._arrived if event.sheet is not sheet]

    def undisturbed(self, sheet: Sheet, ticks: int) -> bool:
        """Tell whether nothing but the sheet's own output can reach it, and nobody looks, for so many ticks.

        Then the sheet may do all of its work up to and including that moment at once.
        """
        until = self.tick + ticks
        if until > self.limit:
            return False
        for event in itertools.chain(self._queue, self._arrived):
            other = event.sheet
            delay = 0 if other is sheet else self._reach[other, sheet]
            if event.tick + delay <= until and not (other is sheet and event.tick == self.tick):
                return False
        return True

    def state(self) -> State:
        """Return all that is to come, in order."""
        state: State = {}
        for i, event in enumerate(sorted(self._queue, key=lambda event: event[:2])):
            path = event.projection.path if event.projection else event.sheet.name
            state[f"events/{i:04d}/time"] = np.array(str(Fraction(event.tick, self.ticks_per_unit)))
            state[f"events/{i:04d}/target"] = np.array(path)
            if event.projection:
                state.update(pack_activity(f"events/{i:04d}/activity", event.activity))
        return state
