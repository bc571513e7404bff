"""Sheets that do their work in compiled calls: activations, learning, and a whole iteration at once where they may.

What Python sees (activities, inputs, thresholds) stays the truth; buffers of the kernels are copies of it, known by the
identity of the object that was copied. So a restored state, or a value set by hand, is simply loaded anew. Parameters
are read when a run begins and after each scheduled action, for that is when they change.
"""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.eventdriven import SharedFields, Wires, aligned, fast_fields
from topo_exp.engine.projection import CFProjection, Projection
from topo_exp.engine.sheet import CFSheet, SettlingCFSheet
from topo_exp.engine.streams import NumberGenerator
from topo_exp.engine.transfer import HomeostaticResponse, PiecewiseLinear

if TYPE_CHECKING:
    from topo_exp.engine.adoption import Plan
    from topo_exp.engine.simulation import Simulation


class Executor:
    """Does the work of one sheet in its place, with the compiled kernels."""

    def __init__(self, sheet: CFSheet, plan: "Plan") -> None:
        compiled = kernels()
        self.plan = plan
        self._kernels = compiled
        self._sheet = sheet
        self._sim: Simulation = sheet.simulation
        n = sheet.shape[0] * sheet.shape[1]
        self._buffers = {
            compiled.ACTIVITY: aligned(n + compiled.PADDING)[:n],
            compiled.DRIVE: aligned(n, np.float64),
            compiled.NET: aligned(n, np.float64),
            compiled.THRESHOLD: aligned(n, np.float64),
            compiled.LEARNERS: np.zeros(n, np.int32),
            compiled.ZEROS: aligned(n, np.float64),
        }
        self._activity = self._buffers[compiled.ACTIVITY]
        self._activity_address = self._activity.ctypes.data
        self._activity_of: Any = None
        """What `_activity` is a copy of."""
        self._threshold_of: Any = None
        """What the kernels' thresholds are a copy of."""
        self._update: Fraction | None = None
        """The update of thresholds that `_updates` tells of."""
        self._updates = (0, 0)
        """The last ticks that are not after that update, and not after the one that follows it."""
        self._addresses = np.zeros(compiled.N_SHEET, np.int64)
        for column, array in self._buffers.items():
            self._addresses[column] = array.ctypes.data
        self._addresses[compiled.UNITS] = n
        self._transfer = np.zeros(compiled.N_TRANSFER)
        self._transfer[compiled.DIVISOR] = plan.divisor
        self._arrived: set[Projection] = set()
        self._fresh = False
        """Whether an iteration has begun, and responses to the one before are void."""
        self._owing = False
        """Whether the lateral responses to the last activity are still to be computed."""
        self._later: list[tuple[np.ndarray, np.ndarray]] = []
        """What drives the sheet in presentations that it will settle to together, and where to put its activity."""
        self._into: np.ndarray | None = None
        """Where to put the activity that it settles to in this presentation, if that may be put off."""
        self._wire(sheet)
        self.refresh()

    def _wire(self, sheet: CFSheet) -> None:
        """Lay the tables of all projections, those that are normalised together next to each other."""
        compiled = self._kernels
        groups = [group for _, group in self.plan.projections]
        order = sorted(range(len(groups)), key=lambda i: (groups.index(groups[i]), i))
        everything = list(sheet.projections.values())
        self._projections = [everything[i] for i in order]
        self._groups = [groups[i] for i in order]
        self._backends: list[Any] = [fast_fields(p) for p in self._projections]
        self._wires: list[Wires] = [backend.wires for backend in self._backends]
        self._entries = list(zip(self._projections, self._wires, self._backends, strict=True))
        self._normalised = [b for b, group in zip(self._backends, self._groups, strict=True) if group]
        self._lateral = [p for p in self._projections if p.src is sheet]
        self._others = [p for p in sheet.outgoing if p.dest is not sheet]
        self._table = np.vstack([wires.row for wires in self._wires])
        self._anew = [False] * len(self._wires)
        self._numbers = np.zeros((len(self._wires), compiled.N_NUMBERS))
        for i, (projection, group) in enumerate(zip(self._projections, self._groups, strict=True)):
            self._table[i, compiled.GROUP] = self._groups.index(group) if group else -1
            if projection.src is sheet:
                self._table[i, compiled.LATERAL] = 1
        lateral = np.flatnonzero(self._table[:, compiled.LATERAL])
        for column in (compiled.ACTIVE, compiled.INPUTS):  # one list of active quads serves them all
            self._table[lateral, column] = self._table[lateral[:1], column]
        self._lateral_rows = lateral.tolist()
        self._own_sources = self._table[:, compiled.SOURCE].tolist()
        self._sources = list(self._own_sources)

    def refresh(self) -> None:
        """Read all parameters."""
        compiled, sheet, sim = self._kernels, self._sheet, self._sim
        settling = isinstance(sheet, SettlingCFSheet)
        self._settling = sheet if settling else None
        self._tsettle = sheet.tsettle if settling else 0
        strict = (sheet.strict_tsettle or 0) if settling else 0
        only_last = not self._others or strict >= self._tsettle - 1
        self._heard = strict <= self._tsettle - 1
        self._plastic, self._measured = sheet.plastic, sheet.measure_maps
        self._varying: list[tuple[int, CFProjection]] = []
        for i, projection in enumerate(self._projections):
            self._numbers[i, compiled.STRENGTH] = projection.strength
            rate = projection.learning_rate if isinstance(projection, CFProjection) else 0.0
            if isinstance(rate, NumberGenerator):
                self._varying.append((i, projection))
            else:
                self._numbers[i, compiled.RATE] = rate / projection.n_units
        self._learns = bool(self._normalised or self._varying or self._numbers[:, compiled.RATE].any())
        self._delay = sim.events.ticks(self.plan.lateral_delay) if self.plan.lateral_delay is not None else 0
        answered_later = not self._heard or sim.events.returns_after(sheet) > self._delay
        self._at_once = settling and self._delay > 0 and only_last and answered_later and not self._varying
        self._together = self._at_once and not self._others and len(self._lateral) == 2 and self.plan.divisor == 0
        fn, transfer = self.plan.output_fn, self._transfer
        transfer[compiled.LOWER], transfer[compiled.GAIN], transfer[compiled.UPPER] = 0.0, 1.0, np.inf
        if isinstance(fn, PiecewiseLinear):
            transfer[compiled.LOWER], transfer[compiled.UPPER] = fn.lower, 1.0
            transfer[compiled.GAIN] = 1.0 / (fn.upper - fn.lower)
        self._homeostatic = fn if isinstance(fn, HomeostaticResponse) else None
        if self._homeostatic is not None:
            fn = self._homeostatic
            self._period = Fraction(str(fn.period))
            self._update = None
            self._adaptation = np.array([fn.smoothing, fn.learning_rate, fn.target_activity])

    # --- what the sheet does through it -----------------------------------------------------------------------------

    def receive(self, projection: Projection, activity: Any) -> None:
        """Take what has arrived through a projection; it is looked at when the sheet acts."""
        sheet = self._settling
        if sheet is not None and sheet.new_iteration:
            sheet.new_iteration = False
            self._fresh = True
            self._arrived.clear()
        projection.input = activity
        self._arrived.add(projection)

    def forget(self) -> None:
        """Forget what has arrived: the sheet was cleared, or set to another state."""
        self._arrived.clear()
        self._fresh = self._owing = False

    def complete(self) -> None:
        """Compute what was put off because nobody looked at it."""
        if self._owing:
            self._owing = False
            lateral = self._lateral_rows
            for i in lateral:
                self._take(i, self._projections[i], self._wires[i])
            self._kernels.respond(self._table[lateral], self._numbers[lateral])

    def settle_later(self, into: np.ndarray | None) -> None:
        """Let the sheet settle to the presentation that follows when it suits best, `settle_together` at the latest.

        Its activity then goes to `into`, (rows, columns). Where others hear of it, or it learns, or `into` is None, it
        settles as ever.
        """
        if len(self._later) == self._kernels.TOGETHER:
            self.settle_together()
        self._into = into if self._together else None

    def settle_together(self) -> None:
        """Settle to all that was put off."""
        compiled, size = self._kernels, self._activity.size
        later, self._later, self._into = self._later, [], None
        if later:
            drives = np.zeros((compiled.TOGETHER, size))
            activities = np.zeros((compiled.TOGETHER, size), np.float32)
            for row, (drive, _) in zip(drives, later, strict=False):
                row[:] = drive
            self._addresses[compiled.ACTIVATIONS] = self._tsettle
            quads = self._wires[self._lateral_rows[0]].layout.start.size
            compiled.settle_together(
                self._addresses,
                self._transfer,
                self._table,
                self._numbers,
                drives,
                activities,
                np.zeros((2, compiled.TOGETHER, size + compiled.PADDING), np.float32),
                np.zeros((quads, 4 * compiled.TOGETHER), np.float32),
                np.empty(quads, np.int32),
            )
            for activity, (_, into) in zip(activities, later, strict=False):
                into[:] = activity.reshape(into.shape)

    def process(self) -> None:
        """Do what follows when all input of this moment has arrived: activate, settle or learn."""
        sheet = self._settling
        if sheet is None or self._tsettle == 0:
            self._activate()
            self._learn()
        elif sheet.activation_count >= self._tsettle:
            sheet.activation_count = 0
            sheet.new_iteration = True
            self._learn()
        elif self._alone(sheet, self._tsettle - sheet.activation_count):
            self._settle(sheet, self._tsettle - sheet.activation_count)
        else:
            self._activate()
            sheet.activation_count += 1

    def _activate(self) -> None:
        """Activate the sheet once, and send its activity."""
        sheet = self._sheet
        self._load()
        if sheet.afferent_only and self._measured:
            self._run(1)
            sheet.activity = self._buffers[self._kernels.NET].reshape(sheet.shape).copy()
            return
        self._adapt()
        self._run(1)
        self._show()
        self._sim.events.send(sheet.activity, sheet.projections_to_send())

    def _settle(self, sheet: SettlingCFSheet, activations: int) -> None:
        """Do all that is left of an iteration, learning included."""
        self._load()
        self._adapt()
        learns = self._learns and self._sim.plastic and self._plastic
        if self._into is not None and activations == self._tsettle and not learns:
            self._run(0)
            self._later.append((self._buffers[self._kernels.DRIVE].copy(), self._into))
            sheet.activation_count, sheet.new_iteration = 0, True
            return
        self._run(activations, echo=learns)
        self._show()
        if self._others and self._heard:
            self._sim.events.send(sheet.activity, self._others, later=(activations - 1) * self._delay)
        for projection in self._lateral:
            projection.input = sheet.activity
        sheet.activation_count, sheet.new_iteration = 0, True
        self._owing = not learns  # else this would be a response by other weights
        if learns:
            self._learn()

    def _learn(self) -> None:
        """Let the projections learn from the inputs that last arrived, and normalise the active units' weights."""
        compiled = self._kernels
        if self._arrived:
            self._respond()
        if not (self._learns and self._sim.plastic and self._plastic):
            return
        if self._sim.is_frozen:
            for projection, _, _ in self._entries:
                if isinstance(projection, CFProjection):
                    self._sim.keep_weights(projection)
        self._load_activity()
        numbers = self._numbers
        for i, varying in self._varying:
            numbers[i, compiled.RATE] = varying.present_rate() / varying.n_units
        signed = False
        for i, (projection, wires, backend) in enumerate(self._entries):
            if projection.input is None:
                if numbers[i, compiled.RATE] != 0:
                    numbers = numbers.copy()
                    numbers[i, compiled.RATE] = 0
            elif numbers[i, compiled.RATE] != 0:
                self._take(i, projection, wires)
                signed |= backend.signed
        least = -1.0 if signed else compiled.learn(self._addresses, self._table, numbers)
        if least < 0:
            self._learn_densely(numbers)
            return
        for backend in self._normalised:
            backend.scaled(least)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _alone(self, sheet: SettlingCFSheet, activations: int) -> bool:
        """Tell whether the rest of an iteration depends on nothing but what is here now, and nobody looks at it."""
        if not self._at_once or sheet.afferent_only:
            return False
        events = self._sim.events
        if self._homeostatic is not None:
            update, next_update = self._update_ticks(self._homeostatic)
            last = events.tick + (activations - 1) * self._delay
            if last > (next_update if events.tick > update else update):
                return False
        return events.undisturbed(sheet, activations * self._delay)

    def _update_ticks(self, fn: HomeostaticResponse) -> tuple[int, int]:
        """Return the last ticks at which the next update of thresholds is not due, and the one after it."""
        if fn.next_update is not self._update:
            self._update, self._following = fn.next_update, fn.next_update + self._period
            events = self._sim.events
            self._updates = events.ticks_at(self._update), events.ticks_at(self._following)
        return self._updates

    def _load(self) -> None:
        """Bring what has arrived, and responses that were set from outside, to where the kernels expect them."""
        if self._later and self._later[-1][1] is self._into:  # this presentation goes on after what was put off
            self._later.pop()
        arrived, column = self._arrived, self._kernels.ARRIVED
        for i, (projection, wires, backend) in enumerate(self._entries):
            anew = False
            if projection in arrived:
                anew = not self._negate_opposite(i, projection, backend)
                if anew:
                    self._take(i, projection, wires)
                wires.answered = projection.input
            elif self._fresh:
                wires.response[:] = 0
                wires.answered = None
            elif projection.response is not wires.view:
                wires.response[:] = projection.response.ravel()
                wires.answered = None
            projection.response = wires.view
            if anew is not self._anew[i]:
                self._anew[i] = self._table[i, column] = anew
        arrived.clear()
        self._fresh = self._owing = False

    def _take(self, i: int, projection: Projection, wires: Wires) -> None:
        """Let the kernels find a projection's input: where its sender's kernels left it, or in a copy."""
        sender = projection.src.executor
        if sender is not None and projection.input is sender._activity_of:
            address = sender._activity_address
        else:
            wires.load(projection.input)
            address = self._own_sources[i]
        if address != self._sources[i]:
            self._sources[i] = self._table[i, self._kernels.SOURCE] = address

    def _negate_opposite(self, i: int, projection: Projection, backend: Any) -> bool:
        """Take the response of the projection with the opposite kernel, if it was to the same input."""
        if not isinstance(backend, SharedFields):
            return False
        backend.strength = self._numbers[i, self._kernels.STRENGTH]
        opposite = backend.opposite
        if opposite is None or opposite.wires.answered is not projection.input:
            return False
        if opposite.strength != backend.strength:
            return False
        np.negative(opposite.wires.response, out=backend.wires.response)
        return True

    def _load_activity(self) -> None:
        activity = self._sheet.activity
        if activity is not self._activity_of:
            self._activity[:] = activity.ravel()
            self._activity_of = activity

    def _adapt(self) -> None:
        """Update thresholds when it is time, as `HomeostaticResponse.adapt` does, and bring them to the kernels."""
        fn = self._homeostatic
        if fn is None:
            return
        if fn.threshold is None or fn.average is None:
            fn.adapt(self._sheet.shape, self._sheet.moment())
        elif self._sim.events.tick > self._update_ticks(fn)[0]:
            fn.next_update = self._following
            if self._sim.plastic and fn.previous is not None:
                fn.threshold, fn.average = fn.threshold.copy(), fn.average.copy()
                previous = np.asarray(fn.previous, np.float32).ravel()
                self._kernels.adapt(fn.threshold.ravel(), fn.average.ravel(), previous, self._adaptation)
        assert fn.threshold is not None
        if fn.threshold is not self._threshold_of:
            self._buffers[self._kernels.THRESHOLD][:] = fn.threshold.ravel()
            self._threshold_of = fn.threshold

    def _run(self, activations: int, *, echo: bool = False) -> None:
        compiled = self._kernels
        self._addresses[compiled.ACTIVATIONS], self._addresses[compiled.ECHO] = activations, echo
        compiled.settle(self._addresses, self._transfer, self._table, self._numbers)

    def _show(self) -> None:
        """Let the sheet have the activity that the kernels left."""
        sheet = self._sheet
        sheet.activity = self._activity_of = self._activity.reshape(sheet.shape).copy()
        if self._homeostatic is not None:
            self._homeostatic.previous = sheet.activity

    def _respond(self) -> None:
        """Respond to what has arrived, without activating the sheet."""
        arrived = [i for i, p in enumerate(self._projections) if p in self._arrived]
        self._load()
        self._kernels.respond(self._table[arrived], self._numbers[arrived])

    def _learn_densely(self, numbers: np.ndarray) -> None:
        """Learn projection by projection: where something is negative, sums of weights are not linear."""
        sheet = self._sheet
        for rate, (projection, _, backend) in zip(numbers[:, self._kernels.RATE], self._entries, strict=True):
            if rate != 0 and isinstance(projection, CFProjection) and projection.input is not None:
                backend.learn(projection.learning_fn, projection.input, sheet.activity, rate)
        sheet.normalize(np.flatnonzero(sheet.activity))
