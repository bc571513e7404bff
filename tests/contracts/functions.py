"""What a user may write in a file of her own: one of everything that the engine takes."""

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import param

from topo_exp.engine.cortex import CFSheet, NeighborhoodMask
from topo_exp.engine.moment import Moment
from topo_exp.engine.patterns import Pattern
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import NumberGenerator, Quantity
from topo_exp.engine.transfer import Adaptive
from topo_exp.typing import FloatArray, State


# --- learning rules ---------------------------------------------------------------------------------------------------
def oja(weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
    """Hebbian growth with Oja's decay."""
    y = activity[:, None, None]
    return weights + rate * y * (inputs - y * weights)


def anti_hebbian(weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
    """Weights shrink with correlation, through zero into the negative."""
    return weights - 20 * rate * activity[:, None, None] * inputs


def decay_everywhere(weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
    """Changes units that are silent, too, and would fill cells that have no connection."""
    return weights + rate * (0.1 - weights) + 0 * inputs


# --- response and combination functions -------------------------------------------------------------------------------
def city_block(inputs: FloatArray, weights: FloatArray) -> FloatArray:
    """One over one plus the city-block distance from weights to inputs."""
    return 1 / (1 + np.abs(inputs - weights).sum(axis=(1, 2)))


def squared(inputs: FloatArray, weights: FloatArray) -> FloatArray:
    """The weighted sum of squared inputs."""
    return (inputs**2 * weights).sum(axis=(1, 2))


def modulate(activity: FloatArray, contribution: FloatArray) -> FloatArray:
    """What came before, modulated by this group."""
    return activity * (1 + 0.5 * np.tanh(contribution))


def replace(activity: FloatArray, contribution: FloatArray) -> FloatArray:
    """Hands on its very argument."""
    return contribution


# --- output functions -------------------------------------------------------------------------------------------------
def soft(x: FloatArray) -> FloatArray:
    """A sigmoid without a rectified part, so that every unit is active, and some below zero."""
    return np.tanh(2 * x - 0.1)


def identity(x: FloatArray) -> FloatArray:
    """The input itself."""
    return x


def in_place(x: FloatArray) -> FloatArray:
    """Rectifies in the array that it was given."""
    np.maximum(x - 0.05, 0, out=x)
    return x


class Fatigue(Adaptive):
    """Subtracts a running average of its own output, and remembers it."""

    share = Quantity(0.8, doc="Of the old average.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.average: FloatArray | None = None
        self.shares: list[float] = []
        """What was drawn, for tests to look at."""

    def apply(self, x: FloatArray, moment: Moment) -> FloatArray:
        """Return what is left of the input."""
        if self.average is None:
            self.average = np.zeros_like(x)
        share = moment.number("share", self.share)
        self.shares.append(share)
        result = np.maximum(x - 0.3 * self.average, 0)
        if moment.plastic:
            self.average = share * self.average + (1 - share) * result
        return result

    def state(self) -> State:
        """Return the average."""
        return {} if self.average is None else {"average": self.average.copy()}

    def restore(self, state: State) -> None:
        """Set the average."""
        self.average = state["average"].copy() if "average" in state else None


# --- weight normalisation ---------------------------------------------------------------------------------------------
def to_unit_length(weights: FloatArray) -> FloatArray:
    """Divide by the Euclidean norm."""
    norm = np.sqrt((weights**2).sum(axis=(1, 2), keepdims=True))
    return weights / np.where(norm > 0, norm, 1)


def to_zero_mean(weights: FloatArray) -> FloatArray:
    """Subtract the mean, also from cells that have no connection."""
    return weights - weights.mean(axis=(1, 2), keepdims=True)


# --- patterns, numbers, masks, sheets, projections, actions -----------------------------------------------------------
class Ring(Pattern):
    """A circle with a soft edge."""

    radius = Quantity(0.2, bounds=(0, None), doc="Of the circle.")

    def function(self, values: Any, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return 1 on the circle."""
        return np.exp(-(((np.hypot(px, py) - values["radius"]) / 0.1) ** 2))


class Sawtooth(NumberGenerator):
    """Rises with time and draws a little."""

    period = param.Number(3.0, doc="After which it falls back.")
    seed = param.Integer(4, doc="Of what it draws.")

    def value(self, time: Fraction, stream: random.Random) -> float:
        """Return the number at a time."""
        return math.fmod(float(time), self.period) / self.period + stream.uniform(0, 0.1)


class WideMask(NeighborhoodMask):
    """A neighbourhood and the first column."""

    def __call__(self, activity: FloatArray, grid: Any) -> Any:
        """Return which units go on."""
        mask = super().__call__(activity, grid)
        mask[:, 0] = True
        return mask


class SeenMask(NeighborhoodMask):
    """Notes after how many activations of its sheet it is made."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.sheet: Any = None
        self.seen: list[int] = []

    def __call__(self, activity: FloatArray, grid: Any) -> Any:
        """Return which units go on."""
        assert np.array_equal(activity, self.sheet.activity)
        self.seen.append(self.sheet.activation_count)
        return super().__call__(activity, grid)


class HalvingSheet(CFSheet):
    """A sheet that combines its inputs in its own way."""

    def combined_input(self) -> FloatArray:
        """Return half of the usual."""
        return super().combined_input() / 2


class SaturatingProjection(CFProjection):
    """A projection whose response saturates."""

    def respond(self, source: FloatArray) -> FloatArray:
        """Return the saturating response."""
        return np.tanh(super().respond(source))


def swap_signs(sim: Simulation) -> None:
    """A change of a user's own: inhibition gets weaker, and the rate of the afferents doubles."""
    for projection in sim.sheets["V1"].projections.values():
        projection.strength = min(projection.strength, 0.5)
    sim["V1"].projections["Afferent"].learning_rate *= 2


def two_images() -> FloatArray:
    """Two images of gratings."""
    rows, columns = np.mgrid[:12, :16]
    return np.stack([0.5 + 0.5 * np.sin(rows / 2), 0.5 + 0.5 * np.sin(columns / 3)])
