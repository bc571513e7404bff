"""Learning rules with memory per unit or per weight: stored, restored, frozen and cropped with the weights."""

from typing import ClassVar

import numpy as np
import param
import pytest

from tests.contracts.networks import CONTRACTS, box, differences, network, weights
from topo_exp.engine.actions import ChangeBounds, SetParameter
from topo_exp.engine.memory import PerUnit, PerWeight
from topo_exp.errors import ModelError


class TraceAndThreshold(param.Parameterized):
    """A rule of a user's own: inputs leave a trace per weight, and a threshold per unit slides with its activity."""

    memory: ClassVar = {"trace": PerWeight(), "threshold": PerUnit(0.05)}

    def __call__(self, weights, inputs, activity, rate, memory):
        """Return the weights after one step."""
        memory["trace"] = 0.7 * memory["trace"] + 0.3 * inputs
        change = activity * (activity - memory["threshold"])
        memory["threshold"] += 0.2 * (activity**2 - memory["threshold"])
        return np.maximum(weights + (rate * change)[:, None, None] * memory["trace"], 0)


class ActiveOnly(TraceAndThreshold):
    """The same for units that are active."""

    active_units_only = True


class OneByOne(TraceAndThreshold):
    """The same, declared to treat each connection by itself."""

    cellwise = True


RULES = {"all units": TraceAndThreshold, "active units": ActiveOnly, "connection by connection": OneByOne}


def with_rule(rule, **more):
    """Return what builds a network whose afferents learn by a rule."""
    return network(afferent={"learning_fn": rule(), "learning_rate": 2.0}, **more)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_rules_with_memory_keep_every_promise(rule, contract):
    """A network that learns by such a rule keeps every promise."""
    CONTRACTS[contract](with_rule(RULES[rule]))


@pytest.mark.parametrize("contract", ["engines agree", "a stored state goes on", "frozen leaves no trace"])
def test_memory_is_cropped_with_its_fields(contract):
    """The promises hold, too, when fields shrink while the network runs."""
    shrink = ChangeBounds(path="V1/Afferent", bounds=box(0.2))
    CONTRACTS[contract](with_rule(TraceAndThreshold, more=lambda sim: sim.schedule(2, shrink)))


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_memory_has_the_shape_of_the_template_where_fields_reach_beyond_the_sheet(engine):
    """A rule that is declared cellwise learns the same there as one that is not."""
    trained = []
    for rule in (TraceAndThreshold, OneByOne):
        sim = network(afferent={"learning_fn": rule(), "learning_rate": 2.0, **weights(0.9)})(engine)
        sim.run(3)
        state = sim.state()
        trained.append((state["projections/V1/Afferent/memory/trace"], sim["V1"].projections["Afferent"].weights))
    (trace, learned), (cellwise_trace, cellwise_learned) = trained
    assert trace.shape[1] > sim["Retina"].activity.shape[0]
    np.testing.assert_array_equal(cellwise_trace, trace)
    np.testing.assert_array_equal(cellwise_learned, learned)


def test_memory_is_part_of_the_state_and_acts():
    """Both arrays are stored under the projection's path, have changed, and change the weights."""
    sim, forgetful = (with_rule(TraceAndThreshold)("compiled") for _ in range(2))
    sim.run(3)
    state = sim.state()
    trace, threshold = (state[f"projections/V1/Afferent/memory/{name}"] for name in ("trace", "threshold"))
    assert trace.shape == sim["V1"].projections["Afferent"].weights.shape
    assert threshold.shape == (64,)
    assert trace.any()
    assert not np.allclose(threshold, 0.05)
    reset = dict(state)
    reset["projections/V1/Afferent/memory/trace"] = np.zeros_like(trace)
    forgetful.restore(reset)
    for each in (sim, forgetful):
        each.run(4)
    learned = [each["V1"].projections["Afferent"].weights for each in (sim, forgetful)]
    assert not np.array_equal(*learned)


def test_networks_without_such_rules_have_no_memory_in_their_state():
    """State keys of other networks are what they were."""
    sim = network()("compiled")
    assert not [key for key in sim.state() if "memory" in key]


def test_frozen_learning_leaves_memory_as_it_was():
    """Memory that changes while frozen, with plasticity switched on, is restored on leaving."""
    sim = with_rule(TraceAndThreshold)("reference")
    sim.run(2)
    before = sim.state()
    with sim.frozen():
        sim.plastic = True
        sim.run(4)
        assert differences(before, sim.state()) != []
    assert differences(before, sim.state()) == []


def test_a_rule_that_takes_over_begins_with_its_own_memory():
    """A scheduled rule with memory starts from the declared initial values."""
    action = SetParameter(path="V1/Afferent", parameter="learning_fn", value=TraceAndThreshold())
    sim = network(more=lambda sim: sim.schedule(2, action))("compiled")
    sim.run(2)
    state = sim.state()
    assert (state["projections/V1/Afferent/memory/threshold"] == 0.05).all()
    assert not state["projections/V1/Afferent/memory/trace"].any()


def forgets(weights, inputs, activity, rate, memory):
    """Drop an array."""
    memory.clear()
    return weights


def shrinks(weights, inputs, activity, rate, memory):
    """Change the shape of an array."""
    memory["trace"] = memory["trace"][:3]
    return weights


@pytest.mark.parametrize(
    ("function", "declared", "says"),
    [
        (forgets, {"trace": PerUnit()}, r"V1/Afferent\.learning_fn: must keep the arrays \['trace'\]"),
        (shrinks, {"trace": PerUnit()}, r"V1/Afferent\.learning_fn, memory 'trace': .* shape \(64,\)"),
        (forgets, {"trace": 0.0}, r"V1/Afferent\.learning_fn\.memory: must map names to PerUnit or PerWeight"),
        (lambda w, x, y, r: w, {"trace": PerUnit()}, r"callable as f\(weights, inputs, activity, rate, memory\)"),
    ],
)
def test_wrong_memory_is_named(function, declared, says):
    """A rule that breaks its declaration, or a declaration that is none, is named with the fix."""

    def rule(*arguments):
        return function(*arguments)

    if function.__name__ == "<lambda>":
        rule = function
    rule.memory = declared
    with pytest.raises(ModelError, match=says):
        network(afferent={"learning_fn": rule})("reference").run(2)
