"""Response functions: from the input under a connection field, and its weights, to what the unit receives.

A response function takes `inputs` (units, rows, columns), the source activity under each unit's field and zero off the
sheet, and `weights` of the same shape, zero where there is no connection; it returns one number for each unit. A plain
function of a user's own works like those declared here. The projection's strength multiplies the result.
"""

import numpy as np
import param

from topo_exp.engine.streams import Real
from topo_exp.typing import FloatArray


class DotProduct(param.Parameterized):
    """The weighted sum of the inputs, Σ_j w_ij x_j."""

    def __call__(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the sum for each unit."""
        units = len(weights)
        return np.matmul(inputs.reshape(units, 1, -1), weights.reshape(units, -1, 1))[:, 0, 0]


class EuclideanSimilarity(param.Parameterized):
    """How near each unit's weights are to its input, against the other units: max_k d_k - d_i, d_i = |w_i - x|.

    The response of self-organising maps (Kohonen 1982, doi:10.1007/BF00337288): the unit nearest to its input responds
    most, and the farthest one not at all.
    """

    def __call__(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the similarity for each unit, >= 0."""
        difference = (inputs - weights).reshape(len(weights), -1)
        distance = np.sqrt(np.sum(difference * difference, axis=1))
        return distance.max() - distance


class Add(param.Parameterized):
    """Adds a group of projections' activity to that of the groups before it."""

    def __call__(self, activity: FloatArray, contribution: FloatArray) -> FloatArray:
        """Return activity + contribution."""
        return activity + contribution


class Divide(param.Parameterized):
    """Divides the activity so far by a group of projections' activity, never below zero, and a constant."""

    constant = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Added to the divisor.")

    def __call__(self, activity: FloatArray, contribution: FloatArray) -> FloatArray:
        """Return activity / (max(contribution, 0) + constant)."""
        return activity / (np.maximum(contribution, 0) + self.constant)
