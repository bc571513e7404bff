"""Pictures of curves: data, fits, ticks and legends."""

import numpy as np
import pytest

from tests.analysis.drawn import COLS, GREEN, ROWS, X, Y
from topo_exp.analysis import plots
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.random_fields import ring_field
from topo_exp.analysis.spectrum import map_spectrum, ring_shape
from topo_exp.errors import ParameterError


def test_tuning_curves_close_the_cycle_and_average_units() -> None:
    """Curves must be the responses over one whole cycle; several units must give their mean and its error, said so."""
    units = np.array([[1.0, 4.0, 2.0], [3.0, 8.0, 4.0]])
    figure = plots.tuning_curves(
        [0, 60, 120], {"one": units[0], "all": units}, title="T", xlabel="orientation (degrees)", period=180, legend="L"
    )
    axes = figure.axes[0]
    assert axes.lines[0].get_xdata().tolist() == [0, 60, 120, 180]
    assert axes.lines[0].get_ydata().tolist() == [1, 4, 2, 1]
    assert axes.lines[1].get_ydata().tolist() == [2, 6, 3, 2]
    (band,) = axes.patches
    assert band.get_xy()[:, 1].max() == pytest.approx(6 + 2)  # sd of (4, 8) over sqrt(2)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "all: mean ± s.e.m., n = 2"]
    assert axes.get_legend().get_title().get_text() == "L"
    assert axes.get_xlabel() == "orientation (degrees)"
    with pytest.raises(ParameterError, match="must have 2 values"):
        plots.tuning_curves([0, 1], {"a": [1, 2, 3]}, title="T", xlabel="x")


def test_curves_of_the_same_number_of_units_are_explained_once() -> None:
    """The heading must say what the bands are and n, in place of one such text for each curve."""
    units = np.random.default_rng(0).uniform(size=(5, 3))
    axes = plots.tuning_curves(
        [0, 1, 2], {"10 %": units, "20 %": 2 * units}, title="T", xlabel="x", legend="contrast"
    ).axes[0]
    assert axes.get_legend().get_title().get_text() == "contrast\nmean ± s.e.m., n = 5"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["10 %", "20 %"]
    assert len(axes.patches) == 2


def test_a_legend_hides_no_band() -> None:
    """A legend must be put where there is neither curve nor band, if there is such a place."""
    height = np.array([0.0, 0.0, 0.0, 4.0, 6.0, 8.0, 8.0])
    units = np.stack([np.zeros(7), height])  # mean and error are both half the height
    figure = plots.tuning_curves(np.arange(7), {"units": units}, title="T", xlabel="x")
    plots.render(figure)
    (band,) = figure.axes[0].patches
    legend = figure.axes[0].get_legend().get_window_extent()
    assert not band.get_path().transformed(band.get_transform()).intersects_bbox(legend)


@pytest.mark.parametrize(("first", "ticks"), [(0, [0, 45, 90, 135, 180]), (-90, [-90, -45, 0, 45, 90])])
@pytest.mark.parametrize("count", [11, 12])
def test_a_cycle_of_orientations_has_ticks_at_45s_and_no_gap(first: float, ticks: list[int], count: int) -> None:
    """The axis must be one cycle, and the curve reach both of its ends, whatever the number of orientations."""
    values = np.arange(count) * 180 / count + first * (count // 2 * 2 / count)
    axes = plots.tuning_curves(values, {"a": np.cos(np.deg2rad(2 * values))}, title="T", xlabel="x", period=180).axes[0]
    assert axes.get_xticks().tolist() == ticks
    assert axes.get_xlim() == (ticks[0], ticks[-1])
    x, y = axes.lines[0].get_xdata(), axes.lines[0].get_ydata()
    assert x[0] <= ticks[0]
    assert x[-1] >= ticks[-1]
    assert y == pytest.approx(np.cos(np.deg2rad(2 * x)))


def test_units_that_do_not_respond_are_left_out_of_a_mean() -> None:
    """A unit with NaN must count neither in the mean nor in n."""
    units = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]])
    axes = plots.tuning_curves([1, 2], {"units": units}, title="T", xlabel="x").axes[0]
    assert axes.lines[0].get_ydata().tolist() == [2, 3]
    assert axes.get_legend().get_texts()[0].get_text() == "units: mean ± s.e.m., n = 2"


@pytest.mark.parametrize(("c50", "label"), [(20.0, "c50 = 20 %"), (150.0, "c50 = 150 %, extrapolated")])
def test_the_naka_rushton_fit_is_drawn_and_its_c50_marked_or_called_extrapolated(c50: float, label: str) -> None:
    """The curve of the coefficients must be drawn, with a line at c50 only where that was measured."""
    contrasts = np.array([0, 10, 20, 50, 100.0])
    figure = plots.tuning_curves(
        contrasts, {"": contrasts}, title="T", xlabel="contrast (%)", unit="%", naka_rushton=(2.0, c50, 3.0)
    )
    axes = figure.axes[0]
    fit = next(line for line in axes.lines if line.get_label().startswith("Naka-Rushton"))
    c = np.asarray(fit.get_xdata())
    assert fit.get_ydata() == pytest.approx(2 * c**3 / (c**3 + c50**3))
    assert (c.min(), c.max()) == (0, 100)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["Naka-Rushton fit, exponent 3", label]
    assert axes.get_xlim()[1] < 110
    vertical = [line for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2]
    assert [line.get_xdata()[0] for line in vertical] == ([c50] if c50 < 100 else [])


