"""Learning rules by their theory: to which weights each of them leads."""

import numpy as np
import pytest

from topo_exp.engine.learning import EuclideanHebbian, Hebbian
from topo_exp.engine.learning_rules import BCM, CPCA, BCMFixed, Covariance, Oja, Outstar, Trace
from topo_exp.engine.memory import RuleMemory, declared_memory


def as_fields(vectors):
    """Weights or inputs of several units, (units, 1, n)."""
    return np.atleast_2d(vectors)[:, None, :]


def learn(rule, weights, samples, rate, *, units=None):
    """Present samples (times, n) to linear units with `weights` (units, n); return the weights after the last one."""
    weights, memory = as_fields(weights), None
    if declared_memory(rule, "rule"):
        memory = RuleMemory(declared_memory(rule, "rule"), weights.shape).of(np.arange(len(weights)))
    for sample in samples:
        inputs = as_fields(np.tile(sample, (len(weights), 1)))
        activity = (weights * inputs).sum(axis=(1, 2)) if units is None else units(sample)
        weights = rule(weights, inputs, activity, rate, *([] if memory is None else [memory]))
    return weights[:, 0, :]


@pytest.mark.parametrize("alpha", [1.0, 4.0])
def test_oja_finds_the_first_principal_component(alpha):
    """From random weights, linear units come to the first principal component, of length alpha^(-1/2)."""
    random = np.random.default_rng(4)
    axes = np.linalg.qr(random.normal(size=(4, 4)))[0]
    samples = random.normal(size=(6000, 4)) * [2.0, 1.0, 0.5, 0.3] @ axes.T
    found = learn(Oja(alpha=alpha), random.normal(size=(3, 4)), samples, 0.002)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), alpha**-0.5, rtol=0.05)
    cosines = np.abs(found @ axes[:, 0]) * alpha**0.5
    np.testing.assert_allclose(cosines, 1, atol=0.05)


def test_covariance_ignores_inputs_that_vary_by_themselves():
    """A weight grows where input and unit vary together, shrinks where they vary oppositely, and stays otherwise."""
    random = np.random.default_rng(5)
    y = random.random(20000)
    samples = np.stack([y, 1 - y, random.random(20000), np.full(20000, 0.5)], axis=1)
    rule = Covariance(unit_threshold=0.5, input_threshold=0.5)
    present = iter(y)
    change = learn(rule, np.zeros((1, 4)), samples, 1 / 20000, units=lambda sample: np.array([next(present)]))[0]
    np.testing.assert_allclose(change, [1 / 12, -1 / 12, 0, 0], atol=3e-3)


@pytest.mark.parametrize("m", [1.0, 2.0])
def test_cpca_estimates_conditional_probabilities(m):
    """A weight tends to m times the probability that its input is active, given that the unit is."""
    random = np.random.default_rng(6)
    chances = np.array([0.9, 0.3, 0.05])
    on = random.random(6000) < 0.4
    samples = np.where(on[:, None], random.random((6000, 3)) < chances, random.random((6000, 3)) < 0.5).astype(float)
    present = iter(on.astype(float))
    found = learn(CPCA(m=m), np.full((1, 3), 0.5), samples, 0.004, units=lambda sample: np.array([next(present)]))
    np.testing.assert_allclose(found[0], m * chances, atol=0.05 * m)


def test_cpca_is_the_rule_of_self_organising_maps_at_another_rate():
    """With m = 1, CPCA is the Euclidean Hebb rule with the rate of a connection instead of that of the field."""
    random = np.random.default_rng(7)
    weights, inputs, activity = random.random((5, 3, 7)), random.random((5, 3, 7)), random.random(5)
    expected = EuclideanHebbian()(weights, inputs, activity, 0.1)
    np.testing.assert_allclose(CPCA()(weights, inputs, activity, 0.1), expected, rtol=1e-14)


