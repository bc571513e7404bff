"""Units without a value - silent, NaN, masked - take no part in any number of a map, and none is made of nothing."""

import numpy as np
import pytest
import xarray as xr

import topo_exp
from tests.analysis.fake_simulation import gabor_simulation
from topo_exp.analysis.feature_maps import preferences
from topo_exp.analysis.grids import polar_map
from topo_exp.analysis.maps import orientation_map, position_map
from topo_exp.analysis.metrics import orientation_histogram
from topo_exp.analysis.over_time import development
from topo_exp.analysis.pinwheels import find_pinwheels, winding_numbers
from topo_exp.analysis.quality import map_quality, orientation_quality, quality
from topo_exp.analysis.random_fields import ring_field
from topo_exp.analysis.tuning import (
    contrast_response,
    full_field_response,
    orientation_tuning,
    size_tuning,
    spatial_frequency_tuning,
)
from topo_exp.errors import ParameterError

N = 24
X = (np.arange(N) + 0.5) / N - 0.5
Y = X[::-1]
XX, YY = np.meshgrid(X, Y)
STRIPES = (np.pi * 3 * XX) % np.pi
"""Orientation turns three times from left to right: hypercolumns of 1/3, and no pinwheel."""
HOLE = np.hypot(XX - 0.05, YY) < 0.2
AROUND = np.hypot(XX, YY) > 0.4
NOTHING = np.ones_like(HOLE)
MASKS = {"hole": HOLE, "round sheet": AROUND, "one unit": np.hypot(XX - X[7], YY - Y[3]) < 1e-9}
FILLS = {"silent": (0.0, 0.0), "preference NaN": (np.nan, 1.0), "selectivity NaN": (0.0, np.nan)}


def masked(mask, fill=(np.nan, np.nan), preference=STRIPES):
    """Return the quality of a map with units of a mask replaced."""
    return quality(np.where(mask, fill[0], preference), np.where(mask, fill[1], 1.0), X, Y)


@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_stripes_around_units_without_a_value_are_stripes(mask, fill):
    """Plane stripes have no pinwheel, their period, and the bias of the units that are left."""
    found = masked(mask, fill)
    assert found["pinwheels"] == found["pinwheels_by_winding"] == found["pinwheel_density"] == 0
    assert found["hypercolumn_distance"] == pytest.approx(1 / 3, rel=0.05)
    left = np.exp(2j * STRIPES[~mask])
    assert found["orientation_bias"] == pytest.approx(abs(left.mean()))
    assert found["cardinal_bias"] == pytest.approx((left**2).real.mean())
    assert found["responding_fraction"] == pytest.approx(1 - mask.mean())


@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_a_map_of_nothing_has_no_numbers(fill):
    """Where no unit has a value every number is NaN, but for the fraction of units that have one."""
    found = masked(NOTHING, fill)
    assert found.pop("responding_fraction") == 0
    assert (found.pop("pinwheel_density_2013"), found.pop("pinwheel_quality_2013")) == (0, 0)
    selectivity = found.pop("map_selectivity_mean")
    assert np.isnan(selectivity) or selectivity == fill[1]
    assert np.isnan(list(found.values())).all()


def test_pinwheels_are_counted_in_cells_whose_corners_have_a_value():
    """Of a random map with a hole, those pinwheels count whose cell has four corners, per area of such cells."""
    z = ring_field((N, N), wavelength=6, seed=5)
    whole = find_pinwheels(z, X, Y)
    row, col = np.floor((Y[0] - whole.y) * N).astype(int), np.floor((whole.x - X[0]) * N).astype(int)
    cells = ~(HOLE[:-1, :-1] | HOLE[:-1, 1:] | HOLE[1:, :-1] | HOLE[1:, 1:])
    found = find_pinwheels(np.where(HOLE, np.nan, z), X, Y)
    assert 0 < len(found) < len(whole)
    np.testing.assert_allclose(np.sort(found.x), np.sort(whole.x[cells[row, col]]))
    np.testing.assert_array_equal(winding_numbers(np.where(HOLE, np.nan, z)), np.where(cells, winding_numbers(z), 0))
    numbers = quality(np.angle(z) / 2 % np.pi, np.where(HOLE, np.nan, np.abs(z)), X, Y)
    area = cells.sum() / N**2
    assert numbers["pinwheel_density"] == pytest.approx(
        numbers["pinwheels"] * numbers["hypercolumn_distance"] ** 2 / area
    )


