"""Scheduled actions: every member of the family, and functions of a user's own."""

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, differences, network, spot
from topo_exp.engine import actions
from topo_exp.engine.actions import ChangeBounds, SetParameter, SetRatePerConnection, ShowPattern
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.patterns import Gaussian, UniformNoise
from topo_exp.engine.response import EuclideanSimilarity
from topo_exp.engine.streams import UniformRandom
from topo_exp.errors import ModelError, UnknownNameError

EXAMPLES = {
    "SetParameter": lambda: SetParameter(path="V1/Inhibition", parameter="strength", value=-0.2),
    "ChangeBounds": lambda: ChangeBounds(path="V1/Inhibition", bounds=BoundingBox(radius=0.15)),
    "SetRatePerConnection": lambda: SetRatePerConnection(path="V1/Inhibition", rate=0.01),
    "ShowPattern": lambda: ShowPattern(sheet="Retina", pattern=spot(seed=40, scale=0.7)),
}
OTHERS = {
    "a number of numpy": lambda: SetParameter(path="V1/Inhibition", parameter="strength", value=np.float32(-0.3)),
    "a whole number of numpy": lambda: SetParameter(path="V1", parameter="tsettle", value=np.int64(2)),
    "a function": lambda: SetParameter(path="V1/Afferent", parameter="response_fn", value=EuclideanSimilarity()),
    "a number that varies": lambda: SetParameter(
        path="V1/Afferent", parameter="learning_rate", value=UniformRandom(seed=6)
    ),
    "noise": lambda: ShowPattern(sheet="Retina", pattern=UniformNoise(seed=6)),
    "a user's own": lambda: functions.swap_signs,
}
EXAMPLES_AND_OTHERS = {**EXAMPLES, **OTHERS}


def scheduled(name: str):
    """Return what builds a network in which the action happens at 2 and, of SetParameter, once more at 3."""

    def more(sim):
        sim.schedule(2, EXAMPLES_AND_OTHERS[name]())
        if name == "SetParameter":
            sim.schedule(3, SetParameter(path="V1/Inhibition", parameter="strength", value=0.1))

    return network(afferent={"learning_rate": lambda: UniformRandom(seed=5)}, more=more)


def test_every_action_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    assert missing(members(actions, takes="sim"), EXAMPLES) == []
    assert set(members(actions)) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_actions_are_declared(name):
    """Every member says what it is, and documents every parameter."""
    assert_declared(type(EXAMPLES[name]()))


@pytest.mark.parametrize("name", EXAMPLES_AND_OTHERS)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_actions_keep_every_promise(name, contract):
    """A network in which this happens keeps every promise."""
    if name == "a user's own":
        CONTRACTS[contract](network(more=lambda sim: sim.schedule(2, functions.swap_signs)))
    else:
        CONTRACTS[contract](scheduled(name))


@pytest.mark.parametrize("name", EXAMPLES_AND_OTHERS)
def test_actions_do_something(name):
    """Until its time a network runs as if the action were not there, and afterwards it does not."""
    rate = {} if name == "a user's own" else {"learning_rate": lambda: UniformRandom(seed=5)}
    changed, plain = (
        network(afferent=rate, more=lambda sim: sim.schedule(2, EXAMPLES_AND_OTHERS[name]())),
        network(afferent=rate),
    )
    with_action, without = changed("compiled"), plain("compiled")
    for until, same in ((1.9, True), (4.0, False)):
        with_action.run(until)
        without.run(until)
        weights = [sim["V1"].projections["Afferent"].weights for sim in (with_action, without)]
        assert np.array_equal(*weights) == same


@pytest.mark.parametrize("name", [name for name in EXAMPLES_AND_OTHERS if name != "a user's own"])
@pytest.mark.parametrize("moment", [2.0, 2.5, 3.5])
def test_states_after_an_action_are_restored_bit_for_bit(name, moment):
    """What an action did is in the state: right after it, while the old input is on its way, and later."""
    whole, first, second = (scheduled(name)("compiled") for _ in range(3))
    whole.run(4)
    first.run(moment)
    second.restore(first.state())
    assert differences(first.state(), second.state()) == []
    second.run(4)
    assert differences(whole.state(), second.state()) == []


@pytest.mark.parametrize("name", [name for name in EXAMPLES_AND_OTHERS if name != "a user's own"])
def test_a_simulation_goes_back_before_an_action(name):
    """A state from before an action, restored into the simulation that has gone past it, leads to the same end."""
    sim, whole = scheduled(name)("compiled"), scheduled(name)("compiled")
    whole.run(4)
    sim.run(1.5)
    state = {key: value.copy() for key, value in sim.state().items()}
    sim.run(3.5)
    sim.restore(state)
    assert differences(sim.state(), state) == []
    sim.run(4)
    assert differences(whole.state(), sim.state()) == []


