"""A picture of maps in rows and columns, such as those of many runs over two settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from topo_exp.analysis.figure_style import current_style
from topo_exp.analysis.grids import bounds_of
from topo_exp.analysis.plots_axes import (
    Bounds,
    Box,
    bare_axes,
    canvas,
    colour_bar,
    cyclic_ticks,
    em,
    fit_text,
    show_map,
    size_of,
    swatch,
    write,
    write_reason,
)
from topo_exp.analysis.plots_colours import NO_VALUE, SEQUENTIAL, SIGNED, cyclic_map, value_map
from topo_exp.analysis.plots_keys import length_bar, orientation_key
from topo_exp.analysis.plots_style import styled
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

LARGEST, SMALLEST = 1.45, 0.1
"""Width of a cell, inches; the larger one at the base font size."""
TALLEST = 1.3
"""Height of the picture over the width of the page; a journal's page has 1.35."""
KEY, BAR_KEY = (0.72, 1.0), (0.85, 0.8)
"""Width of the key of orientations and of a colour bar, and the least height of the grid beside it; in inches at the
base font size."""
HALF_ORIENTATION = 180.0
"""Period of an orientation, degrees, for which the key shows bars."""
FULL_SATURATION = 0.5
"""Selectivity at which colours are full, as in the pictures of one map."""


@dataclass(frozen=True)
class GridMap:
    """The map of one cell.

    Attributes:
        values: (rows, cols), row 0 at the top; NaN for a unit without a value.
        x: (cols,), unit centres in sheet coordinates, rising.
        y: (rows,), the same, falling.
        selectivity: (rows, cols), at least 0, by which colours of a cyclic map fade to white; None for full colours.
    """

    values: FloatArray
    x: FloatArray
    y: FloatArray
    selectivity: FloatArray | None = None


@dataclass(frozen=True)
class GridAxis:
    """The rows or the columns of a grid.

    Attributes:
        name: The quantity and its unit; empty where there is one row or column without a name.
        values: Text of each row or column.
    """

    name: str
    values: tuple[str, ...]


@styled
def map_grid(
    cells: Mapping[tuple[int, int], GridMap | str],
    *,
    rows: GridAxis,
    columns: GridAxis,
    title: str,
    label: str = "",
    unit: str = "",
    period: float | None = None,
    note: str = "",
) -> Figure:
    """Draw maps in rows and columns with one key, all at one scale of colour and of length.

    Cyclic maps have cyclic colours, those of orientation with a key of bars. Other maps go from their common smallest
    to their common largest value, around 0 if there are values of both signs. A map of a smaller sheet is drawn
    smaller; the bar below the grid gives the scale. A cell without a map is a dashed frame with the reason.

    Args:
        cells: By row from the top and column from the left: a map, or the reason why there is none.
        rows: The quantity that differs between rows.
        columns: The same of columns.
        title: Subject and time.
        label: The quantity that is mapped, written beside the colour bar.
        unit: Its unit.
        period: Of a cyclic map, in `unit`; None for any other.
        note: Further remark, written below the grid.

    Returns:
        The figure, up to the width of a page: the axes of all cells row by row, then that of the colour bar if there is
        one.

    Raises:
        ParameterError: There is no map.
    """
    maps = [cell for cell in cells.values() if isinstance(cell, GridMap)]
    if not maps:
        raise ParameterError("map_grid.cells: must hold a map (got none). Pass {(0, 0): GridMap(...)}.")
    areas = {place: bounds_of(cell.x, cell.y) for place, cell in cells.items() if isinstance(cell, GridMap)}
    extent = (max(b[2] - b[0] for b in areas.values()), max(b[3] - b[1] for b in areas.values()))
    has_bars = _is_orientation(unit, period)
    layout = _Layout.of(extent, rows, columns, key=KEY if has_bars else BAR_KEY, has_note=bool(note))
    boxes = [layout.box(row, column) for row in range(len(rows.values)) for column in range(len(columns.values))]
    swatches = _swatches(maps)
    bar = [] if has_bars else [layout.bar(len(swatches))]
    figure, axes = canvas("grid", layout.width, layout.height, [*boxes, *bar])
    colours, norm = _scale(maps, period)
    for index, each in enumerate(axes[: len(boxes)]):
        place = divmod(index, len(columns.values))
        cell = cells.get(place, "no run")
        if isinstance(cell, GridMap):
            _draw_map(each, cell, areas[place], extent, colours, norm, period)
        else:
            write_reason(each, cell, size=_fitting(cell, layout.cell[0], 6.0))
    _write_axes(figure, rows, columns, layout)
    write(figure, layout.margin, layout.height - 0.12 * em(), title, size=_fitting(title, layout.width, 8.0))
    if has_bars:
        orientation_key(figure, layout.key_left, layout.top, max(layout.grid_height, 1.2 * em()), "hue", swatches)
    else:
        ticks, texts = (None, None) if period is None else cyclic_ticks(period, unit)
        beside = f"{label} ({unit})" if unit not in ("", "1") else label
        colour_bar(axes[-1], colours, norm, label=beside, ticks=ticks, names=texts)
        _write_swatches(figure, axes[-1], swatches)
    room = layout.key_left - layout.left - 0.06 * em()
    length_bar(figure, layout.left, layout.foot, extent=extent[0], width=layout.cell[0], room=room)
    room = layout.width - layout.left
    write(figure, layout.left, layout.foot - 0.15 * em(), note, size=_fitting(note, room, 6.0))
    return figure


