"""The LISSOM models: their inputs, and the schedule of their development."""

import numpy as np
import pytest

from topo_exp.analysis.maps import orientation_map
from topo_exp.models.lissom_oo_or import LissomOoOr
from topo_exp.models.lissom_or import LissomOr

MODELS = [LissomOr, LissomOoOr]
SMALL = {"cortex_density": 12.0}


@pytest.mark.parametrize("model", MODELS)
def test_inputs_are_at_least_two_fields_apart(model):
    """Centres of the two Gaussians of an input are never nearer than 2.2 radii of an afferent field."""
    sim = model(cortex_density=8.0).build()
    for time in range(1, 30):
        sim.run(time)
        (x0, y0), (x1, y1) = sim["Retina"].shown.gaussians[:, :2]
        assert np.hypot(x1 - x0, y1 - y0) >= 2.2 * 0.27083


@pytest.mark.parametrize("model", MODELS)
def test_the_schedule_shrinks_excitation_raises_thresholds_and_slows_learning(model):
    """After each time of the schedule, radius, rate for one connection and thresholds are the published ones."""
    sim = model(cortex_density=48.0).build()
    excitatory, response = sim["V1"].projections["LateralExcitatory"], sim["V1"].output_fns[0]
    lower = response.lower
    units = excitatory.n_units
    sim.run(100)
    assert excitatory.n_units < units
    assert excitatory.learning_rate / excitatory.n_units == pytest.approx(0.12168, rel=1e-12)
    assert response.lower == pytest.approx(lower + 0.01, abs=1e-9)


def test_afferent_channels_share_the_scheduled_rate():
    """With ON and OFF channels each has half of the rate."""
    sim = LissomOoOr(**SMALL).build()
    sim.run(250)
    rates = [p.learning_rate for name, p in sim["V1"].projections.items() if "Afferent" in name]
    assert rates == [0.6850 / 2, 0.6850 / 2]


def test_settling_becomes_longer():
    """V1 settles ten times from iteration 1000 on."""
    sim = LissomOr(cortex_density=6.0).build()
    sim.run(999)
    assert sim["V1"].tsettle == 9
    sim.run(1000)
    assert sim["V1"].tsettle == 10


@pytest.mark.parametrize("model", MODELS)
def test_more_inputs_at_once_develop_faster(model):
    """With twice as many Gaussians the first change comes after half as many iterations."""
    sim = model(num_inputs=4, **SMALL).build()
    lower = sim["V1"].output_fns[0].lower
    sim.run(49)
    assert sim["V1"].output_fns[0].lower == lower
    sim.run(50)
    assert sim["V1"].output_fns[0].lower == pytest.approx(lower + 0.01, abs=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_a_run_continues_from_a_state_across_changes(model):
    """A state stored between two changes continues in a fresh network with the same bits."""
    straight, first, second = (model(**SMALL).build() for _ in range(3))
    straight.run(260)
    first.run(110)
    second.restore(first.state())
    second.run(260)
    assert np.array_equal(straight["V1"].activity, second["V1"].activity)
    for name, projection in straight["V1"].projections.items():
        assert np.array_equal(projection.weights, second["V1"].projections[name].weights)
        assert projection.learning_rate == second["V1"].projections[name].learning_rate


@pytest.mark.parametrize(("model", "scale"), [(LissomOr, 0.4), (LissomOoOr, 0.6)])
def test_an_orientation_map_forms(model, scale):
    """Mean orientation selectivity is several times that of the random weights, and nearly all units respond."""
    sim = model(cortex_density=24.0).build()
    before = orientation_map(sim, sheet="V1", scale=scale).metrics
    sim.run(2000)
    after = orientation_map(sim, sheet="V1", scale=scale).metrics
    assert after["V1/orientation_selectivity_mean"] > 3 * before["V1/orientation_selectivity_mean"]
    assert after["V1/orientation_responding_fraction"] > 0.9
