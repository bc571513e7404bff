"""Dense fields: weights on frames, without the cells off the sheet, give the same bits as on templates."""

import copy
from collections.abc import Callable

import numpy as np
import pytest

from tests.contracts import functions
from topo_exp.engine import fields
from topo_exp.engine.coordinates import BoundingBox, FieldGeometry, Grid, Template
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.learning import EuclideanHebbian, Hebbian, cellwise
from topo_exp.engine.response import DotProduct, EuclideanSimilarity, as_sum

LAYOUTS = {
    "a field as large as the sheet": (10, 10, 0.5, 1.0),
    "fields cut at the edges": (12, 7, 0.5, 0.42),
    "fields larger than the sheet, unequal densities": (9, 13, 0.5, 0.8),
    "one unit": (8, 1, 0.5, 0.9),
    "fields within the sheet": (24, 5, 0.6, 0.1),
}
"""Density of source and destination, radius of the source sheet, radius of a field."""


@cellwise
def own_cellwise(weights: np.ndarray, inputs: np.ndarray, activity: np.ndarray, rate: float) -> np.ndarray:
    """Decay, and grow by the square of the input: changes silent units, too."""
    return weights * (1 - rate) + (rate * activity)[:, None, None] * inputs**2


RULES: dict[str, Callable[..., np.ndarray]] = {
    "Hebbian": Hebbian(),
    "EuclideanHebbian": EuclideanHebbian(),
    "oja": functions.oja,
    "own, cellwise": own_cellwise,
}


def pair(layout: str, monkeypatch: pytest.MonkeyPatch) -> tuple[DenseFields, DenseFields]:
    """Return the same fields twice: laid out on frames, and on templates."""
    source_density, density, radius, field = LAYOUTS[layout]
    source = Grid.fit(BoundingBox(radius=radius), source_density)
    destination = Grid.fit(BoundingBox(radius=0.5), density)
    geometry = FieldGeometry.lay(Template.fit(BoundingBox(radius=field), source), source, destination)
    random = np.random.default_rng(5)
    mask = geometry.on_sheet & (random.random(geometry.template.shape) < 0.8)
    weights = (random.random(mask.shape) * mask).astype(np.float32)
    twins = tuple(DenseFields(copy.copy(geometry), mask, weights, np.float64) for _ in range(2))
    for twin, below in zip(twins, (2.0, 0.0), strict=True):
        monkeypatch.setattr(fields, "FRAMES_BELOW", below)
        twin.respond(np.zeros(geometry.source_shape), DotProduct())
    assert twins[0]._frames is not None
    assert twins[1]._frames is None
    return twins[0], twins[1]


def assert_same(one: DenseFields, other: DenseFields) -> None:
    """Compare weights, connections, sums and state, bit for bit."""
    some = np.arange(0, one.geometry.units, 2)
    np.testing.assert_array_equal(one.weights(), other.weights())
    np.testing.assert_array_equal(one.connections, other.connections)
    np.testing.assert_array_equal(one.totals(some), other.totals(some))
    np.testing.assert_array_equal(one.cropped_totals(some), other.cropped_totals(some))
    assert one.state().keys() == other.state().keys()
    np.testing.assert_array_equal(one.state()["weights"], other.state()["weights"])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rule", RULES)
