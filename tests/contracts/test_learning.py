"""Learning rules and weight normalisations: every member of both families, and a user's own."""

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, network
from topo_exp.engine import learning, learning_rules
from topo_exp.engine.learning import (
    DivisiveNormalizeL1,
    DivisiveNormalizeL2,
    EuclideanHebbian,
    Hebbian,
    KeepWeights,
    cellwise,
    is_linear,
)
from topo_exp.engine.learning_rules import BCM, CPCA, BCMFixed, Covariance, Oja, Outstar, Trace
from topo_exp.engine.memory import RuleMemory, declared_memory
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.streams import UniformRandom
from topo_exp.errors import ParameterError

RULES = {
    "Hebbian": Hebbian,
    "EuclideanHebbian": EuclideanHebbian,
    "Oja": lambda: Oja(alpha=0.5),
    "Covariance": lambda: Covariance(unit_threshold=0.1, input_threshold=0.2),
    "CPCA": lambda: CPCA(m=1.5),
    "Outstar": Outstar,
    "BCMFixed": lambda: BCMFixed(unit_threshold=0.2),
}
WITH_MEMORY = {
    "BCM": lambda: BCM(t_init=0.1, smoothing=0.8),
    "Trace": lambda: Trace(trace_strength=0.4),
}
MORE_WITH_MEMORY = {"Trace of CPCA": lambda: Trace(rule=CPCA()), "Trace of SOM": lambda: Trace(rule=EuclideanHebbian())}
OWN_RULES = {
    "oja": lambda: functions.oja,
    "anti_hebbian": lambda: functions.anti_hebbian,
    "decay_everywhere": lambda: functions.decay_everywhere,
}
NORMALISATIONS = {
    "DivisiveNormalizeL1": DivisiveNormalizeL1,
    "DivisiveNormalizeL2": DivisiveNormalizeL2,
    "KeepWeights": KeepWeights,
}
OWN_NORMALISATIONS = {
    "in single precision": lambda: DivisiveNormalizeL1(single_precision=True),
    "to_unit_length": lambda: functions.to_unit_length,
    "to_zero_mean": lambda: functions.to_zero_mean,
}
ALL_WITH_MEMORY = {**WITH_MEMORY, **MORE_WITH_MEMORY}
ALL_RULES, ALL_NORMALISATIONS = {**RULES, **OWN_RULES}, {**NORMALISATIONS, **OWN_NORMALISATIONS}


def arguments() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return weights, inputs, activity (one unit silent) and a rate."""
    random = np.random.default_rng(7)
    activity = random.random(5)
    activity[2] = 0
    return random.random((5, 3, 7)), random.random((5, 3, 7)), activity, 0.1


def test_every_learning_rule_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    for more, examples in (("rate", RULES), ("rate, memory", WITH_MEMORY)):
        takes = f"weights, inputs, activity, {more}"
        family = {name for module in (learning, learning_rules) for name in members(module, takes=takes)}
        assert missing(family, examples) == []


def test_every_normalisation_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    assert missing(members(learning, takes="weights"), NORMALISATIONS) == []


def test_the_modules_hold_these_families_only():
    """Nothing declared among the learning rules escapes the families."""
    assert set(members(learning)) | set(members(learning_rules)) == {*RULES, *WITH_MEMORY, *NORMALISATIONS}


@pytest.mark.parametrize("name", [*RULES, *WITH_MEMORY, *NORMALISATIONS])
def test_they_are_declared(name):
    """Every member says what it is and documents every parameter; a rule cites where its equation is from."""
    member = type({**RULES, **WITH_MEMORY, **NORMALISATIONS}[name]())
    assert_declared(member, source=name not in NORMALISATIONS)


@pytest.mark.parametrize("name", ALL_RULES)
def test_rules_are_functions_of_their_arguments(name):
    """New weights have the shape of the old ones, are the same again, and no argument was touched."""
    rule, given, copies = ALL_RULES[name](), arguments(), arguments()
    new = rule(*given)
    assert new.shape == (5, 3, 7)
    assert np.isfinite(new).all()
    assert not np.array_equal(new, copies[0])
    np.testing.assert_array_equal(new, rule(*copies))
    for touched, copy in zip(given, copies, strict=True):
        np.testing.assert_array_equal(touched, copy)


@pytest.mark.parametrize("name", ALL_RULES)
def test_units_learn_each_for_itself(name):
    """A unit's new weights do not depend on which other units learn with it: units may be chosen and cut in pieces."""
    rule, (weights, inputs, activity, rate) = ALL_RULES[name](), arguments()
    whole = rule(weights, inputs, activity, rate)
    for unit in range(5):
        one = slice(unit, unit + 1)
        np.testing.assert_array_equal(rule(weights[one], inputs[one], activity[one], rate), whole[one])


