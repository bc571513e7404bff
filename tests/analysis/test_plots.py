"""Pictures of maps and sheets: the data given, where they lie on the sheet, with the words a reader needs."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from tests.analysis.drawn import (
    BLACK,
    BLUE,
    BOUNDS,
    COLS,
    GREEN,
    PREFERENCE,
    RED,
    ROWS,
    SELECTIVITY,
    WHITE,
    X,
    Y,
    image_of,
    texts,
)
from topo_exp.analysis import plots
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.grids import polar_map
from topo_exp.analysis.pinwheels import find_pinwheels
from topo_exp.analysis.plots_axes import numbers, round_ticks
from topo_exp.analysis.plots_colours import NO_VALUE
from topo_exp.analysis.plots_scales import weight_scale
from topo_exp.errors import ParameterError


def test_feature_map_shows_the_data_in_sheet_coordinates() -> None:
    """The image must be the array, over the sheet's bounds, with axes and colour bar named."""
    values = np.arange(ROWS * COLS, dtype=float).reshape(ROWS, COLS)
    figure = plots.feature_map(values, X, Y, title="V1 spatial frequency, t = 5", units="cycles")
    axes, bar = figure.axes
    assert np.array_equal(image_of(figure), values)
    left, right, bottom, top = axes.images[0].get_extent()
    assert (left, bottom, right, top) == pytest.approx(BOUNDS)
    assert axes.images[0].origin == "upper"
    assert axes.images[0].get_clim() == (0, values.max())
    assert (axes.get_xlim(), axes.get_ylim()) == (pytest.approx((-0.5, 0.5)), pytest.approx((-0.375, 0.375)))
    assert "sheet units" in axes.get_xlabel()
    assert "sheet units" in axes.get_ylabel()
    assert bar.get_ylabel() == "cycles"
    shown = axes.get_position()
    width, height = figure.get_size_inches()
    assert shown.width * width / (shown.height * height) == pytest.approx(16 / 12)


def test_cyclic_feature_has_cyclic_colours_and_quarters_of_pi() -> None:
    """A phase map must run from 0 to its period with the same colour at both ends."""
    figure = plots.feature_map(np.full((ROWS, COLS), 7.0), X, Y, title="T", units="rad", cyclic_range=2 * np.pi)
    image = figure.axes[0].images[0]
    assert image_of(figure) == pytest.approx(7.0 - 2 * np.pi)
    assert image.get_clim() == (0, 2 * np.pi)
    assert image.cmap(0.0) == pytest.approx(image.cmap(1.0), abs=0.02)
    assert [t.get_text() for t in figure.axes[1].get_yticklabels()] == ["0", "π/2", "π", "3π/2", "2π"]


def test_signed_feature_is_centred_on_zero() -> None:
    """Signed values must have white at 0, the larger side deciding the range."""
    figure = plots.feature_map([[-1.0, 3.0]], X[:2], Y[:1], title="T", signed=True)
    assert figure.axes[0].images[0].get_clim() == (-3, 3)


@pytest.mark.parametrize("values", [np.zeros((3, 4)), np.full((3, 4), np.nan)])
def test_silent_and_missing_maps_are_drawn(values: np.ndarray) -> None:
    """A map of one value, or of none, must be drawn without a warning."""
    figure = plots.feature_map(values, X[:4], Y[:3], title="T")
    low, high = figure.axes[0].images[0].get_clim()
    assert low < high
    assert plots.render(figure)


def test_selectivity_has_one_scale_for_all_times() -> None:
    """The colour bar must not follow the data unless asked to."""
    assert plots.selectivity(SELECTIVITY / 4, X, Y, title="T").axes[0].images[0].get_clim() == (0, 1)
    free = plots.selectivity(SELECTIVITY / 4, X, Y, title="T", limit=None)
    assert free.axes[0].images[0].get_clim()[1] == pytest.approx(0.25)


@pytest.mark.parametrize(("degrees", "colour"), [(0, RED), (60, GREEN), (120, BLUE), (180, RED), (-60, BLUE)])
def test_hue_tells_orientation_as_the_field_has_it(degrees: float, colour: list[float]) -> None:
    """Horizontal must be red, 60 degrees green, 120 degrees blue, and half a turn the same again."""
    theta = np.full((ROWS, COLS), np.deg2rad(degrees))
    assert image_of(plots.orientation(theta, None, X, Y, title="T"))[3, 4] == pytest.approx(colour, abs=0.02)


