"""The LISSOM family: its sheets, what its retinas see, and the maps of each feature."""

import random

import numpy as np
import pytest

import topo_exp
from topo_exp.analysis import maps
from topo_exp.errors import ParameterError
from topo_exp.models.lissom import Lissom

TINY = {"cortex_density": 6.0, "lgn_density": 8.0, "retina_density": 12.0}
ORIENTED = 0.088388
SPEED, DISPARITY = 2 / 24, 4 * 0.041665
ALL = ["xy", "or", "od", "dr", "dy", "sf"]


def shown(sim, retina):
    """Return the Gaussian that a retina shows: x, y, orientation, size, aspect ratio, brightness."""
    (gaussian,) = sim[retina].shown.gaussians
    return gaussian


def presentations(dims, *, iterations=12, **parameters):
    """Return {retina: (iterations, 6)}, the Gaussians that each retina shows in turn."""
    sim = Lissom(dims=dims, **TINY, **parameters).build()
    retinas = [name for name, sheet in sim.sheets.items() if sheet.is_generator]
    found = {name: [] for name in retinas}
    for iteration in range(1, iterations + 1):
        sim.run(iteration)
        for name in retinas:
            found[name].append(shown(sim, name))
    return {name: np.array(gaussians) for name, gaussians in found.items()}


@pytest.mark.parametrize(
    ("dims", "retinas", "afferents"),
    [
        ([], ["Retina"], ["LGNOnAfferent", "LGNOffAfferent"]),
        (["xy", "or"], ["Retina"], ["LGNOnAfferent", "LGNOffAfferent"]),
        (
            ["dy"],
            ["LeftRetina", "RightRetina"],
            [f"{e}LGN{p}Afferent" for e in ("Left", "Right") for p in ("On", "Off")],
        ),
        (["dr"], [f"Retina{n}" for n in range(4)], [f"LGN{p}Afferent{n}" for n in range(4) for p in ("On", "Off")]),
        (["sf"], ["Retina"], ["LGNOnAfferent", "LGNOnAfferentSF2", "LGNOffAfferent", "LGNOffAfferentSF2"]),
    ],
)
def test_each_feature_adds_its_sheets(dims, retinas, afferents):
    """A second eye, steps of time and spatial scales each multiply retinas or channels, in the example's order."""
    sim = Lissom(dims=dims, **TINY).build()
    assert [name for name, sheet in sim.sheets.items() if sheet.is_generator] == retinas
    assert list(sim["V1"].projections) == [*afferents, "LateralExcitatory", "LateralInhibitory"]
    assert {p.norm_group for name, p in sim["V1"].projections.items() if name in afferents} == {"Afferent"}


def test_all_features_together_make_32_channels():
    """Two eyes, four steps of time, two scales, ON and OFF: 32 channels, whose weights sum to one in each unit."""
    sim = Lissom(dims=ALL, **TINY).build()
    sim.run(0)
    afferents = [p for name, p in sim["V1"].projections.items() if "Afferent" in name]
    assert len(afferents) == 32
    np.testing.assert_allclose(sum(p.weights.sum((1, 2)) for p in afferents), 1.0, atol=1e-5)


def test_inputs_are_those_of_the_published_seeds():
    """Place, orientation and brightness follow the streams of seeds 500, 502, 503 and 505."""
    found = presentations(["or", "od"])
    x, y, orientation, bright = (random.Random(500 + k) for k in (0, 2, 3, 5))
    for left, right in zip(found["LeftRetina"], found["RightRetina"], strict=True):
        place = x.uniform(-0.75, 0.75), y.uniform(-0.75, 0.75), orientation.uniform(-np.pi, np.pi)
        brightness = bright.uniform(0, 2)
        np.testing.assert_allclose(left, [*place, ORIENTED, 4.66667, brightness], atol=1e-12)
        np.testing.assert_allclose(right, [*place, ORIENTED, 4.66667, 2 - brightness], atol=1e-12)


def test_dimming_can_be_weakened():
    """Brightness differs from the mean by at most the fraction, as much above as below."""
    found = presentations(["od"], dim_fraction=0.3, scale=0.5, iterations=40)
    left, right = found["LeftRetina"][:, 5], found["RightRetina"][:, 5]
    np.testing.assert_allclose(left + right, 1.0)
    assert 0.25 < np.ptp(left) <= 0.3


def test_eyes_see_places_apart_by_the_disparity():
    """The eyes differ in x alone, by at most four cells of a retina, right or left of each other by chance."""
    found = presentations(["or", "dy"], iterations=60)
    apart = found["RightRetina"] - found["LeftRetina"]
    np.testing.assert_allclose(apart[:, 1:], 0.0, atol=1e-12)
    assert -DISPARITY < apart[:, 0].min() < -DISPARITY / 2 < DISPARITY / 2 < apart[:, 0].max() < DISPARITY


