"""The clock of a network and its queue of events.

Time is rational and counted in whole ticks. A tick is the common measure of all delays, periods and phases, so that
events of one moment have exactly equal times.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from topo_exp.engine.presentation import Shown, pack_activity
from topo_exp.engine.sheet import Connection, GeneratorSheet, Sheet
from topo_exp.typing import FloatArray, State, read_only_copy

Activity: TypeAlias = FloatArray | Shown

Event: TypeAlias = tuple[Sheet, Connection | None, Activity | None]
"""The sheet at which something happens: activity arrives through a projection, or without one the sheet presents."""


class Events:
    """The clock of a network and the queue of its pending events."""

    def __init__(self) -> None:
        self.ticks_per_unit = 1
        self.tick = 0
        """The present time."""
        self.limit = 0
        """The last tick of the present run: the caller reads state after it."""
        self.reached: set[Sheet] = set()
        """Sheets with input of this moment that they have not processed."""
        self._coming: dict[int, list[Event]] = defaultdict(list)
        """Pending events by tick; those of one tick keep the order in which they were pushed."""
        self._spans: dict[float, int] = {}
        self._laid_for: list[float] = []
        """Delays, periods and phases for which the ticks are fine enough."""
        self._delays: dict[Connection, int] = {}
        self._periods: dict[Sheet, int] = {}
        self._reach: dict[Sheet, dict[Sheet, float]] = {}
        """For each sheet, the least number of ticks after which an event at another sheet can affect it."""

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
        """Return by destination and sheet the least number of ticks after which an event at the sheet arrives there."""
        reach = {b: {a: 0.0 if a is b else math.inf for a in sheets} for b in sheets}
        for sheet in sheets:
            for p in sheet.outgoing:
                if p.dest is not sheet:
                    reach[p.dest][sheet] = min(reach[p.dest][sheet], self._delays[p])
        for middle, a, b in itertools.product(sheets, sheets, sheets):
            reach[b][a] = min(reach[b][a], reach[middle][a] + reach[b][middle])
        return reach

    def returns_after(self, sheet: Sheet) -> float:
        """Return the least number of ticks after which activity that a sheet sends to others can affect itself."""
        ways = [self._delays[p] + self._reach[sheet][p.dest] for p in sheet.outgoing if p.dest is not sheet]
        return min(ways, default=math.inf)

    def ticks(self, span: float) -> int:
        """Return a span of time in ticks."""
        if span not in self._spans:
            self._spans[span] = self.ticks_at(Fraction(str(span)))
        return self._spans[span]

    def ticks_at(self, time: Fraction) -> int:
        """Return the last tick that is not after a time."""
        return time.numerator * self.ticks_per_unit // time.denominator

    # --- the events -------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Remove all pending events."""
        self._coming.clear()

    def push(
        self, tick: int, sheet: Sheet, projection: Connection | None = None, activity: Activity | None = None
    ) -> None:
        """Queue an event.

        Args:
            tick: When it happens.
            sheet: Where it happens.
            projection: The projection through which activity arrives; None for a presentation.
            activity: The activity that arrives.
        """
        self._coming[tick].append((sheet, projection, activity))

    def send(self, activity: Activity, projections: Iterable[Connection], *, later: int = 0) -> None:
        """Send activity through projections, `later` ticks after the present moment.

        An array that its owner could still change is copied.
        """
        if isinstance(activity, np.ndarray) and activity.flags.writeable:
            activity = read_only_copy(activity)
        tick, delays = self.tick + later, self._delays
        for projection in projections:
            self.push(tick + delays[projection], projection.dest, projection, activity)

    def present_again(self, sheet: Sheet) -> None:
        """Queue the next presentation of a sheet that presents now."""
        self.push(self.tick + self._periods[sheet], sheet)

    def next_moment(self) -> list[Event]:
        """Advance to the next tick with events and return them; an empty list if it lies beyond the limit."""
        tick = min(self._coming, default=self.limit + 1)
        if tick > self.limit:
            return []
        self.tick = tick
        self.reached.clear()
        return self._coming.pop(tick)

    def undisturbed(self, sheet: Sheet, ticks: int) -> bool:
        """Return True if within so many ticks no input but its own can reach a sheet, and the run does not end.

        Then the sheet may compute all of its activations up to and including that moment in one call.
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
        """Return all pending events in the order of time and name: a sheet that computes ahead of time queues early."""
        state: State = {}
        events = [(tick, _target(event), event) for tick, coming in self._coming.items() for event in coming]
        for i, (tick, target, (_, _, activity)) in enumerate(sorted(events, key=lambda event: event[:2])):
            state[f"events/{i:04d}/time"] = np.array(str(Fraction(tick, self.ticks_per_unit)))
            state[f"events/{i:04d}/target"] = np.array(target)
            if activity is not None:
                state.update(pack_activity(f"events/{i:04d}/activity", activity))
        return state


def _target(event: Event) -> str:
    """Return the path of the projection through which something arrives, or the name of the sheet that presents."""
    sheet, projection, _ = event
    return projection.path if projection else sheet.name