def test_saturation_and_brightness_tell_selectivity() -> None:
    """Selectivity must go from white (or black, in the polar map) to the full colour, and stay there."""
    s = np.broadcast_to([0.0, 0.25, 0.5, 0.9], (2, 4))
    arguments = (np.zeros((2, 4)), s, X[:4], Y[:2])
    rgb = image_of(plots.orientation(*arguments, title="T", full_saturation=0.5))
    assert rgb[0] == pytest.approx(np.array([WHITE, [1, 0.5, 0.5], RED, RED]))
    polar = image_of(plots.orientation_polar(*arguments, title="T", full_saturation=0.5))
    assert polar[1] == pytest.approx(np.array([BLACK, [0.5, 0, 0], RED, RED]))


def test_colour_blind_safe_palette_is_cyclic() -> None:
    """The alternative palette must join 180 to 0 degrees too, and an unknown one must be refused."""
    theta = np.broadcast_to([0.0, np.pi - 1e-9, np.pi / 2], (1, 3))
    rgb = image_of(plots.orientation(theta, None, X[:3], Y[:1], title="T", palette="twilight"))[0]
    assert rgb[0] == pytest.approx(rgb[1], abs=0.02)
    assert np.abs(rgb[0] - rgb[2]).max() > 0.5
    with pytest.raises(ParameterError, match="'hue' or 'twilight'"):
        plots.orientation(theta, None, X[:3], Y[:1], title="T", palette="jet")


def test_key_shows_each_orientation_as_a_bar_of_its_colour() -> None:
    """The key must hold eight bars, turned and coloured as the orientations they stand for, each with its angle."""
    figure = plots.orientation(PREFERENCE, None, X, Y, title="T")
    bars = next(artist for artist in reversed(figure.artists) if isinstance(artist, LineCollection))
    vectors = np.array([segment[1] - segment[0] for segment in bars.get_segments()])
    assert np.rad2deg(np.arctan2(vectors[:, 1], vectors[:, 0])) == pytest.approx(np.arange(8) * 22.5)
    assert bars.get_colors()[0][:3] == pytest.approx(RED)
    assert bars.get_colors()[4][:3] == pytest.approx([0, 1, 1])
    assert texts(figure)[:9] == ["prefers", "0°", "22.5°", "45°", "67.5°", "90°", "112.5°", "135°", "157.5°"]


def test_pinwheels_are_marked_where_they_are_by_sign() -> None:
    """White marks must stand at the pinwheels of positive sign, black ones at the others."""
    figure = plots.orientation(PREFERENCE, None, X, Y, title="T", pinwheels=True)
    found = find_pinwheels(polar_map(PREFERENCE), X, Y)
    assert len(found) > 4
    for line, sign, colour in zip(figure.axes[0].lines, (1, -1), ("white", "black"), strict=True):
        assert line.get_markerfacecolor() == colour
        assert np.array_equal(line.get_xdata(), found.x[found.sign == sign])
        assert np.array_equal(line.get_ydata(), found.y[found.sign == sign])


def test_contours_cross_at_the_pinwheels_and_a_uniform_map_has_none() -> None:
    """Both zero contours must be drawn and explained; without zeros there must be none, and no warning."""
    figure = plots.orientation_contours(PREFERENCE, SELECTIVITY, X, Y, title="T")
    assert len(figure.axes[0].collections) == 2
    assert {"45° or 135°", "0° or 90°", "pinwheel, counterclockwise", "clockwise"} <= set(texts(figure))
    uniform = plots.orientation_contours(np.full((ROWS, COLS), 0.3), None, X, Y, title="T")
    assert len(uniform.axes[0].collections) == 0


