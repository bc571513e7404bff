"""Axes of pictures: sizes on paper, axes in sheet coordinates, colour bars, and the reuse of all of these.

Most of the time that a picture takes goes into making axes and their ticks. A process that draws many pictures, such as
the drawing worker of a run, keeps those of finished pictures in a `Frames` and draws the next one of the same layout
into them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator
from numpy.typing import ArrayLike

from topo_exp.analysis.figure_style import BASE_FONT_SIZE, FigureStyle, current_style
from topo_exp.analysis.plots_canvas import TextCache
from topo_exp.analysis.plots_colours import NO_VALUE
from topo_exp.analysis.plots_style import Picture

Bounds = tuple[float, float, float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, width and height of axes on a figure, inches."""

LETTER = 0.0075
"""Width of a letter on average, inches for each point of its font size."""
TICK_LETTER = 0.054
"""The same of a tick label, inches at the base font size."""
CELL = 2.0
"""Side of a picture for a cell, inches: 300 pixels at 150 dots per inch."""
CELL_STYLE = FigureStyle(form="cell")
"""The style of pictures for a cell."""
FRAMES_KEPT = 16
"""Layouts that a `Frames` keeps; GCAL's default analysis has six."""


def em() -> float:
    """Return the current font size over the base one, by which margins are scaled."""
    return current_style().font_size / BASE_FONT_SIZE


class Frames:
    """Figures with empty axes, kept for the next picture of the same layout.

    Used by a process that draws one picture after another: inside `with frames.use()` pictures take their axes from
    here, and `keep` puts those of a finished picture back. A picture that was not put back is never reused.
    """

    def __init__(self) -> None:
        """Start without any."""
        self._kept: dict[object, _Frame] = {}
        self.texts = TextCache()

    @contextmanager
    def use(self) -> Iterator[None]:
        """Let pictures that are drawn inside a `with` block take their axes from here."""
        token = _FRAMES.set(self)
        try:
            yield
        finally:
            _FRAMES.reset(token)

    def keep(self, figure: Figure) -> None:
        """Keep the axes of a finished picture, which must not be used any more; ignore other figures."""
        frame = figure.frame if isinstance(figure, Picture) else None
        if isinstance(frame, _Frame):
            frame.clear()
            self._kept.pop(frame.key, None)
            self._kept[frame.key] = frame
            while len(self._kept) > FRAMES_KEPT:
                del self._kept[next(iter(self._kept))]

    def take(self, key: object) -> _Frame | None:
        """Return a kept frame of that layout, which is then no longer here."""
        return self._kept.pop(key, None)


_FRAMES: ContextVar[Frames | None] = ContextVar("topo_exp_frames", default=None)


@dataclass
class _Frame:
    """A figure with the axes of one layout, and the artists that belong to the axes themselves."""

    key: object
    figure: Picture
    axes: list[Axes]
    own: set[int]

    @classmethod
    def make(cls, key: object, size: tuple[float, float], boxes: Sequence[Box], texts: TextCache | None) -> _Frame:
        figure = Picture(current_style(), size, texts)
        axes = [place(figure, *box) for box in boxes]
        own = {id(artist) for part in (figure, *axes) for artist in part.get_children()}
        frame = cls(key, figure, axes, own)
        figure.frame = frame
        return frame

    def clear(self) -> None:
        """Remove all artists that a picture has added."""
        for part in (self.figure, *self.axes):
            for artist in part.get_children():
                if id(artist) not in self.own:
                    artist.remove()


def canvas(kind: str, width: float, height: float, boxes: Sequence[Box] = ()) -> tuple[Figure, list[Axes]]:
    """Return a figure of that size in inches, independent of pyplot, with axes at those places.

    Inside `Frames.use` the figure and its axes may have been those of an earlier picture of the same kind and layout:
    the caller sets limits, ticks, labels and titles of all axes, and nothing else. Axes with other settings, such as
    a logarithmic scale, are added by `place`.

    Args:
        kind: Name of the layout.
        width: Of the figure, inches.
        height: Of the figure, inches.
        boxes: Places of axes.

    Returns:
        The figure and its axes, in the order of `boxes`.
    """
    key = (kind, current_style(), width, height, tuple(boxes))
    frames = _FRAMES.get()
    frame = frames.take(key) if frames is not None else None
    if frame is None:
        frame = _Frame.make(key, (width, height), boxes, None if frames is None else frames.texts)
    return frame.figure, list(frame.axes)


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes to a figure at a position given in inches."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