@dataclass(frozen=True)
class _Layout:
    """Places in inches: `left` and `top` of the grid, `cell` as width and height, `gap` between cells."""

    width: float
    height: float
    margin: float
    left: float
    top: float
    foot: float
    cell: tuple[float, float]
    gap: float
    shape: tuple[int, int]

    @classmethod
    def of(
        cls, extent: tuple[float, float], rows: GridAxis, columns: GridAxis, *, key: tuple[float, float], has_note: bool
    ) -> _Layout:
        page, margin, gap = current_style().page, 0.08 * em(), 0.06 * em()
        letters = max(map(len, rows.values))
        named = 0.16 * em() if rows.name else 0.0
        left = margin + named + (0.06 + min(1.4, 0.055 * letters)) * em() * bool(letters)
        head = (0.26 + 0.15 * bool(columns.name) + 0.15 * any(columns.values)) * em()
        foot = (0.30 + 0.15 * has_note) * em()
        down, across = len(rows.values), len(columns.values)
        ratio = extent[1] / extent[0]
        w = min((page - left - (key[0] + 0.08) * em() - (across - 1) * gap) / across, LARGEST * em())
        tallest = (TALLEST * page - head - foot - (down - 1) * gap) / down
        w = max(min(w, tallest / ratio), SMALLEST)
        h = w * ratio
        grid = (across * w + (across - 1) * gap, down * h + (down - 1) * gap)
        shown = max(grid[1], key[1] * em())
        height = head + shown + foot
        bottom = foot - 0.14 * em() + shown - grid[1]
        width = left + grid[0] + (key[0] + 0.08) * em()
        return cls(width, height, margin, left, height - head, bottom, (w, h), gap, (down, across))

    @property
    def grid_height(self) -> float:
        return self.shape[0] * self.cell[1] + (self.shape[0] - 1) * self.gap

    @property
    def key_left(self) -> float:
        return self.left + self.shape[1] * (self.cell[0] + self.gap) + 0.06 * em()

    def box(self, row: int, column: int) -> Box:
        w, h = self.cell
        return self.left + column * (w + self.gap), self.top - (row + 1) * h - row * self.gap, w, h

    def bar(self, swatches: int) -> Box:
        """Return the place of the colour bar, with room for that many squares below it."""
        height = min(max(self.grid_height, BAR_KEY[1] * em()), 2.0 * em()) - 0.14 * swatches * em()
        return self.key_left, self.top - height, 0.09 * em(), height