@pytest.mark.parametrize("name", ["orientation", "orientation_polar", "orientation_contours"])
def test_the_scale_stands_outside_the_map_and_is_as_long_as_a_hypercolumn(name: str) -> None:
    """The bar must lie below the axes, cover nothing of the map, and have the length that its text says."""
    figure = getattr(plots, name)(PREFERENCE, SELECTIVITY, X, Y, title="T", hypercolumn_distance=0.25)
    axes = figure.axes[0]
    assert "Λ = 0.25 sheet units" in texts(figure)
    bar = next(a for a in figure.artists if isinstance(a, LineCollection) and len(a.get_segments()) == 3)
    (start, end), *_ = bar.get_segments()
    box = axes.get_position()
    width, height = figure.get_size_inches()
    assert (end[0] - start[0]) / (box.width * width) == pytest.approx(0.25 / 1.0)
    assert 0 < start[1] < box.y0 * height - 0.3
    assert not axes.patches


def test_a_scale_longer_than_the_sheet_is_written_and_not_drawn() -> None:
    """A hypercolumn that is larger than the sheet must not run out of the picture."""
    figure = plots.orientation(PREFERENCE, None, X, Y, title="T", hypercolumn_distance=3.0)
    assert "Λ = 3 sheet units, more than the sheet's width" in texts(figure)
    assert not [a for a in figure.artists if isinstance(a, LineCollection) and len(a.get_segments()) == 3]


@pytest.mark.parametrize(("name", "colour"), [("orientation", WHITE), ("orientation_polar", BLACK)])
def test_the_key_explains_unselective_units_and_those_without_a_value(name: str, colour: list[float]) -> None:
    """White and black mean no selectivity, grey means no value; each must be in the key, in its own colour."""
    preference, selectivity = PREFERENCE.copy(), SELECTIVITY.copy()
    preference[2:4, 5:9] = selectivity[2:4, 5:9] = np.nan
    selectivity[0, 0] = 0
    figure = getattr(plots, name)(preference, selectivity, X, Y, title="T", pinwheels=True)
    rgb = image_of(figure)
    assert rgb[0, 0] == pytest.approx(colour)
    assert rgb[2:4, 5:9] == pytest.approx(np.broadcast_to(NO_VALUE, (2, 4, 3)))
    squares = [a.get_facecolor()[:3] for a in figure.artists if isinstance(a, Rectangle)]
    assert squares[0] == pytest.approx(colour)
    assert squares[1] == pytest.approx(NO_VALUE)
    assert texts(figure)[9:11] == ["unselective", "no value"]
    whole = getattr(plots, name)(PREFERENCE, SELECTIVITY, X, Y, title="T")
    assert "no value" not in texts(whole)


def test_orientation_refuses_maps_that_do_not_fit() -> None:
    """A selectivity of another shape, and a scale of 0, must be refused by name."""
    with pytest.raises(ParameterError, match="must have the preference's shape"):
        plots.orientation(PREFERENCE, SELECTIVITY[:3], X, Y, title="T")
    with pytest.raises(ParameterError, match="full_saturation: must be > 0"):
        plots.orientation(PREFERENCE, SELECTIVITY, X, Y, title="T", full_saturation=0)


def test_development_has_a_panel_for_each_time() -> None:
    """The strip must show every map in order of time, under its time."""
    maps = [np.full((ROWS, COLS), angle) for angle in (0, np.pi / 3, 2 * np.pi / 3)]
    figure = plots.development(maps, None, X, Y, times=[0, 50, 1e4], title="T", columns=2)
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == ["t = 0", "t = 50", "t = 10000"]
    for index, colour in enumerate((RED, GREEN, BLUE)):
        assert image_of(figure, index)[0, 0] == pytest.approx(colour, abs=0.02)
    first, second, third = (axes.get_position() for axes in figure.axes[:3])
    assert first.y0 == pytest.approx(second.y0)
    assert third.y1 < first.y0
    with pytest.raises(ParameterError, match="one map and one selectivity per time"):
        plots.development(maps, None, X, Y, times=[0, 50], title="T")


SHEETS = {
    "Retina": (np.eye(5) * 0.2, (-1.5, -1.5, 1.5, 1.5)),
    "LGN": (np.eye(4) * 0.6, (-1.0, -1.0, 1.0, 1.0)),
    "V1": (np.zeros((2, 4)), (-0.5, -0.25, 0.5, 0.25)),
}


