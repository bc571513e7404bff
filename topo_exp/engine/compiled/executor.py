"""The worker that computes a sheet by compiled calls: activations, learning, and whole iterations where possible.

The sheet and its projections hold the values; the buffers of the kernels are copies of them. An array that was handed
out or assigned cannot be changed, so a copy is up to date while the original is the same object. After a state is
restored, or a value is assigned, the new object is copied. Parameters are read when a run begins and after each
scheduled action, since they change only then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from topo_exp.engine.compiled import outputs
from topo_exp.engine.compiled.buffers import Buffers, aligned
from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.compiled.fields import SharedFields
from topo_exp.engine.compiled.rows import CompiledFields, Rows
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.events import Activity, Events
from topo_exp.engine.moment import Moment
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.settling import ACTIVATE, LEARN, Settle
from topo_exp.engine.sheet import Sheet
from topo_exp.engine.transfer import HomeostaticResponse
from topo_exp.engine.workers import Worker
from topo_exp.typing import FloatArray


@dataclass(frozen=True)
class Plan:
    """Everything about a sheet that an executor is built for; it can be used as long as this does not change."""

    fields: tuple[tuple[CompiledFields, str], ...]
    """The fields of each projection, and a name for those that are normalised together."""
    output_fn: object
    """None for the combined input itself."""
    divisor: float
    """0 if all projections add; else the constant of the division by some of them."""
    lateral_delay: float | None
    """Delay of all lateral projections, or None if it differs: then nothing is computed ahead of time."""
    settles_at_once: bool
    """Whether a whole iteration can be computed in one call."""


class Executor:
    """Computes one sheet with the compiled kernels.

    Args:
        sheet: The sheet.
        plan: The fields and functions to build the executor for.
        clock: The network's clock: whether other input may arrive within some time.
    """

    def __init__(self, sheet: CFSheet, plan: Plan, clock: Events) -> None:
        compiled = kernels()
        self.plan = plan
        self._kernels = compiled
        self._sheet = sheet
        self._clock = clock
        self._shape = sheet.shape
        self._senders: list[Executor | None] = []
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
        self._activity_of: FloatArray | None = None
        """The array of which `_activity` is a copy."""
        self._threshold_of: FloatArray | None = None
        """The array of which the kernels' thresholds are a copy."""
        self._update: Fraction | None = None
        """The next update of thresholds, for which `_updates` was computed."""
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
        """Whether an iteration has begun, so that responses to the one before are invalid."""
        self._pending: list[int] = []
        """Projections whose responses to their last input are deferred."""
        self._deferred: list[tuple[np.ndarray, np.ndarray]] = []
        """For each presentation whose settling is deferred its drive, and the array that receives its activity."""
        self._into: np.ndarray | None = None
        """The array that receives the activity of this presentation, if settling may be deferred."""
        self._rows = rows = Rows(sheet, plan.fields, divides=plan.divisor > 0)
        self._projections, self._buffers_of, self._entries = rows.projections, rows.buffers, rows.entries
        self._lateral, self._lateral_rows = rows.lateral, rows.lateral_rows
        self._others = [p for p in sheet.outgoing if p.dest is not sheet]
        self._table, self._numbers = rows.table, rows.numbers
        self._anew = [False] * len(rows.fields)
        self._sources = list(rows.own_sources)
        self.refresh()

    def refresh(self) -> None:
        """Read all parameters."""
        compiled, sheet, clock = self._kernels, self._sheet, self._clock
        scheme = sheet.settling
        self._scheme = scheme
        self._plastic, self._measured = sheet.plastic, sheet.measure_maps
        self._rows.refresh()
        self._varying, self._scaled, self._learns = self._rows.varying, self._rows.scaled, self._rows.learns
        self._delay = clock.ticks(self.plan.lateral_delay) if self.plan.lateral_delay is not None else 0
        self._settle_scheme: Settle | None = None
        self._is_heard = True
        if self.plan.settles_at_once and isinstance(scheme, Settle) and self._delay > 0 and not self._varying:
            self._is_heard = scheme.strict_tsettle <= scheme.tsettle - 1
            withheld = scheme.strict_tsettle >= scheme.tsettle - 1 and not getattr(sheet, "settles_with", ())
            only_last = not self._others or withheld
            if only_last and (not self._is_heard or clock.returns_after(sheet) > self._delay):
                self._settle_scheme = scheme
        fn = self.plan.output_fn
        outputs.write(fn, self._transfer)
        is_clipped = self._transfer[compiled.KIND] == compiled.CLIPPED
        alone = not self._others and len(self._lateral) == 2 and self.plan.divisor == 0
        self._may_defer = self._settle_scheme is not None and alone and is_clipped
        self._homeostatic = fn if isinstance(fn, HomeostaticResponse) else None
        if self._homeostatic is not None:
            fn = self._homeostatic
            self._update = None
            self._constants = np.array([fn.smoothing, fn.learning_rate, fn.target_activity])

    def link(self, workers: Mapping[Sheet, Worker]) -> None:
        """Find the executors of the sheets that send to this one: activity is read where they have left it."""
        senders = [workers.get(projection.src) for projection in self._projections]
        self._senders = [sender if isinstance(sender, Executor) else None for sender in senders]

    # --- as a worker ------------------------------------------------------------------------------------------------

    def receive(self, projection: Projection, activity: Activity) -> None:
        """Take activity that arrives through a projection; responses are computed when the sheet is processed."""
        if self._scheme.begins_iteration():
            self._fresh = True
            self._arrived.clear()
        projection.input = projection.incoming(activity) if projection.transforms_input else activity
        self._arrived.add(projection)

    def reset(self) -> None:
        """Drop input and deferred responses: the sheet was cleared, or set to another state."""
        self._arrived.clear()
        self._fresh, self._pending = False, []

    def complete(self) -> None:
        """Compute the responses that are deferred."""
        if self._pending:
            pending, self._pending = self._pending, []
            for i in pending:
                projection, buffers = self._projections[i], self._buffers_of[i]
                self._take(i, projection, buffers)
                buffers.answered = projection.input
            self._kernels.respond(self._table[pending], self._numbers[pending])

    def defer_settling(self, into: np.ndarray | None) -> None:
        """Allow the next presentation to be settled later, in `settle_deferred`.

        It is settled at once if other sheets receive the activity, or the sheet learns.

        Args:
            into: Receives the activity, (rows, columns); None if the presentation must be settled at once.
        """
        if len(self._deferred) == self._kernels.TOGETHER:
            self.settle_deferred()
        self._into = into if self._may_defer else None

    def settle_deferred(self) -> None:
        """Settle all presentations that were deferred, in one call that reads the weights once for all of them."""
        compiled, size = self._kernels, self._activity.size
        deferred, self._deferred, self._into = self._deferred, [], None
        if deferred and self._settle_scheme is not None:
            drives = np.zeros((compiled.TOGETHER, size))
            activities = np.zeros((compiled.TOGETHER, size), np.float32)
            for row, (drive, _) in zip(drives, deferred, strict=False):
                row[:] = drive
            self._addresses[compiled.ACTIVATIONS] = self._settle_scheme.tsettle
            quads = self._buffers_of[self._lateral_rows[0]].layout.start.size
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
            for activity, (_, into) in zip(activities, deferred, strict=False):
                into[:] = activity.reshape(into.shape)

    def process(self, moment: Moment) -> None:
        """Activate the sheet, compute the rest of its iteration, or let it learn."""
        if self._scaled:
            self._numbers[self._scaled, self._kernels.ADAPTS] = moment.plastic and self._plastic
        scheme = self._scheme
        step = scheme.next_step()
        if step is ACTIVATE and self._settle_scheme is not None:
            activations = self._settle_scheme.remaining()
            if self._is_undisturbed(activations):
                self._settle(self._settle_scheme, activations, moment)
                return
        if step is not LEARN:
            self._activate(moment)
        scheme.complete(step)
        if step is not ACTIVATE:
            self._learn(moment)

    def _activate(self, moment: Moment) -> None:
        """Activate the sheet once, and send its activity."""
        sheet = self._sheet
        self._load()
        if sheet.afferent_only and self._measured:
            self._run(1)
            sheet.hold_activity(self._buffers[self._kernels.NET].reshape(sheet.shape).copy())
            return
        self._adapt(moment)
        self._run(1)
        moment.send(self._publish(), sheet.projections_to_send())

    def _settle(self, scheme: Settle, activations: int, moment: Moment) -> None:
        """Do all remaining activations of an iteration, and learn."""
        self._load()
        self._adapt(moment)
        learns = self._learns and moment.plastic and self._plastic
        if self._into is not None and activations == scheme.tsettle and not learns:
            self._run(0)
            self._deferred.append((self._buffers[self._kernels.DRIVE].copy(), self._into))
            scheme.end_iteration()
            return
        self._run(activations, echo=learns)
        activity = self._publish()
        if self._others and self._is_heard:
            moment.send(activity, self._others, later=(activations - 1) * self._delay)
        for projection in self._lateral:
            projection.input = activity
        scheme.end_iteration()
        self._pending = [] if learns else self._lateral_rows  # if it learns, those by the weights before are there
        if learns:
            self._learn(moment)

    def _learn(self, moment: Moment) -> None:
        """Let the projections learn from the inputs that last arrived, and normalise the active units' weights."""
        compiled = self._kernels
        learns = self._learns and moment.plastic and self._plastic
        if self._arrived and not (learns or self._fresh or self._scaled):  # the next iteration may begin before a look
            self._pending = [i for i, projection in enumerate(self._projections) if projection in self._arrived]
            self._arrived.clear()
        elif self._arrived:
            self._respond()
        if not learns:
            return
        self._load_activity()
        numbers = self._numbers
        for i, varying in self._varying:
            numbers[i, compiled.RATE] = varying.connection_rate(varying.present_rate(moment))
        signed = False
        for i, (projection, buffers, fields) in enumerate(self._entries):
            projection.record_undo()
            if projection.input is None:
                if numbers[i, compiled.RATE] != 0:
                    numbers = numbers.copy()
                    numbers[i, compiled.RATE] = 0
            elif numbers[i, compiled.RATE] != 0:
                self._take(i, projection, buffers)
                signed |= fields.signed
        self._rows.learn(self._addresses, numbers, self._activity, signed=signed)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _is_undisturbed(self, activations: int) -> bool:
        """Return True if the remaining activations can run in one call: no input can arrive before, no state is read.

        Thresholds must not be due for an update before the last activation either.
        """
        if self._sheet.afferent_only:
            return False
        clock = self._clock
        if self._homeostatic is not None:
            update, following = self._update_ticks(self._homeostatic)
            last = clock.tick + (activations - 1) * self._delay
            if last > (following if clock.tick > update else update):
                return False
        return clock.undisturbed(self._sheet, activations * self._delay)

    def _update_ticks(self, fn: HomeostaticResponse) -> tuple[int, int]:
        """Return the last ticks at which the next update of thresholds is not due, and the one after it."""
        if fn.next_update is not self._update:
            self._update = fn.next_update
            self._updates = self._clock.ticks_at(self._update), self._clock.ticks_at(fn.following_update)
        return self._updates

    def _load(self) -> None:
        """Copy inputs that have arrived, and responses that were assigned, to the buffers of the kernels."""
        if self._deferred and self._deferred[-1][1] is self._into:  # this presentation continues: settle it at once
            self._deferred.pop()
        if self._pending and not self._fresh:
            self.complete()
        arrived, column = self._arrived, self._kernels.ARRIVED
        for i, (projection, buffers, fields) in enumerate(self._entries):
            anew = False
            if projection in arrived:
                anew = not self._negate_opposite(i, projection, fields)
                if anew:
                    self._take(i, projection, buffers)
                buffers.answered = projection.input
            elif self._fresh:
                buffers.response[:] = 0
                buffers.answered = None
            elif projection.response is not buffers.view:
                buffers.response[:] = projection.response.ravel()
                buffers.answered = None
            projection.response = buffers.view
            if anew is not self._anew[i]:
                self._anew[i] = self._table[i, column] = anew
        arrived.clear()
        self._fresh, self._pending = False, []

    def _take(self, i: int, projection: Projection, buffers: Buffers) -> None:
        """Point the kernels to a projection's input: the buffer of the executor that sent it, or a copy."""
        sender, activity = self._senders[i], projection.input
        if sender is not None and activity is sender._activity_of:
            address = sender._activity_address
        else:
            assert activity is not None
            buffers.load(activity)
            address = self._rows.own_sources[i]
        if address != self._sources[i]:
            self._sources[i] = self._table[i, self._kernels.SOURCE] = address

    def _negate_opposite(self, i: int, projection: Projection, fields: CompiledFields) -> bool:
        """Negate the response of the projection with the opposite kernel, if it was to the same input."""
        if not isinstance(fields, SharedFields):
            return False
        fields.strength = self._numbers[i, self._kernels.STRENGTH]
        opposite = fields.opposite
        if opposite is None or opposite.buffers.answered is not projection.input:
            return False
        if opposite.strength != fields.strength:
            return False
        np.negative(opposite.buffers.response, out=fields.buffers.response)
        return True

    def _load_activity(self) -> None:
        activity = self._sheet.activity
        if activity is not self._activity_of:
            self._activity[:] = activity.ravel()
            self._activity_of = activity

    def _adapt(self, moment: Moment) -> None:
        """Update thresholds if it is time, and copy them to the buffer of the kernels."""
        if self._homeostatic is not None:
            threshold = self._homeostatic.adapt(self._shape, moment, self._adapted)
            if threshold is not self._threshold_of:
                self._buffers[self._kernels.THRESHOLD][:] = threshold.ravel()
                self._threshold_of = threshold

    def _adapted(
        self, fn: HomeostaticResponse, threshold: FloatArray, average: FloatArray, previous: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the threshold and average of a homeostatic response after one update."""
        threshold, average = threshold.copy(), average.copy()
        is_loaded = previous is self._activity_of
        single = self._activity if is_loaded else np.require(previous, np.float32, ["C", "W"]).ravel()
        self._kernels.adapt(threshold.ravel(), average.ravel(), single, self._constants)
        return threshold, average

    def _run(self, activations: int, *, echo: bool = False) -> None:
        compiled = self._kernels
        self._addresses[compiled.ACTIVATIONS], self._addresses[compiled.ECHO] = activations, echo
        compiled.settle(self._addresses, self._transfer, self._table, self._numbers)

    def _publish(self) -> FloatArray:
        """Give the sheet a copy of the activity that the kernels have computed, and return it."""
        activity = np.ndarray(self._shape, np.float32, self._activity.tobytes())  # read-only, faster than by its flag
        self._sheet.hold_activity(activity)
        self._activity_of = activity
        if self._homeostatic is not None:
            self._homeostatic.follow(activity)
        return activity

    def _respond(self) -> None:
        """Respond to inputs that have arrived, without activating the sheet."""
        arrived = [i for i, p in enumerate(self._projections) if p in self._arrived]
        self._load()
        self._kernels.respond(self._table[arrived], self._numbers[arrived])
