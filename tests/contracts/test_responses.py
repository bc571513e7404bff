"""Response functions and combination functions: every member of both families, and a user's own."""

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, network
from topo_exp.engine import response
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.response import Add, Divide, DotProduct, EuclideanSimilarity

RESPONSES = {"DotProduct": DotProduct, "EuclideanSimilarity": EuclideanSimilarity}
OWN_RESPONSES = {"city_block": lambda: functions.city_block, "squared": lambda: functions.squared}
COMBINATIONS = {"Add": Add, "Divide": lambda: Divide(constant=0.4)}
OWN_COMBINATIONS = {"modulate": lambda: functions.modulate, "replace": lambda: functions.replace}


def test_every_response_function_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    assert missing(members(response, takes="inputs, weights"), RESPONSES) == []


def test_every_combination_function_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    assert missing(members(response, takes="activity, contribution"), COMBINATIONS) == []


def test_the_module_holds_these_two_families_only():
    """Nothing declared among the response functions escapes both families."""
    assert set(members(response)) == set(RESPONSES) | set(COMBINATIONS)


@pytest.mark.parametrize("make", [*RESPONSES.values(), *COMBINATIONS.values()])
def test_they_are_declared(make):
    """Every member says what it is, and documents every parameter."""
    assert_declared(type(make()), source=isinstance(make(), EuclideanSimilarity))


@pytest.mark.parametrize("precision", [np.float64, np.float32])
@pytest.mark.parametrize("name", [*RESPONSES, *OWN_RESPONSES])
def test_responses_are_one_number_for_each_unit(name, precision):
    """The response is finite, a function of the arguments, which it leaves alone, and depends on input and weights."""
    fn = {**RESPONSES, **OWN_RESPONSES}[name]()
    random = np.random.default_rng(1)
    inputs, weights = (random.random((5, 3, 7)).astype(precision) for _ in range(2))
    copies = inputs.copy(), weights.copy()
    result = fn(inputs, weights)
    assert result.shape == (5,)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result, fn(*copies))
    np.testing.assert_array_equal(inputs, copies[0])
    np.testing.assert_array_equal(weights, copies[1])
    assert not np.array_equal(result, fn(inputs * 0.5, weights))
    assert not np.array_equal(result, fn(inputs, weights * 0.5))


@pytest.mark.parametrize("name", [*COMBINATIONS, *OWN_COMBINATIONS])
def test_combinations_have_the_shape_of_the_sheet(name):
    """What two groups combine to is finite, a function of both, and leaves them alone."""
    fn = {**COMBINATIONS, **OWN_COMBINATIONS}[name]()
    random = np.random.default_rng(2)
    activity, contribution = random.normal(size=(2, 4, 6))
    copies = activity.copy(), contribution.copy()
    result = fn(activity, contribution)
    assert result.shape == (4, 6)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result, fn(*copies))
    np.testing.assert_array_equal(activity, copies[0])
    np.testing.assert_array_equal(contribution, copies[1])


def test_equations_hold():
    """Each member computes the equation that its docstring gives."""
    inputs, weights = np.array([[[1.0, 2.0]], [[0.0, 1.0]]]), np.array([[[0.5, 1.0]], [[4.0, 4.0]]])
    np.testing.assert_allclose(DotProduct()(inputs, weights), [2.5, 4.0])
    distance = np.array([np.hypot(0.5, 1.0), 5.0])
    np.testing.assert_allclose(EuclideanSimilarity()(inputs, weights), distance.max() - distance)
    a, c = np.array([[1.0, 2.0]]), np.array([[0.5, -3.0]])
    np.testing.assert_array_equal(Add()(a, c), [[1.5, -1.0]])
    np.testing.assert_array_equal(Divide(constant=0.5)(a, c), [[1.0, 4.0]])


@pytest.mark.parametrize("name", [*RESPONSES, *OWN_RESPONSES])
@pytest.mark.parametrize("projection", [CFProjection, SharedWeightCFProjection])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_responses_keep_every_promise(name, projection, contract):
    """A network with this response, by weights of each unit's own or shared ones, keeps every promise."""
    fn = {**RESPONSES, **OWN_RESPONSES}[name]
    CONTRACTS[contract](network(projection=projection, afferent={"response_fn": fn()}))


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize(
    "name",
    [*COMBINATIONS, *OWN_COMBINATIONS],
)
def test_combinations_keep_every_promise(name, contract):
    """A network in which a group of projections combines in this way keeps every promise."""
    fn = {**COMBINATIONS, **OWN_COMBINATIONS}[name]
    group = 0.2 if name == "replace" else 0.8  # what it replaced would be the input
    CONTRACTS[contract](
        network(
            lateral={"combine": fn(), "activity_group": group},
            inhibition={"combine": fn(), "activity_group": group, "strength": 0.4},
        )
    )


def test_an_own_response_of_a_shared_kernel_is_obeyed():
    """A projection with one kernel for all responds by its response function, on the kernel cropped at the edges."""

    def respond(fn):
        sim = network(projection=SharedWeightCFProjection, afferent={"response_fn": fn})("compiled")
        sim.run(0.12)
        return sim["V1"].projections["Afferent"], sim["Retina"].activity

    projection, activity = respond(functions.squared)
    expected, _ = respond(DotProduct())
    assert not np.array_equal(projection.activity, expected.activity)
    inputs = projection.geometry.patches(activity**2)
    by_hand = 1.5 * (inputs * projection.weights * projection.mask).sum(axis=(1, 2))
    np.testing.assert_allclose(projection.activity.ravel(), by_hand, rtol=1e-6)
