"""The simulation's clock, events, states and promises."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.golden.networks import lissom_or_with_mask
from topo_exp.engine.actions import SetParameter, ShowPattern
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.patterns import Constant, Gaussian, SineGrating, UniformNoise
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.errors import ModelError, NumericalError, ParameterError, StateError, UnknownNameError
from topo_exp.models.gcal import Gcal
from topo_exp.models.hierarchical import Hierarchical
from topo_exp.models.lissom_or import LissomOr
from topo_exp.models.som_retinotopy import SomRetinotopy
from topo_exp.models.tiny import Tiny

IMAGES = Path(__file__).parent / "images"
BUILDERS = {
    "tiny": lambda: Tiny(cortex_density=4).build(),
    "som": lambda: SomRetinotopy(cortex_density=6).build(),
    "gcal": lambda: Gcal(cortex_density=12, contrast=60).build(),
    "gcal waves": lambda: Gcal(cortex_density=12, contrast=60, retinal_waves=3).build(),
    "gcal L": lambda: Gcal(cortex_density=12, gain_control=False, homeostasis=False).build(),
    "gcal images": lambda: Gcal(cortex_density=12, dataset="images", image_folder=str(IMAGES)).build(),
    "lissom": lambda: LissomOr(cortex_density=16).build(),
    "lissom with masks": lambda: lissom_or_with_mask(cortex_density=16),
    "hierarchical": lambda: Hierarchical().build(),
}


@pytest.fixture(params=BUILDERS)
def build(request):
    """Each kind of network in turn."""
    return BUILDERS[request.param]


def differences(a, b):
    assert a.keys() == b.keys()
    return [key for key in a if a[key].tobytes() != b[key].tobytes()]


def test_slicing_a_run_changes_no_bit(build):
    """A run in one go ends in the same state as one stopped at odd moments."""
    whole, sliced = build(), build()
    whole.run(until=5)
    for time in (0, 0.12, 0.5, 1, 1.98, 3.33, 5):
        sliced.run(until=time)
    assert differences(whole.state(), sliced.state()) == []


@pytest.mark.parametrize("time", [0, 2, 2.4])
def test_a_restored_state_goes_on_bit_for_bit(build, time):
    """State taken at any moment, restored into a newly built network, leads to the same end."""
    first, second = build(), build()
    first.run(until=time)
    stored = {key: np.array(value) for key, value in first.state().items()}
    assert not any(value.dtype.hasobject for value in stored.values())
    second.restore(stored)
    for sim in (first, second):
        sim.run(until=5)
    assert differences(first.state(), second.state()) == []


def test_looking_changes_no_bit(build):
    """Presentations and runs within `frozen` leave everything as it was, and the run ends as without them."""
    looked, untouched = build(), build()
    retinas = [name for name, sheet in looked.sheets.items() if sheet.is_generator]
    for time in (0, 1, 3):
        looked.run(until=time)
        before = looked.state()
        with looked.frozen():
            patterns = [SineGrating(), Gaussian(size=0.3, orientation=1.0)]
            responses = looked.respond(dict.fromkeys(retinas, patterns))
            assert responses["V1"].shape == (2, *looked["V1"].shape)
            looked.run(until=looked.time + 1.5)
        assert differences(before, looked.state()) == []
    for sim in (looked, untouched):
        sim.run(until=4)
    assert differences(looked.state(), untouched.state()) == []


def test_what_is_changed_while_frozen_is_taken_back(build):
    """Weights set, learned or shrunk within `frozen`, also in nested ones, are as before on leaving."""
    sim = build()
    sim.run(until=2)
    before = sim.state()
    with sim.frozen():
        projection = next(p for p in sim["V1"].projections.values() if not p.is_shared)
        projection.weights = projection.weights * 0.5
        half = sim.state()
        with sim.frozen():
            sim.plastic = True
            sim.run(until=4)
            projection.change_bounds(BoundingBox(radius=0.07))
        assert differences(half, sim.state()) == []
    assert differences(before, sim.state()) == []


def test_interleaved_simulations_do_not_touch_each_other(build):
    """Two simulations advanced in turn end where each ends alone."""
    alone, one, two = build(), build(), build()
    alone.run(until=4)
    for k in range(1, 5):
        one.run(until=k)
        two.run(until=k)
    assert differences(alone.state(), one.state()) == differences(one.state(), two.state()) == []


def test_a_state_goes_on_in_another_process(tmp_path):
    """A run stopped, stored without pickle, and continued by a new process ends in the same bits."""
    whole, first = BUILDERS["gcal"](), BUILDERS["gcal"]()
    whole.run(until=10)
    first.run(until=4)
    np.savez(tmp_path / "four.npz", **first.state())
    code = f"""
