"""Numbers of one map: each against a case whose answer is known."""

import numpy as np
import pytest

from topo_exp.analysis import metrics
from topo_exp.analysis.grids import bounds_of, polar_map
from topo_exp.analysis.homogeneity import local_homogeneity
from topo_exp.errors import ParameterError

UNIFORM = np.arange(720) * np.pi / 720


def test_means_leave_out_missing_units() -> None:
    """Means must be taken over the units that have a value, and be NaN when none has."""
    assert metrics.mean_selectivity([[0.2, np.nan], [0.4, 0.6]]) == pytest.approx(0.4)
    assert metrics.mean_activity(np.array([1.0, 3.0])) == 2.0
    assert np.isnan(metrics.mean_activity([np.nan]))


@pytest.mark.parametrize("active", [1, 5, 50, 100])
def test_sparseness_is_the_fraction_of_equally_active_units(active: int) -> None:
    """Treves-Rolls sparseness of a pattern with a fraction f of units equally active must be f, at any rate."""
    rates = np.zeros(100)
    rates[:active] = 7.0
    assert metrics.sparseness(rates.reshape(10, 10)) == pytest.approx(active / 100)


def test_sparseness_of_exponential_rates_is_one_half() -> None:
    """For rates distributed exponentially, <r>^2 / <r^2> = 1/2 must come out."""
    rates = -np.log1p(-(np.arange(200_000) + 0.5) / 200_000)
    assert metrics.sparseness(rates) == pytest.approx(0.5, abs=1e-3)


def test_sparseness_says_nothing_of_silence() -> None:
    """A silent pattern has no sparseness."""
    assert np.isnan(metrics.sparseness(np.zeros((3, 3))))


def test_histogram_bins_are_centred_on_horizontal_and_vertical() -> None:
    """Preferences a little to either side of 0 must fall into the same bin, also across the cycle's end."""
    centres, share = metrics.orientation_histogram([0.01, np.pi - 0.01, np.pi / 2, np.nan], bins=4)
    assert centres == pytest.approx([0, np.pi / 4, np.pi / 2, 3 * np.pi / 4])
    assert share == pytest.approx([2 / 3, 0, 1 / 3, 0])


def test_histogram_of_all_orientations_is_flat_and_weights_count() -> None:
    """Equally frequent orientations must give equal shares; weight 0 must take a unit out."""
    _, share = metrics.orientation_histogram(UNIFORM, bins=12)
    assert share == pytest.approx(np.full(12, 1 / 12))
    _, share = metrics.orientation_histogram([0.0, np.pi / 2], [0.0, 2.0], bins=2)
    assert share == pytest.approx([0, 1])
    assert np.isnan(metrics.orientation_histogram([0.0], [0.0])[1]).all()


def test_bias_finds_strength_and_orientation() -> None:
    """A density 1 + 2 R cos(2 (theta - b)) must have bias R at orientation b."""
    weights = 1 + 2 * 0.3 * np.cos(2 * (UNIFORM - 2.5))
    assert metrics.orientation_bias(UNIFORM, weights) == pytest.approx((0.3, 2.5))
    assert metrics.orientation_bias(UNIFORM)[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(metrics.orientation_bias([np.nan])).all()


@pytest.mark.parametrize(("degrees", "bias"), [([0, 90, 180], 1), ([45, 135], -1), ([22.5, 67.5], 0)])
def test_cardinal_bias(degrees: list[float], bias: float) -> None:
    """Cardinal preferences must give 1, oblique ones -1, those half-way between 0."""
    assert metrics.cardinal_bias(np.deg2rad(degrees)) == pytest.approx(bias, abs=1e-12)


def test_weights_of_another_shape_are_refused() -> None:
    """Weights must not broadcast silently over preferences."""
    with pytest.raises(ParameterError, match=r"weights: must have the preference's shape \(2,\)"):
        metrics.orientation_bias([0.0, 1.0], [1.0])


def plane_wave(n: int, cycles: float) -> tuple[np.ndarray, np.ndarray]:
    """Return preferences (n, n) that turn `cycles` times along x in [-1/2, 1/2], and the unit centres."""
    x = (np.arange(n) + 0.5) / n - 0.5
    return np.broadcast_to(np.pi * cycles * x % np.pi, (n, n)), x


def test_local_homogeneity_of_a_plane_wave_is_that_of_theory() -> None:
    """Preferences turning steadily must give exp(-(2 pi sigma / Lambda)^2 / 2), the transform of the neighbourhood."""
    theta, x = plane_wave(60, 4.0)
    sigma = 0.18 / 4
    lhi = local_homogeneity(theta, x, -x, sigma=sigma)
    assert lhi[20:40, 20:40] == pytest.approx(np.exp(-((2 * np.pi * 0.18) ** 2) / 2), rel=1e-3)


def test_local_homogeneity_is_one_in_a_uniform_map_up_to_its_edges() -> None:
    """A uniform neighbourhood must give 1, also beside the sheet's end or units without a value, which have none."""
    theta = np.full((5, 8), 2.0)
    theta[2, 3] = np.nan
    lhi = local_homogeneity(theta, np.arange(8.0), -np.arange(5.0), sigma=1.5)
    assert lhi == pytest.approx(np.where(np.isnan(theta), np.nan, 1.0), nan_ok=True)


def test_local_homogeneity_vanishes_at_a_pinwheel() -> None:
    """All orientations around a unit must cancel."""
    x = np.arange(-10.0, 11.0)
    theta = np.angle(x[None, :] - 1j * x[:, None]) / 2 % np.pi
    lhi = local_homogeneity(theta, x, -x, sigma=2.0)
    assert lhi[10, 10] < 0.05 < 0.9 < lhi[10, 0]


def test_local_homogeneity_refuses_coordinates_of_another_map() -> None:
    """Unit centres that do not fit the map must be refused."""
    with pytest.raises(ParameterError, match="must fit the map"):
        local_homogeneity(np.zeros((3, 3)), np.arange(4.0), np.arange(3.0), sigma=1.0)


def test_polar_map_doubles_the_angle_and_keeps_selectivity() -> None:
    """Orientation t with selectivity s must become s exp(2 i t), and a phase of period 2 pi s exp(i t)."""
    assert polar_map([[np.pi / 4]], [[0.5]]) == pytest.approx(np.array([[0.5j]]))
    assert polar_map([[np.pi / 2]], period=2 * np.pi) == pytest.approx(np.array([[1j]]))
    with pytest.raises(ParameterError, match="one map at a time"):
        polar_map([0.0, 1.0])


def test_bounds_reach_half_a_cell_beyond_the_centres() -> None:
    """Bounds must be those of the sheet whose unit centres are given."""
    assert bounds_of([-0.25, 0.25], [0.4, 0.2, 0.0]) == pytest.approx((-0.5, -0.1, 0.5, 0.5))


def test_bounds_have_nine_decimals() -> None:
    """Rounding errors of centres must not be seen in bounds, and what is larger must be."""
    assert bounds_of([-0.25 + 4e-10, 0.25 + 4e-10], [0.1 + 0.2, -0.1]) == (-0.5, -0.3, 0.5, 0.5)
    assert bounds_of([-0.25 + 3e-9, 0.25 + 3e-9], [0.3, -0.1])[0] == -0.499999997
