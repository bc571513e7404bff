"""Weights stored by quads of source units, whatever the geometry: nothing is lost, misplaced or touched beside them."""

import numpy as np
import pytest

from topo_exp.engine.compiled import buffers, fields, layout
from topo_exp.engine.compiled.buffers import Buffers
from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.compiled.fields import EventDrivenFields
from topo_exp.engine.compiled.layout import Layout, has_runs, is_separable
from topo_exp.engine.coordinates import FieldGeometry, Template
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.learning import Hebbian
from topo_exp.engine.learning_rules import CPCA, BCMFixed, Oja, Outstar
from topo_exp.engine.memory import CheckedRule, RuleMemory
from topo_exp.engine.response import DotProduct

EDGES = {
    "one unit": ((1, 1), (1, 1), (0, 0), (0,), (0,)),
    "one row": ((1, 13), (1, 9), (1, 2), (-1,), range(-2, 7)),
    "one column": ((13, 1), (9, 1), (2, 1), range(-2, 7), (-1,)),
    "odd rows and columns": ((9, 17), (9, 17), (2, 3), range(-2, 7), range(-3, 14)),
    "destination narrower than a vector": ((20, 20), (3, 3), (6, 6), (-3, 2, 7), (-3, 2, 7)),
    "destination much denser": ((4, 4), (23, 21), (1, 1), np.arange(23) // 7, np.arange(21) // 7),
    "cells that nobody sees": ((21, 22), (3, 4), (1, 1), (0, 9, 18), (0, 6, 13, 19)),
    "fields larger than the sheet": ((5, 6), (7, 9), (8, 9), range(-11, -4), range(-13, -4)),
    "fields beside the sheet": ((6, 6), (5, 5), (1, 1), (-3, -3, 2, 6, 6), (-3, 0, 1, 6, 6)),
}
"""Shapes of source and destination, radii of the template, and the first row and column of each field."""


class Guards:
    """Makes arrays that have NaN, or -1, on both sides, and stands for numpy where that is asked for arrays."""

    def __init__(self):
        self.made = []

    def __getattr__(self, name):
        return getattr(np, name)

    def zeros(self, shape, dtype=float):
        """Return zeros with guards, which are all ones bit for bit: NaN as a number."""
        size, dtype = int(np.prod(shape)), np.dtype(dtype)
        raw = np.full(size * dtype.itemsize + 512, 255, np.uint8)
        begin = 256 - raw.ctypes.data % 64
        inside = raw[begin : begin + size * dtype.itemsize]
        inside[:] = 0
        self.made.append((raw, begin, begin + inside.size))
        return inside.view(dtype).reshape(shape)

    def ones(self, shape):
        """Return ones with guards."""
        ones = self.zeros(shape)
        ones[:] = 1
        return ones

    def aligned(self, size, dtype=np.float32):
        """Stand for `buffers.aligned`."""
        return self.zeros(size, dtype)

    def hold(self):
        """Tell whether nothing was written outside of any array."""
        return all((raw[:begin] == 255).all() and (raw[end:] == 255).all() for raw, begin, end in self.made)


@pytest.fixture
def guards(monkeypatch):
    """Guards around the arrays of fields that are made in the meantime; they must hold in the end."""
    guards = Guards()
    for module in (buffers, fields, layout):
        monkeypatch.setattr(module, "np", guards)
    monkeypatch.setattr(buffers, "aligned", guards.aligned)
    yield guards
    assert len(guards.made) > 10
    assert guards.hold()


def random_places(rng, size, cells, extent):
    """Return where `size` fields begin, ascending and with jumps, some of them perhaps beside the source."""
    places = (
        rng.integers(-extent, cells + 1, size) if rng.random() < 0.5 else rng.integers(0, 3, size).cumsum() - extent
    )
    return np.clip(np.sort(places), -extent, cells)


@pytest.fixture(params=[*EDGES, *range(40)])
def case(request):
    """A geometry, a mask without holes in its rows, weights, and a source of random numbers."""
    rng = np.random.default_rng(request.param if isinstance(request.param, int) else 1000)
    if request.param in EDGES:
        source, destination, radii, rows, columns = EDGES[request.param]
    else:
        source, destination = (tuple(rng.integers(1, [[3], [9], [24]][rng.integers(3)], 2).tolist()) for _ in range(2))
        radii = rng.integers(0, 6, 2).tolist()
        rows, columns = (random_places(rng, destination[i], source[i], 2 * radii[i] + 1) for i in range(2))
    corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=2).reshape(-1, 2)
    geometry = FieldGeometry(Template(*radii), source, destination, corners)
    first, last = np.sort(rng.integers(0, geometry.template.shape[1] + 1, (2, geometry.template.shape[0])), axis=0)
    columns = np.arange(geometry.template.shape[1])
    mask = (columns >= first[:, None]) & (columns < last[:, None])
    mask[radii[0]] = True
    weights = (rng.uniform(0.1, 1, (geometry.units, *mask.shape)) * (geometry.on_sheet & mask)).astype(np.float32)
    return geometry, mask, weights, rng


