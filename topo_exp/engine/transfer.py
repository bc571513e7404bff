"""Output functions: from the combined input of a sheet's units to their activity.

An output function is any function of an array (rows, columns) that returns one. Those that remember something, or
depend on time, are `Adaptive`: the sheet that they belong to hands them the `Moment` as well and keeps their state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import param

from topo_exp.engine.streams import NumberGenerator, Quantity, Real
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray, State


@dataclass(frozen=True)
class Moment:
    """When an output function is applied, and whether what it remembers may change."""

    time: Fraction
    plastic: bool
    number: Callable[[str, float | NumberGenerator], float]
    """Returns the present value of a number, drawn from the stream of that name if it varies."""


class HalfRectify(param.Parameterized):
    """Half-wave rectification, max(x, 0)."""

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return max(x, 0)."""
        return np.maximum(x, 0)


class PiecewiseLinear(param.Parameterized):
    """Zero below `lower`, one above `upper`, linear between: the approximated sigmoid of LISSOM.

    Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual Cortex, equation 4.4.
    """

    lower = Real(0.0, doc="Input at and below which the activity is 0.")
    upper = Real(1.0, doc="Input at and above which the activity is 1.")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        if not self.upper > self.lower:
            raise ParameterError(
                f"PiecewiseLinear.upper: must be > lower (got {self.upper!r} <= {self.lower!r}). Raise it."
            )

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the activity in [0, 1]."""
        return np.clip((x - self.lower) * (1.0 / (self.upper - self.lower)), 0, 1)


class Adaptive(param.Parameterized):
    """An output function that remembers something or depends on time; it belongs to one sheet."""

    sheet: object = None
    """The sheet that it belongs to, once the network was started."""

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return the activity (rows, columns) for the input `x` at this moment."""
        raise TypeError(f"{type(self).__name__}.apply: must be defined by every adaptive function. Define it.")

    def state(self) -> State:
        """Return what is remembered."""
        return {}

    def restore(self, state: State) -> None:
        """Remember what was stored."""


class HomeostaticResponse(Adaptive):
    """Half-rectification above a threshold that keeps each unit's average activity near a target.

    With x the unit's activity, y its running average and θ its threshold, once a `period`:
    y ← (1 - smoothing) x + smoothing y, θ ← θ + learning_rate (y - target_activity).
    Stevens, Law, Antolík & Bednar 2013, doi:10.1523/JNEUROSCI.1037-13.2013, equations 8 and 9.
    """

    t_init = Real(0.15, doc="Threshold at the start.")
    target_activity = Real(0.024, doc="Average activity that the threshold leads to.")
    smoothing = Real(0.991, bounds=(0, 1), doc="Share of the old average in the new one.")
    learning_rate = Real(0.01, bounds=(0, None), doc="Change of the threshold for an average off its target.")
    period = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Time between two updates.")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.threshold: FloatArray | None = None
        """(rows, columns); None until the sheet was active for the first time."""
        self.average: FloatArray | None = None
        """(rows, columns); running average of the activity."""
        self.previous: FloatArray | None = None
        """(rows, columns); the activity when this function was last applied."""
        self.next_update = Fraction(str(self.period))
        """When the threshold is updated next: at the first application after this time."""

    def adapt(self, shape: tuple[int, int], moment: Moment) -> FloatArray:
        """Update the average and the threshold if a period has passed, and return the threshold to apply."""
        if self.threshold is None or self.average is None:
            self.threshold = np.full(shape, float(self.t_init))
            self.average = np.full(shape, float(self.target_activity))
        if moment.time > self.next_update:
            self.next_update += Fraction(str(self.period))
            if moment.plastic and self.previous is not None:
                self.average = (1.0 - self.smoothing) * self.previous + self.smoothing * self.average
                self.threshold = self.threshold + self.learning_rate * (self.average - self.target_activity)
        return self.threshold

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return max(x - θ, 0)."""
        self.previous = np.maximum(x - self.adapt(x.shape, moment), 0)
        return self.previous

    def state(self) -> State:
        """Return threshold, average, last activity and the time of the next update."""
        named = {"threshold": self.threshold, "average": self.average, "previous": self.previous}
        state = {name: array.copy() for name, array in named.items() if array is not None}
        state["next_update"] = np.array([self.next_update.numerator, self.next_update.denominator])
        return state

    def restore(self, state: State) -> None:
        """Set all four to what was stored."""
        self.threshold, self.average, self.previous = (
            state[name].copy() if name in state else None for name in ("threshold", "average", "previous")
        )
        numerator, denominator = state["next_update"]
        self.next_update = Fraction(int(numerator), int(denominator))


class KernelMax(Adaptive):
    """A Gaussian of activity around the unit with the largest input, and nothing elsewhere: a map's neighbourhood.

    With σ = density kernel_radius in cells, the Gaussian is cut at a square of half-width int(max(1.25, 3σ)).
    Kohonen 1982, doi:10.1007/BF00337288.
    """

    kernel_radius = Quantity(0.1, bounds=(0, None), doc="Radius of the neighbourhood, in sheet coordinates.")
    density = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units per sheet coordinate.")

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return the neighbourhood function around the winner."""
        rows, columns = x.shape
        row, column = divmod(int(np.argmax(x)), columns)
        sigma = self.density * moment.number("kernel_radius", self.kernel_radius)
        half_width = int(max(1.25, 3 * sigma))
        dy, dx = np.arange(rows)[:, None] - row, np.arange(columns)[None, :] - column
        kernel = np.exp(-(dx**2 + dy**2) / (2.0 * sigma**2))
        return np.where((np.abs(dx) <= half_width) & (np.abs(dy) <= half_width), kernel, 0.0)
