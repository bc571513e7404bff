"""Which sheets and projections have a compiled form, and for the others the reason why they have none."""

from collections.abc import Iterable

import numpy as np

from topo_exp.engine.checks import behaves_as, name_of, overridden
from topo_exp.engine.compiled.layout import has_runs, is_separable
from topo_exp.engine.compiled.outputs import is_known
from topo_exp.engine.cortex import CFSheet, SettlingCFSheet
from topo_exp.engine.explain import COMPILED, Form
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.learning import DivisiveNormalizeL1, DivisiveNormalizeL2, KeepWeights, is_linear
from topo_exp.engine.learning_rules import Covariance, Trace
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.projection_types import LeakyCFProjection, OneToOneProjection, ScaledCFProjection
from topo_exp.engine.response import Add, Divide, DotProduct
from topo_exp.engine.settling import ActivateOnce, Settle

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

PROJECTION_METHODS = ("receive", "respond", "adapt", "learn", "normalize", "activity", "checked_response")
"""Methods of any projection in place of which kernels are called."""

FIELD_METHODS = (*PROJECTION_METHODS, "totals", "scale", "present_rate", "checked_rule", "connection_rate")
"""The same of a CFProjection."""

FIELD_TYPES = (OneToOneProjection, LeakyCFProjection, ScaledCFProjection, CFProjection)
"""Types of projections whose methods the kernels know."""

SCHEME_METHODS = ("begins_iteration", "next_step", "complete", "sends_to_others", "remaining", "end_iteration")
"""Methods of a settling scheme from which follows that an iteration can be computed in one call."""


def settles_at_once(sheet: CFSheet) -> bool:
    """Return True if all activations of an iteration can be computed in one call."""
    return not _reason_for_steps(sheet)


def _reason_for_steps(sheet: CFSheet) -> str:
    """Return the part of a sheet because of which each activation is a call of its own, or nothing.

    The number of activations must be known beforehand, as with `Settle`, and lateral projections must do nothing but
    respond when activity arrives.
    """
    scheme = sheet.settling
    if not isinstance(scheme, Settle) or overridden(scheme, Settle, SCHEME_METHODS) is not None:
        return type(scheme).__name__
    for projection in sheet.projections.values():
        acts = isinstance(projection, ScaledCFProjection) or projection.transforms_input
        if acts and projection.src is sheet:
            return f"{type(projection).__name__} {projection.name}"
    return ""


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
    if len(sheet.output_fns) > 1:
        return _dense(f"{len(sheet.output_fns)} output functions, not one")
    if sheet.output_fns and not is_known(sheet.output_fns[0]):
        return _dense(f"output function {name_of(sheet.output_fns[0])} has no compiled form")
    if isinstance(sheet, SettlingCFSheet) and sheet.mask_fn is not None:
        return _dense("mask_fn is set")
    if sheet.mask is not None:
        return _dense("a mask is set")
    if divisor(sheet) is None:
        return _dense("projections are combined otherwise than by sums and one division")
    for projection, form in fields:
        if not form.is_compiled:
            return _dense(f"{projection.name} is dense")
        if isinstance(projection, CFProjection) and behaves_as(projection.weights_output_fn, DivisiveNormalizeL2):
            return _dense(f"{projection.name} is normalised by DivisiveNormalizeL2")
    reason = "" if type(sheet.settling) is ActivateOnce else _reason_for_steps(sheet)
    return Form(is_compiled=True, reason=f"{reason}: one call for each activation") if reason else COMPILED


def divisor(sheet: CFSheet) -> float | None:
    """Return 0 if all projections add, the constant if some, all lateral ones among them, divide the sum of the others.

    Otherwise return None.
    """
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
    if not same_constant or any(p.src is sheet for p in adding):
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
    """Return the form of fields with weights of their own."""
    base = next(kind for kind in FIELD_TYPES if isinstance(projection, kind))
    method = overridden(projection, base, FIELD_METHODS)
    if method is not None:
        return _dense(f"{type(projection).__name__} overrides {method}")
    if not behaves_as(projection.response_fn, DotProduct):
        return _dense(f"response_fn {name_of(projection.response_fn)} has no compiled form")
    if not is_linear(projection.learning_fn):
        return _dense(_reason_of_rule(projection.learning_fn))
    output = projection.weights_output_fn
    if not behaves_as(output, DivisiveNormalizeL1, DivisiveNormalizeL2, KeepWeights):
        return _dense(f"weights_output_fn {name_of(output)} has no compiled form")
    if getattr(output, "single_precision", False):
        return _dense("weights_output_fn adds in single precision")
    return COMPILED


def _reason_of_rule(rule: object) -> str:
    """Return why a learning rule has no compiled form."""
    if isinstance(rule, Trace) and not is_linear(rule.rule):
        return f"learning_fn {name_of(rule)} of {name_of(rule.rule)} has no compiled form"
    reason = f"learning_fn {name_of(rule)} has no compiled form"
    return f"{reason}: it changes weights from silent inputs, too" if behaves_as(rule, Covariance) else reason


def weights_form(projection: Projection) -> Form:
    """Return the form of dense fields whose functions are known to the kernels, from shape and weights."""
    if not is_separable(projection.geometry):
        return _dense("coord_mapper does not map rows to rows and columns to columns, in their order")
    if not has_runs(projection.template_mask):
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