def size_of(axes: Axes) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of axes in inches."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    w, h = figure.get_size_inches()
    box = axes.get_position(original=True)
    return float(box.x0 * w), float(box.y0 * h), float(box.width * w), float(box.height * h)


def write_title(axes: Axes, title: str, *, room: float, small: bool = False) -> None:
    """Set the title of axes, in a smaller font where it needs more than `room` inches.

    The height is given, since matplotlib otherwise lays out all tick labels a second time to find it.
    """
    largest = (7.0 if small else 8.0) * em()
    axes.set_title(title, fontsize=max(fit_text(title, largest, room), 0.55 * largest), y=1.0, pad=4 * em())


def fit_text(text: str, size: float, room: float) -> float:
    """Return a font size, or a smaller one at which the longest line of the text needs at most `room` inches."""
    letters = max(map(len, text.split("\n")))
    return size * min(1.0, room / max(LETTER * size * letters, 1e-9))


def label_axes(axes: Axes, x: str, y: str, *, below: float = 0.25, beside: float = 0.40) -> None:
    """Label both axes, with the labels at that distance from the axes in inches, which spares matplotlib's layout.

    A label that is longer than the figure is written in a smaller font.
    """
    *_, width, height = size_of(axes)
    axes.set(xlabel=x, ylabel=y)
    for axis, text, room in zip((axes.xaxis, axes.yaxis), (x, y), _room_around(axes), strict=True):
        axis.label.set(verticalalignment="center", fontsize=fit_text(text, current_style().font_size, room))
    axes.xaxis.set_label_coords(0.5, -below * em() / height)
    axes.yaxis.set_label_coords(-beside * em() / width, 0.5)


def fit_box(bounds: Bounds, width: float, height: float) -> tuple[float, float]:
    """Return the largest size of a picture of that area of a sheet that fits into width x height inches."""
    left, bottom, right, top = bounds
    scale = min(width / (right - left), height / (top - bottom))
    return scale * (right - left), scale * (top - bottom)


@dataclass(frozen=True)
class MapFrame:
    """A figure for one sheet.

    Args:
        figure: The figure.
        axes: Axes in sheet coordinates.
        bar: Axes for a colour bar at their right; None in a picture without one, and in a picture for a cell.
        is_cell: Whether the picture is for a cell, and has neither title, labels nor keys.
    """

    figure: Figure
    axes: Axes
    bar: Axes | None
    is_cell: bool


def map_frame(bounds: Bounds, *, title: str, bar: bool, key: float = 0.58, below: float = 0.0) -> MapFrame:
    """Return a figure in one column with axes for one sheet.

    Args:
        bounds: Area shown, sheet coordinates; its shape gives the figure's height, up to 1.4 times the width.
        title: Of the picture.
        bar: Whether there are axes for a colour bar at the right.
        key: Room at the right for a colour bar or key, inches at the base font size.
        below: Room below the axis label for a scale or legend, likewise.

    Returns:
        The figure and its axes.
    """
    style = current_style()
    if style.is_cell:
        w, h = fit_box(bounds, CELL, CELL)
        figure, (axes,) = canvas("map", CELL, CELL, [((CELL - w) / 2, (CELL - h) / 2, w, h)])
        bare_axes(axes, bounds)
        return MapFrame(figure, axes, None, True)
    width, left, right, under, above = style.column, 0.52 * em(), 0.1 * em(), (0.36 + below) * em(), 0.26 * em()
    w, h = fit_box(bounds, width - left - right - key * em(), 1.4 * width)
    boxes = [(left, under, w, h)]
    if bar:
        boxes.append((left + w + 0.06 * em(), under, 0.09 * em(), h))
    figure, (axes, *bars) = canvas("map", width, h + under + above, boxes)
    write_title(axes, title, room=width - left - 0.05)
    sheet_axes(axes, bounds)
    return MapFrame(figure, axes, bars[0] if bars else None, False)


