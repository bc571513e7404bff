"""The moment at which units act: the time, whether anything learns, numbers that vary, and where output goes.

A simulation makes one `Moment` for each time at which something happens and hands it down. Objects use it during the
call and do not keep it: they hold no reference to their simulation.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol

from topo_exp.engine.presentation import Shown
from topo_exp.engine.sheet import Connection
from topo_exp.engine.streams import NumberGenerator, Streams
from topo_exp.typing import FloatArray


class Send(Protocol):
    """Sends activity through projections, `later` ticks after the present moment."""

    def __call__(self, activity: FloatArray | Shown, projections: Iterable[Connection], *, later: int = 0) -> None:
        """Send the activity."""


class Moment:
    """One moment of a simulation.

    Args:
        tick: Time in ticks.
        ticks_per_unit: Ticks in one unit of time, so that the exact time is their ratio.
        plastic: False while frozen: neither weights nor thresholds change.
        streams: Where numbers that vary are drawn from.
        send: Sends activity to other sheets.
        path: Owner of the numbers that are drawn: it precedes their names in the names of their streams.
    """

    __slots__ = ("_path", "_streams", "_tick", "_ticks_per_unit", "plastic", "send")

    def __init__(
        self,
        tick: int,
        ticks_per_unit: int,
        plastic: bool,
        streams: Streams,
        send: Send,
        path: str = "",
    ) -> None:
        self.plastic = plastic
        self.send = send
        self._tick = tick
        self._ticks_per_unit = ticks_per_unit
        self._streams = streams
        self._path = path

    @classmethod
    def at(cls, now: Fraction, *, plastic: bool = True, streams: Streams | None = None) -> "Moment":
        """Return a moment outside of any simulation, for tests of a single function.

        Args:
            now: The exact time.
            plastic: Whether anything may learn.
            streams: Where numbers are drawn from; new streams by default.
        """
        return cls(now.numerator, now.denominator, plastic, streams or Streams(0), _send_nowhere)

    @property
    def now(self) -> Fraction:
        """The exact time."""
        return Fraction(self._tick, self._ticks_per_unit)

    def is_after(self, time: Fraction) -> bool:
        """Return True if this moment is later than an exact time."""
        return self._tick * time.denominator > time.numerator * self._ticks_per_unit

    def of(self, path: str) -> "Moment":
        """Return the same moment for the owner of numbers at `path`, such as "V1/Afferent"."""
        return Moment(self._tick, self._ticks_per_unit, self.plastic, self._streams, self.send, path)

    def number(self, name: str, value: float | NumberGenerator) -> float:
        """Return a declared number as it is at this moment.

        Args:
            name: The parameter's name; with the owner's path it names the stream that a varying number draws from.
            value: The number, or a generator that gives one.
        """
        number = self._streams.number(f"{self._path}.{name}", value)
        return number(self.now) if callable(number) else number


def _send_nowhere(activity: FloatArray | Shown, projections: Iterable[Connection], *, later: int = 0) -> None:
    """Send nothing: outside of a simulation there are no other sheets."""
