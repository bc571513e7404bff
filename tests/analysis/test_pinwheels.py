"""Pinwheels: found where they are, with their sign, and counted against theory."""

import math

import numpy as np
import pytest

from topo_exp.analysis.grids import polar_map
from topo_exp.analysis.pinwheels import (
    Pinwheels,
    find_pinwheels,
    nearest_neighbour_distances,
    pinwheel_density,
    pinwheel_quality,
    winding_numbers,
)
from topo_exp.analysis.random_fields import ring_field
from topo_exp.errors import ParameterError

X = (np.arange(24) + 0.5) / 24 - 0.5
Y = X[::-1]
P = X[None, :] + 1j * Y[:, None]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("where", [0.013 - 0.2047j, -0.4302 + 0.3311j])
def test_one_pinwheel_is_found_with_place_and_sign(sign: int, where: complex) -> None:
    """A single zero must be found to a hundredth of a cell, with the sense in which the preference turns around it."""
    z = P - where if sign > 0 else (P - where).conj()
    found = find_pinwheels(z * np.exp(0.7j), X, Y)
    assert (found.x[0] + 1j * found.y[0]) == pytest.approx(where, abs=0.01 / 24)
    assert found.sign.tolist() == [sign]
    assert winding_numbers(z).sum() == sign


def test_preferences_alone_place_a_pinwheel_within_its_cell() -> None:
    """Without selectivity the pinwheel must still lie between the same four units."""
    where = 0.013 - 0.2047j
    found = find_pinwheels(polar_map(np.angle(P - where) / 2 % np.pi), X, Y)
    assert (found.x[0] + 1j * found.y[0]) == pytest.approx(where, abs=0.5 / 24)
    assert found.sign.tolist() == [1]


def test_pair_of_opposite_pinwheels() -> None:
    """Two zeros of opposite sense must both be found, and cancel in the sum of winding numbers."""
    a, b = 0.21 + 0.1j, -0.17 - 0.22j
    z = (P - a) * (P - b).conj()
    found = find_pinwheels(z, X, Y)
    order = np.argsort(found.x)
    assert found.x[order] == pytest.approx([b.real, a.real], abs=2e-3)
    assert found.sign[order].tolist() == [-1, 1]
    assert winding_numbers(z).sum() == 0
    assert np.abs(winding_numbers(z)).sum() == 2


@pytest.mark.parametrize("seed", range(3))
def test_signs_of_crossings_in_a_cell_add_up_to_its_winding_number(seed: int) -> None:
    """The two ways of counting must agree cell by cell, however coarse the map."""
    z = ring_field((60, 70), wavelength=4, width=0.5, seed=seed)
    x, y = np.arange(70.0), -np.arange(60.0)
    found = find_pinwheels(z, x, y)
    signed = np.zeros((59, 69), dtype=int)
    np.add.at(signed, ((-found.y).astype(int), found.x.astype(int)), found.sign)
    assert np.array_equal(signed, winding_numbers(z))
    assert len(found) > np.abs(signed).sum()  # so coarse that some cells hold a pair


def test_mirror_image_flips_all_signs() -> None:
    """Mirroring a map must turn every pinwheel's sense and move it to its mirror place."""
    z = ring_field((48, 48), wavelength=12, seed=4)
    x = np.arange(48.0)
    here, there = find_pinwheels(z, x, -x), find_pinwheels(z[:, ::-1], x, -x)
    assert sorted(47 - here.x) == pytest.approx(sorted(there.x))
    assert sorted(-here.sign) == sorted(there.sign)


def test_a_map_without_pinwheels_has_none() -> None:
    """A steadily turning map, a uniform one and a silent one must have no pinwheel."""
    for z in (np.exp(1j * 40 * P.real), np.full_like(P, 1 + 0.5j)):
        assert len(find_pinwheels(z, X, Y)) == 0
        assert not winding_numbers(z).any()
    assert not winding_numbers(np.zeros_like(P)).any()
    assert len(find_pinwheels(np.full_like(P, np.nan), X, Y)) == 0