import numpy as np
from topo_exp.models.gcal import Gcal
sim = Gcal(cortex_density=12, contrast=60).build()
with np.load({str(tmp_path / "four.npz")!r}, allow_pickle=False) as stored:
    sim.restore(dict(stored))
sim.run(until=10)
np.savez({str(tmp_path / "ten.npz")!r}, **sim.state())
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with np.load(tmp_path / "ten.npz", allow_pickle=False) as stored:
        assert differences(whole.state(), dict(stored)) == []


@pytest.mark.parametrize("name", [name for name in BUILDERS if "lissom" not in name])  # it schedules a test's object
def test_the_script_builds_the_same_network(name):
    """Executing a network's source builds one that runs to the same state."""
    sim = BUILDERS[name]()
    assert len(sim.script_repr()) < 20_000
    names: dict[str, Simulation] = {}
    exec(sim.script_repr(), names)  # noqa: S102  # executing it is what the source is for
    for each in (sim, names["sim"]):
        each.run(until=3)
    assert differences(sim.state(), names["sim"].state()) == []


def test_actions_run_when_their_time_is_reached_in_order():
    """Actions at one time run in the order of scheduling, after that iteration and before the next input."""
    sim, seen = Tiny().build(), []
    sim.schedule(2, lambda s: seen.append(("second", s.time, s["Retina"].activity.copy())))
    sim.schedule(2, lambda s: seen.append(("third", s.time, None)))
    sim.schedule(1, lambda s: seen.append(("first", s.time, None)))
    sim.run(until=5)
    assert [(name, time) for name, time, _ in seen] == [("first", 1.0), ("second", 2.0), ("third", 2.0)]
    other = Tiny().build()
    other.run(until=2)
    np.testing.assert_array_equal(seen[1][2], other["Retina"].activity)


def test_a_scheduled_parameter_acts_and_is_restored():
    """A rate set to zero stops learning from then on, also in a simulation restored past that time."""
    sim = Tiny().build()
    sim.schedule(3, SetParameter(path="V1/Afferent", parameter="learning_rate", value=0.0))
    sim.run(until=3)
    weights = sim["V1"].projections["Afferent"].weights
    sim.run(until=6)
    moved = np.abs(sim["V1"].projections["Afferent"].weights - weights).max()
    assert moved < 1e-6  # only renormalised
    other = Tiny().build()
    other.schedule(3, SetParameter(path="V1/Afferent", parameter="learning_rate", value=0.0))
    other.restore(sim.state())
    assert other["V1"].projections["Afferent"].learning_rate == 0.0


def test_a_pattern_set_by_hand_is_refused_when_restored():
    """A stored state that shows a pattern which no schedule knows says how to make it restorable."""
    sim = Tiny().build()
    sim["Retina"].set_input_generator(Constant())
    with pytest.raises(StateError, match="ShowPattern"):
        Tiny().build().restore(sim.state())


@pytest.mark.parametrize("looked_at", [False, True])
def test_a_pattern_changed_by_hand_is_shown_from_the_next_run_on(looked_at):
    """A number of a pattern set between two runs acts in the second one, and what else varies goes on in its stream."""
    sim, other = Tiny().build(), Tiny().build()
    for each in (sim, other):
        each.run(until=3)
    sim["Retina"].input_generator.scale = 0.5
    if looked_at:
        with sim.frozen():
            sim.run(until=4)
    for each in (sim, other):
        each.run(until=5)
    np.testing.assert_array_equal(sim["Retina"].activity, 0.5 * other["Retina"].activity)


def test_a_scheduled_pattern_begins_with_fresh_streams():
    """The pattern that takes over draws its first numbers in the iteration after its time."""
    gaussian = Tiny().build()["Retina"].input_generator
    sim = Tiny().build()
    sim["Retina"].set_input_generator(Constant())
    sim.schedule(4, ShowPattern(sheet="Retina", pattern=gaussian))
    sim.run(until=5)
    first = Tiny().build()
    first.run(until=1)
    np.testing.assert_array_equal(sim["Retina"].activity, first["Retina"].activity)