def test_activity_shows_all_sheets_to_scale() -> None:
    """Each sheet must be over its own bounds, all at one number of inches per sheet unit, V1's region outlined."""
    figure = plots.activity(SHEETS, title="Activity, t = 3")
    shown = figure.axes[:3]
    assert [axes.get_title(loc="left") for axes in shown] == [
        "Retina, largest 0.2",
        "LGN, largest 0.6",
        "V1, largest 0",
    ]
    assert np.array_equal(image_of(figure), np.eye(5) * 0.2)
    assert shown[2].get_xlim() == (-0.5, 0.5)
    assert shown[2].get_ylim() == (-0.25, 0.25)
    width, height = figure.get_size_inches()
    boxes = [axes.get_position() for axes in shown]
    scales = [box.width * width / extent for box, extent in zip(boxes, (3, 2, 1), strict=True)]
    assert scales == pytest.approx([scales[0]] * 3)
    assert [box.height * height for box in boxes] == pytest.approx([3 * scales[0], 2 * scales[0], 0.5 * scales[0]])
    for axes in shown[:2]:
        (outline,) = (a for a in axes.get_children() if isinstance(a, Rectangle) and not a.get_fill())
        assert outline.get_bbox().extents == pytest.approx([-0.5, -0.25, 0.5, 0.25])
    assert "dashed: region of V1; colours: square root up to 1, logarithm above" in texts(figure)
    assert [axes.get_xlabel() for axes in shown] == ["x (sheet units)"] * 3
    assert shown[0].get_ylabel() == "y (sheet units)"
    with pytest.raises(ParameterError, match="at least one sheet"):
        plots.activity({}, title="T")


def test_activity_has_one_scale_over_the_times_of_a_run() -> None:
    """The colours of weak and strong activity must mean the same, and the colour bar name both ends."""
    values = np.array([0.01, 0.25, 1.0, 10.0])
    shares = [0.08, 0.4, 0.8, 1.0]  # the square root up to 1, then the logarithm
    figures = [plots.activity({"V1": (np.eye(3) * top, BOUNDS)}, title="T") for top in (0.02, 0.95, 1.05, 9.9)]
    for figure in figures:
        norm = figure.axes[0].images[0].norm
        assert np.asarray(norm(values)) == pytest.approx(
            [0.08, 0.4, 0.8, 1.0]
        )  # the square root up to 1, then the logarithm
        assert np.asarray(norm.inverse(norm(values))) == pytest.approx(values)
        bar = figure.axes[1]
        names = [tick.get_text() for tick in bar.get_yticklabels()]
        assert names == ["0", "0.05", "0.25", "0.5", "1", "10"]
        assert bar.get_yticks() == pytest.approx(np.asarray(norm([float(name) for name in names])))
        assert bar.get_ylabel() == "activity"
        assert figure.get_size_inches().tolist() == figures[0].get_size_inches().tolist()
    larger = plots.activity({"V1": (np.eye(3) * 30, BOUNDS)}, title="T")
    assert np.asarray(larger.axes[0].images[0].norm(10 * values)) == pytest.approx(shares)
    signed = plots.activity({"V1": (-np.eye(3) / 2, BOUNDS)}, title="T")
    assert signed.axes[0].images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize(
    ("regions", "is_full"),
    [([(1, 1)], False), ([(2, 1)], False), ([(1, 2)], False), ([(1, 1)] * 2, False), ([(1, 1)] * 3, True)],
)
def test_sheets_are_as_large_as_the_page_allows(regions: list[tuple[float, float]], is_full: bool) -> None:
    """The longest side of a sheet is 2.1 inches, or less where the page is too narrow, which then is full."""
    sheets = {f"Sheet{i}": (SELECTIVITY, (-w, -h, w, h)) for i, (w, h) in enumerate(regions)}
    figure = plots.activity(sheets, title="T")
    boxes = [axes.get_window_extent() for axes in figure.axes[: len(regions)]]
    longest = max(max(box.width, box.height) for box in boxes) / figure.dpi
    page = FigureStyle().page
    if is_full:
        assert longest < 2.1
        assert figure.get_figwidth() == pytest.approx(page)
    else:
        assert longest == pytest.approx(2.1)
        assert figure.get_figwidth() < page


