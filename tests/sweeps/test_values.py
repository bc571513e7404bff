"""Ranges, samples and points as values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topo_exp.errors import ConfigError
from topo_exp.sweeps.ranges import geomspace, linspace, steps, values_of
from topo_exp.sweeps.sampling import Design, Integers, LogUniform, OneOf, Uniform, distribution
from topo_exp.sweeps.space import Sweep


def test_a_linear_range_has_equal_steps_and_both_ends() -> None:
    """As numpy.linspace."""
    assert linspace(0, 100, 5) == [0.0, 25.0, 50.0, 75.0, 100.0]


@given(low=st.floats(1e-6, 1e3), ratio=st.floats(1.001, 1e6), count=st.integers(2, 50))
def test_a_logarithmic_range_has_equal_ratios_and_exact_ends(low: float, ratio: float, count: int) -> None:
    """Neighbours have one ratio, and the ends are those that were given."""
    values = np.array(geomspace(low, low * ratio, count), dtype=float)
    assert values[0] == low
    assert values[-1] == low * ratio
    np.testing.assert_allclose(values[1:] / values[:-1], ratio ** (1 / (count - 1)), rtol=1e-9)


def test_steps_do_not_drift() -> None:
    """Computed in decimals: 0.1 ten times is 1, and the stop is not included."""
    assert steps(0, 1, 0.1) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert steps(3, 0, -1) == [3, 2, 1]
    assert steps(1, 0, -0.25) == [1.0, 0.75, 0.5, 0.25]
    assert values_of({"range": 3}, "a") == values_of({"range": [3]}, "a") == [0, 1, 2]


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"linspace": [0, 1]}, r"linspace must have the form linspace: \[start, stop, count\]"),
        ({"linspace": [0, 0, 3]}, "two different numbers"),
        ({"linspace": [0, 1, 1]}, "count from 2"),
        ({"linspace": [0, 1, 2.5]}, "count from 2"),
        ({"linspace": [0, "1", 3]}, "must have the form"),
        ({"geomspace": [0, 1, 3]}, "one sign, without 0"),
        ({"geomspace": [-1, 1, 3]}, "one sign, without 0"),
        ({"range": [0, 10, 0]}, "must lead from start towards stop"),
        ({"range": [5, 0]}, "must lead from start towards stop"),
        ({"range": [0, 1, 1e-9]}, "at most 1000000 values"),
        ({"range": [0, math.inf]}, "must have the form"),
        ({"logspace": [0, 3, 4]}, "not exponents"),
        ({"linspce": [0, 3, 4]}, "Did you mean 'linspace'"),
        ({"a": 1, "b": 2}, "a mapping must name one kind of range"),
        ([], "at least one value"),
    ],
)
def test_a_range_that_is_none_is_refused(given_values: object, message: str) -> None:
    """With the setting's place and the form to use."""
    with pytest.raises(ConfigError, match=rf"sweep\.a: .*{message}"):
        Sweep(a=given_values)


@pytest.mark.parametrize("method", ["random", "latin_hypercube", "sobol", "halton"])
def test_a_sample_is_a_function_of_its_seed(method: str) -> None:
    """The same seed gives the same points; another seed gives others."""
    spaces = [
        Sweep.sample(13, seed=seed, method=method, x={"uniform": [0, 1]}, y={"log_uniform": [1, 9]})
        for seed in (1, 1, 2)
    ]
    assert spaces[0] == spaces[1]
    assert spaces[0].key != spaces[2].key
    assert len(spaces[0]) == 13


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_a_latin_hypercube_draws_once_from_each_interval(n: int) -> None:
    """Of n equal intervals of each setting, each holds one point (McKay et al. 1979)."""
    drawn = Design(n, 3, "latin_hypercube").quantiles(3)
    expected = np.tile(np.arange(n)[:, None], (1, 3))
    np.testing.assert_array_equal(np.sort(np.floor(drawn * n), axis=0), expected)


