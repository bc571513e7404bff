"""The default analysis on the models that come with the package."""

import math

import numpy as np
import pytest

import topo_exp
from topo_exp.analysis.default import activity, standard_gaussian
from topo_exp.analysis.fields import connection_fields
from topo_exp.analysis.maps import direction_map, ocular_dominance_map, orientation_map
from topo_exp.analysis.metrics import sparseness
from topo_exp.analysis.quality import map_quality
from topo_exp.analysis.retinotopy import retinotopic_map
from topo_exp.analysis.reverse_correlation import receptive_fields
from topo_exp.analysis.tuning import orientation_tuning, size_tuning
from topo_exp.engine.patterns import Gaussian

PARTS = {
    "activity": activity,
    "fields": connection_fields,
    "standard_gaussian": standard_gaussian,
    "orientation_map": lambda sim: orientation_map(sim, settling_only=True),
    "ocular_dominance_map": lambda sim: ocular_dominance_map(sim, where_applicable=True, phases=3),
    "direction_map": lambda sim: direction_map(sim, where_applicable=True, phases=3, directions=4),
    "retinotopy": retinotopic_map,
}
MODELS = {
    "tiny": {},
    "som_retinotopy": {},
    "gcal_oo_or": {"cortex_density": 12, "lgn_density": 12, "retina_density": 12},
    "lissom": {"cortex_density": 6, "lgn_density": 8, "retina_density": 8, "dims": ["od", "dr"], "num_lags": 2},
}


@pytest.fixture(scope="module", params=MODELS)
def simulation(request):
    sim = topo_exp.build(request.param, **MODELS[request.param])
    sim.run(until=2.35)  # in the middle of an iteration, with events on their way
    return sim


def same(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("part", PARTS)
def test_no_part_leaves_a_trace(simulation, part):
    """After each part of the default analysis the simulation is restored, bit for bit, events and streams too."""
    before = simulation.state()
    PARTS[part](simulation)
    assert same(before, simulation.state())


@pytest.mark.parametrize(
    "measure",
    [
        lambda sim: map_quality(sim, phases=4),
        lambda sim: orientation_tuning(sim, contrasts=(50, 100), orientations=4, phases=3),
        lambda sim: size_tuning(sim, sizes=(0.2, 0.6), units=1, phases=3),
        lambda sim: receptive_fields(sim, presentations=5, most=2),
        lambda sim: orientation_map(sim, phases=3, afferent_only=True, scale=1.0),
    ],
    ids=["map_quality", "orientation_tuning", "size_tuning", "receptive_fields", "afferent_map"],
)
def test_no_measurement_leaves_a_trace(simulation, measure):
    """Nor does any other measurement, in any model."""
    before = simulation.state()
    measure(simulation)
    assert same(before, simulation.state())


def test_measuring_twice_gives_the_same(simulation):
    """A measurement depends on the simulation alone, not on earlier measurements."""
    first = standard_gaussian(simulation)
    orientation_map(simulation, phases=3)
    assert standard_gaussian(simulation).maps.identical(first.maps)


def test_parts_apply_where_they_should(simulation):
    """Orientation is measured only in settling sheets, eyes and motion where there are; other parts in every model."""
    found = {name: part(simulation) for name, part in PARTS.items()}
    assert bool(found.pop("orientation_map")) == (simulation.name in {"gcal_oo_or", "lissom"})
    for name in ("ocular_dominance_map", "direction_map"):
        assert bool(found.pop(name)) == (simulation.name == "lissom")
    assert all(found.values())
    assert all(result.figures for result in found.values() if result)


def test_every_picture_is_drawn(simulation):
    """Each picture of the default analysis can be drawn."""
    for part in PARTS.values():
        for draw in part(simulation).figures.values():
            assert draw().axes


def test_activity_gives_numbers_of_the_sheets_that_are_asked_for():
    """With `numbers`, mean, maximum and sparseness are those of each sheet's activity; silence has no sparseness."""
    sim = topo_exp.build("tiny")
    assert not activity(sim).metrics
    silent = activity(sim, numbers="measured")
    assert {name.partition("/")[0] for name in silent.metrics} == {"V1"}
    assert silent.metrics["V1/activity_mean"] == 0
    assert math.isnan(silent.metrics["V1/activity_sparseness"])
    sim.run(until=3)
    found = activity(sim, numbers="all")
    assert {name.partition("/")[0] for name in found.metrics} == {"Retina", "V1"}
    np.testing.assert_array_equal(found.maps["V1_activity"], sim["V1"].activity)
    assert found.metrics["V1/activity_max"] == sim["V1"].activity.max()
    assert found.metrics["V1/activity_sparseness"] == pytest.approx(sparseness(sim["V1"].activity))
    assert list(found.maps["Retina_x"].values) == list(sim["Retina"].x)


def test_standard_pattern_is_shown_on_the_input_sheet():
    """The retina shows the elongated Gaussian at 45 degrees, of largest value 1, and V1 answers to it."""
    sim = topo_exp.build("tiny")
    shown = standard_gaussian(sim)
    retina = sim["Retina"]
    expected = Gaussian(orientation=math.pi / 4, aspect_ratio=4.7, size=0.155)(retina.x, retina.y)
    np.testing.assert_allclose(shown.maps["Retina_response"], expected, atol=1e-12)
    assert shown.metrics["V1/standard_gaussian_response_max"] > 0
