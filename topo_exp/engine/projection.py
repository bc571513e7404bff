"""Projections: sets of connection fields that carry activity from one sheet to another, and learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import param

from topo_exp.engine.checks import behaves_as, require_shape, require_signature
from topo_exp.engine.coordinates import BoundingBox, Template
from topo_exp.engine.fields import DenseFields, DenseKernel, Fields, LearningFn, Responder
from topo_exp.engine.learning import (
    DivisiveNormalizeL1,
    DivisiveNormalizeL2,
    Hebbian,
    KeepWeights,
    is_linear,
    reciprocal,
)
from topo_exp.engine.memory import CheckedRule, RuleMemory, declared_memory
from topo_exp.engine.moment import Moment
from topo_exp.engine.presentation import Shown
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.response import DotProduct, SumOverField, as_sum
from topo_exp.engine.streams import NumberGenerator, Quantity, Streams
from topo_exp.engine.weights import cells, draw_weights
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray, IntArray, State, read_only, read_only_copy


class CFProjection(Projection):
    """A projection in which each unit has weights of its own and may learn them.

    The response of unit i is strength Σ_j w_ij x_j over the cells j of its field, or another function of weights and
    inputs. Fields can shrink while the network runs (`change_bounds`). Its `weights` are (units of the destination
    row-major, rows, columns) on the uncropped template, zero off the sheet.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: connection fields.
        Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual Cortex, chapter 4.
    """

    learning_rate = Quantity(
        0.0, instantiate=True, bounds=(0, None), doc="Learning rate of a whole field; a connection's is this / n_units."
    )
    learning_fn = param.Callable(
        Hebbian(),
        instantiate=True,
        doc="f(weights, inputs, activity, rate) -> new weights; see topo_exp.engine.learning.",
    )
    weights_output_fn = param.Callable(
        DivisiveNormalizeL1(), instantiate=True, doc="f(weights) -> weights, applied after learning."
    )
    norm_group = param.String(
        None, doc="Projections of one sheet with the same group are normalised by their joint sum."
    )

    fields: Fields
    """The connection fields, in dense or compiled form."""

    memory: RuleMemory
    """The memory of the learning rule, empty for rules without."""

    rate_factors: FloatArray | None = None
    """By which the change of each unit's weights is multiplied, (units,), float64; None for 1."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._irregular = False
        """Whether connections are missing that bounds and shape alone would give, since fields have shrunk."""
        self._is_initial = True
        """Whether the weights are as they were drawn."""
        self._joint: FloatArray | None = None
        """Factors (units,) of the first joint normalisation, which is applied when the network is complete."""

        self._sum: SumOverField | None
        """The response function as a sum over fields, or None if it is none."""
        self._rule: LearningFn
        self._rate: float | NumberGenerator
        self._rule_path: str
        """The learning rule's name in messages."""
        self._rate_is_of_field: bool
        """Whether the learning rule takes the rate of a whole field."""
        self._normalisation: Callable[[FloatArray], FloatArray]
        self._divides: bool
        """Whether the normalisation divides by sums."""
        self._is_single: bool
        """Whether it adds them up in single precision."""

    def refresh(self) -> None:
        """Read parameters into plain attributes; called before each run and after each scheduled action."""
        super().refresh()
        self._sum = as_sum(self.response_to)
        self._rule, self._rate, self._normalisation = self.learning_fn, self.learning_rate, self.weights_output_fn
        self._rule_path = f"{self.path}.learning_fn"
        self._rate_is_of_field = bool(getattr(self._rule, "rate_of_whole_field", False))
        self._divides = behaves_as(self._normalisation, DivisiveNormalizeL1)
        self._is_single = bool(getattr(self._normalisation, "single_precision", False))

    def functions(self) -> dict[str, tuple[Callable[..., FloatArray], tuple[str, ...]]]:
        """Return the functions that this projection calls, by parameter, with the arguments that they are given."""
        arguments: tuple[str, ...] = ("weights", "inputs", "activity", "rate")
        if declared_memory(self.learning_fn, f"{self.path}.learning_fn"):
            arguments = (*arguments, "memory")
        return super().functions() | {
            "learning_fn": (self.learning_fn, arguments),
            "weights_output_fn": (self.weights_output_fn, ("weights",)),
        }

    def check_functions(self) -> None:
        """Refuse functions that cannot be called, and begin the memory of a learning rule that is new."""
        super().check_functions()
        declared = declared_memory(self.learning_fn, f"{self.path}.learning_fn")
        if is_linear(self.learning_fn):
            arguments = ("activity", "rate", "memory") if declared else ("activity", "rate")
            require_signature(self.learning_fn.change, arguments, f"{self.path}.learning_fn.change")
        if not hasattr(self, "memory") or declared != self.memory.declared:
            self.memory = RuleMemory(declared, self._fields_shape)

    @property
    def _fields_shape(self) -> tuple[int, int, int]:
        return (self.geometry.units, *self.geometry.template.shape)

    def bytes_needed(self, cells: int) -> int:
        """Return the bytes that so many weights take while they are drawn: once drawn, once stored, and a mask."""
        return 9 * cells

    def draw_initial(self, streams: Streams) -> None:
        """Draw the initial weights, and normalise each unit's."""
        geometry = self.geometry
        weights = draw_weights(self.weights_generator, geometry, self.src.grid, self.dest.grid, streams, self.path)
        mask = self.mask
        weights *= mask
        self.fields = DenseFields(geometry, mask, weights, np.float64)
        self.normalize(np.arange(geometry.units))

    def expect_joint(self, factors: FloatArray) -> None:
        """Show weights that are multiplied by the factors of a joint normalisation, (units,), until it is applied."""
        self._joint = factors

    def finish(self) -> None:
        """Normalise weights that are still the initial ones: jointly in a group, else by themselves."""
        units = np.arange(self.geometry.units)
        if self._is_initial and self._joint is not None:
            self.scale(units, self._joint)
        elif self._is_initial:
            self.normalize(units)
        self._is_initial, self._joint = False, None

    @property
    def weights(self) -> FloatArray:
        """The weights, (units, rows, columns), float32, in a read-only copy; assign to change them."""
        weights = self.fields.weights()
        if self._joint is not None:
            weights = (weights * self._joint[:, None, None]).astype(np.float32)
        return read_only(weights)

    @weights.setter
    def weights(self, weights: FloatArray) -> None:
        if np.shape(weights) != self._fields_shape:
            raise ParameterError(
                f"{self.path}.weights: must be (units, rows, columns) = {self._fields_shape} (got "
                f"{np.shape(weights)}). Give weights on the uncropped template."
            )
        self.record_undo()
        self._is_initial, self._joint = False, None
        self.fields.set_weights(np.asarray(weights))

    @property
    def nbytes(self) -> int:
        """Bytes that the weights and the memory of the learning rule take."""
        return self.fields.nbytes + self.memory.nbytes

    def respond(self, source: FloatArray | Shown) -> FloatArray:
        """Return the response (rows, columns) to a source activity, without strength."""
        if self._sum is not None and isinstance(self.fields, DenseFields):
            return self.fields.respond_by_sums(source, self._sum)
        return self.fields.respond(source, self.checked_response)

    def learn(self, activity: FloatArray, moment: Moment) -> None:
        """Change the weights by the learning rule, for the destination's activity and the input that last arrived."""
        rate = self.present_rate(moment)
        if self.input is None or rate == 0:
            return
        self.record_undo()
        rate = rate if self._rate_is_of_field else rate / self.n_units
        self.fields.learn(self.checked_rule(activity), self.input, activity, rate)

    def checked_rule(self, activity: FloatArray) -> CheckedRule:
        """Return the learning rule with its memory, for one step with this activity (rows, columns)."""
        return CheckedRule(self._rule, self.memory, activity, self._rule_path, self.rate_factors)

    def connection_rate(self, rate: float) -> float:
        """Return the rate that the learning rule is given: of one connection, or of the whole field if it says so."""
        return rate if self._rate_is_of_field else rate / self.n_units

    def present_rate(self, moment: Moment) -> float:
        """Return the learning rate of a whole field at this moment.

        Raises:
            ParameterError: If a negative rate was drawn.
        """
        value = self._rate
        is_varying = isinstance(value, NumberGenerator)
        rate = moment.of(self.path).number("learning_rate", value) if is_varying else float(value)
        if rate < 0:
            raise ParameterError(
                f"{self.path}.learning_rate: must be >= 0 (got {rate} at time {float(moment.now):g}). "
                "Draw from other bounds."
            )
        return rate

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sums of absolute weights by which the given units are to be divided."""
        if self._is_single and isinstance(self.fields, DenseFields):
            return self.fields.cropped_totals(units)
        return self.fields.totals(units)

    def normalize(self, units: IntArray) -> None:
        """Apply the weights' output function to the given units, each projection for itself."""
        normalisation = self._normalisation
        if behaves_as(normalisation, KeepWeights):
            return
        self.record_undo()
        if self._divides:
            self.scale(units, reciprocal(self.totals(units)))
        elif behaves_as(normalisation, DivisiveNormalizeL2):
            self.scale(units, reciprocal(self.fields.norms(units)))
        else:
            weights = self.fields.weights()
            new, where = normalisation(weights[units]), f"{self.path}.weights_output_fn"
            weights[units] = require_shape(new, weights[units].shape, where, normalisation)
            self.fields.set_weights(weights)

    def scale(self, units: IntArray, factors: FloatArray) -> None:
        """Multiply the weights of each of the given units by its factor."""
        self.record_undo()
        self.fields.scale(units, factors)

    def change_bounds(self, bounds: BoundingBox) -> bool:
        """Shrink every field to `bounds` while the network runs.

        A field that changes keeps its weights within the new mask and is normalised in single precision, by itself; so
        did the reference, and LISSOM's published trajectories depend on it.

        Args:
            bounds: The new nominal bounds.

        Returns:
            True if anything changed. Bounds that are not strictly within the present ones change nothing.
        """
        old, template = self.geometry, Template.fit(bounds, self.src.grid)
        if not template.is_smaller_than(old.template):
            return False
        self.record_undo()
        row = old.template.row_radius - template.row_radius
        column = old.template.column_radius - template.column_radius
        rows, columns = slice(row, row + template.shape[0]), slice(column, column + template.shape[1])
        weights = self.weights[:, rows, columns]
        self._is_initial, self._joint = False, None
        self.memory = self.memory.cropped(rows, columns)
        self._lay_out(bounds)
        new = self.geometry
        mask = new.on_sheet & self.template_mask
        changed = np.flatnonzero((old.slices != new.slices).any(axis=1))
        unchanged = np.setdiff1d(np.arange(new.units), changed)
        mask[unchanged] = new.on_sheet[unchanged]
        dense = DenseFields(new, mask, weights * mask, np.float64)
        if behaves_as(self.weights_output_fn, DivisiveNormalizeL1):
            dense.scale(changed, reciprocal(dense.cropped_totals(changed)))
        self.fields = dense
        self._irregular = not dense.fills(self.mask)
        return True

    def weights_state(self) -> State:
        """Return weights, bounds, and the memory of the learning rule."""
        state = {"nominal_bounds": np.array(self.nominal_bounds.lbrt())}
        if self._irregular and isinstance(self.fields, DenseFields):
            state["connections"] = self.fields.connections.copy()
        state.update({f"fields/{key}": value for key, value in self.fields.state().items()})
        state.update({f"memory/{key}": value for key, value in self.memory.state().items()})
        return state

    def restore_bounds(self, state: State) -> None:
        """Lay fields of zeros as they were when a state was stored, unless they lie so already."""
        if "nominal_bounds" not in state:
            return
        self.record_undo()
        left, bottom, right, top = (float(edge) for edge in state["nominal_bounds"])
        bounds, connections = BoundingBox(points=((left, bottom), (right, top))), state.get("connections")
        irregular = connections is not None
        if bounds == self.nominal_bounds and not irregular and not self._irregular:
            return
        self._lay_out(bounds)
        self._irregular = irregular
        mask = self.mask if connections is None else np.array(connections, bool)
        self.fields = DenseFields(self.geometry, mask, np.zeros(mask.shape), np.float64)
        self.memory = RuleMemory(self.memory.declared, self._fields_shape)

    def restore_weights(self, state: State) -> None:
        """Set weights and memory to stored ones, whose fields lie as `restore_bounds` has laid them."""
        if "nominal_bounds" not in state:
            return
        self.record_undo()
        self._is_initial, self._joint = False, None
        self.fields.restore({k.removeprefix("fields/"): v for k, v in state.items() if k.startswith("fields/")})
        self.memory.restore({k.removeprefix("memory/"): v for k, v in state.items() if k.startswith("memory/")})


