"""Output functions beside rectification; see `topo_exp.engine.transfer` for those of the GCAL and LISSOM models.

Each takes the combined input x of a sheet's units and returns their activity y, an array of the same shape.
"""

from fractions import Fraction

import numpy as np
import param

from topo_exp.engine.moment import Moment
from topo_exp.engine.streams import Real
from topo_exp.engine.transfer import Adaptive
from topo_exp.typing import FloatArray, State


class Square(param.Parameterized):
    """The square of the input, y = x².

    References:
        Adelson & Bergen 1985, J Opt Soc Am A 2:284, doi:10.1364/JOSAA.2.000284: the energy model of complex cells.
    """

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the squares."""
        return x * x


class HalfRectifyAndSquare(param.Parameterized):
    """The square of the input above a threshold t, y = max(x - t, 0)².

    References:
        Heeger 1992, Vis Neurosci 9:181, doi:10.1017/S0952523800009640.
    """

    t = Real(0.0, doc="Threshold t.")

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the squares of what exceeds the threshold."""
        return np.maximum(x - self.t, 0) ** 2


class HalfRectifyAndPower(param.Parameterized):
    """A power of the input above a threshold t, y = max(x - t, 0)^e.

    References:
        Miller & Troyer 2002, J Neurophysiol 87:653, doi:10.1152/jn.00425.2001.
    """

    e = Real(2.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Exponent e.")
    t = Real(0.0, doc="Threshold t.")

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the powers of what exceeds the threshold."""
        return np.maximum(x - self.t, 0) ** self.e


class NakaRushton(param.Parameterized):
    """A response that saturates, y = x^e / (x^e + c50^e) for x > 0, else 0: half of its maximum at x = c50.

    References:
        Naka & Rushton 1966, J Physiol 185:587, doi:10.1113/jphysiol.1966.sp008003.
    """

    c50 = Real(0.1, bounds=(0, None), inclusive_bounds=(False, True), doc="Input with half of the largest response.")
    e = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Exponent e: the steepness.")

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the responses, in [0, 1)."""
        ratio = np.maximum(x, 0) / self.c50
        small, inverse = np.minimum(ratio, 1) ** self.e, (1 / np.maximum(ratio, 1)) ** self.e
        return np.where(ratio > 1, 1 / (1 + inverse), small / (1 + small))


class Logistic(param.Parameterized):
    """The logistic sigmoid, y = 1 / (1 + exp(-(r x + k))).

    References:
        Wilson & Cowan 1972, Biophys J 12:1, doi:10.1016/S0006-3495(72)86068-5.
    """

    r = Real(1.0, doc="Slope r: 4 times the derivative where y = 1/2.")
    k = Real(0.0, doc="Shift k: y = 1/2 at x = -k/r.")

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the activity in (0, 1)."""
        return _logistic(self.r * x + self.k)


class GeneralizedLogistic(param.Parameterized):
    """A sigmoid of any height and asymmetry, y = l + u / (1 + b exp(-r (x - 2 m)))^(1/b).

    References:
        Richards 1959, J Exp Bot 10:290, doi:10.1093/jxb/10.2.290.
    """

    l = Real(0.0, doc="Activity that is approached for small inputs.")  # noqa: E741  # named as in the equation
    u = Real(1.0, doc="Height: l + u is approached for large inputs.")
    m = Real(0.5, doc="Half of the input of steepest growth.")
    r = Real(1.0, doc="Rate of growth.")
    b = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Asymmetry: 1 gives the logistic sigmoid.")

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the activity between l and l + u."""
        exponent = np.log(self.b) - self.r * (x - 2 * self.m)
        return self.l + self.u * np.exp(-_log_of_one_plus_exp(exponent) / self.b)


class BinaryThreshold(param.Parameterized):
    """A unit that is on or off: y = 1 where x > t, else 0.

    References:
        McCulloch & Pitts 1943, Bull Math Biophys 5:115, doi:10.1007/BF02478259.
    """

    t = Real(0.25, doc="Threshold t.")

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return 0 or 1, and NaN for NaN."""
        return np.where(np.isnan(x), x, (x > self.t).astype(np.float64))


class HomeostaticMaxEnt(Adaptive):
    """A sigmoid whose slope and shift keep each unit's activity distributed exponentially, of a given mean.

    y = 1 / (1 + exp(-(a x + b))); once a `period`, with the input x and the activity y of the last application,
    Δb = eta (1 - (2 + 1/mu) y + y²/mu) and Δa = eta/a + x Δb. Of all distributions on positive numbers with the mean
    mu, the exponential one has the largest entropy.

    References:
        Triesch 2007, Neural Comput 19:885, doi:10.1162/neco.2007.19.4.885.
    """

    a_init = Real(13.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Slope a of all units at the start.")
    b_init = Real(-4.0, doc="Shift b of all units at the start.")
    eta = Real(0.0002, bounds=(0, None), doc="Rate of change of a and b.")
    mu = Real(0.01, bounds=(0, 1), inclusive_bounds=(False, False), doc="Mean activity that a and b lead to.")
    period = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Time between two updates.")

    def __init__(self, **params: object) -> None:
        """Declare the function with the given parameters."""
        super().__init__(**params)
        self._arrays: dict[str, FloatArray] = {}
        self._next_update = Fraction(str(self.period))

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return the activity, after an update of a and b if a period has passed since the last one."""
        if not self._arrays:
            self._arrays = {"a": np.full(x.shape, float(self.a_init)), "b": np.full(x.shape, float(self.b_init))}
        if moment.now > self._next_update:
            self._next_update += Fraction(str(self.period))
            if moment.plastic and "y" in self._arrays:
                self._adapt()
        activity = _logistic(self._arrays["a"] * x + self._arrays["b"])
        self._arrays |= {"x": x.copy(), "y": activity.copy()}
        return activity

    def _adapt(self) -> None:
        a, b, x, y = (self._arrays[name] for name in ("a", "b", "x", "y"))
        change = self.eta * (1 - (2 + 1 / self.mu) * y + y * y / self.mu)
        self._arrays |= {"a": a + self.eta / a + x * change, "b": b + change}

    def state(self) -> State:
        """Return a and b, the last input and activity, and the time of the next update."""
        state = {name: array.copy() for name, array in self._arrays.items()}
        state["next_update"] = np.array([self._next_update.numerator, self._next_update.denominator])
        return state

    def restore(self, state: State) -> None:
        """Set the memory to a stored one."""
        self._arrays = {name: state[name].copy() for name in ("a", "b", "x", "y") if name in state}
        numerator, denominator = state["next_update"]
        self._next_update = Fraction(int(numerator), int(denominator))


def _logistic(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return np.exp(-_log_of_one_plus_exp(-x))


def _log_of_one_plus_exp(x: FloatArray) -> FloatArray:
    """Return ln(1 + exp(x)), without overflow, and NaN for NaN."""
    with np.errstate(invalid="ignore"):  # NaN is passed on, as by all output functions, and reported by the network
        return np.logaddexp(0, x)
