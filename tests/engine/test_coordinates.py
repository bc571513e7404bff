"""Sheet and matrix coordinates, templates and fields."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topo_exp.engine.coordinates import BoundingBox, FieldGeometry, Grid, Template
from topo_exp.errors import GeometryError

densities = st.floats(3, 40)
radii = st.floats(0.3, 1.5)


@pytest.mark.parametrize(("density", "radius", "true"), [(24, 0.6, 28 / 1.2), (24, 1.625, 24.0), (5, 0.5, 5.0)])
def test_density_is_lowered_to_a_whole_number_of_units(density, radius, true):
    """The true density is int(nominal density x width) / width."""
    assert Grid.fit(BoundingBox(radius), density).density == pytest.approx(true, abs=1e-12)


@given(densities, radii)
def test_a_unit_lies_in_its_own_cell(density, radius):
    """Going from a unit to sheet coordinates and back leads to the same unit."""
    grid = Grid.fit(BoundingBox(radius), density)
    rows, columns = grid.shape
    for row, column in ((0, 0), (rows - 1, columns - 1), (rows // 2, 0)):
        assert grid.sheet2matrixidx(*grid.matrixidx2sheet(row, column)) == (row, column)


@pytest.mark.parametrize(
    "corners",
    [
        (-1, -1, 1, 1),
        (-1, -1, 1, 2),
        (-1, -2, 1, 2),
        (-2, -1, 1, 1),
        (-1, -1, 2, 1),
        (0.5, 0.5, 1, 1),
        (-2, -2, -1, -1),
    ],
)
def test_a_box_is_written_as_what_makes_it_again(corners):
    """The text of a box, square around 0 or not, gives an equal box when it is evaluated."""
    left, bottom, right, top = corners
    box = BoundingBox(points=((left, bottom), (right, top)))
    assert eval(repr(box), {"BoundingBox": BoundingBox}) == box  # noqa: S307  the text was made in this line
    assert ("radius" in repr(box)) == (corners == (-1, -1, 1, 1))


@pytest.mark.parametrize(("memory", "fits"), [(8 * 40 * 40, True), (8 * 40 * 40 - 1, False)])
def test_a_sheet_must_fit_into_memory(monkeypatch, memory, fits):
    """Each unit's activity takes 8 bytes; a sheet that takes more than the machine has is refused."""
    monkeypatch.setattr("topo_exp.engine.coordinates.machine_memory", lambda: memory)
    if fits:
        assert Grid.fit(BoundingBox(1.0), 20).shape == (40, 40)
    else:
        with pytest.raises(GeometryError, match=r"must fit into memory \(got 40 x 40 units"):
            Grid.fit(BoundingBox(1.0), 20)


def test_rows_run_from_top_to_bottom():
    """Row 0 is at the largest y, column 0 at the smallest x."""
    grid = Grid.fit(BoundingBox(points=((-1, 0), (1, 1))), 4)
    assert grid.shape == (4, 8)
    assert grid.y[0] == 0.875
    assert grid.x[0] == -0.875


@given(densities, radii, st.floats(0.05, 0.5))
def test_fields_are_cropped_to_the_sheet(density, radius, field):
    """Each field's slice is the template's extent within the sheet, and its offset says where it starts."""
    source = Grid.fit(BoundingBox(radius), density)
    destination = Grid.fit(BoundingBox(radius * 0.9), density * 0.7 + 3)
    geometry = FieldGeometry.lay(Template.fit(BoundingBox(field), source), source, destination)
    r1, r2, c1, c2 = geometry.slices.T
    sizes = (r2 - r1) * (c2 - c1)
    np.testing.assert_array_equal(geometry.on_sheet.sum((1, 2)), sizes)
    first = geometry.on_sheet.reshape(geometry.units, -1).argmax(1)
    rows, columns = np.unravel_index(first, geometry.template.shape)
    np.testing.assert_array_equal(np.stack([rows, columns], 1), geometry.offsets)


