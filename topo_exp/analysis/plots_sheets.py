"""Pictures of sheets and their connections: activity, connection fields, the topographic grid.

Every function takes arrays and returns a matplotlib Figure, drawn without pyplot. The data of each picture are in the
maps of the analysis that drew it, saved beside it as NetCDF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from topo_exp.analysis.figure_style import current_style
from topo_exp.analysis.grids import as_map
from topo_exp.analysis.plots_axes import (
    CELL,
    Bounds,
    Box,
    bare_axes,
    canvas,
    colour_bar,
    em,
    fit_box,
    label_axes,
    map_frame,
    sheet_axes,
    show_map,
    size_of,
    write,
    write_title,
)
from topo_exp.analysis.plots_keys import BELOW, ROW, line_key
from topo_exp.analysis.plots_scales import activity_scale, weight_scale
from topo_exp.analysis.plots_style import styled
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

MOSAIC = 5.2
"""Largest side of a mosaic of fields, inches at the default width."""
OUTLINE = "#56B4E9"
"""The colour of the region of another sheet, which is in no colour map of activity."""


@styled
def activity(
    activities: Mapping[str, tuple[ArrayLike, Bounds]],
    *,
    title: str,
    limits: tuple[float, float] | None = None,
    outline: str | None = None,
) -> Figure:
    """Draw the activity of several sheets, all at one scale of length and, over all times of a run, of colour.

    The colours are the same for all activities up to 10, so that pictures of different times compare: they follow the
    square root of the activity up to 1, so that weak activity shows, and its logarithm from 1 to 10. Where a sheet has
    larger activity, both limits are 10, 100 ... times as large. The largest activity stands above each sheet. A sheet
    with activity below 0 is drawn around 0, from blue to red, in linear colours up to 1, 2, 5, 10 ...

    Args:
        activities: For each sheet its name, activity (rows, cols) with row 0 at the top, and bounds (left, bottom,
            right, top) in sheet coordinates. NaN is grey.
        title: Subject and time.
        limits: Activity at the ends of all colour bars, between which colours are linear; None chooses as above.
        outline: Name of the sheet whose region is outlined in larger ones; None takes the smallest sheet.

    Returns:
        The figure, four sheets in two rows, other numbers up to three in a row.

    Raises:
        ParameterError: There is no sheet, or an activity is not two-dimensional.
    """
    if not activities:
        raise ParameterError(
            "activity.activities: must name at least one sheet (got none). Pass {name: (array, bounds)}."
        )
    columns = 2 if len(activities) == 4 else min(len(activities), 3)
    regions = {name: bounds for name, (_, bounds) in activities.items()}
    arrays = {name: as_map(values, where=f"activity[{name!r}]") for name, (values, _) in activities.items()}
    scales = [activity_scale(array, limits) for array in arrays.values()]
    if current_style().is_cell:
        figure, axes = canvas("sheets", CELL, CELL, _cells(list(regions.values())))
        for each, (name, bounds), scale in zip(axes, regions.items(), scales, strict=True):
            bare_axes(each, bounds)
            show_map(each, arrays[name], bounds, cmap=scale.colours, norm=scale.norm)
        return figure
    is_shared = all(scale == scales[0] for scale in scales)
    layout = _to_scale(list(regions.values()), columns, is_shared=is_shared)
    figure, axes = canvas("sheets", *layout.size, layout.boxes)
    small = outline if outline in regions else min(regions, key=lambda name: _area(regions[name]))
    larger = [name for name in regions if _area(regions[name]) > 1.001 * _area(regions[small])]
    for i, (name, array) in enumerate(arrays.items()):
        x = "x (sheet units)" if i + columns >= len(arrays) else ""
        sheet_axes(axes[i], regions[name], x=x, y="y (sheet units)" if i % columns == 0 else "")
        show_map(axes[i], array, regions[name], cmap=scales[i].colours, norm=scales[i].norm)
        largest = float(np.nanmax(array)) if np.isfinite(array).any() else float("nan")
        write_title(axes[i], f"{name}, largest {largest:.3g}", room=size_of(axes[i])[2] + 0.6 * em(), small=True)
        if name in larger:
            _outline(axes[i], regions[small])
    for bar, scale in zip(axes[len(arrays) :], scales[:1] if is_shared else scales, strict=True):
        colour_bar(bar, scale.colours, scale.norm, label="activity", inner=scale.inner_ticks)
    notes = [f"dashed: region of {small}"] if larger else []
    if knees := sorted({scale.knee for scale in scales if scale.knee}):
        notes.append(f"colours: square root up to {' or '.join(f'{knee:g}' for knee in knees)}, logarithm above")
    notes += ["grey: no value"] if any(np.isnan(array).any() for array in arrays.values()) else []
    y = layout.size[1] - 0.11 * em()
    write(figure, 0.08 * em(), y, title, size=8)
    write(figure, 0.08 * em(), y - 0.16 * em(), "; ".join(notes))
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
    quantity: str = "weight",
) -> Figure:
    """Draw the connection fields of a projection as one mosaic, each where its unit lies on the sheet.

    Of a large sheet every second, third ... row and column of units is drawn, so that a field's cell is at least about
    a pixel and a half wide. All fields are drawn at one size, which is not their size on the source sheet.
    Where few connections of a field are strong, the colours follow the square root of the weights, so that more than
    the central peak shows; the colour bar says so.

    Args:
        weights: (rows, cols, h, w), or (N, h, w) with N = rows * cols row-major and `shape`, or (h, w) for the one
            kernel that all units share. For ON and OFF combined pass their difference.
        title: Subject, projection and time.
        shape: (rows, cols) of the destination sheet, for weights (N, h, w).
        bounds: (left, bottom, right, top) of the destination sheet, sheet coordinates; of a single kernel, the area it
            covers. None counts units instead.
        normalize: "each" divides every field by its largest absolute weight, "all" keeps the weights as they are.
        max_fields: most fields in a row or column, at least 1.
        signed: Centre the colours on 0; None does so when there is a negative weight.
        quantity: The name of a field's values, written beside the colour bar.

    Returns:
        The figure, up to the width of a page.

    Raises:
        ParameterError: the weights have another number of dimensions, or do not fit `shape`.
    """
    fields = _as_fields(weights, shape)
    rows, cols, h, w = fields.shape
    pixels = round(CELL * current_style().dpi) if current_style().is_cell else round(_largest_side() * 150)
    most = max(1, min(max_fields, pixels // (2 * (max(h, w) + 1))))
    stride = -(-max(rows, cols) // most)
    first_row, first_col = ((n - 1) % stride // 2 for n in (rows, cols))
    shown = fields[first_row::stride, first_col::stride]
    if normalize == "each":
        largest = np.nanmax(np.abs(shown), axis=(2, 3), keepdims=True, initial=0.0)
        shown = np.divide(shown, largest, out=np.zeros_like(shown), where=largest > 0)
    sheet = bounds or (-0.5, -rows + 0.5, cols - 0.5, 0.5)
    where = _mosaic_bounds(sheet, (rows, cols), (first_row, first_col), stride, shown.shape)
    scale = weight_scale(shown, signed)
    mosaic = _mosaic(shown)
    figure, axes, bar = _mosaic_figure(mosaic.shape, title)
    if bar is None:
        bare_axes(axes, where)
    else:
        unit = "units" if bounds is None else "sheet units"
        sheet_axes(axes, where)
        label_axes(axes, f"x ({unit})", f"y ({unit})", beside=0.42)
        label = f"{quantity} / largest of the field" if normalize == "each" else quantity
        is_rooted = scale.power != 1
        colour_bar(bar, scale.colours, scale.norm, label=f"{label} (colours: square root)" if is_rooted else label)
    show_map(axes, mosaic, where, cmap=scale.colours, norm=scale.norm)
    return figure


@styled
def topographic_grid(
    cx: ArrayLike,
    cy: ArrayLike,
    bounds: Bounds,
    *,
    title: str,
    lines: int = 24,
    source_spacing: float | None = None,
    region: Bounds | None = None,
) -> Figure:
    """Draw the centres of units' fields on the source sheet, those of neighbouring units joined: the topographic grid.

    A retinotopic map is a regular grid; folds and gaps in it are folds and gaps of the map. Before learning, each field
    is centred on a unit of the source, so that the lines of a sheet with another density lie at unequal distances.
    With `source_spacing` the units of the source are drawn, too, which shows this.

    Args:
        cx: (rows, cols), centre of gravity of each unit's field along x, coordinates of the source sheet; NaN breaks
            the lines.
        cy: (rows, cols), the same along y.
        bounds: (left, bottom, right, top), the part of the source sheet that is shown at least; it is enlarged so that
            no line is cut.
        title: Subject, projection and time.
        lines: Most lines in either direction; of larger sheets every second, third ... row and column is drawn, and the
            outermost ones always.
        source_spacing: Distance of the source's units, sheet units; None does not draw them.
        region: (left, bottom, right, top) of the destination sheet, drawn as a dashed outline; None draws none.

    Returns:
        The figure.

    Raises:
        ParameterError: cx and cy are not maps of one shape.
    """
    x, y = as_map(cx, where="topographic_grid.cx"), as_map(cy, where="topographic_grid.cy")
    if x.shape != y.shape:
        raise ParameterError(f"topographic_grid: cx and cy must have equal shapes (got {x.shape} and {y.shape}).")
    grid: Any = np.stack([x, y], axis=-1)
    window = _around_all(x, y, bounds)
    is_drawn = source_spacing is not None and (window[2] - window[0]) / source_spacing <= 64
    frame = map_frame(
        window, title=title, bar=False, key=0.05, below=BELOW - 0.26 + ROW * (is_drawn or region is not None)
    )
    if is_drawn and source_spacing is not None and not frame.is_cell:
        _draw_units(frame.axes, bounds, window, source_spacing)
    for strands, colour in (
        (grid[_every(len(x), lines)], "C0"),
        (grid[:, _every(x.shape[1], lines)].swapaxes(0, 1), "C1"),
    ):
        frame.axes.add_collection(LineCollection(strands, colors=colour, linewidths=0.6), autolim=False)
    if frame.is_cell:
        return frame.figure
    label_axes(frame.axes, "x of the field's centre (sheet units)", "y of the field's centre (sheet units)")
    shown = [_share(name, n, lines) for name, n in zip(("rows", "columns"), x.shape, strict=True)]
    line_key(frame, list(zip(shown, ("C0", "C1"), strict=True)))
    if region is not None:
        _outline(frame.axes, region, colour="0.3")
    notes = [
        *(["dashed: region of the sheet"] if region is not None else []),
        *(["dots: units of the source"] if is_drawn else []),
    ]
    if notes:
        left, bottom, *_ = size_of(frame.axes)
        write(frame.figure, left, bottom - (BELOW + ROW) * em(), "; ".join(notes))
    return frame.figure


@dataclass(frozen=True)
class _Layout:
    """Size of a figure and places of its axes, inches: one for each sheet, then one for each colour bar, or for all."""

    size: tuple[float, float]
    boxes: list[Box]


def _to_scale(regions: list[Bounds], columns: int, *, is_shared: bool) -> _Layout:
    """Lay sheets out in rows, all at one scale, as large as the page's width and 2.1 inches of height allow."""
    left, right, below, above, head = (part * em() for part in (0.5, 0.08 if is_shared else 0.62, 0.36, 0.2, 0.38))
    key = 0.62 * em() if is_shared else 0.0
    widths, heights = ([r[2] - r[0] for r in regions], [r[3] - r[1] for r in regions])
    rows = -(-len(regions) // columns)
    wide = [max(widths[col::columns]) for col in range(columns)]
    high = [max(heights[row * columns : (row + 1) * columns]) for row in range(rows)]
    room = current_style().page - columns * (left + right) - key
    scale = min(room / sum(wide), 2.1 * em() / max(high), 2.1 * em() / max(wide))
    total = head + sum(h * scale + below + above for h in high)
    boxes: list[Box] = []
    for i, (w, h) in enumerate(zip(widths, heights, strict=True)):
        row, col = divmod(i, columns)
        x = left + col * (left + right) + sum(wide[:col]) * scale
        top = total - head - above - row * (below + above) - sum(high[:row]) * scale
        boxes.append((x, top - high[row] * scale, w * scale, h * scale))
    width = columns * (left + right) + sum(wide) * scale
    gap, thick = 0.05 * em(), 0.08 * em()
    bars = [(x + w + gap, y, thick, h) for x, y, w, h in boxes]
    if is_shared:
        _, y, _, h = max(boxes[:columns], key=lambda box: box[3])
        bars = [(width + gap, y, thick, h)]
    return _Layout((width + key, total), boxes + bars)


def _cells(regions: list[Bounds]) -> list[Box]:
    """Lay sheets out in a square without margins, each as large as it may be."""
    columns = int(np.ceil(np.sqrt(len(regions))))
    side = CELL / columns
    top = (CELL + side * -(-len(regions) // columns)) / 2
    boxes = []
    for i, bounds in enumerate(regions):
        row, col = divmod(i, columns)
        w, h = fit_box(bounds, 0.97 * side, 0.97 * side)
        boxes.append((col * side + (side - w) / 2, top - row * side - (side + h) / 2, w, h))
    return boxes


def _area(bounds: Bounds) -> float:
    return (bounds[2] - bounds[0]) * (bounds[3] - bounds[1])


def _outline(axes: Axes, bounds: Bounds, *, colour: str = OUTLINE) -> None:
    left, bottom, right, top = bounds
    style: dict[str, Any] = {"edgecolor": colour, "linewidth": 0.8, "linestyle": (0, (3, 2)), "fill": False}
    axes.add_artist(Rectangle((left, bottom), right - left, top - bottom, **style))


def _around_all(x: FloatArray, y: FloatArray, bounds: Bounds) -> Bounds:
    """Return bounds enlarged so that they hold all positions, and a margin so that no line lies on the frame."""
    left, bottom, right, top = bounds
    if np.isfinite(x).any() and np.isfinite(y).any():
        left, right = min(left, float(np.nanmin(x))), max(right, float(np.nanmax(x)))
        bottom, top = min(bottom, float(np.nanmin(y))), max(top, float(np.nanmax(y)))
    margin = 0.02 * max(right - left, top - bottom)
    return left - margin, bottom - margin, right + margin, top + margin


def _draw_units(axes: Axes, bounds: Bounds, window: Bounds, spacing: float) -> None:
    """Draw dots at the centres of the source's units, of which the first lies half a spacing inside the bounds."""
    at = []
    for low, first, last in ((bounds[0], window[0], window[2]), (bounds[1], window[1], window[3])):
        steps = np.arange(np.ceil((first - low) / spacing - 0.5), np.floor((last - low) / spacing - 0.5) + 1)
        at.append(low + (steps + 0.5) * spacing)
    px, py = np.meshgrid(*at)
    axes.plot(px.ravel(), py.ravel(), ".", color="0.45", markersize=2.4, markeredgewidth=0, zorder=0.5)


def _every(count: int, most: int) -> FloatArray:
    """Return the indices of at most `most` of `count` lines at nearly equal distances, the outermost ones included."""
    return np.unique(np.round(np.linspace(0, count - 1, min(count, max(2, most)))).astype(np.intp))


def _share(name: str, count: int, most: int) -> str:
    drawn = len(_every(count, most))
    return f"{name} of units" if drawn == count else f"{drawn} of {count} {name}"


def _largest_side() -> float:
    return MOSAIC * current_style().column / (85 / 25.4)


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


def _mosaic_figure(shape: tuple[int, ...], title: str) -> tuple[Figure, Axes, Axes | None]:
    """Return a figure with axes of a whole number of pixels for each cell of a mosaic, and axes for a colour bar."""
    dpi = current_style().dpi
    room = CELL if current_style().is_cell else _largest_side()
    pixels = min(max(1, int(room * dpi) // max(shape)), max(1, round(12 * dpi / 150)))
    h, w = (n * pixels / dpi for n in shape)
    if current_style().is_cell:
        scale = 1.0 if 0.75 * CELL <= max(w, h) <= CELL else CELL / max(w, h)  # else whole pixels, and a margin
        w, h = w * scale, h * scale
        corner = (round((CELL - w) / 2 * dpi) / dpi, round((CELL - h) / 2 * dpi) / dpi)
        figure, (axes,) = canvas("fields", CELL, CELL, [(*corner, w, h)])
        return figure, axes, None
    left, below = round(80 * em() * dpi / 150) / dpi, round(54 * em() * dpi / 150) / dpi
    key, above = 0.75 * em(), 0.26 * em()
    boxes = [(left, below, w, h), (left + w + 0.06 * em(), below, 0.09 * em(), h)]
    figure, (axes, bar) = canvas("fields", left + max(w, 1.5) + key, below + h + above, boxes)
    write_title(axes, title, room=max(w, 1.5) + key - 0.05)
    return figure, axes, bar


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
