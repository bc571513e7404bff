"""The event-driven path computes what the equations say: it agrees with the dense path in reference precision."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.engine.small_networks import Network, distance, feedback, small
from topo_exp.engine.compiled.fields import EventDrivenFields
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.learning import EuclideanHebbian, Hebbian, KeepWeights
from topo_exp.engine.learning_rules import BCM, CPCA, BCMFixed, Covariance, Oja, Outstar, Trace
from topo_exp.engine.patterns import SineGrating
from topo_exp.engine.projection import SharedWeightCFProjection
from topo_exp.engine.response import Divide
from topo_exp.engine.transfer_functions import Logistic, NakaRushton

LINEAR = {
    "EuclideanHebbian": EuclideanHebbian,
    "Oja": lambda: Oja(alpha=20.0),
    "CPCA": lambda: CPCA(m=0.1),
    "Outstar": Outstar,
    "BCMFixed": lambda: BCMFixed(unit_threshold=0.05),
    "BCM": lambda: BCM(t_init=0.02, smoothing=0.7),
    "Trace": lambda: Trace(trace_strength=0.3),
    "Trace of Oja": lambda: Trace(trace_strength=0.3, rule=Oja(alpha=20.0)),
}


def compare(network: Network, iterations: int, tolerance: float) -> None:
    """Run a network both ways, and hold every activity, threshold and weight to the tolerance."""
    fast, dense = network.build("compiled"), network.build("reference")
    for until in range(1, iterations + 1):
        fast.run(until)
        dense.run(until)
        for name, sheet in dense.sheets.items():
            assert distance(fast[name].activity, sheet.activity) < tolerance, f"{name} at {until}"
    for name, sheet in dense.sheets.items():
        if sheet.threshold is not None:
            assert distance(fast[name].threshold, sheet.threshold) < tolerance
        for projection in sheet.projections.values():
            twin = fast[name].projections[projection.name]
            assert distance(twin.weights, projection.weights) < tolerance, projection.path
            assert distance(twin.activity, projection.activity) < 10 * tolerance, projection.path


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(network=small())
def test_random_networks_agree(network):
    """Whatever the densities, shapes, radii, strengths and rates, both paths compute the same trajectory."""
    compare(network, 3, 1e-4)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(network=small())
def test_many_random_networks_agree(network):
    """The same, for many networks."""
    compare(network, 3, 1e-4)


def test_the_default_network_takes_the_fast_path():
    """A network of the GCAL family is compiled throughout, and dense throughout with engine="reference"."""
    fast, dense = Network().build("compiled"), Network().build("reference")
    fast.run(1)
    dense.run(1)
    assert not fast.explain().dense
    assert all(isinstance(p.fields, EventDrivenFields) for p in fast["V1"].projections.values())
    assert len(dense.explain().dense) == len(dense.explain()) == len(fast.explain())


def test_a_long_run_agrees_across_foldings(monkeypatch):
    """Folding the scales into the weights, often here, leaves the trajectory within single precision."""
    monkeypatch.setattr("topo_exp.engine.compiled.fields.FOLD_AFTER", 7)
    compare(Network(), 30, 1e-4)


def test_fast_learning_folds_before_scales_vanish():
    """With rates so high that scales shrink a millionfold within few iterations, weights stay exact and finite."""
    compare(Network(lateral_rates=(50.0, 200.0), afferent_rate=100.0), 12, 2e-4)


@pytest.mark.parametrize("what", ["learning_fn", "weights", "mask", "output_fns"])
def test_what_the_fast_path_cannot_take_goes_the_dense_way(what):
    """A user's rule, signed weights, a mask with holes and a user's output function give the dense path's result."""

    def build(engine):
        sim = Network().build(engine)
        projection = sim["V1"].projections["Lateral1"]
        if what == "learning_fn":
            projection.learning_fn = lambda w, inputs, activity, rate: Hebbian()(w, inputs, activity, 2 * rate)
        if what == "weights":
            signs = np.where(np.arange(projection.fields.weights()[0].size) % 3, 1.0, -1.0)
            projection.fields.set_weights(
                projection.fields.weights() * signs.reshape(projection.fields.weights()[0].shape)
            )
        if what == "mask":
            projection.cf_shape = SineGrating(frequency=0.5, phase=1.0)
        if what == "output_fns":
            sim["V1"].output_fns = [lambda x: np.maximum(x - 0.02, 0) ** 1.1]
        return sim

    fast, dense = build("compiled"), build("reference")
    fast.run(3)
    dense.run(3)
    assert distance(fast["V1"].activity, dense["V1"].activity) < 1e-4
    for name, projection in dense["V1"].projections.items():
        assert distance(fast["V1"].projections[name].weights, projection.weights) < 1e-4
    if what in ("learning_fn", "weights"):
        assert isinstance(fast["V1"].projections["Lateral1"].fields, DenseFields)
        assert isinstance(fast["V1"].projections["Lateral0"].fields, EventDrivenFields)


