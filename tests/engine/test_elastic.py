"""The elastic net by its theory: its equation, and where the plane between two eyes becomes unstable."""

import numpy as np
import pytest

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.elastic import ElasticNet
from topo_exp.engine.patterns import Constant
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.errors import ModelError, ParameterError


def net(*, activities=(1.0, 1.0), cells=6, units=10, half=0.1, field=1.0, retina=None, late=0.05, **changes):
    """Return a net between two eyes, at -half and half of the third coordinate."""
    sim = Simulation("net")
    bounds = BoundingBox(radius=0.5) if retina is None else retina
    for eye, activity in zip(("Left", "Right"), activities, strict=True):
        pattern = Constant(scale=activity)
        sim.add(GeneratorSheet(name=eye, nominal_density=cells, nominal_bounds=bounds, input_generator=pattern))
    features = {"Left": (-half,), "Right": (half,)}
    sim.add(ElasticNet(name="V1", nominal_density=units, **{"features": features, "seed": 3, **changes}))
    for eye in ("Left", "Right"):
        delay = late if eye == "Right" else 0.05
        sim.connect(eye, "V1", CFProjection(name=eye, nominal_bounds=BoundingBox(radius=field), delay=delay))
    return sim


def moved_by_hand(sim, *, activities, half, alpha, beta, scale):
    """Return the points after one iteration by the equation, cell by cell and unit by unit."""
    v1 = sim["V1"]
    old = v1.points
    new = old.copy()
    for activity, eye, z in zip(activities, ("Left", "Right"), (-half, half), strict=True):
        for x in sim[eye].x:
            for y in sim[eye].y:
                cell = np.array([x, y, z])
                pull = np.exp(-((cell - old) ** 2).sum(axis=-1) / (2 * scale**2))
                new += alpha * activity * (pull / pull.sum())[..., None] * (cell - old)
    rows, columns = v1.shape
    for row in range(rows):
        for column in range(columns):
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if 0 <= r < rows and 0 <= c < columns:
                    new[row, column] += beta * scale * (old[r, c] - old[row, column])
    return new


@pytest.mark.parametrize("height", [0.5, 0.25])
def test_points_move_by_the_equation(height):
    """One iteration is the equation of the docstring, on square and on wide retinas; less active cells draw less."""
    numbers = {"half": 0.15, "alpha": 0.3, "beta": 0.4}
    retina = BoundingBox(points=((-0.5, -height), (0.5, height)))
    sim = net(activities=(1.0, 0.4), distance_scale=0.12, cells=4, units=5, retina=retina, **numbers)
    expected = moved_by_hand(sim, activities=(1.0, 0.4), scale=0.12, **numbers)
    sim.run(1)
    np.testing.assert_allclose(sim["V1"].points, expected, rtol=0, atol=1e-12)


def test_a_net_starts_as_a_plane_with_a_jitter_about_it():
    """Points lie where the units are, half-way between the eyes, moved by at most half the jitter to either side."""
    sim = net(units=30, jitter=0.04)
    v1 = sim["V1"]
    moves = v1.points - np.stack([*np.meshgrid(v1.x, v1.y), np.zeros(v1.shape)], axis=-1)
    assert np.abs(moves).max() <= 0.02
    np.testing.assert_allclose(moves.mean(axis=(0, 1)), 0, atol=4 * 0.04 / 12**0.5 / 30)
    np.testing.assert_allclose(moves.std(axis=(0, 1)), 0.04 / 12**0.5, rtol=0.1)


