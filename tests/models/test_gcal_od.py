"""GCAL with two eyes: inputs, the gain control that both eyes share, and the maps."""

import random

import numpy as np
import pytest

from topo_exp.analysis import maps
from topo_exp.engine.simulation import Simulation
from topo_exp.errors import ModelError
from topo_exp.models._onoff_v1 import OnOffV1
from topo_exp.models.gcal_od import GcalOd

SMALL = {"cortex_density": 8.0, "retina_density": 12.0, "lgn_density": 12.0}
CHANNELS = [f"{eye}LGN{polarity}" for eye in ("Left", "Right") for polarity in ("On", "Off")]


def gaussians(sim, iterations):
    """Return {retina: a list of (n, 6) Gaussians, one for each iteration}."""
    found = {"LeftRetina": [], "RightRetina": []}
    for iteration in range(1, iterations + 1):
        sim.run(iteration)
        for name, drawn in found.items():
            drawn.append(sim[name].shown.gaussians.copy())
    return found


def test_inputs_are_those_of_the_published_seeds():
    """Gaussian i follows seeds 500 + 6 i; its brightness lies 70 % at most above and below 1, opposite in the eyes."""
    found = gaussians(GcalOd(**SMALL).build(), 20)
    x, y, orientation, bright = (random.Random(500 + k) for k in (0, 2, 3, 5))
    for left, right in zip(found["LeftRetina"], found["RightRetina"], strict=True):
        place = x.uniform(-0.75, 0.75), y.uniform(-0.75, 0.75), orientation.uniform(-np.pi, np.pi)
        np.testing.assert_allclose(left[0, :3], place, atol=1e-12)
        brightness = 0.3 + 0.7 * bright.uniform(0, 2)
        assert left[0, 5] == pytest.approx(brightness)
        assert right[0, 5] == pytest.approx(2 - brightness)


@pytest.mark.parametrize("max_disparity", [0.0, 4.0])
def test_eyes_see_the_same_inputs_at_their_own_places(max_disparity):
    """Inputs are kept apart, and both eyes accept the same: they differ in x alone, by the disparity at most."""
    found = gaussians(GcalOd(max_disparity=max_disparity, **SMALL).build(), 60)
    apart = []
    for left, right in zip(found["LeftRetina"], found["RightRetina"], strict=True):
        assert left.shape == right.shape
        np.testing.assert_allclose(left[:, 1:5], right[:, 1:5], atol=1e-12)
        apart.extend(right[:, 0] - left[:, 0])
        middle = (left[:, :2] + right[:, :2]) / 2
        if len(middle) == 2:
            assert np.hypot(*(middle[0] - middle[1])) >= 2.2 * 0.27083
    bound = max_disparity * 0.041665
    assert max(apart) <= bound + 1e-12
    assert max(apart) >= 0.5 * bound <= -min(apart)


def test_the_eyes_share_their_gain_control():
    """An LGN sheet's response is divided by that of its surroundings, averaged over both eyes."""
    sim = GcalOd(**SMALL).build()
    sim.run(3.12)
    first = {name: sim[name].activity.copy() for name in CHANNELS}
    sim.run(3.17)
    for name in CHANNELS:
        projections = sim[name].projections
        polarity = "On" if name.endswith("On") else "Off"
        pooled = sum(
            0.3 * projections[f"{eye}LateralGC"].respond(first[f"{eye}LGN{polarity}"]) for eye in ("Left", "Right")
        )
        assert pooled.max() > 0
        drive = projections["Afferent"].activity
        np.testing.assert_allclose(first[name], np.maximum(drive, 0) / 0.11, rtol=1e-5, atol=1e-7)
        expected = np.maximum(drive, 0) / (np.maximum(pooled, 0) + 0.11)
        np.testing.assert_allclose(sim[name].activity, expected, rtol=1e-5, atol=1e-7)


def test_v1_hears_of_the_lgn_after_gain_control_only():
    """The first activation of the LGN reaches the other eye's LGN, but not V1."""
    sim = GcalOd(**SMALL).build()
    sim.run(0.19)
    assert not sim["V1"].activity.any()
    assert sim["LeftLGNOn"].projections["RightLateralGC"].activity.any()
    sim.run(0.2)
    assert np.array_equal(np.asarray(sim["V1"].projections["LeftLGNOnAfferent"].input), sim["LeftLGNOn"].activity)


def test_eyes_that_see_the_same_equal_one_eye():
    """Without dimming each eye's LGN responds as that of the model with one eye to the same input."""
    both = GcalOd(dim_fraction=0.0, **SMALL).build()
    model, one = OnOffV1(**SMALL), Simulation("one eye")
    model.add_retina(one, both["LeftRetina"].input_generator)
    model.add_lgn(one, strength=2.33, gain_control=True)
    for sim in (both, one):
        sim.run(2.3)
    assert one["LGNOn"].activity.any()
    for name in CHANNELS:
        single = one[name.removeprefix("Left").removeprefix("Right")].activity
        np.testing.assert_allclose(both[name].activity, single, rtol=1e-5, atol=1e-7)


def test_everything_is_compiled():
    """V1, the LGN, which divides by the other eye's activity, and all projections have the compiled form."""
    assert not GcalOd(**SMALL).build().explain().dense


def test_both_engines_agree():
    """The compiled engine follows the reference precision."""
    fast, dense = (GcalOd(max_disparity=2.0, **SMALL).build() for _ in range(2))
    dense.engine = "reference"
    for sim in (fast, dense):
        sim.run(5)
    assert dense["V1"].activity.any()
    for name in (*CHANNELS, "V1"):
        np.testing.assert_allclose(fast[name].activity, dense[name].activity, rtol=1e-4, atol=1e-5)


def test_a_run_continues_from_a_state():
    """A state stored while the LGN settles continues in a fresh network with the same bits."""
    straight, first, second = (GcalOd(max_disparity=2.0, **SMALL).build() for _ in range(3))
    straight.run(12)
    first.run(4.12)
    second.restore(first.state())
    second.run(12)
    for name in (*CHANNELS, "V1"):
        assert np.array_equal(straight[name].activity, second[name].activity)


def test_a_sheet_settles_only_with_sheets_that_it_reaches():
    """A name in `settles_with` that is no destination is refused with the nearest one."""
    sim = GcalOd(**SMALL).build()
    sim["LeftLGNOn"].settles_with = ["RightLGNOm"]
    with pytest.raises(ModelError, match=r"LeftLGNOn\.settles_with.*RightLGNOm.*RightLGNOn"):
        sim.run(1)


def test_dimming_makes_units_prefer_one_eye():
    """Ocular dominance arises from the difference in brightness: none without it, and orientation maps in any case."""
    found = {}
    for dim_fraction in (0.0, 0.7):
        sim = GcalOd(dim_fraction=dim_fraction, cortex_density=16.0, retina_density=16.0, lgn_density=16.0).build()
        sim.run(800)
        dominance = maps.ocular_dominance_map(sim, phases=8)
        preference = dominance.maps.ocularity_preference.values
        found[dim_fraction] = dominance.metrics["V1/ocularity_selectivity_mean"]
        assert maps.orientation_map(sim).metrics["V1/orientation_selectivity_mean"] > 0.4
    assert found[0.7] > 5 * found[0.0]
    assert min((preference < 0.3).mean(), (preference > 0.7).mean()) > 0.2