class SharedWeightCFProjection(Projection):
    """A projection in which all units share one kernel; fields at the sheet's edges are cropped, not renormalised.

    The response of unit i is strength Σ_k w_k x_i+k over the cells k of the kernel: a convolution. It does not learn.
    Its `weights` are the kernel, (rows, columns).

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009.
    """

    normalize_weights = param.Boolean(True, doc="Divide the kernel by the sum of its absolute values.")

    fields: Responder
    """The kernel, in dense or compiled form."""

    is_shared = True

    def draw_initial(self, streams: Streams) -> None:
        """Evaluate the kernel at the unit in the middle of the source sheet."""
        grid, template = self.src.grid, self.geometry.template
        row, column = grid.shape[0] // 2, grid.shape[1] // 2
        x = cells(grid.x, column - template.column_radius, template.shape[1])
        y = cells(grid.y, row - template.row_radius, template.shape[0])
        mask = self.template_mask.astype(np.float64)
        kernel = self.weights_generator.kernel(x - grid.x[column], y - grid.y[row], mask)
        if self.normalize_weights:
            kernel = kernel / np.abs(kernel).sum()
        self._kernel = kernel.astype(np.float32)
        self.fields = DenseKernel(self.geometry, self._kernel)

    @property
    def weights(self) -> FloatArray:
        """The kernel, (rows, columns), float32, in a read-only copy."""
        return read_only_copy(self._kernel)

    @property
    def nbytes(self) -> int:
        """Bytes that the kernel takes."""
        return self._kernel.nbytes

    def _weights_of(self, unit: int) -> FloatArray:
        return self._kernel

    def respond(self, source: FloatArray | Shown) -> FloatArray:
        """Return the response (rows, columns) to a source activity, without strength."""
        return self.fields.respond(source, None if behaves_as(self.response_fn, DotProduct) else self.checked_response)
