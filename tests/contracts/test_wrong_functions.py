"""Functions of a user's own that do not suit: the message names the sheet or projection and what is expected."""

import copy
import functools

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.networks import network
from topo_exp.engine.actions import SetParameter
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import Hebbian, LinearChange
from topo_exp.engine.transfer import Adaptive
from topo_exp.errors import ModelError, NumericalError

BOTH = pytest.mark.parametrize("engine", ["compiled", "reference"])


def on_afferent(**changes):
    return network(afferent=changes)


def on_cortex(*output_fns):
    return network(cortex={"output_fns": lambda: copy.deepcopy(list(output_fns))})


class Forgetful(Adaptive):
    """An adaptive function that returns nothing."""

    def apply(self, x, moment):
        """Return nothing."""


class WantsMore(Adaptive):
    """An adaptive function that asks for what nobody gives it."""

    def apply(self, x, moment, more):
        """Return the input."""
        return x


WRONG_RESULTS = {
    "a rule that returns one number": (
        on_afferent(learning_fn=lambda w, x, y, rate: 0.5),
        r"V1/Afferent\.learning_fn: <lambda> must return .* of shape \(64, 7, 7\) \(got an array of float64 of shape "
        r"\(\)\)",
    ),
    "a rule that returns what broadcasts": (
        on_afferent(learning_fn=lambda w, x, y, rate: w.mean(axis=0, keepdims=True)),
        r"V1/Afferent\.learning_fn: .* of shape \(64, 7, 7\) \(got an array of float64 of shape \(1, 7, 7\)\)",
    ),
    "a rule that forgets to return": (
        on_afferent(learning_fn=lambda w, x, y, rate: None),
        r"V1/Afferent\.learning_fn: .* \(got None\)",
    ),
    "a rule that returns complex numbers": (
        on_afferent(learning_fn=lambda w, x, y, rate: w * 1j),
        r"V1/Afferent\.learning_fn: .* real numbers .* \(got an array of complex128",
    ),
    "a response of each cell": (
        on_afferent(response_fn=lambda x, w: x * w),
        r"V1/Afferent\.response_fn: .* of shape \(64,\) \(got an array of float64 of shape \(64, 7, 7\)\)",
    ),
    "a response that is one too long": (
        on_afferent(response_fn=lambda x, w: np.ones(len(w) + 1)),
        r"V1/Afferent\.response_fn: .* of shape \(64,\) \(got .*\(65,\)\)",
    ),
    "a response of one number": (
        on_afferent(response_fn=lambda x, w: float((x * w).sum())),
        r"V1/Afferent\.response_fn: .* of shape \(64,\)",
    ),
    "a normalisation that sums": (
        on_afferent(weights_output_fn=lambda w: w.sum(axis=(1, 2))),
        r"V1/Afferent\.weights_output_fn: .* of shape \(64, 7, 7\) \(got .* \(64,\)\)",
    ),
    "a combination that sums": (
        network(inhibition={"combine": lambda a, c: (a + c).sum(), "activity_group": 0.8}),
        r"V1/Inhibition\.combine: .* of shape \(8, 8\) \(got .* \(\)\)",
    ),
    "an output function that flattens": (
        on_cortex(np.ravel),
        r"V1\.output_fns\[0\]: ravel must return .* of shape \(8, 8\) \(got .* \(64,\)\)",
    ),
    "a second output function that is wrong": (
        on_cortex(functions.soft, lambda x: x[1:]),
        r"V1\.output_fns\[1\]: .* of shape \(8, 8\) \(got .* \(7, 8\)\)",
    ),
    "an adaptive function that returns nothing": (
        on_cortex(Forgetful()),
        r"V1\.output_fns\[0\]: Forgetful must return .* \(got None\)",
    ),
}