def test_a_learning_rule_that_diverges_is_found():
    """Weights that are no numbers are reported with sheet, projection and time."""

    def explode(weights, inputs, activity, rate):
        return weights * np.inf

    sim = Simulation("explosive")
    sim.add(GeneratorSheet(name="Retina", input_generator=Constant()))
    sim.add(CFSheet(name="V1"))
    projection = CFProjection(name="Afferent", learning_fn=explode, learning_rate=1.0, weights_generator=UniformNoise())
    sim.connect("Retina", "V1", projection)
    sim.check_finite()
    with np.errstate(invalid="ignore"):
        sim.run(until=2)
    with pytest.raises(NumericalError, match=r"V1.*finite.*at time 2"):
        sim.check_finite()


def test_a_silent_sheet_is_a_warning():
    """A sheet without activity is told by name, and is no error."""
    sim = Gcal(cortex_density=8, contrast=0).build()
    sim.run(until=1)
    sim.check_finite()
    assert "silent" in sim.diagnostics()["V1"]


def test_noise_that_is_measured_is_always_the_same():
    """Noise without a seed is, in a measurement, the first of a stream of seed 0, whatever the simulation has drawn."""
    sim = Tiny().build()
    sim.run(3)
    with sim.frozen():
        shown = sim.respond({"Retina": [UniformNoise(), UniformNoise()]})["Retina"]
    expected = np.random.RandomState(0).random_sample(shown.shape[1:])
    np.testing.assert_array_equal(shown, [expected, expected])


def respond_to(sim, **options):
    """Return the responses to a grating and to nothing."""
    with sim.frozen():
        return sim.respond({"Retina": [SineGrating(), Constant(scale=0)]}, **options)


def test_responses_are_those_of_the_sheets_that_are_asked_for():
    """All sheets respond unless some are named; which ones are named changes no response."""
    every, one = (respond_to(Gcal(cortex_density=8).build(), sheets=sheets) for sheets in (None, ["LGNOn"]))
    assert list(every) == ["Retina", "LGNOn", "LGNOff", "V1"]
    assert list(one) == ["LGNOn"]
    assert every["LGNOn"][0].any()
    assert not every["LGNOn"][1].any()
    assert np.array_equal(one["LGNOn"], every["LGNOn"])


@pytest.mark.parametrize(
    ("mistake", "error", "says"),
    [
        (lambda s: s["V2"], UnknownNameError, "Known are: Retina, V1"),
        (lambda s: s.add(CFSheet(name="V1")), ModelError, "second 'V1'"),
        (lambda s: s.connect("Retina", "Retina", CFProjection(name="p")), ModelError, "must lead to a CFSheet"),
        (lambda s: s.connect("Retina", "V1", CFProjection(name="Afferent")), ModelError, "second 'Afferent'"),
        (lambda s: setattr(s, "engine", "double"), ParameterError, "engine"),
        (lambda s: s.respond({"Retina": [Constant()]}), ModelError, "frozen"),
        (lambda s: respond_to(s, sheets=["V2"]), UnknownNameError, "Known are: Retina, V1"),
        (lambda s: (s.run(until=2), s.run(until=1)), ParameterError, "must not lie behind"),
        (lambda s: (s.run(until=2), s.schedule(1, print)), ParameterError, "must lie ahead"),
        (lambda s: (s.run(until=1), s.add(CFSheet(name="V2"))), ModelError, "before the first run"),
        (lambda s: s["V1"].projections["Afferent"].cf(99, 0), ValueError, "sheet of 5 x 5"),
    ],
)
def test_mistakes_are_named(mistake, error, says):
    """Each wrong use of the interface says what was wrong and how to mend it."""
    with pytest.raises(error, match=says):
        mistake(Tiny().build())


def test_a_connection_field_is_its_part_of_the_weights():
    """`cf` gives the weights of one unit, cropped to the source sheet, with the coordinates of their cells."""
    sim = Tiny().build()
    projection = sim["V1"].projections["Afferent"]
    field = projection.cf(0, 4)
    r1, r2, c1, c2 = field.slice
    assert field.weights.shape == (r2 - r1, c2 - c1) == field.mask.shape
    np.testing.assert_array_equal(field.x, sim["Retina"].x[c1:c2])
    assert field.weights.sum() == pytest.approx(projection.weights[4].sum())


def test_bounds_larger_than_before_change_nothing():
    """Fields can only shrink: other bounds leave the projection as it is."""
    sim = LissomOr(cortex_density=24).build()
    projection = sim["V1"].projections["LateralExcitatory"]
    weights = projection.weights
    assert not projection.change_bounds(BoundingBox(radius=0.3))
    assert projection.change_bounds(BoundingBox(radius=0.06))
    assert projection.weights.shape[1] < weights.shape[1]
