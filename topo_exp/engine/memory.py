"""Memory of learning rules: averages per unit or per weight, which rules such as trace learning and BCM need.

A rule with memory declares it and is called with one more argument:

    class Trace(param.Parameterized):
        memory = {"trace": PerUnit(0.0)}

        def __call__(self, weights, inputs, activity, rate, memory):
            memory["trace"] = 0.8 * memory["trace"] + 0.2 * activity
            return weights + rate * memory["trace"][:, None, None] * inputs

The projection owns the arrays: they are saved, restored, frozen and cropped with its weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from topo_exp.engine.checks import behaves_as, require_shape
from topo_exp.engine.learning import Hebbian, LinearChange
from topo_exp.errors import ModelError, StateError
from topo_exp.typing import FloatArray, IntArray, State, read_only


@dataclass(frozen=True)
class PerUnit:
    """One number for each destination unit, (units,), that starts as `initial`."""

    initial: float = 0.0

    def shape(self, fields: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the shape for fields of (units, rows, columns)."""
        return fields[:1]


@dataclass(frozen=True)
class PerWeight:
    """One number for each weight, (units, rows, columns), that starts as `initial`."""

    initial: float = 0.0

    def shape(self, fields: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the shape for fields of (units, rows, columns)."""
        return fields


Declaration: TypeAlias = Mapping[str, PerUnit | PerWeight]


def declared_memory(rule: Callable[..., FloatArray], where: str) -> Declaration:
    """Return the memory that a learning rule declares, empty for rules without.

    Raises:
        ModelError: If `rule.memory` is not a mapping from names to `PerUnit` and `PerWeight`.
    """
    declared = getattr(rule, "memory", {})
    good = isinstance(declared, Mapping) and all(
        isinstance(name, str) and isinstance(kind, PerUnit | PerWeight) for name, kind in declared.items()
    )
    if not good:
        raise ModelError(
            f"{where}.memory: must map names to PerUnit or PerWeight (got {declared!r}). Declare each array so."
        )
    return declared


class RuleMemory:
    """The arrays that one projection's learning rule remembers, in double precision.

    Args:
        declared: Kind of each array, by name.
        fields: Shape of the weights, (units, rows, columns).
    """

    def __init__(self, declared: Declaration, fields: tuple[int, int, int]) -> None:
        self.declared = dict(declared)
        self._fields = fields
        self._arrays = {name: np.full(kind.shape(fields), float(kind.initial)) for name, kind in declared.items()}

    def __bool__(self) -> bool:
        return bool(self.declared)

    def of(self, units: IntArray) -> dict[str, FloatArray]:
        """Return copies of the arrays for some units, in their order."""
        return {name: array[units] for name, array in self._arrays.items()}

    def update(self, units: IntArray, new: Mapping[str, FloatArray], where: str) -> None:
        """Store the arrays of some units.

        Raises:
            ModelError: If an array is missing, or has another shape than before.
        """
        if new.keys() != self._arrays.keys():
            raise ModelError(
                f"{where}: must keep the arrays {sorted(self._arrays)} of its memory (got {sorted(new)}). "
                "Declare each array in `memory`."
            )
        for name, array in self._arrays.items():
            array[units] = require_shape(new[name], array[units].shape, f"{where}, memory {name!r}", new[name])

    def cropped(self, rows: slice, columns: slice) -> "RuleMemory":
        """Return the memory for fields of which only some rows and columns remain."""
        kept = np.empty(self._fields, bool)[:, rows, columns]
        memory = RuleMemory(self.declared, kept.shape)
        for name, kind in self.declared.items():
            array = self._arrays[name]
            memory._arrays[name] = array[:, rows, columns].copy() if isinstance(kind, PerWeight) else array.copy()
        return memory

    def state(self) -> State:
        """Return copies of all arrays by name."""
        return {name: array.copy() for name, array in self._arrays.items()}

    def restore(self, state: State) -> None:
        """Set the arrays to stored ones; arrays that the state lacks start again.

        Raises:
            StateError: If a stored array has another shape.
        """
        for name, kind in self.declared.items():
            if name not in state:
                self._arrays[name][...] = kind.initial
            elif state[name].shape != self._arrays[name].shape:
                raise StateError(
                    f"memory {name!r}: must have the stored shape {state[name].shape} (got "
                    f"{self._arrays[name].shape}). Restore into the same model with the same parameters."
                )
            else:
                self._arrays[name][...] = state[name]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self._arrays.values())


class LinearRule(Protocol):
    """A learning rule that is linear in inputs and weights."""

    def change(self, activity: FloatArray, rate: float, *memory: dict[str, FloatArray]) -> LinearChange:
        """Return the coefficients of the change."""


_NO_UNITS = read_only(np.zeros(0, np.intp))


class CheckedRule:
    """A learning rule whose results are checked, and which is given its memory.

    Fields call it with units in ascending order, in one call or in several.

    Args:
        rule: The rule.
        memory: Its memory, empty for rules without.
        activity: Activity of the destination, (rows, columns): a rule with `active_units_only` sees active units only.
        where: Name of the rule in messages.
        factors: By which the change of each unit's weights is multiplied, (units,); None for 1.
    """

    def __init__(
        self,
        rule: Callable[..., FloatArray],
        memory: RuleMemory,
        activity: FloatArray,
        where: str,
        factors: FloatArray | None = None,
    ) -> None:
        self.active_units_only = bool(getattr(rule, "active_units_only", False))
        self.cellwise = bool(getattr(rule, "cellwise", False)) and not memory  # memory per weight is on templates
        self._rule = rule
        self._memory = memory
        self._where = where
        self._factors = factors
        self._units: IntArray = _NO_UNITS
        if memory or factors is not None:
            self._units = np.flatnonzero(activity) if self.active_units_only else np.arange(activity.size)

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the new weights, (units, rows, columns).

        Raises:
            ModelError: If the rule returns something else, or memory of another shape.
        """
        shape = weights.shape
        if not self._memory and self._factors is None:
            return require_shape(self._rule(weights, inputs, activity, rate), shape, self._where, self._rule)
        units, self._units = self._units[: len(weights)], self._units[len(weights) :]
        if self._memory:
            memory = self._memory.of(units)
            new = require_shape(self._rule(weights, inputs, activity, rate, memory), shape, self._where, self._rule)
            self._memory.update(units, memory, self._where)
        else:
            new = require_shape(self._rule(weights, inputs, activity, rate), shape, self._where, self._rule)
        return new if self._factors is None else weights + self._factors[units][:, None, None] * (new - weights)

    @property
    def is_hebbian(self) -> bool:
        """Whether this is the Hebb rule itself, with the same rate for all units."""
        return self._factors is None and behaves_as(self._rule, Hebbian)

    def change(self, activity: FloatArray, rate: float) -> LinearChange:
        """Return the coefficients of the change of all weights, by a rule that is linear, and update its memory.

        Args:
            activity: Activity of all units, (units,).
            rate: Rate of a single connection, or of the whole field where the rule says so.

        Raises:
            ModelError: If the rule returns something else.
        """
        rule: LinearRule = self._rule  # type: ignore[assignment]  # `forms` has made sure of it
        change = self._change_of(rule, activity, rate) if self._memory else rule.change(activity, rate)
        if not isinstance(change, LinearChange):
            raise ModelError(
                f"{self._where}.change: must return a LinearChange (got {type(change).__name__}). Return one."
            )
        for coefficients in (change.gain, change.decay, change.input_decay):
            if coefficients is not None:
                require_shape(coefficients, activity.shape, f"{self._where}.change", rule.change)
        return change if self._factors is None else change.times(self._factors)

    def _change_of(self, rule: "LinearRule", activity: FloatArray, rate: float) -> LinearChange:
        """Return the change by a rule with memory, zero for units that the rule does not ask for."""
        units = self._units
        memory = self._memory.of(units)
        change = rule.change(activity[units], rate, memory)
        self._memory.update(units, memory, self._where)
        if len(units) == len(activity) or not isinstance(change, LinearChange):
            return change
        return change.spread(units, len(activity))