def test_sheets_of_different_scales_have_a_colour_bar_each() -> None:
    """One colour bar must stand for all sheets only where all have its scale."""
    assert len(plots.activity(SHEETS, title="T").axes) == 4
    loud = {**SHEETS, "V1": (np.ones((2, 4)) * 15, SHEETS["V1"][1])}
    assert len(plots.activity(loud, title="T").axes) == 6


def test_mosaic_holds_each_field_at_its_unit() -> None:
    """Tile (i, j) must be field (i, j) over its largest weight, centred on the unit, with a gap between neighbours."""
    fields = np.random.default_rng(0).random((3, 4, 5, 7))
    figure = plots.connection_fields(fields, title="T", bounds=(-0.4, -0.3, 0.4, 0.3))
    mosaic = image_of(figure)
    assert mosaic.shape == (3 * 6 - 1, 4 * 8 - 1)
    assert mosaic[6:11, 16:23] == pytest.approx(fields[1, 2] / fields[1, 2].max())
    assert np.isnan(mosaic[5]).all()
    assert np.isnan(mosaic[:, 7]).all()
    left, right, _, top = figure.axes[0].images[0].get_extent()
    column_of_unit_2 = left + (16 + 3.5) * (right - left) / mosaic.shape[1]
    assert column_of_unit_2 == pytest.approx(-0.4 + 2.5 * 0.2)
    assert top - 2.5 * (right - left) / mosaic.shape[1] * 8 / 6 == pytest.approx(0.2)


def test_mosaic_of_a_large_sheet_leaves_out_rows_and_columns_evenly() -> None:
    """Of 50 x 50 fields every third must be shown, with the positions of those units."""
    fields = np.broadcast_to(np.arange(1.0, 51)[:, None, None], (50, 50, 9, 9)).transpose(0, 1, 2, 3).copy()
    fields *= np.arange(1.0, 51)[:, None, None, None]
    figure = plots.connection_fields(fields, title="T", normalize="all", max_fields=17)
    mosaic = image_of(figure)
    assert mosaic.shape == (17 * 10 - 1, 17 * 10 - 1)
    assert mosaic[0, 0] == 1
    assert mosaic[10, 10] == fields[3, 3, 0, 0]
    left, right, *_ = figure.axes[0].images[0].get_extent()
    assert left + 4.5 * (right - left) / mosaic.shape[1] == pytest.approx(0)  # unit 0 in units
    assert left + 14.5 * (right - left) / mosaic.shape[1] == pytest.approx(3)
    *_, bottom, top = figure.axes[0].images[0].get_extent()
    assert top - 4.5 * (top - bottom) / mosaic.shape[0] == pytest.approx(0)  # downwards from unit 0
    assert top - 14.5 * (top - bottom) / mosaic.shape[0] == pytest.approx(-3)


@pytest.mark.parametrize(("units", "shown"), [(24, 24), (25, 13)])
def test_a_mosaic_has_at_most_24_fields_along_a_side(units: int, shown: int) -> None:
    """Of more units every second is shown, every third, and so on, unless other numbers are asked for."""
    mosaic = image_of(plots.connection_fields(np.ones((units, units, 3, 3)), title="T"))
    assert mosaic.shape == (shown * 4 - 1, shown * 4 - 1)


def test_mosaic_takes_lists_and_single_kernels_and_signs() -> None:
    """(N, h, w) must equal the grid, a shared kernel be one tile, and negative weights centre the colours on 0."""
    fields = np.random.default_rng(1).standard_normal((6, 3, 3))
    grid = plots.connection_fields(fields.reshape(2, 3, 3, 3), title="T")
    listed = plots.connection_fields(fields, shape=(2, 3), title="T")
    assert np.array_equal(image_of(grid), image_of(listed), equal_nan=True)
    assert listed.axes[0].images[0].get_clim() == (-1, 1)
    kernel = plots.connection_fields(np.eye(3), title="T", normalize="all")
    assert np.array_equal(image_of(kernel), np.eye(3))
    assert kernel.axes[0].images[0].get_clim() == (0, 1)
    assert plots.render(plots.connection_fields(np.zeros((2, 2, 3, 3)), title="T"))
    with pytest.raises(ParameterError, match="with shape="):
        plots.connection_fields(fields, title="T")


