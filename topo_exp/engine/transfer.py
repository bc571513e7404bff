"""Output functions: from the combined input of a sheet's units to their activity.

An output function is any function of an array (rows, columns) that returns one. Those with memory, or that depend on
time, are `Adaptive`: their sheet also gives them the `Moment`, and stores their state with its own.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import TypeAlias

import numpy as np
import param

from topo_exp.engine.moment import Moment
from topo_exp.engine.streams import Quantity, Real
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray, State, read_only, read_only_copy

Adaptation: TypeAlias = Callable[
    ["HomeostaticResponse", FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]
]
"""f(fn, threshold, average, previous activity) -> new threshold and average."""


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
        lower, upper = self.lower, self.upper
        return ((x - lower) * (1.0 / (upper - lower))).clip(0, 1)


class Adaptive(param.Parameterized):
    """An output function with memory, or one that depends on time; it belongs to one sheet."""

    sheet: object = None
    """The sheet that it belongs to; None before the first run."""

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return the activity for the combined input at a moment.

        Args:
            x: Combined input, (rows, columns).
            moment: The time, whether memory may change, and `moment.number(name, value)` for numbers that vary.

        Returns:
            The activity, (rows, columns).
        """
        raise TypeError(f"{type(self).__name__}.apply: must be defined by every adaptive function. Define it.")

    def refresh(self) -> None:
        """Read all parameters again; called before each run and after each scheduled action."""

    def state(self) -> State:
        """Return the memory."""
        return {}

    def restore(self, state: State) -> None:
        """Set the memory to a stored one."""


OutputFn: TypeAlias = Callable[[FloatArray], FloatArray] | Adaptive


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
        self._threshold: FloatArray | None = None
        self._average: FloatArray | None = None
        self._previous: FloatArray | None = None
        self._period = Fraction(str(self.period))
        self.next_update = self._period
        """The first application after this time updates the threshold."""
        self._following = self.next_update, self.next_update + self._period
        """The time of an update, and of the one after it."""

    def refresh(self) -> None:
        """Read the period again."""
        self._period = Fraction(str(self.period))
        self._following = self.next_update, self.next_update + self._period

    @property
    def threshold(self) -> FloatArray | None:
        """(rows, columns), read-only; None until the sheet is activated for the first time. Assign to change it."""
        return None if self._threshold is None else read_only(self._threshold)

    @threshold.setter
    def threshold(self, threshold: FloatArray | None) -> None:
        self._threshold = None if threshold is None else read_only_copy(threshold)

    @property
    def average(self) -> FloatArray | None:
        """(rows, columns), read-only; running average of the activity. Assign to change it."""
        return None if self._average is None else read_only(self._average)

    @average.setter
    def average(self, average: FloatArray | None) -> None:
        self._average = None if average is None else read_only_copy(average)

    @property
    def previous(self) -> FloatArray | None:
        """(rows, columns), read-only; the activity when this function was last applied. Assign to change it."""
        return None if self._previous is None else read_only(self._previous)

    @previous.setter
    def previous(self, previous: FloatArray | None) -> None:
        self._previous = None if previous is None else read_only_copy(previous)

    @property
    def following_update(self) -> Fraction:
        """The time of the update that comes after the next one."""
        if self._following[0] is not self.next_update:
            self._following = self.next_update, self.next_update + self._period
        return self._following[1]

    def follow(self, activity: FloatArray) -> None:
        """Average over this activity at the next update; the caller does not change the array afterwards."""
        self._previous = activity

    def adapt(self, shape: tuple[int, int], moment: Moment, adaptation: "Adaptation | None" = None) -> FloatArray:
        """Update the average and the threshold if a period has passed.

        Args:
            shape: Rows and columns of the sheet.
            moment: The present moment; nothing changes while it is not plastic.
            adaptation: Computes the update; by default `adapted`, in double precision.

        Returns:
            The threshold to apply, (rows, columns). It is the same array until it changes; do not change it in place.
        """
        if self._threshold is None or self._average is None:
            self._threshold = np.full(shape, float(self.t_init))
            self._average = np.full(shape, float(self.target_activity))
        if moment.is_after(self.next_update):
            self.next_update = self.following_update
            if moment.plastic and self._previous is not None:
                update = adaptation or adapted
                self._threshold, self._average = update(self, self._threshold, self._average, self._previous)
        return self._threshold

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return max(x - θ, 0)."""
        activity = np.maximum(x - self.adapt(x.shape, moment), 0)
        self.follow(activity)
        return activity

    def state(self) -> State:
        """Return threshold, average, last activity and the time of the next update."""
        named = {"threshold": self._threshold, "average": self._average, "previous": self._previous}
        state = {name: array.copy() for name, array in named.items() if array is not None}
        state["next_update"] = np.array([self.next_update.numerator, self.next_update.denominator])
        return state

    def restore(self, state: State) -> None:
        """Set all four to stored values."""
        self.threshold, self.average, self.previous = (state.get(name) for name in ("threshold", "average", "previous"))
        numerator, denominator = state["next_update"]
        self.next_update = Fraction(int(numerator), int(denominator))


def adapted(
    fn: HomeostaticResponse, threshold: FloatArray, average: FloatArray, previous: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the threshold and average of a homeostatic response after one update, in double precision."""
    average = (1.0 - fn.smoothing) * previous + fn.smoothing * average
    return threshold + fn.learning_rate * (average - fn.target_activity), average


class KernelMax(Adaptive):
    """A Gaussian of activity around the unit with the largest input, and nothing elsewhere: a map's neighbourhood.

    With σ = density kernel_radius in cells, the Gaussian is cut at a square of half-width int(max(1.25, 3σ)). On a
    `periodic` sheet the first row follows the last one, and the first column the last one. Kohonen 1982,
    doi:10.1007/BF00337288.
    """

    kernel_radius = Quantity(0.1, bounds=(0, None), doc="Radius of the neighbourhood, in sheet coordinates.")
    density = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units per sheet coordinate.")
    periodic = param.Boolean(False, doc="Whether opposite edges of the sheet are neighbours, as on a torus.")

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return the neighbourhood function around the winner."""
        rows, columns = x.shape
        row, column = divmod(int(x.argmax()), columns)
        sigma = self.density * moment.number("kernel_radius", self.kernel_radius)
        half_width = int(max(1.25, 3 * sigma))
        if self.periodic:
            along_y, along_x = _around(row, rows), _around(column, columns)
            exponent = (along_y[:, None] ** 2 + along_x**2) / (-2.0 * sigma**2)
            near = (along_y <= half_width)[:, None] & (along_x <= half_width)
            return np.where(near, np.exp(exponent), 0.0)
        above, below = min(row, half_width), min(rows - row, half_width + 1)
        left, right = min(column, half_width), min(columns - column, half_width + 1)
        squares = _squares(max(rows, columns))
        middle = len(squares) // 2
        exponent = squares[middle - above : middle + below, None] + squares[middle - left : middle + right]
        exponent /= -2.0 * sigma**2
        activity = np.zeros((rows, columns))
        np.exp(exponent, out=activity[row - above : row + below, column - left : column + right])
        return activity


def _around(index: int, extent: int) -> FloatArray:
    """Return the distances of all positions on a circle of `extent` positions from one of them."""
    away = np.abs(np.arange(float(extent)) - index)
    return np.minimum(away, extent - away)


@cache
def _squares(extent: int) -> FloatArray:
    """Return the squares of all whole numbers between -extent and extent, in their order."""
    return read_only(np.arange(-float(extent), extent + 1.0) ** 2)
