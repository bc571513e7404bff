"""Connection fields stored by source unit, of which only the active ones are looked at: what is fast in this engine.

A projection whose response is the dot product, whose rule is Hebbian and whose weights are >= 0 can have
`EventDrivenFields`; one kernel that all units share, `SharedFields`. `executor` decides who gets them.
"""

from typing import Any

import numpy as np

from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.coordinates import FieldGeometry
from topo_exp.engine.fields import DenseFields, LearningFn, ResponseFn
from topo_exp.engine.learning import DivisiveNormalizeL1, Hebbian, KeepWeights
from topo_exp.engine.presentation import Shown
from topo_exp.engine.projection import CFProjection, Projection, SharedWeightCFProjection
from topo_exp.engine.response import DotProduct
from topo_exp.errors import StateError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State

FOLD_AFTER = 1000
"""Normalisations after which scales are multiplied into the weights."""

LEAST_SCALE = 1e-6
"""Scale below which this happens at once, lest the stored weights grow beyond single precision."""

FAINT = 8e-9
"""A Gaussian is not drawn where it is fainter than this."""


# ---------------------------------------------------------------------------------------------------------- layout
def aligned(size: int, dtype: type = np.float32) -> np.ndarray:
    """Return zeros that start on a cache line."""
    raw: np.ndarray = np.zeros(size + 64 // np.dtype(dtype).itemsize, dtype)
    first = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[first : first + size]


class Layout:
    """Which destination units each quad of source units reaches, as vectors of eight and four; see `kernels`."""

    def __init__(self, geometry: FieldGeometry, mask: BoolArray, *, shared: bool = False) -> None:
        rows, columns = geometry.destination_shape
        height, width = mask.shape
        corners = geometry.corners.reshape(rows, columns, 2)
        self.columns = columns
        self.template_row = np.ascontiguousarray(-corners[:, 0, 0], np.int32)
        self.template_column = np.ascontiguousarray(-corners[0, :, 1], np.int32)

        seen = _seen(geometry.source_shape[0], self.template_row, height)
        reached: BoolArray = np.any(seen >= 0, axis=1)
        row_first = reached.argmax(axis=1)
        codes = (seen[:, 0] + 1) * (height + 1) + seen[:, 1] + 1
        row_classes, row_class = np.unique(_sequences(codes, reached), axis=0, return_inverse=True)
        counts = (row_classes >= 0).sum(axis=1).astype(np.int32)
        pairs = np.stack(np.divmod(np.maximum(row_classes, 0), height + 1), axis=2).astype(np.int32) - 1

        seen = _seen(geometry.source_shape[1], self.template_column, width)
        runs, column_first = self._runs(mask, seen)
        patterns = runs.reshape(len(runs), -1)
        if shared:  # lists then stand for weights too, which depend on the template's columns
            columns_seen = _sequences(seen.reshape(-1, columns), seen.reshape(-1, columns) >= 0)
            patterns = np.hstack([patterns, columns_seen.reshape(len(runs), -1)])
        _, representative, column_class = np.unique(patterns, axis=0, return_index=True, return_inverse=True)
        column_classes = np.ascontiguousarray(runs[representative])

        self.lists = np.zeros((len(row_classes) * len(column_classes), 3), np.int32)
        none = np.zeros(0, np.int32)
        compiled = kernels()
        size = compiled.list_vectors(pairs, counts, column_classes, columns, self.lists, none, none)
        self.offsets, self.lanes = np.zeros(size, np.int32), np.zeros(size, np.int32)
        compiled.list_vectors(pairs, counts, column_classes, columns, self.lists, self.offsets, self.lanes)
        self.list_of = (row_class[:, None] * len(column_classes) + column_class).astype(np.int32).ravel()
        self.base = (row_first[:, None] * columns + column_first).astype(np.int32).ravel()
        sizes = 32 * self.lists[:, 1].astype(np.int64) + 16 * self.lists[:, 2]
        sizes = sizes if shared else sizes[self.list_of]
        start = np.cumsum(sizes) - sizes
        self.start = start[self.list_of] if shared else start
        self.size = int(sizes.sum())

    @staticmethod
    def _runs(mask: BoolArray, seen: IntArray) -> tuple[IntArray, IntArray]:
        """Return (first, length) by quad column, member (left, right) and template row, and what first counts from.

        `seen` says as which of its template's columns each destination column sees a source column.
        """
        sees = np.moveaxis(mask[:, seen], 0, 2) & (seen >= 0)[:, :, None]
        first, length = sees.argmax(axis=3), sees.sum(axis=3)
        some = length > 0
        lowest = np.where(some, first, seen.shape[2]).min(axis=(1, 2))
        column_first = np.where(some.any(axis=(1, 2)), lowest, 0)
        runs = np.stack([np.where(some, first - column_first[:, None, None], 0), length], axis=3)
        return runs.astype(np.int32), column_first

    @property
    def nbytes(self) -> int:
        """Bytes that the lists take."""
        arrays = (self.offsets, self.lanes, self.lists, self.list_of, self.base, self.start)
        return sum(array.nbytes for array in arrays)


def _seen(size: int, first: IntArray, extent: int) -> IntArray:
    """Return as which cell of its template each destination sees each of `size` source cells, two by two.

    Destination n sees cell i as i + first[n], where that is within the template's `extent`, and -1 stands for nothing:
    (half the cells, 2, destinations).
    """
    seen = np.arange(size + size % 2)[:, None] + first
    seen[(seen < 0) | (seen >= extent)] = -1
    seen[size:] = -1
    return seen.reshape(-1, 2, len(first))


def _sequences(values: IntArray, valid: BoolArray) -> IntArray:
    """Return the valid values of each row in turn, padded with -1 to equal lengths."""
    order = np.argsort(~valid, axis=1, kind="stable")
    sorted_values = np.take_along_axis(np.where(valid, values, -1), order, axis=1)
    return np.ascontiguousarray(sorted_values[:, : max(int(valid.sum(axis=1).max()), 1)], np.int32)


def has_runs(geometry: FieldGeometry, mask: BoolArray) -> bool:
    """Tell whether fields can be laid out: rows and columns independent, each row of the mask without a hole."""
    corners = geometry.corners.reshape(*geometry.destination_shape, 2)
    separable = (corners[:, :1, 0] == corners[:, :, 0]).all() and (corners[:1, :, 1] == corners[:, :, 1]).all()
    rises = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1) == 1
    ascending = (np.diff(corners[:, 0, 0]) >= 0).all() and (np.diff(corners[0, :, 1]) >= 0).all()
    return bool(separable and ascending and (rises.sum(axis=1) <= 1).all())


