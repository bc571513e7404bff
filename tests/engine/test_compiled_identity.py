"""The event-driven path is a function of the state: slicing, storing and interleaving change no bit."""

import io

import numpy as np
import pytest

from tests.engine.small_networks import Network, feedback, two_ways
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.learning import KeepWeights
from topo_exp.engine.learning_rules import BCM, CPCA, Oja, Outstar, Trace
from topo_exp.engine.patterns import SineGrating
from topo_exp.engine.projection_types import LeakyCFProjection, ScaledCFProjection
from topo_exp.errors import NumericalError

NETWORK = Network()


def everything(sim):
    """Return the whole state."""
    return sim.state()


def assert_same(one, other):
    """Hold two simulations to the same bits in everything."""
    a, b = everything(one), everything(other)
    assert a.keys() == b.keys()
    for key, value in a.items():
        assert np.array_equal(value, b[key]), key


@pytest.mark.parametrize("network", [NETWORK, Network(gain_control=False, output="linear", joint=False)])
@pytest.mark.parametrize("stops", [(3, 7), (0.5, 0.55, 2.3, 7), tuple(np.arange(0.05, 7.01, 0.05).round(2))])
def test_slicing_a_run_changes_no_bit(network, stops):
    """A run in one go, and one that stops between or within iterations, end in the same state."""
    whole, sliced = network.build("compiled"), network.build("compiled")
    whole.run(7)
    for stop in stops:
        sliced.run(float(stop))
    assert_same(whole, sliced)


@pytest.mark.parametrize("moment", [4, 3.5, 3.15])
def test_a_stored_state_continues_bit_for_bit(moment, monkeypatch):
    """State goes through a file into a new simulation, between or within iterations and folds, and the run goes on."""
    monkeypatch.setattr("topo_exp.engine.compiled.fields.FOLD_AFTER", 3)
    whole, first, second = (NETWORK.build("compiled") for _ in range(3))
    whole.run(9)
    first.run(moment)
    file = io.BytesIO()
    np.savez(file, **first.state())
    file.seek(0)
    second.restore(dict(np.load(file, allow_pickle=False)))
    second.run(9)
    assert_same(whole, second)


def linear(rule, *, normalised):
    """Return a network whose projections learn by a linear rule."""
    sim = Network(joint=False).build("compiled")
    for projection in sim["V1"].projections.values():
        projection.learning_fn = rule()
        if not normalised:
            projection.weights_output_fn = KeepWeights()
    return sim


def scaled():
    """Return a network with a scaled and a leaky projection from outside, and the same laterally."""
    sim = Network(joint=False).build("compiled")
    for src in ("Relay0", "V1"):
        for kind in (ScaledCFProjection, LeakyCFProjection):
            name, bounds = f"{kind.__name__}From{src}", BoundingBox(radius=0.25)
            sim.connect(src, "V1", kind(name=name, strength=0.3, learning_rate=0.2, nominal_bounds=bounds))
    return sim


@pytest.mark.parametrize(
    "build",
    [
        lambda: linear(Oja, normalised=True),
        lambda: linear(CPCA, normalised=False),
        lambda: linear(Outstar, normalised=True),
        lambda: linear(BCM, normalised=True),
        lambda: linear(lambda: Trace(rule=CPCA()), normalised=False),
        scaled,
    ],
    ids=["Oja", "CPCA, not normalised", "Outstar", "BCM, signed", "Trace of CPCA, not normalised", "scaled and leaky"],
)
@pytest.mark.parametrize("moment", [4, 3.15])
def test_other_rules_and_projections_are_functions_of_the_state(build, moment, monkeypatch):
    """Slicing, restoring a stored state, and looking change no bit of what rules and projections with state compute."""
    monkeypatch.setattr("topo_exp.engine.compiled.fields.FOLD_AFTER", 3)
    whole, first, second = (build() for _ in range(3))
    assert not whole.explain().dense
    whole.run(9)
    first.run(1.3)
    first.run(moment)
    stored = first.state()
    with first.frozen():
        first.plastic = True
        first.run(moment + 2)
    assert all(np.array_equal(value, first.state()[key]) for key, value in stored.items())
    second.restore(stored)
    for sim in (first, second):
        sim.run(9)
        assert_same(whole, sim)


