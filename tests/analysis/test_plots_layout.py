"""Pictures of several runs fill their page: no text is cut or covered, and nothing is wide and empty."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tests.analysis.drawn import (
    FIELD,
    PREFERENCE,
    SELECTIVITY,
    X,
    Y,
    assert_is_enlarged,
    empty_bands,
    enlarged,
    font_sizes,
    unreadable,
)
from topo_exp.analysis import plots
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.plots_differences import MapPair, map_differences
from topo_exp.analysis.plots_grids import TALLEST, GridAxis, GridMap, map_grid
from topo_exp.analysis.plots_groups import Group, group_means
from topo_exp.typing import FloatArray

NUMBERS = Group([1.0, 2.0, 4.0], [0.1, 0.5, 0.3], [0.0, 0.4, np.nan], [0.2, 0.7, np.nan])
DEGREES = np.degrees(PREFERENCE)
TURNED = np.degrees(np.angle(FIELD * np.exp(0.5j)) / 2 % np.pi)


def grid(
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    unit: str = "",
    missing: bool = False,
    selectivity: FloatArray | None = None,
) -> Figure:
    """Return a grid of maps, one of which may be missing."""
    found: dict[tuple[int, int], GridMap | str] = {
        (row, column): GridMap(DEGREES if unit else SELECTIVITY, X, Y, selectivity)
        for row in range(len(rows))
        for column in range(len(columns))
    }
    if missing:
        found[0, 0] = "no run"
    return map_grid(
        found,
        rows=GridAxis("contrast" if any(rows) else "", rows),
        columns=GridAxis("seed" if any(columns) else "", columns),
        title="V1: maps, t = 5",
        label="orientation" if unit else "rate",
        unit=unit,
        period=180.0 if unit else None,
    )


def differences(count: int, *, period: float | None) -> Figure:
    """Return the picture of that many maps of two runs."""
    pair = (DEGREES, TURNED, TURNED - DEGREES) if period else (SELECTIVITY, SELECTIVITY / 2, -SELECTIVITY / 2)
    unit = "°" if period else ""
    pairs = [MapPair(f"V1/map{i}", *pair, (X, Y), (X, Y), unit, period) for i in range(count)]
    return map_differences(pairs, title="Maps at t = 5", names=("contrast=10", "contrast=20"))


FIGURES: dict[str, Callable[[], Figure]] = {
    "groups": lambda: group_means({"one": NUMBERS}, title="T", xlabel="x", ylabel="y", legend="size", note="mean"),
    "one map": lambda: grid(("",), ("",)),
    "row": lambda: grid(("",), ("1", "2", "3")),
    "column": lambda: grid(("10", "20", "30"), ("",)),
    "table": lambda: grid(("10", "20", "100"), ("1", "2", "3", "4"), missing=True),
    "orientation": lambda: grid(("10", "20"), ("1", "2", "3"), unit="°"),
    "row of orientation": lambda: grid(("",), ("1", "2"), unit="°"),
    "row of orientation and selectivity": lambda: grid(("",), ("1", "2"), unit="°", selectivity=SELECTIVITY),
    "difference": lambda: differences(1, period=None),
    "differences of orientation": lambda: differences(2, period=180.0),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("options", [{}, {"width": "120mm"}, {"width": "60mm"}, {"font_size": 9}])
def test_a_picture_of_several_runs_fills_its_page(name: str, options: dict[str, object]) -> None:
    """No text is cut or covered, nothing touches the edge, and little is empty; widths are in inches at 7 points."""
    style = FigureStyle.from_options(options)
    with style.use():
        figure = FIGURES[name]()
        assert unreadable(figure) == []
        empty = {side: width * 7 / style.font_size for side, width in empty_bands(figure).items()}
    assert min(empty[side] for side in ("left", "right", "top", "bottom")) > 0.02
    widest = {"rows": 0.2, "top": 0.125, "bottom": 0.13, "left": 0.11, "right": 0.35, "columns": 0.36}
    assert {side: width for side, width in empty.items() if width > widest[side]} == {}


@pytest.mark.parametrize("name", FIGURES)
def test_everything_grows_with_the_font(name: str) -> None:
    """With letters and column twice as large, axes and texts are at the same places of a picture twice as large."""
    assert_is_enlarged(*enlarged(FIGURES[name]))


@pytest.mark.parametrize("name", FIGURES)
def test_letters_have_the_size_of_a_journal(name: str) -> None:
    """Journals ask for 5 to 8 points."""
    sizes = font_sizes(FIGURES[name]())
    assert max(sizes) == 8
    assert min(sizes) >= 5


def test_the_values_of_a_grid_stand_beside_their_maps() -> None:
    """A row's value ends just left of its first map, at its middle, and a column's stands just above its first map."""
    rows, columns = ("10", "20", "100"), ("1", "2", "3")
    figure = grid(rows, columns)
    plots.render(figure)
    dpi = figure.dpi
    written = {text.get_text(): text.get_window_extent() for text in figure.texts}
    maps = [axes.get_window_extent() for axes in figure.axes[:9]]
    for name, box in zip(rows, maps[::3], strict=True):
        assert 0.02 < (box.x0 - written[name].x1) / dpi < 0.1
        assert (written[name].y0 + written[name].y1) / 2 == pytest.approx((box.y0 + box.y1) / 2, abs=2)
    for name, box in zip(columns, maps[:3], strict=True):
        assert 0.02 < (written[name].y0 - box.y1) / dpi < 0.1
        assert (written[name].x0 + written[name].x1) / 2 == pytest.approx((box.x0 + box.x1) / 2, abs=2)
    across, down = written["seed"], written["contrast"]
    assert across.y0 > written["1"].y1
    assert (across.x0 + across.x1) / 2 == pytest.approx((maps[0].x0 + maps[2].x1) / 2, abs=2)
    assert down.x1 < written["100"].x0
    assert (down.y0 + down.y1) / 2 == pytest.approx((maps[6].y0 + maps[0].y1) / 2, abs=2)


@pytest.mark.parametrize("unit", ["", "°"])
@pytest.mark.parametrize("stretch", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("count", [1, 3])
def test_the_scale_stands_just_below_the_grid(unit: str, stretch: float, count: int) -> None:
    """The bar of length is below the last row, however low that is beside the key, and covers nothing of the key."""
    values = np.where(SELECTIVITY > 0.8, np.nan, DEGREES)
    cells = {(row, 0): GridMap(values, X, Y * stretch, SELECTIVITY) for row in range(count)}
    rows, one = GridAxis("", tuple("123"[:count])), GridAxis("", ("",))
    figure = map_grid(cells, rows=rows, columns=one, title="T", unit=unit, period=180.0 if unit else None)
    assert unreadable(figure) == []
    assert min(margin for side, margin in empty_bands(figure).items() if side not in ("rows", "columns")) > 0.02
    (scale,) = (text for text in figure.texts if "sheet units" in text.get_text())
    found = scale.get_window_extent()
    below = (figure.axes[count - 1].get_window_extent().y0 - found.y1) / figure.dpi
    assert 0.02 < below < 0.15
    squares = [artist.get_window_extent() for artist in figure.artists if isinstance(artist, Rectangle)]
    assert len(squares) == 2
    assert not any(found.overlaps(box) for box in [*squares, *(axes.get_window_extent() for axes in figure.axes)])


def test_a_square_of_a_key_is_centred_on_its_text() -> None:
    """What white means is said beside a white square, at one height with it."""
    figure = grid(("",), ("1",), unit="°", selectivity=SELECTIVITY)
    plots.render(figure)
    (text,) = (text for text in figure.texts if text.get_text() == "unselective")
    (square,) = (artist for artist in figure.artists if isinstance(artist, Rectangle))
    boxes = square.get_window_extent(), text.get_window_extent()
    middles = [(box.y0 + box.y1) / 2 for box in boxes]
    assert middles[0] == pytest.approx(middles[1], abs=0.01 * figure.dpi)
    assert 0.02 < (boxes[1].x0 - boxes[0].x1) / figure.dpi < 0.08
    (last,) = (text.get_window_extent() for text in figure.texts if text.get_text() == "0°")
    assert 0 < (last.y0 - boxes[0].y1) / figure.dpi < 0.07, "just below the last orientation"


@pytest.mark.parametrize("stretch", [0.5, 1.0, 1.3])
def test_maps_of_two_runs_have_the_shape_of_their_sheet(stretch: float) -> None:
    """A, B and their difference lie beside each other at one size, each with its bar as high as the maps."""
    pair = MapPair("m", *[SELECTIVITY] * 3, (X, Y * stretch), (X, Y * stretch), "", None)
    boxes = [axes.get_window_extent() for axes in map_differences([pair], title="T").axes]
    first, second, bar, third, last = boxes
    for box in (first, second, third):
        assert box.height / box.width == pytest.approx(0.75 * stretch)
        assert box.width == pytest.approx(first.width)
    assert len({(round(box.y0, 6), round(box.y1, 6)) for box in boxes}) == 1
    assert first.x1 < second.x0 < second.x1 < bar.x0 < bar.x1 < third.x0 < third.x1 < last.x0
    assert last.x0 - third.x1 == pytest.approx(bar.x0 - second.x1)
    assert last.width == pytest.approx(bar.width)


@pytest.mark.parametrize("has_note", [False, True])
def test_many_maps_use_the_whole_page(has_note: bool) -> None:
    """A wide grid is as wide as a page, and a high one as high as a picture may be, beside its title and scale."""
    page, note = FigureStyle().page, "a remark" if has_note else ""
    for rows, columns in ((2, 8), (12, 2)):
        cells = {(row, column): GridMap(SELECTIVITY, X, Y) for row in range(rows) for column in range(columns)}
        names = [GridAxis(name, tuple(map(str, range(count)))) for name, count in (("a", rows), ("b", columns))]
        figure = map_grid(cells, rows=names[0], columns=names[1], title="T", note=note)
        side, largest = (figure.get_figwidth(), page) if columns == 8 else (figure.get_figheight(), TALLEST * page)
        assert side == pytest.approx(largest)


@pytest.mark.parametrize("is_missing", [False, True])
def test_grey_is_explained_where_a_map_of_two_runs_has_it(is_missing: bool) -> None:
    """The key of units without a value is there if, and only if, one of the maps has such a unit."""
    for place in range(2):
        maps = [DEGREES.copy(), TURNED.copy()]
        if is_missing:
            maps[place][0, 0] = np.nan
        pair = MapPair("m", *maps, maps[1] - maps[0], (X, Y), (X, Y), "°", 180.0)
        figure = map_differences([pair], title="T")
        assert any(text.get_text().startswith("no value") for text in figure.texts) == is_missing


def test_curves_of_one_run_and_of_several_look_alike() -> None:
    """Lines, markers and bands of both kinds of pictures are equally strong."""
    looks = []
    for figure in (
        FIGURES["groups"](),
        plots.tuning_curves([0, 1, 2], {"a": [[1, 2, 1], [2, 3, 2]]}, title="T", xlabel="x"),
    ):
        (axes,) = figure.axes
        (band,) = [*axes.collections, *axes.patches]
        line = axes.lines[0]
        looks.append((line.get_markersize(), line.get_linewidth(), band.get_alpha()))
        assert line.get_linewidth() < line.get_markersize() < 3 * line.get_linewidth()
    assert looks[0] == looks[1]


def test_a_map_of_a_crowded_grid_is_still_seen() -> None:
    """Its cells are never narrower than a tenth of an inch, which makes the picture wider than a page."""
    cells = {(0, column): GridMap(SELECTIVITY, X, Y) for column in range(60)}
    columns = GridAxis("seed", tuple(map(str, range(60))))
    figure = map_grid(cells, rows=GridAxis("", ("",)), columns=columns, title="T")
    assert figure.axes[0].get_window_extent().width / figure.dpi == pytest.approx(0.1)
    assert figure.get_figwidth() > FigureStyle().page


def test_the_reason_for_an_empty_cell_stands_in_its_middle() -> None:
    """A cell without a map is a dashed frame around the reason."""
    figure = grid(("1", "2"), ("1", "2"), missing=True)
    plots.render(figure)
    (reason,) = figure.axes[0].texts
    (frame,) = figure.axes[0].patches
    inner, outer = reason.get_window_extent(), frame.get_window_extent()
    assert reason.get_text() == "no run"
    assert (inner.x0 + inner.x1) / 2 == pytest.approx((outer.x0 + outer.x1) / 2, abs=2)
    assert (inner.y0 + inner.y1) / 2 == pytest.approx((outer.y0 + outer.y1) / 2, abs=2)
    assert (outer.width, outer.height) == pytest.approx((figure.axes[1].bbox.width, figure.axes[1].bbox.height))
    assert frame.get_linestyle() != "solid"