@pytest.mark.parametrize(("limits", "expected"), [((0.2, 0.6), (0.2, 0.6)), (None, (0.0, 1.0))])
def test_a_histogram_without_values_says_so_over_the_range_of_the_others(
    limits: tuple[float, float] | None, expected: tuple[float, float]
) -> None:
    """The axes are those of the same histogram at other times."""
    axes = plots.histogram([np.nan, np.nan], title="T", xlabel="s", limits=limits).axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == (expected, (0.0, 1.0))
    assert [text.get_text() for text in axes.texts] == ["no unit has a value"]


def test_histogram_shows_fractions() -> None:
    """Bars must be the fraction of units in each range; missing values must not count."""
    axes = plots.histogram([0.1, 0.2, 0.9, np.nan], title="T", xlabel="s", bins=2, limits=(0, 1)).axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([2 / 3, 1 / 3])
    assert [bar.get_x() for bar in axes.patches] == pytest.approx([0, 0.5])


def test_cyclic_histogram_has_the_colours_of_the_map() -> None:
    """Bars of orientations must be centred on them, in degrees, coloured as in the map, the dashed line explained."""
    axes = plots.histogram([0.0, 3.13, np.pi / 3], title="T", xlabel="degrees", bins=6, cyclic_range=np.pi).axes[0]
    bars = axes.patches
    assert [bar.get_height() for bar in bars] == pytest.approx([2 / 3, 0, 1 / 3, 0, 0, 0])
    assert bars[2].get_x() + bars[2].get_width() / 2 == pytest.approx(60)
    assert bars[2].get_facecolor()[:3] == pytest.approx(GREEN, abs=0.02)
    assert axes.get_xticks().tolist() == [0, 45, 90, 135, 180]
    assert axes.lines[0].get_ydata() == pytest.approx([1 / 6, 1 / 6])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["uniform distribution"]


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
    found = map_spectrum(np.zeros((ROWS, COLS)), X, Y)
    figure = plots.spectrum(found, title="T")
    assert len(figure.axes[1].lines) == 1
    assert figure.axes[0].get_xlim() == (-found.k[-1], found.k[-1])
    assert plots.render(figure)


def test_metric_curve_shows_values_over_time() -> None:
    """Every curve must be drawn as given, with a line at the value to compare with, named in the legend."""
    curves = {"a": [1, np.nan, 2], "b": [0, 1, 0]}
    axes = plots.metric_curve([0, 5, 9], curves, title="T", ylabel="n", target=3.1, target_label="π").axes[0]
    assert axes.lines[0].get_xdata().tolist() == [0, 5, 9]
    assert axes.lines[1].get_ydata().tolist() == [0, 1, 0]
    assert list(axes.lines[2].get_ydata()) == [3.1, 3.1]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b", "π"]
    with pytest.raises(ParameterError, match="must have 2 values"):
        plots.metric_curve([0, 1], [1, 2, 3], title="T", ylabel="n")


@pytest.mark.parametrize(
    ("times", "ticks"),
    [
        ([0, 500, 1000], [0, 200, 400, 600, 800, 1000]),
        ([0, 50, 10000], [0, 2000, 4000, 6000, 8000, 10000]),
        ([0, 700, 1700], [0, 500, 1000, 1500]),
    ],
)
def test_times_and_indices_have_round_ticks(times: list[float], ticks: list[float]) -> None:
    """Ticks must be round times within the run, and halves of an index from -1 to 1."""
    axes = plots.metric_curve(times, [0, 0.5, 1], title="T", ylabel="n", limits=(-1.0, 1.05)).axes[0]
    assert axes.get_xticks().tolist() == ticks
    assert axes.get_yticks().tolist() == [-1, -0.5, 0, 0.5, 1]


@pytest.mark.parametrize(("wavelength", "shown"), [(32, 8.0), (16, 12.0), (4, 24.0)])
def test_a_spectrum_is_shown_to_four_times_its_peak(wavelength: int, shown: float) -> None:
    """That is at least to 8 cycles, so that the ring is large enough to be seen, and at most to the finest wave."""
    grid = np.arange(48)
    z = np.exp(2j * np.pi * grid[None, :] / wavelength) * np.ones((48, 1))
    found = map_spectrum(np.angle(z) / 2 % np.pi, grid / 48, -grid / 48)
    plane = plots.spectrum(found, title="T").axes[0]
    assert plane.get_xlim() == plane.get_ylim() == pytest.approx((-shown, shown), rel=0.05)
    with FigureStyle(form="cell").use():
        (cell,) = plots.spectrum(found, title="T").axes
    assert cell.get_xlim() == plane.get_xlim()