def _scale(maps: Sequence[GridMap], period: float | None) -> tuple[Any, Normalize]:
    """Return the colours of all maps and their scale."""
    if period is not None:
        return cyclic_map("hue"), Normalize(0.0, period)
    finite = [cell.values[np.isfinite(cell.values)] for cell in maps]
    low = min((float(part.min()) for part in finite if part.size), default=0.0)
    high = max((float(part.max()) for part in finite if part.size), default=1.0)
    if low < 0 < high:
        low, high = -max(-low, high), max(-low, high)
    low, high = _rounded(low, high if high > low else low + 1.0)
    return value_map(SIGNED if low < 0 < high else SEQUENTIAL), Normalize(low, high)


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Return the ends of a scale that holds both values, as numbers of few digits."""
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    return round(math.floor(low / step + 1e-9) * step, 12), round(math.ceil(high / step - 1e-9) * step, 12)


def _draw_map(
    axes: Axes,
    cell: GridMap,
    area: Bounds,
    extent: tuple[float, float],
    colours: Any,
    norm: Normalize,
    period: float | None,
) -> None:
    """Draw a map in the middle of a cell, at the scale of all cells."""
    x, y = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
    bare_axes(axes, (x - extent[0] / 2, y - extent[1] / 2, x + extent[0] / 2, y + extent[1] / 2))
    values = cell.values if period is None else cell.values % period
    if cell.selectivity is None:
        show_map(axes, values, area, cmap=colours, norm=norm)
    else:
        full = colours(norm(np.where(np.isnan(values), 0.0, values)))[..., :3]
        saturation = np.clip(np.nan_to_num(cell.selectivity) / FULL_SATURATION, 0, 1)[..., None]
        faded = np.where(np.isnan(values)[..., None], NO_VALUE, 1 - saturation * (1 - full))
        show_map(axes, faded, area)
    corner, size = (area[0], area[1]), (area[2] - area[0], area[3] - area[1])
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="black", linewidth=0.5, clip_on=False))


def _is_orientation(unit: str, period: float | None) -> bool:
    return period == HALF_ORIENTATION and unit == "°"


def _swatches(maps: Sequence[GridMap]) -> list[tuple[str, Any]]:
    """Return the meaning of white and grey, where the maps have them."""
    faded = any(cell.selectivity is not None for cell in maps)
    missing = any(np.isnan(cell.values).any() for cell in maps)
    return [*([("unselective", "white")] if faded else []), *([("no value", NO_VALUE)] if missing else [])]


def _write_swatches(figure: Figure, bar: Axes, swatches: Sequence[tuple[str, Any]]) -> None:
    """Explain white and grey below a colour bar."""
    left, bottom, *_ = size_of(bar)
    for place, (text, colour) in enumerate(swatches):
        swatch(figure, left, bottom - 0.13 * (place + 1) * em(), colour, text)


def _write_axes(figure: Figure, rows: GridAxis, columns: GridAxis, layout: _Layout) -> None:
    """Write the names of rows and columns, and the value of each."""
    w, h = layout.cell
    across = layout.shape[1] * (w + layout.gap) - layout.gap
    above = layout.top + 0.09 * em()
    if columns.name:
        size = _fitting(columns.name, max(across, 1.2 * em()), 7.0)
        middle = above + (0.16 * em() if any(columns.values) else 0.0)
        write(figure, layout.left + across / 2, middle, columns.name, size=size, horizontalalignment="center")
    size = min(_fitting(text, w, 6.5) for text in columns.values)
    for place, text in enumerate(columns.values):
        x = layout.box(0, place)[0] + w / 2
        write(figure, x, above, text, size=size, horizontalalignment="center")
    room = layout.left - layout.margin - 0.2 * em()
    size = min(_fitting(text, max(room, 0.2 * em()), 6.5) for text in rows.values)
    for place, text in enumerate(rows.values):
        y = layout.box(place, 0)[1] + h / 2
        write(figure, layout.left - 0.06 * em(), y, text, size=size, horizontalalignment="right")
    if rows.name:
        middle = layout.top - layout.grid_height / 2
        size = _fitting(rows.name, max(layout.grid_height, 1.0 * em()), 7.0)
        write(
            figure, layout.margin + 0.05 * em(), middle, rows.name, size=size, rotation=90, horizontalalignment="center"
        )


def _fitting(text: str, room: float, largest: float) -> float:
    """Return a font size at which a text fits into that many inches."""
    return max(fit_text(text, largest * em(), room) / em(), 0.5 * largest)
