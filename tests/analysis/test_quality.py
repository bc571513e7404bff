"""The numbers of an orientation map, composed and measured."""

import numpy as np
import pytest
import xarray as xr

from tests.analysis.fake_simulation import gabor_simulation
from topo_exp.analysis.grids import polar_map
from topo_exp.analysis.homogeneity import local_homogeneity
from topo_exp.analysis.maps import orientation_map
from topo_exp.analysis.pinwheels import find_pinwheels
from topo_exp.analysis.quality import map_quality, orientation_quality, quality
from topo_exp.analysis.random_fields import ring_field
from topo_exp.errors import AnalysisError

X = (np.arange(64) + 0.5) / 64 - 0.5


def striped(turns=4):
    """Return preferences that turn `turns` times along x: orientation stripes without pinwheels."""
    return np.tile((np.pi * turns * (X + 0.5)) % np.pi, (64, 1))


def test_stripes_have_their_period_and_no_pinwheels():
    """A map of plane stripes has its period as hypercolumn distance, no pinwheels, and no bias."""
    found = quality(striped(4), np.full((64, 64), 0.7), X, X[::-1])
    assert found["hypercolumn_distance"] == pytest.approx(0.25, rel=0.05)
    assert found["pinwheels"] == found["pinwheels_by_winding"] == 0
    assert found["pinwheel_density"] == 0
    assert np.isnan(found["pinwheel_distance"])
    assert found["orientation_bias"] == pytest.approx(0, abs=1e-9)
    assert found["map_selectivity_mean"] == pytest.approx(0.7)


def test_uniform_map_has_no_scale():
    """A map of one orientation has no hypercolumns; numbers in hypercolumns are not defined, its bias is 1."""
    found = quality(np.full((16, 16), 0.3), np.ones((16, 16)), X[:16], X[:16][::-1])
    assert np.isnan(found["hypercolumn_distance"])
    assert np.isnan(found["pinwheel_density"])
    assert np.isnan(found["pinwheel_quality"])
    assert found["orientation_bias"] == pytest.approx(1)
    assert found["orientation_bias_deg"] == pytest.approx(np.degrees(0.3))


def test_random_field_has_the_density_of_theory():
    """A random field of a thin ring has about pi pinwheels per hypercolumn, as many of either sign, quality near 1."""
    n = 256
    z = ring_field((n, n), wavelength=16, width=0.1, seed=3)
    x = (np.arange(n) + 0.5) / n - 0.5
    found = quality(np.angle(z) / 2 % np.pi, np.abs(z), x, x[::-1])
    assert found["hypercolumn_distance"] == pytest.approx(16 / n, rel=0.05)
    assert found["pinwheel_density"] == pytest.approx(3.17, rel=0.1)
    assert found["pinwheel_quality"] > 0.99
    assert abs(found["pinwheels_positive"] - found["pinwheels"] / 2) <= 2 + 0.05 * found["pinwheels"]
    assert found["pinwheels_by_winding"] == pytest.approx(found["pinwheels"], rel=0.02)


def test_map_quality_measures_and_draws():
    """Measured maps are quantified under the sheet's name, with homogeneity beside them, and every picture is drawn."""
    z = ring_field((12, 12), wavelength=6, seed=1)
    found = map_quality(gabor_simulation(np.angle(z) / 2 % np.pi), phases=6)
    assert found.maps.local_homogeneity.shape == (12, 12)
    assert 0 < found.metrics["V1/local_homogeneity_mean"] < 1
    assert "V1/pinwheel_density" in found.metrics
    assert set(found.figures) >= {"V1/spectrum", "V1/pinwheels", "V1/contours", "V1/orientation_histogram"}
    assert found.maps.pinwheel_x.size == found.metrics["V1/pinwheels"]
    assert found.maps.spectrum_amplitude.shape == found.maps.spectrum_fit.shape == found.maps.wavenumber.shape
    for draw in found.figures.values():
        assert draw().axes


def test_maps_too_small_to_have_a_spectrum_are_left_out():
    """A sheet of fewer than eight units along a side gives an empty result, and so does a model without settling."""
    assert not map_quality(gabor_simulation(np.zeros((3, 4))), phases=4)
    assert not map_quality(gabor_simulation(np.zeros((12, 12))), phases=4, settling_only=True)


def test_quality_of_a_measured_map_is_that_of_measuring_again():
    """A map handed over gives the numbers, maps and pictures that `map_quality` finds by itself, without presenting."""
    sim = gabor_simulation(striped(4)[:12, :12] % np.pi, cells=12)
    measured = orientation_map(sim).maps
    before = sim.presented
    found = orientation_quality({"orientation_map": measured})
    assert sim.presented == before
    again = map_quality(sim)
    np.testing.assert_equal(found.metrics, again.metrics)
    assert found.maps.identical(again.maps)
    assert list(found.figures) == list(again.figures)


def test_quality_of_another_map_has_names_of_its_own():
    """`of` chooses the map and `label` the names; where there is no such map there is no quality."""
    measured = orientation_map(gabor_simulation(striped(4)[:12, :12], cells=12)).maps
    found = orientation_quality({"mine": measured}, of="mine", label="my_")
    assert all(name.startswith("V1/my_") for name in (*found.metrics, *found.figures))
    assert not orientation_quality({"mine": measured})
    with pytest.raises(AnalysisError, match="a map of orientation from 'mine'"):
        orientation_quality({"mine": measured[["phase_preference"]]}, of="mine")


def oblong(seed=3):
    """Return a random map of 2 x 1 sheet units whose cells are not square, with its unit centres."""
    rows, cols = 50, 60
    z = ring_field((2 * rows, 2 * cols), wavelength=12, seed=seed)[:rows, :cols]
    x, y = (np.arange(cols) + 0.5) / 30 - 1, 0.5 - (np.arange(rows) + 0.5) / 50
    return np.angle(z) / 2 % np.pi, np.abs(z), x, y


