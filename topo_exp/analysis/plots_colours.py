"""Colours of pictures: of cyclic features, of values, of activities, and of units without a value."""

from __future__ import annotations

import functools
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, hsv_to_rgb
from numpy.typing import ArrayLike

from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

Palette = Literal["hue", "twilight"]

SEQUENTIAL, SIGNED, ACTIVITY = "viridis", "RdBu_r", "inferno"
"""Colour maps: of values, of values around 0, and of activities and weights, which are mostly 0."""
NO_VALUE = (0.72, 0.72, 0.72)
"""The grey of units without a value: in no colour map of this package, and neither the white nor the black that
stand for no selectivity."""


def cyclic_colours(phase: ArrayLike, *, palette: Palette = "hue") -> FloatArray:
    """Return the colours of positions in a cycle.

    "hue" is the convention of the field, the hues from red (0) over green (1/3) and blue (2/3) back to red; "twilight"
    is perceptually uniform and safe for colour-blind readers.

    Args:
        phase: Any shape, in cycles; whole numbers do not matter. NaN gives `NO_VALUE`.
        palette: "hue" or "twilight".

    Returns:
        RGB in [0, 1], shape of phase + (3,).

    Raises:
        ParameterError: The palette is unknown.
    """
    turns = np.asarray(phase, dtype=np.float64) % 1.0
    valid = np.isfinite(turns)
    colours = np.asarray(cyclic_map(palette)(np.where(valid, turns, 0.0)))[..., :3]
    return np.where(valid[..., None], colours, NO_VALUE)


def cyclic_map(palette: Palette) -> Any:
    """Return the colour map of a palette, see `cyclic_colours`."""
    if palette not in ("hue", "twilight"):
        raise ParameterError(f"palette: must be 'hue' or 'twilight' (got {palette!r}). Choose one.")
    return mpl.colormaps["twilight_shifted"] if palette == "twilight" else _hues()


@functools.cache
def cyclic_difference_map() -> Any:
    """Return the colours of differences of a cyclic feature, from minus to plus half a period, which are the same.

    White stands for no difference, blue for less, red for more, and dark purple for half a period either way.
    """
    half, less, more = (0.16, 0.05, 0.22), (0.13, 0.40, 0.67), (0.70, 0.09, 0.17)
    nodes = [half, less, (1.0, 1.0, 1.0), more, half]
    return LinearSegmentedColormap.from_list("cyclic_difference", nodes, N=512).with_extremes(bad=NO_VALUE)


@functools.lru_cache(maxsize=16)
def value_map(name: str, missing: str | tuple[float, float, float] = NO_VALUE) -> Any:
    """Return matplotlib's colour map of that name, with a colour for units without a value."""
    return mpl.colormaps[name].with_extremes(bad=missing)


@functools.cache
def _hues() -> Any:
    turns = np.arange(720) / 720
    colours = hsv_to_rgb(np.stack([turns, np.ones(720), np.ones(720)], axis=-1))
    return ListedColormap(colours, name="hue").with_extremes(bad=NO_VALUE)
