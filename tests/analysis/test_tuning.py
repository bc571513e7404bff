"""Tuning curves of units whose tuning is known."""

import numpy as np
import pytest

from tests.analysis.fake_simulation import BoundingBox, FakeSheet, FakeSimulation, gabor_simulation
from topo_exp.analysis import tuning
from topo_exp.analysis.features import GratingPatch
from topo_exp.engine.patterns import SineGrating
from topo_exp.errors import ParameterError

PREFERRED = np.linspace(0, np.pi, 6, endpoint=False).reshape(2, 3)


def test_linear_units_keep_their_width_at_every_contrast():
    """A unit that answers in proportion to contrast has the same half width at each: contrast invariance is 1."""
    found = tuning.orientation_tuning(gabor_simulation(PREFERRED), contrasts=(10, 50, 100))
    assert found.metrics["V1/contrast_invariance"] == pytest.approx(1)
    widths = [found.metrics[f"V1/orientation_half_width_deg_{c}"] for c in (10, 50, 100)]
    assert widths == pytest.approx([widths[0]] * 3)
    assert 10 < widths[0] < 45
    tuned = found.maps
    assert tuned.orientation_tuning.dims == ("contrast", "orientation", "y", "x")
    assert tuned.offset.values[tuned.mean_tuning.sel(contrast=100).values.argmax()] == 0
    np.testing.assert_allclose(
        tuned.mean_tuning.sel(contrast=100), 10 * tuned.mean_tuning.sel(contrast=10), rtol=1e-9, atol=1e-12
    )


def test_a_fixed_threshold_widens_tuning_with_contrast():
    """An iceberg: with a fixed threshold the tuning is narrow at low contrast and the ratio of widths is above 1."""
    sim = gabor_simulation(PREFERRED)
    top = tuning.orientation_tuning(sim, contrasts=(50, 100)).maps.orientation_tuning.max()
    iceberg = gabor_simulation(PREFERRED, threshold=0.4 * float(top))
    assert tuning.orientation_tuning(iceberg, contrasts=(50, 100)).metrics["V1/contrast_invariance"] > 1.2


def test_the_mean_curve_is_that_of_units_that_respond_at_the_highest_contrast():
    """A unit that is silent at lower contrasts takes part, with 0 there; one that is silent at the highest does not."""
    sim = gabor_simulation(PREFERRED)
    top = float(tuning.orientation_tuning(sim, contrasts=(50, 100)).maps.orientation_tuning.max())
    found = tuning.orientation_tuning(gabor_simulation(PREFERRED, threshold=0.6 * top), contrasts=(50, 100)).maps
    np.testing.assert_array_equal(found.mean_tuning.sel(contrast=50), 0)
    largest = found.orientation_tuning.sel(contrast=100).max("orientation")
    assert float(found.mean_tuning.sel(contrast=100).max()) == pytest.approx(float(largest.mean()))
    silent = tuning.orientation_tuning(gabor_simulation(PREFERRED, threshold=2 * top), contrasts=(50, 100)).maps
    assert silent.mean_tuning.isnull().all()


def test_contrast_response_of_linear_and_saturating_units():
    """Half the response is reached at half the contrast by a linear unit, at c50 by one that saturates from 0 to 1."""
    linear = tuning.contrast_response(gabor_simulation(PREFERRED), contrasts=range(0, 101, 10))
    assert linear.metrics["V1/contrast_at_half_response"] == pytest.approx(50)
    assert linear.maps.contrast_response.dims == ("contrast", "y", "x")
    silent = tuning.contrast_response(gabor_simulation(PREFERRED, threshold=1e6), contrasts=(0, 50, 100))
    assert np.isnan(silent.metrics["V1/contrast_at_half_response"])
    assert np.isnan(silent.metrics["V1/naka_rushton_n"])


@pytest.mark.parametrize(("rmax", "c50", "n"), [(2.0, 20.0, 2.0), (0.3, 45.0, 4.0), (1.0, 10.0, 1.2)])
def test_naka_rushton_is_fitted(rmax, c50, n):
    """Responses that follow the equation give back its three numbers."""
    c = np.linspace(0, 100, 12)
    fitted = tuning.naka_rushton_fit(c, rmax * c**n / (c**n + c50**n))
    assert fitted == pytest.approx((rmax, c50, n), rel=1e-3)


def test_full_width_of_known_curves():
    """A Gaussian's full width at half height is 2 sqrt(2 ln 2) sigma; an open flank or silence gives NaN."""
    v = np.linspace(-4, 4, 801)
    r = np.stack([np.exp(-((v - m) ** 2) / 2) for m in (0.0, 0.7, 3.9)] + [0 * v], axis=1)
    expected = 2 * np.sqrt(2 * np.log(2))
    np.testing.assert_allclose(tuning.full_width(r, v), [expected, expected, np.nan, np.nan], atol=1e-3)


