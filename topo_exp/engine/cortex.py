"""Sheets that respond to other sheets through connection fields, and learn."""

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import param

from topo_exp.engine.checks import behaves_as, require_shape, require_signature
from topo_exp.engine.coordinates import Grid
from topo_exp.engine.learning import DivisiveNormalizeL1, reciprocal
from topo_exp.engine.moment import Moment
from topo_exp.engine.presentation import Shown
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.settling import ACTIVATE, LEARN, ActivateOnce, Settle
from topo_exp.engine.sheet import Connection, Sheet
from topo_exp.engine.streams import Real
from topo_exp.engine.transfer import Adaptive, OutputFn
from topo_exp.errors import ModelError, StateError, nearest
from topo_exp.typing import BoolArray, FloatArray, IntArray, State, read_only, read_only_copy


class CFSheet(Sheet):
    """A sheet of units with connection fields: activated once whenever input has arrived, then learning."""

    measure_maps = param.Boolean(True, doc="Whether analyses measure feature maps on this sheet.")
    plastic = param.Boolean(True, instantiate=True, doc="Whether this sheet's projections learn.")
    output_fns = param.List(
        [], doc="f(x) -> x, each applied in turn to the combined input; see topo_exp.engine.transfer."
    )

    projections: dict[str, Projection]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.settling = self.make_scheme()
        """Decides when this sheet is activated, learns, and sends to other sheets."""
        self._activity: FloatArray = read_only(np.zeros(self.shape))
        self._mask: BoolArray | None = None
        self._adapting: list[Projection] = []
        """Projections that change their responses before they are combined."""
        self._groups: list[list[Projection]] = []
        """Projections by `activity_group`, as they were at the last refresh; empty before the first one."""
        self._outputs: list[tuple[OutputFn, str, str]] = []
        """The same of `_named_outputs`."""
        self._checked: list[Callable[..., FloatArray]] = []
        """Functions that have been checked."""
        self.afferent_only = False
        """Whether to stop at the combined input of the first activation, for measurements."""

    def make_scheme(self) -> ActivateOnce:
        """Return a new settling scheme, which this sheet keeps; a sheet of a user's own may return another."""
        return ActivateOnce()

    @property
    def activity(self) -> FloatArray:
        """Present activity, (rows, columns), row 0 at the top; read-only. Assign an array to change it."""
        return self._activity

    @activity.setter
    def activity(self, activity: FloatArray) -> None:
        self._activity = read_only_copy(activity)

    def hold_activity(self, activity: FloatArray) -> None:
        """Take over an array that its maker does not change any more, without a copy."""
        if activity.flags.writeable:
            activity.setflags(write=False)
        self._activity = activity

    @property
    def mask(self) -> BoolArray | None:
        """The units that receive lateral input and learn, (rows, columns), read-only; None for all."""
        return self._mask

    @mask.setter
    def mask(self, mask: BoolArray | None) -> None:
        self._mask = None if mask is None else read_only_copy(mask)

    @property
    def threshold(self) -> FloatArray | None:
        """Adaptive thresholds of the first output function that has them, (rows, columns), read-only; or None."""
        threshold = next((fn.threshold for fn in self.output_fns if hasattr(fn, "threshold")), None)
        return threshold if threshold is None else read_only(threshold)

    # --- running ----------------------------------------------------------------------------------------------------

    def receive(self, projection: Projection, activity: FloatArray | Shown) -> None:
        """Take activity that has arrived through a projection; the first arrival of an iteration clears the sheet."""
        if self.settling.begins_iteration():
            self.clear_activity()
        projection.receive(activity, self._mask)

    def process(self, moment: Moment) -> None:
        """Activate or learn, as the settling scheme says, when all input of this moment has arrived."""
        for projection in self._adapting:
            projection.adapt(plastic=moment.plastic and self.plastic)
        scheme = self.settling
        step = scheme.next_step()
        if step is not LEARN:
            self.activate(moment)
        scheme.complete(step)
        if step is not ACTIVATE:
            self.learn(moment)

    def combined_input(self) -> FloatArray:
        """Return the input of all projections, combined group by group, (rows, columns), in a new array."""
        total: FloatArray = np.zeros(self.shape)
        for first, *others in self._groups or self._activity_groups():
            received, combine = first.response, first.combination
            for other in others:
                received = received + other.response
            combined = total + received if first.adds else combine(total, received.copy())
            total = require_shape(combined, total.shape, f"{first.path}.combine", combine)
        return total

    def _activity_groups(self) -> list[list[Projection]]:
        """Return the projections by ascending `activity_group`."""
        priorities = sorted({projection.activity_group for projection in self.projections.values()})
        return [[p for p in self.projections.values() if p.activity_group == priority] for priority in priorities]

    def _named_outputs(self) -> list[tuple[OutputFn, str, str]]:
        """Return the output functions, each with the path of its numbers and its name in messages."""
        name = self.name
        return [(fn, f"{name}/output_fns/{i}", f"{name}.output_fns[{i}]") for i, fn in enumerate(self.output_fns)]

    def activate(self, moment: Moment) -> None:
        """Turn the combined input into activity, and send it."""
        activity = self.combined_input()
        if self.afferent_only and self.measure_maps:
            self.activity = activity
            return
        for fn, path, where in self._outputs or self._named_outputs():
            result = fn.apply(activity, moment.of(path)) if isinstance(fn, Adaptive) else fn(activity)
            activity = require_shape(result, activity.shape, where, fn)
        self.activity = activity
        moment.send(self.activity, self.projections_to_send())

    def projections_to_send(self) -> list[Connection]:
        """Return the outgoing projections that the present activation is sent through."""
        if self.settling.sends_to_others():
            return self.outgoing
        return [projection for projection in self.outgoing if projection.dest is self]

    def learn(self, moment: Moment) -> None:
        """Let every projection learn, then normalise the weights of those units that were active."""
        if not (moment.plastic and self.plastic):
            return
        activity = self.activity if self._mask is None else np.where(self._mask, self.activity, 0)
        for projection in self.projections.values():
            projection.learn(activity, moment)
        self.normalize(activity.ravel().nonzero()[0])

    def normalize(self, units: IntArray) -> None:
        """Normalise the weights of the given units: those of a joint group together, the others by themselves."""
        is_joint = False
        for projection in self.projections.values():
            if projection.norm_group:
                is_joint = True
            else:
                projection.normalize(units)
        for members in self._joint_groups().values() if is_joint else ():
            if len(members) == 1:
                members[0].normalize(units)
                continue
            factors = _joint_factors(members, units)
            for member in members:
                member.scale(units, factors)

    def _joint_groups(self) -> dict[str, list[CFProjection]]:
        """Return the projections with a group, by that."""
        groups: dict[str, list[CFProjection]] = {}
        for projection in self.projections.values():
            if isinstance(projection, CFProjection) and projection.norm_group:
                groups.setdefault(projection.norm_group, []).append(projection)
        return groups

    def clear_activity(self) -> None:
        """Set activity and the projections' responses to zero, and let all units take part."""
        self.hold_activity(np.zeros(self.shape))
        self._mask = None
        for projection in self.projections.values():
            projection.clear()

    def clear(self) -> None:
        """Set activity to zero, forget earlier input, and wait for a new iteration."""
        self.clear_activity()
        for projection in self.projections.values():
            projection.forget()
        self.settling.clear()

    # --- building ---------------------------------------------------------------------------------------------------

    def add_projection(self, projection: Projection) -> None:
        """Add an incoming projection; called by `Simulation.connect`.

        The joint normalisation of its group is computed anew, but applied only at the start: until then each projection
        shows the weights that it would have if the network were complete.
        """
        self.projections[projection.name] = projection
        if type(projection).adapt is not Projection.adapt:
            self._adapting.append(projection)
        self._groups = []
        for group, members in self._joint_groups().items():
            if group == projection.norm_group and _have_joint_norm(members):
                units = np.arange(self.shape[0] * self.shape[1])
                factors = _joint_factors(members, units)
                for member in members:
                    member.expect_joint(factors)

    def start(self) -> None:
        """Check the projections' groups, and normalise joint groups for the first time.

        Raises:
            ModelError: If a projection with a group is not normalised by the sum of its weights.
        """
        groups = self._joint_groups()
        for member in itertools.chain.from_iterable(groups.values()):
            if not _have_joint_norm([member]):
                raise ModelError(
                    f"{member.path}.norm_group: must come with DivisiveNormalizeL1 (got "
                    f"{member.weights_output_fn!r}). Leave norm_group out, or normalise by the sum."
                )
        for projection in self.projections.values() if groups else ():
            projection.finish()

    def refresh(self) -> None:
        """Read all parameters again, and check functions that are new.

        Raises:
            ModelError: If a function cannot be called, or has memory and belongs to another sheet.
        """
        for fn in self.output_fns:
            if isinstance(fn, Adaptive):
                fn.refresh()
        for projection in self.projections.values():
            projection.refresh()
        self._groups, self._outputs = self._activity_groups(), self._named_outputs()
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
                    f"{where}: must belong to this sheet alone, since it has memory (got a {type(fn).__name__} "
                    f"that is in use already). Give each sheet its own."
                )
            fn.sheet = self
        for projection in self.projections.values():
            projection.check_functions()
            projection.record_undo()  # other functions may need weights in another form, dense or compiled
        self._checked = functions

    # --- state ------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return activity, mask, how far the iteration has got, and the memory of the output functions."""
        state: State = {"activity": self.activity.copy()}
        if self._mask is not None:
            state["mask"] = self._mask.copy()
        for i, fn in enumerate(self.output_fns):
            if isinstance(fn, Adaptive):
                state.update({f"output_fns/{i}/{key}": value for key, value in fn.state().items()})
        return state | self.settling.state()

    def restore(self, state: State) -> None:
        """Set this sheet to a stored state.

        Raises:
            StateError: If the stored activity has another shape.
        """
        if state["activity"].shape != self.shape:
            raise StateError(
                f"{self.name}.activity: must have the stored shape {state['activity'].shape} (got {self.shape}). "
                "Restore into the same model with the same parameters."
            )
        self.activity = state["activity"]
        self.mask = state.get("mask")
        for i, fn in enumerate(self.output_fns):
            prefix = f"output_fns/{i}/"
            if isinstance(fn, Adaptive):
                fn.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
        self.settling.restore(state)