def test_a_rule_that_changes_while_running_changes_the_path():
    """A learning rule that is exchanged between two runs is obeyed, though the fast path does not know it."""
    fast, dense = Network().build("compiled"), Network().build("reference")
    for sim in (fast, dense):
        sim.run(2)
        sim["V1"].projections["Afferent0"].learning_fn = Covariance()
        sim.run(4)
    assert distance(fast["V1"].activity, dense["V1"].activity) < 1e-4
    assert isinstance(fast["V1"].projections["Afferent0"].fields, DenseFields)


def test_fields_that_shrink_while_running_agree():
    """After `change_bounds` the fast path goes on with the smaller fields."""
    fast, dense = Network().build("compiled"), Network().build("reference")
    for sim in (fast, dense):
        sim.run(2)
        assert sim["V1"].projections["Lateral1"].change_bounds(BoundingBox(radius=0.2))
        sim.run(4)
    assert distance(fast["V1"].activity, dense["V1"].activity) < 1e-4
    assert not fast.explain().dense


@pytest.mark.parametrize(
    "name", ["EuclideanHebbian", "Oja", "CPCA", "Outstar", "BCMFixed", "BCM", "Trace", "Trace of Oja"]
)
@pytest.mark.parametrize("normalised", [True, False])
def test_linear_rules_agree(name, normalised, monkeypatch):
    """Rules with decays agree across foldings, with joint, single and no normalisation, from outside and laterally."""
    monkeypatch.setattr("topo_exp.engine.compiled.fields.FOLD_AFTER", 4)

    def build(engine):
        sim = Network().build(engine)
        for projection in sim["V1"].projections.values():
            rule = LINEAR[name]()
            projection.learning_fn = rule
            projection.learning_rate = 0.05 if name == "EuclideanHebbian" else 0.5
            if not normalised:
                projection.weights_output_fn, projection.norm_group = KeepWeights(), None
        return sim

    fast, dense = build("compiled"), build("reference")
    assert not fast.explain().dense
    before = [p.weights for p in dense["V1"].projections.values()]
    for until in (3, 11, 12.3):
        for sim in (fast, dense):
            sim.run(until)
        assert_v1_agrees(fast, dense)
    assert all((p.weights != old).any() for p, old in zip(dense["V1"].projections.values(), before, strict=True))


def assert_v1_agrees(fast, dense):
    """Hold activity, responses, weights and memory of V1 to those of the dense form."""
    assert dense["V1"].activity.any()
    assert distance(fast["V1"].activity, dense["V1"].activity) < 1e-4
    states = fast.state(), dense.state()
    for name, projection in dense["V1"].projections.items():
        twin = fast["V1"].projections[name]
        assert distance(twin.weights, projection.weights) < 1e-4, name
        assert distance(twin.activity, projection.activity) < 1e-4, name
        for key in (key for key in states[1] if key.startswith(f"projections/{projection.path}/memory/")):
            assert distance(states[0][key], states[1][key]) < 1e-4, key