@pytest.mark.parametrize("dims", [["or", "dr"], ["or", "dr", "dy", "od"]])
def test_lagged_retinas_see_a_movement(dims):
    """Retina n shows the input of retina 0 moved n steps across its length; with two eyes both see the movement."""
    found = presentations(dims)
    for eye in {name.removesuffix(name[-7:]) for name in found}:
        first = found[f"{eye}Retina0"]
        for lag in range(1, 4):
            moved = found[f"{eye}Retina{lag}"] - first
            way = lag * SPEED * np.array([-np.sin(first[:, 2]), np.cos(first[:, 2])]).T
            np.testing.assert_allclose(moved[:, :2], way, atol=1e-12)
            np.testing.assert_allclose(moved[:, 2:], 0.0, atol=1e-12)
    if "dy" in dims:
        apart = found["RightRetina3"] - found["LeftRetina3"]
        np.testing.assert_allclose(apart[:, 1], 0.0, atol=1e-12)
        assert np.abs(apart[:, 0]).max() > DISPARITY / 2


def test_spatial_scales_see_inputs_of_many_sizes():
    """Sizes lie between one and two; the fields of the second channel, on the retina and in V1, are twice as large."""
    sizes = presentations(["or", "sf"], iterations=60)["Retina"][:, 3] / ORIENTED
    assert 1.0 <= sizes.min() < 1.2 < 1.8 < sizes.max() <= 2.0
    sim = Lissom(dims=["or", "sf"]).build()
    for small, large in (
        (sim["LGNOn"].projections["Afferent"], sim["LGNOnSF2"].projections["Afferent"]),
        (sim["V1"].projections["LGNOnAfferent"], sim["V1"].projections["LGNOnAfferentSF2"]),
    ):
        assert large.geometry.template.shape[0] == pytest.approx(2 * small.geometry.template.shape[0], abs=2)


def test_without_orientation_inputs_are_round():
    """They are three times as wide as oriented ones."""
    gaussians = presentations(["od"])["LeftRetina"]
    np.testing.assert_allclose(gaussians[:, 3:5], [[3 * ORIENTED, 1.0]] * len(gaussians))


def test_afferents_share_their_rate():
    """The rates of all channels sum to that of one afferent projection, at the start and after scheduled changes."""
    sim = Lissom(dims=["or", "od", "dr"], num_inputs=20, **TINY).build()
    afferents = [p for name, p in sim["V1"].projections.items() if "Afferent" in name]
    assert sum(p.learning_rate for p in afferents) == pytest.approx(0.9590)
    sim.run(25)
    assert sum(p.learning_rate for p in afferents) == pytest.approx(0.6850)


@pytest.mark.parametrize(("speed", "strength"), [(0.0, 2.33), (1 / 48, 2.355), (2 / 24, 2.53), (1.0, 2.80)])
def test_faster_inputs_get_a_stronger_lgn(speed, strength):
    """Strengths are interpolated between the published ones; without motion the speed has no effect."""
    moving, still = (Lissom(dims=dims, speed=speed, **TINY).build() for dims in (["dr"], ["or"]))
    assert moving["LGNOn0"].projections["Afferent"].strength == pytest.approx(strength)
    assert still["LGNOn"].projections["Afferent"].strength == 2.33


@pytest.mark.parametrize("dims", [["od", "ot"], "od", ["OR"]])
def test_unknown_features_are_refused(dims):
    """A feature that does not exist, or a text instead of a list, is refused before anything is built."""
    with pytest.raises(ParameterError, match="dims"):
        topo_exp.build("lissom", dims=dims)


def test_every_part_is_compiled():
    """With all features no sheet and no projection is dense."""
    sim = Lissom(dims=ALL, **TINY).build()
    assert not sim.explain().dense


def test_both_engines_agree():
    """With all features the compiled engine follows the reference precision across a scheduled change."""
    fast, dense = (Lissom(dims=ALL, num_lags=2, num_inputs=20, **TINY).build() for _ in range(2))
    dense.engine = "reference"
    for sim in (fast, dense):
        sim.run(12)  # the first change is at 10
    assert dense["V1"].activity.max() > 0
    np.testing.assert_allclose(fast["V1"].activity, dense["V1"].activity, atol=2e-5)
    for name, projection in dense["V1"].projections.items():
        np.testing.assert_allclose(fast["V1"].projections[name].weights, projection.weights, atol=2e-6)


def test_a_run_continues_from_a_state():
    """A state stored between two presentations continues in a fresh network with the same bits."""
    straight, first, second = (Lissom(dims=ALL, num_lags=2, **TINY).build() for _ in range(3))
    straight.run(25)
    first.run(10.4)
    second.restore(first.state())
    second.run(25)
    assert np.array_equal(straight["V1"].activity, second["V1"].activity)
    for name, projection in straight["V1"].projections.items():
        assert np.array_equal(projection.weights, second["V1"].projections[name].weights)


# --- the maps, and the measurements on a network whose fields are known ---------------------------------------------


def grown(dims, until=2500):
    """Return a network of 18 x 18 units that has seen so many inputs."""
    sim = Lissom(dims=dims, cortex_density=18.0, retina_density=24.0).build()
    sim.run(until)
    return sim