def test_frames_give_the_bits_of_templates(layout, rule, monkeypatch):
    """Responses, learning, scaling, restoring and replacing weights give the same bits in both layouts."""
    frames, templates = pair(layout, monkeypatch)
    random = np.random.default_rng(6)
    for _ in range(3):
        source = random.random(frames.geometry.source_shape)
        activity = random.random(frames.geometry.destination_shape) * (random.random() < 0.9)
        activity.ravel()[::3] = 0
        responses = [
            [
                twin.respond(source, DotProduct()),
                twin.respond(source, functions.city_block),
                twin.respond(source, EuclideanSimilarity()),
                twin.respond_by_sums(source, EuclideanSimilarity()),
            ]
            for twin in (frames, templates)
        ]
        np.testing.assert_array_equal(responses[0], responses[1])
        np.testing.assert_array_equal(responses[0][2], responses[0][3])
        for twin in (frames, templates):
            twin.learn(RULES[rule], source, activity, 0.1)
            twin.scale(np.flatnonzero(activity), 1 + activity[activity > 0])
        assert_same(frames, templates)
    state = templates.state()
    for twin in (frames, templates):
        twin.set_weights(random.random(frames.weights().shape) if twin is frames else frames.weights())
    assert_same(frames, templates)
    frames.restore(state)
    np.testing.assert_array_equal(frames.weights(), state["weights"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_totals_in_single_precision_are_those_of_each_field_by_itself(layout, monkeypatch):
    """The sums are added up in the order in which the reference adds each field by itself."""
    for twin in pair(layout, monkeypatch):
        weights, geometry = twin.weights(), twin.geometry
        units = np.random.default_rng(3).permutation(geometry.units)
        for unit, total in zip(units, twin.cropped_totals(units), strict=True):
            (row, column), (r1, r2, c1, c2) = geometry.offsets[unit], geometry.slices[unit]
            field = weights[unit, row : row + r2 - r1, column : column + c2 - c1]
            assert total == np.abs(field.ravel()).sum()


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_units_are_normalised_as_each_by_itself(layout, precision, monkeypatch):
    """Sums and scaled weights of all units at once have the bits of those in any other order, one by one."""
    for together in pair(layout, monkeypatch):
        alone = copy.deepcopy(together)
        units = np.arange(together.geometry.units)
        factors = np.random.default_rng(4).random(len(units)).astype(precision)
        totals = together.cropped_totals(units)
        together.scale(units, factors)
        for unit in units[::-1]:
            assert alone.cropped_totals(units[unit : unit + 1]) == totals[unit]
            alone.scale(units[unit : unit + 1], factors[unit : unit + 1])
        np.testing.assert_array_equal(alone.weights(), together.weights())
        order = np.random.default_rng(6).permutation(units)
        together.scale(order, factors[order])
        alone.scale(units, factors)
        np.testing.assert_array_equal(alone.weights(), together.weights())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cellwise_rule_is_called_with_the_cells_on_the_sheet(layout, monkeypatch):
    """Such a rule sees as many cells as the largest field has on the sheet, other rules the template."""
    frames, _ = pair(layout, monkeypatch)
    shapes = []

    def watch(weights: np.ndarray, inputs: np.ndarray, activity: np.ndarray, rate: float) -> np.ndarray:
        assert inputs.shape == weights.shape
        shapes.append(weights.shape)
        return weights

    source, activity = np.ones(frames.geometry.source_shape), np.ones(frames.geometry.destination_shape)
    frames.learn(watch, source, activity, 0.1)
    frames.learn(cellwise(watch), source, activity, 0.1)
    r1, r2, c1, c2 = frames.geometry.slices.T
    units = frames.geometry.units
    assert shapes == [(units, *frames.geometry.template.shape), (units, (r2 - r1).max(), (c2 - c1).max())]


def test_inputs_that_a_rule_may_share_cannot_be_changed(monkeypatch):
    """A cellwise rule is given read-only inputs; other functions are given a copy that they may change."""
    frames, _ = pair("fields cut at the edges", monkeypatch)
    source = np.ones(frames.geometry.source_shape)
    source.flags.writeable = False

    def spoil(weights: np.ndarray, inputs: np.ndarray, *_: object) -> np.ndarray:
        inputs *= 0
        return weights

    activity = np.ones(frames.geometry.destination_shape)
    before = frames.respond(source, DotProduct())
    frames.learn(spoil, source, activity, 0.1)
    np.testing.assert_array_equal(frames.respond(source, DotProduct()), before)
    with pytest.raises(ValueError, match="read-only"):
        frames.learn(cellwise(spoil), source, activity, 0.1)


def test_a_source_that_changes_in_place_is_read_again(monkeypatch):
    """Inputs are remembered only for an array that cannot be changed."""
    frames, _ = pair("fields cut at the edges", monkeypatch)
    source = np.ones(frames.geometry.source_shape)
    before = frames.respond(source, DotProduct())
    source *= 2
    np.testing.assert_allclose(frames.respond(source, DotProduct()), 2 * before)


def test_a_call_that_is_defined_anew_is_used():
    """A subclass that defines the call, but not its terms, is no sum over the field; one with other terms is."""

    class Anew(EuclideanSimilarity):
        def __call__(self, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
            return inputs.sum(axis=(1, 2))

    class OtherTerms(EuclideanSimilarity):
        def terms(self, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
            return np.abs(inputs - weights)

    other = OtherTerms()
    assert as_sum(Anew()) is None
    assert as_sum(other) is other
    assert as_sum(DotProduct()) is None
    assert as_sum(lambda inputs, weights: weights) is None