def sheet_axes(axes: Axes, bounds: Bounds, *, x: str = "x (sheet units)", y: str = "y (sheet units)") -> None:
    """Make axes those of a sheet: its bounds as limits, a frame, few ticks in sheet coordinates, labels."""
    left, bottom, right, top = bounds
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.spines[:].set_visible(True)
    for axis, low, high in ((axes.xaxis, left, right), (axes.yaxis, bottom, top)):
        ticks = round_ticks(low, high)
        if axis is axes.xaxis and _is_crowded(ticks, size_of(axes)[2] / (high - low)):
            ticks = [ticks[0], ticks[-1]]
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FixedFormatter(numbers(ticks)))
    label_axes(axes, x, y)


def bare_axes(axes: Axes, bounds: Bounds) -> None:
    """Make axes those of a sheet without frame, ticks and labels."""
    axes.set(xlim=(bounds[0], bounds[2]), ylim=(bounds[1], bounds[3]))
    axes.set_axis_off()


def write_reason(axes: Axes, reason: str, *, size: float = 6.0) -> None:
    """Make axes a dashed frame with the reason why there is no map."""
    bare_axes(axes, (0.0, 0.0, 1.0, 1.0))
    style: dict[str, Any] = {"fill": False, "edgecolor": "0.55", "linewidth": 0.5, "clip_on": False}
    axes.add_patch(Rectangle((0, 0), 1, 1, linestyle=(0, (3, 3)), **style))
    axes.text(0.5, 0.5, reason, color="0.35", fontsize=size * em(), ha="center", va="center")


def round_ticks(low: float, high: float, *, most: int = 3) -> list[float]:
    """Return round numbers between two values, about `most` + 1 of them."""
    span = abs(high - low) or 1.0
    ticks = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(min(low, high), max(low, high))
    inside = [float(t) for t in ticks if min(low, high) - 1e-6 * span <= t <= max(low, high) + 1e-6 * span]
    return [0.0 if abs(t) < 1e-9 * span else t for t in inside]


def numbers(ticks: Sequence[float], *, digits: int = 4) -> list[str]:
    """Return numbers as texts with as many decimals as the one that needs most, and a true minus sign.

    A number that is negligible beside the others, such as a rounding error, is written as 0.
    """
    largest = max(map(abs, ticks), default=0.0)
    ticks = [0.0 if abs(tick) < 1e-9 * largest else tick for tick in ticks]
    texts = [f"{tick:.{digits}g}" for tick in ticks]
    if any("e" in text for text in texts):
        return [text.replace("-", "\N{MINUS SIGN}") for text in texts]
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    return [f"{tick:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks]


def show_map(axes: Axes, values: ArrayLike, bounds: Bounds, **how: Any) -> Any:
    """Draw an array (rows, cols), or (rows, cols, 3) in colour, over that area of a sheet, row 0 at the top."""
    left, bottom, right, top = bounds
    limits = axes.get_xlim(), axes.get_ylim()
    image = axes.imshow(np.asarray(values), extent=(left, right, bottom, top), aspect="auto", **how)
    axes.set(xlim=limits[0], ylim=limits[1])
    return image


def colour_bar(
    axes: Axes | None,
    colours: Any,
    norm: Normalize,
    *,
    label: str,
    ticks: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    inner: Sequence[float] | None = None,
) -> None:
    """Draw a colour bar into axes of its own, with ticks at its right that name both ends of the scale.

    Numbers and label are written in a smaller font where the figure ends before them.

    Args:
        axes: Where to draw; None draws nothing.
        colours: Colour map.
        norm: The scale.
        label: The quantity and its unit.
        ticks: Values to name; None chooses round ones and both ends.
        names: Texts of the ticks; None writes the numbers.
        inner: Without `ticks`: values between the ends, of which those are named for which there is room, the first
            ones before the others; None chooses round ones.
    """
    if axes is None:
        return
    low, high = float(norm.vmin or 0.0), float(1.0 if norm.vmax is None else norm.vmax)
    left, _, width, height = size_of(axes)
    clear = max(0.12, 0.12 * em() / height)
    at = list(ticks) if ticks is not None else _bar_ticks(norm, low, high, inner, clear=clear)
    is_linear = not isinstance(norm, PowerNorm | FuncNorm)
    texts = list(names) if names is not None else numbers(at, digits=3) if is_linear else [f"{t:g}" for t in at]
    gradient = colours(np.linspace(1, 0, 256)[:, None], bytes=True)
    axes.imshow(gradient, extent=(0, 1, 0, 1), aspect="auto")
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[])
    axes.spines[:].set_visible(True)
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.yaxis.set_major_locator(FixedLocator(np.asarray(norm(at), dtype=float).tolist()))
    axes.yaxis.set_major_formatter(FixedFormatter(texts))
    figure = axes.get_figure(root=True)
    assert figure is not None
    wide = TICK_LETTER * em() * max(map(len, texts), default=0)
    room = figure.get_figwidth() - left - width - 0.255 * em()  # beside ticks, half the label and a margin
    shrink = min(1.0, room / wide) if wide else 1.0
    axes.tick_params(axis="y", labelsize=6.5 * em() * shrink)
    style = current_style().font_size
    axes.set_ylabel(label, verticalalignment="center", fontsize=fit_text(label, style, _room_around(axes)[1]))
    axes.yaxis.set_label_coords((width + 0.17 * em() + wide * shrink) / width, 0.5)


