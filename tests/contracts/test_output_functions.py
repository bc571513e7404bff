"""Output functions: every member, those that remember something among them, and a user's own."""

from fractions import Fraction

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, network
from topo_exp.engine import transfer, transfer_functions
from topo_exp.engine.moment import Moment
from topo_exp.engine.streams import ExponentialDecay
from topo_exp.engine.transfer import (
    Adaptive,
    HalfRectify,
    HomeostaticResponse,
    KernelMax,
    PiecewiseLinear,
)
from topo_exp.engine.transfer_functions import (
    BinaryThreshold,
    GeneralizedLogistic,
    HalfRectifyAndPower,
    HalfRectifyAndSquare,
    HomeostaticMaxEnt,
    Logistic,
    NakaRushton,
    Square,
)
from topo_exp.errors import ParameterError

MODULES = (transfer, transfer_functions)
STATELESS = {
    "HalfRectify": HalfRectify,
    "PiecewiseLinear": lambda: PiecewiseLinear(lower=0.05, upper=0.8),
    "Square": Square,
    "HalfRectifyAndSquare": lambda: HalfRectifyAndSquare(t=0.1),
    "HalfRectifyAndPower": lambda: HalfRectifyAndPower(e=1.5, t=0.05),
    "NakaRushton": lambda: NakaRushton(c50=0.2, e=2.0),
    "Logistic": lambda: Logistic(r=6.0, k=-2.0),
    "GeneralizedLogistic": lambda: GeneralizedLogistic(l=-0.1, u=1.1, m=0.2, r=5.0, b=2.0),
    "BinaryThreshold": BinaryThreshold,
}
ADAPTIVE = {
    "HomeostaticResponse": lambda: HomeostaticResponse(t_init=0.05, smoothing=0.5, learning_rate=0.1),
    "KernelMax": lambda: KernelMax(density=8.0, kernel_radius=0.15),
    "HomeostaticMaxEnt": lambda: HomeostaticMaxEnt(a_init=5.0, b_init=-2.0, eta=0.05, mu=0.1),
}
OWN_STATELESS = {"soft": lambda: functions.soft, "identity": lambda: functions.identity}
OWN_ADAPTIVE = {
    "Fatigue": functions.Fatigue,
    "KernelMax on a torus": lambda: KernelMax(density=8.0, kernel_radius=0.15, periodic=True),
    "KernelMax that shrinks": lambda: KernelMax(density=8.0, kernel_radius=ExponentialDecay(start=0.3)),
    "HomeostaticResponse twice an iteration": lambda: HomeostaticResponse(t_init=0.05, period=0.5),
    "HomeostaticResponse that is slow": lambda: HomeostaticResponse(t_init=0.05, period=2.5, learning_rate=0.2),
}
ALL_STATELESS, ALL_ADAPTIVE = {**STATELESS, **OWN_STATELESS}, {**ADAPTIVE, **OWN_ADAPTIVE}


def moment(time: Fraction, *, plastic: bool = True) -> Moment:
    """Return a moment outside of any simulation."""
    return Moment.at(time, plastic=plastic)


def test_every_output_function_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    for examples, of in ((STATELESS, {"takes": "x"}), (ADAPTIVE, {"base": Adaptive})):
        assert missing({name for module in MODULES for name in members(module, **of)}, examples) == []


def test_the_modules_hold_these_two_families_only():
    """Nothing declared among the output functions escapes both families."""
    declared = {name for module in MODULES for name in members(module)}
    assert declared - {"Adaptive"} == set(STATELESS) | set(ADAPTIVE)


@pytest.mark.parametrize("name", [*STATELESS, *ADAPTIVE])
def test_they_are_declared(name):
    """Every member says what it is, documents every parameter, and cites the paper that it is from."""
    member = type({**STATELESS, **ADAPTIVE}[name]())
    assert_declared(member, source=member is not HalfRectify)