@pytest.mark.parametrize("name", ALL_RULES)
def test_a_rule_that_is_for_active_units_leaves_the_others(name):
    """Where a rule asks for the active units only, silent units would not change anyway; and at rate 0 nobody."""
    rule, (weights, inputs, activity, rate) = ALL_RULES[name](), arguments()
    np.testing.assert_array_equal(rule(weights, inputs, activity, 0.0), weights)
    if getattr(rule, "active_units_only", False):
        np.testing.assert_array_equal(rule(weights, inputs, activity, rate)[2], weights[2])


@pytest.mark.parametrize("name", ALL_RULES)
def test_a_cellwise_rule_does_not_depend_on_the_place_of_a_cell(name):
    """Where a rule declares so, cells may be rearranged and left out: the others' new weights stay the same."""
    rule, (weights, inputs, activity, rate) = ALL_RULES[name](), arguments()
    if not getattr(rule, "cellwise", False):
        pytest.skip("is not declared")
    order = np.random.default_rng(2).permutation(21)[:12]
    cells = [array.reshape(5, 21)[:, order].reshape(5, 4, 3) for array in (weights, inputs)]
    whole = rule(weights, inputs, activity, rate)
    np.testing.assert_array_equal(rule(*cells, activity, rate), whole.reshape(5, 21)[:, order].reshape(5, 4, 3))


@pytest.mark.parametrize("name", [*RULES, *ALL_WITH_MEMORY])
def test_coefficients_give_the_change_that_a_rule_makes(name):
    """Where a rule is linear, its `change` is the difference of new and old weights, and updates memory as a call."""
    rule, (weights, inputs, activity, rate) = {**RULES, **ALL_WITH_MEMORY}[name](), arguments()
    assert is_linear(rule) == (name != "Covariance")
    if not is_linear(rule):
        pytest.skip("is not linear in inputs and weights")
    memories = [[begun(rule)] if name in ALL_WITH_MEMORY else [] for _ in range(2)]
    for _ in range(3):
        new = rule(weights, inputs, activity, rate, *memories[0])
        change = rule.change(activity, rate, *memories[1]).of(weights, inputs)
        np.testing.assert_allclose(change, new - weights, rtol=1e-12, atol=1e-15)
        for one, other in zip(*memories, strict=True):
            assert all(np.array_equal(one[key], other[key]) for key in one)
        weights = new


def test_rules_that_redefine_the_call_are_not_linear():
    """The coefficients of a base class do not hold for a subclass, or an object, with a call of its own."""

    class Doubled(Oja):
        """Learns twice as fast."""

        def __call__(self, weights, inputs, activity, rate):
            """Return the new weights."""
            return super().__call__(weights, inputs, activity, 2 * rate)

    class Same(Oja):
        """Adds nothing."""

    assert not is_linear(Doubled())
    assert is_linear(Same())
    assert not is_linear(Trace(rule=Doubled()))
    assert not is_linear(functions.oja)


def decay_and_grow(weights, inputs, activity, rate):
    """Return weights that decay everywhere and grow by the Hebb rule."""
    return weights * (1 - rate) + (rate * activity)[:, None, None] * inputs


@cellwise
def decay_and_grow_cellwise(weights, inputs, activity, rate):
    """Return the same, by a rule that is declared."""
    return decay_and_grow(weights, inputs, activity, rate)


