"""Keys of orientation maps: bars of each orientation, the scale of a hypercolumn, the meaning of marks and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from topo_exp.analysis.plots_axes import LETTER, MapFrame, em, fit_text, round_ticks, size_of, swatch, write
from topo_exp.analysis.plots_colours import Palette, cyclic_colours

ORIENTATIONS = 8
"""Bars of the orientation key."""
ROW = 0.15
"""Height of a row of a legend, inches at the base font size."""
BELOW = 0.46
"""Distance of the first row of a legend from the axes, likewise: below the axis label."""


def orientation_key(
    figure: Figure, x: float, top: float, height: float, palette: Palette, swatches: Sequence[tuple[str, Any]] = ()
) -> None:
    """Draw a bar of each of eight orientations in its colour, each with its angle, below a heading.

    Args:
        figure: Where to draw.
        x: Left end, inches.
        top: Upper end, inches.
        height: Room for the heading and the bars, inches, of which at most 1.9 are used.
        palette: Of the colours.
        swatches: Meaning and colour of squares drawn below the bars, such as that of unselective units.
    """
    write(figure, x, top - 0.04 * em(), "prefers", size=6.0)
    room = min(height - (0.16 + 0.13 * len(swatches)) * em(), 1.5 * em())
    step = max(room, 0.4 * em()) / ORIENTATIONS
    angles = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
    half = min(0.075 * em(), 0.42 * step)
    first = top - 0.14 * em() - room
    centre = x + half + 0.01 * em() + 1j * (first + (np.arange(ORIENTATIONS) + 0.5) * step)
    along = half * np.exp(1j * angles)
    ends = np.stack([centre - along, centre + along], axis=1)
    bars: Any = np.stack([ends.real, ends.imag], axis=-1)
    colours = cyclic_colours(angles / np.pi, palette=palette)
    for colour, width in (("black", 3.0), (colours, 2.2)):
        figure.add_artist(
            LineCollection(
                bars, colors=colour, linewidths=width * em(), capstyle="butt", transform=figure.dpi_scale_trans
            )
        )
    size = min(5.5, 60 * step / em())
    for at, angle in zip(centre, angles, strict=True):
        write(figure, at.real + half + 0.04 * em(), at.imag, f"{np.rad2deg(angle):g}°", size=size)
    for i, (text, colour) in enumerate(swatches):
        swatch(figure, x, first - (0.08 + 0.13 * i) * em(), colour, text)


def scale_bar(frame: MapFrame, length: float, name: str, *, row: int = 0) -> None:
    """Draw a bar of that length of the sheet below the axis label, with its name and length at its right.

    A length beyond the sheet's width, which no bar can show, is written only.
    """
    if frame.is_cell:
        return
    left, bottom, width, _ = size_of(frame.axes)
    low, high = frame.axes.get_xlim()
    inches = length * width / (high - low)
    y = bottom - (BELOW + ROW * row) * em()
    if inches > width:
        write(frame.figure, left, y, f"{name} = {length:.3g} sheet units, more than the sheet's width")
        return
    tip = 0.03 * em()
    lines = [[(left, y), (left + inches, y)], *([(x, y - tip), (x, y + tip)] for x in (left, left + inches))]
    frame.figure.add_artist(
        LineCollection(lines, colors="black", linewidths=0.9, transform=frame.figure.dpi_scale_trans)
    )
    text = f"{name} = {length:.3g} sheet units"
    beside = left + inches + 0.06 * em()
    if beside + 0.05 * len(text) * em() > frame.figure.get_figwidth():
        write(frame.figure, left + 0.04 * em(), y + 0.07 * em(), text, size=5.5)
    else:
        write(frame.figure, beside, y, text)


def length_bar(figure: Figure, x: float, y: float, *, extent: float, width: float, room: float) -> None:
    """Draw a bar of a round length, the scale of several maps, with its length in sheet units.

    Where there is no room for it, the words that the scale is that of all maps are left out.

    Args:
        figure: Where to draw.
        x: Left end, inches.
        y: Middle, inches.
        extent: Width of the area that a map's axes show, sheet units.
        width: Of these axes, inches.
        room: For the bar and its text, inches.
    """
    length = max(tick for tick in round_ticks(0.0, 0.6 * extent, most=2) if tick > 0)
    inches, tip = length * width / extent, 0.03 * em()
    lines = [[(x, y), (x + inches, y)], *([(end, y - tip), (end, y + tip)] for end in (x, x + inches))]
    figure.add_artist(LineCollection(lines, colors="black", linewidths=0.9, transform=figure.dpi_scale_trans))
    start, size = inches + 0.06 * em(), 6.0 * em()
    short, text = f"{length:g} sheet units", f"{length:g} sheet units, all maps"
    if fit_text(text, size, room - start) < size:
        text = short
    write(figure, x + start, y, text, size=fit_text(text, size, room - start) / em())


def pinwheel_key(frame: MapFrame, *, row: int = 0) -> None:
    """Explain the marks of pinwheels, below the axis label."""
    if frame.is_cell:
        return
    left, bottom, *_ = size_of(frame.axes)
    y = bottom - (BELOW + ROW * row) * em()
    texts = ("pinwheel, counterclockwise", "clockwise")
    unit = _key_unit(frame, 1.55, texts[-1])
    for x, text, face in zip((0.04, 1.48), texts, ("white", "black"), strict=True):
        mark = Line2D(
            [left + x * unit],
            [y],
            marker="o",
            markersize=3.2 * em(),
            markerfacecolor=face,
            markeredgecolor="black",
            markeredgewidth=0.5,
            linestyle="none",
            transform=frame.figure.dpi_scale_trans,
        )
        frame.figure.add_artist(mark)
        write(frame.figure, left + (x + 0.07) * unit, y, text, size=6.0 * unit / em())


def line_key(frame: MapFrame, entries: Sequence[tuple[str, str]], *, row: int = 0, step: float = 1.44) -> None:
    """Explain lines by (meaning, colour), side by side below the axis label; white ones get a black edge."""
    if frame.is_cell:
        return
    left, bottom, *_ = size_of(frame.axes)
    y = bottom - (BELOW + ROW * row) * em()
    unit = _key_unit(frame, (len(entries) - 1) * step + 0.21, entries[-1][0])
    for i, (text, colour) in enumerate(entries):
        x = left + i * step * unit
        ends = [x, x + 0.16 * unit]
        layers = [("black", 2.2), (colour, 1.2)] if colour == "white" else [(colour, 1.2)]
        for layer, width in layers:
            style: dict[str, Any] = {"color": to_rgba(layer), "linewidth": width, "solid_capstyle": "butt"}
            frame.figure.add_artist(Line2D(ends, [y, y], transform=frame.figure.dpi_scale_trans, **style))
        write(frame.figure, ends[1] + 0.05 * unit, y, text, size=6.0 * unit / em())


def _key_unit(frame: MapFrame, before: float, last: str) -> float:
    """Return the unit of a row of entries, inches, in which the last text begins at `before`, so that it fits."""
    needed = before + 6.0 * LETTER * len(last)
    return min(em(), (frame.figure.get_figwidth() - size_of(frame.axes)[0]) / needed)