def centres(sim, projection):
    """Return the centres of gravity (x, y) of all fields, relative to their middle, in sheet coordinates."""
    projection = sim["V1"].projections[projection]
    weights, size = projection.weights, projection.geometry.template.shape[0]
    place = (np.arange(size) - (size - 1) / 2) / projection.src.density
    total = weights.sum((1, 2))
    return (weights * place).sum((1, 2)) / total, -(weights * place[:, None]).sum((1, 2)) / total


def test_ocular_dominance_is_that_of_the_weights():
    """Units come to prefer either eye, and the measured preference is the right eye's share of their weights."""
    sim = grown(["or", "od"])
    untrained, trained = (maps.ocular_dominance_map(s, scale=1.0, phases=8) for s in (grown(["or", "od"], 0), sim))
    name = "V1/ocularity_selectivity_mean"
    assert trained.metrics[name] > 5 * untrained.metrics[name]
    preference = trained.maps.ocularity_preference.values.ravel()
    assert (preference < 0.3).mean() > 0.2
    assert (preference > 0.7).mean() > 0.2
    weights = {name: p.weights.sum((1, 2)) for name, p in sim["V1"].projections.items() if "Afferent" in name}
    share = sum(w for name, w in weights.items() if name.startswith("Right")) / sum(weights.values())
    assert np.corrcoef(preference, share)[0, 1] > 0.85


def test_direction_is_that_in_which_fields_are_displaced():
    """Units come to prefer directions, all of them, and the measured one is that from the first to the last field."""
    sim = grown(["or", "dr"])
    measured = [maps.direction_map(s, scale=0.6, speeds=(SPEED,), phases=4) for s in (grown(["or", "dr"], 0), sim)]
    name = "V1/direction_selectivity_mean"
    assert measured[1].metrics[name] > 4 * measured[0].metrics[name]
    preference = measured[1].maps.direction_preference.values.ravel()
    (x0, y0), (x3, y3) = centres(sim, "LGNOnAfferent0"), centres(sim, "LGNOnAfferent3")
    error = np.angle(np.exp(1j * (preference - np.arctan2(y3 - y0, x3 - x0))))
    assert np.nanmedian(np.abs(error)) < 0.3
    quadrants = np.histogram(preference, bins=4, range=(0, 2 * np.pi))[0]
    assert quadrants.min() > 0.05 * preference.size


def test_disparity_is_that_of_the_fields():
    """Phase disparity grows with the distance between the fields of the eyes across the unit's own orientation."""
    sim = grown(["or", "dy"])
    found = maps.disparity_map(sim, scale=0.6, phases=6, disparities=8)
    assert found.metrics["V1/disparity_selectivity_mean"] > 0.2
    disparity = np.angle(np.exp(1j * found.maps.disparity_preference.values.ravel()))
    orientation = found.maps.orientation_preference.values.ravel()
    (x_left, y_left), (x_right, y_right) = centres(sim, "LeftLGNOnAfferent"), centres(sim, "RightLGNOnAfferent")
    across = (y_right - y_left) * np.cos(orientation) - (x_right - x_left) * np.sin(orientation)
    assert np.corrcoef(disparity, across)[0, 1] > 0.6


@pytest.mark.slow
def test_stripes_of_both_eyes_cover_v1():
    """At the default size, after 10 000 inputs, neighbours prefer the same eye and either eye has its half."""
    sim = Lissom(dims=["or", "od"]).build()
    sim.run(10000)
    preference = maps.ocular_dominance_map(sim, scale=1.0).maps.ocularity_preference.values
    assert 0.35 < np.nanmean(preference > 0.5) < 0.65
    along = np.nanmean((preference[:, 1:] > 0.5) == (preference[:, :-1] > 0.5))
    assert along > 0.85


@pytest.mark.slow
def test_patches_of_low_and_high_spatial_frequency_form():
    """With scales two octaves apart units prefer either, as their weights do, and neighbours prefer the same."""
    sim = Lissom(dims=["or", "sf"], sf_spacing=4.0, cortex_density=24.0).build()
    sim.run(4000)
    found = maps.spatial_frequency_map(
        sim, scale=1.0, frequencies=np.geomspace(0.4, 6.4, 13), phases=8, method="maximum"
    ).maps
    octave = np.log2(found.frequency_preference.values)
    low, high = octave < np.log2(0.9), octave > np.log2(1.5)
    assert low.mean() > 0.15
    assert high.mean() > 0.15
    weights = {name: p.weights.sum((1, 2)) for name, p in sim["V1"].projections.items() if "Afferent" in name}
    share = sum(w for name, w in weights.items() if name.endswith("SF2")) / sum(weights.values())
    share = share.reshape(octave.shape)
    assert share[low].mean() > share[high].mean() + share.std()
    steps = np.abs(np.diff(octave, axis=1)).mean()
    shuffled = np.random.default_rng(0).permuted(octave.ravel()).reshape(octave.shape)
    assert steps < 0.7 * np.abs(np.diff(shuffled, axis=1)).mean()