def test_the_edge_of_a_silent_region_is_no_contour():
    """A region of zeros beside stripes makes no pinwheel; a single zero among turning units is one."""
    z = np.where(HOLE, 0, polar_map(STRIPES))
    assert len(find_pinwheels(z, X, Y)) == 0
    assert not winding_numbers(z).any()
    at_unit = (XX - X[7]) + 1j * (YY - Y[3])
    found = find_pinwheels(at_unit, X, Y)
    assert (found.x.tolist(), found.y.tolist()) == ([pytest.approx(X[7])], [pytest.approx(Y[3])])


def responses(*units):
    """Return responses of some units to four orientations, as `collect` does."""
    angles = np.arange(4) * np.pi / 4
    coordinates = {"orientation": ("orientation", angles, {"period": np.pi}), "y": [0.0], "x": np.arange(len(units))}
    return xr.DataArray(np.array(units, float).T[:, None], dims=("orientation", "y", "x"), coords=coordinates)


UNITS = responses([0, 0, 2, 0], [0, 0, 0, 0], [-1, -2, -3, -1], [1, np.nan, 0, 0])
"""One that prefers 90 degrees, one that is silent, one that is only inhibited, and one that is broken."""


@pytest.mark.parametrize("method", ["vector_average", "maximum", "von_mises"])
def test_a_unit_without_a_response_above_0_has_no_preference(method):
    """Preference and selectivity are NaN for silent, inhibited and broken units; `units=all` counts silence as 0."""
    found = preferences(UNITS, method=method)
    for name in ("orientation_preference", "orientation_selectivity"):
        assert np.isfinite(found[name].values[0]).tolist() == [True, False, False, False]
    assert found.orientation_preference[0, 0] == pytest.approx(np.pi / 2)
    counted = preferences(UNITS, method=method, units="all")
    for name in ("orientation_preference", "orientation_selectivity"):
        np.testing.assert_array_equal(counted[name].values[0, 1:], [0, 0, np.nan])
    with pytest.raises(ParameterError, match="'responding' or 'all'"):
        preferences(UNITS, units="some")


def half_silent(**options):
    """Return units of twelve orientations, the first half of which is silent."""
    prefer = np.linspace(0, np.pi, 12, endpoint=False).reshape(2, 6)
    simulation = gabor_simulation(prefer, **options)
    simulation.fields[0] = 0
    return simulation


def other_half(**options):
    """Return only those units of `half_silent` that respond."""
    return gabor_simulation(np.linspace(0, np.pi, 12, endpoint=False).reshape(2, 6)[1:], **options)


def test_measured_numbers_leave_silent_units_out():
    """Mean selectivity is that of the units that respond, `units=all` counts the others with 0."""
    found, without = orientation_map(half_silent()), orientation_map(other_half())
    assert found.metrics["V1/orientation_responding_fraction"] == 0.5
    assert np.isnan(found.maps.orientation_preference[0]).all()
    mean = without.metrics["V1/orientation_selectivity_mean"]
    assert found.metrics["V1/orientation_selectivity_mean"] == pytest.approx(mean)
    counted = orientation_map(half_silent(), units="all")
    assert counted.metrics["V1/orientation_selectivity_mean"] == pytest.approx(mean / 2)
    assert counted.metrics["V1/orientation_responding_fraction"] == 0.5
    assert (counted.maps.orientation_preference[0] == 0).all()
    assert counted.maps.attrs["units_counted"] == "all"


@pytest.mark.parametrize(
    "measure",
    [
        lambda sim: orientation_tuning(sim, contrasts=(50, 100), orientations=8, phases=8),
        lambda sim: contrast_response(sim, contrasts=(0, 20, 50, 100), phases=8),
        lambda sim: spatial_frequency_tuning(sim, frequencies=(0.6, 1.2, 2.4, 4.8), phases=8),
    ],
    ids=["orientation", "contrast", "spatial frequency"],
)
def test_tuning_leaves_silent_units_out(measure):
    """Every number and every mean curve of tuning is that of the units that respond."""
    found, without = measure(half_silent()), measure(other_half())
    assert found.metrics == pytest.approx(without.metrics, nan_ok=True)
    assert np.isfinite(list(found.metrics.values())).any()
    for name, picture in without.figures.items():
        for shown, expected in zip(found.figures[name].args[1:], picture.args[1:], strict=True):
            assert_same(shown, expected)
    nothing = measure(gabor_simulation(np.zeros((2, 2)), threshold=1e9))
    assert np.isnan(list(nothing.metrics.values())).all()


