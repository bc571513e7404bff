"""`sim.restore(state, parameters=...)`: differing parameters are named, taken from the state, or kept."""

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.networks import differences, network
from topo_exp.engine.actions import SetParameter
from topo_exp.errors import ParameterError, StateError


def weights(sim):
    """Return the afferent weights."""
    return sim["V1"].projections["Afferent"].weights


@pytest.fixture
def stored():
    """A network after two iterations, and its state."""
    sim = network()("compiled")
    sim.run(2)
    return sim, sim.state()


def test_differing_parameters_are_named_and_nothing_is_changed(stored):
    """Without a choice, a state with other parameters is refused by their names and values, before anything changes."""
    other = network(afferent={"learning_rate": 0.6}, cortex={"tsettle": 4})("compiled")
    before = other.state()
    with pytest.raises(StateError) as raised:
        other.restore(stored[1])
    message = str(raised.value)
    assert "V1/Afferent.learning_rate = 0.3 in the state, 0.6 here" in message
    assert "V1.tsettle = 3 in the state, 4 here" in message
    assert 'parameters="keep"' in message
    assert differences(other.state(), before) == []


def test_parameters_of_the_state_continue_as_before(stored):
    """With parameters="state" the run continues as the one that was stored."""
    other = network(afferent={"learning_rate": 0.6})("compiled")
    other.restore(stored[1], parameters="state")
    assert other["V1"].projections["Afferent"].learning_rate == 0.3
    for sim in (stored[0], other):
        sim.run(4)
    assert differences(stored[0].state(), other.state()) == []


def test_kept_parameters_act_from_then_on(stored):
    """With parameters="keep" the weights are the stored ones, and learning continues at this simulation's rate."""
    fast, still = (network(afferent={"learning_rate": rate})("compiled") for rate in (0.6, 0.0))
    for sim in (fast, still):
        sim.restore(stored[1], parameters="keep")
        np.testing.assert_array_equal(weights(sim), weights(stored[0]))
    before = weights(stored[0])
    for sim in (stored[0], fast, still):
        sim.run(3)
    moved = [np.abs(weights(sim) - before).max() for sim in (still, stored[0], fast)]
    assert moved[0] < 1e-7 < moved[1] < moved[2]


def test_scheduled_parameters_do_not_count_as_differing():
    """What a schedule had set by then is set again, with any choice, and is no difference."""
    make = network(more=lambda sim: sim.schedule(1, SetParameter(path="V1/Lateral", parameter="strength", value=0.1)))
    for choice in (None, "state", "keep"):
        first, second = make("compiled"), make("compiled")
        first.run(2)
        second.restore(first.state(), parameters=choice)
        assert second["V1"].projections["Lateral"].strength == 0.1
        for sim in (first, second):
            sim.run(3)
        assert differences(first.state(), second.state()) == []


def test_plain_functions_may_have_changed_any_parameter():
    """After an action that is a function of a user's own, the parameters of the state are taken without a question."""
    make = network(more=lambda sim: sim.schedule(1, functions.swap_signs))
    first, second = make("compiled"), make("compiled")
    first.run(2)
    second.restore(first.state())
    assert second["V1"].projections["Afferent"].learning_rate == first["V1"].projections["Afferent"].learning_rate


def test_another_choice_is_refused(stored):
    """A choice that does not exist is named with those that do."""
    with pytest.raises(ParameterError, match=r"Simulation\.restore: parameters must be .*'stat'"):
        stored[0].restore(stored[1], parameters="stat")


def test_going_back_before_an_action_resets_what_was_declared_then():
    """A value set by hand after going back once is the one to which going back again leads."""
    sim = network()("compiled")
    sim.schedule(1, SetParameter(path="V1/Afferent", parameter="learning_rate", value=0.0))
    begin = sim.state()
    afferent = sim["V1"].projections["Afferent"]
    for rate in (0.3, 0.7, 0.5):
        afferent.learning_rate = rate
        sim.run(2)
        assert afferent.learning_rate == 0.0
        sim.restore(begin, parameters="keep")
        assert afferent.learning_rate == rate