def test_topographic_grid_joins_neighbours() -> None:
    """There must be a line for each row and each column, through the centres of its units, explained by colour."""
    cx, cy = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4, 6))
    figure = plots.topographic_grid(cx, cy, (-1, -1, 1, 1), title="T")
    rows, columns = figure.axes[0].collections
    assert np.array(rows.get_segments()) == pytest.approx(np.stack([cx, cy], axis=-1))
    assert np.array(columns.get_segments()) == pytest.approx(np.stack([cx.T, cy.T], axis=-1))
    assert texts(figure)[-2:] == ["rows of units", "columns of units"]
    lines = [artist for artist in figure.artists if isinstance(artist, Line2D)]
    assert [to_rgba(line.get_color()) for line in lines] == [tuple(part.get_colors()[0]) for part in (rows, columns)]


def test_no_line_of_a_topographic_grid_is_cut() -> None:
    """Positions beyond the given bounds must be inside the axes, at one scale in both directions."""
    cx, cy = np.meshgrid(np.linspace(-0.9, 0.7, 5), np.linspace(0.6, -0.5, 4))
    figure = plots.topographic_grid(cx, cy, BOUNDS, title="T")
    (left, right), (bottom, top) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert left < -0.9
    assert right > 0.7
    assert bottom < -0.5
    assert top > 0.6
    box, (width, height) = figure.axes[0].get_position(), figure.get_size_inches()
    assert box.width * width / (right - left) == pytest.approx(box.height * height / (top - bottom))


def test_a_topographic_grid_keeps_its_outermost_lines_and_shows_the_source() -> None:
    """Of a large sheet lines must be left out evenly, never the outermost; the source's units explain the rest."""
    cx, cy = np.meshgrid(np.linspace(-0.45, 0.45, 60), np.linspace(0.45, -0.45, 60))
    figure = plots.topographic_grid(cx, cy, (-0.5, -0.5, 0.5, 0.5), title="T", lines=20, source_spacing=0.1)
    rows, _ = figure.axes[0].collections
    heights = [segment[0, 1] for segment in rows.get_segments()]
    assert len(heights) == 20
    assert (heights[0], heights[-1]) == (0.45, -0.45)
    assert np.diff(heights) == pytest.approx(-0.9 / 19, abs=0.9 / 59)
    (dots,) = figure.axes[0].lines
    assert sorted(set(np.round(dots.get_xdata(), 9))) == pytest.approx(np.arange(10) / 10 - 0.45)
    assert sorted(set(np.round(dots.get_ydata(), 9))) == pytest.approx(np.arange(10) / 10 - 0.45)
    assert texts(figure) == ["20 of 60 rows", "20 of 60 columns", "dots: units of the source"]


def test_the_units_of_an_oblong_source_are_dots_within_its_bounds() -> None:
    """A source of 8 x 4 units, off the origin: dots at their centres."""
    cx, cy = np.meshgrid(np.linspace(0.0, 0.8, 8), np.linspace(0.4, 0.0, 4))
    figure = plots.topographic_grid(cx, cy, (0.0, 0.0, 0.8, 0.4), title="T", source_spacing=0.1)
    (dots,) = figure.axes[0].lines
    assert sorted(set(np.round(dots.get_xdata(), 9))) == pytest.approx(np.arange(8) / 10 + 0.05)
    assert sorted(set(np.round(dots.get_ydata(), 9))) == pytest.approx(np.arange(4) / 10 + 0.05)


def test_a_colour_bar_ends_at_the_tested_values_and_names_its_quantity() -> None:
    """The bar must end where the measurement ended, with both ends and the quantity written."""
    figure = plots.feature_map(
        PREFERENCE + 1, X, Y, title="T", label="preferred frequency", units="cycles", limits=(0.6, 6.8)
    )
    bar = figure.axes[1]
    names = [tick.get_text() for tick in bar.get_yticklabels()]
    assert (names[0], names[-1]) == ("0.6", "6.8")
    assert bar.get_yticks()[[0, -1]].tolist() == [0, 1]
    assert bar.get_ylabel() == "preferred frequency (cycles)"
    value = float(names[2])
    assert bar.get_yticks()[2] == pytest.approx((value - 0.6) / 6.2)


