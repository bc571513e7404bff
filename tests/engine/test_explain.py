"""`sim.explain()` names the form of every sheet and projection, and the reason of each dense one."""

import contextlib
import re
from collections import Counter

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.networks import differences, network
from tests.engine.small_networks import Network, distance
from topo_exp.engine.cortex import CFSheet, NeighborhoodMask, SettlingCFSheet
from topo_exp.engine.learning import DivisiveNormalizeL1, EuclideanHebbian, Hebbian
from topo_exp.engine.learning_rules import BCM, CPCA, BCMFixed, Covariance, Oja, Outstar, Trace
from topo_exp.engine.mapping import Scaling
from topo_exp.engine.patterns import SineGrating, UniformNoise
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.projection_types import LeakyCFProjection, OneToOneProjection, ScaledCFProjection
from topo_exp.engine.settling import Settle, Step
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse, KernelMax, PiecewiseLinear
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


class EmptySettling(SettlingCFSheet):
    """Adds nothing."""


class EmptySheet(CFSheet):
    """Adds nothing but a method of its own."""

    def describe(self) -> str:
        """Return a description."""
        return f"sheet {self.name}"


class EmptyProjection(CFProjection):
    """Adds nothing."""


class EmptyRule(Hebbian):
    """Adds nothing."""


class EmptyNorm(DivisiveNormalizeL1):
    """Adds nothing."""


class DoubledRule(Hebbian):
    """Learns twice as fast."""

    def __call__(self, weights, inputs, activity, rate):
        """Return the weights after one step."""
        return super().__call__(weights, inputs, activity, 2 * rate)


class HalvedNorm(DivisiveNormalizeL1):
    """Normalises to one half."""

    def __call__(self, weights):
        """Return the normalised weights."""
        return super().__call__(weights) / 2


class OwnLearning(CFSheet):
    """Learns as usual."""

    def learn(self, moment):
        """Let the projections learn."""
        super().learn(moment)


class Twice(Settle):
    """Activates twice, however long the sheet would settle."""

    def next_step(self):
        """Return the step that follows."""
        return Step.LEARN if self.activation_count >= 2 else Step.ACTIVATE


class SettlesTwice(SettlingCFSheet):
    """Settles by a scheme of its own."""

    def make_scheme(self):
        """Return the scheme."""
        return Twice()


@pytest.mark.parametrize(
    ("declared", "plain"),
    [
        ({"sheet": EmptySettling}, {}),
        ({"sheet": EmptySheet}, {"sheet": CFSheet}),
        ({"projection": EmptyProjection}, {}),
        ({"afferent": {"learning_fn": EmptyRule(), "weights_output_fn": EmptyNorm()}}, {}),
    ],
    ids=["settling sheet", "sheet", "projection", "functions"],
)
def test_empty_subclasses_keep_the_compiled_form(declared, plain):
    """A class that overrides no method that kernels replace is computed by them, with the same bits."""
    derived, base = network(**declared)("compiled"), network(**plain)("compiled")
    for sim in (derived, base):
        sim.run(3)
    assert not derived.explain().dense
    assert differences(derived.state(), base.state()) == []


class UnscaledProjection(ScaledCFProjection):
    """Leaves the responses as they are."""

    def adapt(self, *, plastic):
        """Change nothing."""


TURNED = Scaling(orientation=0.4)
STRIPES = SineGrating(frequency=0.4, orientation=np.pi / 2)


