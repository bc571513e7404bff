"""Coordinate mappers: every member of the family, and a user's own."""

import math

import numpy as np
import pytest

from tests.analysis.test_fields import small_network
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, box, network
from topo_exp.engine import mapping
from topo_exp.engine.mapping import (
    Cartesian2Polar,
    Chain,
    ComplexLogarithm,
    Identity,
    Magnification,
    NearestGridPoint,
    Polar2Cartesian,
    Scaling,
)
from topo_exp.engine.patterns import Gaussian
from topo_exp.engine.projection import SharedWeightCFProjection
from topo_exp.errors import GeometryError, ModelError


def mirrored(x, y):
    """The user's own: left and right exchanged."""
    return -x, y


EXAMPLES = {
    "Identity": Identity,
    "Scaling": lambda: Scaling(x_scale=0.5, y_scale=-0.8, orientation=0.3, x_shift=0.1),
    "Magnification": lambda: Magnification(magnification=1.5, e2=0.4),
    "ComplexLogarithm": lambda: ComplexLogarithm(k=1.5, a=0.9),
    "Polar2Cartesian": Polar2Cartesian,
    "Cartesian2Polar": Cartesian2Polar,
    "NearestGridPoint": lambda: NearestGridPoint(spacing=0.4),
    "Chain": lambda: Chain(mappers=[Scaling(x_scale=0.5), Polar2Cartesian()]),
}
OTHERS = {
    "a user's own": lambda: mirrored,
    "rows and columns by themselves": lambda: Scaling(x_scale=0.5, y_scale=0.7, y_shift=-0.05),
}
X, Y = np.meshgrid(np.linspace(-0.5, 0.5, 7), np.linspace(0.4, -0.4, 5))