def assert_same(shown, expected):
    """Compare arrays, or arrays by name."""
    if isinstance(expected, dict):
        assert shown.keys() == expected.keys()
        for key, values in expected.items():
            np.testing.assert_allclose(shown[key], values, atol=1e-12)
    else:
        np.testing.assert_allclose(shown, expected, atol=1e-12)


def test_size_is_not_measured_at_units_without_an_orientation():
    """Units that prefer no orientation have no size tuning; the others have the one that they have without them."""
    whole = gabor_simulation(np.linspace(0, np.pi, 12, endpoint=False).reshape(2, 6))
    half = half_silent()
    found, expected = (size_tuning(sim, sizes=(0.1, 0.3, 0.6), units=6, phases=8) for sim in (half, whole))
    assert half.presented < whole.presented
    for name in ("size_tuning", "preferred_size", "suppression_index"):
        assert np.isnan(found.maps[name].values[..., 0, :]).all()
        np.testing.assert_allclose(found.maps[name].values[..., 1, :], expected.maps[name].values[..., 1, :])
    mean = float(expected.maps.preferred_size[1].mean())
    assert found.metrics["V1/preferred_size"] == pytest.approx(mean)
    assert len(found.figures["V1/size_tuning"].args[2]["units"]) == 6
    nothing = size_tuning(gabor_simulation(np.zeros((2, 2)), threshold=1e9), phases=2)
    assert np.isnan(list(nothing.metrics.values())).all()


def test_no_response_to_a_uniform_field_is_a_response():
    """The mean response to a uniform field counts units that do not respond with 0."""
    sim = gabor_simulation(np.zeros((1, 2)))
    sim.fields[:] = 0
    sim.fields[0, 0, 0, 0] = 1.0
    assert full_field_response(sim).metrics["V1/full_field_response"] == pytest.approx(0.5)


def test_a_silent_position_is_none():
    """Positions of silent units are NaN, not the middle of the sheet."""
    sim = gabor_simulation(np.zeros((2, 2)), threshold=1e9)
    found = position_map(sim)
    assert np.isnan(found.maps.position_x_preference).all()
    assert np.isnan(found.metrics["V1/position_x_selectivity_mean"])
    assert found.metrics["V1/position_x_responding_fraction"] == 0


def test_silent_v1_of_gcal_has_no_map():
    """A V1 below its threshold has no number of an orientation map; one above it in part has those of that part."""
    sim = topo_exp.build("gcal", cortex_density=16, homeostasis=False, t_init=2.0)
    found = map_quality(sim, phases=6)
    numbers = dict(found.metrics)
    assert numbers.pop("V1/responding_fraction") == 0
    assert (numbers.pop("V1/pinwheel_density_2013"), numbers.pop("V1/pinwheel_quality_2013")) == (0, 0)
    assert np.isnan(list(numbers.values())).all()
    partly = topo_exp.build("gcal", cortex_density=16, homeostasis=False, t_init=0.22)
    measured = map_quality(partly, phases=6)
    respond = measured.maps.response_maximum.values > 0
    assert measured.metrics["V1/responding_fraction"] == respond.mean()
    assert 0 < respond.mean() < 1
    left = np.exp(2j * measured.maps.orientation_preference.values[respond])
    assert measured.metrics["V1/orientation_bias"] == pytest.approx(abs(left.mean()))


def over_time(silent, **attributes):
    """Return the maps of two times, the first with a silent half of other orientation."""
    preference = np.zeros((2, 2, 2))
    preference[0, 0] = np.pi / 2
    maximum = np.ones((2, 2, 2))
    maximum[silent] = 0
    return xr.Dataset(
        {
            "orientation_preference": (("time", "y", "x"), preference, {"period": np.pi}),
            "response_maximum": (("time", "y", "x"), maximum),
        },
        coords={"time": [0.0, 10.0], "y": [1.0, 0.0], "x": [0.0, 1.0]},
        attrs={"sheet": "V1", **attributes},
    )


