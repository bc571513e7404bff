"""One-to-one, leaky and scaled projections by their equations, in both engines."""

import numpy as np
import pytest

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import Hebbian
from topo_exp.engine.mapping import Scaling
from topo_exp.engine.patterns import Constant, Disk, Gaussian, UniformNoise, uniform_over
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.projection_types import LeakyCFProjection, OneToOneProjection, ScaledCFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HalfRectify
from topo_exp.errors import GeometryError, ParameterError

ENGINES = pytest.mark.parametrize("engine", ["compiled", "reference"])
RTOL = {"compiled": 2e-6, "reference": 1e-12}


def chain(engine, projection, *, density=10.0, radius=0.5, pattern=None):
    """Return a retina and a sheet of 8 x 8 units that looks at it through one projection."""
    sim = Simulation("chain", engine=engine)
    spot = pattern or Gaussian(x=uniform_over(0.4, seed=1), y=uniform_over(0.4, seed=2), size=0.4)
    bounds = BoundingBox(radius=radius)
    sim.add(GeneratorSheet(name="Retina", nominal_density=density, nominal_bounds=bounds, input_generator=spot))
    sim.add(CFSheet(name="V1", nominal_density=8.0, output_fns=[HalfRectify()]))
    sim.connect("Retina", "V1", projection)
    return sim


def shown(sim, iterations):
    """Return the retina's activity and the projection's response in each iteration."""
    found = []
    for iteration in range(1, iterations + 1):
        sim.run(iteration)
        found.append((sim["Retina"].activity.copy(), sim["V1"].projections["P"].activity))
    return found


# --- one to one -------------------------------------------------------------------------------------------------------
@ENGINES
@pytest.mark.parametrize(("density", "radius"), [(8.0, 0.5), (5.0, 0.7), (19.0, 0.5), (2.0, 0.5)])
def test_each_unit_sees_the_unit_at_its_place(engine, density, radius):
    """The response is strength, times the weight, times the activity of the source unit in whose cell the unit lies."""
    weights = Gaussian(size=0.6)
    sim = chain(
        engine, OneToOneProjection(name="P", strength=1.5, weights_generator=weights), density=density, radius=radius
    )
    ((retina, response),) = shown(sim, 1)
    v1, source = sim["V1"], sim["Retina"]
    expected = np.array([[retina[source.sheet2matrixidx(x, y)] for x in v1.x] for y in v1.y])
    expected *= 1.5 * weights(v1.x, v1.y)
    np.testing.assert_allclose(response, expected, rtol=1e-6)
    assert sim["V1"].projections["P"].weights.shape == (64, 1, 1)
    assert sim["V1"].projections["P"].n_connections == 64


@ENGINES
def test_units_beyond_the_source_have_no_connection(engine):
    """Of places far off, beside and on the source sheet only the last ones respond, learn and have fields."""
    mapper = Scaling(x_scale=4.0, y_shift=0.3)
    sim = chain(engine, OneToOneProjection(name="P", coord_mapper=mapper, learning_rate=0.5), pattern=Constant())
    ((_, response),) = shown(sim, 1)
    v1, found = sim["V1"], sim["V1"].projections["P"]
    on_sheet = (np.abs(4 * v1.x) < 0.5)[None, :] & (np.abs(v1.y + 0.3) < 0.5)[:, None]
    np.testing.assert_array_equal(response, on_sheet)
    np.testing.assert_allclose(found.weights[:, 0, 0], 1.5 * on_sheet.ravel(), rtol=1e-6)
    assert found.n_connections == on_sheet.sum() == 2 * 6
    for row, column in np.ndindex(8, 8):
        field = found.cf(row, column)
        assert field.weights.size == field.mask.size == len(field.x) * len(field.y) == on_sheet[row, column]


@ENGINES
def test_a_single_connection_learns_at_the_declared_rate(engine):
    """With the Hebb rule the weight grows by rate y x, whatever the density."""
    sim = chain(engine, OneToOneProjection(name="P", learning_rate=0.5, learning_fn=Hebbian()), density=8.0)
    weights = np.ones((8, 8))
    for iteration in range(1, 4):
        sim.run(iteration)
        retina = sim["Retina"].activity
        weights += 0.5 * (weights * retina) * retina
    np.testing.assert_allclose(sim["V1"].projections["P"].weights[:, 0, 0], weights.ravel(), rtol=3e-6)


