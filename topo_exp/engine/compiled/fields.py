"""Compiled connection fields, stored by source unit, so that only active source units are read.

`forms` says which projections have them.
"""

import numpy as np

from topo_exp.engine.compiled.buffers import Buffers, single
from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.compiled.layout import Layout
from topo_exp.engine.coordinates import FieldGeometry
from topo_exp.engine.events import Activity
from topo_exp.engine.fields import LearningFn, ResponseFn
from topo_exp.engine.memory import CheckedRule
from topo_exp.errors import StateError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State

FOLD_AFTER = 1000
"""Normalisations after which scales are multiplied into the weights."""

LEAST_SCALE = 1e-6
"""Scale below which this happens at once, lest the stored weights grow beyond single precision."""


class EventDrivenFields:
    """Weights by source unit, with a scale factor for each destination unit; same interface as `DenseFields`.

    Scales are multiplied into the weights ("folded") after `FOLD_AFTER` normalisations, or when one gets too small.
    Count and scales are part of the state, so a run that continues a stored state folds at the same times.

    Args:
        geometry: Where each field lies on the source sheet.
        template_mask: Where a field has connections, (rows, columns).
        weights: (units, rows, columns).
    """

    def __init__(self, geometry: FieldGeometry, template_mask: BoolArray, weights: FloatArray) -> None:
        self.geometry = geometry
        self.template_mask = template_mask
        self.buffers = Buffers(geometry, Layout(geometry, template_mask), learns=True)
        self.count = 0
        self.signed = False
        self.set_weights(weights)

    def weights(self) -> FloatArray:
        """Return the weights, (units, rows, columns), in a fresh array."""
        templates = np.zeros((self.geometry.units, *self.template_mask.shape), np.float32)
        self.buffers.convert(templates, self.buffers.scale, pack=False)
        return templates

    def set_weights(self, weights: FloatArray) -> None:
        """Replace the weights."""
        self.buffers.convert(np.require(weights, np.float32, ["C", "W"]), self.buffers.scale, pack=True)
        self.buffers.scale[:] = 1.0
        kernels().add_up(self.buffers.row, np.zeros(self.geometry.units + kernels().PADDING))
        self.count = 0
        self.examine_signs()

    def respond(self, source: Activity, response_fn: ResponseFn) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        return self.buffers.respond(source)

    def learn(self, rule: LearningFn, source: Activity, activity: FloatArray, rate: float) -> None:
        """Apply the Hebb rule, or another linear one, for the destination's `activity` (rows, columns)."""
        post = np.require(activity, np.float32, ["C", "W"])
        self.buffers.loaded = None
        self.buffers.source[:] = single(source)
        change = None
        if isinstance(rule, CheckedRule) and not rule.is_hebbian:
            change = rule.change(post.ravel().astype(np.float64), rate)
        least = -1.0 if self.signed else self.buffers.learn(post, rate, change, signed=False)
        if least < 0:
            least = self.buffers.learn(post, rate, change, signed=True)
            self.examine_signs()
        if change is not None and change.decay is not None:
            self.decayed(least)

    def examine_signs(self) -> None:
        """Find out whether any weight is negative, after a step that may have made it so."""
        self.signed = bool((self.buffers.weights < 0).any())

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sum of absolute weights of the given units."""
        return self.buffers.total[units]

    def norms(self, units: IntArray) -> FloatArray:
        """Return the Euclidean norm of the weights of the given units."""
        sums = np.zeros(self.geometry.units + kernels().PADDING)
        kernels().add_squares(self.buffers.row, sums)
        return np.sqrt(sums[units]) * self.buffers.scale[units]

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""
        self.buffers.scale[units] *= factors
        self.buffers.total[units] *= factors
        self.scaled(float(self.buffers.scale[units].min(initial=1.0)))

    def scaled(self, least: float) -> None:
        """Count a normalisation, and fold if it is due.

        Args:
            least: The least scale after the normalisation.
        """
        self.count += 1
        if self.count >= FOLD_AFTER or least < LEAST_SCALE:
            if not self.signed:
                padded = self.geometry.units + kernels().PADDING
                kernels().fold(self.buffers.row, np.zeros(padded), np.ones(padded))
            else:
                self.set_weights(self.weights())
            self.count = 0

    def decayed(self, least: float) -> None:
        """Count a step after which weights that are not normalised have decayed, and fold if it is due.

        Args:
            least: The least scale after the step.
        """
        self.count += 1
        if self.count >= FOLD_AFTER or least < LEAST_SCALE:
            self.set_weights(self.weights())

    def state(self) -> State:
        """Return stored weights, scales, totals, and the count of normalisations since the last folding."""
        weights = np.zeros((self.geometry.units, *self.template_mask.shape), np.float32)
        self.buffers.convert(weights, np.ones_like(self.buffers.scale), pack=False)
        return {
            "weights": weights,
            "scale": self.buffers.scale.copy(),
            "total": self.buffers.total.copy(),
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
            self.buffers.scale[:] = state["scale"]
            self.buffers.total[:] = state["total"]
            self.count = int(state["count"])

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of their layout."""
        return self.buffers.nbytes


class SharedFields:
    """A kernel that all units share, laid out like other fields.

    `opposite` are the fields of a projection to another sheet whose kernel is the negative of this one: if both have
    the same input, its response is negated instead of computed.

    Args:
        geometry: Where each field lies on the source sheet.
        template_mask: Where the kernel has connections, (rows, columns).
        kernel: (rows, columns), float32.
    """

    def __init__(self, geometry: FieldGeometry, template_mask: BoolArray, kernel: FloatArray) -> None:
        self.kernel = kernel
        self.signed = False
        self.opposite: SharedFields | None = None
        self.strength: float | None = None
        """Strength by which the last response is multiplied."""
        self.buffers = Buffers(geometry, Layout(geometry, template_mask, shared=True), learns=False)
        self.buffers.convert(np.array(kernel, np.float32)[None], self.buffers.scale, pack=True)

    def respond(self, source: Activity, response_fn: ResponseFn | None) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to the source activity."""
        return self.buffers.respond(source)
