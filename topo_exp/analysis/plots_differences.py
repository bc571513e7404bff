"""A picture of maps of two runs side by side, with their difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from topo_exp.analysis.figure_style import current_style
from topo_exp.analysis.grids import bounds_of
from topo_exp.analysis.plots_axes import (
    Bounds,
    bare_axes,
    canvas,
    colour_bar,
    cyclic_ticks,
    em,
    show_map,
    swatch,
    write,
    write_reason,
    write_title,
)
from topo_exp.analysis.plots_colours import NO_VALUE, SEQUENTIAL, SIGNED, cyclic_difference_map, cyclic_map, value_map
from topo_exp.analysis.plots_keys import length_bar
from topo_exp.analysis.plots_style import styled
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

DIFFERENCE = "B \N{MINUS SIGN} A"
BAR = 0.09
"""Width of a colour bar, inches at the base font size."""
BAR_ROOM = 0.62
"""The same with its labels."""


@dataclass(frozen=True)
class MapPair:
    """A map of two runs at one time.

    Attributes:
        name: Of the map.
        first: (rows, cols), of run A; NaN for a unit without a value.
        second: The same of run B.
        difference: B - A, of cyclic maps the shorter way round, the same shape; None if the maps have other units.
        first_grid: Unit centres of `first` in sheet coordinates: x (cols,), rising, and y (rows,), falling.
        second_grid: The same of `second`.
        unit: Of all values.
        period: Of a cyclic map; None for any other.
    """

    name: str
    first: FloatArray
    second: FloatArray
    difference: FloatArray | None
    first_grid: tuple[FloatArray, FloatArray]
    second_grid: tuple[FloatArray, FloatArray]
    unit: str
    period: float | None

    @property
    def area(self) -> Bounds:
        """The area that holds both maps, sheet coordinates."""
        a, b = bounds_of(*self.first_grid), bounds_of(*self.second_grid)
        return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


@styled
def map_differences(pairs: Sequence[MapPair], *, title: str, names: tuple[str, str] = ("", "")) -> Figure:
    """Draw maps of two runs and their difference: a row for each map, over the width of a page.

    The maps of a row have one scale of length, which a bar below the picture gives. Differences of cyclic maps go from
    minus to plus half a period in cyclic colours.

    Args:
        pairs: The maps.
        title: Subject and time.
        names: Of the runs A and B, written below the title.

    Returns:
        The figure: for each map the axes of A, B, their colour bar, B - A and its colour bar.

    Raises:
        ParameterError: There is no map.
    """
    if not pairs:
        raise ParameterError("map_differences.pairs: must hold a map (got none). Pass [MapPair(...)].")
    left, gap, above, head, below = (part * em() for part in (0.08, 0.1, 0.40, 0.24, 0.22))
    lines = [title, *(f"{run}: {name}" for run, name in zip("AB", names, strict=True) if name)]
    head = head + 0.15 * em() * (len(lines) - 1)
    room = BAR_ROOM * em()
    width = (current_style().page - left - 2 * gap - 2 * room) / 3
    bounds = [pair.area for pair in pairs]
    heights = [min(1.4, (b[3] - b[1]) / (b[2] - b[0])) * width for b in bounds]
    total = head + sum(heights) + len(pairs) * above + below
    bottoms = [total - head - sum(heights[: row + 1]) - (row + 1) * above for row in range(len(pairs))]
    boxes = [box for bottom, h in zip(bottoms, heights, strict=True) for box in _boxes(left, bottom, width, h, gap)]
    figure, axes = canvas("differences", current_style().page, total, boxes)
    has_one_scale = all(math.isclose(b[2] - b[0], bounds[0][2] - bounds[0][0]) for b in bounds)
    for row, line in enumerate(lines):
        write(figure, left, total - (0.12 + 0.15 * row) * em(), line, size=7.0 if row else 8.0)
    for row, (pair, area) in enumerate(zip(pairs, bounds, strict=True)):
        unit = f" ({pair.unit})" if pair.unit not in ("", "1") else ""
        side = "" if has_one_scale else f", {area[2] - area[0]:.3g} sheet units wide"
        name = f"{pair.name.replace('_', ' ')}{unit}{side}"
        write(figure, left, bottoms[row] + heights[row] + 0.26 * em(), name, size=7)
        _draw_pair(pair, axes[5 * row : 5 * row + 5], area, width)
    third = left + 2 * width + BAR_ROOM * em() + 2 * gap
    if has_one_scale:
        extent = bounds[-1][2] - bounds[-1][0]
        length_bar(figure, left, 0.1 * em(), extent=extent, width=width, room=third - left)
    if any(np.isnan(values).any() for pair in pairs for values in (pair.first, pair.second)):
        swatch(figure, third, 0.1 * em(), NO_VALUE, "no value; of B \N{MINUS SIGN} A in one run or both")
    return figure


def _boxes(
    left: float, bottom: float, width: float, height: float, gap: float
) -> list[tuple[float, float, float, float]]:
    """Return the places of A, B, their colour bar, the difference and its colour bar."""
    second = left + width + gap
    bar = second + width + 0.06 * em()
    third = second + width + BAR_ROOM * em() + gap
    return [
        (left, bottom, width, height),
        (second, bottom, width, height),
        (bar, bottom, BAR * em(), height),
        (third, bottom, width, height),
        (third + width + 0.06 * em(), bottom, BAR * em(), height),
    ]


def _draw_pair(pair: MapPair, axes: Sequence[Axes], bounds: Bounds, width: float) -> None:
    first, second, bar, third, difference_bar = axes
    ticks, names = (None, None) if pair.period is None else cyclic_ticks(pair.period, pair.unit)
    low, high = (0.0, pair.period) if pair.period is not None else _range(pair.first, pair.second)
    norm, colours = Normalize(low, high), value_map(SEQUENTIAL) if pair.period is None else cyclic_map("hue")
    maps = ((first, pair.first, pair.first_grid, "A"), (second, pair.second, pair.second_grid, "B"))
    for each, values, grid, name in maps:
        _panel(each, bounds, name, width)
        shown = values if pair.period is None else values % pair.period
        show_map(each, shown, bounds_of(*grid), cmap=colours, norm=norm)
    colour_bar(bar, colours, norm, label="", ticks=ticks, names=names)
    _draw_difference(pair, third, difference_bar, bounds, width)


def _draw_difference(pair: MapPair, axes: Axes, bar: Axes, bounds: Bounds, width: float) -> None:
    if pair.difference is None:
        write_reason(axes, "other numbers of units:\nno difference")
        bar.set_axis_off()
        return
    finite = np.abs(pair.difference[np.isfinite(pair.difference)])
    largest = float(finite.max(initial=0.0)) or 1.0
    limit, colours = (largest, value_map(SIGNED)) if pair.period is None else (pair.period / 2, cyclic_difference_map())
    norm = Normalize(-limit, limit)
    unit = "" if pair.unit in ("", "1") else pair.unit if pair.unit == "°" else f" {pair.unit}"
    mean = f", mean |{DIFFERENCE}| {finite.mean():.2g}{unit}" if finite.size else ""
    _panel(axes, bounds, f"{DIFFERENCE}{mean}", width)
    show_map(axes, pair.difference, bounds, cmap=colours, norm=norm)
    colour_bar(bar, colours, norm, label="", ticks=[-limit, -limit / 2, 0.0, limit / 2, limit])


def _panel(axes: Axes, bounds: Bounds, title: str, width: float) -> None:
    bare_axes(axes, bounds)
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    write_title(axes, title, room=width, small=True)


def _range(*maps: FloatArray) -> tuple[float, float]:
    values = np.concatenate([each[np.isfinite(each)] for each in maps])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)