def test_lateral_projections_of_a_net_learn_as_others_do():
    """Their weights change by their own rule, and sum to 1 after it."""
    sim = net()
    lateral = CFProjection(name="Lateral", nominal_bounds=BoundingBox(radius=0.3), learning_rate=5.0)
    sim.connect("V1", "V1", lateral)
    sim.run(2)
    before = lateral.weights.copy()
    sim.run(4)
    assert np.abs(lateral.weights - before).max() > 1e-5
    np.testing.assert_allclose(lateral.weights.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_cells_whose_activity_has_not_arrived_draw_nothing():
    """With one eye a whole iteration behind, the first move is that of the other eye alone."""
    moves = []
    for activities, late in (((1.0, 1.0), 1.05), ((1.0, 0.0), 0.05)):
        sim = net(activities=activities, late=late)
        before = sim["V1"].points
        sim.run(1)
        moves.append(sim["V1"].points - before)
    assert moves[0].any()
    np.testing.assert_allclose(*moves, rtol=0, atol=1e-12)


@pytest.mark.parametrize("field", [1.0, 0.2])
@pytest.mark.parametrize("scale", [0.1, 1e-3])
def test_strengths_of_each_cell_sum_to_one(field, scale):
    """Over all units that a cell is connected to, however far they are, its weights sum to 1; elsewhere are none."""
    sim = net(field=field, distance_scale=scale)
    for until in (0, 3):
        sim.run(until)
        for projection in sim["V1"].projections.values():
            assert not projection.weights[~projection.mask].any()
            sums = np.zeros(projection.src.shape)
            for unit in np.ndindex(sim["V1"].shape):
                found = projection.cf(*unit)
                r1, r2, c1, c2 = found.slice
                sums[r1:r2, c1:c2] += found.weights
            np.testing.assert_allclose(sums, 1, rtol=1e-5)


def growth(scale, *, half, alpha, beta, density, cells):
    """Return the growth rate per iteration of the fastest wave of ocularity on the plane between two eyes.

    With a wave of number k, rho cells per unit and units 1/density apart, linear in the wave's amplitude,
    alpha rho ((half/K)² (1 - exp(-K²k²)) - 1) - beta K k²/density².
    """
    k = np.linspace(0, np.pi * density, 500)
    rho = 2 * (cells / density) ** 2
    ocular = (half / scale) ** 2 * (1 - np.exp(-((scale * k) ** 2)))
    return float((alpha * rho * (ocular - 1) - beta * scale * (k / density) ** 2).max())


@pytest.mark.parametrize("half", [0.06, 0.1])
@pytest.mark.parametrize(("relative_scale", "grows"), [(1.25, False), (0.75, True)])
def test_ocularity_arises_below_the_critical_scale(half, relative_scale, grows):
    """Small differences between the eyes decay while K is larger than about half their distance, then grow."""
    numbers = {"half": half, "alpha": 0.2, "beta": 0.1}
    scale = relative_scale * half
    assert (growth(scale, density=24, cells=14, **numbers) > 0) is grows
    sim = net(distance_scale=scale, jitter=1e-3, cells=14, units=24, **numbers)
    sim.run(30)
    before = sim["V1"].points[..., 2].std()
    sim.run(60)
    assert bool(sim["V1"].points[..., 2].std() > before) is grows


def test_a_net_that_would_oscillate_is_refused():
    """A tension by which points would overshoot is an error that names both numbers."""
    with pytest.raises(ParameterError, match=r"V1\.distance_scale: .* \(got 0\.2 with beta 2 at time"):
        net(beta=2.0, distance_scale=0.2).run(1)


def test_features_of_different_length_are_refused():
    """All input sheets have the same number of coordinates."""
    with pytest.raises(ParameterError, match=r"V1\.features"):
        net(features={"Left": (0.1,), "Right": (0.1, 0.2)})


def test_joint_normalisation_is_refused():
    """Weights are normalised over the units of the net, so a group of projections has no meaning."""
    sim = net()
    with pytest.raises(ModelError, match=r"V1/More\.norm_group"):
        sim.connect("Left", "V1", CFProjection(name="More", norm_group="both"))


@pytest.mark.parametrize("whose", ["simulation", "sheet"])
def test_points_and_weights_stay_without_plasticity(whose):
    """Neither moves when the simulation or the sheet is not plastic; both move when it is again."""
    sim = net()
    sim.run(1)
    owner = sim if whose == "simulation" else sim["V1"]
    before = sim["V1"].points, sim["V1"].projections["Left"].weights
    owner.plastic = False
    sim.run(3)
    np.testing.assert_array_equal(sim["V1"].points, before[0])
    np.testing.assert_array_equal(sim["V1"].projections["Left"].weights, before[1])
    owner.plastic = True
    sim.run(4)
    assert (sim["V1"].points != before[0]).any()
