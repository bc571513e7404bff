"""The whisker barrels: their input, and the map of deflections that is aligned with the places of the whiskers."""

import math

import numpy as np
import pytest

from topo_exp.errors import ParameterError
from topo_exp.models.whisker_barrels import WhiskerBarrels, Whiskers, alignment, preferred_deflection

PLACES = np.arange(-7, 8) / 5.0
"""Cells of three barrels of five cells."""


def shown(**numbers):
    """Return the activity of layer 4 with three whiskers along each side."""
    return Whiskers(seed=1, **{"kappa": 1e7, **numbers})(PLACES, -PLACES)


def test_whiskers_behind_the_edge_are_deflected():
    """An edge that moves rightwards and has reached x = 0.5 deflects the whiskers left of it, and no others."""
    activity = shown(x=0.5, orientation=0.0)
    assert not activity[:, 10:].any()
    assert all(activity[5 * i : 5 * i + 5, 5 * j : 5 * j + 5].any() for i in range(3) for j in range(2))


@pytest.mark.parametrize("direction", [0.0, 1.0, 4.0])
def test_cells_are_tuned_to_the_direction_of_their_whisker(direction):
    """A cell answers by the cosine of the angle between deflection and its preferred direction, which all differ."""
    pattern = Whiskers(
        seed=1, kappa=1e7, orientation=direction, x=100 * math.cos(direction), y=100 * math.sin(direction)
    )
    preferred = pattern.preferred(PLACES, -PLACES)
    np.testing.assert_allclose(pattern(PLACES, -PLACES), (1 + np.cos(direction - preferred)) / 2, atol=2e-3)
    np.testing.assert_allclose(np.sort(preferred[:5, :5].ravel()), 2 * np.pi * np.arange(25) / 25)
    np.testing.assert_array_equal(preferred[:5, :5], preferred[5:10, 10:])


def test_directions_agree_with_the_movement_as_kappa_says():
    """Without concentration the whiskers' directions differ; with a large one they are the same."""
    spread = [
        np.ptp([shown(x=9.0, kappa=kappa)[5 * i, 5 * j] for i in range(3) for j in range(3)]) for kappa in (0, 1e7)
    ]
    assert spread[0] > 0.3
    assert spread[1] < 0.01


def test_units_see_the_barrel_below_them_alone():
    """Fields of all units above one barrel are that barrel's cells."""
    sim = WhiskerBarrels(whiskers=3, cortex_density=7).build()
    afferent = sim["Layer23"].projections["Afferent"]
    for row, column in ((0, 0), (6, 6), (7, 6), (20, 13)):
        assert afferent.cf(row, column).slice == (row // 7 * 5, row // 7 * 5 + 5, column // 7 * 5, column // 7 * 5 + 5)


def test_an_even_number_of_whiskers_is_refused():
    """Whiskers stand at whole numbers around the middle of the sheet."""
    with pytest.raises(ParameterError, match=r"WhiskerBarrels\.whiskers: must be odd, .* \(got 4\)"):
        WhiskerBarrels(whiskers=4).build()


def test_preferred_deflections_become_aligned_with_places():
    """Units on one side of a barrel come to prefer deflections towards that side; at first they do not."""
    sim = WhiskerBarrels().build()
    assert abs(alignment(sim)) < 0.1
    before = np.abs(preferred_deflection(sim)).mean()
    sim.run(800)
    assert alignment(sim) > 0.25
    assert np.abs(preferred_deflection(sim)).mean() > 2 * before
    assert not sim.explain().dense


@pytest.mark.slow
def test_alignment_needs_directions_that_agree():
    """Where each whisker is deflected in a direction of its own, maps are not aligned with places."""
    found = {}
    for kappa in (0.0, 3.0):
        sim = WhiskerBarrels(kappa=kappa).build()
        sim.run(2500)
        found[kappa] = alignment(sim)
    assert found[3.0] > 0.3
    assert abs(found[0.0]) < 0.2