@pytest.mark.parametrize(
    ("declared", "sheet", "projection", "says"),
    [
        ({"sheet": functions.HalvingSheet}, True, False, "HalvingSheet overrides combined_input"),
        ({"sheet": OwnLearning}, True, False, "OwnLearning overrides learn"),
        ({"projection": functions.SaturatingProjection}, True, True, "SaturatingProjection overrides respond"),
        ({"afferent": {"learning_fn": functions.oja}}, True, True, "learning_fn oja has no compiled form"),
        ({"afferent": {"learning_fn": DoubledRule()}}, True, True, "learning_fn DoubledRule has no compiled form"),
        ({"afferent": {"weights_output_fn": HalvedNorm()}}, True, True, "weights_output_fn HalvedNorm"),
        ({"afferent": {"response_fn": functions.squared}}, True, True, "response_fn squared"),
        ({"afferent": {"weights_generator": UniformNoise(offset=-0.4)}}, True, True, "negative weights"),
        (
            {"afferent": {"cf_shape": STRIPES}},
            True,
            True,
            "cf_shape has holes",
        ),
        ({"cortex": {"output_fns": [functions.soft]}}, True, False, "output function soft has no compiled form"),
        ({"cortex": {"output_fns": lambda: [HalfRectify(), HalfRectify()]}}, True, False, "2 output functions"),
        ({"cortex": {"output_fns": lambda: [KernelMax()]}}, True, False, "output function KernelMax has no"),
        ({"cortex": {"output_fns": lambda: [HomeostaticMaxEnt()]}}, True, False, "function HomeostaticMaxEnt has no"),
        (
            {"afferent": {"learning_fn": Covariance()}},
            True,
            True,
            "Covariance has no compiled form: it changes weights",
        ),
        (
            {"afferent": {"learning_fn": Trace(rule=Covariance())}},
            True,
            True,
            "Trace of Covariance has no compiled form",
        ),
        ({"afferent": {"learning_fn": Trace(rule=functions.oja)}}, True, True, "Trace of oja has no compiled form"),
        (
            {"afferent": {"coord_mapper": Scaling(orientation=0.4)}},
            True,
            True,
            "coord_mapper does not map rows to rows",
        ),
        ({"projection": OneToOneProjection, "afferent": {"coord_mapper": TURNED}}, True, True, "coord_mapper does not"),
        ({"projection": UnscaledProjection}, True, True, "UnscaledProjection overrides adapt"),
        ({"cortex": {"mask_fn": NeighborhoodMask()}}, True, False, "mask_fn is set"),
        ({"inhibition": {"combine": functions.modulate, "activity_group": 0.7}}, True, False, "combined otherwise"),
    ],
)
def test_dense_forms_have_a_reason(declared, sheet, projection, says):
    """The row of whatever is dense says why, and the rows of the other projections stay compiled."""
    sim = network(**declared)("compiled")
    for explained in (sim.explain(), (sim.start(), sim.explain())[1]):
        dense = {(row.sheet, row.projection): row.reason for row in explained.dense}
        assert (("V1", "") in dense) == sheet
        assert (("V1", "Afferent") in dense) == projection
        assert set(dense) <= {("V1", ""), ("V1", "Afferent")}
        assert says in dense["V1", "Afferent" if projection else ""]
        assert says in str(explained)


@pytest.mark.parametrize(
    "declared",
    [
        *({"afferent": {"learning_fn": rule}} for rule in (Hebbian(), EuclideanHebbian(), Oja(), CPCA(), Outstar())),
        *({"inhibition": {"learning_fn": rule}} for rule in (BCM(), BCMFixed(), Trace(), Trace(rule=Oja()))),
        *(
            {"cortex": {"output_fns": [fn]}}
            for fn in (
                PiecewiseLinear(),
                Logistic(),
                GeneralizedLogistic(),
                NakaRushton(),
                Square(),
                HalfRectifyAndSquare(),
                HalfRectifyAndPower(),
                BinaryThreshold(),
            )
        ),
        {"cortex": {"output_fns": []}},
        {"projection": SharedWeightCFProjection},
        {"projection": OneToOneProjection},
        {"projection": ScaledCFProjection},
        {"projection": LeakyCFProjection},
    ],
    ids=lambda declared: re.sub(r", name='[^']*'|name='[^']*'(, )?", "", str(*declared.values()))[:60],
)
def test_the_families_have_the_compiled_form(declared):
    """Linear learning rules, output functions of one unit and all kinds of projections are compiled throughout."""
    sim = network(**declared)("compiled")
    assert not sim.explain().dense
    sim.run(1.5)
    assert not sim.explain().dense
    assert not any(row.reason for row in sim.explain())


