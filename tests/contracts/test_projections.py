"""Projections: every kind, and those that a user derives."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, box, network, spot
from topo_exp.engine import projection, projection_types
from topo_exp.engine.actions import ChangeBounds
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.learning import DivisiveNormalizeL1
from topo_exp.engine.learning_rules import CPCA, Covariance, Outstar, Trace
from topo_exp.engine.mapping import Scaling
from topo_exp.engine.patterns import Constant, Disk, Gaussian
from topo_exp.engine.projection import CFProjection, Projection, SharedWeightCFProjection
from topo_exp.engine.projection_types import LeakyCFProjection, OneToOneProjection, ScaledCFProjection
from topo_exp.engine.simulation import Simulation
from topo_exp.errors import GeometryError, ModelError, ParameterError

EXAMPLES: dict[str, dict[str, Any]] = {
    "CFProjection": {},
    "SharedWeightCFProjection": {"weights_generator": Gaussian(size=0.3)},
    "OneToOneProjection": {"weights_output_fn": DivisiveNormalizeL1()},
    "LeakyCFProjection": {"decay_rate": 0.7},
    "ScaledCFProjection": {"target": 0.2, "target_lr": 0.1, "smoothing": 0.7},
}
KINDS = {
    "CFProjection": CFProjection,
    "SharedWeightCFProjection": SharedWeightCFProjection,
    "OneToOneProjection": OneToOneProjection,
    "LeakyCFProjection": LeakyCFProjection,
    "ScaledCFProjection": ScaledCFProjection,
}
MORE: dict[str, tuple[str, dict[str, Any]]] = {
    "one-to-one, not normalised": ("OneToOneProjection", {"learning_fn": CPCA()}),
    "one-to-one, beside the sheet": ("OneToOneProjection", {"coord_mapper": Scaling(x_scale=1.7, y_shift=0.3)}),
    "one-to-one, turned": ("OneToOneProjection", {"coord_mapper": Scaling(orientation=0.4)}),
    "scaled, another rule": ("ScaledCFProjection", {"smoothing": 0.5, "learning_fn": Outstar()}),
    "scaled, a rule of a user's own": ("ScaledCFProjection", {"smoothing": 0.5, "learning_fn": functions.oja}),
    "scaled, a rule with memory": ("ScaledCFProjection", {"smoothing": 0.5, "learning_fn": Trace(rule=CPCA())}),
    "leaky, covariance": ("LeakyCFProjection", {"learning_fn": Covariance()}),
}
"""Kinds with other functions than those of their examples."""


def laterally(kind: type[Projection], **declared: Any) -> Callable[[Simulation], None]:
    """Return a function that adds a lateral projection of a kind to V1."""

    def more(sim: Simulation) -> None:
        extent = {} if issubclass(kind, OneToOneProjection) else {"nominal_bounds": box(0.25)}
        sim.connect("V1", "V1", kind(name="Other", strength=0.2, **extent, **declared))

    return more


def test_every_projection_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    family = {name for module in (projection, projection_types) for name in members(module, base=Projection)}
    assert missing(family, EXAMPLES) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_projections_are_declared(name):
    """Every member says what it is and where it is from, and documents every parameter."""
    assert_declared(KINDS[name], source=True)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_projections_keep_every_promise(name, contract):
    """A network with this kind of projection between sheets of different shapes keeps every promise."""
    retina = {"nominal_bounds": box(0.6, stretch=0.8), "nominal_density": 11.0}
    CONTRACTS[contract](network(retina=retina, projection=KINDS[name], afferent=EXAMPLES[name]))


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_projections_with_other_functions_keep_every_promise(name, contract):
    """So does a network in which a kind of projection has another rule or mapper."""
    kind, declared = MORE[name]
    CONTRACTS[contract](network(projection=KINDS[kind], afferent=declared))


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("contract", CONTRACTS)
def test_lateral_projections_keep_every_promise(name, contract):
    """So does a network with this kind of projection from a sheet to itself, whose input arrives while it settles."""
    rate = {} if name == "SharedWeightCFProjection" else {"learning_rate": 0.1}
    CONTRACTS[contract](network(more=laterally(KINDS[name], **rate, **EXAMPLES[name])))


@pytest.mark.parametrize("name", ["CFProjection", "LeakyCFProjection", "ScaledCFProjection"])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_fields_of_every_kind_can_shrink(name, contract):
    """So does a network in which fields of this kind shrink."""

    def more(sim: Simulation) -> None:
        sim.schedule(3, ChangeBounds(path="V1/Afferent", bounds=BoundingBox(radius=0.2)))

    CONTRACTS[contract](network(projection=KINDS[name], afferent=EXAMPLES[name], more=more))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_derived_projections_keep_every_promise(contract):
    """A projection of a user's own, which responds in its own way, is obeyed."""
    CONTRACTS[contract](network(projection=functions.SaturatingProjection))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_projection_tells_fits_together(name, engine):
    """Weights, connection fields, mask, counts and activity are of one piece, before and after a run."""
    sim = network(projection=KINDS[name], afferent=EXAMPLES[name])(engine)
    for until in (0, 2):
        sim.run(until)
        found, sheet = sim["V1"].projections["Afferent"], sim["V1"]
        rows, columns = sheet.shape
        assert found.activity.shape == sheet.shape
        assert found.weights is not found.weights
        fields = [found.cf(row, column) for row in range(rows) for column in range(columns)]
        assert sum(int(field.mask.sum()) for field in fields) == found.n_connections
        for field in fields:
            r1, r2, c1, c2 = field.slice
            assert field.weights.shape == field.mask.shape == (r2 - r1, c2 - c1) == (len(field.y), len(field.x))
            assert not field.weights[~field.mask].any()
        if isinstance(found, CFProjection):
            assert found.weights.shape == found.mask.shape
            np.testing.assert_allclose([np.abs(field.weights).sum() for field in fields], 1, rtol=1e-6)
            assert found.nbytes >= found.n_connections * 4


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("missing_bytes", [0, 1])
def test_projections_must_fit_into_memory(monkeypatch, name, missing_bytes):
    """A projection that needs more than there is beside the others is refused, and keeps no more than it needs."""
    sim = network(projection=KINDS[name], afferent=EXAMPLES[name])("reference")
    found = list(sim["V1"].projections.values())
    cells = [p.geometry.units * math.prod(p.geometry.template.shape) for p in found]
    needed = [p.bytes_needed(count) for p, count in zip(found, cells, strict=True)]
    assert all(p.nbytes <= each for p, each in zip(found, needed, strict=True))
    memory = max(sum(p.nbytes for p in found[:i]) + each for i, each in enumerate(needed)) - missing_bytes
    monkeypatch.setattr("topo_exp.engine.projection_base.machine_memory", lambda: memory)
    if missing_bytes:
        with pytest.raises(GeometryError, match="weights must fit into memory"):
            network(projection=KINDS[name], afferent=EXAMPLES[name])("reference")
    else:
        network(projection=KINDS[name], afferent=EXAMPLES[name])("reference")


