"""Sheets: arrays of units that generate patterns, or respond to what other sheets send them."""

import operator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from topo_exp.engine.checks import require_shape, require_signature
from topo_exp.engine.coordinates import BoundingBox, Grid
from topo_exp.engine.learning import DivisiveNormalizeL1, reciprocal
from topo_exp.engine.patterns import Constant, Drawing, Pattern, Sampler
from topo_exp.engine.presentation import Shown, pack_activity, unpack_activity
from topo_exp.engine.projection import CFProjection, Projection
from topo_exp.engine.streams import Real
from topo_exp.engine.transfer import Adaptive, Moment
from topo_exp.errors import ModelError, StateError
from topo_exp.typing import BoolArray, FloatArray, State

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


class Sheet(param.Parameterized):
    """What every sheet declares; `sim.add(sheet)` makes it part of a network."""

    nominal_density = Real(
        10.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units per unit of length, before rounding."
    )
    nominal_bounds = param.ClassSelector(
        class_=BoundingBox, default=BoundingBox(radius=0.5), doc="Extent in sheet coordinates, before rounding."
    )
    measure_maps = param.Boolean(False, doc="Whether analyses measure feature maps on this sheet.")

    is_generator = False

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.grid = Grid.fit(self.nominal_bounds, self.nominal_density, where=self.name)
        self.projections: dict[str, CFProjection] = {}
        """Incoming projections by name, in the order in which they were connected."""
        self.outgoing: list[Projection] = []
        self.simulation: Simulation
        self.executor: Any = None
        """Does this sheet's work in its place, where the engine found a faster way that gives the same result."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.grid.shape

    @property
    def bounds(self) -> BoundingBox:
        """The true bounds, in sheet coordinates."""
        return self.grid.bounds

    @property
    def density(self) -> float:
        """The true density, in units per unit of length."""
        return self.grid.density

    @property
    def x(self) -> FloatArray:
        """Unit centres along x, (columns,), ascending."""
        return self.grid.x

    @property
    def y(self) -> FloatArray:
        """Unit centres along y, (rows,), descending."""
        return self.grid.y

    def sheet2matrix(self, x: float, y: float) -> tuple[float, float]:
        """Return the continuous (row, column) of a point in sheet coordinates."""
        return self.grid.sheet2matrix(x, y)

    def sheet2matrixidx(self, x: float, y: float) -> tuple[int, int]:
        """Return the (row, column) of the unit whose cell holds a point in sheet coordinates."""
        return self.grid.sheet2matrixidx(x, y)

    def matrixidx2sheet(self, row: int, column: int) -> tuple[float, float]:
        """Return the centre (x, y) of a unit, in sheet coordinates."""
        return self.grid.matrixidx2sheet(row, column)

    @property
    def activity(self) -> FloatArray:
        """Present activity, (rows, columns), row 0 at the top."""
        raise TypeError(f"{type(self).__name__}.activity: must be defined by every sheet. Define it.")

    @property
    def threshold(self) -> FloatArray | None:
        """Adaptive thresholds (rows, columns), or None where there are none (yet)."""
        return None

    def refresh(self) -> None:
        """Look at all parameters anew."""

    def clear(self) -> None:
        """Set activity to zero, and forget how far an iteration has got."""

    def state(self) -> State:
        """Return everything about this sheet, without its projections, that a run changes."""
        return {}

    def restore(self, state: State) -> None:
        """Set this sheet to a stored state."""


class GeneratorSheet(Sheet):
    """A sheet that shows a pattern, drawn anew once every `period`."""

    input_generator = param.ClassSelector(
        class_=Pattern, default=Constant(scale=0.0), instantiate=True, doc="The pattern that is drawn and shown."
    )
    period = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Time between presentations.")
    phase = Real(0.05, bounds=(0, None), doc="Time of the first presentation.")

    is_generator = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.shown: Shown | np.ndarray = np.zeros(self.shape)
        self._known = [self.input_generator]
        self._sampler: Sampler | None = None

    @property
    def activity(self) -> FloatArray:
        """The pattern that is shown, (rows, columns), row 0 at the top."""
        return np.asarray(self.shown)

    def expect(self, pattern: Pattern) -> None:
        """Learn of a pattern that a scheduled action will set, so that stored states can name it."""
        self._known.append(pattern)

    def set_input_generator(self, pattern: Pattern) -> None:
        """Show another pattern from the next presentation on, with fresh streams."""
        self.simulation.streams.forget(self.name)
        self.input_generator = pattern
        self._sampler = None

    def refresh(self) -> None:
        """Look at the pattern anew before it is next drawn; its streams go on."""
        self._sampler = None

    def present(self, time: Fraction) -> "Shown | np.ndarray":
        """Draw the next presentation and show it."""
        if self._sampler is None:
            self._sampler = Sampler(self.input_generator, self.simulation.streams, self.name)
        return self.show(self._sampler.draw(time, self.x, self.y))

    def show(self, drawing: Drawing) -> "Shown | np.ndarray":
        """Show what was drawn."""
        self.shown = Shown(drawing, self.grid)
        return self.shown

    def clear(self) -> None:
        """Show nothing."""
        self.shown = np.zeros(self.shape)

    def state(self) -> State:
        """Return what is shown, and which of the expected patterns it comes from."""
        index = next((i for i, pattern in enumerate(self._known) if pattern is self.input_generator), -1)
        return {"input_generator": np.array(index), **pack_activity("shown", self.shown)}

    def restore(self, state: State) -> None:
        """Show what was stored."""
        index = int(state["input_generator"])
        if index < 0 or index >= len(self._known):
            raise StateError(
                f"{self.name}.input_generator: must be the model's own, or set by a scheduled ShowPattern, to be "
                "restored (got a pattern that was set by hand). Set it by a scheduled ShowPattern."
            )
        self.input_generator = self._known[index]
        self._sampler = None
        self.shown = unpack_activity("shown", state, self.grid)


class CFSheet(Sheet):
    """A sheet of units with connection fields: activated once whenever input has arrived, then learning."""

    measure_maps = param.Boolean(True, doc="Whether analyses measure feature maps on this sheet.")
    plastic = param.Boolean(True, doc="Whether this sheet's projections learn.")
    output_fns = param.List(
        [], doc="f(x) -> x, each applied in turn to the combined input; see topo_exp.engine.transfer."
    )

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._activity: FloatArray = np.zeros(self.shape)
        self.mask: BoolArray | None = None
        """(rows, columns), or None for all units: the units that laterally receive input and learn."""
        self._checked: list[Any] = []
        """Functions that are known to be good."""
        self.afferent_only = False
        """Whether to stop at the combined input of the first activation, for measurements."""

    @property
    def activity(self) -> FloatArray:
        """Present activity, (rows, columns), row 0 at the top."""
        return self._activity

    @activity.setter
    def activity(self, value: FloatArray) -> None:
        self._activity = value

    @property
    def threshold(self) -> FloatArray | None:
        """Adaptive thresholds (rows, columns) of the first output function that has them, or None."""
        return next((fn.threshold for fn in self.output_fns if hasattr(fn, "threshold")), None)

    def receive(self, projection: Projection, activity: FloatArray) -> None:
        """Take what has arrived through a projection."""
        projection.receive(activity)

    def moment(self, index: int = 0) -> Moment:
        """Return the present moment for the output function at an index."""
        sim, path = self.simulation, f"{self.name}/output_fns/{index}"
        return Moment(sim.now, sim.plastic, lambda name, value: sim.number(f"{path}.{name}", value))

    def combined_input(self) -> FloatArray:
        """Return the input of all projections, combined group by group, (rows, columns)."""
        total: FloatArray = np.zeros(self.shape)
        priorities = sorted({projection.activity_group for projection in self.projections.values()})
        for priority in priorities:
            group = [p for p in self.projections.values() if p.activity_group == priority]
            first, received = group[0], sum((p.activity for p in group[1:]), group[0].activity)
            combined = first.combine(total, received)
            total = require_shape(combined, self.shape, f"{first.path}.combine", first.combine)
        return total

    def activate(self) -> None:
        """Turn the combined input into activity, and send it."""
        activity = self.combined_input()
        if self.afferent_only and self.measure_maps:
            self.activity = activity
            return
        for i, fn in enumerate(self.output_fns):
            result = fn.apply(activity, self.moment(i)) if isinstance(fn, Adaptive) else fn(activity)
            activity = require_shape(result, self.shape, f"{self.name}.output_fns[{i}]", fn)
        self.activity = activity
        self.simulation.events.send(activity, self.projections_to_send())

    def projections_to_send(self) -> list[Projection]:
        """Return the outgoing projections that this activation is sent through."""
        return self.outgoing

    def process(self) -> None:
        """Do what follows when all input of this moment has arrived."""
        self.activate()
        self.learn()

    def settle_later(self, into: FloatArray | None) -> None:
        """Put off settling to what follows, the activity going to `into`: never, in this plain form."""

    def settle_together(self) -> None:
        """Settle to all that was put off: nothing, in this plain form."""

    def complete(self) -> None:
        """Do what was put off because nobody looked at it: nothing, in this plain form."""

    def learn(self) -> None:
        """Let every projection learn, then normalise the weights of those units that were active."""
        if not (self.simulation.plastic and self.plastic):
            return
        learning = [p for p in self.projections.values() if isinstance(p, CFProjection)]
        activity = self.activity if self.mask is None else np.where(self.mask, self.activity, 0)
        for projection in learning:
            projection.learn(activity)
        self.normalize(np.flatnonzero(activity))

    def normalize(self, units: np.ndarray) -> None:
        """Normalise the weights of the given units: those of a joint group together, the others by themselves."""
        groups: dict[str, list[CFProjection]] = {}
        for projection in self.projections.values():
            if isinstance(projection, CFProjection):
                groups.setdefault(projection.norm_group or f"/{projection.name}", []).append(projection)
        for members in groups.values():
            if len(members) == 1 or members[0].norm_group is None:
                members[0].normalize(units)
                continue
            factors = reciprocal(np.sum([member.totals(units) for member in members], axis=0))
            for member in members:
                self.simulation.keep_weights(member)
                member.fields.scale(units, factors)

    def start(self) -> None:
        """Check the projections' groups, and normalise joint groups of all units for the first time."""
        joint = [p for p in self.projections.values() if isinstance(p, CFProjection) and p.norm_group]
        for projection in joint:
            if not isinstance(projection.weights_output_fn, DivisiveNormalizeL1):
                raise ModelError(
                    f"{projection.path}.norm_group: must come with DivisiveNormalizeL1 (got "
                    f"{projection.weights_output_fn!r}). Leave norm_group out, or normalise by the sum."
                )
        if joint:
            self.normalize(np.arange(self.shape[0] * self.shape[1]))

    def refresh(self) -> None:
        """Refuse functions that cannot be called as they will be, or that remember things for another sheet."""
        functions = [*self.output_fns, *(f for p in self.projections.values() for f, _ in p.functions().values())]
        if len(functions) == len(self._checked) and all(map(operator.is_, functions, self._checked)):
            return
        for i, fn in enumerate(self.output_fns):
            where = f"{self.name}.output_fns[{i}]"
            if not isinstance(fn, Adaptive):
                require_signature(fn, ("x",), where)
                continue
            require_signature(fn.apply, ("x", "moment"), where)
            if fn.sheet not in (None, self) or any(fn is other for other in self.output_fns[:i]):
                raise ModelError(
                    f"{where}: must belong to this sheet alone, for it remembers things (got a {type(fn).__name__} "
                    f"that is in use already). Give each sheet its own."
                )
            fn.sheet = self
        for projection in self.projections.values():
            projection.check_functions()
            if isinstance(projection, CFProjection):
                self.simulation.keep_weights(projection)  # other functions may ask for another form of weights
        self._checked = functions

    def clear(self) -> None:
        """Set activity and the projections' responses to zero."""
        self.activity = np.zeros(self.shape)
        for projection in self.projections.values():
            projection.clear()
        if self.executor is not None:
            self.executor.forget()

    def state(self) -> State:
        """Return activity, mask, and what the output functions remember."""
        state: State = {"activity": self.activity.copy()}
        if self.mask is not None:
            state["mask"] = self.mask.copy()
        for i, fn in enumerate(self.output_fns):
            if isinstance(fn, Adaptive):
                state.update({f"output_fns/{i}/{key}": value for key, value in fn.state().items()})
        return state

    def restore(self, state: State) -> None:
        """Set activity, mask and output functions to what was stored."""
        if state["activity"].shape != self.shape:
            raise StateError(
                f"{self.name}.activity: must have the stored shape {state['activity'].shape} (got {self.shape}). "
                "Restore into the same model with the same parameters."
            )
        self.activity = np.array(state["activity"])
        if self.executor is not None:
            self.executor.forget()
        self.mask = np.array(state["mask"]) if "mask" in state else None
        for i, fn in enumerate(self.output_fns):
            prefix = f"output_fns/{i}/"
            if isinstance(fn, Adaptive):
                fn.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})


