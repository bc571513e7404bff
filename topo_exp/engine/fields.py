"""The connection fields of one projection, stored densely: the form that reads like the equations.

Projections for which there is a compiled form (`compiled.fields`) have that instead, with the same interface.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from topo_exp.engine.coordinates import FieldGeometry
from topo_exp.engine.presentation import Shown
from topo_exp.errors import StateError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State

ResponseFn = Callable[[FloatArray, FloatArray], FloatArray]
LearningFn = Callable[[FloatArray, FloatArray, FloatArray, float], FloatArray]


class Responder(Protocol):
    """Computes the responses of one projection."""

    def respond(self, source: FloatArray | Shown, response_fn: ResponseFn | None) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity.

        Args:
            source: Activity of the source sheet, (rows, columns).
            response_fn: f(inputs, weights) -> response of each unit; None for the dot product.
        """


class Fields(Protocol):
    """The connection fields of one projection, dense or compiled.

    Weights go in and out as (units, rows, columns) on the uncropped template, zero where there is no connection.
    """

    geometry: FieldGeometry

    def weights(self) -> FloatArray:
        """Return the weights, in a fresh array."""

    def set_weights(self, weights: FloatArray) -> None:
        """Replace the weights."""

    def respond(self, source: FloatArray | Shown, response_fn: ResponseFn) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""

    def learn(self, rule: LearningFn, source: FloatArray | Shown, activity: FloatArray, rate: float) -> None:
        """Apply a learning rule for the destination's `activity` (rows, columns).

        The rule is called with units in ascending order, in one call or in several.
        """

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sum of absolute weights of the given units, in double precision."""

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""

    def state(self) -> State:
        """Return everything that the weights are, bit for bit."""

    def restore(self, state: State) -> None:
        """Take the weights from a stored state, bit for bit."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the weights take."""


class DenseFields:
    """Weights in one float32 array (units, rows, columns), worked on with NumPy.

    With `arithmetic` float64 this is the reference precision: weights are rounded to float32 where the reference
    rounds, after learning and again after normalisation, and everything else is done in double precision.
    """

    def __init__(self, geometry: FieldGeometry, mask: BoolArray, weights: FloatArray, arithmetic: type) -> None:
        self.geometry = geometry
        self._mask = mask
        self._weights = np.array(weights, np.float32)
        self._arithmetic = arithmetic

    @property
    def connections(self) -> BoolArray:
        """Where there are connections, (units, rows, columns)."""
        return self._mask

    def fills(self, mask: BoolArray) -> bool:
        """Return True if there are connections exactly where `mask`, (units, rows, columns), is true."""
        return np.array_equal(self._mask, mask)

    def weights(self) -> FloatArray:
        """Return a copy of the weights."""
        return self._weights.copy()

    def set_weights(self, weights: FloatArray) -> None:
        """Replace the weights, keeping them zero where there is no connection."""
        self._weights = np.where(self._mask, weights, 0).astype(np.float32)

    def _inputs(self, source: FloatArray | Shown) -> FloatArray:
        return self.geometry.patches(np.asarray(source, self._arithmetic))

    def respond(self, source: FloatArray | Shown, response_fn: ResponseFn) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        response = response_fn(self._inputs(source), self._weights.astype(self._arithmetic, copy=False))
        return response.reshape(self.geometry.destination_shape)

    def learn(self, rule: LearningFn, source: FloatArray | Shown, activity: FloatArray, rate: float) -> None:
        """Apply a learning rule to all units, or to the active ones where the rule asks for those only."""
        post: FloatArray = np.asarray(activity, self._arithmetic).ravel()
        only_active = getattr(rule, "active_units_only", False)
        units = np.flatnonzero(post) if only_active else np.arange(post.size)
        weights: FloatArray = self._weights[units].astype(self._arithmetic, copy=False)
        new = rule(weights, self._inputs(source)[units], post[units], rate)
        self._weights[units] = np.where(self._mask[units], new, 0)

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sum of absolute weights of the given units, in double precision."""
        return np.abs(self._weights[units]).sum(axis=(1, 2), dtype=np.float64)

    def cropped_totals(self, units: IntArray) -> FloatArray:
        """Return the sums of absolute weights, each added up in single precision over the field on the sheet."""
        totals = np.empty(len(units), np.float32)
        slices, offsets = self.geometry.slices, self.geometry.offsets
        for i, unit in enumerate(units):
            (row, column), (r1, r2, c1, c2) = offsets[unit], slices[unit]
            field = self._weights[unit, row : row + r2 - r1, column : column + c2 - c1]
            totals[i] = np.abs(field.ravel()).sum()
        return totals

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""
        self._weights[units] = self._weights[units] * factors[:, None, None]

    def state(self) -> State:
        """Return a copy of the weights."""
        return {"weights": self._weights.copy()}

    def restore(self, state: State) -> None:
        """Take the weights from a stored state."""
        weights = np.array(state["weights"], np.float32)
        if "scale" in state:  # stored by compiled fields
            weights = (weights * state["scale"][:, None, None]).astype(np.float32)
        if weights.shape != self._weights.shape:
            raise StateError(
                f"fields: must have the stored shape {weights.shape} (got {self._weights.shape}). "
                "Restore into the same model with the same parameters."
            )
        self._weights = weights

    @property
    def nbytes(self) -> int:
        """Bytes of the weights."""
        return self._weights.nbytes


class DenseKernel:
    """One kernel that all units of a projection share, (rows, columns), applied with NumPy in double precision."""

    def __init__(self, geometry: FieldGeometry, kernel: FloatArray) -> None:
        self.geometry = geometry
        self._kernel = kernel.astype(np.float64)

    def respond(self, source: FloatArray | Shown, response_fn: ResponseFn | None) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        activity = np.asarray(source, np.float64)
        if response_fn is None:
            return self.geometry.respond_to_kernel(activity, self._kernel)
        weights = np.where(self.geometry.on_sheet, self._kernel, 0.0)
        return response_fn(self.geometry.patches(activity), weights).reshape(self.geometry.destination_shape)
