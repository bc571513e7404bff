"""What all pictures share: the style, sizes on paper, axes in sheet coordinates, colours, and saving."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import ArrayLike

from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

P = ParamSpec("P")
Bounds = tuple[float, float, float, float]
Palette = Literal["hue", "twilight"]

STYLE = str(Path(__file__).with_name("topo_exp.mplstyle"))
"""The style file of all pictures, for use with `matplotlib.style.use`."""

COLUMN, PAGE = 3.35, 6.93
"""Width of one column and of the page of a journal, inches."""

TITLE_WIDTH = 0.062
"""Width of a letter of a title on average, inches."""

SEQUENTIAL, SIGNED, ACTIVITY = "viridis", "RdBu_r", "inferno"
"""Colour maps: of values, of values around 0, and of activities and weights, which are mostly 0."""

UNDER_TEXT: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
"""The patch under a text that stands on data."""

METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


@functools.cache
def _style() -> dict[str, Any]:
    return dict(mpl.rc_params_from_file(STYLE, use_default_template=False))


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make `draw` draw in the style of this package, whatever the settings of the session."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_style()):
            return draw(*args, **kwargs)

    return drawn


def render(figure: Figure, format: str = "png", *, dpi: float | None = None) -> bytes:
    """Return a figure as the bytes of a file, the same bytes for the same figure.

    Arguments:
        figure: drawn by a function of this package, or any other.
        format: "png", "pdf", "svg" or whatever else matplotlib writes.
        dpi: pixels per inch; None keeps the figure's, 150 in this package's style.

    Returns:
        The file's content. Dates and versions are left out of its metadata.
    """
    buffer = io.BytesIO()
    with mpl.rc_context(_style()):
        figure.savefig(buffer, format=format, dpi=dpi or figure.dpi, metadata=METADATA.get(format))
    return buffer.getvalue()


def save(
    figure: Figure, path: str | Path, *, formats: Iterable[str] = ("png",), dpi: float | None = None
) -> list[Path]:
    """Write a figure to files, one per format.

    Arguments:
        figure: drawn by a function of this package, or any other.
        path: file name without the format's ending, which is added: "plots/map" becomes plots/map.png.
        formats: endings such as "png", "pdf", "svg".
        dpi: pixels per inch; None keeps the figure's, 150 in this package's style.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        OSError: a file cannot be written.
    """
    written = []
    for format in formats:
        target = Path(f"{path}.{format}")
        target.write_bytes(render(figure, format, dpi=dpi))
        written.append(target)
    return written


class Picture(Figure):
    """A figure that is also saved in this package's style, whoever saves it: some settings count only then."""

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Save as any Figure does."""
        with mpl.rc_context(_style()):
            super().savefig(*args, **kwargs)


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches, independent of pyplot."""
    figure = Picture(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def write_title(axes: Axes, title: str, *, room: float) -> None:
    """Set the title of axes, in a smaller font when it needs more than `room` inches."""
    size = 8 * min(1.0, room / max(TITLE_WIDTH * len(title), 1e-9))
    axes.set_title(title, fontsize=max(size, 5.5))


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes to a figure at a position given in inches."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


def fit_box(bounds: Bounds, width: float, height: float) -> tuple[float, float]:
    """Return the largest size of a picture of that area of a sheet that fits into width x height inches."""
    left, bottom, right, top = bounds
    scale = min(width / (right - left), height / (top - bottom))
    return scale * (right - left), scale * (top - bottom)


def map_figure(bounds: Bounds, *, title: str, width: float = COLUMN, key: float = 0.58) -> tuple[Figure, Axes]:
    """Return a figure of that width with axes for one sheet, and room for a colour bar or key at its right.

    The height follows from the sheet's shape, up to 1.4 times the width.
    """
    left, right, below, above = 0.52, 0.1, 0.36, 0.26
    w, h = fit_box(bounds, width - left - right - key, 1.4 * width)
    figure = canvas(width, h + below + above)
    axes = place(figure, left, below, w, h)
    write_title(axes, title, room=width - left - 0.05)
    sheet_axes(axes, bounds)
    return figure, axes


def sheet_axes(axes: Axes, bounds: Bounds, *, labels: bool = True, ticks: bool = True) -> None:
    """Make axes those of a sheet: its bounds as limits, a frame, few ticks in sheet coordinates."""
    left, bottom, right, top = bounds
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.spines[:].set_visible(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2.5, 5, 10]) if ticks else FixedLocator([]))
    if labels:
        axes.set(xlabel="x (sheet units)", ylabel="y (sheet units)")


def show_map(axes: Axes, values: ArrayLike, bounds: Bounds, **how: Any) -> Any:
    """Draw an array (rows, cols), or (rows, cols, 3) in colour, over that area of a sheet, row 0 at the top."""
    left, bottom, right, top = bounds
    image = axes.imshow(np.asarray(values), extent=(left, right, bottom, top), aspect="auto", **how)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    return image


def colour_bar(axes: Axes, image: Any, *, label: str, gap: float = 0.06, width: float = 0.09, ticks: int = 4) -> Any:
    """Add a colour bar at the right of axes, `gap` and `width` in inches."""
    figure: Any = axes.figure
    w = figure.get_size_inches()[0]
    box = axes.get_position()
    beside = figure.add_axes((box.x1 + gap / w, box.y0, width / w, box.height))
    bar = figure.colorbar(image, cax=beside, ticks=MaxNLocator(nbins=ticks, steps=[1, 2, 2.5, 5, 10]))
    bar.outline.set_linewidth(mpl.rcParams["axes.linewidth"])
    if label:
        bar.set_label(label)
    return bar


def cyclic_ticks(bar: Any, period: float, units: str) -> None:
    """Put ticks at quarters of a cycle, in fractions of pi where the unit is radians."""
    quarters = np.arange(5) / 4
    bar.set_ticks(quarters * period)
    if units == "rad" and math.isclose(period % np.pi, 0, abs_tol=1e-9):
        turns = round(period / np.pi)
        names = {0.0: "0", 0.25: "π/4", 0.5: "π/2", 0.75: "3π/4", 1.0: "π", 1.5: "3π/2", 2.0: "2π"}
        bar.set_ticklabels([names.get(q * turns, f"{q * turns:g}π") for q in quarters])


def cyclic_colours(phase: ArrayLike, *, palette: Palette = "hue") -> FloatArray:
    """Return the colours of positions in a cycle.

    "hue" is the convention of the field, the hues from red (0) over green (1/3) and blue (2/3) back to red; "twilight"
    is perceptually uniform and safe for colour-blind readers.

    Arguments:
        phase: any shape, in cycles; whole numbers do not matter.
        palette: "hue" or "twilight".

    Returns:
        RGB in [0, 1], shape of phase + (3,).

    Raises:
        ParameterError: the palette is unknown.
    """
    turns = np.asarray(phase, dtype=np.float64) % 1.0
    return np.asarray(cyclic_map(palette)(np.nan_to_num(turns)))[..., :3]


def cyclic_map(palette: Palette) -> Any:
    """Return the colour map of a palette, see `cyclic_colours`."""
    if palette not in ("hue", "twilight"):
        raise ParameterError(f"palette: must be 'hue' or 'twilight' (got {palette!r}). Choose one.")
    return mpl.colormaps["twilight_shifted"] if palette == "twilight" else _hues()


@functools.cache
def _hues() -> Any:
    from matplotlib.colors import ListedColormap

    turns = np.arange(720) / 720
    return ListedColormap(hsv_to_rgb(np.stack([turns, np.ones(720), np.ones(720)], axis=-1)), name="hue")
