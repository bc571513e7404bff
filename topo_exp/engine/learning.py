"""Learning rules and weight normalisation.

A learning rule takes `weights` and `inputs` (units, rows, columns), `activity` (units,) and the rate of a single
connection, the projection's learning rate / n_units, and returns the new weights; `inputs` is the source activity that
was last sent, zero off the sheet. A plain function of a user's own works like those declared here: the projection keeps
weights zero outside each field. A rule with `active_units_only` is called with those units only whose activity is not
zero.
"""

import numpy as np
import param

from topo_exp.typing import FloatArray


class Hebbian(param.Parameterized):
    """The Hebb rule, Δw_ij = rate x_i x_j (Dayan & Abbott 2001, Theoretical Neuroscience, equation 8.3)."""

    active_units_only = True

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        return weights + (rate * activity)[:, None, None] * inputs


class EuclideanHebbian(param.Parameterized):
    """Moves weights towards the input, Δw_ij = rate n_units x_i (x_j - w_ij): the rule of self-organising maps.

    Kohonen 1982, doi:10.1007/BF00337288, equation 5. The rate is that of the whole field, as is usual with this rule.
    """

    active_units_only = True
    rate_of_whole_field = True

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the weights after one step."""
        return weights + (rate * activity)[:, None, None] * (inputs - weights)


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


class KeepWeights(param.Parameterized):
    """Leaves weights as learning made them."""

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the weights."""
        return weights


def reciprocal(totals: FloatArray) -> FloatArray:
    """Return 1 / totals, and 1 where a total is zero: a field without weights stays without."""
    return np.divide(1.0, totals, out=np.ones_like(totals), where=totals != 0)
