"""The switches of the four models, and the inputs that they can be shown."""

import numpy as np
import pytest
from PIL import Image as Picture

import topo_exp
from topo_exp.errors import ParameterError, TopoExpError
from topo_exp.models._inputs import number_of_patterns
from topo_exp.models.gcal import Gcal


def shown(iterations=3, **parameters):
    """Return the inputs of the retina in some iterations, (iterations, rows, columns)."""
    sim = Gcal(cortex_density=8, **parameters).build()
    pictures = []
    for iteration in range(iterations):
        sim.run(iteration + 1)
        pictures.append(sim["Retina"].activity.copy())
    return np.array(pictures)


@pytest.mark.parametrize("gain_control", [True, False])
def test_gain_control_is_the_lgns(gain_control):
    """With it the LGN answers itself, once more; without it the LGN reaches V1 at the same time."""
    sim = Gcal(cortex_density=8, gain_control=gain_control).build()
    assert ("LateralGC" in sim["LGNOn"].projections) is gain_control
    sim.run(0.19)
    assert not sim["V1"].activity.any()
    sim.run(1)
    assert sim["V1"].projections["LGNOnAfferent"].input.any()
    delays = {p.delay for p in sim["V1"].projections.values() if p.src is not sim["V1"]}
    assert delays == {0.05 if gain_control else 0.10}


@pytest.mark.parametrize("homeostasis", [True, False])
def test_homeostasis_moves_thresholds(homeostasis):
    """Thresholds begin at t_init and, without homeostasis, stay there."""
    sim = Gcal(cortex_density=8, homeostasis=homeostasis, t_init=0.1, contrast=100).build()
    sim.run(5)
    assert (sim["V1"].threshold == 0.1).all() is np.bool_(not homeostasis)


def test_contrast_is_the_brightness_of_inputs():
    """Half the contrast gives half the picture, at the same places."""
    full, half = shown(contrast=80), shown(contrast=40)
    assert full.any()
    np.testing.assert_allclose(half, full / 2, rtol=1e-12)


@pytest.mark.parametrize("dataset", ["Gaussian", "images", "rearing"])
def test_input_seed_chooses_the_inputs(dataset):
    """One seed gives the same pictures again, another gives others; weights do not depend on it."""
    one, again, other = (shown(dataset=dataset, input_seed=seed) for seed in (42, 42, 43))
    assert np.array_equal(one, again)
    assert all(picture.std() > 0 for picture in one)
    assert not np.array_equal(one, other)


def test_weight_seed_chooses_the_weights():
    """Initial weights come from the published stream unless a seed is given."""
    weights = [
        Gcal(cortex_density=8, weight_seed=seed).build()["V1"].projections["LateralInhibitory"].weights
        for seed in (None, None, 1, 2)
    ]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    assert not np.array_equal(weights[2], weights[3])


def test_rearing_leaves_vertical_contours():
    """Patches reared with change along x much more than along y; others do not."""
    for dataset, biased in (("images", False), ("rearing", True)):
        pictures = shown(20, dataset=dataset, contrast=100)
        along_x = np.abs(np.diff(pictures, axis=2)).mean()
        along_y = np.abs(np.diff(pictures, axis=1)).mean()
        assert (along_x > 3 * along_y) is np.bool_(biased)


def test_retinal_waves_come_first():
    """Noisy disks for so many iterations, then the dataset as if it had been shown from the start."""
    waves, plain = shown(4, retinal_waves=2, percent_noise=0), shown(4)
    assert not np.array_equal(waves[:2], plain[:2])
    np.testing.assert_array_equal(waves[2:], plain[:2])
    quiet, noisy = (shown(1, retinal_waves=5, percent_noise=percent)[0] for percent in (0, 50))
    assert len(np.unique(quiet)) < len(np.unique(noisy)) == noisy.size


def test_a_folder_of_images_is_shown(tmp_path):
    """The user's own pictures are shown in grey levels between 0 and 1, times the contrast."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    Picture.fromarray(ramp).save(tmp_path / "ramp.png")
    pictures = shown(5, dataset="images", image_folder=str(tmp_path), contrast=50)
    assert 0 <= pictures.min() < pictures.max() <= 0.5


def test_a_folder_without_images_is_refused(tmp_path):
    """A missing or an empty folder is named."""
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(TopoExpError, match=str(folder)):
            shown(1, dataset="images", image_folder=str(folder))


@pytest.mark.parametrize("name", ["gcal", "gcal_oo_or", "gcal_od", "lissom", "lissom_or", "lissom_oo_or"])
@pytest.mark.parametrize("area", [1e5, 1e200])
def test_an_area_of_more_inputs_than_can_be_drawn_is_refused(name, area):
    """The number of patterns grows with the area; where it is beyond use the model says so, before it is built."""
    with pytest.raises(ParameterError, match="must be 100000 patterns at most"):
        topo_exp.build(name, area=area)


@pytest.mark.parametrize(("expected", "number"), [(0.25, 1), (2.0, 2), (2.99, 2), (100_000, 100_000)])
def test_inputs_have_a_whole_number_of_patterns(expected, number):
    """The number is rounded down, and at least 1."""
    assert number_of_patterns(expected) == number