WRONG_SIGNATURES = {
    "a rule without rate": (
        lambda: on_afferent(learning_fn=lambda weights, inputs, activity: weights),
        r"V1/Afferent\.learning_fn: must be callable as f\(weights, inputs, activity, rate\) "
        r"\(got <lambda>\(weights, inputs, activity\)\)",
    ),
    "a response of one argument": (
        lambda: on_afferent(response_fn=lambda inputs: inputs),
        r"V1/Afferent\.response_fn: must be callable as f\(inputs, weights\) \(got <lambda>\(inputs\)\)",
    ),
    "a rule's class instead of a rule": (
        lambda: on_afferent(learning_fn=Hebbian),
        r"V1/Afferent\.learning_fn: must be callable as f\(weights, inputs, activity, rate\) \(got Hebbian",
    ),
    "a combination of one argument": (
        lambda: network(lateral={"combine": lambda a: a}),
        r"V1/Lateral\.combine: must be callable as f\(activity, contribution\)",
    ),
    "a normalisation of two arguments": (
        lambda: on_afferent(weights_output_fn=lambda w, axis: w),
        r"V1/Afferent\.weights_output_fn: must be callable as f\(weights\) \(got <lambda>\(w, axis\)\)",
    ),
    "an output function of two arguments": (
        lambda: on_cortex(lambda x, time: x),
        r"V1\.output_fns\[0\]: must be callable as f\(x\) \(got <lambda>\(x, time\)\)",
    ),
    "an output function that is none": (
        lambda: on_cortex(functions.soft, 0.5),
        r"V1\.output_fns\[1\]: must be a function f\(x\) \(got 0\.5\)",
    ),
    "an adaptive function that wants more": (
        lambda: on_cortex(WantsMore()),
        r"V1\.output_fns\[0\]: must be callable as f\(x, moment\)",
    ),
}


@BOTH
@pytest.mark.parametrize("name", WRONG_RESULTS)
def test_results_of_the_wrong_shape_are_named(name, engine):
    """What a function returns is looked at before it is used: shape and kind of numbers, with the name of its place."""
    build, says = WRONG_RESULTS[name]
    with pytest.raises(ModelError, match=says):
        build(engine).run(1)


@BOTH
@pytest.mark.parametrize("name", WRONG_SIGNATURES)
def test_functions_of_other_arguments_are_named_before_anything_runs(name, engine):
    """A function that cannot be called as it will be is refused while building or starting, with both signatures."""
    build, says = WRONG_SIGNATURES[name]
    with pytest.raises(ModelError, match=says):
        build()(engine).start()


@BOTH
def test_functions_that_are_set_later_are_looked_at_too(engine):
    """A function that was exchanged between two runs, or by a scheduled action, is refused as early as possible."""
    sim = network()(engine)
    sim.run(1)
    sim["V1"].projections["Afferent"].learning_fn = lambda weights: weights
    with pytest.raises(ModelError, match=r"V1/Afferent\.learning_fn: must be callable"):
        sim.run(2)
    sim = network()(engine)
    sim.schedule(2, SetParameter(path="V1/Lateral", parameter="response_fn", value=lambda x: x))
    with pytest.raises(ModelError, match=r"V1/Lateral\.response_fn: must be callable"):
        sim.run(3)


def variadic(*given):
    """Take anything."""
    return functions.oja(*given)


@BOTH
@pytest.mark.parametrize(
    "fn",
    [
        functions.oja,
        functools.partial(functions.oja),
        variadic,
        lambda weights, inputs, activity, rate, decay=1.0: functions.oja(weights, inputs, activity, rate),
    ],
)
def test_every_way_to_write_a_function_is_good(fn, engine):
    """Functions, partial ones, ones that take anything and ones with more arguments that have defaults are taken."""
    sim, plain = on_afferent(learning_fn=fn)(engine), on_afferent(learning_fn=functions.oja)(engine)
    for each in (sim, plain):
        each.run(2)
    weights = [each["V1"].projections["Afferent"].weights for each in (sim, plain)]
    np.testing.assert_array_equal(*weights)


@BOTH
def test_functions_of_numpy_are_good_output_functions(engine):
    """A function of numpy's own serves as an output function, in the script too."""
    sim = on_cortex(np.tanh)(engine)
    names = {}
    exec(sim.script_repr(), names)  # noqa: S102  # executing it is what the source is for
    for each in (sim, names["sim"]):
        each.run(2)
    np.testing.assert_array_equal(sim["V1"].activity, names["sim"]["V1"].activity)
    assert sim["V1"].activity.any()


