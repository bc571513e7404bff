"""Numbers that vary: every kind, and the streams that they draw from."""

from fractions import Fraction

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, box, differences, network, spot
from topo_exp.engine import streams
from topo_exp.engine.actions import ShowPattern
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.patterns import Gaussian, UniformNoise
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import (
    ExponentialDecay,
    Interpolated,
    LogUniformRandom,
    NumberGenerator,
    Streams,
    UniformRandom,
)
from topo_exp.engine.transfer import HomeostaticResponse
from topo_exp.errors import ParameterError

EXAMPLES = {
    "UniformRandom": lambda: UniformRandom(lbound=0.2, ubound=0.8, seed=3),
    "LogUniformRandom": lambda: LogUniformRandom(lbound=0.2, ubound=0.8, seed=3),
    "ExponentialDecay": lambda: ExponentialDecay(start=0.6, time_constant=4.0, minimum=0.1),
    "Interpolated": lambda: Interpolated(times=[0.5, 2.0, 4.0], values=[0.6, 0.2, 0.4]),
}
OTHERS = {
    "UniformRandom, a function of time": lambda: UniformRandom(name="own", lbound=0.2, seed=3, time_dependent=True),
    "a user's own": lambda: functions.Sawtooth(period=2.0),
}
EXAMPLES_AND_OTHERS = {**EXAMPLES, **OTHERS}
TIMES = [Fraction(k, 20) for k in (1, 21, 41, 41, 500)]


def test_every_number_generator_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    assert missing(members(streams, base=NumberGenerator), EXAMPLES) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_number_generators_are_declared(name):
    """Every member says what it is, and documents every parameter."""
    assert_declared(type(EXAMPLES[name]()))


@pytest.mark.parametrize("name", EXAMPLES_AND_OTHERS)
def test_numbers_depend_on_declaration_and_stream_only(name):
    """Two streams of two equal declarations give the same finite numbers, and the declarations hold no state."""
    declared, twin = EXAMPLES_AND_OTHERS[name](), EXAMPLES_AND_OTHERS[name]()
    before = declared.param.values()
    numbers = [Streams(0).number("x", generator) for generator in (declared, twin)]
    drawn = [[number(time) for time in TIMES] for number in numbers]
    assert drawn[0] == drawn[1]
    assert all(isinstance(value, float) and np.isfinite(value) for value in drawn[0])
    assert declared.param.values() == before


@pytest.mark.parametrize("name", EXAMPLES_AND_OTHERS)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_numbers_keep_every_promise(name, contract):
    """A network whose learning rate, input and neighbourhood vary with this number keeps every promise."""
    generator = EXAMPLES_AND_OTHERS[name]
    CONTRACTS[contract](
        network(
            retina={"input_generator": lambda: spot(x=generator(), scale=generator())},
            cortex={"output_fns": lambda: [functions.Fatigue(share=generator())]},
            afferent={"learning_rate": generator},
        )
    )


def test_a_number_of_time_has_a_name():
    """A number that is a function of its name is refused without one: a made-up name differs from run to run."""
    with pytest.raises(ParameterError, match=r"UniformRandom\.name: must be given"):
        UniformRandom(time_dependent=True)


def test_interpolated_numbers_change_linearly_between_times():
    """A number is the given one at each given time, the mean halfway, and constant before and after all."""
    number = Interpolated(times=[1.0, 3.0, 4.0], values=[0.5, 0.1, 0.3])
    found = [Streams(0).number("x", number)(Fraction(time)) for time in (0, 1, 2, 3, 4, 9)]
    assert found == pytest.approx([0.5, 0.5, 0.3, 0.1, 0.3, 0.3])


@pytest.mark.parametrize(
    ("times", "values", "says"),
    [([0.0, 1.0], [1.0], "values: must be as many"), ([], [], "at least one"), ([1.0, 1.0], [0.0, 1.0], "times")],
)
def test_times_that_do_not_fit_their_values_are_refused(times, values, says):
    """Times must ascend, and have one value each."""
    with pytest.raises(ParameterError, match=rf"Interpolated\..*{says}"):
        Interpolated(times=times, values=values)


