"""Similarity of maps."""

import numpy as np
import pytest

from topo_exp.analysis.stability import change, cyclic_difference, similarity_index, stability
from topo_exp.errors import ParameterError


@pytest.fixture(scope="module")
def preference() -> np.ndarray:
    """A map of random orientations, (40, 50)."""
    return np.random.default_rng(0).uniform(0, np.pi, (40, 50))


def test_identical_maps_have_index_one(preference: np.ndarray) -> None:
    """A map must be wholly similar to itself, also when written with another whole number of half turns."""
    assert similarity_index(preference, preference) == 1.0
    assert similarity_index(preference, preference + np.pi) == pytest.approx(1.0)


def test_orthogonal_maps_have_index_minus_one(preference: np.ndarray) -> None:
    """Orientations at right angles are as different as can be."""
    assert similarity_index(preference, (preference + np.pi / 2) % np.pi) == pytest.approx(-1.0)


def test_unrelated_maps_have_index_zero(preference: np.ndarray) -> None:
    """Random maps must come out at 0, within the error 1/sqrt(3 N) of the mean of N uniform differences."""
    other = np.random.default_rng(1).uniform(0, np.pi, preference.shape)
    assert similarity_index(preference, other) == pytest.approx(0, abs=4 / np.sqrt(3 * preference.size))


@pytest.mark.parametrize("degrees", [1, 10, 45, 89])
def test_a_shift_costs_in_proportion(preference: np.ndarray, degrees: float) -> None:
    """Turning all preferences by d must cost 4 d / pi, in either direction."""
    expected = 1 - 4 * degrees / 180
    assert similarity_index(preference, preference + np.deg2rad(degrees)) == pytest.approx(expected)
    assert similarity_index(preference, preference - np.deg2rad(degrees)) == pytest.approx(expected)


def test_missing_units_are_left_out(preference: np.ndarray) -> None:
    """A unit without a value in one of the maps must not count; without any, nothing is known."""
    holes = preference.copy()
    holes[:20] = np.nan
    assert similarity_index(holes, preference) == 1.0
    assert np.isnan(similarity_index(np.full(3, np.nan), np.zeros(3)))


def test_development_is_compared_with_its_end_and_step_by_step(preference: np.ndarray) -> None:
    """Stability must refer to the last map, or the one given; change to the map before."""
    maps = [preference + np.deg2rad(d) for d in (40, 10, 0)]
    assert stability(maps) == pytest.approx([1 - 160 / 180, 1 - 40 / 180, 1])
    assert stability(maps, reference=maps[1]) == pytest.approx([1 - 120 / 180, 1, 1 - 40 / 180])
    assert change(maps) == pytest.approx([np.nan, 1 - 120 / 180, 1 - 40 / 180], nan_ok=True)
    assert stability([]).shape == change([]).shape == (0,)


def test_cyclic_difference_goes_the_shorter_way() -> None:
    """Differences must never exceed half a period, in whichever turn the values are written."""
    assert cyclic_difference([0.1, 3.0, 7.0], [3.0, 0.1, 0.0], period=np.pi) == pytest.approx(
        [np.pi - 2.9, np.pi - 2.9, 7 - 2 * np.pi]
    )
    with pytest.raises(ParameterError, match="must be > 0"):
        cyclic_difference(0, 1, period=0)


def test_maps_of_different_shape_are_refused() -> None:
    """Maps of different sheets must not be compared by broadcasting."""
    with pytest.raises(ParameterError, match="equal shapes"):
        similarity_index(np.zeros((3, 3)), np.zeros((1, 3)))
