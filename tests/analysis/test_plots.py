"""Pictures: what is drawn are the data given, where they lie on the sheet, with the words a reader needs."""

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
from matplotlib.figure import Figure

from topo_exp.analysis import plots
from topo_exp.analysis.grids import polar_map
from topo_exp.analysis.pinwheels import find_pinwheels
from topo_exp.analysis.random_fields import ring_field
from topo_exp.analysis.spectrum import map_spectrum, ring_shape
from topo_exp.errors import ParameterError

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
    """The key must hold eight bars, turned and coloured as the orientations that they stand for."""
    key = plots.orientation(PREFERENCE, None, X, Y, title="T").axes[-1]
    bars = key.collections[-1]
    vectors = np.array([segment[1] - segment[0] for segment in bars.get_segments()])
    assert np.rad2deg(np.arctan2(vectors[:, 1], vectors[:, 0])) == pytest.approx(np.arange(8) * 22.5)
    assert bars.get_colors()[0][:3] == pytest.approx(RED)
    assert bars.get_colors()[4][:3] == pytest.approx([0, 1, 1])
    assert [text.get_text() for text in key.texts] == ["0°", "45°", "90°", "135°"]


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
    """Both zero contours must be drawn; without zeros there must be none, and no warning."""
    figure = plots.orientation_contours(PREFERENCE, SELECTIVITY, X, Y, title="T", hypercolumn_distance=0.25)
    assert len(figure.axes[0].collections) == 2
    square = figure.axes[0].patches[0]
    assert (square.get_width(), square.get_height()) == (0.25, 0.25)
    uniform = plots.orientation_contours(np.full((ROWS, COLS), 0.3), None, X, Y, title="T")
    assert len(uniform.axes[0].collections) == 0


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


def test_activity_shows_all_sheets_each_with_its_scale() -> None:
    """Each sheet must have its image over its own bounds, its name and a scale from 0; a silent one too."""
    sheets = {"Retina": (np.eye(5) * 3, (-1, -1, 1, 1)), "V1": (np.zeros((2, 4)), (-0.5, -0.25, 0.5, 0.25))}
    figure = plots.activity(sheets, title="Activity, t = 3")
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in shown] == ["Retina", "V1"]
    assert np.array_equal(image_of(figure), np.eye(5) * 3)
    assert [axes.images[0].get_clim() for axes in shown] == [(0, 3), (0, 1)]
    assert shown[1].get_xlim() == (-0.5, 0.5)
    assert shown[1].get_ylim() == (-0.25, 0.25)
    with pytest.raises(ParameterError, match="at least one sheet"):
        plots.activity({}, title="T")


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


def test_mosaic_cells_are_whole_pixels() -> None:
    """Every cell of a mosaic must be drawn by the same whole number of pixels, from a whole pixel on."""
    figure = plots.connection_fields(np.ones((10, 10, 21, 21)), title="T")
    box = figure.axes[0].get_window_extent()
    assert box.width / image_of(figure).shape[1] == pytest.approx(3)
    assert box.x0 == pytest.approx(round(box.x0))
    assert box.y0 == pytest.approx(round(box.y0))


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
    """There must be a line for each row and each column, through the centres of its units."""
    cx, cy = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4, 6))
    axes = plots.topographic_grid(cx, cy, (-1, -1, 1, 1), title="T").axes[0]
    rows, columns = axes.collections
    assert np.array(rows.get_segments()) == pytest.approx(np.stack([cx, cy], axis=-1))
    assert np.array(columns.get_segments()) == pytest.approx(np.stack([cx.T, cy.T], axis=-1))
    assert axes.get_xlim() == (-1, 1)


def test_tuning_curves_close_the_cycle_and_average_units() -> None:
    """Curves must be the responses, closed at the period; several units must give their mean and its error."""
    units = np.array([[1.0, 4.0, 2.0], [3.0, 8.0, 4.0]])
    figure = plots.tuning_curves(
        [0, 60, 120], {"one": units[0], "mean": units}, title="T", xlabel="orientation (degrees)", period=180
    )
    axes = figure.axes[0]
    assert axes.lines[0].get_xdata().tolist() == [0, 60, 120, 180]
    assert axes.lines[0].get_ydata().tolist() == [1, 4, 2, 1]
    assert axes.lines[1].get_ydata().tolist() == [2, 6, 3, 2]
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(6 + 2)  # sd of (4, 8) over sqrt(2)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "mean"]
    assert axes.get_xlabel() == "orientation (degrees)"
    with pytest.raises(ParameterError, match="must have 2 values"):
        plots.tuning_curves([0, 1], {"a": [1, 2, 3]}, title="T", xlabel="x")