def test_a_function_is_declared_cellwise_by_a_decorator():
    """The decorator returns the function itself, and learning by it gives the same bits as without."""
    results = []
    for rule in (decay_and_grow, decay_and_grow_cellwise):
        sim = network(afferent={"learning_fn": rule, "learning_rate": 0.2})("reference")
        sim.run(5)
        results.append([p.weights for p in sim.projections if isinstance(p, CFProjection)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    assert cellwise(decay_and_grow_cellwise) is decay_and_grow_cellwise


def test_rules_compute_their_equations():
    """Each member computes the equation that its docstring gives, element by element."""
    weights, inputs, activity, rate = arguments()
    for i, j, k in np.ndindex(weights.shape):
        w, x, y = weights[i, j, k], inputs[i, j, k], activity[i]
        assert Hebbian()(weights, inputs, activity, rate)[i, j, k] == pytest.approx(w + rate * x * y, rel=1e-14)
        moved = EuclideanHebbian()(weights, inputs, activity, rate)[i, j, k]
        assert moved == pytest.approx(w + rate * y * (x - w), rel=1e-14)
        expected = {
            "Oja": w + rate * (y * x - 0.5 * y**2 * w),
            "Covariance": w + rate * (y - 0.1) * (x - 0.2),
            "CPCA": w + rate * y * (1.5 * x - w),
            "Outstar": w + rate * x * (y - w),
            "BCMFixed": w + rate * y * (y - 0.2) * x,
        }
        for name, value in expected.items():
            found = RULES[name]()(weights, inputs, activity, rate)[i, j, k]
            assert found == pytest.approx(value, rel=1e-13), name


def begun(rule) -> dict[str, np.ndarray]:
    """Return the memory that a rule begins with."""
    return RuleMemory(declared_memory(rule, "rule"), (5, 3, 7)).of(np.arange(5))


@pytest.mark.parametrize("name", ALL_WITH_MEMORY)
def test_rules_with_memory_change_nothing_but_their_memory(name):
    """Weights come back in a new array, the arguments stay, the memory is declared, and a unit is by itself."""
    rule, given, copies = ALL_WITH_MEMORY[name](), arguments(), arguments()
    memory = begun(rule)
    for step in range(3):
        before = {key: array.copy() for key, array in memory.items()}
        new = rule(*given, memory)
        assert new.shape == (5, 3, 7)
        assert memory.keys() == rule.memory.keys()
        for touched, copy in zip(given, copies, strict=True):
            np.testing.assert_array_equal(touched, copy)
        for unit in range(5):
            one = slice(unit, unit + 1)
            alone = {key: array[one] for key, array in before.items()}
            weights, inputs, activity, rate = given
            np.testing.assert_array_equal(rule(weights[one], inputs[one], activity[one], rate, alone), new[one])
            assert all(np.array_equal(alone[key], memory[key][one]) for key in memory)
        assert step > 0 or not np.array_equal(new, copies[0])


def test_rules_with_memory_compute_their_equations():
    """Weights and memory follow the equations of the docstrings over several steps, computed here by hand."""
    weights, inputs, _, rate = arguments()
    bcm, trace = WITH_MEMORY["BCM"](), WITH_MEMORY["Trace"]()
    found = {"BCM": weights, "Trace": weights}
    expected = {"BCM": weights, "Trace": weights}
    memory = {"BCM": begun(bcm), "Trace": begun(trace)}
    threshold, average = np.full(5, 0.1), np.zeros(5)
    for y in np.random.default_rng(3).random((4, 5)):
        found = {key: rule(found[key], inputs, y, rate, memory[key]) for key, rule in (("BCM", bcm), ("Trace", trace))}
        average = 0.4 * y + 0.6 * average
        expected["BCM"] = expected["BCM"] + rate * (y * (y - threshold))[:, None, None] * inputs
        expected["Trace"] = expected["Trace"] + rate * average[:, None, None] * inputs
        threshold = 0.8 * threshold + 0.2 * y**2
        for key in found:
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-13)


@pytest.mark.parametrize("lateral", [False, True])
@pytest.mark.parametrize("name", ALL_WITH_MEMORY)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_rules_with_memory_keep_every_promise(name, lateral, contract):
    """A network that learns by a rule with memory keeps every promise: the memory is stored, restored and frozen."""
    learns = {"learning_fn": ALL_WITH_MEMORY[name](), "learning_rate": 0.2}
    CONTRACTS[contract](network(**{"inhibition" if lateral else "afferent": learns}))


@pytest.mark.parametrize("name", ALL_NORMALISATIONS)
def test_normalisations_are_functions_of_the_weights(name):
    """Shape stays, the argument is left alone, and a field without weights stays without, and finite."""
    fn, weights = ALL_NORMALISATIONS[name](), np.random.default_rng(8).normal(size=(5, 3, 7))
    weights[3] = 0
    copy = weights.copy()
    new = fn(weights)
    assert new.shape == weights.shape
    assert np.isfinite(new).all()
    assert not new[3].any()
    np.testing.assert_array_equal(weights, copy)
    np.testing.assert_array_equal(new, fn(copy))


def test_divided_weights_sum_to_one():
    """After dividing, absolute weights of each unit sum to 1; signs and proportions stay."""
    weights = np.random.default_rng(9).normal(size=(5, 3, 7))
    new = DivisiveNormalizeL1()(weights)
    np.testing.assert_allclose(np.abs(new).sum(axis=(1, 2)), 1, rtol=1e-14)
    np.testing.assert_allclose(new / weights, (new[:, :1, :1] / weights[:, :1, :1]) * np.ones((5, 3, 7)), rtol=1e-12)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_weights_keep_unit_length(engine):
    """With the Euclidean norm, the squares of each unit's weights sum to 1, before and after learning."""
    sim = network(afferent={"weights_output_fn": DivisiveNormalizeL2()})(engine)
    for until in (0, 4):
        sim.run(until)
        lengths = np.sqrt((sim["V1"].projections["Afferent"].weights.astype(float) ** 2).sum(axis=(1, 2)))
        np.testing.assert_allclose(lengths, 1, rtol=1e-6)


@pytest.mark.parametrize("lateral", [False, True])
@pytest.mark.parametrize("name", ALL_RULES)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_rules_keep_every_promise(name, lateral, contract):
    """A network that learns by this rule, from outside or from itself, keeps every promise."""
    learns = {"learning_fn": ALL_RULES[name](), "learning_rate": 0.2}
    CONTRACTS[contract](network(**{"inhibition" if lateral else "afferent": learns}))


@pytest.mark.parametrize("rule", ["Hebbian", "oja"])
@pytest.mark.parametrize("name", ALL_NORMALISATIONS)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_normalisations_keep_every_promise(name, rule, contract):
    """A network whose weights are normalised in this way, after a rule of ours or a user's, keeps every promise."""
    projection = {"weights_output_fn": ALL_NORMALISATIONS[name](), "learning_fn": ALL_RULES[rule]()}
    CONTRACTS[contract](network(afferent=projection))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_silent_units_learn_by_rules_that_let_them(engine):
    """A plain function is called with all units, and changes those too that were silent; none outside their fields."""
    sim = network(lateral={"learning_fn": functions.decay_everywhere, "weights_output_fn": KeepWeights()})(engine)
    before = sim["V1"].projections["Lateral"].weights
    sim.run(1)
    projection = sim["V1"].projections["Lateral"]
    silent = sim["V1"].activity.ravel() == 0
    changed = (projection.weights != before).any(axis=(1, 2))
    assert silent.any()
    assert changed.all()
    assert not projection.weights[~projection.mask].any()


def test_a_rate_below_zero_is_refused():
    """A learning rate is never negative: a rule that takes weights away says so itself."""
    with pytest.raises(ParameterError, match=r"CFProjection\.learning_rate"):
        network(afferent={"learning_rate": -0.1})("compiled")


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_drawn_rate_below_zero_is_refused(engine):
    """The same holds for one that is drawn, when it is drawn."""
    sim = network(afferent={"learning_rate": UniformRandom(lbound=-2, ubound=-1)})(engine)
    with pytest.raises(ParameterError, match=r"V1/Afferent\.learning_rate: must be .* \(got -1\."):
        sim.run(1)
