"""The base of all projection types.

A projection type of a user's own is one class derived from `Projection` or `CFProjection`. It defines `weights`,
`draw_initial` and `respond`; `learn`, `normalize`, `weights_state` and `restore_weights` do nothing by default.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import param

from topo_exp.engine.checks import behaves_as, require_shape, require_signature
from topo_exp.engine.coordinates import BoundingBox, FieldGeometry, Template, machine_memory
from topo_exp.engine.mapping import Identity, mapped
from topo_exp.engine.moment import Moment
from topo_exp.engine.patterns import Constant, Pattern
from topo_exp.engine.presentation import Shown, pack_activity, unpack_activity
from topo_exp.engine.response import Add, DotProduct, ResponseFn
from topo_exp.engine.sheet import Sheet
from topo_exp.engine.streams import Real, Streams
from topo_exp.engine.weights import mask_of_shape
from topo_exp.errors import GeometryError, ModelError
from topo_exp.typing import BoolArray, FloatArray, IntArray, State, read_only, read_only_copy

Combine: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]
"""f(activity, contribution) -> activity."""


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
    strength = Real(1.0, instantiate=True, doc="Factor of the response; negative for inhibition.")
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
    activity_group = Real(0.5, instantiate=True, doc="Groups of projections combine in ascending order of this number.")
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
        self.n_units: int
        """Connections of an uncropped field, at most the units of the source sheet: learning rates refer to it."""
        self.response: FloatArray
        """The array that holds `activity`; the compiled implementation reuses it, so users are given copies."""
        self.input: FloatArray | Shown | None = None
        """The activity of the source that last arrived, (rows, columns), read-only; None before the first arrival."""
        self.response_to: ResponseFn
        """`response_fn`, as `refresh` found it."""
        self.combination: Combine
        """`combine`, likewise."""
        self.adds: bool
        """Whether `combination` is the sum."""
        self.transforms_input = type(self).incoming is not Projection.incoming
        """Whether this projection responds to something else than the activity that arrives."""
        self._factor: float
        self._undo: list[State | None] = []
        """For each frozen block that is open: the weights as they were at its begin, None while they are unchanged."""

    @property
    def activity(self) -> FloatArray:
        """Strength times the response to the last input, (rows, columns) of the destination; a read-only copy."""
        return read_only_copy(self.response)

    @activity.setter
    def activity(self, value: FloatArray) -> None:
        self.response = np.array(value)

    @cached_property
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
        self.refresh()
        self.draw_initial(streams)

    def refresh(self) -> None:
        """Read parameters into plain attributes; called before each run and after each scheduled action.

        Reading a declared parameter takes half a microsecond, which counts in networks of few units.
        """
        self._factor, self.response_to, self.combination = self.strength, self.response_fn, self.combine
        self.adds = behaves_as(self.combination, Add)

    def _lay_out(self, bounds: BoundingBox) -> None:
        """Lay fields of these bounds: where each lies on the source sheet, and which cells of it have connections."""
        template = Template.fit(bounds, self.src.grid)
        centres = mapped(self.coord_mapper, self.dest.grid, f"{self.path}.coord_mapper")
        self.geometry = FieldGeometry.lay(template, self.src.grid, self.dest.grid, centres=centres, where=self.path)
        self.nominal_bounds = bounds
        self.template_mask = mask_of_shape(self.cf_shape, template)
        self.n_units = min(int(self.template_mask.sum()), self.src.shape[0] * self.src.shape[1])
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

    def functions(self) -> dict[str, tuple[Callable[..., FloatArray], tuple[str, ...]]]:
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
        response = self.response_to(inputs, weights)
        return require_shape(response, (len(weights),), f"{self.path}.response_fn", self.response_to)

    # --- running ----------------------------------------------------------------------------------------------------

    def receive(self, activity: FloatArray | Shown, mask: BoolArray | None = None) -> None:
        """Take the source's activity, and respond to it.

        Args:
            activity: Activity of the source sheet, (rows, columns).
            mask: The units of the destination that respond, (rows, columns); None for all.
        """
        self.input = activity = self.incoming(activity) if self.transforms_input else activity
        self.response = self._factor * self.respond(activity)
        if mask is not None:
            self.response = np.where(mask, self.response, 0)

    def incoming(self, activity: FloatArray | Shown) -> FloatArray | Shown:
        """Return the input that this projection responds to and learns from when some activity arrives.

        Args:
            activity: Activity of the source sheet, (rows, columns). By default it is the input itself.
        """
        return activity

    def adapt(self, *, plastic: bool) -> None:
        """Change the response to input that has just arrived, before the destination uses it; by default it stays.

        Args:
            plastic: Whether anything may be remembered.
        """

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

    def forget(self) -> None:
        """Forget earlier input on which later responses depend, for a presentation by itself; by default none does."""

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
        """Set everything that `weights_state` returns to stored values."""

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