@pytest.mark.parametrize("name", ALL_STATELESS)
def test_stateless_functions_are_functions(name):
    """Shape stays, the argument is left alone, and the same input gives the same output whatever came between."""
    fn, x = ALL_STATELESS[name](), np.random.default_rng(3).normal(size=(4, 6))
    copy = x.copy()
    first = np.array(fn(x))
    fn(-x)
    assert first.shape == x.shape
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(x, copy)
    np.testing.assert_array_equal(first, fn(x))


@pytest.mark.parametrize("name", ALL_STATELESS)
def test_what_is_no_number_is_not_hidden(name):
    """NaN in the input is NaN in the activity, so that it is found."""
    x = np.array([[0.5, np.nan]])
    assert np.isnan(ALL_STATELESS[name]()(x)[0, 1])


@pytest.mark.parametrize("name", ALL_ADAPTIVE)
def test_adaptive_functions_remember_in_their_state(name):
    """A function that takes over the state of another goes on as that one, and leaves its argument alone."""
    whole, first, second = (ALL_ADAPTIVE[name]() for _ in range(3))
    inputs = np.random.default_rng(4).random((9, 4, 6))
    times = [Fraction(k, 2) + Fraction(1, 20) for k in range(9)]
    expected = [np.array(whole.apply(x.copy(), moment(t))) for x, t in zip(inputs, times, strict=True)]
    for x, t in zip(inputs[:5], times[:5], strict=True):
        copy = x.copy()
        result = first.apply(x, moment(t))
        assert result.shape == x.shape
        np.testing.assert_array_equal(x, copy)
    state = {key: value.copy() for key, value in first.state().items()}
    assert not any(value.dtype.hasobject for value in state.values())
    second.restore(state)
    first.apply(inputs[0] * 3, moment(times[5]))  # the stored state is nobody's to change
    for x, t, result in zip(inputs[5:], times[5:], expected[5:], strict=True):
        np.testing.assert_array_equal(second.apply(x.copy(), moment(t)), result)


@pytest.mark.parametrize("name", ALL_ADAPTIVE)
def test_what_is_not_plastic_does_not_adapt(name):
    """Applied while nothing may change, a function gives the same output again and again."""
    fn, x = ALL_ADAPTIVE[name](), np.random.default_rng(5).random((4, 6))
    fn.apply(x, moment(Fraction(1, 20)))
    results = [np.array(fn.apply(x.copy(), moment(Fraction(3), plastic=False))) for _ in range(3)]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("name", [*ALL_STATELESS, *ALL_ADAPTIVE])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_output_functions_keep_every_promise(name, contract):
    """A network whose sheet ends in this function keeps every promise."""
    make = {**ALL_STATELESS, **ALL_ADAPTIVE}[name]
    CONTRACTS[contract](network(cortex={"output_fns": lambda: [make()]}))


def test_homeostasis_follows_its_equations():
    """Average and threshold follow equations 8 and 9 of the 2013 paper, computed here by hand."""
    fn = HomeostaticResponse(t_init=0.2, smoothing=0.9, learning_rate=0.05, target_activity=0.1)
    average, threshold, activity = np.full((2, 3), 0.1), np.full((2, 3), 0.2), np.zeros((2, 3))
    for k, x in enumerate(np.random.default_rng(6).random((5, 2, 3))):
        if k:
            average = 0.1 * activity + 0.9 * average
            threshold = threshold + 0.05 * (average - 0.1)
        activity = np.maximum(x - threshold, 0)
        np.testing.assert_allclose(fn.apply(x, moment(Fraction(k) + Fraction(1, 10))), activity, atol=1e-15)


def test_a_slope_that_falls_is_refused():
    """A piecewise linear function whose upper end is not above its lower one is refused where it is declared."""
    with pytest.raises(ParameterError, match=r"PiecewiseLinear\.upper: must be > lower"):
        PiecewiseLinear(lower=0.5, upper=0.5)