@pytest.mark.parametrize("kind", [ScaledCFProjection, LeakyCFProjection])
def test_lateral_projections_that_act_on_arrival_restrict_the_compiled_form(kind):
    """Their sheet is compiled, with one call for each activation, and its row says so."""

    def more(sim):
        sim.connect("V1", "V1", kind(name="Other", strength=0.2))

    sim = network(more=more)("compiled")
    assert not sim.explain().dense
    (row,) = (row for row in sim.explain() if row.sheet == "V1" and not row.projection)
    assert row.reason == f"{kind.__name__} Other: one call for each activation"


def test_overridden_functions_are_obeyed():
    """A subclass of a known rule or normalisation that defines its own call is called, in both engines."""
    for changes in ({"learning_fn": DoubledRule()}, {"weights_output_fn": HalvedNorm()}):
        changed, plain = network(afferent=changes)("compiled"), network()("compiled")
        for sim in (changed, plain):
            sim.run(3)
        weights = [sim["V1"].projections["Afferent"].weights for sim in (changed, plain)]
        assert not np.allclose(*weights, rtol=1e-4)
    np.testing.assert_allclose(weights[0].sum(axis=(1, 2)), 0.5, rtol=1e-6)


def test_the_table_counts_weights_and_memory():
    """Rows of projections have the connections and megabytes of the projection; the text has one line for each row."""
    sim = Network().build("compiled")
    explained = sim.explain()
    assert sim.time == 0
    sim.connect("Relay0", "V1", CFProjection(name="More"))  # explaining has not begun the first run
    sim.start()
    for row in sim.explain():
        if row.projection:
            projection = sim[row.sheet].projections[row.projection]
            assert (row.weights, row.megabytes) == (projection.n_connections, projection.nbytes / 1e6)
    assert len(str(explained).splitlines()) == len(explained) + 1


def test_the_reference_engine_is_the_reason_of_its_dense_forms():
    """With engine="reference" everything is dense for that reason."""
    explained = network()("reference").explain()
    assert {row.reason for row in explained} == {"engine='reference'"}
    assert explained.dense == explained


def test_a_settling_scheme_of_a_users_own_works_in_both_engines():
    """A scheme that overrides the next step is obeyed; its sheet is compiled, with one call for each activation."""
    sims = [network(sheet=SettlesTwice, cortex={"tsettle": 5})(engine) for engine in ("compiled", "reference")]
    usual = network(cortex={"tsettle": 2})("compiled")
    for sim in (*sims, usual):
        sim.run(3)
    (row,) = (row for row in sims[0].explain() if row.sheet == "V1" and not row.projection)
    assert (row.form, row.reason) == ("compiled", "Twice: one call for each activation")
    assert distance(sims[0]["V1"].activity, sims[1]["V1"].activity) < 1e-5
    np.testing.assert_array_equal(sims[0]["V1"].activity, usual["V1"].activity)


def test_work_can_be_watched():
    """Each piece of a sheet's work runs within the caller's context, and the results are the same."""
    watched, plain, entered = network()("compiled"), network()("compiled"), Counter()

    @contextlib.contextmanager
    def watch(name):
        entered[name] += 1
        yield

    with watched.watched(watch):
        watched.run(2)
    plain.run(2)
    assert set(entered) == {"V1"}
    assert entered["V1"] > 2
    watched.run(3)
    plain.run(3)
    before = entered["V1"]
    assert differences(watched.state(), plain.state()) == []
    assert entered["V1"] == before


def test_the_output_function_of_a_derived_class_is_known():
    """Thresholds of a subclass that overrides nothing adapt as those of its base."""

    class Derived(HomeostaticResponse):
        """Adds nothing."""

    class Rectified(HalfRectify):
        """Shifts its input."""

        def __call__(self, x):
            """Return max(x - 0.1, 0)."""
            return super().__call__(x - 0.1)

    derived = network(cortex={"output_fns": lambda: [Derived(t_init=0.02)]})("compiled")
    base = network(cortex={"output_fns": lambda: [HomeostaticResponse(t_init=0.02)]})("compiled")
    for sim in (derived, base):
        sim.run(3)
    assert not derived.explain().dense
    np.testing.assert_array_equal(derived["V1"].threshold, base["V1"].threshold)
    assert network(cortex={"output_fns": [Rectified()]})("compiled").explain().dense[0].sheet == "V1"