def test_every_mapper_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    assert missing(members(mapping, takes="x, y"), EXAMPLES) == []
    assert set(members(mapping)) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_mappers_are_declared(name):
    """Every member says how it maps and documents every parameter; maps from papers cite them."""
    assert_declared(type(EXAMPLES[name]()), source=name not in ("Identity", "Scaling", "Chain"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_mappers_are_functions_of_the_coordinates(name):
    """Two finite arrays come back, the same again, each unit by itself, and no argument was changed."""
    mapper, x, y = EXAMPLES[name](), X.copy(), Y.copy()
    first, second = mapper(x, y), mapper(x, y)
    for found, again in zip(first, second, strict=True):
        assert found.shape == X.shape
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(found, again)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    for i, j in np.ndindex(X.shape):
        one = mapper(X[i : i + 1, j : j + 1], Y[i : i + 1, j : j + 1])
        np.testing.assert_allclose([one[0][0, 0], one[1][0, 0]], [first[0][i, j], first[1][i, j]], atol=1e-15)


def mapped_network(mapper, **changes):
    """Return what builds a network whose afferent fields lie where a mapper says, on a retina that is large enough."""
    retina = {"nominal_bounds": box(0.9, stretch=3.8), "nominal_density": 10.0}
    return network(retina=retina, afferent={"coord_mapper": mapper(), **changes})


@pytest.mark.parametrize("name", {**EXAMPLES, **OTHERS})
@pytest.mark.parametrize("contract", CONTRACTS)
def test_mappers_keep_every_promise(name, contract):
    """A network whose fields lie where the mapper says keeps every promise."""
    CONTRACTS[contract](mapped_network({**EXAMPLES, **OTHERS}[name]))


@pytest.mark.parametrize("name", {**EXAMPLES, **OTHERS})
def test_fields_lie_where_the_mapper_says(name):
    """The cell in the middle of each field, and the centre of its weights, are at the mapped coordinates."""
    mapper = {**EXAMPLES, **OTHERS}[name]
    sim = mapped_network(mapper, weights_generator=Gaussian(size=0.15))("reference")
    sheet, projection = sim["V1"], sim["V1"].projections["Afferent"]
    x, y = mapper()(*np.meshgrid(sheet.x, sheet.y))
    rows, columns = sheet.shape
    compared = 0
    for row, column in np.ndindex(rows, columns):
        field = projection.cf(row, column)
        if field.weights.shape != projection.geometry.template.shape:
            continue  # cropped at the sheet's edge
        centre = (len(field.x) - 1) // 2, (len(field.y) - 1) // 2
        assert abs(field.x[centre[0]] - x[row, column]) <= 0.5 / 10 + 1e-9
        assert abs(field.y[centre[1]] - y[row, column]) <= 0.5 / 10 + 1e-9
        expected = Gaussian(size=0.15)(field.x - x[row, column], field.y - y[row, column]) * field.mask
        np.testing.assert_allclose(field.weights, expected / expected.sum(), atol=1e-6)
        compared += 1
    assert compared > 5


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("name", ["Magnification", "rows and columns by themselves"])
def test_shared_weights_respond_at_the_mapped_places(name, engine):
    """A projection with one kernel responds to what lies at the mapped coordinates."""
    mapper = {**EXAMPLES, **OTHERS}[name]
    shared = {"weights_generator": Gaussian(size=0.1), "coord_mapper": mapper()}
    sim = network(retina={"nominal_bounds": box(0.9)}, projection=SharedWeightCFProjection, afferent=shared)(engine)
    sim.run(1)
    projection, seen = sim["V1"].projections["Afferent"], sim["Retina"].activity
    geometry = projection.geometry
    expected = 1.5 * (geometry.patches(seen) * projection.weights).sum(axis=(1, 2)).reshape(sim["V1"].shape)
    np.testing.assert_allclose(projection.activity, expected, atol=1e-6)
    assert expected.max() > 0.01


def test_magnification_is_that_of_its_parameters():
    """A unit of eccentricity takes `magnification` of the sheet at the centre, and half of it at e2."""
    mapper, step = Magnification(magnification=2.0, e2=0.3), 1e-6
    eccentricity = np.linspace(0, 0.9, 10)
    radius = 2.0 * 0.3 * np.log1p(eccentricity / 0.3)
    angle = 0.7
    x, y = mapper(radius * math.cos(angle), radius * math.sin(angle))
    np.testing.assert_allclose(np.hypot(x, y), eccentricity, atol=1e-12)
    np.testing.assert_allclose(np.arctan2(y, x)[1:], angle)
    slope = (mapper(radius + step, 0 * radius)[0] - mapper(radius, 0 * radius)[0]) / step
    np.testing.assert_allclose(1 / slope, 2.0 / (1 + eccentricity / 0.3), rtol=1e-4)


def test_polar_mappers_undo_each_other():
    """From Cartesian to polar coordinates and back, in radians or degrees, the coordinates are the same."""
    for degrees in (False, True):
        there = Chain(mappers=[Cartesian2Polar(degrees=degrees), Polar2Cartesian(degrees=degrees)])
        for found, expected in zip(there(X, Y), (X, Y), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-12)
    assert Polar2Cartesian(degrees=True)(1.0, 90.0)[1] == pytest.approx(1)


def test_the_complex_logarithm_turns_angles_into_positions():
    """Its inverse, k ln(z + a), gives back the cortical coordinates; the point of view lies at k ln(a)."""
    x, y = ComplexLogarithm(k=1.5, a=0.7)(X, Y)
    back = 1.5 * np.log(x + 1j * y + 0.7)
    np.testing.assert_allclose(back, X + 1j * Y, atol=1e-12)
    np.testing.assert_allclose(ComplexLogarithm(k=1.5, a=0.7)(1.5 * math.log(0.7), 0.0), (0, 0), atol=1e-12)


@pytest.mark.parametrize(
    ("mapper", "error", "says"),
    [
        (lambda x: x, ModelError, r"V1/Afferent\.coord_mapper: must be callable as f\(x, y\)"),
        (lambda x, y: x + y, ModelError, r"V1/Afferent\.coord_mapper: must return two arrays"),
        (lambda x, y: (x, 0.0), ModelError, r"V1/Afferent\.coord_mapper: .* must return .* of shape \(8, 8\)"),
        (lambda x, y: (x, y * np.nan), GeometryError, r"V1/Afferent\.coord_mapper: must return finite coordinates"),
        (lambda x, y: (x + 5, y), GeometryError, r"V1/Afferent: every field must overlap the source sheet"),
    ],
)
def test_mistakes_are_named(mapper, error, says):
    """A mapper that is wrong is refused when its projection is connected, with the reason."""
    with pytest.raises(error, match=says):
        network(afferent={"coord_mapper": mapper})("compiled")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("axis", [0, 1])
def test_one_coordinate_that_is_not_finite_is_enough_to_refuse(axis, bad):
    """A mapper without x or without y at a single unit is refused, and the error counts such units."""

    def gap(x, y):
        x, y = x.copy(), y.copy()
        (x, y)[axis][2, 3] = bad
        return x, y

    grid = small_network(Gaussian(size=0.1))["V1"].grid
    with pytest.raises(GeometryError, match=r"must return finite coordinates \(got 1 units without\)"):
        mapping.mapped(gap, grid, "V1.gap")