def _have_joint_norm(members: list[CFProjection]) -> bool:
    return all(behaves_as(member.weights_output_fn, DivisiveNormalizeL1) for member in members)


def _joint_factors(members: list[CFProjection], units: IntArray) -> FloatArray:
    """Return the factors by which the weights of a group have to be multiplied to sum to one, (units,)."""
    return reciprocal(np.sum([member.totals(units) for member in members], axis=0))


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
    activation comes back, the sheet learns instead of being activated again. See `settling.Settle`.
    """

    tsettle = param.Integer(8, bounds=(0, None), doc="Activations in an iteration; 0 behaves as a CFSheet.")
    strict_tsettle = param.Integer(
        None, bounds=(0, None), doc="Other sheets receive an activation only after this many."
    )
    settles_with = param.List(
        [], item_type=str, doc="Names of other sheets that receive every activation all the same, as this one does."
    )
    _partners: Sequence[Sheet] = ()
    """The sheets that `settles_with` names."""

    mask_fn = param.ClassSelector(
        class_=NeighborhoodMask, default=None, doc="Which units continue to settle; None for all."
    )
    mask_init_time = param.Integer(5, bounds=(0, None), doc="Activations after which the mask is made.")

    settling: Settle

    def make_scheme(self) -> Settle:
        """Return a new settling scheme."""
        return Settle()

    @property
    def activation_count(self) -> int:
        """Activations in this iteration so far."""
        return self.settling.activation_count

    @property
    def new_iteration(self) -> bool:
        """Whether the next arrival begins an iteration."""
        return self.settling.new_iteration

    def refresh(self) -> None:
        """Read all parameters again, and check functions that are new.

        Raises:
            ModelError: If `settles_with` names a sheet that this one does not project to, or as for a CFSheet.
        """
        self.settling.tsettle, self.settling.strict_tsettle = self.tsettle, self.strict_tsettle or 0
        reached = {projection.dest.name for projection in self.outgoing}
        unknown = [name for name in self.settles_with if name not in reached]
        if unknown:
            raise ModelError(
                f"{self.name}.settles_with: must name sheets that this one projects to (got {unknown[0]!r}). "
                f"{nearest(unknown[0], reached)}"
            )
        self._partners = [p.dest for p in self.outgoing if p.dest is not self and p.dest.name in self.settles_with]
        super().refresh()

    def projections_to_send(self) -> list[Connection]:
        """Return the outgoing projections that the present activation is sent through."""
        if self.settling.sends_to_others():
            return self.outgoing
        return [p for p in self.outgoing if p.dest is self or p.dest in self._partners]

    def process(self, moment: Moment) -> None:
        """Activate or learn, as the settling scheme says, within the mask that is made at `mask_init_time`."""
        if self.mask_fn is not None and self.activation_count == self.mask_init_time:
            self.mask = self.mask_fn(self.activity, self.grid)
        super().process(moment)