def some(rng, shape, share):
    """Return numbers of single precision, of which so large a share is not zero."""
    return np.where(rng.random(shape) < share, rng.random(shape), 0).astype(np.float32).astype(float)


def close(a, b):
    """Tell whether two arrays are the same but for single precision."""
    return bool(np.abs(a - b).max() <= 4e-6 * max(float(np.abs(b).max()), 1e-6))


def test_weights_come_back_as_they_went_in(case, guards):
    """Every connection has one place, the places beside them are zero, and a stored state is restored bit for bit."""
    geometry, mask, weights, _ = case
    assert has_runs(mask)
    assert is_separable(geometry)
    stored = EventDrivenFields(geometry, mask, weights)
    assert np.array_equal(stored.weights(), weights)
    assert np.count_nonzero(stored.buffers.weights) == np.count_nonzero(weights)
    other = EventDrivenFields(geometry, mask, np.zeros_like(weights))
    other.restore(stored.state())
    assert all(np.array_equal(value, other.state()[key]) for key, value in stored.state().items())


@pytest.mark.parametrize("lateral", [False, True])
@pytest.mark.parametrize("share", [0.05, 0.4, 1.0])
def test_responses_and_learning_agree_with_dense_fields(case, guards, lateral, share):
    """Responses, Hebbian change, totals, scaling and folding are those of the plain form; beside, zeros stay zeros."""
    geometry, mask, weights, rng = case
    connections = geometry.on_sheet & mask
    fast = EventDrivenFields(geometry, mask, weights)
    dense = DenseFields(geometry, connections, weights, np.float64)
    fast.buffers.row[0, kernels().LATERAL] = lateral
    for _ in range(2):
        source, activity = some(rng, geometry.source_shape, share), some(rng, geometry.destination_shape, share)
        assert close(fast.respond(source, DotProduct()), dense.respond(source, DotProduct()))
        for form in (fast, dense):
            form.learn(Hebbian(), source, activity, 0.3)
        units = np.flatnonzero(activity)
        if units.size:
            assert close(fast.totals(units), dense.totals(units))
        factors = rng.uniform(0.3, 1, units.size)
        for form in (fast, dense):
            form.scale(units, factors)
        padded = geometry.units + kernels().PADDING
        kernels().fold(fast.buffers.row, np.zeros(padded), np.ones(padded))
        assert close(fast.weights(), dense.weights())
        assert np.count_nonzero(fast.buffers.weights) == np.count_nonzero(fast.weights())


@pytest.mark.parametrize("share", [0.05, 1.0])
@pytest.mark.parametrize(
    "learning_fn",
    [CPCA(), Oja(alpha=0.5), Outstar(), BCMFixed(unit_threshold=0.5)],
    ids=lambda rule: type(rule).__name__,
)
def test_linear_learning_agrees_with_dense_fields(case, guards, learning_fn, share):
    """Weights and totals after linear rules are those of the plain form, signed or not; beside, zeros stay zeros."""
    geometry, mask, weights, rng = case
    connections = geometry.on_sheet & mask
    fast = EventDrivenFields(geometry, mask, weights)
    dense = DenseFields(geometry, connections, weights, np.float64)
    for _ in range(3):
        source, activity = some(rng, geometry.source_shape, share), some(rng, geometry.destination_shape, share)
        for form in (fast, dense):
            rule = CheckedRule(learning_fn, RuleMemory({}, weights.shape), activity, "rule")
            form.learn(rule, source, activity, 0.3)
        assert close(fast.weights(), dense.weights())
        assert close(fast.totals(np.arange(geometry.units)), dense.totals(np.arange(geometry.units)))
        assert fast.signed == bool((dense.weights() < 0).any())
        assert np.count_nonzero(fast.buffers.weights) == np.count_nonzero(fast.weights())


def test_what_follows_the_source_does_not_matter(case, guards):
    """Kernels read the source eight by eight, beyond its end too, but whatever is there has no effect."""
    geometry, mask, weights, rng = case
    stored = EventDrivenFields(geometry, mask, weights)
    source = some(rng, geometry.source_shape, 1.0)
    before = stored.respond(source, DotProduct())
    beyond = next(array for array in guards.made if np.shares_memory(array[0], stored.buffers.source))
    raw, _, end = beyond
    raw[end - 4 * kernels().PADDING : end] = 255
    assert np.array_equal(stored.respond(source, DotProduct()), before)
    stored.learn(Hebbian(), source, some(rng, geometry.destination_shape, 1.0), 0.3)
    assert np.isfinite(stored.buffers.weights).all()


def test_a_shared_kernel_responds_as_at_each_field(case, guards):
    """A kernel that is stored once per list gives the response of the kernel laid at each field."""
    geometry, mask, _, rng = case
    kernel = (rng.normal(size=mask.shape) * mask).astype(np.float32)
    own = Buffers(geometry, Layout(geometry, mask, shared=True), learns=False)
    own.convert(kernel[None], own.scale, pack=True)
    source = some(rng, geometry.source_shape, 0.7)
    expected = geometry.respond_to_kernel(source, kernel.astype(float))
    assert np.abs(own.respond(source) - expected).max() <= 4e-6 * max(1.0, float(np.abs(expected).max()))
