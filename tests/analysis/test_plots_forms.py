"""Pictures as files, in every style, for print and for the cells of a table, and of units without a value."""

import functools
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image

from tests.analysis.drawn import (
    BOUNDS,
    COLS,
    PREFERENCE,
    ROWS,
    SELECTIVITY,
    X,
    Y,
    assert_is_enlarged,
    empty_bands,
    enlarged,
    font_sizes,
    image_of,
    pixels_of,
    texts,
    unreadable,
)
from topo_exp.analysis import plots
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.plots_colours import NO_VALUE
from topo_exp.analysis.spectrum import map_spectrum

ALL: dict[str, Callable[[], Figure]] = {
    "feature_map": functools.partial(plots.feature_map, SELECTIVITY, X, Y, title="T"),
    "selectivity": functools.partial(plots.selectivity, SELECTIVITY, X, Y, title="T"),
    "orientation": functools.partial(plots.orientation, PREFERENCE, SELECTIVITY, X, Y, title="T", pinwheels=True),
    "orientation_polar": functools.partial(plots.orientation_polar, PREFERENCE, SELECTIVITY, X, Y, title="T"),
    "orientation_contours": functools.partial(
        plots.orientation_contours, PREFERENCE, SELECTIVITY, X, Y, title="T", hypercolumn_distance=0.3
    ),
    "development": functools.partial(plots.development, [PREFERENCE] * 3, None, X, Y, times=[0, 1, 2], title="T"),
    "activity": functools.partial(plots.activity, {"V1": (SELECTIVITY, BOUNDS)}, title="T"),
    "connection_fields": functools.partial(plots.connection_fields, np.ones((3, 4, 5, 5)), title="T"),
    "topographic_grid": functools.partial(
        plots.topographic_grid,
        np.broadcast_to(X, (ROWS, COLS)),
        np.broadcast_to(Y[:, None], (ROWS, COLS)),
        BOUNDS,
        title="T",
    ),
    "tuning_curves": functools.partial(plots.tuning_curves, [0, 45, 90], {"a": [1, 2, 1]}, title="T", xlabel="degrees"),
    "histogram": functools.partial(plots.histogram, SELECTIVITY, title="T", xlabel="selectivity"),
    "spectrum": functools.partial(plots.spectrum, map_spectrum(PREFERENCE, X, Y), title="T"),
    "metric_curve": functools.partial(plots.metric_curve, [0, 10], [0.1, 0.2], title="T", ylabel="selectivity"),
}


@pytest.mark.parametrize("name", ALL)
def test_every_picture_travels_to_a_worker_and_fits_the_page(name: str) -> None:
    """Every picture must be drawn from pickled arguments, bear its title, fit a page's width and become a PNG."""
    figure = pickle.loads(pickle.dumps(ALL[name]))()  # noqa: S301 - what this very line pickled
    titles = [axes.get_title(loc="left") for axes in figure.axes] + [text.get_text() for text in figure.texts]
    assert "T" in titles
    assert figure.get_size_inches()[0] <= 6.95
    assert plots.render(figure).startswith(b"\x89PNG")