def test_spatial_frequency_tuning_finds_frequency_and_bandwidth():
    """A Gabor unit prefers its frequency; with an envelope of width s its flanks follow exp(-2 (pi s df)^2)."""
    sim = gabor_simulation(np.array([[np.pi / 2]]), np.array([[0.0]]), frequency=2.4, width=0.25, cells=60)
    found = tuning.spatial_frequency_tuning(sim, frequencies=np.geomspace(1.2, 4.8, 17), phases=18)
    assert found.metrics["V1/preferred_spatial_frequency"] == pytest.approx(2.4, rel=0.07)
    half = np.sqrt(np.log(2) / 2) / (np.pi * 0.25)
    expected = np.log2((2.4 + half) / (2.4 - half))
    assert found.metrics["V1/spatial_frequency_bandwidth"] == pytest.approx(expected, rel=0.1)


def centre_surround_simulation():
    """Return a sheet whose units are driven within 0.15 of their own position, and inhibited within 0.4."""
    retina = FakeSheet("Retina", (40, 40), BoundingBox(radius=1.0), is_generator=True)
    v1 = FakeSheet("V1", (5, 5), BoundingBox(radius=0.25), measure_maps=True)
    X, Y = np.meshgrid(retina.x, retina.y)
    distance = np.hypot(X - v1.x[None, :, None, None], Y - v1.y[:, None, None, None])

    def answer(pictures, sheet, afferent_only):
        contrast = np.abs(pictures["Retina"] - np.median(pictures["Retina"]))
        centre = (contrast * (distance <= 0.15)).sum((2, 3))
        surround = (contrast * ((distance > 0.15) & (distance <= 0.4))).sum((2, 3))
        return np.maximum(centre - 0.1 * surround, 0)

    return FakeSimulation({"Retina": retina, "V1": v1}, answer)


def test_size_tuning_finds_centre_and_suppression():
    """Units prefer the diameter of their excitatory centre, and larger patches suppress them."""
    found = tuning.size_tuning(centre_surround_simulation(), sizes=(0.1, 0.2, 0.3, 0.5, 0.8), units=3, frequency=8.0)
    assert found.maps.size_tuning.dims == ("size", "y", "x")
    assert found.maps.size_tuning.shape == (5, 3, 3)
    np.testing.assert_allclose(found.maps.preferred_size, 0.3)
    assert 0.2 < found.metrics["V1/suppression_index"] < 0.8
    curves = found.maps.size_tuning.values
    assert (np.diff(curves[2:], axis=0) < 0).all()
    np.testing.assert_allclose(found.maps.suppression_index, 1 - curves[-1] / curves[2])


def test_grating_patch_fades_into_its_mean():
    """Inside the disk it is a grating, far outside 1/2 everywhere."""
    x = np.linspace(-1, 1, 41)
    placed = {"x": 0.2, "y": -0.1, "frequency": 2.0, "phase": 0.3}
    patch, grating = GratingPatch(size=0.6, **placed)(x, x[::-1]), SineGrating(**placed)(x, x[::-1])
    distance = np.hypot(x - 0.2, x[::-1, None] + 0.1)
    np.testing.assert_allclose(patch[distance < 0.3], grating[distance < 0.3], atol=1e-12)
    np.testing.assert_allclose(patch[distance > 0.5], 0.5, atol=1e-12)


def test_balanced_fields_do_not_see_a_uniform_field():
    """Fields that sum to 0 answer to no luminance."""
    found = tuning.full_field_response(gabor_simulation(PREFERRED))
    assert found.metrics["V1/full_field_response"] == pytest.approx(0, abs=1e-9)
    assert found.maps.full_field_response.dims == ("luminance", "y", "x")


@pytest.mark.parametrize(
    "measure",
    [
        lambda sim: tuning.orientation_tuning(sim, contrasts=(50, 10)),
        lambda sim: tuning.contrast_response(sim, contrasts=(50,)),
        lambda sim: tuning.size_tuning(sim, sizes=(0.2, 0.2)),
        lambda sim: tuning.spatial_frequency_tuning(sim, frequencies=()),
    ],
)
def test_values_must_rise(measure):
    """Values that do not rise are refused before anything is presented."""
    sim = gabor_simulation(PREFERRED)
    with pytest.raises(ParameterError, match="rising"):
        measure(sim)
    assert sim.presented == 0


def test_every_tuning_can_be_drawn():
    """Each measurement's pictures are drawn from its maps."""
    sim = gabor_simulation(PREFERRED)
    for found in (
        tuning.orientation_tuning(sim, contrasts=(50, 100), phases=4),
        tuning.contrast_response(sim, contrasts=(0, 50, 100), phases=4),
        tuning.spatial_frequency_tuning(sim, frequencies=(1, 2, 4), phases=4),
        tuning.full_field_response(sim),
    ):
        assert found.figures
        for draw in found.figures.values():
            assert draw().axes