def test_densities_are_counts_per_squared_distance_and_area():
    """Of a sheet of 2 x 1, the density is of the area between unit centres, that of 2013 of the whole sheet."""
    preference, selectivity, x, y = oblong()
    found = quality(preference, selectivity, x, y)
    between = (2 - 1 / 30) * (1 - 1 / 50)
    assert found["pinwheels"] > 10
    expected = found["pinwheels"] * found["hypercolumn_distance"] ** 2 / between
    assert found["pinwheel_density"] == pytest.approx(expected)
    expected_2013 = found["pinwheels"] * found["hypercolumn_distance_2013"] ** 2 / (2 * 1)
    assert np.isfinite(expected_2013)
    assert found["pinwheel_density_2013"] == pytest.approx(expected_2013)
    for suffix in ("", "_2013"):
        ratio = found[f"pinwheel_density{suffix}"] / np.pi
        assert found[f"pinwheel_quality{suffix}"] == pytest.approx((ratio * np.exp(1 - ratio)) ** 0.8)


def test_distances_of_two_pinwheels_are_in_hypercolumns():
    """Two opposite pinwheels lie at their distance over that of hypercolumns; neither has one of its own sign."""
    a, b = 0.21 + 0.1j, -0.17 - 0.22j
    p = X[None, :] + 1j * X[::-1][:, None]
    found = quality(np.angle((p - a) * (p - b).conj()) / 2 % np.pi, np.ones((64, 64)), X, X[::-1])
    distance = abs(a - b) / found["hypercolumn_distance"]
    assert (found["pinwheels"], found["pinwheels_positive"]) == (2, 1)
    assert found["pinwheel_distance"] == pytest.approx(distance, abs=0.05)
    assert found["pinwheel_distance_opposite"] == pytest.approx(found["pinwheel_distance"])
    assert np.isnan(found["pinwheel_distance_same"])


def test_pinwheels_are_apart_as_their_positions_say():
    """Mean distances are those of the nearest neighbours of each kind, in hypercolumns, where there are any."""
    preference, selectivity, x, y = oblong()
    found = quality(preference, selectivity, x, y)
    at = find_pinwheels(polar_map(preference), x, y)
    place = at.x + 1j * at.y
    for name, same in (("", None), ("_same", True), ("_opposite", False)):
        nearest = []
        for i, own in enumerate(place):
            others = [
                abs(own - other)
                for j, other in enumerate(place)
                if i != j and (same is None or (at.sign[i] == at.sign[j]) is np.bool_(same))
            ]
            nearest += [min(others)] if others else []
        mean = np.mean(nearest) / found["hypercolumn_distance"]
        assert found[f"pinwheel_distance{name}"] == pytest.approx(mean), name


@pytest.mark.parametrize(("turns", "fitted"), [(1, 0.0), (8, 1.0)])
def test_quality_records_whether_the_spectrum_was_fitted(turns, fitted):
    """A metric and an attribute record whether the hypercolumn distance is that of the fit or of the centroid."""
    preference = random_turns(turns)
    measured = recorded(preference)
    found = orientation_quality({"orientation_map": measured})
    assert found.metrics["V1/hypercolumn_distance_is_fitted"] == fitted
    assert found.maps.spectrum_amplitude.attrs["fitted"] == fitted
    assert found.maps.spectrum_amplitude.attrs["hypercolumn_distance"] == found.metrics["V1/hypercolumn_distance"]
    assert np.isfinite(found.maps.spectrum_fit).all() == bool(fitted)
    nothing = orientation_quality({"orientation_map": recorded(np.full((64, 64), 0.3))})
    assert np.isnan(nothing.metrics["V1/hypercolumn_distance_is_fitted"])


def random_turns(turns):
    """Return a random map of that many hypercolumns across, or stripes for a single one."""
    if turns == 1:
        return striped(1)
    return np.angle(ring_field((128, 128), wavelength=64 / turns, seed=1)[:64, :64]) / 2 % np.pi


def recorded(preference):
    """Return a map as `orientation_map` measures it, of equal selectivity."""
    return xr.Dataset(
        {
            "orientation_preference": (("y", "x"), preference),
            "orientation_selectivity": (("y", "x"), np.ones_like(preference)),
        },
        coords={"y": X[::-1], "x": X},
        attrs={"sheet": "V1"},
    )


@pytest.mark.parametrize("preference", [striped(4), np.full((64, 64), 0.3)], ids=["stripes", "uniform"])
def test_homogeneity_is_of_a_neighbourhood_in_hypercolumns(preference):
    """Its width is a share of the hypercolumn distance, of the sheet where there are no hypercolumns."""
    found = orientation_quality({"orientation_map": recorded(preference)}, homogeneity_radius=0.3)
    distance = found.metrics["V1/hypercolumn_distance"]
    expected = 0.3 * (distance if np.isfinite(distance) else X[-1] - X[0])
    assert found.maps.local_homogeneity.attrs["sigma"] == pytest.approx(expected)
    index = local_homogeneity(preference, X, X[::-1], sigma=expected)
    assert found.metrics["V1/local_homogeneity_mean"] == pytest.approx(index.mean())


@pytest.mark.parametrize(("units", "large"), [(7, False), (8, True)])
def test_a_map_needs_eight_units_along_a_side(units, large):
    """A sheet of seven units along a side has no spectrum worth a number, one of eight has."""
    assert bool(orientation_quality({"orientation_map": recorded(striped(8)).isel(x=slice(units))})) is large