def no_value_key(frame: MapFrame) -> None:
    """Explain the grey of units without a value, below the axes' right end."""
    if frame.is_cell:
        return
    left, bottom, width, _ = size_of(frame.axes)
    swatch(frame.figure, left + width + 0.06 * em(), bottom - 0.27 * em(), NO_VALUE, "no value")


def swatch(figure: Figure, x: float, y: float, colour: Any, text: str) -> None:
    """Draw a small square of a colour with its meaning at its right, at that place in inches."""
    side = 0.09 * em()
    figure.add_artist(
        Rectangle((x, y - side / 2), side, side, transform=figure.dpi_scale_trans, facecolor=colour, edgecolor="black")
    )
    write(figure, x + side + 0.04 * em(), y, text)


def write(figure: Figure, x: float, y: float, text: str, *, size: float = 6.0, **how: Any) -> None:
    """Write a text on a figure, its left end and middle at that place in inches; smaller where the figure ends."""
    fitting = size * em() if how else fit_text(text, size * em(), figure.get_figwidth() - x - 0.05 * em())
    style = {"verticalalignment": "center", "fontsize": fitting, **how}
    figure.text(x, y, text, transform=figure.dpi_scale_trans, **style)


def _room_around(axes: Axes) -> tuple[float, float]:
    """Return the largest width and height, inches, of texts that are centred on the axes and end within the figure."""
    left, bottom, width, height = size_of(axes)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure_width, figure_height = figure.get_size_inches()
    x, y = left + width / 2, bottom + height / 2
    return 2 * float(min(x, figure_width - x)), 2 * float(min(y, figure_height - y))


def _is_crowded(ticks: Sequence[float], scale: float) -> bool:
    """Return True if the numbers of ticks along x touch each other, at that many inches for a unit of the axis."""
    widest = max(map(len, numbers(ticks)), default=0) * TICK_LETTER * em()
    return len(ticks) > 2 and min(np.diff(ticks)) * scale < widest + 0.02 * em()


def _bar_ticks(norm: Normalize, low: float, high: float, inner: Sequence[float] | None, *, clear: float) -> list[float]:
    """Return both ends of a scale and values between them, at least the share `clear` of the bar apart."""
    if inner is None:
        is_power = isinstance(norm, PowerNorm) and norm.gamma != 1
        inner = sorted(round_ticks(low, high, most=4) + [high * part for part in (0.05, 0.25) if is_power])
    ticks = [low, high]
    for tick in inner:
        if all(abs(float(norm(tick)) - float(norm(other))) > clear for other in ticks):
            ticks.append(tick)
    return sorted(ticks)


def cyclic_ticks(period: float, units: str) -> tuple[list[float], list[str]]:
    """Return quarters of a cycle and their names, fractions of pi where the unit is radians."""
    quarters = (np.arange(5) / 4).tolist()
    at = [quarter * period for quarter in quarters]
    if units == "rad" and math.isclose(period % np.pi, 0, abs_tol=1e-9):
        turns = round(period / np.pi)
        named = {0.0: "0", 0.25: "π/4", 0.5: "π/2", 0.75: "3π/4", 1.0: "π", 1.5: "3π/2", 2.0: "2π"}
        return at, [named.get(quarter * turns, f"{quarter * turns:g}π") for quarter in quarters]
    return at, numbers(at)
