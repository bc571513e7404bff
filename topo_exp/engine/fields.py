"""The connection fields of one projection, stored densely: the form that reads like the equations.

Projections for which there is a compiled form (`compiled.fields`) have that instead, with the same interface.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topo_exp.engine.coordinates import FieldGeometry, Frames
from topo_exp.engine.presentation import Shown
from topo_exp.engine.response import ResponseFn, SumOverField
from topo_exp.errors import StateError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State

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

    def norms(self, units: IntArray) -> FloatArray:
        """Return the Euclidean norm of the weights of the given units, in double precision."""

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""

    def state(self) -> State:
        """Return everything that the weights are, bit for bit."""

    def restore(self, state: State) -> None:
        """Take the weights from a stored state, bit for bit."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the weights take."""


FRAMES_BELOW = 0.75
"""Share of the template's cells below which weights are kept on frames instead of templates."""


class DenseFields:
    """Weights in one float32 array (units, rows, columns), worked on with NumPy.

    With `arithmetic` float64 this is the reference precision: weights are rounded to float32 where the reference
    rounds, after learning and again after normalisation, and everything else is done in double precision.

    Where much of the templates lies off the source sheet, weights are kept on frames (`coordinates.Frames`) from their
    first use on. Functions that do not declare that they work on single cells are given templates all the same; so
    every sum is over the same numbers in the same order, and gives the same bits.
    """

    def __init__(self, geometry: FieldGeometry, mask: BoolArray, weights: FloatArray, arithmetic: type) -> None:
        self.geometry = geometry
        self._mask = mask
        self._weights = np.array(weights, np.float32)
        self._arithmetic = arithmetic
        self._frames: Frames | None = None
        self._is_laid_out = False
        self._is_full = False
        """Whether every cell of every frame or template is a connection."""
        self._source: FloatArray | Shown | None = None
        self._patches: dict[bool, FloatArray] = {}
        """The activity `_source` under each field, read-only: on frames (True), on templates (False)."""
        self._all_units: bytes | None = None
        """The numbers of all units in ascending order: bytes are compared faster than arrays."""
        self._terms: FloatArray | None = None
        """Array on templates for the terms of a sum, kept because a new large array costs more than the sum."""

    def _lay_out(self) -> None:
        """Keep the weights on frames, where these are much smaller; done at the first use, not for compiled fields."""
        self._is_laid_out = True
        self._is_full = bool(self._mask.all())
        rows, columns = self.geometry.slices[:, 1::2].T - self.geometry.slices[:, ::2].T
        template = self.geometry.template.shape
        if rows.max() * columns.max() < FRAMES_BELOW * template[0] * template[1]:
            self._frames = self.geometry.frames
            self._weights, self._mask = self._frames.pack(self._weights), self._frames.pack(self._mask)
            self._is_full = bool(self._mask.all())

    def _on_templates(self, array: NDArray) -> NDArray:
        """Return an array on frames, or on templates already, as one on templates."""
        return array if self._frames is None else self._frames.unpack(array)

    @property
    def connections(self) -> BoolArray:
        """Where there are connections, (units, rows, columns)."""
        return self._on_templates(self._mask)

    def fills(self, mask: BoolArray) -> bool:
        """Return True if there are connections exactly where `mask`, (units, rows, columns), is true."""
        return np.array_equal(self.connections, mask)

    def weights(self) -> FloatArray:
        """Return a copy of the weights."""
        return self._weights.copy() if self._frames is None else self._frames.unpack(self._weights)

    def set_weights(self, weights: FloatArray) -> None:
        """Replace the weights, keeping them zero where there is no connection."""
        self._take(np.where(self.connections, weights, 0).astype(np.float32))

    def _take(self, templates: FloatArray) -> None:
        """Replace the weights by those of an array of ours."""
        self._weights = templates if self._frames is None else self._frames.pack(templates)

    def _inputs(self, source: FloatArray | Shown, *, frames: bool) -> FloatArray:
        """Return the source activity under each field, read-only, on frames or on templates."""
        frames = frames and self._frames is not None
        if source is not self._source:
            self._patches.clear()
            self._source = None if isinstance(source, np.ndarray) and source.flags.writeable else source
        elif frames in self._patches:
            return self._patches[frames]
        activity: FloatArray = np.asarray(source, self._arithmetic)
        layout = self._frames if frames and self._frames else self.geometry
        patches = layout.patches(activity)  # a new array, or a view of one that is read-only
        if patches.flags.writeable:
            patches.setflags(write=False)
        if self._source is not None:
            self._patches[frames] = patches
        return patches

    def respond(self, source: FloatArray | Shown, response_fn: ResponseFn) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        if not self._is_laid_out:
            self._lay_out()
        weights: FloatArray = self._on_templates(self._weights).astype(self._arithmetic, copy=False)
        response = response_fn(self._inputs(source, frames=False).copy(), weights)
        return response.reshape(self.geometry.destination_shape)

    def respond_by_sums(self, source: FloatArray | Shown, response_fn: SumOverField) -> FloatArray:
        """Return the response (rows, columns) that is a function of sums over fields."""
        if not self._is_laid_out:
            self._lay_out()
        weights: FloatArray = self._weights.astype(self._arithmetic, copy=False)
        terms = response_fn.terms(self._inputs(source, frames=True), weights)
        if self._frames is not None:
            if self._terms is None:
                self._terms = np.zeros((self.geometry.units, *self.geometry.template.shape), self._arithmetic)
            terms = self._frames.unpack(terms, into=self._terms)
        sums = np.add.reduce(terms.reshape(self.geometry.units, -1), axis=1)
        return response_fn.from_sums(sums).reshape(self.geometry.destination_shape)

    def learn(self, rule: LearningFn, source: FloatArray | Shown, activity: FloatArray, rate: float) -> None:
        """Apply a learning rule to all units, or to the active ones where the rule asks for those only."""
        if not self._is_laid_out:
            self._lay_out()
        post: FloatArray = np.asarray(activity, self._arithmetic).ravel()
        some: IntArray | slice = slice(None)
        if getattr(rule, "active_units_only", False) and np.count_nonzero(post) < post.size:
            some = post.nonzero()[0]
        if getattr(rule, "cellwise", False):
            weights: FloatArray = self._weights[some].astype(self._arithmetic)
            new = rule(weights, self._inputs(source, frames=True)[some], post[some], rate)
        else:
            weights = self._on_templates(self._weights)[some].astype(self._arithmetic)
            new = rule(weights, self._inputs(source, frames=False)[some].copy(), post[some], rate)
            if self._frames is not None:
                templates = np.zeros((post.size, *self.geometry.template.shape), new.dtype)
                templates[some] = new
                new = self._frames.pack(templates)[some]
        self._weights[some] = new if self._is_full else np.where(self._mask[some], new, 0)

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sum of absolute weights of the given units, in double precision."""
        return np.abs(self._on_templates(self._weights)[units]).sum(axis=(1, 2), dtype=np.float64)

    def norms(self, units: IntArray) -> FloatArray:
        """Return the Euclidean norm of the weights of the given units, in double precision."""
        weights = self._weights[self._chosen(units)].reshape(len(units), -1).astype(np.float64)
        return np.sqrt(np.einsum("uc,uc->u", weights, weights))

    def cropped_totals(self, units: IntArray) -> FloatArray:
        """Return the sums of absolute weights, each added up in single precision over the field on the sheet."""
        weights = np.abs(self._on_templates(self._weights)[self._chosen(units)])
        if len(self.geometry.windows) == 1:
            (first, end, left, right), _ = self.geometry.windows[0]
            fields = weights[:, first:end, left:right].reshape(len(units), (end - first) * (right - left))
            return np.add.reduce(fields, axis=1)
        totals = np.empty(len(units), np.float32)
        place = np.full(self.geometry.units, -1)
        place[units] = np.arange(len(units))
        for (first, end, left, right), members in self.geometry.windows:
            own = place[members]
            own = own[own >= 0]
            fields = weights[own, first:end, left:right].reshape(len(own), (end - first) * (right - left))
            totals[own] = np.add.reduce(fields, axis=1)
        return totals

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""
        some, each = self._chosen(units), factors[:, None, None]
        if isinstance(some, slice):
            np.multiply(self._weights, each, out=self._weights, casting="same_kind")
        else:
            self._weights[some] = self._weights[some] * each

    def _chosen(self, units: IntArray) -> IntArray | slice:
        """Return an index of the given units: a slice, which copies nothing, if these are all in ascending order."""
        if self._all_units is None:
            self._all_units = np.arange(self.geometry.units).tobytes()
        is_all = len(units) == self.geometry.units and units.tobytes() == self._all_units
        return slice(None) if is_all else units

    def state(self) -> State:
        """Return a copy of the weights."""
        return {"weights": self.weights()}

    def restore(self, state: State) -> None:
        """Take the weights from a stored state."""
        weights = np.array(state["weights"], np.float32)
        if "scale" in state:  # stored by compiled fields
            weights = (weights * state["scale"][:, None, None]).astype(np.float32)
        expected = (self.geometry.units, *self.geometry.template.shape)
        if weights.shape != expected:
            raise StateError(
                f"fields: must have the stored shape {weights.shape} (got {expected}). "
                "Restore into the same model with the same parameters."
            )
        self._take(weights)

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