def test_outstar_weights_become_the_pattern_of_the_units():
    """From an input that is active with a pattern of units, the weights become that pattern; others stay."""
    pattern = np.array([0.2, 0.9, 0.0, 0.5])
    found = learn(Outstar(), np.full((4, 2), 0.3), [np.array([1.0, 0.0])] * 500, 0.05, units=lambda sample: pattern)
    np.testing.assert_allclose(found[:, 0], pattern, atol=1e-9)
    np.testing.assert_array_equal(found[:, 1], 0.3)


def test_a_fixed_threshold_parts_growth_from_decay():
    """Above its threshold a unit's weights grow by the rule, below it they shrink, at it they stay."""
    weights, inputs = np.full((3, 1, 2), 0.5), np.ones((3, 1, 2))
    change = BCMFixed(unit_threshold=0.5)(weights, inputs, np.array([0.2, 0.5, 0.8]), 0.1) - weights
    np.testing.assert_allclose(change[:, 0, 0], [0.1 * 0.2 * -0.3, 0, 0.1 * 0.8 * 0.3])


def test_bcm_units_become_selective():
    """Of n equally frequent independent inputs each unit comes to respond to one, with n, and to no other."""
    random = np.random.default_rng(8)
    patterns = np.array([[1.0, 0.2, 0.1], [0.1, 1.0, 0.2], [0.2, 0.1, 1.0]])
    samples = patterns[random.integers(3, size=9000)]
    found = learn(BCM(t_init=0.5, smoothing=0.98), random.uniform(0.2, 0.5, (6, 3)), samples, 0.01)
    responses = np.sort(found @ patterns.T, axis=1)
    np.testing.assert_allclose(responses[:, 2], 3, atol=0.3)
    np.testing.assert_allclose(responses[:, :2], 0, atol=0.15)


def test_a_trace_binds_what_follows_each_other():
    """Weights grow from inputs that follow the unit's activity, by as much as is left of its trace."""
    frames = np.eye(4)
    activities = iter([1.0, 0.0, 0.0, 0.0])
    rule = Trace(trace_strength=0.4)
    found = learn(rule, np.zeros((1, 4)), frames, 1.0, units=lambda sample: np.array([next(activities)]))[0]
    np.testing.assert_allclose(found, 0.4 * 0.6 ** np.arange(4))


def test_a_trace_of_the_present_alone_is_the_rule_itself():
    """With trace_strength 1 nothing lasts: the rule is that which is applied."""
    random = np.random.default_rng(9)
    samples, weights = random.random((20, 4)), random.random((2, 4))
    for rule in (Hebbian(), CPCA()):
        found = learn(Trace(trace_strength=1.0, rule=rule), weights, samples, 0.01)
        np.testing.assert_array_equal(found, learn(rule, weights, samples, 0.01))


def test_foldiak_learns_a_position_free_response():
    """Földiák's rule on sweeping bars: a unit that starts an orientation comes to respond to all its positions."""
    random = np.random.default_rng(10)
    places = 4
    weights = np.concatenate([np.full((2, places), 0.02), np.full((2, places), 0.02)], axis=1)
    weights[0, 1], weights[1, places + 2] = 0.5, 0.5
    fields = as_fields(weights)
    rule = Trace(trace_strength=0.3, rule=CPCA())
    memory = RuleMemory(declared_memory(rule, "rule"), fields.shape).of(np.arange(2))
    for _ in range(600):
        orientation = random.integers(2)
        for place in np.roll(np.arange(places), random.integers(places)):
            sample = np.zeros(2 * places)
            sample[orientation * places + place] = 1.0
            response = fields[:, 0, :] @ sample
            winner = np.zeros(2)
            winner[np.argmax(response + 1e-3 * memory["trace"])] = 1.0
            fields = rule(fields, as_fields(np.tile(sample, (2, 1))), winner, 0.05, memory)
    found = fields[:, 0, :].reshape(2, 2, places).sum(axis=2)
    assert set(found.argmax(axis=1)) == {0, 1}
    assert (found.max(axis=1) > 3 * found.min(axis=1)).all()
    own = fields[:, 0, :].reshape(2, 2, places)[np.arange(2), found.argmax(axis=1)]
    assert own.min() > 0.1