def test_pictures_need_no_pyplot_and_leave_the_session_alone() -> None:
    """Drawing must neither load pyplot nor change a setting of the session."""
    code = (
        "import sys, matplotlib, numpy\n"
        "def settings():  # asking for the backend would choose one, and load pyplot\n"
        "    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != 'backend'}\n"
        "before = settings()\n"
        "from topo_exp.analysis import plots\n"
        "plots.render(plots.feature_map(numpy.eye(4), numpy.arange(4), -numpy.arange(4), title='T'))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert settings() == before\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=120)


ABSENT: dict[str, Callable[[np.ndarray], Figure]] = {
    "feature_map": lambda a: plots.feature_map(a, X, Y, title="T"),
    "cyclic": lambda a: plots.feature_map(a, X, Y, title="T", cyclic_range=np.pi),
    "selectivity": lambda a: plots.selectivity(a, X, Y, title="T"),
    "orientation": lambda a: plots.orientation(a, a, X, Y, title="T", pinwheels=True),
    "polar": lambda a: plots.orientation_polar(a, a, X, Y, title="T"),
    "contours": lambda a: plots.orientation_contours(a, a, X, Y, title="T"),
    "development": lambda a: plots.development([a, PREFERENCE], [a, SELECTIVITY], X, Y, times=[0, 1], title="T"),
    "activity": lambda a: plots.activity({"V1": (a, BOUNDS)}, title="T"),
    "grid": lambda a: plots.topographic_grid(a, a, BOUNDS, title="T", source_spacing=0.1),
    "histogram": lambda a: plots.histogram(a, title="T", xlabel="x"),
    "cyclic histogram": lambda a: plots.histogram(a, title="T", xlabel="x", cyclic_range=np.pi),
    "tuning": lambda a: plots.tuning_curves(Y, {"": a.T}, title="T", xlabel="x"),
}


@pytest.mark.parametrize("name", ABSENT)
@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("form", ["page", "cell"])
def test_units_without_a_value_are_drawn_and_explained(name: str, silent: bool, form: str) -> None:
    """A map in which all units or some lack a value must be drawn without a warning, and say what grey means."""
    values = np.where(np.hypot(*np.meshgrid(X, Y)) > 0.3, np.nan, PREFERENCE)
    with FigureStyle(form=form).use():
        figure = ABSENT[name](np.full((ROWS, COLS), np.nan) if silent else values)
    assert plots.render(figure)
    images = [axes.images[0] for axes in figure.axes if axes.images]
    if images and name not in ("grid", "activity") and form == "page":
        assert "no value" in texts(figure)
        shown = np.asarray(images[0].to_rgba(images[0].get_array()))[0, 0, :3]
        assert shown == pytest.approx(NO_VALUE)


def test_mosaic_cells_are_whole_pixels() -> None:
    """Every cell of a mosaic must be drawn by the same whole number of pixels, from a whole pixel on."""
    figure = plots.connection_fields(np.ones((10, 10, 21, 21)), title="T")
    box = figure.axes[0].get_window_extent()
    assert box.width / image_of(figure).shape[1] == pytest.approx(3)
    assert box.x0 == pytest.approx(round(box.x0))
    assert box.y0 == pytest.approx(round(box.y0))


def test_long_titles_shrink_to_the_figure() -> None:
    """A title must not run out of the picture."""
    title = "V1 spatial frequency preference and selectivity of all units, t = 10000"
    figure = plots.feature_map(SELECTIVITY, X, Y, title=title)
    plots.render(figure)
    assert figure.axes[0]._left_title.get_window_extent().x1 <= figure.bbox.width


def test_files_are_written_per_format_and_equal_for_equal_figures(tmp_path: Path) -> None:
    """Saving must give one file per format, without dates, so that equal figures are equal files."""
    formats = ("png", "pdf", "svg")
    first = plots.save(ALL["orientation"](), tmp_path / "map_000100.00", formats=formats)
    second = plots.save(ALL["orientation"](), tmp_path / "again", formats=formats)
    assert [path.name for path in first] == [f"map_000100.00.{ending}" for ending in formats]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert b"CreationDate" not in first[1].read_bytes()


def test_pictures_keep_their_style_whoever_saves_them() -> None:
    """Saving a picture by its own method, under any settings, must give the pixels that `render` gives."""
    figure = ALL["histogram"]()
    buffer = io.BytesIO()
    with mpl.rc_context({"text.hinting": "force_autohint", "savefig.facecolor": "red"}):
        figure.savefig(buffer, format="png", metadata={"Software": None})
    assert np.array_equal(pixels_of(buffer.getvalue()), pixels_of(plots.render(figure)))


def test_the_style_can_be_used_for_own_figures() -> None:
    """The shipped style file must be one that matplotlib accepts whole."""
    assert mpl.rc_params_from_file(plots.STYLE, use_default_template=False)["figure.dpi"] == 150


@pytest.mark.parametrize("name", ALL)
def test_a_picture_for_a_cell_is_a_bare_square(name: str) -> None:
    """It must have 300 x 300 pixels, no title, no legend, no text on the figure, and axes up to its edges."""
    with FigureStyle(form="cell").use():
        figure = ALL[name]()
    assert pixels_of(plots.render(figure)).shape == (300, 300, 3)
    assert texts(figure) == []
    assert all(axes.get_title(loc=where) == "" for axes in figure.axes for where in ("left", "center", "right"))
    assert all(axes.get_legend() is None for axes in figure.axes)
    assert all(axes.get_xlabel() == axes.get_ylabel() == "" for axes in figure.axes)
    covered = [axes.get_position() for axes in figure.axes]
    assert max(box.x1 for box in covered) - min(box.x0 for box in covered) > 0.7


def test_a_map_fills_its_cell() -> None:
    """The longer side of a sheet must reach both edges of the cell, with the sheet's own shape."""
    with FigureStyle(form="cell").use():
        (axes,) = plots.orientation(PREFERENCE, SELECTIVITY, X, Y, title="T").axes
    box = axes.get_position()
    assert (box.x0, box.x1) == pytest.approx((0, 1))
    assert box.height == pytest.approx(12 / 16)
    assert not axes.axison


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (10, 10, 21, 21), (10, 12, 21, 21), (3, 24, 11, 11), (1, 1, 150, 301)])
def test_a_mosaic_fills_its_cell(shape: tuple[int, ...]) -> None:
    """It lies in the middle, nearly as large as the cell in whole pixels where that is possible, else as large."""
    with FigureStyle(form="cell").use():
        figure = plots.connection_fields(np.ones(shape), title="T")
    box, (rows, columns) = figure.axes[0].get_window_extent(), image_of(figure).shape[:2]
    side, longest = figure.bbox.width, max(rows, columns)
    whole = min(int(side // longest), 12)
    expected = whole if 0.75 * side <= whole * longest else side / longest
    assert (box.width / columns, box.height / rows) == pytest.approx((expected, expected))
    centre = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    assert centre == pytest.approx((side / 2, side / 2), abs=1)


def drawn_in_turn(style: FigureStyle, *, reuse: bool) -> list[bytes]:
    """Draw all pictures several times in changing order, as the worker of a run does, and return their files."""
    frames = plots.Frames()
    files = []
    for names in (list(ALL), list(reversed(ALL)), sorted(ALL)):
        for name in names:
            with style.use(), (frames if reuse else plots.Frames()).use():
                figure = ALL[name]()
                files.append(plots.render(figure))
            frames.keep(figure)
    return files


@pytest.mark.parametrize("form", ["page", "cell"])
def test_axes_of_earlier_pictures_leave_no_trace(form: str) -> None:
    """A picture drawn into the axes of earlier ones must be the same file, byte for byte, as one drawn afresh."""
    style = FigureStyle(form=form)
    assert drawn_in_turn(style, reuse=True) == drawn_in_turn(style, reuse=False)


def test_axes_are_reused_only_after_they_were_given_back() -> None:
    """Two pictures at once must be two figures; one that was given back is the next one's."""
    frames = plots.Frames()
    with frames.use():
        first, second = ALL["orientation"](), ALL["orientation"]()
        assert first is not second
        frames.keep(first)
        assert ALL["orientation"]() is first
    assert ALL["orientation"]() is not first


def test_reuse_makes_no_axes() -> None:
    """The second picture of a layout must make neither axes nor ticks, which take most of the time of the first."""
    frames = plots.Frames()
    with frames.use():
        figure = ALL["feature_map"]()
        plots.render(figure)
        before = [id(axes) for axes in figure.axes]
        ticks = [id(tick) for tick in figure.axes[0].xaxis.majorTicks]
        frames.keep(figure)
        assert not figure.axes[0].images
        again = ALL["feature_map"]()
        plots.render(again)
    assert [id(axes) for axes in again.axes] == before
    assert [id(tick) for tick in again.axes[0].xaxis.majorTicks] == ticks


def test_a_style_sets_size_resolution_and_font() -> None:
    """Width is that of a column, dots that of the file, fonts that of all texts, in files that say their resolution."""
    with FigureStyle(dpi=300, width="120mm", font="DejaVu Serif", font_size=9).use():
        figure = ALL["feature_map"]()
    assert figure.get_size_inches()[0] == pytest.approx(120 / 25.4)
    image = Image.open(io.BytesIO(plots.render(figure)))
    assert image.width == pytest.approx(120 / 25.4 * 300, abs=1)
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    axes = figure.axes[0]
    assert axes.xaxis.label.get_fontsize() == 9
    assert axes.get_xticklabels()[0].get_fontsize() == pytest.approx(9 * 6.5 / 7)
    assert axes.title.get_fontproperties().get_family() == ["sans-serif"]
    assert plots.render(figure) != plots.render(ALL["feature_map"]())


SOME = np.where(SELECTIVITY > 0.5, np.nan, PREFERENCE)
SHEETS = {"Retina": 1.6, "LGNOn": 1.2, "LGNOff": 1.2, "V1": 0.5}
CROWDED: dict[str, Callable[[], Figure]] = {
    **ALL,
    "small numbers": lambda: plots.feature_map(
        SELECTIVITY / 12,
        X,
        Y,
        title="V1: speed preference, t = 2000",
        label="preferred speed",
        units="sheet units per step",
        limits=(-1 / 12, 1 / 12),
    ),
    "powers of ten": lambda: plots.feature_map(SELECTIVITY * 1.23e-7, X, Y, title="T", label="response"),
    "small selectivity": lambda: plots.selectivity(SELECTIVITY, X, Y, title="T", limit=0.0996),
    "missing units": lambda: plots.orientation(
        SOME, SELECTIVITY, X, Y, title="T", pinwheels=True, hypercolumn_distance=2.0
    ),
    "ten times": lambda: plots.development([SOME] * 10, [SELECTIVITY] * 10, X, Y, times=range(10), title="T"),
    "four sheets": lambda: plots.activity(
        {name: (SELECTIVITY, (-r, -r, r, r)) for name, r in SHEETS.items()}, title="Response to a Gaussian, t = 2000"
    ),
    "three sheets of several scales": lambda: plots.activity(
        {f"Sheet{i}": (SELECTIVITY * 2**i, (-r, -r, r, r)) for i, r in enumerate([1.2] * 2 + [0.5], start=2)},
        title="Activity",
    ),
    "large grid": lambda: plots.topographic_grid(
        *np.meshgrid(np.linspace(-0.4, 0.4, 60), np.linspace(0.4, -0.4, 60)),
        (-0.5, -0.5, 0.5, 0.5),
        title="T",
        source_spacing=0.05,
        region=(-0.5, -0.5, 0.5, 0.5),
    ),
    "tuning": lambda: plots.tuning_curves(
        np.arange(-90, 90, 15),
        {f"{c} %": c * np.exp(-(np.arange(-6, 6) ** 2) / 4) for c in (30, 60, 90)},
        title="V1: orientation tuning, t = 2000",
        xlabel="orientation from the preferred one (degrees)",
        period=180,
        legend="contrast",
    ),
    "metric of small values": lambda: plots.metric_curve([0, 10000], [1e-5, 2e-5], title="T", ylabel="threshold"),
}


@pytest.mark.parametrize("name", CROWDED)
@pytest.mark.parametrize("options", [{}, {"width": "60mm"}, {"font_size": 9}])
def test_no_text_is_cut_or_covered(name: str, options: dict[str, object]) -> None:
    """Every label, number and note must lie within the picture, not over another one, and nothing touches the edge."""
    with FigureStyle.from_options(options).use():
        figure = CROWDED[name]()
        assert unreadable(figure) == []
        margins = empty_bands(figure)
    assert min(margins[side] for side in ("left", "right", "top", "bottom")) > 0.02


def strokes(figure: Figure) -> np.ndarray:
    """Return the widths of all drawn lines and edges and the sizes of all markers of a picture, in points."""
    artists = [*figure.artists, *(artist for axes in figure.axes for artist in axes.get_children())]
    sizes = []
    for artist in artists:
        if isinstance(artist, Line2D):
            sizes += [artist.get_markersize(), artist.get_linewidth()]
        elif isinstance(artist, Patch):
            sizes.append(artist.get_linewidth())
        elif isinstance(artist, Collection):
            sizes += [*np.atleast_1d(artist.get_linewidth()), *np.sqrt(getattr(artist, "get_sizes", tuple)())]
    return np.array(sizes, dtype=float)


@pytest.mark.parametrize("name", CROWDED)
def test_strokes_keep_their_width_or_grow_with_the_font(name: str) -> None:
    """With letters and picture twice as large, each line and marker is as wide as before, or twice as wide."""
    small, large = enlarged(CROWDED[name])
    before = strokes(small)
    grown = strokes(large)[before > 0] / before[before > 0]
    assert (np.isclose(grown, 1) | np.isclose(grown, 2)).all()


@pytest.mark.parametrize("name", [name for name in CROWDED if name != "connection_fields"])
def test_everything_grows_with_the_font(name: str) -> None:
    """With letters and column twice as large, axes and texts are at the same places of a picture twice as large."""
    assert_is_enlarged(*enlarged(CROWDED[name]))


LONG_NUMBERS = ("small numbers", "powers of ten")


@pytest.mark.parametrize("name", CROWDED)
def test_letters_have_the_size_of_a_journal(name: str) -> None:
    """Journals ask for 5 to 8 points; only numbers of many digits are smaller, beside a colour bar."""
    sizes = font_sizes(CROWDED[name]())
    assert max(sizes) == 8
    assert min(sizes) >= (4 if name in LONG_NUMBERS else 5.4)


def test_titles_shrink_only_where_there_is_no_room() -> None:
    """The title of a small sheet may be wider than the sheet, as nothing is beside it."""
    titles = [axes._left_title for axes in CROWDED["four sheets"]().axes if axes._left_title.get_text()]
    assert len(titles) == len(SHEETS)
    assert {title.get_fontsize() for title in titles} == {7.0}


@pytest.mark.parametrize("name", CROWDED)
@pytest.mark.parametrize("options", [{}, {"width": "120mm"}])
def test_a_picture_has_narrow_margins_and_no_empty_bands(name: str, options: dict[str, object]) -> None:
    """No margin, and no empty band through the picture, is wide, in inches."""
    with FigureStyle.from_options(options).use():
        empty = empty_bands(CROWDED[name]())
    widest = {"rows": 0.15, "top": 0.15, "bottom": 0.1, "left": 0.1, "right": 0.3, "columns": 0.3}
    if name == "four sheets":  # sheets of different sizes in two rows
        widest["rows"] = 0.32
    assert {side: width for side, width in empty.items() if width > widest[side]} == {}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("options", [{"width": "60mm"}, {"font_size": 11, "width": 150}, {"dpi": 80}])
def test_every_picture_can_be_drawn_in_every_style(name: str, options: dict[str, object]) -> None:
    """No picture may fail, or have axes beyond its figure, in a style that is allowed."""
    with FigureStyle.from_options(options).use():
        figure = ALL[name]()
    assert plots.render(figure)
    assert all(axes.get_position().x0 >= 0 and axes.get_position().x1 <= 1.001 for axes in figure.axes)
    assert all(axes.get_position().y0 >= 0 and axes.get_position().y1 <= 1.001 for axes in figure.axes)