class Wires:
    """The arrays of one projection, and their addresses as the kernels expect them."""

    def __init__(self, geometry: FieldGeometry, layout: Layout, *, learns: bool) -> None:
        compiled = kernels()
        self.layout = layout
        n_source, n_dest = geometry.source_shape[0] * geometry.source_shape[1], geometry.units
        n_quads, padded = len(layout.start), n_dest + compiled.PADDING
        self.weights = aligned(layout.size)
        self.source = aligned(n_source + compiled.PADDING)[:n_source].reshape(geometry.source_shape)
        self.response = aligned(padded, np.float64)[:n_dest]
        self.scale = np.ones(n_dest)
        self.total = np.zeros(n_dest)
        self.view = self.response.reshape(geometry.destination_shape)
        self.loaded: Any = None
        """The input that `source` is a copy of."""
        self.answered: Any = None
        """The input that `response` is the response to."""
        self._arrays = {
            compiled.SOURCE: self.source,
            compiled.RESPONSE: self.response,
            compiled.SCALE: self.scale,
            compiled.WEIGHTS: self.weights,
            compiled.START: layout.start,
            compiled.BASE: layout.base,
            compiled.LIST: layout.list_of,
            compiled.LISTS: layout.lists,
            compiled.OFFSETS: layout.offsets,
            compiled.LANES: layout.lanes,
            compiled.PARTIAL: aligned(padded),
            compiled.ACTIVE: np.zeros(n_quads, np.int32),
            compiled.INPUTS: np.zeros((n_quads, 4), np.float32),
            compiled.TOTAL: self.total,
        }
        if learns:
            self._arrays[compiled.GATE] = aligned(padded)
            self._arrays[compiled.INPUT_SUM] = aligned(padded)
            self._arrays[compiled.NEAR] = np.zeros(padded, np.int8)
        self.row = np.zeros((1, compiled.N_ADDRESSES), np.int64)
        for column, array in self._arrays.items():
            self.row[0, column] = array.ctypes.data
        self.row[0, compiled.N_SOURCE], self.row[0, compiled.N_DEST] = n_source, n_dest
        self.row[0, compiled.SOURCE_COLUMNS] = geometry.source_shape[1]
        self.row[0, compiled.N_LISTS], self.row[0, compiled.N_OFFSETS] = len(layout.lists), len(layout.offsets)

    def convert(self, templates: FloatArray, factors: FloatArray, *, pack: bool) -> None:
        """Copy weights from templates (units, rows, columns), or those times their units' factors into them."""
        layout = self.layout
        if pack:  # what is beside the weights is zero, and was so: but 0 x NaN has put NaN there
            self.weights[:] = 0
        kernels().convert(
            self.row, layout.columns, layout.template_row, layout.template_column, templates, pack, factors
        )

    def load(self, activity: Any) -> None:
        """Take over a source activity, unless it is the one that is there."""
        if activity is not self.loaded:
            self.source[:] = single(activity)
            self.loaded = activity

    def respond(self, activity: FloatArray) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to a source activity, without strength."""
        self.loaded = None
        self.source[:] = single(activity)
        numbers = np.zeros((1, kernels().N_NUMBERS))
        numbers[0, kernels().STRENGTH] = 1.0
        kernels().respond(self.row, numbers)
        return self.view.copy()

    def learn(self, activity: FloatArray, rate: float) -> float:
        """Apply the Hebb rule without normalisation; return -1, and change nothing, where an activity is negative."""
        compiled = kernels()
        listed, numbers = np.zeros(activity.size, np.int32), np.zeros((1, compiled.N_NUMBERS))
        sheet, row = np.zeros(compiled.N_SHEET, np.int64), self.row.copy()
        sheet[compiled.ACTIVITY], sheet[compiled.LEARNERS] = activity.ctypes.data, listed.ctypes.data
        sheet[compiled.UNITS], row[0, compiled.GROUP], numbers[0, compiled.RATE] = activity.size, -1, rate
        return compiled.learn(sheet, row, numbers)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of what says where they belong."""
        return self.weights.nbytes + self.layout.nbytes


