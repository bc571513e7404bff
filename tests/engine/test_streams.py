"""Numbers that vary, and the streams that they come from."""

import random
from fractions import Fraction

import numbergen
import numpy as np
import pytest

from topo_exp.engine.patterns import Gaussian
from topo_exp.engine.streams import ExponentialDecay, Streams, UniformRandom
from topo_exp.errors import ParameterError


def test_uniform_numbers_are_those_of_the_reference_stream():
    """A seeded uniform number follows the same stream as Python's random.Random, as in the field's reference."""
    number = Streams(0).number("x", UniformRandom(lbound=-2, ubound=3, seed=12))
    expected = random.Random(12)
    assert [number(Fraction(k)) for k in range(5)] == [expected.uniform(-2, 3) for _ in range(5)]


def test_time_dependent_numbers_are_seeded_as_by_numbergen():
    """A time-dependent number is the first of a stream seeded by numbergen's hash of name, seed and rational time."""
    ours = Streams(0).number("x", UniformRandom(name="xgen", lbound=-0.5, ubound=0.5, seed=12, time_dependent=True))
    for time in (Fraction(1, 20), Fraction(21, 20), Fraction(1, 20)):
        seed = numbergen.Hash("xgen12", input_count=2)(time, 42)
        assert ours(time) == random.Random(seed).uniform(-0.5, 0.5)


def test_decay_falls_to_its_minimum():
    """An exponential decay is start exp(-t / constant), and never below its minimum."""
    number = Streams(0).number("r", ExponentialDecay(start=2.0, time_constant=10, minimum=0.5))
    assert number(Fraction(10)) == pytest.approx(2 / np.e, rel=1e-15)
    assert number(Fraction(100)) == 0.5


def test_streams_go_on_where_a_stored_state_stood():
    """After restoring, every stream gives the numbers that followed the state, bit for bit."""
    streams = Streams((500, 500))
    number = streams.number("x", UniformRandom(seed=3))
    number(Fraction(0)), streams.shared.normal(), streams.array("noise", 5).uniform()
    state = {key: value.copy() for key, value in streams.state().items()}
    expected = number(Fraction(0)), streams.shared.normal(), streams.array("noise", 5).uniform()
    other = Streams(1)
    other.restore(state)
    again = other.number("x", UniformRandom(seed=3))
    assert (again(Fraction(0)), other.shared.normal(), other.array("noise", 5).uniform()) == expected


@pytest.mark.parametrize("size", [-1, 0, float("nan"), float("inf"), "wide", None, True])
def test_a_quantity_refuses_what_is_no_number_within_its_bounds(size):
    """A number out of bounds, not finite, or not a number is refused by the parameter's name."""
    with pytest.raises(ParameterError, match=r"Gaussian\.size"):
        Gaussian(size=size)