def test_patches_are_zero_off_the_sheet():
    """The input under a field at the corner is the corner of the sheet, surrounded by zeros."""
    grid = Grid.fit(BoundingBox(0.5), 4)
    geometry = FieldGeometry.lay(Template(1, 1), grid, grid)
    source = np.arange(1.0, 17.0).reshape(4, 4)
    np.testing.assert_array_equal(geometry.patches(source)[0], [[0, 0, 0], [0, 1, 2], [0, 5, 6]])


def test_one_kernel_equals_the_same_weights_in_each_field():
    """A shared kernel responds as separate fields with equal weights do, also at edges and across densities."""
    source, destination = Grid.fit(BoundingBox(0.8), 10), Grid.fit(BoundingBox(0.6), 7)
    geometry = FieldGeometry.lay(Template(2, 3), source, destination)
    random = np.random.default_rng(1)
    kernel, activity = random.normal(size=(5, 7)), random.normal(size=source.shape)
    expected = (geometry.patches(activity) * kernel).sum((1, 2)).reshape(destination.shape)
    np.testing.assert_allclose(geometry.respond_to_kernel(activity, kernel), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: BoundingBox(radius=0.0), "area must be positive"),
        (BoundingBox, "either a radius or two points"),
        (lambda: Grid.fit(BoundingBox(0.5), 0.5), "at least one unit wide"),
        (lambda: Grid.fit(BoundingBox(0.5), 1e7), "fit into memory"),
        (lambda: Grid.fit(BoundingBox(0.5), 1e200), "fit into memory"),
        (lambda: Grid.fit(BoundingBox(1e300), 1e20), "fit into memory"),
    ],
)
def test_impossible_geometry_is_refused_with_numbers(make, says):
    """An area of zero, a sheet without units and one larger than memory are refused, each with its reason."""
    with pytest.raises(GeometryError, match=says):
        make()


def test_fields_that_miss_the_source_are_refused():
    """A destination unit whose field lies wholly beyond the source sheet is named with its position."""
    source, destination = Grid.fit(BoundingBox(0.2), 10), Grid.fit(BoundingBox(2.0), 4)
    with pytest.raises(GeometryError, match=r"misses its bounds"):
        FieldGeometry.lay(Template(1, 1), source, destination)


def test_bounding_boxes_repeat_themselves():
    """The repr of a box is Python that makes it again."""
    for box in (BoundingBox(radius=0.3), BoundingBox(points=((-1, -2), (math.pi, 4)))):
        assert eval(repr(box), {"BoundingBox": BoundingBox}) == box  # noqa: S307  # our own repr is what is tested


@pytest.mark.parametrize(
    ("corners", "named"),
    [((-2, -1, 0.5, 2), r"\(0\.625, 0\.875\)"), ((-2, 0.5, 2, 2), r"\(-0\.875, 0\.375\)")],
    ids=["a source that ends on the right", "a source that begins above"],
)
def test_the_first_unit_without_a_field_is_named(corners, named):
    """Of units whose fields miss the source, the error names the first one, row by row, by its place."""
    left, bottom, right, top = corners
    source = Grid.fit(BoundingBox(points=((left, bottom), (right, top))), 4)
    destination = Grid.fit(BoundingBox(points=((-1, 0), (1, 1))), 4)
    with pytest.raises(GeometryError, match=rf"the field of the unit at {named} misses its bounds"):
        FieldGeometry.lay(Template(0, 0), source, destination)


@pytest.mark.parametrize("density", [4, 5, 8])
def test_windows_are_the_parts_of_fields_that_lie_on_the_sheet(density):
    """Every unit belongs to one window, which is its field's part on the sheet, in cells of the template."""
    source = Grid.fit(BoundingBox(radius=0.5), 9)
    destination = Grid.fit(BoundingBox(radius=0.5), density)
    geometry = FieldGeometry.lay(Template.fit(BoundingBox(radius=0.2), source), source, destination)
    found = {}
    for (first, end, left, right), units in geometry.windows:
        assert (np.diff(units) > 0).all()
        found |= {int(unit): (first, end, left, right) for unit in units}
    assert sorted(found) == list(range(geometry.units))
    for unit, (first, end, left, right) in found.items():
        expected = np.zeros(geometry.template.shape, bool)
        expected[first:end, left:right] = True
        np.testing.assert_array_equal(geometry.on_sheet[unit], expected)
