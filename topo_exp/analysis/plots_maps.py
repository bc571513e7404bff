"""Pictures of feature maps.

Every function takes arrays and returns a matplotlib Figure in one journal column, drawn without pyplot. The data of
each picture are those of the map of the same name that is saved beside it as NetCDF. Units without a value, NaN in
the map, are grey and explained beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from topo_exp.analysis.figure_style import current_style
from topo_exp.analysis.grids import as_map, bounds_of, polar_map
from topo_exp.analysis.pinwheels import find_pinwheels
from topo_exp.analysis.plots_axes import (
    CELL,
    MapFrame,
    bare_axes,
    canvas,
    colour_bar,
    cyclic_ticks,
    em,
    map_frame,
    no_value_key,
    show_map,
    size_of,
    write,
    write_title,
)
from topo_exp.analysis.plots_colours import (
    NO_VALUE,
    SEQUENTIAL,
    SIGNED,
    Palette,
    cyclic_colours,
    cyclic_map,
    value_map,
)
from topo_exp.analysis.plots_keys import BELOW, ROW, line_key, orientation_key, pinwheel_key, scale_bar
from topo_exp.analysis.plots_style import styled
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

UNSELECTIVE = "unselective"
KEY_HEIGHT = 1.2
"""Least height of the key of a strip, inches at the base font size."""


@styled
def feature_map(
    values: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    title: str,
    label: str = "",
    units: str = "",
    cyclic_range: float | None = None,
    limits: tuple[float, float] | None = None,
    signed: bool = False,
    palette: Palette = "hue",
) -> Figure:
    """Draw the map of any feature with a colour bar.

    Args:
        values: (rows, cols), row 0 at the top of the sheet.
        x: (cols,), unit centres in sheet coordinates, rising.
        y: (rows,), the same, falling: row 0 is the top.
        title: Subject, sheet and time.
        label: The quantity, written beside the colour bar.
        units: Its unit, written after it in brackets.
        cyclic_range: the feature's period if it is cyclic, such as 2 pi for phase; colours are then cyclic from 0 to
            it.
        limits: values at the ends of the colour bar, such as the smallest and the largest that were tested; None
            takes those of the map.
        signed: centre the colours on 0, for values such as ocular dominance.
        palette: of cyclic features, "hue" or the colour-blind-safe "twilight".

    Returns:
        The figure.

    Raises:
        ParameterError: the values are not a map.
    """
    array = as_map(values, where="feature_map.values")
    bounds = bounds_of(x, y)
    beside = f"{label} ({units})" if label and units else label or units
    frame = map_frame(bounds, title=title, bar=True)
    if cyclic_range is not None:
        norm, colours = Normalize(0.0, cyclic_range), cyclic_map(palette)
        ticks, names = cyclic_ticks(cyclic_range, units)
        show_map(frame.axes, array % cyclic_range, bounds, cmap=colours, norm=norm)
        colour_bar(frame.bar, colours, norm, label=beside, ticks=ticks, names=names)
    else:
        norm, colours = (
            Normalize(*(limits or _range(array, signed=signed))),
            value_map(SIGNED if signed else SEQUENTIAL),
        )
        show_map(frame.axes, array, bounds, cmap=colours, norm=norm)
        colour_bar(frame.bar, colours, norm, label=beside)
    if np.isnan(array).any():
        no_value_key(frame)
    return frame.figure


def selectivity(selectivity: ArrayLike, x: ArrayLike, y: ArrayLike, *, title: str, limit: float | None = 1.0) -> Figure:
    """Draw a map of selectivity.

    Args:
        selectivity: (rows, cols), at least 0.
        x: (cols,), unit centres in sheet coordinates, rising.
        y: (rows,), the same, falling: row 0 is the top.
        title: Subject, sheet and time.
        limit: selectivity at the end of the colour bar, the same for all times so that pictures compare; None takes the
            largest of the map.

    Returns:
        The figure.
    """
    limits = None if limit is None else (0.0, limit)
    figure: Figure = feature_map(selectivity, x, y, title=title, label="selectivity", limits=limits)
    return figure


@styled
def orientation(
    preference: ArrayLike,
    selectivity: ArrayLike | None,
    x: ArrayLike,
    y: ArrayLike,
    *,
    title: str,
    full_saturation: float = 0.5,
    pinwheels: bool = False,
    hypercolumn_distance: float | None = None,
    palette: Palette = "hue",
) -> Figure:
    """Draw an orientation map: the hue is the preferred orientation, the saturation the selectivity.

    Red is horizontal, and the hue goes once round the colour circle in 180 degrees counterclockwise, as in most of the
    field's papers; the key shows a bar of each orientation in its colour. Unselective units are white.

    Args:
        preference: (rows, cols), orientation in radians.
        selectivity: (rows, cols), at least 0; None draws the hues alone.
        x: (cols,), unit centres in sheet coordinates, rising.
        y: (rows,), the same, falling: row 0 is the top.
        title: Subject, sheet and time.
        full_saturation: the selectivity at which colours are full, above 0. With a selectivity in [0, 1], 0.5 looks
            like the reference simulator's pictures, whose selectivity is multiplied by 2.
        pinwheels: mark the pinwheels: white those of positive sign, black those of negative.
        hypercolumn_distance: draw a bar of that length below the map as a scale; sheet units.
        palette: "hue", the convention, or the colour-blind-safe "twilight".

    Returns:
        The figure.

    Raises:
        ParameterError: the arrays are not maps of one shape, or full_saturation is not above 0.
    """
    theta, saturation = _orientation_arrays(preference, selectivity, full_saturation)
    colours = cyclic_colours(theta / np.pi, palette=palette)
    rgb = colours if saturation is None else 1 - saturation[..., None] * (1 - colours)
    swatches = [] if saturation is None else [(UNSELECTIVE, "white")]
    frame = _orientation_frame(rgb, theta, x, y, title, palette, swatches, hypercolumn_distance, rows=int(pinwheels))
    if pinwheels:
        mark_pinwheels(frame.axes, polar_map(theta), x, y)
        pinwheel_key(frame)
    return frame.figure


@styled
def orientation_polar(
    preference: ArrayLike,
    selectivity: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    title: str,
    full_saturation: float = 0.5,
    pinwheels: bool = False,
    hypercolumn_distance: float | None = None,
    palette: Palette = "hue",
) -> Figure:
    """Draw an orientation map as optical imaging shows it: hue for orientation, brightness for selectivity.

    Unselective units, such as those at pinwheels, are black. The arguments are those of `orientation`, with
    full_saturation the selectivity of full brightness.

    Returns:
        The figure.

    Raises:
        ParameterError: the arrays are not maps of one shape, or full_saturation is not above 0.
    """
    theta, brightness = _orientation_arrays(preference, selectivity, full_saturation)
    colours = cyclic_colours(theta / np.pi, palette=palette)
    rgb = colours if brightness is None else brightness[..., None] * colours
    swatches = [(UNSELECTIVE, "black")]
    frame = _orientation_frame(rgb, theta, x, y, title, palette, swatches, hypercolumn_distance, rows=int(pinwheels))
    if pinwheels:
        mark_pinwheels(frame.axes, polar_map(theta), x, y)
        pinwheel_key(frame)
    return frame.figure


@styled
def orientation_contours(
    preference: ArrayLike,
    selectivity: ArrayLike | None,
    x: ArrayLike,
    y: ArrayLike,
    *,
    title: str,
    hypercolumn_distance: float | None = None,
    palette: Palette = "hue",
) -> Figure:
    """Draw the zero contours of an orientation map and the pinwheels where they cross.

    Black is Re exp(2 i theta) = 0, where 45 and 135 degrees are preferred; white is Im exp(2 i theta) = 0, where
    horizontal and vertical are.

    Args:
        preference: (rows, cols), orientation in radians.
        selectivity: (rows, cols), the weight of each unit in the contours; None stands for 1 everywhere.
        x: (cols,), unit centres in sheet coordinates, rising.
        y: (rows,), the same, falling: row 0 is the top.
        title: Subject, sheet and time.
        hypercolumn_distance: draw a bar of that length below the map as a scale; sheet units.
        palette: "hue", the convention, or the colour-blind-safe "twilight".

    Returns:
        The figure.

    Raises:
        ParameterError: the arrays are not maps of one shape.
    """
    theta = as_map(preference, where="orientation_contours.preference")
    z = polar_map(theta, selectivity)
    colours = cyclic_colours(theta / np.pi, palette=palette)
    faded = np.where(np.isnan(theta)[..., None], NO_VALUE, 0.35 + 0.65 * colours)
    frame = _orientation_frame(faded, theta, x, y, title, palette, [], hypercolumn_distance, rows=2)
    for part, colour in ((z.real, "black"), (z.imag, "white")):
        found = part[np.isfinite(part)]
        if found.size and found.min() < 0 < found.max():
            masked = np.ma.masked_invalid(part)
            frame.axes.contour(np.asarray(x), np.asarray(y), masked, [0.0], colors=colour, linewidths=0.7)
    mark_pinwheels(frame.axes, z, x, y)
    pinwheel_key(frame)
    line_key(frame, [("45° or 135°", "black"), ("0° or 90°", "white")], row=1)
    return frame.figure


@styled
def development(
    preferences: Sequence[ArrayLike],
    selectivities: Sequence[ArrayLike] | None,
    x: ArrayLike,
    y: ArrayLike,
    *,
    times: Sequence[float],
    title: str,
    full_saturation: float = 0.5,
    columns: int = 5,
    palette: Palette = "hue",
) -> Figure:
    """Draw an orientation map at several times as one strip, over the width of a page.

    Args:
        preferences: maps (rows, cols) in order of time, orientation in radians.
        selectivities: their selectivities; None draws the hues alone.
        x: (cols,), unit centres in sheet coordinates, rising.
        y: (rows,), the same, falling: row 0 is the top.
        times: of each map, iterations.
        title: Subject and sheet.
        full_saturation: the selectivity at which colours are full, see `orientation`.
        columns: panels in a row, at least 1.
        palette: "hue" or "twilight".

    Returns:
        The figure, one axes per time and one for the key.

    Raises:
        ParameterError: there are no maps, or not as many as times and selectivities.
    """
    if not 0 < len(preferences) == len(times) or (selectivities is not None and len(selectivities) != len(times)):
        raise ParameterError(
            f"development: must have one map and one selectivity per time (got {len(times)} times, {len(preferences)} "
            f"maps, {'no' if selectivities is None else len(selectivities)} selectivities). Give all of them."
        )
    bounds = bounds_of(x, y)
    panels = []
    for i, preference in enumerate(preferences):
        theta, s = _orientation_arrays(preference, None if selectivities is None else selectivities[i], full_saturation)
        colours = cyclic_colours(theta / np.pi, palette=palette)
        panels.append(_no_value(colours if s is None else 1 - s[..., None] * (1 - colours), theta))
    missing = any(np.isnan(np.asarray(preference)).any() for preference in preferences)
    swatches = [] if selectivities is None else [(UNSELECTIVE, "white")]
    figure, axes, key = _strip(bounds, len(times), columns, title)
    for each, panel, time in zip(axes, panels, times, strict=True):
        bare_axes(each, bounds)
        show_map(each, panel, bounds)
        if key is not None:
            each.set_axis_on()
            each.set(xticks=[], yticks=[])
            each.spines[:].set_visible(True)
            write_title(each, f"t = {time:g}", room=size_of(each)[2], small=True)
    if key is not None:
        orientation_key(figure, *key, palette, [*swatches, *([("no value", NO_VALUE)] if missing else [])])
    return figure


def mark_pinwheels(axes: Axes, polar: ArrayLike, x: ArrayLike, y: ArrayLike) -> None:
    """Mark the pinwheels of a complex map on axes in sheet coordinates: white those of positive sign, black the others.

    Args:
        axes: with the sheet's coordinates, such as `figure.axes[0]` of a map drawn here.
        polar: complex (rows, cols), see `topo_exp.analysis.grids.polar_map`.
        x: (cols,), unit centres in sheet coordinates, rising.
        y: (rows,), the same, falling: row 0 is the top.
    """
    found = find_pinwheels(polar, x, y)
    for sign, face, edge in ((1, "white", "black"), (-1, "black", "white")):
        these = found.sign == sign
        style: dict[str, Any] = {"markerfacecolor": face, "markeredgecolor": edge, "markeredgewidth": 0.5}
        axes.plot(found.x[these], found.y[these], "o", markersize=3.2, linestyle="none", **style)


def _range(array: FloatArray, *, signed: bool) -> tuple[float, float]:
    finite = array[np.isfinite(array)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if signed:
        low, high = -max(-low, high), max(-low, high)
    return (low, high) if high > low else (low, low + 1.0)


def _orientation_arrays(
    preference: ArrayLike, selectivity: ArrayLike | None, full: float
) -> tuple[FloatArray, FloatArray | None]:
    theta = as_map(preference, where="orientation.preference")
    if selectivity is None:
        return theta, None
    if not full > 0:
        raise ParameterError(f"orientation.full_saturation: must be > 0 (got {full}). 0.5 suits selectivity in [0, 1].")
    s = as_map(selectivity, where="orientation.selectivity")
    if s.shape != theta.shape:
        raise ParameterError(
            f"orientation.selectivity: must have the preference's shape {theta.shape} (got {s.shape})."
        )
    return theta, np.clip(np.nan_to_num(s) / full, 0, 1)


def _no_value(rgb: FloatArray, theta: FloatArray) -> FloatArray:
    """Return colours with the grey of units without a value where `theta` is NaN."""
    return np.where(np.isnan(theta)[..., None], NO_VALUE, rgb)


def _orientation_frame(
    rgb: FloatArray,
    theta: FloatArray,
    x: ArrayLike,
    y: ArrayLike,
    title: str,
    palette: Palette,
    swatches: list[tuple[str, Any]],
    hypercolumn_distance: float | None,
    *,
    rows: int,
) -> MapFrame:
    """Draw a map with its key and scale, above which there is room for that many rows of a legend."""
    scaled = hypercolumn_distance is not None and bool(np.isfinite(hypercolumn_distance))
    below = 0.0 if rows + scaled == 0 else BELOW - 0.36 + 0.1 + ROW * (rows + scaled - 1)
    bounds = bounds_of(x, y)
    frame = map_frame(bounds, title=title, bar=False, key=0.68, below=below)
    show_map(frame.axes, _no_value(rgb, theta), bounds)
    if frame.is_cell:
        return frame
    if scaled and hypercolumn_distance is not None:
        scale_bar(frame, hypercolumn_distance, "Λ", row=rows)
    left, bottom, width, height = size_of(frame.axes)
    missing = [("no value", NO_VALUE)] if np.isnan(theta).any() else []
    orientation_key(frame.figure, left + width + 0.08 * em(), bottom + height, height, palette, [*swatches, *missing])
    return frame


def _strip(
    bounds: tuple[float, float, float, float], count: int, columns: int, title: str
) -> tuple[Figure, list[Axes], tuple[float, float, float] | None]:
    """Return a figure with that many panels in rows, their axes, and place and height of the key."""
    ratio = (bounds[3] - bounds[1]) / (bounds[2] - bounds[0])
    if current_style().is_cell:
        columns = min(count, max(1, round(float(np.sqrt(count * ratio)))))
        rows = -(-count // columns)
        w = min(CELL / columns, CELL / rows / ratio)
        places = [(i % columns, i // columns) for i in range(count)]
        return *canvas(
            "strip", CELL, CELL, [(c * w, CELL - (r + 1) * w * ratio, 0.97 * w, 0.97 * w * ratio) for c, r in places]
        ), None
    columns = min(columns, count)
    rows = -(-count // columns)
    left, key, gap, above, head = (part * em() for part in (0.1, 0.72, 0.1, 0.17, 0.22))
    w = min((current_style().page - left - key - columns * gap) / columns, 2.0 * em())
    h = w * ratio
    height = max(head + rows * (h + above), head + above + KEY_HEIGHT * em()) + gap
    places = [(i % columns, i // columns) for i in range(count)]
    boxes = [(left + c * (w + gap), height - head - (r + 1) * (h + above), w, h) for c, r in places]
    figure, axes = canvas("strip", left + columns * (w + gap) + key, height, boxes)
    write(figure, left, height - 0.11 * em(), title, size=8)
    return figure, axes, (left + columns * (w + gap), height - head - above, max(h, KEY_HEIGHT * em()))