@pytest.mark.parametrize("rule", [Oja, CPCA, Outstar])
def test_rates_that_turn_weights_around_agree(rule):
    """With rates at which a step takes more than all of a weight, so that it turns negative, both paths agree."""

    def build(engine):
        sim = Network(tsettle=1, output="linear", joint=False).build(engine)
        for name in ("Afferent0", "Afferent1"):
            projection = sim["V1"].projections[name]
            projection.learning_fn = rule()
            projection.learning_rate = (30.0 if rule is Outstar else 3.0) * projection.n_units
        return sim

    fast, dense = build("compiled"), build("reference")
    assert not fast.explain().dense
    for until in (1, 2, 3):
        for sim in (fast, dense):
            sim.run(until)
        assert_v1_agrees(fast, dense)
    assert min(p.weights.min() for p in dense["V1"].projections.values()) < 0


@pytest.mark.parametrize("output_fn", [None, Logistic(r=5.0, k=-2.0), NakaRushton(c50=0.3, e=2.0)])
def test_linear_and_sigmoid_sheets_agree(output_fn):
    """A sheet without output function, whose activity may be negative, and sigmoid ones settle and learn alike."""

    def build(engine):
        sim = Network(lateral_strengths=(0.4, -0.5)).build(engine)
        sim["V1"].output_fns = [output_fn] if output_fn else []
        sim["V1"].projections["Afferent1"].strength = -2.0
        return sim

    fast, dense = build("compiled"), build("reference")
    assert not fast.explain().dense
    for until in (1, 4, 8):
        for sim in (fast, dense):
            sim.run(until)
        assert_v1_agrees(fast, dense)
    assert output_fn is not None or dense["V1"].activity.min() < 0


def test_a_sheet_divides_by_the_activity_of_another_one():
    """Gain control by a second sheet together with the sheet itself agrees, while both settle."""

    def build(engine):
        sim = Network(relays=2).build(engine)
        divide = {"activity_group": 0.6, "combine": Divide(constant=0.11), "nominal_bounds": BoundingBox(radius=0.3)}
        for src, dest in (("Relay0", "Relay1"), ("Relay1", "Relay0")):
            sim[src].settles_with = [dest]
            sim.connect(src, dest, SharedWeightCFProjection(name="FromOther", strength=0.5, **divide))
        return sim

    fast, dense = build("compiled"), build("reference")
    assert not fast.explain().dense
    for until in (1.12, 2, 2.3, 4):
        for sim in (fast, dense):
            sim.run(until)
        for name in ("Relay0", "Relay1", "V1"):
            assert distance(fast[name].activity, dense[name].activity) < 1e-4, (name, until)
    assert fast["Relay0"].projections["FromOther"].activity.any()


def test_learning_from_negative_input_agrees():
    """Where a source is active below zero, sums are not linear any more, and learning is still right."""
    fast, dense = Network(relays=1).build("compiled"), Network(relays=1).build("reference")
    for sim in (fast, dense):
        sim["Relay0"].output_fns = [lambda x: x]
        sim.run(3)
    assert fast["Relay0"].activity.min() < 0
    assert distance(fast["V1"].activity, dense["V1"].activity) < 1e-4
    weights = [sim["V1"].projections["Afferent0"].weights for sim in (fast, dense)]
    assert distance(*weights) < 1e-4


def test_afferent_measurement_agrees():
    """Presentations give the same responses on both paths, settled or stopped at the afferent input."""
    fast, dense = Network().build("compiled"), Network().build("reference")
    gratings = [SineGrating(frequency=2.0, phase=phase) for phase in (0.0, 1.0, 2.0)]
    for sim in (fast, dense):
        sim.run(3)
    for afferent_only in (False, True):
        responses = []
        for sim in (fast, dense):
            with sim.frozen():
                responses.append(sim.respond({"Retina": gratings}, afferent_only=afferent_only)["V1"])
        assert responses[1].std() > 0
        assert distance(*responses) < 1e-4


