"""Which sheets and projections have a compiled form, and for the others the reason why they have none."""

from collections.abc import Iterable

import numpy as np

from topo_exp.engine.checks import behaves_as, name_of, overridden
from topo_exp.engine.compiled.layout import has_runs
from topo_exp.engine.cortex import CFSheet, SettlingCFSheet
from topo_exp.engine.explain import COMPILED, Form
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.learning import DivisiveNormalizeL1, DivisiveNormalizeL2, Hebbian, KeepWeights
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.response import Add, Divide, DotProduct
from topo_exp.engine.settling import ActivateOnce, Settle
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse, PiecewiseLinear

SHEET_METHODS = (
    "receive",
    "process",
    "combined_input",
    "activate",
    "projections_to_send",
    "learn",
    "normalize",
    "clear_activity",
    "clear",
    "activity",
)
"""Methods of a sheet in place of which kernels are called."""

PROJECTION_METHODS = ("receive", "respond", "learn", "normalize", "activity", "checked_response")
"""Methods of any projection in place of which kernels are called."""

FIELD_METHODS = (*PROJECTION_METHODS, "totals", "scale", "present_rate")
"""The same of a CFProjection."""

SCHEME_METHODS = ("begins_iteration", "next_step", "complete", "sends_to_others", "remaining", "end_iteration")
"""Methods of a settling scheme from which follows that an iteration can be computed in one call."""


def settles_at_once(sheet: CFSheet) -> bool:
    """Return True if the number of activations is known beforehand, as with `Settle`."""
    scheme = sheet.settling
    return isinstance(scheme, Settle) and overridden(scheme, Settle, SCHEME_METHODS) is None


def sheet_form(sheet: CFSheet, fields: Iterable[tuple[Projection, Form]]) -> Form:
    """Return the form of a sheet.

    Args:
        sheet: The sheet.
        fields: Its projections with their forms.
    """
    base = SettlingCFSheet if isinstance(sheet, SettlingCFSheet) else CFSheet
    method = overridden(sheet, base, SHEET_METHODS)
    if method is not None:
        return _dense(f"{type(sheet).__name__} overrides {method}")
    if not sheet.projections:
        return _dense("no projection leads to it")
    if len(sheet.output_fns) != 1:
        return _dense(f"{len(sheet.output_fns)} output functions, not one")
    if not _is_known_output(sheet.output_fns[0]):
        return _dense(f"output function {name_of(sheet.output_fns[0])} has no compiled form")
    if isinstance(sheet, SettlingCFSheet) and sheet.mask_fn is not None:
        return _dense("mask_fn is set")
    if sheet.mask is not None:
        return _dense("a mask is set")
    if divisor(sheet) is None:
        return _dense("projections are combined otherwise than by sums and one lateral division")
    for projection, form in fields:
        if not form.is_compiled:
            return _dense(f"{projection.name} is dense")
        if isinstance(projection, CFProjection) and behaves_as(projection.weights_output_fn, DivisiveNormalizeL2):
            return _dense(f"{projection.name} is normalised by DivisiveNormalizeL2")
    if type(sheet.settling) is not ActivateOnce and not settles_at_once(sheet):
        return Form(is_compiled=True, reason=f"{type(sheet.settling).__name__}: one call for each activation")
    return COMPILED


def _is_known_output(fn: object) -> bool:
    if isinstance(fn, HomeostaticResponse):
        return overridden(fn, HomeostaticResponse, ("apply", "adapt", "follow", "threshold")) is None
    return behaves_as(fn, HalfRectify, PiecewiseLinear)


def divisor(sheet: CFSheet) -> float | None:
    """Return 0 if all projections add, the constant if the lateral ones divide the sum of the others, else None."""
    projections = list(sheet.projections.values())
    if all(behaves_as(p.combine, Add) for p in projections):
        return 0.0
    dividing = [p for p in projections if behaves_as(p.combine, Divide)]
    adding = [p for p in projections if behaves_as(p.combine, Add)]
    groups = {p.activity_group for p in dividing}
    last = min(groups, default=-np.inf) > max((p.activity_group for p in adding), default=np.inf)
    if len(groups) != 1 or not last or len(dividing) + len(adding) != len(projections):
        return None
    same_constant = len({p.combine.constant for p in dividing}) == 1
    if not same_constant or any((p.src is sheet) != (p in dividing) for p in projections):
        return None
    return float(dividing[0].combine.constant)


def projection_form(projection: Projection) -> Form:
    """Return the form of a projection's fields, from its type and functions; `weights_form` examines the rest."""
    if isinstance(projection, CFProjection):
        return _field_form(projection)
    if not isinstance(projection, SharedWeightCFProjection):
        return _dense(f"{type(projection).__name__} has no compiled form")
    method = overridden(projection, SharedWeightCFProjection, PROJECTION_METHODS)
    if method is not None:
        return _dense(f"{type(projection).__name__} overrides {method}")
    if not behaves_as(projection.response_fn, DotProduct):
        return _dense(f"response_fn {name_of(projection.response_fn)} has no compiled form")
    return COMPILED


def _field_form(projection: CFProjection) -> Form:
    """Return the form of fields with weights of their own: exact for the Hebb rule and weights >= 0."""
    method = overridden(projection, CFProjection, FIELD_METHODS)
    if method is not None:
        return _dense(f"{type(projection).__name__} overrides {method}")
    if not behaves_as(projection.response_fn, DotProduct):
        return _dense(f"response_fn {name_of(projection.response_fn)} has no compiled form")
    if not behaves_as(projection.learning_fn, Hebbian):
        return _dense(f"learning_fn {name_of(projection.learning_fn)} has no compiled form")
    output = projection.weights_output_fn
    if not behaves_as(output, DivisiveNormalizeL1, DivisiveNormalizeL2, KeepWeights):
        return _dense(f"weights_output_fn {name_of(output)} has no compiled form")
    if getattr(output, "single_precision", False):
        return _dense("weights_output_fn adds in single precision")
    return COMPILED


def weights_form(projection: Projection) -> Form:
    """Return the form of dense fields whose functions are known to the kernels, from shape and weights."""
    if not has_runs(projection.geometry, projection.template_mask):
        return _dense("cf_shape has holes")
    if not isinstance(projection, CFProjection) or not isinstance(projection.fields, DenseFields):
        return COMPILED
    fields = projection.fields
    if not fields.fills(projection.mask):
        return _dense("fields have lost connections as they shrank")
    if isinstance(projection.weights_output_fn, DivisiveNormalizeL1) and bool((fields.weights() < 0).any()):
        return _dense("negative weights are normalised")
    return COMPILED


def group_of(projection: Projection) -> str:
    """Return a name for the projections that are normalised together with this one; empty if it is not normalised."""
    if not isinstance(projection, CFProjection) or isinstance(projection.weights_output_fn, KeepWeights):
        return ""
    return projection.norm_group or f"/{projection.name}"


def _dense(reason: str) -> Form:
    return Form(is_compiled=False, reason=reason)
