"""Response functions: from the input under a connection field, and its weights, to the drive of the unit.

A response function takes `inputs` (units, rows, columns), the source activity under each unit's field and zero off the
sheet, and `weights` of the same shape, zero where there is no connection; it returns one number for each unit. A plain
function of a user's own works like those declared here. The projection's strength multiplies the result.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias, cast

import numpy as np
import param

from topo_exp.engine.checks import defined_with_call
from topo_exp.engine.streams import Real
from topo_exp.typing import FloatArray


class DotProduct(param.Parameterized):
    """The weighted sum of the inputs, Σ_j w_ij x_j."""

    def __call__(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the sum for each unit."""
        units = len(weights)
        return np.matmul(inputs.reshape(units, 1, -1), weights.reshape(units, -1, 1))[:, 0, 0]


ResponseFn: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]
"""f(inputs, weights) -> response of each unit."""


class SumOverField(Protocol):
    """A response function that depends on one sum over each field, and says how.

    Then the engine computes the terms only of cells that lie on the source sheet, which may be few. A response function
    of a user's own may define the same two methods; a call must return the same as they do.
    """

    def __call__(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return `from_sums` of the sums of `terms` over rows and columns."""

    def terms(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the term of each cell, (units, rows, columns), in a new array; it must be 0 where both are 0."""

    def from_sums(self, sums: FloatArray) -> FloatArray:
        """Return the response of each unit to the sums, (units,)."""


def as_sum(response_fn: ResponseFn) -> SumOverField | None:
    """Return a response function that is a sum over each field, or None.

    For a subclass that redefines the call, but not the terms, it is None.
    """
    kind: type = type(response_fn)
    return cast(SumOverField, response_fn) if defined_with_call(kind, "terms", "from_sums") else None


class EuclideanSimilarity(param.Parameterized):
    """How near each unit's weights are to its input, against the other units: max_k d_k - d_i, d_i = |w_i - x|.

    The response of self-organising maps (Kohonen 1982, doi:10.1007/BF00337288): the unit nearest to its input responds
    most, and the farthest one not at all.
    """

    def __call__(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the similarity for each unit, >= 0."""
        return self.from_sums(np.sum(self.terms(inputs, weights).reshape(len(weights), -1), axis=1))

    def terms(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the squared differences of inputs and weights."""
        difference = inputs - weights
        return np.square(difference, out=difference)

    def from_sums(self, sums: FloatArray) -> FloatArray:
        """Return the similarity for each unit, >= 0."""
        distance = np.sqrt(sums)
        return np.subtract(distance.max(), distance, out=distance)


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