def single(activity: Any) -> FloatArray:
    """Return an activity to be taken in single precision; Gaussians are drawn where they are not faint only."""
    if not isinstance(activity, Shown):
        return activity
    if activity.single is None:
        gaussians, grid = activity.gaussians, activity.grid
        picture = np.empty(grid.shape, np.float32)
        if gaussians is None or not kernels().draw_gaussians(picture, grid.x, grid.y, gaussians, FAINT):
            picture = np.asarray(activity).astype(np.float32)
        activity.single = picture
    return activity.single


# ---------------------------------------------------------------------------------------------------------- fields
class EventDrivenFields:
    """Weights by source unit, with a scale factor for each destination unit; same interface as `DenseFields`.

    Scales are folded into the weights after `FOLD_AFTER` normalisations, or when one gets too small. Both are counted
    from the state, so a run that is continued from a stored state folds at the same moments.
    """

    def __init__(self, geometry: FieldGeometry, template_mask: BoolArray, weights: FloatArray) -> None:
        self.geometry = geometry
        self.template_mask = template_mask
        self.wires = Wires(geometry, Layout(geometry, template_mask), learns=True)
        self.count = 0
        self.signed = False
        self.set_weights(weights)

    def weights(self) -> FloatArray:
        """Return the weights, (units, rows, columns), in a fresh array."""
        templates = np.zeros((self.geometry.units, *self.template_mask.shape), np.float32)
        self.wires.convert(templates, self.wires.scale, pack=False)
        return templates

    def set_weights(self, weights: FloatArray) -> None:
        """Replace the weights."""
        self.wires.convert(np.ascontiguousarray(weights, np.float32), self.wires.scale, pack=True)
        self.wires.scale[:] = 1.0
        kernels().add_up(self.wires.row, np.zeros(self.geometry.units + kernels().PADDING))
        self.count = 0
        self.signed = bool((self.wires.weights < 0).any())

    def respond(self, source: FloatArray, response_fn: ResponseFn) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        return self.wires.respond(source)

    def learn(self, rule: LearningFn, source: FloatArray, activity: FloatArray, rate: float) -> None:
        """Apply the Hebbian rule for the destination's `activity` (rows, columns)."""
        post = np.ascontiguousarray(activity, np.float32)
        self.wires.loaded = None
        self.wires.source[:] = single(source)
        if self.signed or self.wires.learn(post, rate) < 0:
            mask = self.geometry.on_sheet & self.template_mask
            dense = DenseFields(self.geometry, mask, self.weights(), np.float64)
            dense.learn(rule, np.asarray(single(source), np.float32), post, rate)
            self.set_weights(dense.weights())

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sum of absolute weights of the given units."""
        if self.signed:
            return np.abs(self.weights()).sum(axis=(1, 2), dtype=np.float64)[units]
        return self.wires.total[units]

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""
        self.wires.scale[units] *= factors
        self.wires.total[units] *= factors
        self.scaled(float(self.wires.scale[units].min(initial=1.0)))

    def scaled(self, least: float) -> None:
        """Count a normalisation that left `least` as the least scale, and fold when it is time."""
        self.count += 1
        if self.count >= FOLD_AFTER or least < LEAST_SCALE:
            if not self.signed:
                padded = self.geometry.units + kernels().PADDING
                kernels().fold(self.wires.row, np.zeros(padded), np.ones(padded))
            else:
                self.set_weights(self.weights())
            self.count = 0

    def state(self) -> State:
        """Return stored weights, scales, totals, and the count of normalisations since the last folding."""
        weights = np.zeros((self.geometry.units, *self.template_mask.shape), np.float32)
        self.wires.convert(weights, np.ones_like(self.wires.scale), pack=False)
        return {
            "weights": weights,
            "scale": self.wires.scale.copy(),
            "total": self.wires.total.copy(),
            "count": np.array(self.count),
        }

    def restore(self, state: State) -> None:
        """Take everything from a stored state, of this or of dense fields."""
        weights = np.asarray(state["weights"])
        if weights.shape != (self.geometry.units, *self.template_mask.shape):
            raise StateError(
                f"fields: must have the stored shape (got {(self.geometry.units, *self.template_mask.shape)}, stored "
                f"{weights.shape}). Restore into the same model with the same parameters."
            )
        self.set_weights(weights)
        if "scale" in state:
            self.wires.scale[:] = state["scale"]
            self.wires.total[:] = state["total"]
            self.count = int(state["count"])

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of what says where they belong."""
        return self.wires.nbytes


