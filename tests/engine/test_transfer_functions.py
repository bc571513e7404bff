"""Output functions by their theory: fixed points, limits and slopes."""

import math
from fractions import Fraction

import numpy as np
import pytest

from topo_exp.engine.moment import Moment
from topo_exp.engine.transfer import HalfRectify, KernelMax
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

X = np.linspace(-2, 2, 81).reshape(9, 9)


@pytest.mark.parametrize("e", [0.5, 1.0, 2.3])
@pytest.mark.parametrize("c50", [0.05, 0.4])
def test_naka_rushton_at_c50_gives_half(c50, e):
    """The response is half of the maximum at c50, a fraction 2^e/(2^e + 1) at twice that, and none below zero."""
    found = NakaRushton(c50=c50, e=e)(np.array([-1.0, 0.0, c50, 2 * c50, 1e300]))
    np.testing.assert_allclose(found, [0, 0, 0.5, 2**e / (2**e + 1), 1])


def test_powers_agree_with_each_other():
    """Exponent 1 is rectification, exponent 2 the half-square; the squares of both halves add up to the square."""
    np.testing.assert_array_equal(HalfRectifyAndPower(e=1.0)(X), HalfRectify()(X))
    np.testing.assert_allclose(HalfRectifyAndPower(e=2.0, t=0.3)(X), HalfRectifyAndSquare(t=0.3)(X))
    np.testing.assert_allclose(HalfRectifyAndSquare()(X) + HalfRectifyAndSquare()(-X), Square()(X))


def test_a_logistic_is_odd_about_its_middle():
    """It is 1/2 at -k/r with the slope r/4, adds up to 1 with its mirror image, and does not overflow."""
    fn, middle = Logistic(r=3.0, k=0.6), -0.2
    assert fn(np.array([middle]))[0] == pytest.approx(0.5)
    step = 1e-5
    ends = fn(np.array([middle - step, middle + step]))
    assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(0.75)
    np.testing.assert_allclose(fn(middle + X) + fn(middle - X), 1)
    np.testing.assert_array_equal(Logistic(r=1e4)(np.array([-1.0, 1.0])), [0, 1])


@pytest.mark.parametrize("b", [0.2, 1.0, 3.0])
def test_the_generalized_logistic_grows_fastest_at_twice_m(b):
    """It runs from l to l + u, and its steepest point is at 2m; with b = 1 it is the logistic function."""
    fn = GeneralizedLogistic(l=-0.5, u=2.0, m=0.3, r=6.0, b=b)
    x = np.linspace(-5, 8, 13001)
    y = fn(x)
    assert y[0] == pytest.approx(-0.5, abs=1e-4)
    assert y[-1] == pytest.approx(1.5, abs=1e-4)
    assert x[np.argmax(np.diff(y))] == pytest.approx(0.6, abs=2e-3)
    same = GeneralizedLogistic(r=3.0, m=-0.1)(X)
    np.testing.assert_allclose(same, Logistic(r=3.0, k=0.6)(X))


def test_a_binary_threshold_is_not_reached_at_the_threshold():
    """Activity is 1 above the threshold, and 0 at it and below."""
    np.testing.assert_array_equal(BinaryThreshold(t=0.25)(np.array([0.2, 0.25, 0.26])), [0, 0, 1])


def test_intrinsic_plasticity_makes_activity_exponential():
    """Driven by normal noise, activity comes to have the mean and deviation mu, as the exponential distribution."""
    fn, random = HomeostaticMaxEnt(a_init=1.0, b_init=0.0, eta=0.005, mu=0.1), np.random.default_rng(2)
    activities = [fn.apply(random.normal(size=(8, 8)), Moment.at(Fraction(k) + Fraction(1, 20))) for k in range(6000)]
    late = np.array(activities[3000:])
    assert late.mean() == pytest.approx(0.1, rel=0.05)
    assert late.std() == pytest.approx(0.1, rel=0.15)
    assert np.mean(late > 0.2) == pytest.approx(math.exp(-2), abs=0.03)


@pytest.mark.parametrize("winner", [(0, 0), (2, 6), (4, 3), (1, 0)])
@pytest.mark.parametrize(("radius", "half_width"), [(0.1, 1), (0.2, 3), (0.3, 4), (2.0, 30)])
@pytest.mark.parametrize("periodic", [False, True])
def test_the_neighbourhood_of_the_winner(winner, radius, half_width, periodic):
    """exp(-d²/2σ²) within a square around the largest input, d in cells: straight, or the shorter way on a torus."""
    shape, sigma = (5, 7), 5.0 * radius
    x = np.random.default_rng(1).random(shape)
    x[winner] = 2.0
    expected = np.zeros(shape)
    for place in np.ndindex(shape):
        away = [abs(a - b) for a, b in zip(place, winner, strict=True)]
        if periodic:
            away = [min(a, extent - a) for a, extent in zip(away, shape, strict=True)]
        if max(away) <= half_width:
            expected[place] = np.exp(-(away[0] ** 2 + away[1] ** 2) / (2 * sigma**2))
    fn = KernelMax(density=5.0, kernel_radius=radius, periodic=periodic)
    np.testing.assert_allclose(fn.apply(x, Moment.at(Fraction(0))), expected, rtol=1e-12)