@pytest.mark.parametrize(
    ("silent", "units", "similarity"),
    [
        (np.s_[:], None, np.nan),
        (np.s_[:], "all", 1.0),  # stability 1.00 of a silent sheet, as Stevens et al. (2013) have it
        (np.s_[0, 0], None, 1.0),
        (np.s_[0, 0], "all", 1.0),  # their preference counts as 0, which is that of the final map
        (np.s_[1, 1], None, -1.0),
        (np.s_[1, 1], "all", 0.0),
    ],
)
def test_similarity_is_of_units_that_count_at_both_times(silent, units, similarity):
    """Silent units are left out of the similarity of maps, or count with preference 0."""
    found = development({"orientation_map": over_time(silent)}, units=units)[0.0]
    assert found.metrics["V1/similarity_to_final"] == pytest.approx(similarity, nan_ok=True)
    followed = development({"orientation_map": over_time(silent, units_counted=units or "responding")})[0.0]
    assert followed.metrics["V1/similarity_to_final"] == pytest.approx(similarity, nan_ok=True)


def test_quality_counts_all_units_where_it_is_asked_to():
    """With `units=all` a silent unit prefers 0, in a map measured now or recorded before; `_2013` numbers always so."""
    filled = np.where(HOLE, 0.0, STRIPES)
    expected = quality(filled, np.ones((N, N)), X, Y)
    silent = quality(filled, np.where(HOLE, 0.0, 1.0), X, Y, units="all")
    for name in ("pinwheels", "pinwheels_by_winding", "orientation_bias", "hypercolumn_distance", "pinwheel_density"):
        assert silent[name] == pytest.approx(expected[name], rel=1e-12), name
    assert silent["pinwheels"] > 0
    assert silent["responding_fraction"] == pytest.approx(1 - HOLE.mean())
    assert silent["map_selectivity_mean"] == pytest.approx(1 - HOLE.mean())
    for name in ("hypercolumn_distance_2013", "pinwheel_density_2013", "pinwheel_quality_2013"):
        assert masked(HOLE)[name] == pytest.approx(expected[name], rel=1e-12, nan_ok=True), name
    with pytest.raises(ParameterError, match="'responding' or 'all'"):
        quality(STRIPES, STRIPES, X, Y, units="some")


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_quality_of_a_recorded_map_follows_its_responses(fill):
    """Units that never responded count as the option demands, whichever value their preference was recorded with."""
    recorded = xr.Dataset(
        {
            "orientation_preference": (("y", "x"), np.where(HOLE, fill, STRIPES)),
            "orientation_selectivity": (("y", "x"), np.where(HOLE, fill, 1.0)),
            "response_maximum": (("y", "x"), np.where(HOLE, 0.0, 1.0)),
        },
        coords={"y": Y, "x": X},
        attrs={"sheet": "V1"},
    )
    found = orientation_quality({"orientation_map": recorded})
    assert found.metrics["V1/pinwheels"] == 0
    assert np.isnan(found.maps.local_homogeneity.values[HOLE]).all()
    assert np.isfinite(found.maps.local_homogeneity.values[~HOLE]).all()
    for key in ("pinwheels", "orientation_histogram"):
        shown = found.figures[f"V1/{key}"].args[1]
        np.testing.assert_array_equal(np.isnan(shown), HOLE)
    counted = orientation_quality({"orientation_map": recorded}, units="all")
    assert counted.metrics["V1/pinwheels"] == counted.maps.sizes["pinwheel"] > 0
    followed = orientation_quality({"orientation_map": recorded.assign_attrs(units_counted="all")})
    assert followed.metrics == pytest.approx(counted.metrics, rel=1e-12, nan_ok=True)


def test_histograms_are_of_units_with_a_value():
    """Shares add up to 1 over the units that have a preference."""
    _, share = orientation_histogram(np.where(HOLE, np.nan, STRIPES), bins=6)
    assert share.sum() == pytest.approx(1)
    counts = np.bincount((np.floor(STRIPES[~HOLE] / (np.pi / 6) + 0.5) % 6).astype(int), minlength=6)
    np.testing.assert_allclose(share, counts / counts.sum())
    assert np.isnan(orientation_histogram(np.full(3, np.nan))[1]).all()