def test_its_weights_are_a_pattern_on_the_destination():
    """Noise is drawn unit by unit from the simulation's stream, as a field of one cell would draw it."""
    one = chain("reference", OneToOneProjection(name="P", weights_generator=UniformNoise()))
    noise = np.random.RandomState((500, 500)).random_sample(64)
    np.testing.assert_array_equal(one["V1"].projections["P"].weights[:, 0, 0], noise.astype(np.float32))


@pytest.mark.parametrize("given", [{"nominal_bounds": BoundingBox(radius=0.2)}, {"cf_shape": Disk()}])
def test_an_extent_of_one_connection_is_refused(given):
    """A field of one cell has no bounds and no shape; giving them is an error that says so."""
    with pytest.raises(ParameterError, match=f"OneToOneProjection.{next(iter(given))}: must be left out"):
        OneToOneProjection(**given)


def test_a_projection_that_misses_its_source_is_refused():
    """Where no unit's place lies on the source sheet, building stops."""
    with pytest.raises(GeometryError, match="V1/P: every field must overlap the source sheet"):
        chain("compiled", OneToOneProjection(name="P", coord_mapper=Scaling(x_shift=5.0)))


# --- leaky ------------------------------------------------------------------------------------------------------------
@ENGINES
def test_input_leaks_away(engine):
    """The response is that to the sum of all inputs so far, each weakened by exp(-decay_rate) per iteration."""
    field = {"name": "P", "strength": 1.5, "nominal_bounds": BoundingBox(radius=0.2)}
    leaky, plain = chain(engine, LeakyCFProjection(decay_rate=0.3, **field)), chain("reference", CFProjection(**field))
    total = np.zeros((8, 8))
    for (_, found), (_, response) in zip(shown(leaky, 5), shown(plain, 5), strict=True):
        total = response + np.exp(-0.3) * total
        np.testing.assert_allclose(found, total, rtol=RTOL[engine] * 10, atol=1e-7)


@ENGINES
def test_learning_uses_the_leaky_input(engine):
    """A weight grows from input that is over, by what is left of it."""
    sim = chain(
        engine, LeakyCFProjection(name="P", decay_rate=0.3, learning_rate=1.0, nominal_bounds=BoundingBox(radius=0.2))
    )
    sim.run(1)
    before, first = sim["V1"].projections["P"].weights.astype(float), sim["Retina"].activity.copy()
    sim.run(2)
    found = sim["V1"].projections["P"]
    leaky = sim["Retina"].activity + np.exp(-0.3) * first
    np.testing.assert_allclose(np.asarray(found.input), leaky, rtol=1e-6, atol=1e-7)
    patches = found.geometry.patches(leaky)
    expected = before + (sim["V1"].activity.ravel() / found.n_units)[:, None, None] * patches * found.mask
    expected /= expected.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found.weights, expected, rtol=1e-4, atol=1e-7)


@ENGINES
def test_presentations_do_not_leak_into_each_other(engine):
    """In a list of presentations each one gets the response that it gets alone, in any order."""
    sim = chain(engine, LeakyCFProjection(name="P", decay_rate=0.1, nominal_bounds=BoundingBox(radius=0.2)))
    sim.run(3)
    spots = [Gaussian(x=x, size=0.3) for x in (-0.2, 0.1, 0.3)]
    with sim.frozen():
        listed = sim.respond({"Retina": spots})["V1"]
        backwards = sim.respond({"Retina": spots[::-1]})["V1"][::-1]
        alone = np.concatenate([sim.respond({"Retina": [spot]})["V1"] for spot in spots])
    np.testing.assert_array_equal(listed, alone)
    np.testing.assert_array_equal(backwards, alone)


# --- scaled -----------------------------------------------------------------------------------------------------------
SCALED = {"target": 0.3, "target_lr": 0.12, "smoothing": 0.6, "nominal_bounds": BoundingBox(radius=0.2)}


