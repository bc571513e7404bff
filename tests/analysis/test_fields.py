"""Connection fields: shown, combined, and their centres of gravity."""

import numpy as np
import pytest

from topo_exp.analysis.fields import (
    afferent_projections,
    bounds_of_shown,
    centre_of_gravity,
    connection_fields,
    every,
    on_off_pairs,
)
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.patterns import Gaussian, UniformNoise
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation


def small_network(weights=None, *, radius=0.25, height=None, rows_over_cols=0.8):
    """Return Retina -> LGNOn, LGNOff -> V1 with a lateral projection; V1 is not square."""
    sim = Simulation("small")
    sim.add(GeneratorSheet(name="Retina", nominal_density=10, nominal_bounds=BoundingBox(radius=1.0)))
    for name in ("LGNOn", "LGNOff"):
        sheet = CFSheet(name=name, nominal_density=10, nominal_bounds=BoundingBox(radius=0.8), measure_maps=False)
        sim.add(sheet)
        sim.connect("Retina", name, CFProjection(name="Afferent", nominal_bounds=BoundingBox(radius=0.2)))
    box = BoundingBox(points=((-0.5, -rows_over_cols / 2), (0.5, rows_over_cols / 2)))
    sim.add(CFSheet(name="V1", nominal_density=10, nominal_bounds=box))
    reach = (radius, height or radius)
    for name in ("LGNOn", "LGNOff", "V1"):
        projection = CFProjection(
            name=f"{name}Weights",
            nominal_bounds=BoundingBox(points=((-reach[0], -reach[1]), reach)),
            weights_generator=weights or UniformNoise(),
            strength=1.5 if name.startswith("LGN") else -1.0,
        )
        sim.connect(name, "V1", projection)
    return sim


@pytest.mark.parametrize("weights", [UniformNoise(), Gaussian(size=0.2)])
def test_centre_of_gravity_agrees_with_each_field(weights):
    """The centres found for all units at once are those of the cropped fields one by one."""
    projection = small_network(weights)["V1"].projections["LGNOnWeights"]
    cx, cy = centre_of_gravity(projection)
    assert cx.shape == projection.dest.shape
    for row, col in np.ndindex(*projection.dest.shape):
        field = projection.cf(row, col)
        total = field.weights.sum()
        assert cx[row, col] == pytest.approx((field.weights.sum(axis=0) * field.x).sum() / total, abs=1e-6)
        assert cy[row, col] == pytest.approx((field.weights.sum(axis=1) * field.y).sum() / total, abs=1e-6)


def test_a_centre_of_gravity_does_not_depend_on_the_sum_of_the_weights():
    """Three times the weights are the same field."""
    projection = small_network(Gaussian(x=0.02, y=-0.03, size=0.1))["V1"].projections["LGNOnWeights"]
    before = centre_of_gravity(projection)
    projection.weights = 3 * projection.weights
    np.testing.assert_allclose(centre_of_gravity(projection), before, rtol=0, atol=1e-6)


def test_symmetric_fields_are_centred_on_their_units():
    """Gaussian fields that are nowhere cropped have their centre at the unit's own position."""
    sim = small_network(Gaussian(size=0.1))
    cx, cy = centre_of_gravity(sim["V1"].projections["LGNOffWeights"])
    np.testing.assert_allclose(cx, np.broadcast_to(sim["V1"].x, cx.shape), atol=0.01)
    np.testing.assert_allclose(cy, np.broadcast_to(sim["V1"].y[:, None], cy.shape), atol=0.01)


def test_afferent_projections_leave_out_lateral_and_feedback():
    """Afferent are projections from sheets made earlier, not from the sheet itself or later ones."""
    sim = small_network()
    sim.add(CFSheet(name="V2", nominal_density=10, nominal_bounds=BoundingBox(radius=0.3)))
    sim.connect("V2", "V1", CFProjection(name="Feedback", nominal_bounds=BoundingBox(radius=0.2)))
    assert [p.name for p in afferent_projections(sim, "V1")] == ["LGNOnWeights", "LGNOffWeights"]