class NeighborhoodMask(param.Parameterized):
    """Limits settling to the neighbourhood of those units that were active early in an iteration."""

    threshold = Real(1e-5, bounds=(0, None), doc="Activity above which a unit counts as active.")
    radius = Real(0.05, bounds=(0, None), doc="Half-width of the square neighbourhood, in sheet coordinates.")

    def __call__(self, activity: FloatArray, grid: Grid) -> BoolArray:
        """Return which units have an active unit in their neighbourhood."""
        cells = abs(grid.sheet2matrixidx(self.radius, 0)[1] - grid.sheet2matrixidx(0, 0)[1])
        active = np.pad(activity > self.threshold, cells)
        windows = np.lib.stride_tricks.sliding_window_view(active, (2 * cells + 1, 2 * cells + 1))
        return np.any(windows, axis=(-2, -1))


class SettlingCFSheet(CFSheet):
    """A CFSheet that is activated `tsettle` times by its own lateral input before it learns.

    Input from outside begins an iteration: activity and all responses start from zero. When the output of the last
    activation comes back, the sheet learns instead of being activated again.
    """

    tsettle = param.Integer(8, bounds=(0, None), doc="Activations in an iteration; 0 behaves as a CFSheet.")
    strict_tsettle = param.Integer(
        None, allow_None=True, bounds=(0, None), doc="Other sheets hear of an activation only after this many."
    )
    mask_fn = param.ClassSelector(
        class_=NeighborhoodMask, default=None, allow_None=True, doc="Which units go on settling; None for all."
    )
    mask_init_time = param.Integer(5, bounds=(0, None), doc="Activations after which the mask is made.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.activation_count = 0
        self.new_iteration = True

    def receive(self, projection: Projection, activity: FloatArray) -> None:
        """Take what has arrived; the first arrival after learning begins a new iteration."""
        if self.new_iteration:
            self.new_iteration = False
            self.clear_activity()
        projection.receive(activity)

    def clear_activity(self) -> None:
        """Set activity and responses to zero, and let all units take part."""
        super().clear()
        self.mask = None

    def clear(self) -> None:
        """Set activity to zero, and wait for a new iteration."""
        self.clear_activity()
        self.activation_count = 0
        self.new_iteration = True

    def projections_to_send(self) -> list[Projection]:
        """Return the outgoing projections, those to other sheets only after `strict_tsettle` activations."""
        if self.strict_tsettle is None or self.activation_count >= self.strict_tsettle:
            return self.outgoing
        return [projection for projection in self.outgoing if projection.dest is self]

    def process(self) -> None:
        """Activate, or learn when this iteration's activations are done."""
        if self.mask_fn is not None and self.activation_count == self.mask_init_time:
            self.mask = self.mask_fn(self.activity, self.grid)
        if self.tsettle == 0:
            self.activate()
            self.learn()
        elif self.activation_count >= self.tsettle:
            self.activation_count = 0
            self.new_iteration = True
            self.learn()
        else:
            self.activate()
            self.activation_count += 1

    def state(self) -> State:
        """Return activity, output functions, and how far the iteration has got."""
        progress = np.array([self.activation_count, self.new_iteration], np.int64)
        return {**super().state(), "progress": progress}

    def restore(self, state: State) -> None:
        """Set this sheet to a stored state."""
        super().restore(state)
        self.activation_count, self.new_iteration = int(state["progress"][0]), bool(state["progress"][1])
