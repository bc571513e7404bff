"""The numbers of an orientation map, composed and measured."""

import numpy as np
import pytest

from tests.analysis.fake_simulation import gabor_simulation
from topo_exp.analysis.maps import orientation_map
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
    """A map of one orientation has no hypercolumns; what depends on them is not defined, its bias is 1."""
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