def test_equal_names_of_projections_do_not_share_a_stream():
    """Two projections of one name, to different sheets, each draw their weights from the seed that they were given."""

    def drawn(*seeds: int) -> list[np.ndarray]:
        sim = Simulation("seeds")
        sim.add(GeneratorSheet(name="Retina", nominal_density=6.0))
        for i, seed in enumerate(seeds):
            sim.add(CFSheet(name=f"V{i}", nominal_density=4.0))
            projection = CFProjection(name="Afferent", weights_generator=UniformNoise(seed=seed))
            sim.connect("Retina", f"V{i}", projection)
        return [sim[f"V{i}"].projections["Afferent"].weights for i in range(len(seeds))]

    first, second = drawn(1, 2)
    np.testing.assert_array_equal(second, drawn(2)[0])
    np.testing.assert_array_equal(*drawn(3, 3))
    assert not np.array_equal(first, second)


def test_numbers_of_equal_names_in_one_sheet_do_not_share_a_stream():
    """Two output functions of one sheet, each with a number of the same name, draw each from their own seed."""

    def drawn(*seeds: int) -> list[list[float]]:
        fatigues = [functions.Fatigue(share=UniformRandom(seed=seed)) for seed in seeds]
        network(cortex={"output_fns": fatigues})("compiled").run(2)
        return [fatigue.shares for fatigue in fatigues]

    assert drawn(1, 2)[1] == drawn(3, 2)[1]
    assert drawn(1, 2)[0] != drawn(1, 2)[1]


def two_retinas(first: str, second: str) -> Simulation:
    sim = Simulation("two")
    for name, seed in ((first, 1), (second, 50)):
        sim.add(GeneratorSheet(name=name, nominal_density=6.0, nominal_bounds=box(0.5), input_generator=spot(seed)))
    return sim


def test_a_new_pattern_leaves_other_streams_alone():
    """Showing another pattern on one sheet starts its streams afresh, not those of a sheet with a longer name."""
    one, other = two_retinas("Retina", "Retina2"), two_retinas("Retina", "Other")
    for sim in (one, other):
        sim.schedule(2, ShowPattern(sheet="Retina", pattern=Gaussian()))
        sim.run(2)
        with sim.frozen():
            sim.run(3)
        sim.run(4)
    np.testing.assert_array_equal(one["Retina2"].activity, other["Other"].activity)


def test_a_new_noise_begins_at_its_own_seed():
    """Noise that takes over from other noise draws from the stream of its own seed."""
    sim = two_retinas("Retina", "Other")
    sim["Retina"].set_input_generator(UniformNoise(seed=1))
    sim.schedule(2, ShowPattern(sheet="Retina", pattern=UniformNoise(seed=7)))
    sim.run(3)
    expected = np.random.RandomState(7).uniform(0, 1, sim["Retina"].shape)
    np.testing.assert_array_equal(sim["Retina"].activity, expected)


def test_a_new_rate_begins_at_its_own_seed():
    """A number that takes over from another one draws from the stream of its own seed."""
    drawn = Streams(0)
    first, second = UniformRandom(seed=1), UniformRandom(seed=2)
    drawn.number("rate", first)(Fraction(1))
    again = drawn.number("rate", second)
    assert again(Fraction(1)) == Streams(0).number("rate", UniformRandom(seed=2))(Fraction(1))


def test_streams_that_a_state_does_not_know_begin_afresh():
    """A state from before the first draw takes back the streams that were begun since, of numbers and of noise."""
    begun, fresh = Streams(0), Streams(0)
    state = begun.state()
    begun.number("x", UniformRandom(seed=3))(Fraction(1))
    begun.array("y", 4).uniform()
    begun.restore(state)
    assert differences(begun.state(), state) == []
    number = UniformRandom(seed=3)
    assert begun.number("x", number)(Fraction(1)) == fresh.number("x", number)(Fraction(1))
    assert begun.array("y", 4).uniform() == fresh.array("y", 4).uniform()


def test_thresholds_are_no_numbers_that_vary():
    """A parameter that is declared as a plain number refuses a generator."""
    with pytest.raises(ParameterError, match=r"HomeostaticResponse\.t_init: must be a number"):
        HomeostaticResponse(t_init=UniformRandom())