def test_a_sobol_sequence_is_balanced_at_powers_of_two() -> None:
    """Each of 16 equal intervals of each setting holds one of 16 points, and each quarter square four."""
    drawn = Design(16, 5, "sobol").quantiles(2)
    np.testing.assert_array_equal(np.sort(np.floor(drawn * 16), axis=0), np.tile(np.arange(16)[:, None], (1, 2)))
    quarters = (np.floor(drawn * 2) @ [2, 1]).astype(int)
    np.testing.assert_array_equal(np.bincount(quarters), [4, 4, 4, 4])


def test_a_shorter_sobol_sample_is_the_beginning_of_a_longer_one() -> None:
    """A sequence is extended, so points are kept when more are asked for."""
    short, long = (Design(n, 1, "sobol").quantiles(2) for n in (11, 60))
    np.testing.assert_array_equal(short, long[:11])


def test_distributions_have_their_quantiles() -> None:
    """The median of a log-uniform distribution is the geometric mean of its ends; discrete ones are equally likely."""
    assert Uniform(2, 4).value_at(0.25) == 2.5
    assert LogUniform(0.1, 10).value_at(0.5) == pytest.approx(1)
    assert [Integers(1, 3).value_at(u) for u in (0, 0.33, 0.34, 0.66, 0.67, 0.999)] == [1, 1, 2, 2, 3, 3]
    assert [OneOf(["a", "b"]).value_at(u) for u in (0, 0.49, 0.5, 0.99)] == ["a", "a", "b", "b"]


@given(low=st.floats(1e-300, 1e300), factor=st.floats(1.0001, 1e5), quantile=st.floats(0, 1, exclude_max=True))
def test_drawn_numbers_stay_within_their_ends(low: float, factor: float, quantile: float) -> None:
    """Rounding does not lead outside the bounds of a parameter."""
    for each in (Uniform(low, low * factor), LogUniform(low, low * factor)):
        value = each.value_at(quantile)
        assert isinstance(value, float)
        assert low <= value <= low * factor


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("uniform", [1, 0], "two numbers that increase"),
        ("uniform", [0], "two numbers that increase"),
        ("uniform", 3, "two numbers that increase"),
        ("uniform", [0, math.inf], "two numbers that increase"),
        ("log_uniform", [0, 1], "positive ends"),
        ("integers", [0, 1.5], "whole ends"),
        ("one_of", ["a"], "at least two values"),
    ],
)
def test_a_distribution_that_is_none_is_refused(name: str, arguments: object, message: str) -> None:
    """With the setting's place."""
    with pytest.raises(ConfigError, match=rf"sweep\.x: .*{message}"):
        distribution(name, arguments, "sweep.x")


def test_a_design_is_checked() -> None:
    """Number, seed and method; a method's misspelt name comes with the nearest."""
    for arguments, message in (((0,), r"n: must"), ((5, -1), r"seed: must"), ((True,), r"n: must")):
        with pytest.raises(ConfigError, match=message):
            Design(*arguments)
    with pytest.raises(ConfigError, match="Did you mean 'sobol'"):
        Design(5, 1, "sobl")


def test_a_distribution_is_drawn_from_and_nothing_else() -> None:
    """A distribution needs a sample, and a sample a distribution."""
    with pytest.raises(ConfigError, match="must be drawn from"):
        Sweep(a={"uniform": [0, 1]})
    with pytest.raises(ConfigError, match="must be a distribution here"):
        Sweep.sample(3, a=[1, 2])
    with pytest.raises(ConfigError, match="must have a setting to draw"):
        Sweep.sample(3)


def test_a_sample_combines_with_other_spaces() -> None:
    """Each drawn point with each other one; equal draws of whole numbers are refused."""
    sweep = Sweep.sample(5, seed=1, x={"uniform": [0, 1]}) * Sweep(a=[1, 2])
    assert len(sweep) == 10
    assert len(sweep.varying["x"]) == 5
    with pytest.raises(ConfigError, match="points must differ"):
        len(Sweep.sample(9, k={"integers": [1, 3]}))
