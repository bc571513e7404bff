"""Sheets and masks: every kind, and those that a user derives."""

import numpy as np
import pytest

from tests.contracts import functions
from tests.contracts.members import assert_declared, members, missing
from tests.contracts.networks import CONTRACTS, box, network
from topo_exp.engine import cortex, elastic, sheet
from topo_exp.engine.actions import SetParameter
from topo_exp.engine.coordinates import Grid
from topo_exp.engine.cortex import CFSheet, NeighborhoodMask, SettlingCFSheet
from topo_exp.engine.elastic import ElasticNet
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet, Sheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse
from topo_exp.errors import ModelError

EXAMPLES = {
    "GeneratorSheet": GeneratorSheet,
    "CFSheet": CFSheet,
    "SettlingCFSheet": SettlingCFSheet,
    "ElasticNet": ElasticNet,
}
MODULES = (sheet, cortex, elastic)
MASKS = {"NeighborhoodMask": NeighborhoodMask}


def test_every_sheet_has_an_example():
    """A new member of the family comes with an example here, to which everything below applies."""
    everything = {name for module in MODULES for name in members(module)}
    sheets = {name for module in MODULES for name in members(module, base=Sheet)}
    assert missing(sheets, EXAMPLES) == []
    assert missing(everything - sheets - {"Sheet"}, MASKS) == []


@pytest.mark.parametrize("cls", [Sheet, *EXAMPLES.values(), *MASKS.values()])
def test_sheets_are_declared(cls):
    """Every member says what it is, and documents every parameter."""
    assert_declared(cls)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_sheet_tells_fits_together(name):
    """Shape, coordinates, bounds and activity are of one piece, and coordinates lead to units and back."""
    made = EXAMPLES[name](name="made", nominal_density=7.3, nominal_bounds=box(0.5, stretch=0.6))
    rows, columns = made.shape
    assert made.activity.shape == (rows, columns) == (len(made.y), len(made.x))
    assert (np.diff(made.x) > 0).all()
    assert (np.diff(made.y) < 0).all()
    left, bottom, right, top = made.bounds.lbrt()
    assert (right - left) * made.density == pytest.approx(columns)
    assert (top - bottom) * made.density == pytest.approx(rows)
    for row, column in ((0, 0), (rows - 1, columns - 1)):
        assert made.sheet2matrixidx(*made.matrixidx2sheet(row, column)) == (row, column)


@pytest.mark.parametrize(
    ("cls", "contract"),
    [
        (cls, contract)
        for cls in (CFSheet, SettlingCFSheet, ElasticNet, functions.HalvingSheet)
        for contract in CONTRACTS
    ],
)
def test_sheets_keep_every_promise(cls, contract):
    """A network whose cortex is such a sheet, of ours or a user's, keeps every promise."""
    CONTRACTS[contract](network(sheet=cls))


@pytest.mark.parametrize("mask", [NeighborhoodMask(threshold=0.05, radius=0.13), functions.WideMask(radius=0.26)])
@pytest.mark.parametrize("contract", CONTRACTS)
def test_masks_keep_every_promise(mask, contract):
    """A network that settles within a neighbourhood of its first activity keeps every promise."""
    CONTRACTS[contract](network(cortex={"mask_fn": mask, "mask_init_time": 1, "tsettle": 4}))


def test_a_mask_is_the_neighbourhood_of_what_is_active():
    """Exactly the units within the radius, in both directions, of an active one go on; the argument is left alone."""
    grid = Grid.fit(box(0.5), 10)
    activity = np.zeros((10, 10))
    activity[0, 5] = 1.0
    copy = activity.copy()
    mask = NeighborhoodMask(radius=0.2)(activity, grid)
    expected = np.zeros((10, 10), bool)
    expected[0:3, 3:8] = True
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(activity, copy)
    np.testing.assert_array_equal(NeighborhoodMask(radius=0.2, threshold=0.0)(activity, grid), expected)
    assert not NeighborhoodMask(radius=0.2, threshold=1.0)(activity, grid).any()


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_mask_is_made_after_its_number_of_activations(engine, count):
    """Once in each iteration, from the activity at that time."""
    mask = functions.SeenMask()
    sim = network(cortex={"mask_fn": mask, "mask_init_time": count, "tsettle": 4})(engine)
    mask.sheet = sim["V1"]
    sim.run(3)
    assert mask.seen == [count] * 3


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_masked_units_receive_and_learn_nothing(engine):
    """Units outside the mask keep their weights, and their activity goes out, in both engines."""
    mask = NeighborhoodMask(threshold=0.3, radius=0.13)
    sim = network(cortex={"mask_fn": mask, "mask_init_time": 1}, lateral={"strength": 1.5})(engine)
    before = {name: p.weights for name, p in sim["V1"].projections.items()}
    sim.run(1)
    outside = ~sim["V1"].mask.ravel()
    assert outside.any()
    assert not outside.all()
    for name, p in sim["V1"].projections.items():
        np.testing.assert_allclose(p.weights[outside], before[name][outside], rtol=3e-7)
        assert not p.activity.ravel()[outside].any() or name == "Afferent"


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_settling_that_gets_shorter_ends(engine):
    """Where fewer activations than have been are asked for within an iteration, it ends with the next one."""
    sim = network(cortex={"tsettle": 6})(engine)
    sim.schedule(1.28, SetParameter(path="V1", parameter="tsettle", value=2))
    sim.run(1.5)
    assert sim["V1"].new_iteration
    assert sim["V1"].activation_count == 0


def test_names_that_look_made_up_are_kept():
    """A sheet or projection that bears the name of its class with a number is written so into the script."""
    sim = Simulation("names")
    sim.add(GeneratorSheet(name="GeneratorSheet1", nominal_density=5.0))
    sim.add(CFSheet(name="CFSheet2", nominal_density=5.0))
    sim.connect("GeneratorSheet1", "CFSheet2", CFProjection(name="CFProjection3"))
    names: dict[str, Simulation] = {}
    exec(sim.script_repr(), names)  # noqa: S102  # executing it is what the source is for
    assert list(names["sim"].sheets) == ["GeneratorSheet1", "CFSheet2"]
    assert list(names["sim"]["CFSheet2"].projections) == ["CFProjection3"]


def test_what_remembers_belongs_to_one_sheet():
    """An output function that remembers something is refused for a second sheet, or a second simulation."""
    shared = HomeostaticResponse()
    network(cortex={"output_fns": [shared]})("compiled").start()
    with pytest.raises(ModelError, match=r"V1\.output_fns\[0\]: must belong to this sheet alone"):
        network(cortex={"output_fns": [shared]})("compiled").start()
    with pytest.raises(ModelError, match=r"V1\.output_fns\[1\]: must belong to this sheet alone"):
        network(cortex={"output_fns": lambda: [HalfRectify(), *[HomeostaticResponse()] * 2][1:]})("compiled").start()


def test_a_settling_sheet_may_mask_from_its_first_activation():
    """No activation before the mask is allowed, fewer than none is not; the default is the reference's, 5."""
    assert SettlingCFSheet(name="V1", mask_init_time=0).mask_init_time == 0
    assert SettlingCFSheet(name="V1").mask_init_time == 5
    with pytest.raises(ValueError, match="mask_init_time"):
        SettlingCFSheet(name="V1", mask_init_time=-1)