def test_histogram_shows_fractions() -> None:
    """Bars must be the fraction of units in each range; missing values must not count."""
    axes = plots.histogram([0.1, 0.2, 0.9, np.nan], title="T", xlabel="s", bins=2, limits=(0, 1)).axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([2 / 3, 1 / 3])
    assert [bar.get_x() for bar in axes.patches] == pytest.approx([0, 0.5])


def test_cyclic_histogram_has_the_colours_of_the_map() -> None:
    """Bars of orientations must be centred on them, in degrees, and coloured as in the map."""
    axes = plots.histogram([0.0, 3.13, np.pi / 3], title="T", xlabel="degrees", bins=6, cyclic_range=np.pi).axes[0]
    bars = axes.patches
    assert [bar.get_height() for bar in bars] == pytest.approx([2 / 3, 0, 1 / 3, 0, 0, 0])
    assert bars[2].get_x() + bars[2].get_width() / 2 == pytest.approx(60)
    assert bars[2].get_facecolor()[:3] == pytest.approx(GREEN, abs=0.02)


def test_spectrum_shows_plane_curve_and_fit() -> None:
    """The plane must be the amplitudes, the points the radial means, the curve the fit, and the peak be named."""
    z = ring_field((80, 80), wavelength=8, seed=1)[:40, :40]
    x = np.arange(40) / 40
    found = map_spectrum(np.angle(z) / 2 % np.pi, x, -x)
    figure = plots.spectrum(found, title="T")
    plane, radial = figure.axes
    assert np.array_equal(plane.images[0].get_array(), found.plane)
    assert tuple(plane.images[0].get_extent()) == found.extent
    points, fit = radial.lines[:2]
    assert np.array_equal(points.get_ydata(), found.amplitude)
    assert fit.get_ydata() == pytest.approx(ring_shape(fit.get_xdata(), *found.coefficients))
    assert f"k = {found.peak:.2f}" in radial.get_legend().texts[-1].get_text()
    plots.render(figure)
    lowest = radial.transData.inverted().transform(radial.get_legend().get_window_extent().p0)[1]
    assert lowest > found.amplitude.max(), "the legend must not hide the curve"


def test_no_response_is_not_magnified() -> None:
    """Units that never answer must be drawn as a line at 0, on an axis as of a response."""
    axes = plots.tuning_curves([1, 2, 3], {"": np.zeros((4, 3))}, title="T", xlabel="s").axes[0]
    assert axes.get_ylim() == (-0.05, 1.0)


def test_spectrum_of_a_uniform_map_is_drawn() -> None:
    """A map without structure must give a picture without fit, not a failure."""
    figure = plots.spectrum(map_spectrum(np.zeros((ROWS, COLS)), X, Y), title="T")
    assert len(figure.axes[1].lines) == 1
    assert plots.render(figure)


def test_metric_curve_shows_values_over_time() -> None:
    """Every curve must be drawn as given, with a line at the value to compare with."""
    axes = plots.metric_curve([0, 5, 9], {"a": [1, np.nan, 2], "b": [0, 1, 0]}, title="T", ylabel="n", target=3.1).axes[
        0
    ]
    assert axes.lines[0].get_xdata().tolist() == [0, 5, 9]
    assert axes.lines[1].get_ydata().tolist() == [0, 1, 0]
    assert list(axes.lines[2].get_ydata()) == [3.1, 3.1]
    with pytest.raises(ParameterError, match="must have 2 values"):
        plots.metric_curve([0, 1], [1, 2, 3], title="T", ylabel="n")


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
    """Saving a picture by its own method, under any settings, must give what `render` gives."""
    figure = ALL["histogram"]()
    buffer = io.BytesIO()
    with mpl.rc_context({"text.hinting": "force_autohint", "savefig.facecolor": "red"}):
        figure.savefig(buffer, format="png", metadata={"Software": None})
    assert buffer.getvalue() == plots.render(figure)


def test_the_style_can_be_used_for_own_figures() -> None:
    """The shipped style file must be one that matplotlib accepts whole."""
    assert mpl.rc_params_from_file(plots.STYLE, use_default_template=False)["figure.dpi"] == 150
