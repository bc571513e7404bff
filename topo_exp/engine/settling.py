"""Settling schemes: when a sheet is activated, when it learns, and when other sheets receive its activity.

A scheme holds how far the present iteration has got. It is asked by the dense and by the compiled implementation alike,
in this order, at each moment at which input has arrived at the sheet:

    scheme.begins_iteration()            once for each arrival; True: set activity and responses to zero first
    step = scheme.next_step()            activate, learn, or both
    scheme.sends_to_others()             while activating: True if other sheets receive this activation
    scheme.complete(step)                after activating, before learning

A scheme of a user's own derives from `ActivateOnce` or `Settle`; a sheet class returns it from `make_scheme`. The sheet
keeps its compiled form, with one call for each activation.
"""

import enum

import numpy as np

from topo_exp.typing import State


class Step(enum.Enum):
    """One step of an iteration."""

    ACTIVATE = "activate"
    LEARN = "learn"
    ACTIVATE_AND_LEARN = "activate and learn"


ACTIVATE, LEARN, ACTIVATE_AND_LEARN = Step.ACTIVATE, Step.LEARN, Step.ACTIVATE_AND_LEARN
"""The members as names of this module: Python 3.11 takes half a microsecond to find a member in its class."""


class ActivateOnce:
    """Activate the sheet whenever input has arrived, send its activity to all, and learn at once."""

    def begins_iteration(self) -> bool:
        """Return True if the input that arrives now is the first of an iteration, and begin that iteration."""
        return False

    def next_step(self) -> Step:
        """Return the step that follows, without taking it."""
        return ACTIVATE_AND_LEARN

    def complete(self, step: Step) -> None:
        """Count a step as taken."""

    def sends_to_others(self) -> bool:
        """Return True if other sheets receive the present activation."""
        return True

    def clear(self) -> None:
        """Wait for a new iteration."""

    def state(self) -> State:
        """Return how far the iteration has got."""
        return {}

    def restore(self, state: State) -> None:
        """Continue where a stored iteration stood."""


class Settle(ActivateOnce):
    """Activate the sheet `tsettle` times by its own output, then learn when the last output comes back.

    The first input after learning begins an iteration. With `tsettle` of 0, each activation is followed by learning.
    Other sheets receive an activation only after `strict_tsettle` others. The sheet copies both numbers from its
    parameters before each run and after each scheduled action.
    """

    def __init__(self) -> None:
        self.tsettle = 0
        self.strict_tsettle = 0
        self.activation_count = 0
        """Activations in this iteration so far."""
        self.new_iteration = True
        """Whether the next arrival begins an iteration."""

    def begins_iteration(self) -> bool:
        """Return True for the first arrival after learning."""
        begins, self.new_iteration = self.new_iteration, False
        return begins

    def next_step(self) -> Step:
        """Return LEARN when all activations of the iteration are done, ACTIVATE before."""
        if self.tsettle == 0:
            return ACTIVATE_AND_LEARN
        return LEARN if self.activation_count >= self.tsettle else ACTIVATE

    def complete(self, step: Step) -> None:
        """Count an activation; learning ends the iteration."""
        if step is LEARN:
            self.end_iteration()
        elif step is ACTIVATE:
            self.activation_count += 1

    def remaining(self) -> int:
        """Return how many activations this iteration still has."""
        return self.tsettle - self.activation_count

    def end_iteration(self) -> None:
        """Wait for the input that begins the next iteration: all activations are done, and learning is, or will be."""
        self.activation_count = 0
        self.new_iteration = True

    def sends_to_others(self) -> bool:
        """Return True after `strict_tsettle` activations."""
        return self.activation_count >= self.strict_tsettle

    def clear(self) -> None:
        """Wait for a new iteration."""
        self.end_iteration()

    def state(self) -> State:
        """Return the count of activations, and whether an iteration is due, as `progress`."""
        return {"progress": np.array([self.activation_count, self.new_iteration], np.int64)}

    def restore(self, state: State) -> None:
        """Set both to the stored values."""
        self.activation_count, self.new_iteration = int(state["progress"][0]), bool(state["progress"][1])
