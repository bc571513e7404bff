"""Projections: sets of connection fields that carry activity from one sheet to another, and learn."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from topo_exp.engine.checks import CheckedRule, require_shape, require_signature
from topo_exp.engine.coordinates import BoundingBox, FieldGeometry, Template, machine_memory
from topo_exp.engine.fields import DenseFields, Fields
from topo_exp.engine.learning import DivisiveNormalizeL1, Hebbian, KeepWeights, reciprocal
from topo_exp.engine.patterns import Constant, Pattern
from topo_exp.engine.presentation import pack_activity, unpack_activity
from topo_exp.engine.response import Add, DotProduct
from topo_exp.engine.streams import Quantity, Real, Streams
from topo_exp.engine.weights import cells, draw_weights, mask_of_shape
from topo_exp.errors import GeometryError, ModelError, ParameterError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State

if TYPE_CHECKING:
    from topo_exp.engine.sheet import CFSheet, Sheet


@dataclass(frozen=True)
class ConnectionField:
    """The connections of one unit, cropped to the source sheet.

    `weights` and `mask` are (rows, columns) over the source cells rows r1:r2, columns c1:c2 = `slice`, whose centres
    are at `x` (columns,) and `y` (rows,) in sheet coordinates.
    """

    weights: FloatArray
    mask: BoolArray
    slice: tuple[int, int, int, int]
    x: FloatArray
    y: FloatArray


class Projection(param.Parameterized):
    """What every projection declares; `sim.connect(source, destination, projection)` makes it part of a network."""

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
    response_fn = param.Callable(DotProduct(), instantiate=True, doc="f(inputs, weights) -> response of each unit.")
    activity_group = Real(0.5, doc="Groups of projections combine in ascending order of this number.")
    combine = param.Callable(
        Add(), instantiate=True, doc="f(activity, contribution): adds this projection's group to the groups before it."
    )

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.src: Sheet
        self.dest: CFSheet
        self.geometry: FieldGeometry
        self.response: FloatArray
        """What `activity` is a copy of; the event-driven path reuses the array."""
        self.input: Any = None
        """(rows, columns) of the source: the activity that last arrived."""

    is_shared = False

    @property
    def activity(self) -> FloatArray:
        """(rows, columns) of the destination: strength times the response to the input that last arrived."""
        return self.response.copy()

    @activity.setter
    def activity(self, value: FloatArray) -> None:
        self.response = value

    @property
    def path(self) -> str:
        """Destination and name, by which states and messages refer to this projection."""
        return f"{self.dest.name}/{self.name}"

    @property
    def weights(self) -> FloatArray:
        """The weights in a fresh array; see the class for its shape."""
        raise TypeError(f"{type(self).__name__}.weights: must be defined by every projection. Define it.")

    @property
    def n_units(self) -> int:
        """Connections of an uncropped field, at most the units of the source sheet: what learning rates refer to."""
        return min(int(self.template_mask.sum()), self.src.shape[0] * self.src.shape[1])

    def attach(self, src: "Sheet", dest: "CFSheet", streams: Streams) -> None:
        """Lay the fields between two sheets and draw the initial weights; called by `Simulation.connect`."""
        if hasattr(self, "dest"):
            raise ModelError(
                f"{self.path}: must be connected once only (got a second connection). Declare another one."
            )
        self.src, self.dest = src, dest
        self.activity = np.zeros(dest.shape)
        template = Template.fit(self.nominal_bounds, src.grid)
        self._check_extent()
        self.geometry = FieldGeometry.lay(template, src.grid, dest.grid, where=self.path)
        self._shape_fields(template)
        self._check_memory()
        self.check_functions()
        self._draw(streams)

    def _check_extent(self) -> None:
        left, bottom, right, top = self.nominal_bounds.lbrt()
        cell = 1 / self.src.density
        if min(right - left, top - bottom) < cell * (1 - 1e-9):
            raise GeometryError(
                f"{self.path}: a field must be at least one cell of {self.src.name} wide (got "
                f"{min(right - left, top - bottom):g} with cells of {cell:g}). "
                f"Enlarge nominal_bounds or the density of {self.src.name}."
            )

    def _shape_fields(self, template: Template) -> None:
        """Cut the fields' shape out of the template."""
        self.template_mask = mask_of_shape(self.cf_shape, template)
        if not self.template_mask.any():
            raise GeometryError(
                f"{self.path}.cf_shape: must leave a field at least one connection (got none of "
                f"{template.shape[0]} x {template.shape[1]} cells). Enlarge the shape or nominal_bounds."
            )

    def functions(self) -> dict[str, tuple[Any, tuple[str, ...]]]:
        """Return the functions that this projection calls, by parameter, with the arguments that they are given."""
        return {
            "response_fn": (self.response_fn, ("inputs", "weights")),
            "combine": (self.combine, ("activity", "contribution")),
        }

    def check_functions(self) -> None:
        """Refuse functions that cannot be called as they will be."""
        for name, (fn, arguments) in self.functions().items():
            require_signature(fn, arguments, f"{self.path}.{name}")

    def checked_response(self, inputs: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the response function's result, which must be one number for each unit."""
        response = self.response_fn(inputs, weights)
        return require_shape(response, (len(weights),), f"{self.path}.response_fn", self.response_fn)

    def _check_memory(self) -> None:
        units, (height, width) = self.geometry.units, self.geometry.template.shape
        others = self.dest.simulation.nbytes
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

    def _draw(self, streams: Streams) -> None:
        raise TypeError(f"{type(self).__name__}: must draw its weights. Derive from CFProjection.")

    def receive(self, activity: FloatArray) -> None:
        """Take the source's activity, and respond to it."""
        self.input = activity
        self.activity = self.strength * self.respond(activity)
        if self.dest.mask is not None:
            self.activity = np.where(self.dest.mask, self.activity, 0)

    def respond(self, source: FloatArray) -> FloatArray:
        """Return the response (rows, columns) to a source activity, without strength."""
        raise TypeError(f"{type(self).__name__}.respond: must be defined by every projection. Define it.")

    @property
    def mask(self) -> BoolArray:
        """Where there are connections, (units, rows, columns)."""
        return self.geometry.on_sheet & self.template_mask

    @property
    def n_connections(self) -> int:
        """Connections of all units together, shared or not."""
        return int(np.count_nonzero(self.mask))

    def cf(self, row: int, col: int) -> ConnectionField:
        """Return the connection field of the unit at (row, col) of the destination sheet."""
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
        grid = self.src.grid
        return ConnectionField(
            self._weights_of(unit)[window].copy(),
            self.template_mask[window],
            (r1, r2, c1, c2),
            grid.x[c1:c2],
            grid.y[r1:r2],
        )

    def clear(self) -> None:
        """Forget the response to the last input."""
        self.activity = np.zeros(self.dest.shape)

    def state(self) -> State:
        """Return everything about this projection that a run changes."""
        state = {"activity": self.activity}
        if self.input is not None:
            state.update(pack_activity("input", self.input))
        return state

    def restore(self, state: State) -> None:
        """Set this projection to a stored state."""
        self.activity = np.array(state["activity"])
        stored = any(key.startswith("input/") for key in state)
        self.input = unpack_activity("input", state, self.src.grid) if stored else None


class CFProjection(Projection):
    """A projection in which each unit has weights of its own, and may learn them.

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

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._irregular = False
        """Whether fields have shrunk to connections that bounds and shape alone do not tell."""

    def functions(self) -> dict[str, tuple[Any, tuple[str, ...]]]:
        """Return the functions that this projection calls, by parameter, with the arguments that they are given."""
        return super().functions() | {
            "learning_fn": (self.learning_fn, ("weights", "inputs", "activity", "rate")),
            "weights_output_fn": (self.weights_output_fn, ("weights",)),
        }

    def bytes_needed(self, cells: int) -> int:
        """Return the bytes that so many weights take while they are drawn: once drawn, once stored, and a mask."""
        return 9 * cells

    def _draw(self, streams: Streams) -> None:
        geometry = self.geometry
        weights = draw_weights(self.weights_generator, geometry, self.src.grid, self.dest.grid, streams, self.path)
        mask = self.mask
        weights *= mask
        self.fields = DenseFields(geometry, mask, weights, np.float64)
        self.normalize(np.arange(geometry.units))

    @property
    def weights(self) -> FloatArray:
        """The weights, (units, rows, columns), float32, in a fresh array."""
        self.dest.simulation.start()
        return self.fields.weights()

    @weights.setter
    def weights(self, weights: FloatArray) -> None:
        self.dest.simulation.start()
        self.dest.simulation.keep_weights(self)
        expected = (self.geometry.units, *self.geometry.template.shape)
        if np.shape(weights) != expected:
            raise ParameterError(
                f"{self.path}.weights: must be (units, rows, columns) = {expected} (got {np.shape(weights)}). "
                "Give weights on the uncropped template."
            )
        self.fields.set_weights(np.asarray(weights))

    @property
    def nbytes(self) -> int:
        """Bytes that the weights take."""
        return self.fields.nbytes

    def _weights_of(self, unit: int) -> FloatArray:
        return self.weights[unit]

    def respond(self, source: FloatArray) -> FloatArray:
        """Return the response (rows, columns) to a source activity, without strength."""
        return self.fields.respond(source, self.checked_response)

    def learn(self, activity: FloatArray) -> None:
        """Change the weights by the learning rule, for the destination's activity and the input that last arrived."""
        rate = self.present_rate()
        if self.input is None or rate == 0:
            return
        if not getattr(self.learning_fn, "rate_of_whole_field", False):
            rate = rate / self.n_units
        self.dest.simulation.keep_weights(self)
        rule = CheckedRule(self.learning_fn, f"{self.path}.learning_fn")
        self.fields.learn(rule, self.input, activity, rate)

    def present_rate(self) -> float:
        """Return the learning rate of a whole field at this moment; ParameterError where a negative one was drawn."""
        rate = self.dest.simulation.number(f"{self.path}.learning_rate", self.learning_rate)
        if rate < 0:
            raise ParameterError(
                f"{self.path}.learning_rate: must be >= 0 (got {rate} at time {self.dest.simulation.time:g}). "
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
        self.dest.simulation.keep_weights(self)
        if isinstance(self.weights_output_fn, DivisiveNormalizeL1):
            self.fields.scale(units, reciprocal(self.totals(units)))
        elif not isinstance(self.weights_output_fn, KeepWeights):
            weights = self.fields.weights()
            new, where = self.weights_output_fn(weights[units]), f"{self.path}.weights_output_fn"
            weights[units] = require_shape(new, weights[units].shape, where, self.weights_output_fn)
            self.fields.set_weights(weights)

    def change_bounds(self, bounds: BoundingBox) -> bool:
        """Shrink every field to `bounds` while the network runs, and tell whether anything changed.

        Bounds that are not strictly within the present ones change nothing. A field that changes keeps its weights
        within the new mask and is normalised in single precision, for itself; so did the reference, and LISSOM's
        published trajectories depend on it.
        """
        self.dest.simulation.start()
        grid = self.src.grid
        old = self.geometry
        template = Template.fit(bounds, grid)
        if not old.template.bounds_on(grid).strictly_contains(template.bounds_on(grid)):
            return False
        self.dest.simulation.keep_weights(self)
        new = FieldGeometry.lay(template, grid, self.dest.grid, where=self.path)
        row = old.template.row_radius - template.row_radius
        column = old.template.column_radius - template.column_radius
        height, width = template.shape
        weights = self.fields.weights()[:, row : row + height, column : column + width]
        self.geometry = new
        self.nominal_bounds = bounds
        self._shape_fields(template)
        mask = new.on_sheet & self.template_mask
        changed = np.flatnonzero((old.slices != new.slices).any(axis=1))
        unchanged = np.setdiff1d(np.arange(new.units), changed)
        mask[unchanged] = new.on_sheet[unchanged]
        dense = DenseFields(new, mask, weights * mask, np.float64)
        if isinstance(self.weights_output_fn, DivisiveNormalizeL1):
            dense.scale(changed, reciprocal(dense.cropped_totals(changed)))
        self.fields = dense
        self._irregular = not dense.fills(self.mask)
        self.dest.simulation.refresh()
        return True

    def weights_state(self) -> State:
        """Return weights and bounds."""
        state = {"nominal_bounds": np.array(self.nominal_bounds.lbrt())}
        if self._irregular and isinstance(self.fields, DenseFields):
            state["connections"] = self.fields.connections.copy()
        state.update({f"fields/{key}": value for key, value in self.fields.state().items()})
        return state

    def restore(self, state: State) -> None:
        """Set this projection to a stored state, whose fields may be smaller or larger than the present ones.

        A state without weights leaves them as they are.
        """
        super().restore(state)
        if "nominal_bounds" not in state:
            return
        self.dest.simulation.keep_weights(self)
        left, bottom, right, top = (float(edge) for edge in state["nominal_bounds"])
        self._lay_anew(BoundingBox(points=((left, bottom), (right, top))), state.get("connections"))
        self.fields.restore({k.removeprefix("fields/"): v for k, v in state.items() if k.startswith("fields/")})

    def _lay_anew(self, bounds: BoundingBox, connections: BoolArray | None) -> None:
        """Lay fields of zeros as they were when a state was stored, unless they lie so already."""
        irregular = connections is not None
        if bounds == self.nominal_bounds and not irregular and not self._irregular:
            return
        template = Template.fit(bounds, self.src.grid)
        self.geometry = FieldGeometry.lay(template, self.src.grid, self.dest.grid, where=self.path)
        self.nominal_bounds, self._irregular = bounds, irregular
        self._shape_fields(template)
        mask = self.mask if connections is None else np.array(connections, bool)
        self.fields = DenseFields(self.geometry, mask, np.zeros(mask.shape), np.float64)
        self.dest.simulation.refresh()


class SharedWeightCFProjection(Projection):
    """A projection in which all units share one kernel; fields at the sheet's edges are cropped, not renormalised.

    Its `weights` are the kernel, (rows, columns).
    """

    normalize_weights = param.Boolean(True, doc="Divide the kernel by the sum of its absolute values.")

    fast: Any = None
    """Responds for this projection, where the engine found a faster way that gives the same result."""

    is_shared = True

    def _draw(self, streams: Streams) -> None:
        grid, template = self.src.grid, self.geometry.template
        row, column = grid.shape[0] // 2, grid.shape[1] // 2
        x = cells(grid.x, column - template.column_radius, template.shape[1])
        y = cells(grid.y, row - template.row_radius, template.shape[0])
        mask = self.template_mask.astype(np.float64)
        kernel = self.weights_generator.kernel(x - grid.x[column], y - grid.y[row], mask)
        if self.normalize_weights:
            kernel = kernel / np.abs(kernel).sum()
        self._kernel = kernel.astype(np.float32)

    @property
    def weights(self) -> FloatArray:
        """The kernel, (rows, columns), float32, in a fresh array."""
        return self._kernel.copy()

    @property
    def nbytes(self) -> int:
        """Bytes that the kernel takes."""
        return self._kernel.nbytes

    def _weights_of(self, unit: int) -> FloatArray:
        return self._kernel

    def respond(self, source: FloatArray) -> FloatArray:
        """Return the response (rows, columns) to a source activity, without strength."""
        if self.fast is not None:
            return self.fast.respond(source)
        kernel, activity = self._kernel.astype(np.float64), np.asarray(source, np.float64)
        if type(self.response_fn) is DotProduct:
            return self.geometry.respond_to_kernel(activity, kernel)
        weights = np.where(self.geometry.on_sheet, kernel, 0.0)
        return self.checked_response(self.geometry.patches(activity), weights).reshape(self.dest.shape)