@BOTH
@pytest.mark.parametrize(
    ("build", "where"),
    [
        (on_cortex(lambda x: np.where(x > 0.1, np.nan, 0)), r"V1\.activity"),
        (on_afferent(learning_fn=lambda w, x, y, rate: w * np.nan), r"V1/Afferent\.weights|V1\.activity"),
        (on_afferent(response_fn=lambda x, w: np.full(len(w), np.inf)), r"V1\.activity|V1/.*\.weights"),
        (on_afferent(weights_output_fn=lambda w: w / w.max() / 0.0), r"V1\.activity|V1/Afferent\.weights"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(invalid value|divide by zero|overflow):RuntimeWarning")
def test_what_is_no_number_is_found_with_place_and_time(build, where, engine):
    """NaN or infinity from a function is found when somebody asks, and the message has place, count and time."""
    sim = build(engine)
    sim.run(2)
    with pytest.raises(NumericalError, match=rf"({where}): must be finite numbers \(got \d+ of \d+ .* at time 2\)"):
        sim.check_finite()


@BOTH
@pytest.mark.parametrize("where", ["learning_fn", "response_fn", "weights_output_fn", "combine"])
def test_what_a_function_raises_passes_through(where, engine):
    """A user's own exception is what the user sees, with nothing around it."""

    def fail(*arguments):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        on_afferent(**{where: fail})(engine).run(1)
    assert caught.value.__cause__ is None


def test_a_function_without_a_name_cannot_be_written():
    """A script needs every function's name, and says of which one it has none and where to define it."""
    with pytest.raises(ModelError, match=r"script_repr: must be able to name every function \(got <function"):
        on_cortex(lambda x: x)("compiled").script_repr()


def test_a_sheet_of_a_users_own_is_looked_at_too():
    """Checks hold for derived sheets as well."""
    with pytest.raises(ModelError, match=r"V1\.output_fns\[0\]"):
        network(sheet=functions.HalvingSheet, cortex={"output_fns": [np.ravel]})("compiled").run(1)
    with pytest.raises(ModelError, match=r"V1\.output_fns\[0\]"):
        network(sheet=CFSheet, cortex={"output_fns": [np.ravel]})("compiled").run(1)


def rule_with(change):
    """Return a linear rule whose coefficients are given by a function."""

    class Own(Hebbian):
        """Learns by coefficients of its own."""

        def __call__(self, weights, inputs, activity, rate):
            """Return the weights."""
            return weights + self.change(activity, rate).of(weights, inputs)

    Own.change = change
    return Own()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda self, activity, rate: rate * activity, r"must return a LinearChange \(got ndarray\)"),
        (lambda self, activity, rate: LinearChange(np.zeros(3)), r"of shape \(64,\) \(got .* of shape \(3,\)\)"),
        (lambda self, activity, rate: LinearChange(activity, decay=0.1), r"of shape \(64,\) \(got .* of shape \(\)\)"),
        (lambda self, activity: LinearChange(activity), r"must be callable as f\(activity, rate\)"),
    ],
)
def test_coefficients_that_do_not_suit_are_refused(change, says):
    """What a linear rule returns as its coefficients, and its arguments, are checked, and the message says where."""
    with pytest.raises(ModelError, match=r"V1/Afferent\.learning_fn\.change: .*" + says):
        on_afferent(learning_fn=rule_with(change))("compiled").run(1)


def test_a_linear_rule_of_a_users_own_has_the_compiled_form():
    """Its projection is computed by kernels, and follows its call."""
    own = {
        "learning_fn": lambda: rule_with(lambda self, activity, rate: LinearChange(rate * activity, rate * activity))
    }
    fast, dense = (network(afferent=own)(engine) for engine in ("compiled", "reference"))
    for sim in (fast, dense):
        sim.run(4)
    assert not fast.explain().dense
    np.testing.assert_allclose(
        fast["V1"].projections["Afferent"].weights, dense["V1"].projections["Afferent"].weights, rtol=1e-5, atol=1e-8
    )