def test_on_and_off_are_paired_and_subtracted():
    """ON minus OFF, times their strengths, is shown beside the projections themselves."""
    sim = small_network()
    v1 = sim["V1"]
    assert [name for name, *_ in on_off_pairs(v1)] == ["LGNOn-Off"]
    found = connection_fields(sim)
    assert set(found.figures) == {
        f"V1/fields_{name}" for name in ("LGNOnWeights", "LGNOffWeights", "V1Weights", "LGNOn-Off")
    }
    on, off = (v1.projections[f"LGN{which}Weights"].weights for which in ("On", "Off"))
    expected = (1.5 * on - 1.5 * off).reshape(*v1.shape, *on.shape[1:])
    np.testing.assert_allclose(found.maps["V1_LGNOn-Off"], expected, atol=1e-7)


def test_large_sheets_show_every_nth_field():
    """No more fields than asked for are shown along a side, evenly spaced and centred."""
    assert every(10, 10).tolist() == list(range(10))
    assert every(10, 4).tolist() == [0, 3, 6, 9]
    assert every(48, 24).tolist() == list(range(0, 48, 2))
    assert every(7, 2).tolist() == [1, 5]
    found = connection_fields(small_network(), most=5)
    assert found.maps["V1_LGNOnWeights"].shape[:2] == (4, 5)
    np.testing.assert_allclose(found.maps["V1_x"], small_network()["V1"].x[::2])


@pytest.mark.parametrize("name", ["LGNOnWeights", "V1Weights"])
@pytest.mark.parametrize(("width", "height"), [(0.7, 0.7), (1.7, 1.7), (1.7, 0.7), (0.7, 1.7)])
def test_fields_as_large_as_their_source_are_shown_on_it(name, width, height):
    """A field that reaches over most of the source sheet, square or oblong, is shown where it lies there."""
    sim = small_network(radius=width, height=height)
    found = connection_fields(sim).maps[f"V1_{name}"].values
    projection = sim["V1"].projections[name]
    assert found.shape[2:] == projection.src.shape
    for row, col in np.ndindex(*projection.dest.shape):
        r1, r2, c1, c2 = projection.cf(row, col).slice
        np.testing.assert_array_equal(found[row, col, r1:r2, c1:c2], projection.cf(row, col).weights)
        assert found[row, col].sum() == pytest.approx(projection.cf(row, col).weights.sum(), rel=1e-6)


@pytest.mark.parametrize(("width", "height"), [(0.7, 0.2), (0.2, 0.7)])
def test_a_field_that_is_narrower_than_its_source_is_shown_by_itself(width, height):
    """In whichever direction the source reaches beyond the field, the picture is that of the field."""
    sim = small_network(radius=width, height=height)
    projection = sim["V1"].projections["LGNOnWeights"]
    assert connection_fields(sim).maps["V1_LGNOnWeights"].shape[2:] == projection.weights.shape[1:]


@pytest.mark.parametrize(
    ("rows", "cols", "expected"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], list(range(10)), (-0.5, -0.4, 0.5, 0.4)),  # all cells: the bounds of the sheet
        ([1, 3, 5, 7], [0, 2, 4, 6, 8], (-0.55, -0.45, 0.45, 0.35)),  # cells of twice the width around their units
        ([0, 4], [0, 1, 2], (-0.65, -0.25, -0.05, 0.55)),  # two rows give the distance
        ([2], [1, 4, 7], (-0.5, 0.0, 0.4, 0.3)),  # a single row takes the distance of the columns
        ([2], [3], (-0.2, 0.1, -0.1, 0.2)),  # a single unit has its own cell
    ],
)
def test_the_area_of_shown_units_is_that_of_their_cells(rows, cols, expected):
    """Cells are centred on the shown units and touch one another: (left, bottom, right, top) of all of them."""
    found = bounds_of_shown(small_network()["V1"], np.array(rows), np.array(cols))
    assert found == pytest.approx(expected)


def test_fields_can_be_drawn():
    """Each picture of fields is drawn from the result."""
    for draw in connection_fields(small_network(), most=3).figures.values():
        assert draw().axes