@pytest.mark.parametrize(("density", "quality"), [(0, 0), (2, 0.932), (np.pi, 1), (4, 0.975), (8, 0.613)])
def test_quality_index_has_the_published_values(density: float, quality: float) -> None:
    """The gamma index must be 1 at pi and fall as published on either side."""
    assert pinwheel_quality(density) == pytest.approx(quality, abs=5e-4)


def test_quality_index_is_the_gamma_density_scaled_to_its_mode() -> None:
    """The closed form must equal the ratio of gamma densities with k = 1.8 and mode pi."""
    k, scale = 1.8, np.pi / 0.8

    def f(x: float) -> float:
        return x ** (k - 1) * math.exp(-x / scale) / (scale**k * math.gamma(k))

    for density in (0.3, 2.5, 5.0):
        assert pinwheel_quality(density) == pytest.approx(f(density) / f(np.pi))
    assert np.isnan(pinwheel_quality(np.nan))
    with pytest.raises(ParameterError, match="must be >= 0"):
        pinwheel_quality(-1)


def test_density_counts_per_hypercolumn_area() -> None:
    """Twelve pinwheels on 2 x 3 areas of hypercolumns must give density 2, in any unit of length."""
    assert pinwheel_density(12, area=6 * 0.25**2, hypercolumn_distance=0.25) == pytest.approx(2)
    assert np.isnan(pinwheel_density(3, area=1.0, hypercolumn_distance=np.nan))
    assert np.isnan(pinwheel_density(0, area=0.0, hypercolumn_distance=1.0))
    with pytest.raises(ParameterError, match="must be >= 0"):
        pinwheel_density(3, area=-1.0, hypercolumn_distance=1.0)


def test_nearest_neighbours_by_sign() -> None:
    """Distances must be to the nearest of any, the same and the other sign; NaN where there is none."""
    d = nearest_neighbour_distances(
        Pinwheels(np.array([0.0, 3.0, 0.0]), np.array([0.0, 0.0, 4.0]), np.array([1, 1, -1]))
    )
    assert d["any"] == pytest.approx([3, 3, 4])
    assert d["same"] == pytest.approx([3, 3, np.nan], nan_ok=True)
    assert d["opposite"] == pytest.approx([4, 5, 4])
    none = nearest_neighbour_distances(Pinwheels(np.zeros(0), np.zeros(0), np.zeros(0, dtype=int)))
    assert none["any"].shape == (0,)


def test_nearest_pinwheel_of_a_random_field_tends_to_have_the_opposite_sign() -> None:
    """Opposite pinwheels of a Gaussian random field lie closer together than like ones (Shvartsman & Freund 1994)."""
    z = ring_field((128, 128), wavelength=16, seed=2)
    d = nearest_neighbour_distances(find_pinwheels(z, np.arange(128.0), -np.arange(128.0)))
    assert 1.2 * d["opposite"].mean() < d["same"].mean()


def test_real_maps_are_refused() -> None:
    """Preferences passed for their complex form must be refused, not counted."""
    with pytest.raises(ParameterError, match="polar_map"):
        winding_numbers(np.zeros((4, 4)))


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ({}, 1),
        ({(0, 1): 0.0}, 0),
        ({(1, 1): 0.0}, 0),
        ({(-1, 0): np.nan}, 0),
        ({(0, 2): 0.0}, 1),
        ({(2, -2): np.nan}, 1),
    ],
)
def test_a_unit_at_zero_is_a_pinwheel_unless_it_borders_on_units_without_a_value(
    others: dict[tuple[int, int], float], found: int
) -> None:
    """A single silent unit may lie on a pinwheel; beside another one, or beside a gap, it is a silent region's edge."""
    row, col = 11, 7
    z = P - P[row, col]
    for (down, right), value in others.items():
        z[row + down, col + right] = value
    pinwheels = find_pinwheels(z, X, Y)
    near = np.hypot(pinwheels.x - X[col], pinwheels.y - Y[row]) < 0.5 / 24
    assert near.sum() >= found
    assert near.any() == bool(found)
