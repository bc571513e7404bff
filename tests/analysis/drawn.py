"""Small maps with known answers that the tests of pictures draw, and how they look into a figure."""

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from topo_exp.analysis import plots
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.random_fields import ring_field

ROWS, COLS = 12, 16
X = (np.arange(COLS) + 0.5) / 16 - 0.5
Y = 0.375 - (np.arange(ROWS) + 0.5) / 16
BOUNDS = (-0.5, -0.375, 0.5, 0.375)
FIELD = ring_field((ROWS, COLS), wavelength=6, seed=2)
PREFERENCE = np.angle(FIELD) / 2 % np.pi
SELECTIVITY = np.abs(FIELD) / np.abs(FIELD).max()
RED, GREEN, BLUE, WHITE, BLACK = ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0])


def image_of(figure: Figure, index: int = 0) -> np.ndarray:
    """Return the array that the image in that axes was given."""
    return np.ma.filled(figure.axes[index].images[0].get_array(), np.nan)


def texts(figure: Figure) -> list[str]:
    """Return the texts that stand on the figure itself, in the order in which they were written."""
    return [text.get_text() for text in figure.texts]


def unreadable(figure: Figure, *, touching: float = 4.0) -> list[str]:
    """Return the texts of a picture that its edge cuts, and pairs that cover each other by more pixels than that."""
    plots.render(figure)
    found = list(figure.texts)
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title]
        if (legend := axes.get_legend()) is not None:
            found += [legend.get_title(), *legend.get_texts()]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            ticks = axis._update_ticks()  # those that are drawn
            found += [axis.label, axis.offsetText, *(text for tick in ticks for text in (tick.label1, tick.label2))]
    shown = [text for text in found if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    canvas = figure.bbox.padded(1)
    cut = [name for name, box in boxes if not (canvas.contains(*box.min) and canvas.contains(*box.max))]
    pairs = itertools.combinations(boxes, 2)
    common = [(first, second, Bbox.intersection(a, b)) for (first, a), (second, b) in pairs]
    covered = [f"{first} / {second}" for first, second, box in common if box and min(box.size) > touching]
    return cut + covered


def enlarged(draw: Callable[[], Figure]) -> tuple[Figure, Figure]:
    """Draw a picture in the default style, and with letters and column twice as large."""
    with FigureStyle(width=85).use():
        small = draw()
    with FigureStyle(width=170, font_size=14).use():
        return small, draw()


def assert_is_enlarged(small: Figure, large: Figure) -> None:
    """Hold a picture to be another one, twice as large in everything but the widths of lines."""
    np.testing.assert_allclose(large.get_size_inches(), 2 * small.get_size_inches())
    for first, second in zip(small.axes, large.axes, strict=True):
        np.testing.assert_allclose(second.get_position().bounds, first.get_position().bounds, atol=1e-9)
    for first, second in zip(small.texts, large.texts, strict=True):
        assert second.get_fontsize() == pytest.approx(2 * first.get_fontsize())
        np.testing.assert_allclose(second.get_position(), 2 * np.array(first.get_position()))


def font_sizes(figure: Figure) -> set[float]:
    """Return the sizes of all texts of a picture, in points."""
    plots.render(figure)
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return {float(text.get_fontsize()) for text in shown}


def empty_bands(figure: Figure) -> dict[str, float]:
    """Return the widths of a picture's margins, and of its widest empty rows and columns inside them, in inches."""
    pixels = pixels_of(plots.render(figure))
    blank = (pixels == 255).all(axis=2)
    widest = {}
    for name, lines, ends in (
        ("rows", blank.all(axis=1), ("top", "bottom")),
        ("columns", blank.all(axis=0), ("left", "right")),
    ):
        drawn = np.flatnonzero(~lines)
        edges = np.concatenate([[-1], drawn, [lines.size]])
        gaps = np.diff(edges) - 1
        widest |= {name: gaps[1:-1].max(initial=0), ends[0]: gaps[0], ends[1]: gaps[-1]}
    dpi = pixels.shape[1] / figure.get_figwidth()
    return {name: float(gap / dpi) for name, gap in widest.items()}


def pixels_of(png: bytes) -> np.ndarray:
    """Return the RGB pixels of a PNG file."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
