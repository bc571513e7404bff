"""Scales of colour of activity and of weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import FuncNorm, Normalize, PowerNorm
from numpy.typing import ArrayLike

from topo_exp.analysis.plots_colours import ACTIVITY, NO_VALUE, SIGNED, value_map
from topo_exp.typing import FloatArray

CONCENTRATED = 0.25
"""Share of connections above a quarter of their field's largest weight, below which colours follow square roots."""
BELOW_KNEE = 0.8
"""Share of the colours of activity that is below the knee of its scale."""


@dataclass(frozen=True)
class Scale:
    """Colours from a lowest to a largest value, along a power of the distance from the lowest.

    With a knee they follow the square root of the value up to it, and from there the logarithm.
    """

    low: float
    high: float
    power: float
    map_name: str
    missing: str | tuple[float, float, float] = NO_VALUE
    knee: float = 0.0

    @property
    def norm(self) -> Normalize:
        """The share of the colours for each value."""
        if self.knee:
            return FuncNorm((self._bend, self._unbend), 0.0, self.high)
        return Normalize(self.low, self.high) if self.power == 1 else PowerNorm(self.power, self.low, self.high)

    @property
    def inner_ticks(self) -> list[float] | None:
        """Values to name between the ends, the most important first; None for round ones."""
        return [self.knee * part for part in (1.0, 0.25, 0.05, 0.5)] if self.knee else None

    def _bend(self, value: ArrayLike) -> FloatArray:
        v = np.maximum(np.asarray(value, dtype=np.float64) / self.knee, 0.0)
        above = np.log10(np.maximum(v, 1.0)) / np.log10(self.high / self.knee)
        return np.where(v <= 1, BELOW_KNEE * np.sqrt(v), BELOW_KNEE + (1 - BELOW_KNEE) * above)

    def _unbend(self, share: ArrayLike) -> FloatArray:
        s = np.asarray(share, dtype=np.float64)
        above = (s - BELOW_KNEE) / (1 - BELOW_KNEE) * np.log10(self.high / self.knee)
        return self.knee * np.where(s <= BELOW_KNEE, (s / BELOW_KNEE) ** 2, 10.0**above)

    @property
    def colours(self) -> Any:
        """The colour map."""
        return value_map(self.map_name, self.missing)


def activity_scale(array: FloatArray, limits: tuple[float, float] | None) -> Scale:
    """Return the scale of a sheet's activity, which for activity from 0 to 10 does not depend on it."""
    finite = array[np.isfinite(array)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if limits is not None:
        return Scale(*limits, 1.0, ACTIVITY)
    if low < 0:
        top = _round_up(max(high, -low))
        return Scale(-top, top, 1.0, SIGNED)
    knee = 1.0
    while high > 10 * knee:
        knee *= 10
    return Scale(0.0, 10 * knee, 0.5, ACTIVITY, knee=knee)


def _round_up(value: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20 ... that is not below a value."""
    top = 1.0
    for factor in (2.0, 2.5, 2.0) * 100:
        if value <= top:
            break
        top *= factor
    return top


def weight_scale(shown: FloatArray, signed: bool | None) -> Scale:
    """Return the scale of weights; it follows their square root where few of them are large."""
    low, high = (float(limit(shown, initial=0.0)) for limit in (np.nanmin, np.nanmax))
    limit = max(-low, high) or 1.0
    if low < 0 if signed is None else signed:
        return Scale(-limit, limit, 1.0, SIGNED, "0.55")
    largest = np.nanmax(shown, axis=(2, 3), keepdims=True, initial=0.0)
    connected = shown > 0
    is_concentrated = bool(connected.any()) and float((shown > largest / 4)[connected].mean()) < CONCENTRATED
    return Scale(0.0, limit, 0.5 if is_concentrated else 1.0, ACTIVITY, "white")
