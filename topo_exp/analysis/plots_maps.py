"""Pictures of feature maps.

Every function takes arrays and returns a matplotlib Figure in one journal column, drawn without pyplot. The data of
each picture are those of the map of the same name that is saved beside it as NetCDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from topo_exp.analysis.grids import as_map, bounds_of, polar_map
from topo_exp.analysis.pinwheels import find_pinwheels
from topo_exp.analysis.plots_style import (
    PAGE,
    SEQUENTIAL,
    SIGNED,
    UNDER_TEXT,
    Palette,
    canvas,
    colour_bar,
    cyclic_colours,
    cyclic_map,
    cyclic_ticks,
    map_figure,
    place,
    sheet_axes,
    show_map,
    styled,
)
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray


@styled
def feature_map(
    values: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    title: str,
    units: str = "",
    cyclic_range: float | None = None,
    limits: tuple[float, float] | None = None,
    signed: bool = False,
    palette: Palette = "hue",
) -> Figure:
    """Draw the map of any feature with a colour bar.

    Arguments:
        values: (rows, cols), row 0 at the top of the sheet; NaN stays white.
        x: (cols,), y: (rows,): unit centres in sheet coordinates.
        title: what is shown, of which sheet, at which time.
        units: written beside the colour bar.
        cyclic_range: the feature's period if it is cyclic, such as 2 pi for phase; colours are then cyclic from 0 to
            it.
        limits: values at the ends of the colour bar; None takes the smallest and the largest.
        signed: centre the colours on 0, for values such as ocular dominance.
        palette: of cyclic features, "hue" or the colour-blind-safe "twilight".

    Returns:
        The figure.

    Raises:
        ParameterError: the values are not a map.
    """
    array = as_map(values, where="feature_map.values")
    bounds = bounds_of(x, y)
    figure, axes = map_figure(bounds, title=title)
    if cyclic_range is not None:
        image = show_map(axes, array % cyclic_range, bounds, cmap=cyclic_map(palette), vmin=0, vmax=cyclic_range)
        cyclic_ticks(colour_bar(axes, image, label=units), cyclic_range, units)
        return figure
    low, high = limits or _range(array, signed=signed)
    image = show_map(axes, array, bounds, cmap=SIGNED if signed else SEQUENTIAL, vmin=low, vmax=high)
    colour_bar(axes, image, label=units)
    return figure


def selectivity(selectivity: ArrayLike, x: ArrayLike, y: ArrayLike, *, title: str, limit: float | None = 1.0) -> Figure:
    """Draw a map of selectivity.

    Arguments:
        selectivity: (rows, cols), at least 0.
        x: (cols,), y: (rows,): unit centres in sheet coordinates.
        title: what is shown, of which sheet, at which time.
        limit: selectivity at the end of the colour bar, the same for all times so that pictures compare; None takes the
            largest of the map.

    Returns:
        The figure.
    """
    limits = None if limit is None else (0.0, limit)
    figure: Figure = feature_map(selectivity, x, y, title=title, units="selectivity", limits=limits)
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
    """Draw an orientation map: the hue tells the preferred orientation, the saturation how selective the unit is.

    Red is horizontal, and the hue goes once round the colour circle in 180 degrees counterclockwise, as in most of the
    field's papers; the key shows a bar of each orientation in its colour. Unselective units are white.

    Arguments:
        preference: (rows, cols), orientation in radians.
        selectivity: (rows, cols), at least 0; None draws the hues alone.
        x: (cols,), y: (rows,): unit centres in sheet coordinates.
        title: what is shown, of which sheet, at which time.
        full_saturation: the selectivity at which colours are full, above 0. With a selectivity in [0, 1], 0.5 looks
            like the reference simulator's pictures, whose selectivity is multiplied by 2.
        pinwheels: mark the pinwheels: white those of positive sign, black those of negative.
        hypercolumn_distance: draw a square of that side as a scale; sheet units.
        palette: "hue", the convention, or the colour-blind-safe "twilight".

    Returns:
        The figure.

    Raises:
        ParameterError: the arrays are not maps of one shape, or full_saturation is not above 0.
    """
    theta, saturation = _orientation_arrays(preference, selectivity, full_saturation)
    colours = cyclic_colours(theta / np.pi, palette=palette)
    rgb = colours if saturation is None else 1 - saturation[..., None] * (1 - colours)
    return _orientation_figure(rgb, theta, x, y, title, pinwheels, hypercolumn_distance, palette)


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
    return _orientation_figure(rgb, theta, x, y, title, pinwheels, hypercolumn_distance, palette)


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

    Arguments:
        preference: (rows, cols), orientation in radians.
        selectivity: (rows, cols), the weight of each unit in the contours; None stands for 1 everywhere.
        x: (cols,), y: (rows,): unit centres in sheet coordinates.
        title: what is shown, of which sheet, at which time.
        hypercolumn_distance: draw a square of that side as a scale; sheet units.
        palette: "hue", the convention, or the colour-blind-safe "twilight".

    Returns:
        The figure.

    Raises:
        ParameterError: the arrays are not maps of one shape.
    """
    theta = as_map(preference, where="orientation_contours.preference")
    z = polar_map(theta, selectivity)
    colours = cyclic_colours(theta / np.pi, palette=palette)
    figure = _orientation_figure(0.35 + 0.65 * colours, theta, x, y, title, False, hypercolumn_distance, palette)
    axes = figure.axes[0]
    for part, colour in ((z.real, "black"), (z.imag, "white")):
        if np.nanmin(part) < 0 < np.nanmax(part):
            axes.contour(np.asarray(x), np.asarray(y), part, [0.0], colors=colour, linewidths=0.7)
    mark_pinwheels(axes, z, x, y)
    return figure


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

    Arguments:
        preferences: maps (rows, cols) in order of time, orientation in radians.
        selectivities: their selectivities; None draws the hues alone.
        x: (cols,), y: (rows,): unit centres in sheet coordinates.
        times: of each map, iterations.
        title: what is shown, of which sheet.
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
    columns = min(columns, len(times))
    rows = -(-len(times) // columns)
    bounds = bounds_of(x, y)
    left, key, gap, above, head = 0.1, 0.55, 0.1, 0.17, 0.22
    w = min((PAGE - left - key - columns * gap) / columns, 2.0)
    h = w * (bounds[3] - bounds[1]) / (bounds[2] - bounds[0])
    figure = canvas(left + columns * (w + gap) + key, head + rows * (h + above) + gap)
    height = figure.get_size_inches()[1]
    figure.text(left / figure.get_size_inches()[0], 1 - 0.06 / height, title, va="top", fontsize="large")
    for i, (time, preference) in enumerate(zip(times, preferences, strict=True)):
        row, col = divmod(i, columns)
        axes = place(figure, left + col * (w + gap), height - head - (row + 1) * (h + above), w, h)
        theta, s = _orientation_arrays(preference, None if selectivities is None else selectivities[i], full_saturation)
        colours = cyclic_colours(theta / np.pi, palette=palette)
        show_map(axes, colours if s is None else 1 - s[..., None] * (1 - colours), bounds)
        sheet_axes(axes, bounds, labels=False, ticks=False)
        axes.set_title(f"t = {time:g}", fontsize=7, pad=2)
    key_height = min(h, 1.3)
    _orientation_key(
        place(figure, left + columns * (w + gap), height - head - above - key_height, key - 0.05, key_height), palette
    )
    return figure


def mark_pinwheels(axes: Axes, polar: ArrayLike, x: ArrayLike, y: ArrayLike) -> None:
    """Mark the pinwheels of a complex map on axes in sheet coordinates: white those of positive sign, black the others.

    Arguments:
        axes: with the sheet's coordinates, such as `figure.axes[0]` of a map drawn here.
        polar: complex (rows, cols), see `topo_exp.analysis.grids.polar_map`.
        x: (cols,), y: (rows,): unit centres in sheet coordinates.
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


def _orientation_figure(
    rgb: FloatArray,
    theta: FloatArray,
    x: ArrayLike,
    y: ArrayLike,
    title: str,
    pinwheels: bool,
    hypercolumn_distance: float | None,
    palette: Palette,
) -> Figure:
    bounds = bounds_of(x, y)
    figure, axes = map_figure(bounds, title=title)
    show_map(axes, np.where(np.isnan(theta)[..., None], 1.0, rgb), bounds)
    if pinwheels:
        mark_pinwheels(axes, polar_map(theta), x, y)
    if hypercolumn_distance is not None and np.isfinite(hypercolumn_distance):
        _scale(axes, bounds, hypercolumn_distance)
    width, height = figure.get_size_inches()
    box = axes.get_position()
    tall = min(box.height * height, 2.0)
    _orientation_key(place(figure, box.x1 * width + 0.08, box.y1 * height - tall, 0.5, tall), palette)
    return figure


def _scale(axes: Axes, bounds: tuple[float, float, float, float], side: float) -> None:
    inset = 0.03 * (bounds[2] - bounds[0])
    corner = (bounds[0] + inset, bounds[1] + inset)
    for width, colour in ((2.2, "white"), (1.0, "black")):
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=width))
    axes.text(corner[0] + inset, corner[1] + inset, "Λ²", fontsize=6.5, va="bottom", bbox=UNDER_TEXT)


def _orientation_key(axes: Axes, palette: Palette) -> None:
    """Draw bars of eight orientations in their colours, one above the other, every other one with its angle."""
    angles = np.arange(8) * np.pi / 8
    figure: Any = axes.figure
    width, height = (figure.get_size_inches() * axes.get_position().size).tolist()
    step = height / 8
    half = min(0.09, 0.42 * step)
    centre = half + 0.03 + 1j * (np.arange(8) + 0.5) * step
    along = half * np.exp(1j * angles)
    ends = np.stack([centre - along, centre + along], axis=1)
    bars: Any = np.stack([ends.real, ends.imag], axis=-1)
    colours = cyclic_colours(angles / np.pi, palette=palette)
    axes.add_collection(LineCollection(bars, colors="black", linewidths=3.6, capstyle="butt"), autolim=False)
    axes.add_collection(LineCollection(bars, colors=colours, linewidths=2.6, capstyle="butt"), autolim=False)
    for at, angle in zip(centre[::2], angles[::2], strict=True):
        axes.text(at.real + half + 0.06, at.imag, f"{np.rad2deg(angle):g}°", va="center", fontsize=6.5)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