def supports(projection: CFProjection) -> bool:
    """Tell whether a projection's fields can be `EventDrivenFields`: exact for Hebbian rules and weights >= 0."""
    if type(projection.response_fn) is not DotProduct or type(projection.learning_fn) is not Hebbian:
        return False
    output = projection.weights_output_fn
    if type(output) not in (DivisiveNormalizeL1, KeepWeights) or getattr(output, "single_precision", False):
        return False
    fields = projection.fields
    if not isinstance(fields, DenseFields):
        return True
    if fields.refused is None:
        regular = has_runs(projection.geometry, projection.template_mask) and fields.fills(projection.mask)
        fields.refused = not regular or (type(output) is DivisiveNormalizeL1 and bool((fields.weights() < 0).any()))
    return not fields.refused


class SharedFields:
    """A kernel that all units share, laid out like other fields.

    `opposite` are the fields of a projection to another sheet whose kernel is the negative of this one: where both have
    the same input, its response need only be negated.
    """

    def __init__(self, projection: SharedWeightCFProjection) -> None:
        self.kernel = projection.weights
        self.opposite: SharedFields | None = None
        self.strength: float | None = None
        """Strength that is part of the last response."""
        geometry = projection.geometry
        self.wires = Wires(geometry, Layout(geometry, projection.template_mask, shared=True), learns=False)
        self.wires.convert(self.kernel[None], self.wires.scale, pack=True)

    def respond(self, source: FloatArray) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        return self.wires.respond(source)


def fast_fields(projection: Projection) -> EventDrivenFields | SharedFields | None:
    """Return what the kernels know of a projection, or None where its fields are dense."""
    fields = getattr(projection, "fast" if isinstance(projection, SharedWeightCFProjection) else "fields", None)
    return fields if isinstance(fields, EventDrivenFields | SharedFields) else None