@pytest.mark.parametrize(
    ("lateral", "others"),
    [(0.2, 0.05), (0.1, 0.05), (0.1, 0.04), (0.05, 0.05), (0.05, 0.2)],
    ids=["before it learns", "as it learns", "in between", "next", "much later"],
)
def test_a_sheet_does_not_run_ahead_of_what_others_answer(lateral, others):
    """Where another sheet answers the last activation before, when or after a sheet learns, both paths agree."""
    fast, dense = (feedback(engine, lateral=lateral, others=others) for engine in ("compiled", "reference"))
    for until in (1, 2.15, 3):
        fast.run(until)
        dense.run(until)
        for name, sheet in dense.sheets.items():
            assert distance(fast[name].activity, sheet.activity) < 1e-4
            for projection in sheet.projections.values():
                twin = fast[name].projections[projection.name]
                assert distance(twin.activity, projection.activity) < 1e-4
                assert distance(twin.weights, projection.weights) < 1e-4


def assert_responses_agree(fast, dense):
    """Hold V1's projections to the same responses, as they stand."""
    for name, projection in dense["V1"].projections.items():
        assert distance(fast["V1"].projections[name].activity, projection.activity) < 1e-4, name
        assert distance(np.asarray(fast["V1"].projections[name].input), np.asarray(projection.input)) < 1e-4, name


@pytest.mark.parametrize("laterals", [1, 2, 3])
@pytest.mark.parametrize("kept", [False, True])
def test_whoever_looks_finds_the_response_to_the_last_activity(laterals, kept):
    """Learning or not, between and within iterations, frozen or with rates of zero, lateral responses are there."""

    def build(engine):
        network = Network(
            lateral_radii=(0.17, 0.3, 0.25)[:laterals],
            lateral_strengths=(1.0, -1.0, 0.3)[:laterals],
            lateral_rates=(0.0, 0.3, 0.2)[:laterals],
            joint=False,
        )
        sim = network.build(engine)
        for projection in sim["V1"].projections.values() if kept else ():
            projection.weights_output_fn = KeepWeights()
            projection.learning_rate = 0.0
        return sim

    sims = build("compiled"), build("reference")
    for i, until in enumerate((1, 2, 2.25, 3, 4.2, 5)):
        for sim in sims:
            sim.plastic = i % 3 != 1
            sim["V1"].plastic = i % 4 != 3
            sim.run(until)
        assert_responses_agree(*sims)
        with sims[0].frozen(), sims[1].frozen():
            for sim in sims:
                sim.run(until + 1.1)
            assert_responses_agree(*sims)
            for sim in sims:
                sim.respond({"Retina": [SineGrating(frequency=2.0)]})
            assert_responses_agree(*sims)
        assert_responses_agree(*sims)


def test_a_scheduled_action_finds_the_response_to_the_last_activity():
    """An action in the middle of a run sees what would have been there had the run stopped."""
    sims = Network().build("compiled"), Network().build("reference")
    seen = []
    for sim in sims:
        sim.plastic = False
        sim.schedule(2, lambda sim: seen.append(sim["V1"].projections["Lateral1"].activity))
        sim.run(3)
    assert seen[1].any()
    assert distance(*seen) < 1e-4


def test_after_an_exception_the_response_to_the_last_activity_is_there():
    """Whoever catches an exception from a function of the model sees lateral responses that belong to the activity."""
    sims = [feedback(engine, lateral=0.05, others=0.4) for engine in ("compiled", "reference")]
    for sim in sims:
        sim.plastic = False
        sim.run(1)
        sim["High"].output_fns = [lambda x: x[0, 0, 0]]
        with pytest.raises(IndexError):
            sim.run(2)
    responses = [sim["Low"].projections["FromLow"].activity for sim in sims]
    assert responses[1].any()
    assert distance(*responses) < 1e-4
    assert distance(*(sim["Low"].activity for sim in sims)) < 1e-4