def test_a_measurement_sees_what_was_restored():
    """Responses measured right after restoring are those that would have been measured where the state was stored."""
    first, second = scheduled("SetParameter")("compiled"), scheduled("SetParameter")("compiled")
    first.run(2.5)
    second.restore(first.state())
    measured = []
    for sim in (first, second):
        with sim.frozen():
            measured.append(sim.respond({"Retina": [Gaussian(size=0.3)]})["V1"])
    np.testing.assert_array_equal(*measured)
    assert measured[0].any()


def test_a_measurement_sees_what_was_set_by_hand():
    """A parameter that was set between two runs holds for a measurement too."""
    by_hand, built = network()("compiled"), network(inhibition={"strength": 0.0})("compiled")
    by_hand.start()
    by_hand["V1"].projections["Inhibition"].strength = 0.0
    measured = []
    for sim in (by_hand, built):
        with sim.frozen():
            measured.append(sim.respond({"Retina": [Gaussian(size=0.3)]})["V1"])
    np.testing.assert_array_equal(*measured)


def meddle(sim, *, restored):
    """Do what an analysis might: set parameters, functions and weights, shrink fields, restore another state."""
    other = network()("compiled")
    other.run(3)
    sim["V1"].tsettle = 1
    sim["V1"].projections["Afferent"].response_fn = functions.squared
    sim["V1"].projections["Lateral"].learning_fn = functions.oja
    sim["V1"].output_fns = [functions.soft]
    sim["V1"].projections["Inhibition"].weights = sim["V1"].projections["Inhibition"].weights * 2
    sim["V1"].projections["Lateral"].change_bounds(BoundingBox(radius=0.13))
    sim.run(sim.time + 1.3)
    if restored:
        sim.restore(other.state(), parameters="state")
        sim.run(sim.time + 0.7)


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_whatever_was_done_while_frozen_is_taken_back(engine, restored):
    """Parameters, functions, weights, bounds and states that were set while frozen are what they were before."""
    meddled, alone = network()(engine), network()(engine)
    for sim in (meddled, alone):
        sim.run(2)
    before = meddled.state()
    with meddled.frozen():
        meddle(meddled, restored=restored)
    assert differences(before, meddled.state()) == []
    for sim in (meddled, alone):
        sim.run(4)
    assert differences(alone.state(), meddled.state()) == []


def test_actions_wait_while_frozen():
    """A run while frozen passes the time of an action without it, and it happens when that time comes in earnest."""
    sim, happened = network()("compiled"), []
    sim.schedule(2, lambda s: happened.append(s.time))
    sim.run(1)
    with sim.frozen():
        sim.run(3)
    assert happened == []
    sim.run(3)
    assert happened == [2.0]


@pytest.mark.parametrize(
    ("action", "error", "says"),
    [
        (SetParameter(path="V2", parameter="tsettle", value=1), UnknownNameError, "got 'V2'"),
        (SetParameter(path="V1/Lateral2", parameter="strength", value=1), UnknownNameError, "Did you mean 'Lateral'"),
        (SetParameter(path="V1", parameter="tsetle", value=1), UnknownNameError, "Did you mean 'tsettle'"),
        (SetParameter(path="V1", parameter="nominal_density", value=9.0), ModelError, r"V1\.nominal_density: must be"),
        (SetParameter(path="V1/Lateral", parameter="nominal_bounds", value=None), ModelError, "Use ChangeBounds"),
        (SetParameter(path="Retina", parameter="input_generator", value=None), ModelError, "Use ShowPattern"),
        (SetParameter(path="V1/Lateral", parameter="strength", value=float("nan")), ValueError, "strength"),
        (ChangeBounds(path="V1"), ModelError, r"ChangeBounds\.path: must name a CFProjection \(got 'V1'\)"),
        (ShowPattern(sheet="V1", pattern=Gaussian()), ModelError, r"ShowPattern\.sheet: must name a GeneratorSheet"),
    ],
)
def test_actions_that_cannot_be_done_say_so(action, error, says):
    """An action that names nothing, or what cannot change any more, is refused with the way to do it."""
    sim = network()("compiled")
    sim.schedule(1, action)
    with pytest.raises(error, match=says):
        sim.run(1)


def test_an_error_in_an_action_passes_through():
    """What a user's action raises is what the user sees."""
    sim = network()("compiled")
    sim.schedule(1, lambda s: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sim.run(1)
