"""The door to the compiled implementation: compiled workers and fields for all sheets that can have them.

A sheet whose projections all have compiled fields, and whose other parts the kernels know, gets an `Executor`. The
others are computed densely; the results agree to single precision.
"""

import numpy as np

from topo_exp.engine.compiled.executor import Executor, Plan
from topo_exp.engine.compiled.fields import EventDrivenFields, SharedFields
from topo_exp.engine.compiled.forms import (
    divisor,
    group_of,
    projection_form,
    settles_at_once,
    sheet_form,
    weights_form,
)
from topo_exp.engine.compiled.rows import CompiledFields
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.events import Events
from topo_exp.engine.explain import Form
from topo_exp.engine.fields import DenseFields, DenseKernel, Fields, Responder
from topo_exp.engine.network import Network
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.workers import DenseWorker, Workers


def adopt(network: Network, clock: Events) -> "CompiledWorkers":
    """Return the workers of a network by sheet, compiled where possible; `refresh` chooses them anew.

    Args:
        network: The network.
        clock: Its clock, from which workers learn whether input may arrive within some time.
    """
    return CompiledWorkers(network, clock)


class CompiledWorkers(Workers):
    """The workers of a network by sheet.

    Args:
        network: The network.
        clock: Its clock.
    """

    def __init__(self, network: Network, clock: Events) -> None:
        super().__init__(network)
        self._clock = clock
        self._examined: dict[Projection, tuple[Fields | Responder, Form]] = {}
        """Dense fields whose weights have been examined, and the result: it holds as long as these fields."""

    def refresh(self) -> None:
        """Choose the fields of each projection and the worker of each sheet; cheap if nothing has changed."""
        before = dict(self)
        for sheet in self.network.cortical:
            for projection in sheet.projections.values():
                self._choose_fields(projection)
            plan, worker = self._plan(sheet), self[sheet]
            if plan is None:
                self[sheet] = worker if isinstance(worker, DenseWorker) else DenseWorker(sheet)
            elif isinstance(worker, Executor) and worker.plan == plan:
                worker.refresh()
            else:
                self[sheet] = Executor(sheet, plan, self._clock)
        if any(self[sheet] is not worker for sheet, worker in before.items()):
            self._pair_opposites()
            for worker in self.values():
                if isinstance(worker, Executor):
                    worker.link(self)

    def _choose_fields(self, projection: Projection) -> None:
        if isinstance(projection, CFProjection):
            self._choose_own_fields(projection)
        elif isinstance(projection, SharedWeightCFProjection):
            self._choose_kernel(projection)

    def _choose_own_fields(self, projection: CFProjection) -> None:
        fields, wanted = projection.fields, self.projection_form(projection).is_compiled
        if wanted and isinstance(fields, DenseFields):
            projection.fields = EventDrivenFields(projection.geometry, projection.template_mask, fields.weights())
            self._examined.pop(projection, None)
            projection.geometry.release()
        elif not wanted and isinstance(fields, EventDrivenFields):
            projection.fields = DenseFields(projection.geometry, projection.mask, fields.weights(), np.float64)

    def _choose_kernel(self, projection: SharedWeightCFProjection) -> None:
        fields, wanted = projection.fields, self.projection_form(projection).is_compiled
        if wanted and not isinstance(fields, SharedFields):
            projection.fields = SharedFields(projection.geometry, projection.template_mask, projection.weights)
        elif not wanted and isinstance(fields, SharedFields):
            projection.fields = DenseKernel(projection.geometry, projection.weights)

    def projection_form(self, projection: Projection) -> Form:
        """Return whether the fields of a projection are compiled, else the reason."""
        form = projection_form(projection)
        if not form.is_compiled:
            return form
        fields = _fields_of(projection)
        if isinstance(fields, EventDrivenFields | SharedFields):
            return form
        examined = self._examined.get(projection)
        if examined is None or examined[0] is not fields:
            examined = self._examined[projection] = fields, weights_form(projection)
        return examined[1]

    def sheet_form(self, sheet: CFSheet) -> Form:
        """Return whether a sheet is computed by compiled kernels, else the reason."""
        return sheet_form(sheet, [(p, self.projection_form(p)) for p in sheet.projections.values()])

    def _plan(self, sheet: CFSheet) -> Plan | None:
        """Return the plan for a sheet, or None for a dense one."""
        if not self.sheet_form(sheet).is_compiled:
            return None
        lateral = {p.delay for p in sheet.projections.values() if p.src is sheet}
        fields = tuple((_compiled_fields(p), group_of(p)) for p in sheet.projections.values())
        constant = divisor(sheet)
        assert constant is not None
        return Plan(
            fields,
            sheet.output_fns[0] if sheet.output_fns else None,
            constant,
            lateral.pop() if len(lateral) == 1 else None,
            settles_at_once(sheet),
        )

    def _pair_opposites(self) -> None:
        """Pair each kernel with an earlier one that is its negative, as those of ON and OFF cells are."""
        seen: list[tuple[SharedWeightCFProjection, SharedFields]] = []
        for projection in self.network.projections:
            if not isinstance(projection, SharedWeightCFProjection) or not isinstance(projection.fields, SharedFields):
                continue
            fields = projection.fields
            fields.opposite = None
            for other, others in seen:
                same_input = other.src is projection.src and other.dest is not projection.dest
                same_place = np.array_equal(other.geometry.corners, projection.geometry.corners)
                if same_input and same_place and np.array_equal(others.kernel, -fields.kernel):
                    fields.opposite = others
                    break
            seen.append((projection, fields))


def _fields_of(projection: Projection) -> Fields | Responder:
    """Return the fields of a projection of a type that can have compiled ones."""
    assert isinstance(projection, CFProjection | SharedWeightCFProjection)
    return projection.fields


def _compiled_fields(projection: Projection) -> CompiledFields:
    """Return the compiled fields of a projection that has them."""
    fields = _fields_of(projection)
    assert isinstance(fields, EventDrivenFields | SharedFields)
    return fields
