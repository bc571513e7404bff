"""Complex cells by a trace rule: lines that cross the retina, selective simple cells, and tolerance for position."""

import math

import numpy as np
import pytest

from topo_exp.analysis.homogeneity import local_homogeneity
from topo_exp.analysis.line_maps import line_map
from topo_exp.engine.patterns import Line
from topo_exp.models.sullivan_neurocomputing04 import SullivanNeurocomputing04

FEW = {
    "simple_density": 10.0,
    "simple_orientations": 4,
    "cortex_density": 6.0,
    "speed": 0.06,
    "trace_strength": 0.3,
    "time_constant": 250.0,
}


def grown(until, **parameters):
    """Return a network that has seen lines for so many iterations."""
    sim = SullivanNeurocomputing04(**parameters).build()
    sim.run(until)
    return sim


def measured(sim, **options):
    """Return the maps of the weighted sums of the complex layer."""
    return line_map(sim, afferent_only=True, **options).maps


def test_a_line_crosses_the_retina_and_then_another_one():
    """A line moves by `speed` at right angles to itself, from one side to the other; then its orientation is new."""
    pattern = SullivanNeurocomputing04(speed=0.1).build()["Retina"].input_generator
    for orientation in (0.3, 2.0, 4.0):
        values = {"speed": 0.1, "orientation": orientation}
        places = np.array([pattern.frame(values, float(i)) for i in range(10)])
        np.testing.assert_allclose(places[:, 2], orientation)
        way = -np.sin(orientation) * places[:, 0] + np.cos(orientation) * places[:, 1]
        np.testing.assert_allclose(way, 0.1 * np.arange(10) - 0.5)
        along = np.cos(orientation) * places[:, 0] + np.sin(orientation) * places[:, 1]
        np.testing.assert_allclose(along, 0.0, atol=1e-12)
    assert pattern.reset_period == 10


@pytest.mark.parametrize("number", [0, 3, 6])
def test_simple_cells_answer_lines_of_their_orientation(number):
    """Cells of one orientation are excited by lines of it, and not by lines that are 22.5 degrees away or more."""
    sim = SullivanNeurocomputing04().build()
    angles = math.pi * np.arange(8) / 8
    lines = [
        Line(orientation=o, thickness=0.01, smoothing=0.0125, x=0.036 * -np.sin(o), y=0.036 * np.cos(o)) for o in angles
    ]
    sheet = f"Simple{number}"
    with sim.frozen():
        responses = sim.respond({"Retina": lines}, sheets=[sheet])[sheet]
    largest = responses.max(axis=(1, 2))
    assert largest.argmax() == number
    assert largest[number] > 0.3
    assert not np.delete(largest, number).any()


def test_a_trace_makes_complex_cells_tolerant():
    """With a trace, units answer lines at more positions than without, and stay selective for orientation."""
    with_trace, without = (measured(grown(700, **{**FEW, **more})) for more in ({}, {"trace_strength": 1.0}))
    assert with_trace.position_tolerance.mean() > 1.4 * without.position_tolerance.mean()
    assert with_trace.orientation_selectivity.mean() > 0.6 * without.orientation_selectivity.mean()
    start = measured(grown(0, **FEW))
    assert with_trace.orientation_selectivity.mean() > 4 * start.orientation_selectivity.mean()


@pytest.mark.slow
def test_default_units_are_complex_cells_in_a_smooth_map():
    """Tolerance is nearly twice that without a trace at equal selectivity; neighbours prefer similar orientations."""
    with_trace, without = (measured(grown(8000, trace_strength=strength)) for strength in (0.2, 1.0))
    assert with_trace.position_tolerance.mean() > 1.6 * without.position_tolerance.mean()
    assert with_trace.orientation_selectivity.mean() > 0.6
    assert with_trace.orientation_selectivity.mean() > 0.85 * without.orientation_selectivity.mean()
    preference = with_trace.orientation_preference.values
    share = np.histogram(preference, 4, (0, np.pi))[0] / preference.size
    assert share.min() > 0.1
    shuffled = np.random.default_rng(1).permuted(preference.ravel()).reshape(preference.shape)
    found, chance = (
        np.mean(local_homogeneity(p, with_trace.x.values, with_trace.y.values, sigma=1 / 16))
        for p in (preference, shuffled)
    )
    assert found > 0.75
    assert chance < 0.5
