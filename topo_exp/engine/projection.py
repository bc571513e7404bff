"""Projections: sets of connection fields that carry activity from one sheet to another, and learn.

A projection type of a user's own is one class derived from `Projection` or `CFProjection`. It defines `weights`,
`draw_initial` and `respond`; `learn`, `normalize`, `weights_state` and `restore_weights` do nothing by default.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import param

from topo_exp.engine.checks import behaves_as, require_shape, require_signature
from topo_exp.engine.coordinates import BoundingBox, FieldGeometry, Template, machine_memory
from topo_exp.engine.fields import DenseFields, DenseKernel, Fields, Responder
from topo_exp.engine.learning import DivisiveNormalizeL1, Hebbian, KeepWeights, reciprocal
from topo_exp.engine.mapping import Identity, mapped
from topo_exp.engine.memory import CheckedRule, RuleMemory, declared_memory
from topo_exp.engine.moment import Moment
from topo_exp.engine.patterns import Constant, Pattern
from topo_exp.engine.presentation import Shown, pack_activity, unpack_activity
from topo_exp.engine.response import Add, DotProduct
from topo_exp.engine.sheet import Sheet
from topo_exp.engine.streams import Quantity, Real, Streams
from topo_exp.engine.weights import cells, draw_weights, mask_of_shape
from topo_exp.errors import GeometryError, ModelError, ParameterError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State, read_only, read_only_copy


@dataclass(frozen=True)
class ConnectionField:
    """The connections of one unit, cropped to the source sheet.

    `weights` and `mask` are (rows, columns) over the source cells rows r1:r2, columns c1:c2 = `slice`, whose centres
    are at `x` (columns,) and `y` (rows,) in sheet coordinates. All arrays are read-only.
    """

    weights: FloatArray
    mask: BoolArray
    slice: tuple[int, int, int, int]
    x: FloatArray
    y: FloatArray


class Projection(param.Parameterized):
    """Declares delay, strength, fields and functions; `sim.connect(src, dest, projection)` puts it into a network."""

    delay = Real(0.05, bounds=(0, None), inclusive_bounds=(False, True), doc="Time that activity takes to arrive.")
    strength = Real(1.0, doc="Factor of the response; negative for inhibition.")
    weights_generator = param.ClassSelector(
        class_=Pattern,
        default=Constant(),
        instantiate=True,
        doc="Initial weights; its centre is relative to the unit's.",
    )
    nominal_bounds = param.ClassSelector(
        class_=BoundingBox,
        default=BoundingBox(radius=0.1),
        doc="Extent of a field on the source sheet, before cropping.",
    )
    cf_shape = param.ClassSelector(
        class_=Pattern,
        default=Constant(),
        instantiate=True,
        doc="Where a field has connections: the cells in which this pattern, sized to the field, is at least 0.5.",
    )
    coord_mapper = param.Callable(
        Identity(),
        instantiate=True,
        doc="f(x, y) -> (x, y): from the sheet coordinates of the units to those of their fields on the source sheet.",
    )
    response_fn = param.Callable(DotProduct(), instantiate=True, doc="f(inputs, weights) -> response of each unit.")
    activity_group = Real(0.5, doc="Groups of projections combine in ascending order of this number.")
    combine = param.Callable(
        Add(), instantiate=True, doc="f(activity, contribution): adds this projection's group to the groups before it."
    )

    is_shared = False

    norm_group: str | None = None
    """Projections of one sheet with the same group are normalised by their joint sum; None: each by itself."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.src: Sheet
        self.dest: Sheet
        self.geometry: FieldGeometry
        self.response: FloatArray
        """The array that holds `activity`; the compiled implementation reuses it, so users are given copies."""
        self.input: FloatArray | Shown | None = None
        """The activity of the source that last arrived, (rows, columns), read-only; None before the first arrival."""
        self._undo: list[State | None] = []
        """For each frozen block that is open: the weights as they were at its begin, None while they are unchanged."""

    @property
    def activity(self) -> FloatArray:
        """Strength times the response to the last input, (rows, columns) of the destination; a read-only copy."""
        return read_only_copy(self.response)

    @activity.setter
    def activity(self, value: FloatArray) -> None:
        self.response = np.array(value)

    @property
    def path(self) -> str:
        """Destination and name, by which states and messages refer to this projection."""
        return f"{self.dest.name}/{self.name}"

    @property
    def weights(self) -> FloatArray:
        """The weights, in a read-only copy; see the class for their shape."""
        raise TypeError(f"{type(self).__name__}.weights: must be defined by every projection. Define it.")

    @property
    def nbytes(self) -> int:
        """Bytes that the weights take."""
        return 0

    @property
    def n_units(self) -> int:
        """Connections of an uncropped field, at most the units of the source sheet: learning rates refer to it."""
        return min(int(self.template_mask.sum()), self.src.shape[0] * self.src.shape[1])

    # --- building ---------------------------------------------------------------------------------------------------

    def attach(self, src: Sheet, dest: Sheet, streams: Streams, *, bytes_of_others: int = 0) -> None:
        """Lay the fields between two sheets and draw the initial weights; called by `Simulation.connect`.

        Args:
            src: The sheet that sends.
            dest: The sheet that receives.
            streams: Where the weights are drawn from.
            bytes_of_others: Bytes that the network's other projections take, to be checked against the memory.

        Raises:
            ModelError: If the projection is connected already, or a function cannot be called.
            GeometryError: If the fields are smaller than a cell, miss the source sheet, or do not fit into memory.
        """
        if hasattr(self, "dest"):
            raise ModelError(
                f"{self.path}: must be connected once only (got a second connection). Declare another one."
            )
        self.src, self.dest = src, dest
        self.activity = np.zeros(dest.shape)
        self._check_extent()
        self._lay_out(self.nominal_bounds)
        self._check_memory(bytes_of_others)
        self.check_functions()
        self.draw_initial(streams)

    def _lay_out(self, bounds: BoundingBox) -> None:
        """Lay fields of these bounds: where each lies on the source sheet, and which cells of it have connections."""
        template = Template.fit(bounds, self.src.grid)
        centres = mapped(self.coord_mapper, self.dest.grid, f"{self.path}.coord_mapper")
        self.geometry = FieldGeometry.lay(template, self.src.grid, self.dest.grid, centres=centres, where=self.path)
        self.nominal_bounds = bounds
        self.template_mask = mask_of_shape(self.cf_shape, template)
        if not self.template_mask.any():
            raise GeometryError(
                f"{self.path}.cf_shape: must leave a field at least one connection (got none of "
                f"{template.shape[0]} x {template.shape[1]} cells). Enlarge the shape or nominal_bounds."
            )

    def _check_extent(self) -> None:
        left, bottom, right, top = self.nominal_bounds.lbrt()
        cell = 1 / self.src.density
        if min(right - left, top - bottom) < cell * (1 - 1e-9):
            raise GeometryError(
                f"{self.path}: a field must be at least one cell of {self.src.name} wide (got "
                f"{min(right - left, top - bottom):g} with cells of {cell:g}). "
                f"Enlarge nominal_bounds or the density of {self.src.name}."
            )

    def _check_memory(self, others: int) -> None:
        units, (height, width) = self.geometry.units, self.geometry.template.shape
        needed, present = others + self.bytes_needed(units * height * width), machine_memory()
        if needed > present:
            raise GeometryError(
                f"{self.path}: its weights must fit into memory (got {units} fields of {height} x {width}, "
                f"which with the others take {needed / 1e9:.1f} GB of {present / 1e9:.1f} GB). "
                "Lower the density or the area."
            )

    def bytes_needed(self, cells: int) -> int:
        """Return the bytes that a projection with so many cells in all its fields takes, while it is built."""
        return cells  # a mask

    def draw_initial(self, streams: Streams) -> None:
        """Draw the initial weights.

        Args:
            streams: Where random weights are drawn from.
        """
        raise TypeError(f"{type(self).__name__}.draw_initial: must be defined by every projection. Define it.")

    def finish(self) -> None:
        """Normalise the initial weights once more, now that all projections of the sheet are connected."""

    def functions(self) -> dict[str, tuple[Any, tuple[str, ...]]]:
        """Return the functions that this projection calls, by parameter, with the arguments that they are given."""
        return {
            "response_fn": (self.response_fn, ("inputs", "weights")),
            "combine": (self.combine, ("activity", "contribution")),
        }

    def check_functions(self) -> None:
        """Refuse functions that cannot be called with the arguments that they are given."""
        for name, (fn, arguments) in self.functions().items():
            require_signature(fn, arguments, f"{self.path}.{name}")

    def checked_response(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the response function's result, which must be one number for each unit."""
        response = self.response_fn(inputs, weights)
        return require_shape(response, (len(weights),), f"{self.path}.response_fn", self.response_fn)

    # --- running ----------------------------------------------------------------------------------------------------

    def receive(self, activity: FloatArray | Shown, mask: BoolArray | None = None) -> None:
        """Take the source's activity, and respond to it.

        Args:
            activity: Activity of the source sheet, (rows, columns).
            mask: The units of the destination that respond, (rows, columns); None for all.
        """
        self.input = activity
        self.response = self.strength * self.respond(activity)
        if mask is not None:
            self.response = np.where(mask, self.response, 0)

    def respond(self, source: FloatArray | Shown) -> FloatArray:
        """Return the response, (rows, columns) of the destination, to a source activity, without strength.

        Args:
            source: Activity of the source sheet; `np.asarray(source)` is its array (rows, columns).
        """
        raise TypeError(f"{type(self).__name__}.respond: must be defined by every projection. Define it.")

    def learn(self, activity: FloatArray, moment: Moment) -> None:
        """Change the weights; by default they stay.

        Args:
            activity: The destination's activity, (rows, columns).
            moment: The present moment, for a learning rate that varies.
        """

    def normalize(self, units: IntArray) -> None:
        """Normalise the weights of the given units of the destination; by default they stay."""

    def clear(self) -> None:
        """Forget the response to the last input."""
        self.activity = np.zeros(self.dest.shape)

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def mask(self) -> BoolArray:
        """Where there are connections, (units, rows, columns)."""
        return self.geometry.on_sheet & self.template_mask

    @property
    def n_connections(self) -> int:
        """Connections of all units together, shared or not."""
        return int(np.count_nonzero(self.mask))

    def cf(self, row: int, col: int) -> ConnectionField:
        """Return the connection field of the unit at (row, col) of the destination sheet.

        Raises:
            GeometryError: If there is no such unit.
        """
        rows, columns = self.dest.shape
        if not (0 <= row < rows and 0 <= col < columns):
            raise GeometryError(
                f"{self.path}.cf: the unit must lie on a sheet of {rows} x {columns} units (got ({row}, {col})). "
                "Count rows from the top and columns from the left, from 0."
            )
        unit = row * columns + col
        r1, r2, c1, c2 = (int(i) for i in self.geometry.slices[unit])
        r, c = (int(i) for i in self.geometry.offsets[unit])
        window = np.s_[r : r + r2 - r1, c : c + c2 - c1]
        return ConnectionField(
            read_only_copy(self._weights_of(unit)[window]),
            read_only(self.template_mask[window]),
            (r1, r2, c1, c2),
            self.src.x[c1:c2],
            self.src.y[r1:r2],
        )

    def _weights_of(self, unit: int) -> FloatArray:
        return self.weights[unit]

    # --- state ------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return the response and the last input; weights have a state of their own, for they are large."""
        state = {"activity": self.response.copy()}
        if self.input is not None:
            state.update(pack_activity("input", self.input))
        return state

    def restore(self, state: State) -> None:
        """Set response and input to stored ones."""
        self.activity = state["activity"]
        stored = any(key.startswith("input/") for key in state)
        self.input = unpack_activity("input", state, self.src.grid) if stored else None
        if isinstance(self.input, np.ndarray):
            self.input = read_only(self.input)

    def weights_state(self) -> State:
        """Return everything that learning changes; by default there is nothing."""
        return {}

    def restore_bounds(self, state: State) -> None:
        """Lay the fields as they were when a state was stored; weights are restored afterwards."""

    def restore_weights(self, state: State) -> None:
        """Set to stored values what `weights_state` returned."""

    def begin_undo(self) -> None:
        """Keep the weights from now on, so that `end_undo` can return them; blocks may be nested."""
        self._undo.append(None)

    def record_undo(self) -> None:
        """Copy the weights for each open undo block, before they change for the first time in it."""
        if self._undo and self._undo[-1] is None:
            state = self.weights_state()
            for i in range(len(self._undo)):
                if self._undo[i] is None:
                    self._undo[i] = state

    def end_undo(self) -> State | None:
        """Return the weights as they were at `begin_undo`, or None if they have not changed since."""
        return self._undo.pop()


class CFProjection(Projection):
    """A projection in which each unit has weights of its own and may learn them.

    Its `weights` are (units of the destination row-major, rows, columns) on the uncropped template, zero off the sheet.
    """

    learning_rate = Quantity(
        0.0, bounds=(0, None), doc="Learning rate of a whole field; a connection's is this / n_units."
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
        None, allow_None=True, doc="Projections of one sheet with the same group are normalised by their joint sum."
    )

    fields: Fields
    """The connection fields, in dense or compiled form."""

    memory: RuleMemory
    """The memory of the learning rule, empty for rules without."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._irregular = False
        """Whether connections are missing that bounds and shape alone would give, since fields have shrunk."""
        self._is_initial = True
        """Whether the weights are as they were drawn."""
        self._joint: FloatArray | None = None
        """Factors (units,) of the first joint normalisation, which is applied when the network is complete."""

    def functions(self) -> dict[str, tuple[Any, tuple[str, ...]]]:
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
        return self.fields.respond(source, self.checked_response)

    def learn(self, activity: FloatArray, moment: Moment) -> None:
        """Change the weights by the learning rule, for the destination's activity and the input that last arrived."""
        rate = self.present_rate(moment)
        if self.input is None or rate == 0:
            return
        if not getattr(self.learning_fn, "rate_of_whole_field", False):
            rate = rate / self.n_units
        self.record_undo()
        rule = CheckedRule(self.learning_fn, self.memory, activity, f"{self.path}.learning_fn")
        self.fields.learn(rule, self.input, activity, rate)

    def present_rate(self, moment: Moment) -> float:
        """Return the learning rate of a whole field at this moment.

        Raises:
            ParameterError: If a negative rate was drawn.
        """
        rate = moment.of(self.path).number("learning_rate", self.learning_rate)
        if rate < 0:
            raise ParameterError(
                f"{self.path}.learning_rate: must be >= 0 (got {rate} at time {float(moment.now):g}). "
                "Draw from other bounds."
            )
        return rate

    def totals(self, units: IntArray) -> FloatArray:
        """Return the sums of absolute weights by which the given units are to be divided."""
        if getattr(self.weights_output_fn, "single_precision", False) and isinstance(self.fields, DenseFields):
            return self.fields.cropped_totals(units)
        return self.fields.totals(units)

    def normalize(self, units: IntArray) -> None:
        """Apply the weights' output function to the given units, each projection for itself."""
        self.record_undo()
        if behaves_as(self.weights_output_fn, DivisiveNormalizeL1):
            self.scale(units, reciprocal(self.totals(units)))
        elif not behaves_as(self.weights_output_fn, KeepWeights):
            weights = self.fields.weights()
            new, where = self.weights_output_fn(weights[units]), f"{self.path}.weights_output_fn"
            weights[units] = require_shape(new, weights[units].shape, where, self.weights_output_fn)
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
        grid, old = self.src.grid, self.geometry
        template = Template.fit(bounds, grid)
        if not old.template.bounds_on(grid).strictly_contains(template.bounds_on(grid)):
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

    Its `weights` are the kernel, (rows, columns).
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