def test_a_colour_bar_has_the_colour_of_each_value_at_its_place() -> None:
    """At the height of a tick the bar has the colour that the map gives to that value; its colours end with it."""
    figure = plots.feature_map(PREFERENCE, X, Y, title="T", label="preference", limits=(0.5, 2.5))
    shown, bar = figure.axes[0].images[0], figure.axes[1]
    gradient = bar.images[0].get_array()[::-1, 0]  # from below
    ends = [*map(tuple, shown.cmap(np.asarray(shown.norm([0.5, 2.5])), bytes=True))]
    assert [tuple(gradient[0]), tuple(gradient[-1])] == ends
    for value in (0.5, 0.9, 1.3, 2.0, 2.5):
        height = (value - 0.5) / 2
        expected = shown.cmap(shown.norm(value), bytes=True)
        np.testing.assert_allclose(gradient[round(height * (len(gradient) - 1))], expected, atol=4)


@pytest.mark.parametrize(
    ("ticks", "names"),
    [
        ([6.67e-18, 0.01, 0.0286], ["0.0000", "0.0100", "0.0286"]),
        ([-0.5, 0.0, 0.5], ["\N{MINUS SIGN}0.5", "0.0", "0.5"]),
        ([1e-7, 2e-7], ["1e\N{MINUS SIGN}07", "2e\N{MINUS SIGN}07"]),
        ([0.0], ["0"]),
        ([], []),
    ],
)
def test_numbers_of_ticks_are_alike(ticks: list[float], names: list[str]) -> None:
    """All have the same number of decimals, and a rounding error beside them is 0."""
    assert numbers(ticks, digits=3) == names


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.5, 1]), (0, 0.07, [0, 0.025, 0.05]), (1, 0, [0, 0.5, 1]), (-9, 9, [-5, 0, 5])],
)
def test_round_numbers_lie_between_two_values(low: float, high: float, ticks: list[float]) -> None:
    """They are multiples of 1, 2, 2.5 or 5 times a power of ten, about four of them at most."""
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_fields_with_a_central_peak_show_their_surround() -> None:
    """Where few weights are large, colours must follow the square root, and say so; of even fields they must not."""
    at = np.linspace(-3, 3, 15)
    peak = np.exp(-4 * np.add.outer(at**2, at**2)) + 0.05 * np.exp(-np.add.outer(at**2, at**2) / 4)
    figure = plots.connection_fields(np.broadcast_to(peak, (3, 3, 15, 15)), title="T")
    assert figure.axes[0].images[0].norm(0.04) == pytest.approx(0.2)
    assert figure.axes[1].get_ylabel() == "weight / largest of the field (colours: square root)"
    even = plots.connection_fields(np.ones((3, 3, 15, 15)), title="T")
    assert even.axes[0].images[0].norm(0.04) == pytest.approx(0.04)
    assert even.axes[1].get_ylabel() == "weight / largest of the field"


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("power", "width"), [(0.5, 0.2), (1.0, 3.0)])
def test_the_colours_of_weights_do_not_depend_on_their_size(factor: float, power: float, width: float) -> None:
    """Fields in which few weights are large have colours along the square root, whatever the largest weight is."""
    at = np.linspace(-1, 1, 15)
    field = factor * np.exp(-np.add.outer(at**2, at**2) / width**2)
    scale = weight_scale(np.broadcast_to(field, (2, 3, 15, 15)), None)
    assert (scale.low, scale.high, scale.power) == (0.0, pytest.approx(factor), power)


@pytest.mark.parametrize(("weight", "share", "power"), [(0.26, 0.26, 1.0), (0.26, 0.24, 0.5), (0.24, 0.26, 0.5)])
def test_weights_are_large_above_a_quarter_of_the_largest(weight: float, share: float, power: float) -> None:
    """Colours follow the square root where less than a quarter of the connections are larger than that."""
    field = np.full(100, 0.1)
    field[: round(100 * share)] = weight
    field[0] = 1.0
    assert weight_scale(field.reshape(1, 1, 10, 10), None).power == power