@pytest.mark.parametrize(
    "engine",
    ["compiled", "reference"],
)
def test_what_was_read_does_not_change_later(engine):
    """Activities that were read stay as they are while the simulation goes on."""
    sim = network()(engine)
    sim.run(1)
    read = [sim["V1"].activity, sim["Retina"].activity, sim["V1"].projections["Afferent"].activity]
    copies = [array.copy() for array in read]
    sim.run(3)
    for array, copy in zip(read, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_joint_groups_sum_to_one_together(engine):
    """Projections of one group share one sum, at the start and after learning; others have their own."""
    joint = {"norm_group": "lateral"}
    sim = network(lateral=joint, inhibition=joint)(engine)
    for until in (0, 3):
        sim.run(until)
        sums = {name: np.abs(p.weights).sum(axis=(1, 2)) for name, p in sim["V1"].projections.items()}
        np.testing.assert_allclose(sums["Lateral"] + sums["Inhibition"], 1, rtol=1e-6)
        np.testing.assert_allclose(sums["Afferent"], 1, rtol=1e-6)


def test_a_dot_product_is_computed_over_the_field():
    """A unit's response is strength times the weighted sum over its connection field, at edges as in the middle."""
    sim = network()("reference")
    sim.run(0.1)
    found, retina = sim["V1"].projections["Afferent"], sim["Retina"].activity
    for row, column in ((0, 0), (4, 3), (7, 7)):
        field = found.cf(row, column)
        r1, r2, c1, c2 = field.slice
        expected = 1.5 * float((field.weights.astype(np.float64) * retina[r1:r2, c1:c2]).sum())
        assert found.activity[row, column] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"nominal_bounds": BoundingBox(radius=0.01)}, GeometryError, "V1/Afferent: a field must be at least one cell"),
        ({"cf_shape": Disk(size=0.01, x=0.4, smoothing=0.0, scale=0.0)}, GeometryError, "V1/Afferent.cf_shape"),
        ({"delay": 0.0}, ParameterError, "delay"),
        ({"strength": float("nan")}, ParameterError, "strength"),
        ({"norm_group": "g", "weights_output_fn": functions.to_unit_length}, ModelError, "V1/Afferent.norm_group"),
    ],
)
def test_impossible_projections_are_refused_before_anything_runs(changes, error, says):
    """A declaration that cannot work is refused, by the projection's name, while the network is built or started."""
    with pytest.raises(error, match=says):
        network(afferent=changes)("compiled").start()


def test_fields_can_only_shrink():
    """Bounds that are larger, or the same, change nothing; smaller ones keep weights where both have them."""
    sim = network(afferent={"cf_shape": Constant()}, retina={"input_generator": spot()})("compiled")
    sim.run(2)
    found = sim["V1"].projections["Afferent"]
    before = found.weights
    assert not found.change_bounds(BoundingBox(radius=0.3))
    assert not found.change_bounds(BoundingBox(radius=0.5))
    np.testing.assert_array_equal(found.weights, before)
    assert found.change_bounds(BoundingBox(radius=0.2))
    margin = (before.shape[1] - found.weights.shape[1]) // 2
    inner = before[:, margin:-margin, margin:-margin].astype(np.float64)
    inner /= inner.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found.weights, inner, rtol=1e-5)
