"""Pictures of sheets and their connections: activity, connection fields, the topographic grid.

Every function takes arrays and returns a matplotlib Figure, drawn without pyplot. The data of each picture are in the
maps of the analysis that drew it, saved beside it as NetCDF.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from topo_exp.analysis.grids import as_map
from topo_exp.analysis.plots_style import (
    ACTIVITY,
    PAGE,
    SIGNED,
    Bounds,
    canvas,
    colour_bar,
    fit_box,
    map_figure,
    place,
    sheet_axes,
    show_map,
    styled,
    write_title,
)
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

MOSAIC = 780
"""Most pixels of a mosaic in either direction."""


@styled
def activity(
    activities: Mapping[str, tuple[ArrayLike, Bounds]], *, title: str, limits: tuple[float, float] | None = None
) -> Figure:
    """Draw the activity of several sheets side by side, each with its own colour bar.

    Arguments:
        activities: for each sheet its name, activity (rows, cols) with row 0 at the top, and bounds (left, bottom,
            right, top) in sheet coordinates.
        title: what is shown, at which time.
        limits: activity at the ends of all colour bars; None lets each go from 0 (or the smallest, if that is below 0)
            to the sheet's largest.

    Returns:
        The figure, four sheets in two rows, other numbers up to three in a row.

    Raises:
        ParameterError: there is no sheet, or an activity is not two-dimensional.
    """
    if not activities:
        raise ParameterError(
            "activity.activities: must name at least one sheet (got none). Pass {name: (array, bounds)}."
        )
    columns = 2 if len(activities) == 4 else min(len(activities), 3)
    rows = -(-len(activities) // columns)
    left, right, below, above, head = 0.3, 0.4, 0.2, 0.18, 0.2
    side = min(PAGE / columns - left - right, 1.9)
    figure = canvas(columns * (left + side + right), head + rows * (below + side + above))
    width, height = figure.get_size_inches()
    figure.text(0.06 / width, 1 - 0.05 / height, title, va="top", fontsize=8)
    for i, (name, (values, bounds)) in enumerate(activities.items()):
        row, col = divmod(i, columns)
        array = as_map(values, where=f"activity[{name!r}]")
        w, h = fit_box(bounds, side, side)
        bottom = height - head - (row + 1) * (above + side) - row * below + (side - h) / 2
        axes = place(figure, left + col * (left + side + right), bottom, w, h)
        low, high = limits or _activity_limits(array)
        image = show_map(axes, array, bounds, cmap=ACTIVITY, vmin=low, vmax=high)
        sheet_axes(axes, bounds, labels=False)
        axes.set_title(name, fontsize=7, pad=2)
        colour_bar(axes, image, label="", gap=0.04, width=0.07, ticks=3)
    return figure


@styled
def connection_fields(
    weights: ArrayLike,
    *,
    title: str,
    shape: tuple[int, int] | None = None,
    bounds: Bounds | None = None,
    normalize: Literal["each", "all"] = "each",
    max_fields: int = 24,
    signed: bool | None = None,
) -> Figure:
    """Draw the connection fields of a projection as one mosaic, each where its unit lies on the sheet.

    Of a large sheet every second, third ... row and column of units is drawn, so that a field's cell is at least about
    a pixel and a half wide. All fields are drawn at one size, whatever their size on the source sheet.

    Arguments:
        weights: (rows, cols, h, w), or (N, h, w) with N = rows * cols row-major and `shape`, or (h, w) for the one
            kernel that all units share. For ON and OFF combined pass their difference.
        title: what is shown, of which projection, at which time.
        shape: (rows, cols) of the destination sheet, for weights (N, h, w).
        bounds: (left, bottom, right, top) of the destination sheet, sheet coordinates; of a single kernel, the area it
            covers. None counts units instead.
        normalize: "each" divides every field by its largest absolute weight, "all" keeps the weights as they are.
        max_fields: most fields in a row or column, at least 1.
        signed: centre the colours on 0; None does so when there is a negative weight.

    Returns:
        The figure, up to the width of a page.

    Raises:
        ParameterError: the weights have another number of dimensions, or do not fit `shape`.
    """
    fields = _as_fields(weights, shape)
    rows, cols, h, w = fields.shape
    most = max(1, min(max_fields, MOSAIC // (2 * (max(h, w) + 1))))
    stride = -(-max(rows, cols) // most)
    first_row, first_col = ((n - 1) % stride // 2 for n in (rows, cols))
    shown = fields[first_row::stride, first_col::stride]
    if normalize == "each":
        largest = np.abs(shown).max(axis=(2, 3), keepdims=True)
        shown = np.divide(shown, largest, out=np.zeros_like(shown), where=largest > 0)
    sheet = bounds or (-0.5, -rows + 0.5, cols - 0.5, 0.5)
    where = _mosaic_bounds(sheet, (rows, cols), (first_row, first_col), stride, shown.shape)
    mosaic = _mosaic(shown)
    figure, axes = _mosaic_figure(mosaic.shape, title)
    low, high = float(shown.min()), float(shown.max())
    signed = low < 0 if signed is None else signed
    limit = max(-low, high) or 1.0
    colours = mpl.colormaps[SIGNED if signed else ACTIVITY].with_extremes(bad="0.55" if signed else "white")
    image = show_map(axes, mosaic, where, cmap=colours, vmin=-limit if signed else 0.0, vmax=limit)
    unit = "units" if bounds is None else "sheet units"
    sheet_axes(axes, where, labels=False)
    axes.set(xlabel=f"x ({unit})", ylabel=f"y ({unit})")
    colour_bar(axes, image, label="weight / largest of the field" if normalize == "each" else "weight")
    return figure


@styled
def topographic_grid(cx: ArrayLike, cy: ArrayLike, bounds: Bounds, *, title: str, lines: int = 48) -> Figure:
    """Draw the centres of units' fields on the source sheet, those of neighbouring units joined: the topographic grid.

    A retinotopic map is a regular grid; folds and gaps in it are folds and gaps of the map.

    Arguments:
        cx, cy: (rows, cols), centre of gravity of each unit's field, coordinates of the source sheet; NaN breaks the
            lines.
        bounds: (left, bottom, right, top) of the source sheet.
        title: what is shown, of which projection, at which time.
        lines: most lines in either direction; of larger sheets every second, third ... row and column is drawn.

    Returns:
        The figure.

    Raises:
        ParameterError: cx and cy are not maps of one shape.
    """
    x, y = as_map(cx, where="topographic_grid.cx"), as_map(cy, where="topographic_grid.cy")
    if x.shape != y.shape:
        raise ParameterError(f"topographic_grid: cx and cy must have equal shapes (got {x.shape} and {y.shape}).")
    grid: Any = np.stack([x, y], axis=-1)
    step = -(-max(x.shape) // lines)
    figure, axes = map_figure(bounds, title=title, key=0.0)
    for strands, colour, name in ((grid[::step], "C0", "rows"), (grid[:, ::step].swapaxes(0, 1), "C1", "columns")):
        axes.add_collection(LineCollection(strands, colors=colour, linewidths=0.6, label=name), autolim=False)
    axes.set(xlabel="x of the field's centre (sheet units)", ylabel="y of the field's centre (sheet units)")
    return figure


def _activity_limits(array: FloatArray) -> tuple[float, float]:
    low, high = min(float(np.nanmin(array)), 0.0), float(np.nanmax(array))
    return (low, high) if high > low else (low, low + 1.0)


def _as_fields(weights: ArrayLike, shape: tuple[int, int] | None) -> FloatArray:
    array = np.asarray(weights, dtype=np.float64)
    if array.ndim == 2:
        return array[None, None]
    if array.ndim == 3 and shape is not None and shape[0] * shape[1] == len(array):
        return array.reshape(*shape, *array.shape[1:])
    if array.ndim == 4:
        return array
    raise ParameterError(
        f"connection_fields.weights: must be (rows, cols, h, w), (N, h, w) with shape=(rows, cols), or (h, w) (got "
        f"{array.shape} with shape={shape}). Give the sheet's shape."
    )


def _mosaic_figure(shape: tuple[int, ...], title: str) -> tuple[Figure, Axes]:
    """Return a figure with axes of a whole number of pixels for each cell of a mosaic, the first of them on a pixel."""
    dpi = mpl.rcParams["figure.dpi"]
    pixels = min(max(1, MOSAIC // max(shape)), 12)
    h, w = (n * pixels / dpi for n in shape)
    left, below, key, above = 80 / dpi, 54 / dpi, 0.75, 0.26
    figure = canvas(left + max(w, 1.5) + key, below + h + above)
    axes = place(figure, left, below, w, h)
    write_title(axes, title, room=max(w, 1.5) + key - 0.05)
    return figure, axes


def _mosaic(fields: FloatArray) -> FloatArray:
    """Lay fields (rows, cols, h, w) out as one image with a gap of one NaN cell between neighbours."""
    rows, cols, h, w = fields.shape
    tiles = np.full((rows, h + 1, cols, w + 1), np.nan)
    tiles[:, :h, :, :w] = fields.transpose(0, 2, 1, 3)
    return tiles.reshape(rows * (h + 1), cols * (w + 1))[:-1, :-1]


def _mosaic_bounds(
    bounds: Bounds, units: tuple[int, int], first: tuple[int, int], stride: int, fields: tuple[int, ...]
) -> Bounds:
    """Return the bounds of the mosaic that put the middle of each field at its unit's centre."""
    left, bottom, right, top = bounds
    dy, dx = (top - bottom) / units[0], (right - left) / units[1]
    x0, y0 = left + (first[1] + 0.5) * dx, top - (first[0] + 0.5) * dy
    x1, y1 = x0 + (fields[1] - 1) * stride * dx, y0 - (fields[0] - 1) * stride * dy
    half_x, half_y = (stride * d * n / (n + 1) / 2 for d, n in ((dx, fields[3]), (dy, fields[2])))
    return x0 - half_x, y1 - half_y, x1 + half_x, y0 + half_y
