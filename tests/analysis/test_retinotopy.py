"""Topographic grids: order in numbers, against grids whose order is known."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.test_fields import small_network
from topo_exp.analysis import retinotopy as r
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.patterns import Constant, Gaussian
from topo_exp.engine.projection import CFProjection
from topo_exp.errors import ParameterError

X, Y = np.linspace(-0.45, 0.45, 10), np.linspace(0.35, -0.35, 8)
CX, CY = np.meshgrid(X, Y)
BOX = (-0.5, -0.5, 0.5, 0.5)


def test_even_grid_is_perfect():
    """A grid that shows the sheet as it is has magnification 1, smoothness 1, no folds, no displacement."""
    found = r.order(CX, CY, X, Y, BOX)
    assert found["magnification"] == pytest.approx(1)
    assert found["smoothness"] == pytest.approx(1)
    assert found["folds"] == 0
    assert found["displacement"] == pytest.approx(0)
    assert found["coverage"] == pytest.approx(0.9 * 0.7)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.1, 5), st.floats(0, 6.28), st.booleans())
def test_scaled_turned_mirrored_grids_keep_their_order(scale, angle, mirrored):
    """Turning and mirroring change no number of order; scaling by s gives magnification 1/s."""
    c = scale * np.exp(1j * angle) * (CX + 1j * CY)
    c = c.conj() if mirrored else c
    found = r.order(c.real, c.imag, X, Y, BOX)
    assert found["magnification"] == pytest.approx(1 / scale)
    assert found["smoothness"] == pytest.approx(1)
    assert found["folds"] == 0


def test_random_positions_are_not_smooth_and_folded():
    """Independent positions have smoothness 1 - sqrt(5/8), and most of their cells do not lie as the grid does."""
    rng = np.random.default_rng(4)
    cx, cy = rng.standard_normal((2, 200, 200))
    assert r.smoothness(cx, cy) == pytest.approx(1 - np.sqrt(5 / 8), abs=0.01)
    # four random points: crossed with probability near 1/2 or turned the wrong way round in half of the other cases
    assert 0.4 < r.folds(cx, cy).mean() < 0.8


def test_folds_are_counted_where_the_grid_turns_back():
    """A part that is folded over lies upside down; a swap of two units crosses the cells between their neighbours."""
    folded = np.where(CX > 0.2, 0.4 - CX, CX)  # the last three columns come back
    flipped = r.folds(folded, CY)
    assert flipped[:, -2:].all()
    assert not flipped[:, :-3].any()
    swapped_x, swapped_y = CX.copy(), CY.copy()
    swapped_x[3, 4:6] = swapped_x[3, [5, 4]]
    assert r.folds(swapped_x, swapped_y).sum() == 2


def test_a_dent_is_no_fold():
    """One unit pulled a little over the line of its neighbours makes a dent in one cell, not a fold."""
    cx, cy = CX.copy(), CY.copy()
    cx[3, 4] += 0.06
    cy[3, 4] -= 0.06
    assert not r.folds(cx, cy).any()


def test_tiny_grids_have_no_numbers_that_need_neighbours():
    """One unit, or one row, has no cells: numbers that need them are NaN, none fails."""
    for shape in ((1, 1), (1, 5)):
        found = r.order(np.zeros(shape), np.zeros(shape), np.arange(shape[1]) * 0.1, np.zeros(1), BOX)
        assert np.isnan(found["magnification"])
        assert np.isnan(found["smoothness"])
        assert np.isnan(found["folds"])
        assert np.isnan(found["folded_fraction"])
        assert np.isnan(found["coverage"])
    with pytest.raises(ParameterError, match="cx and cy"):
        r.folds(np.zeros((2, 2)), np.zeros((2, 3)))


def test_positions_without_weights_are_left_out():
    """A unit without any weight has no position, and the numbers are those of the others."""
    cx = CX.copy()
    cx[2, 2] = np.nan
    found = r.order(cx, np.where(np.isnan(cx), np.nan, CY), X, Y, BOX)
    assert found["smoothness"] == pytest.approx(1)
    assert found["magnification"] == pytest.approx(1)


def test_retinotopy_of_a_network():
    """Uncropped Gaussian fields lie where their units are; ON and OFF make one grid, with their own centres beside."""
    sim = small_network(Gaussian(size=0.1))
    found = r.retinotopic_map(sim)
    assert found.metrics["V1/retinotopy_magnification"] == pytest.approx(1, abs=0.02)
    assert found.metrics["V1/retinotopy_folds"] == 0
    assert {"centre_x", "centre_y", "LGNOnWeights_centre_x", "LGNOffWeights_centre_y"} <= set(found.maps)
    xr.testing.assert_allclose(found.maps.centre_x, found.maps.LGNOnWeights_centre_x)
    assert found.figures["V1/retinotopy"]().axes


def test_several_sheets_each_have_a_grid():
    """Each measured sheet has its own centres, numbers and picture; a sheet without any weight is left out."""
    sim = small_network(Gaussian(size=0.1))
    for name, shape in (("V2", Gaussian(size=0.2)), ("V3", Constant(scale=0.0))):
        sim.add(CFSheet(name=name, nominal_density=8, nominal_bounds=BoundingBox(radius=0.25)))
        above = CFProjection(name="FromV1", nominal_bounds=BoundingBox(radius=0.2), weights_generator=shape)
        sim.connect("V1", name, above)
    found = r.retinotopic_map(sim)
    assert set(found.figures) == {"V1/retinotopy", "V2/retinotopy"}
    assert not [name for name in found.maps if "FromV1" in str(name)], "the only projection has the sheet's own grid"
    assert found.maps["V2_centre_x"].dims == ("V2_y", "V2_x")
    assert found.metrics["V2/retinotopy_folds"] == 0


def test_sheets_without_afferent_weights_have_none():
    """A sheet with no afferent weights of its own gives an empty result."""
    sim = small_network()
    assert not r.retinotopic_map(sim, "Retina")


@pytest.mark.parametrize("gone", ["one unit", "a row"])
def test_some_units_without_weights_do_not_hide_a_sheet(gone):
    """A sheet of which some units have no afferent weights still has its grid, and the numbers of the other units."""
    sim = small_network(Gaussian(size=0.1))
    rows, cols = sim["V1"].shape
    empty = np.zeros((rows, cols), bool)
    empty[(3, 4) if gone == "one unit" else (0, slice(None))] = True
    for name in ("LGNOnWeights", "LGNOffWeights"):
        projection = sim["V1"].projections[name]
        projection.weights = np.where(empty.reshape(-1, 1, 1), 0, projection.weights)
    found = r.retinotopic_map(sim)
    np.testing.assert_array_equal(np.isnan(found.maps.centre_x), empty)
    assert found.metrics["V1/retinotopy_magnification"] == pytest.approx(1, abs=0.02)
    assert np.isfinite(list(found.metrics.values())).all()
    assert found.figures["V1/retinotopy"]().axes


def test_numbers_of_cells_are_of_cells_with_four_positions():
    """A missing unit takes its cells out of the fraction of folds, the coverage and the smoothness."""
    folded = np.where(CX > 0.2, 0.4 - CX, CX)
    whole = r.order(folded, CY, X, Y, BOX)
    cells = (len(Y) - 1) * (len(X) - 1)
    assert whole["folded_fraction"] == pytest.approx(whole["folds"] / cells)
    holes = folded.copy()
    holes[:, 0] = np.nan  # the first column of cells, none of them folded
    left = r.order(holes, CY, X, Y, BOX)
    assert left["folds"] == whole["folds"]
    assert left["folded_fraction"] == pytest.approx(whole["folds"] / (cells - (len(Y) - 1)))
    even = CX.copy()
    even[:, 0] = np.nan
    assert r.order(even, CY, X, Y, BOX)["coverage"] == pytest.approx(0.8 * 0.7)
    scattered = CX + 0.01 * np.random.default_rng(0).standard_normal(CX.shape)
    scattered[4, 5] = np.nan
    inner = [(i, j) for i in range(1, 7) for j in range(1, 9) if abs(i - 4) + abs(j - 5) > 1]
    c = scattered + 1j * CY
    around = {u: np.array([c[u[0] + a, u[1] + b] for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))]) for u in inner}
    off = np.mean([abs(c[u] - around[u].mean()) for u in inner])
    apart = np.mean([abs(c[u] - around[u]).mean() for u in inner])
    assert r.smoothness(scattered, CY) == pytest.approx(1 - off / apart)


def test_a_grid_of_nothing_has_no_numbers():
    """Without any position every number is NaN."""
    nothing = np.full_like(CX, np.nan)
    assert np.isnan(list(r.order(nothing, nothing, X, Y, BOX).values())).all()
