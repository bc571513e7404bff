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
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import param

from topo_exp.typing import FloatArray

Rule = TypeVar("Rule", bound=Callable[..., FloatArray])


def cellwise(rule: Rule) -> Rule:
    """Declare that a learning rule treats each connection by itself: sets `rule.cellwise`, and returns the rule."""
    rule.cellwise = True  # type: ignore[attr-defined]  # functions take attributes, which their type does not list
    return rule


class Hebbian(param.Parameterized):
    """The Hebb rule, Δw_ij = rate x_i x_j (Dayan & Abbott 2001, Theoretical Neuroscience, equation 8.3)."""

    active_units_only = True
    cellwise = True

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        return weights + (rate * activity)[:, None, None] * inputs


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