@ENGINES
def test_responses_are_scaled_towards_their_target(engine):
    """Averages, factors and responses follow the equations of the docstring, computed here by hand."""
    sim = chain(engine, ScaledCFProjection(name="P", strength=1.5, **SCALED))
    plain = chain("reference", CFProjection(name="P", strength=1.5, nominal_bounds=SCALED["nominal_bounds"]))
    average = np.full((8, 8), 0.3)
    for (_, found), (_, response) in zip(shown(sim, 6), shown(plain, 6), strict=True):
        factor, rate_factor = 0.3 / average, 0.12 / average
        average = 0.4 * response + 0.6 * average
        np.testing.assert_allclose(found, factor * response, rtol=1e-5, atol=1e-7)
    projection = sim["V1"].projections["P"]
    for name, expected in (("average", average), ("factor", factor), ("rate_factor", rate_factor)):
        np.testing.assert_allclose(getattr(projection, name), expected, rtol=1e-5)


@ENGINES
def test_a_steady_input_reaches_the_target(engine):
    """Where the input stays, each unit's response tends to the target, however strong the input is."""
    pattern = Gaussian(size=0.8, scale=5.0, offset=0.2)
    sim = chain(engine, ScaledCFProjection(name="P", **SCALED), pattern=pattern)
    sim.run(60)
    np.testing.assert_allclose(sim["V1"].activity, 0.3, rtol=1e-5)


@ENGINES
def test_learning_is_scaled_unit_by_unit(engine):
    """A unit's weights change by the declared rate times its factor, then they are normalised."""
    sim = chain(engine, ScaledCFProjection(name="P", learning_rate=2.0, **SCALED))
    sim.run(2)
    found = sim["V1"].projections["P"]
    before = found.weights.astype(float)
    sim.run(3)
    gain = 2.0 / found.n_units * sim["V1"].activity * found.rate_factor
    assert found.rate_factor.std() > 0.01
    change = gain.ravel()[:, None, None] * found.geometry.patches(np.asarray(sim["Retina"].activity)) * found.mask
    expected = (before + change) / (before + change).sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found.weights, expected, rtol=2e-5, atol=1e-8)


@ENGINES
@pytest.mark.parametrize("whose", ["simulation", "sheet"])
def test_averages_stay_without_plasticity(engine, whose):
    """Responses are scaled by the factors that were reached, and nothing is averaged, while nothing may learn."""
    sim = chain(engine, ScaledCFProjection(name="P", **SCALED))
    sim.run(3)
    found = sim["V1"].projections["P"]
    before = {name: getattr(found, name).copy() for name in ("average", "factor", "rate_factor")}
    (sim if whose == "simulation" else sim["V1"]).plastic = False
    sim.run(5)
    assert all(np.array_equal(getattr(found, name), array) for name, array in before.items())
    raw = found.respond(sim["Retina"].activity)
    np.testing.assert_allclose(found.activity, before["factor"] * raw, rtol=1e-5, atol=1e-7)


@ENGINES
def test_units_without_input_keep_their_factors(engine):
    """An average that falls to zero at once gives no infinite factor: factors stay, and input is scaled by them."""
    sim = chain(engine, ScaledCFProjection(name="P", **{**SCALED, "smoothing": 0.0}), pattern=Constant(scale=0.0))
    sim.run(4)
    found = sim["V1"].projections["P"]
    assert not found.average.any()
    np.testing.assert_array_equal(found.factor, 1.0)
    sim.check_finite()


def test_scaled_projections_count_the_memory_of_their_factors():
    """A scaled projection takes, beyond its weights, an average and two factors for each unit, of 8 bytes each."""
    scaled, plain = (
        chain("reference", kind(name="P", nominal_bounds=BoundingBox(radius=0.2)))["V1"].projections["P"]
        for kind in (ScaledCFProjection, CFProjection)
    )
    assert plain.nbytes == plain.weights.nbytes
    assert scaled.nbytes - plain.nbytes == 3 * 8 * 64
