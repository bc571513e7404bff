"""Numbers that vary, and the streams that they come from."""

import random
from fractions import Fraction

import numbergen
import numpy as np
import pytest

from topo_exp.engine.patterns import Gaussian
from topo_exp.engine.streams import ExponentialDecay, LogUniformRandom, Streams, UniformRandom
from topo_exp.errors import ParameterError


def test_uniform_numbers_are_those_of_the_reference_stream():
    """A seeded uniform number follows the same stream as Python's random.Random, as in the field's reference."""
    number = Streams(0).number("x", UniformRandom(lbound=-2, ubound=3, seed=12))
    expected = random.Random(12)
    assert [number(Fraction(k)) for k in range(5)] == [expected.uniform(-2, 3) for _ in range(5)]


def test_log_uniform_numbers_are_even_over_octaves():
    """Numbers between 1 and 8 lie in each of the three octaves equally often, and never outside."""
    number = Streams(0).number("x", LogUniformRandom(lbound=1.0, ubound=8.0, seed=12))
    drawn = np.array([number(Fraction(k)) for k in range(3000)])
    assert drawn.min() >= 1.0
    assert drawn.max() <= 8.0
    np.testing.assert_allclose(np.histogram(drawn, [1, 2, 4, 8])[0] / 3000, 1 / 3, atol=0.03)


def test_time_dependent_numbers_are_seeded_as_by_numbergen():
    """A time-dependent number is the first of a stream seeded by numbergen's hash of name, seed and rational time."""
    ours = Streams(0).number("x", UniformRandom(name="xgen", lbound=-0.5, ubound=0.5, seed=12, time_dependent=True))
    large = [Fraction(n, 20) for n in (3 * 10**9 + 1, 2**32 + 7, 2**33 + 1)]  # beyond 31, 32 and 33 bits
    large += [1 / time for time in large]
    for time in (Fraction(1, 20), Fraction(21, 20), Fraction(1, 20), *large):
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


def test_the_parameters_of_a_generator_are_read_at_the_next_refresh():
    """A generator that is changed while a simulation runs takes effect when the simulation reads all parameters."""
    streams, decay = Streams(0), ExponentialDecay(start=1.0, time_constant=2.0)
    draw = streams.number("rate", decay)
    assert callable(draw)
    assert streams.number("rate", decay) is draw
    before = draw(Fraction(0))
    decay.start = 3.0
    streams.refresh()
    again = streams.number("rate", decay)
    assert callable(again)
    assert (before, again(Fraction(0))) == (1.0, 3.0)


@pytest.mark.parametrize(
    "generator",
    [
        UniformRandom(name="n", lbound=-1.0, ubound=2.5, seed=3, time_dependent=True),
        ExponentialDecay(start=2.0, time_constant=5.0, minimum=0.1),
    ],
    ids=lambda generator: type(generator).__name__,
)
def test_a_number_of_a_simulation_is_that_of_its_generator(generator):
    """What a simulation draws at a time is the generator's own value for that time."""
    draw = Streams(0).number("x", generator)
    assert callable(draw)
    for time in (Fraction(0), Fraction(7, 20), Fraction(1001, 3)):
        assert draw(time) == generator.value(time, random.Random(0))


def test_a_generator_of_a_users_own_draws_by_its_value():
    """A subclass that defines `value` anew is asked for it, whatever its base class does."""

    class Halved(UniformRandom):
        def value(self, time: Fraction, stream: random.Random) -> float:
            return super().value(time, stream) / 2

    halved, plain = Streams(0).number("x", Halved(seed=4)), Streams(0).number("x", UniformRandom(seed=4))
    assert callable(halved)
    assert callable(plain)
    for _ in range(3):
        assert halved(Fraction(0)) == plain(Fraction(0)) / 2
