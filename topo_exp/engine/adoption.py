"""Who gets the fast form: every sheet and projection that can have it; nobody has to choose.

A sheet all of whose projections have fields of `eventdriven`, and whose output function the kernels know, gets an
`Executor`. What is not adopted is computed densely; the results agree to single precision.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.engine.eventdriven import EventDrivenFields, SharedFields, fast_fields, has_runs, supports
from topo_exp.engine.executor import Executor
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.learning import KeepWeights
from topo_exp.engine.projection import CFProjection, Projection, SharedWeightCFProjection
from topo_exp.engine.response import Add, Divide, DotProduct
from topo_exp.engine.sheet import CFSheet, SettlingCFSheet
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse, PiecewiseLinear

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


@dataclass(frozen=True)
class Plan:
    """What an executor was made for; it serves as long as this does not change."""

    projections: tuple[tuple[object, ...], ...]
    output_fn: object
    divisor: float
    lateral_delay: float | None
    """Delay that all lateral projections share, or None: then nothing is done ahead of time."""

    @classmethod
    def of(cls, sheet: CFSheet) -> "Plan | None":
        """Return the plan for a sheet, or None where the kernels do not know something about it."""
        if len(sheet.output_fns) != 1 or type(sheet.output_fns[0]) not in (
            HalfRectify,
            HomeostaticResponse,
            PiecewiseLinear,
        ):
            return None
        if getattr(sheet, "mask_fn", None) is not None or sheet.mask is not None or not sheet.projections:
            return None
        if type(sheet) not in (CFSheet, SettlingCFSheet):
            return None
        divisor = _divisor(sheet)
        fast = all(fast_fields(p) is not None for p in sheet.projections.values())
        if divisor is None or not fast:
            return None
        lateral = [p for p in sheet.projections.values() if p.src is sheet]
        delays = {p.delay for p in lateral}
        what = tuple((id(fast_fields(p)), _group_of(p)) for p in sheet.projections.values())
        return cls(what, sheet.output_fns[0], divisor, delays.pop() if len(delays) == 1 else None)


def _group_of(projection: Projection) -> str:
    """Return a name for the projections that are normalised together with this one; empty if it is not normalised."""
    if not isinstance(projection, CFProjection) or isinstance(projection.weights_output_fn, KeepWeights):
        return ""
    return projection.norm_group or f"/{projection.name}"


def _divisor(sheet: CFSheet) -> float | None:
    """Return 0 if all projections add, the constant if the lateral ones divide what the others add, else None."""
    projections = list(sheet.projections.values())
    if all(type(p.combine) is Add for p in projections):
        return 0.0
    dividing = [p for p in projections if type(p.combine) is Divide]
    adding = [p for p in projections if type(p.combine) is Add]
    groups = {p.activity_group for p in dividing}
    last = min(groups, default=-np.inf) > max((p.activity_group for p in adding), default=np.inf)
    if len(groups) != 1 or not last or len(dividing) + len(adding) != len(projections):
        return None
    same_constant = len({p.combine.constant for p in dividing}) == 1
    if not same_constant or any((p.src is sheet) != (p in dividing) for p in projections):
        return None
    return float(dividing[0].combine.constant)


def adopt(sim: "Simulation") -> None:
    """Give every sheet and projection of a simulation its fastest form; cheap where nothing changed."""
    changed = False
    for sheet in sim.sheets.values():
        if not isinstance(sheet, CFSheet):
            continue
        for projection in sheet.projections.values():
            if type(projection) is CFProjection:
                _adopt_fields(projection)
            elif type(projection) is SharedWeightCFProjection:
                _adopt_kernel(projection)
        plan = Plan.of(sheet)
        if plan is None:
            sheet.executor = None
        elif sheet.executor is None or sheet.executor.plan != plan:
            sheet.executor = Executor(sheet, plan)
            changed = True
        else:
            sheet.executor.refresh()
    if changed:
        _pair_opposites(sim)


def _adopt_fields(projection: CFProjection) -> None:
    fields = projection.fields
    wanted = supports(projection)
    if wanted and isinstance(fields, DenseFields):
        projection.fields = EventDrivenFields(projection.geometry, projection.template_mask, fields.weights())
        for large in ("on_sheet", "gather_index"):
            projection.geometry.__dict__.pop(large, None)
    elif not wanted and isinstance(fields, EventDrivenFields):
        projection.fields = DenseFields(projection.geometry, projection.mask, fields.weights(), np.float64)


def _adopt_kernel(projection: SharedWeightCFProjection) -> None:
    if type(projection.response_fn) is not DotProduct:
        projection.fast = None
    elif projection.fast is None and has_runs(projection.geometry, projection.template_mask):
        projection.fast = SharedFields(projection)


def _pair_opposites(sim: "Simulation") -> None:
    """Let a projection know the earlier one whose kernel is the negative of its own, as in ON and OFF cells."""
    seen: list[SharedWeightCFProjection] = []
    for projection in sim.projections:
        if not isinstance(projection, SharedWeightCFProjection) or projection.fast is None:
            continue
        projection.fast.opposite = None
        for other in seen:
            same_input = other.src is projection.src and other.dest is not projection.dest
            same_place = np.array_equal(other.geometry.corners, projection.geometry.corners)
            if same_input and same_place and np.array_equal(other.fast.kernel, -projection.fast.kernel):
                projection.fast.opposite = other.fast
                break
        seen.append(projection)
