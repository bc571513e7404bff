"""Learning rules and weight normalisation.

A learning rule takes `weights` and `inputs` (units, rows, columns), `activity` (units,) and the rate of a single
connection, the projection's learning rate / n_units, and returns the new weights; `inputs` is the source activity that
was last sent, zero off the sheet. A plain function of a user's own works like those declared here: the projection keeps
weights zero outside each field.

A rule may declare more about itself, as attributes of its class, or of a function by a decorator. Both save time only:

* `active_units_only = True`: the rule changes nothing where the activity is zero. It is called with the other units.
* `cellwise = True` (decorator `cellwise`): the new weight of a connection depends on its weight, its input, and the
  unit's activity, but not on its place in the field or on other connections. The rule is then called for the whole
  projection at once with the cells that lie on the source sheet: `weights` and `inputs` are (units, rows, columns) as
  before, but rows and columns may be fewer than those of the template. Cells that are not connections may have any
  input; the new weights there are ignored. `inputs` is read-only.

        @cellwise
        def oja(weights, inputs, activity, rate):
            y = activity[:, None, None]
            return weights + rate * y * (inputs - y * weights)

* `change(activity, rate)`: the rule is linear in inputs and weights, and this method returns its coefficients, a
  `LinearChange`. Then the rule has the compiled form. A rule with memory takes `memory` as a third argument.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import param

from topo_exp.engine.checks import defined_with_call
from topo_exp.typing import FloatArray, IntArray

Rule = TypeVar("Rule", bound=Callable[..., FloatArray])


def cellwise(rule: Rule) -> Rule:
    """Declare that a learning rule treats each connection by itself: sets `rule.cellwise`, and returns the rule."""
    rule.cellwise = True  # type: ignore[attr-defined]  # functions take attributes, which their type does not list
    return rule


@dataclass(frozen=True)
class LinearChange:
    """The change of all weights in one step, Δw_ij = gain_i x_j - decay_i w_ij - input_decay_i x_j w_ij.

    Each array is (units,): one number for each destination unit. None stands for zeros.
    """

    gain: FloatArray
    decay: FloatArray | None = None
    input_decay: FloatArray | None = None

    def times(self, factors: FloatArray) -> "LinearChange":
        """Return the change multiplied by a factor for each unit, (units,)."""
        return self._each(lambda coefficients: coefficients * factors)

    def spread(self, units: IntArray, count: int) -> "LinearChange":
        """Return the change of some units as one of `count` units, of which the others do not change."""

        def spread(coefficients: FloatArray) -> FloatArray:
            everywhere: FloatArray = np.zeros(count)
            everywhere[units] = coefficients
            return everywhere

        return self._each(spread)

    def _each(self, fn: Callable[[FloatArray], FloatArray]) -> "LinearChange":
        decay, input_decay = (None if c is None else fn(c) for c in (self.decay, self.input_decay))
        return LinearChange(fn(self.gain), decay, input_decay)

    def of(self, weights: FloatArray, inputs: FloatArray) -> FloatArray:
        """Return the change of weights, (units, rows, columns), for inputs of the same shape."""
        change = self.gain[:, None, None] * inputs
        if self.decay is not None:
            change = change - self.decay[:, None, None] * weights
        if self.input_decay is not None:
            change = change - self.input_decay[:, None, None] * inputs * weights
        return change


def is_linear(rule: object) -> bool:
    """Return True if a learning rule gives its `change`, which holds for subclasses that do not redefine the call.

    A rule that is linear in some cases only says in which by its attribute `is_linear`.
    """
    kind: type = type(rule)
    given = defined_with_call(kind, "change") and "__call__" not in getattr(rule, "__dict__", ())
    return given and bool(getattr(rule, "is_linear", True))


class Hebbian(param.Parameterized):
    """The Hebb rule, Δw_ij = rate x_i x_j (Dayan & Abbott 2001, Theoretical Neuroscience, equation 8.3)."""

    active_units_only = True
    cellwise = True

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        return weights + (rate * activity)[:, None, None] * inputs

    def change(self, activity: FloatArray, rate: float) -> LinearChange:
        """Return the coefficients of the change."""
        return LinearChange(rate * activity)


class EuclideanHebbian(param.Parameterized):
    """Moves weights towards the input, Δw_ij = rate n_units x_i (x_j - w_ij): the rule of self-organising maps.

    Kohonen 1982, doi:10.1007/BF00337288, equation 5. The rate is that of the whole field, as is usual with this rule.
    """

    active_units_only = True
    cellwise = True
    rate_of_whole_field = True

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        change = inputs - weights
        change *= (rate * activity)[:, None, None]
        change += weights
        return change

    def change(self, activity: FloatArray, rate: float) -> LinearChange:
        """Return the coefficients of the change."""
        return LinearChange(rate * activity, decay=rate * activity)


class DivisiveNormalizeL1(param.Parameterized):
    """Divides each unit's weights by the sum of their absolute values, so that they sum to 1.

    Projections with the same `norm_group` are divided by their joint sum.
    """

    single_precision = param.Boolean(
        False, doc="Add up each field's weights in single precision, as the reference does in a few models."
    )

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the normalised weights, (units, rows, columns)."""
        totals = np.abs(weights).sum(axis=(1, 2), dtype=np.float64)
        return weights * reciprocal(totals)[:, None, None]


class DivisiveNormalizeL2(param.Parameterized):
    """Divides each unit's weights by their Euclidean norm, so that their squares sum to 1.

    Then the unit with the largest dot product is the one whose weights are nearest to the input in direction (Kohonen
    1982, doi:10.1007/BF00337288).
    """

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the normalised weights, (units, rows, columns)."""
        norms = np.sqrt(np.square(weights, dtype=np.float64).sum(axis=(1, 2)))
        return weights * reciprocal(norms)[:, None, None]


class KeepWeights(param.Parameterized):
    """Leaves weights as learning made them."""

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the weights."""
        return weights


def reciprocal(totals: FloatArray) -> FloatArray:
    """Return 1 / totals, and 1 where a total is zero: a field without weights stays without."""
    if np.count_nonzero(totals) == totals.size:
        return 1.0 / totals
    return np.divide(1.0, totals, out=np.ones_like(totals), where=totals != 0)