def test_looking_changes_no_bit():
    """Measuring on a frozen simulation, and reading weights, leave the trajectory as it was."""
    alone, measured = NETWORK.build("compiled"), NETWORK.build("compiled")
    alone.run(6)
    for until in range(1, 7):
        measured.run(until)
        with measured.frozen():
            measured.respond({"Retina": [SineGrating(frequency=2.0)]}, afferent_only=until % 2 == 0)
        assert measured["V1"].projections["Lateral1"].weights.any()
    assert_same(alone, measured)


@pytest.mark.parametrize("duration", [1.0, 2.0, 0.3])
@pytest.mark.parametrize("network", [NETWORK, Network(cortex_density=13, width=1.3, output="linear", joint=False)])
def test_presentations_together_are_those_alone(network, duration, monkeypatch):
    """A list of presentations gets, to the bit, the responses that each one gets by itself."""
    sim = network.build("compiled")
    sim.run(4)
    settled = []
    worker = sim._workers[sim["V1"]]
    together = worker.settle_deferred
    monkeypatch.setattr(worker, "settle_deferred", lambda: (settled.append(len(worker._deferred)), together()))

    gratings = [SineGrating(frequency=2.0, phase=0.7 * i, orientation=0.4 * i) for i in range(7)]
    with sim.frozen():
        listed = sim.respond({"Retina": gratings}, duration=duration)
        assert np.array_equal(sim["V1"].activity, listed["V1"][-1])
        assert max(settled) == (4 if duration >= 1 else 0)
        for i, grating in enumerate(gratings):
            alone = sim.respond({"Retina": [grating]}, duration=duration)
            for name, response in alone.items():
                assert np.array_equal(response[0], listed[name][i]), (name, i)
    assert len(np.unique([response.sum() for response in listed["V1"]])) == 7


def test_interleaved_simulations_do_not_touch_each_other():
    """Two simulations that run in turns end like one that ran alone."""
    alone, one, other = NETWORK.build("compiled"), NETWORK.build("compiled"), Network(tsettle=4).build("compiled")
    alone.run(6)
    for until in range(1, 7):
        one.run(until)
        other.run(until + 0.35)
    assert_same(alone, one)


def test_a_state_crosses_engines():
    """A state that the fast path stored is understood by the reference precision, and the other way round."""
    fast, dense = NETWORK.build("compiled"), NETWORK.build("reference")
    fast.run(5)
    dense.restore(fast.state())
    back = NETWORK.build("compiled")
    back.restore(dense.state())
    for sim in (dense, back):
        for name, projection in sim["V1"].projections.items():
            original = fast["V1"].projections[name].weights
            assert np.abs(projection.weights - original).max() <= 1e-6 * original.max()


@pytest.mark.parametrize("source", ["Retina", "Relay0"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_stored_state_puts_right_what_a_wrong_number_has_spoilt(source, value):
    """An input that is no finite number is found, and restoring a state from before it leaves no trace of it."""
    spoilt, whole = NETWORK.build("compiled"), NETWORK.build("compiled")
    spoilt.run(2)
    state = spoilt.state()
    wrong = np.zeros(spoilt[source].shape)
    wrong[3, 4] = value
    spoilt.events.send(wrong, [p for p in spoilt[source].outgoing if p.dest is not p.src])
    spoilt.run(3)
    with pytest.raises(NumericalError):
        spoilt.check_finite()
    spoilt.restore(state)
    spoilt.run(4)
    whole.run(4)
    assert_same(whole, spoilt)


@pytest.mark.parametrize("end", [0.5, 0.6, 1.4])
def test_what_is_to_come_is_stored_in_the_same_order_however_it_came_about(end):
    """Of two sheets that send at one time one acts ahead of time in a whole run, and none in a sliced one."""
    whole, sliced = two_ways("compiled"), two_ways("compiled")
    whole.run(end)
    for stop in np.arange(0.05, end + 0.01, 0.05).round(2):
        sliced.run(float(stop))
    assert_same(whole, sliced)


@pytest.mark.parametrize("moment", [0.2, 0.45, 1.45, 2])
def test_a_stored_state_with_feedback_continues_bit_for_bit(moment):
    """Where another sheet answers while a sheet settles, a run that is stored and restored is still the same run."""
    whole, first, second = (feedback("compiled", lateral=0.1, others=0.05) for _ in range(3))
    whole.run(4)
    first.run(moment)
    second.restore(first.state())
    second.run(4)
    assert_same(whole, second)
