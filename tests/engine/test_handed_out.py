"""Arrays that are handed out cannot be changed, assigning them sets values, and reading changes nothing."""

import numpy as np
import pytest

from tests.contracts.networks import differences, near, network
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.patterns import Gaussian
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.transfer import HomeostaticResponse

ENGINES = ["compiled", "reference"]


def homeostatic(engine):
    """Return a network with thresholds, after some iterations."""
    sim = network(cortex={"output_fns": lambda: [HomeostaticResponse(t_init=0.02)]})(engine)
    sim.run(2)
    return sim


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "read",
    [
        lambda sim: sim["V1"].activity,
        lambda sim: sim["Retina"].activity,
        lambda sim: sim["V1"].threshold,
        lambda sim: sim["V1"].output_fns[0].threshold,
        lambda sim: sim["V1"].output_fns[0].average,
        lambda sim: sim["V1"].output_fns[0].previous,
        lambda sim: sim["V1"].x,
        lambda sim: sim["V1"].y,
        lambda sim: sim["V1"].projections["Lateral"].activity,
        lambda sim: sim["V1"].projections["Lateral"].weights,
        lambda sim: sim["V1"].projections["Lateral"].input,
        lambda sim: np.asarray(sim["V1"].projections["Afferent"].input),
        lambda sim: sim["V1"].projections["Lateral"].cf(1, 2).weights,
        lambda sim: sim["V1"].projections["Lateral"].cf(1, 2).mask,
        lambda sim: sim["V1"].projections["Lateral"].cf(1, 2).x,
    ],
)
def test_what_is_handed_out_cannot_be_changed(engine, read):
    """Writing into an array that was read raises, before a run of either engine can see it."""
    sim = homeostatic(engine)
    with pytest.raises(ValueError, match="read-only"):
        read(sim)[:] = 0.5


def test_a_mask_cannot_be_changed_but_set():
    """A mask is copied when it is assigned, and cannot be written into."""
    sim, mask = network()("reference"), np.ones((8, 8), bool)
    sim["V1"].mask = mask
    mask[:] = False
    assert sim["V1"].mask.all()
    with pytest.raises(ValueError, match="read-only"):
        sim["V1"].mask[:] = False


def test_states_and_responses_are_the_callers():
    """Arrays of a state and responses are copies: changing them changes no simulation."""
    sim = homeostatic("compiled")
    before = {key: value.copy() for key, value in sim.state().items()}
    for value in sim.state().values():
        if value.dtype.kind in "fi" and value.ndim:
            value[:] = 0
    with sim.frozen():
        sim.respond({"Retina": [Gaussian()]})["V1"][:] = 7
    assert differences(sim.state(), before) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_assigned_values_act(engine):
    """Assigning activity, thresholds and weights sets copies of them, which the next run starts from."""
    changed, plain = homeostatic(engine), homeostatic(engine)
    activity, threshold = np.full((8, 8), 0.5), np.full((8, 8), 0.2)
    changed["V1"].activity = activity
    changed["V1"].output_fns[0].threshold = threshold
    projection = changed["V1"].projections["Lateral"]
    projection.weights = 2 * projection.weights
    activity[:] = threshold[:] = 9
    assert changed["V1"].activity.max() == 0.5
    assert changed["V1"].threshold.max() == 0.2
    np.testing.assert_allclose(projection.weights.sum(axis=(1, 2)), 2, rtol=1e-6)
    for sim in (changed, plain):
        sim.run(3)
    assert not np.allclose(changed["V1"].activity, plain["V1"].activity)


def test_both_engines_see_an_assigned_activity():
    """An activity that is assigned within an iteration leads to the same results in both engines."""
    sims = [network()(engine) for engine in ENGINES]
    for sim in sims:
        sim.run(0.15)
        sim["V1"].activity = np.linspace(0, 1, 64).reshape(8, 8)
        sim.run(0.15)
        sim.run(2)
    near(sims[0]["V1"].activity, sims[1]["V1"].activity, 1e-5, "activity")


READERS = {
    "weights": lambda sim: sim["V1"].projections["Afferent"].weights,
    "field": lambda sim: sim["V1"].projections["Afferent"].cf(0, 0),
    "activity": lambda sim: sim["V1"].activity,
    "state": lambda sim: sim.state(),
    "explain": lambda sim: sim.explain(),
    "check_finite": lambda sim: sim.check_finite(),
    "diagnostics": lambda sim: sim.diagnostics(),
    "script_repr": lambda sim: sim.script_repr(),
    "n_connections": lambda sim: sim.n_connections,
    "nbytes": lambda sim: sim.nbytes,
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reader", READERS)
def test_reading_before_the_network_is_complete_changes_nothing(engine, reader):
    """A sheet can be added after anything was read, and the network runs as if nothing had been read."""
    joint = {"norm_group": "both"}
    read, untouched = (network(lateral=joint, inhibition=joint)(engine) for _ in range(2))
    READERS[reader](read)
    for sim in (read, untouched):
        sim.add(CFSheet(name="Last", nominal_density=5))
        sim.connect("V1", "Last", CFProjection(name="Up", nominal_bounds=sim["V1"].bounds))
        sim.run(2)
    assert differences(read.state(), untouched.state()) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_before_the_first_run_is_the_one_that_it_begins_with(engine):
    """Reading the state first gives the bits of a simulation that was run until 0, and restores into another."""
    joint = {"norm_group": "both"}
    make = network(lateral=joint, inhibition=joint)
    unread, begun, restored = (make(engine) for _ in range(3))
    state = unread.state()
    begun.run(0)
    assert differences(state, begun.state()) == []
    restored.restore(state)
    for sim in (begun, restored, unread):
        sim.run(2)
    assert differences(begun.state(), restored.state()) == []
    assert differences(begun.state(), unread.state()) == []


def test_joint_weights_are_shown_as_they_will_be():
    """Before the first run, weights of a joint group are already those of the complete network, bit for bit."""
    joint = {"norm_group": "both"}
    sim = network(lateral=joint, inhibition=joint)("reference")
    shown = {name: sim["V1"].projections[name].weights for name in ("Lateral", "Inhibition")}
    sums = sum(weights.sum(axis=(1, 2)) for weights in shown.values())
    np.testing.assert_allclose(sums, 1, rtol=1e-6)
    sim.run(0)
    for name, weights in shown.items():
        np.testing.assert_array_equal(sim["V1"].projections[name].weights, weights)


@pytest.mark.parametrize("joint", [{}, {"norm_group": "both"}])
def test_weights_that_are_set_before_the_first_run_stay_as_they_are(joint):
    """Weights assigned to a complete but idle network are those of time 0."""
    sim = network(lateral=joint, inhibition=joint)("compiled")
    projection = sim["V1"].projections["Lateral"]
    projection.weights = given = 0.3 * projection.weights
    sim.run(0)
    np.testing.assert_allclose(projection.weights, given, rtol=1e-6)
