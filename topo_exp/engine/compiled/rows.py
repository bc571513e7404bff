"""The rows of a sheet's projections in the tables of the kernels, and the step in which all of them learn."""

from typing import TypeAlias

import numpy as np

from topo_exp.engine.checks import behaves_as
from topo_exp.engine.compiled.buffers import Coefficients
from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.compiled.fields import EventDrivenFields, SharedFields
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import Hebbian
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.projection_types import ScaledCFProjection
from topo_exp.engine.response import Divide
from topo_exp.engine.streams import NumberGenerator
from topo_exp.typing import FloatArray

CompiledFields: TypeAlias = EventDrivenFields | SharedFields


class Rows:
    """The tables of a sheet's projections, in which those that are normalised together are neighbours.

    Args:
        sheet: The sheet.
        members: The fields of each projection, and a name for those that are normalised together.
        divides: Whether some projections divide the sum of the others.
    """

    def __init__(self, sheet: CFSheet, members: tuple[tuple[CompiledFields, str], ...], *, divides: bool) -> None:
        compiled = kernels()
        groups = [group for _, group in members]
        order = sorted(range(len(groups)), key=lambda i: (groups.index(groups[i]), i))
        everything = list(sheet.projections.values())
        self.projections = [everything[i] for i in order]
        self.groups = [groups[i] for i in order]
        self.fields = [members[i][0] for i in order]
        self.buffers = [fields.buffers for fields in self.fields]
        self.entries = list(zip(self.projections, self.buffers, self.fields, strict=True))
        self.normalised = [
            fields
            for fields, group in zip(self.fields, self.groups, strict=True)
            if group and isinstance(fields, EventDrivenFields)
        ]
        self.lateral = [p for p in self.projections if p.src is sheet]
        self.table = np.vstack([buffers.row for buffers in self.buffers])
        """Addresses and whole numbers, one row for each projection."""
        self.numbers = np.zeros((len(self.fields), compiled.N_NUMBERS))
        """Real numbers, likewise."""
        self._coefficients: dict[int, Coefficients] = {}
        self._fill(sheet, divides=divides)
        self.lateral_rows = np.flatnonzero(self.table[:, compiled.LATERAL]).tolist()
        self.own_sources = self.table[:, compiled.SOURCE].tolist()

    def _fill(self, sheet: CFSheet, *, divides: bool) -> None:
        compiled = kernels()
        for row, projection, group in zip(self.table, self.projections, self.groups, strict=True):
            row[compiled.GROUP] = self.groups.index(group) if group else -1
            row[compiled.LATERAL] = projection.src is sheet
            row[compiled.SECOND] = behaves_as(projection.combine, Divide) if divides else projection.src is sheet
            if isinstance(projection, ScaledCFProjection):
                row[compiled.AVERAGE] = projection.averages.ctypes.data
                row[compiled.FACTOR] = projection.factors.ctypes.data
                row[compiled.RATE_FACTOR] = projection.rate_factors.ctypes.data
        lateral = np.flatnonzero(self.table[:, compiled.LATERAL])
        for column in (compiled.ACTIVE, compiled.INPUTS):  # all have the same list of active quads
            self.table[lateral, column] = self.table[lateral[:1], column]

    def refresh(self) -> None:
        """Read the parameters of all projections."""
        self.varying: list[tuple[int, CFProjection]] = []
        """Projections whose learning rate varies."""
        self.linear: list[tuple[int, CFProjection]] = []
        """Projections whose change of weights is computed by coefficients, not by the Hebb rule itself."""
        self.scaled: list[int] = []
        """Projections whose responses are scaled by averages."""
        for i, projection in enumerate(self.projections):
            self.numbers[i, kernels().STRENGTH] = projection.strength
            if isinstance(projection, CFProjection):
                self._read_learning(i, projection)
        self.learns = bool(self.normalised or self.varying or self.numbers[:, kernels().RATE].any())

    def _read_learning(self, i: int, projection: CFProjection) -> None:
        """Read rate, learning rule and scaling of one projection."""
        compiled, rate = kernels(), projection.learning_rate
        if isinstance(rate, NumberGenerator):
            self.varying.append((i, projection))
        else:
            self.numbers[i, compiled.RATE] = projection.connection_rate(rate)
        if isinstance(projection, ScaledCFProjection):
            self.scaled.append(i)
            self.numbers[i, compiled.TARGET] = projection.target
            self.numbers[i, compiled.TARGET_RATE] = projection.target_lr
            self.numbers[i, compiled.SMOOTHING] = projection.smoothing
        if isinstance(projection, ScaledCFProjection) or not behaves_as(projection.learning_fn, Hebbian):
            self.linear.append((i, projection))
            self._coefficients.setdefault(i, Coefficients(projection.geometry.units))
        else:
            self.table[i, compiled.GAINS] = 0

    def learn(self, sheet: np.ndarray, numbers: np.ndarray, activity: FloatArray, *, signed: bool) -> None:
        """Apply all learning rules to the inputs to which the rows point, and normalise.

        Args:
            sheet: The table of the sheet.
            numbers: Numbers with the rates of this step, 0 where nothing is learned.
            activity: The activity of all units, (units,), float32.
            signed: Whether weights that learn are negative.
        """
        decaying = self._load_coefficients(numbers, activity) if self.linear else ()
        least = -1.0 if signed else kernels().learn(sheet, self.table, numbers)
        if least < 0:
            least = self._learn_signed(sheet, numbers)
        for fields in self.normalised:
            fields.scaled(least)
        for fields in decaying:
            fields.decayed(least)

    def _load_coefficients(self, numbers: np.ndarray, activity: FloatArray) -> list[EventDrivenFields]:
        """Compute the coefficients of linear rules; return the fields that decay and are not normalised."""
        decaying: list[EventDrivenFields] = []
        activity = activity.astype(np.float64)
        for i, projection in self.linear:
            rate, fields = numbers[i, kernels().RATE], self.fields[i]
            if rate != 0:
                change = projection.checked_rule(activity).change(activity, rate)
                self._coefficients[i].load(change, self.table[i])
                if change.decay is not None and not self.groups[i] and isinstance(fields, EventDrivenFields):
                    decaying.append(fields)
        return decaying

    def _learn_signed(self, sheet: np.ndarray, numbers: np.ndarray) -> float:
        """Learn where something is or may become negative, so that sums of weights are computed anew."""
        compiled = kernels()
        sheet[compiled.SIGNED] = 1
        least = compiled.learn(sheet, self.table, numbers)
        sheet[compiled.SIGNED] = 0
        for rate, fields in zip(numbers[:, compiled.RATE], self.fields, strict=True):
            if rate != 0 and isinstance(fields, EventDrivenFields):
                fields.examine_signs()
        return least
