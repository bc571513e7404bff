"""Receptive fields of units whose fields are known."""

import numpy as np
import pytest

from tests.analysis.fake_simulation import gabor_simulation
from topo_exp.analysis.reverse_correlation import Pixels, _around, radius, receptive_fields
from topo_exp.errors import ParameterError

PREFERRED = np.array([[0.0, 0.8], [1.6, 2.4]])


def likeness(found, fields):
    return [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(found.reshape(4, -1), fields.reshape(4, -1), strict=True)
    ]


def test_spots_find_the_field_of_a_linear_unit_exactly():
    """A bright and a dark spot at every place give a linear unit's weights, up to a factor."""
    sim = gabor_simulation(PREFERRED, cells=20)
    found = receptive_fields(sim, stimuli="spots", cell=1, afferent_only=True)
    assert sim.presented == 2 * 20 * 20
    assert min(likeness(found.maps.receptive_field_Retina.values, sim.fields)) > 1 - 1e-9
    assert found.maps.receptive_field_Retina.dims == ("y", "x", "Retina_y", "Retina_x")
    assert found.figures["V1/receptive_fields_Retina"]().axes


@pytest.mark.parametrize(("stimuli", "count"), [("noise", 30), ("spots", 18)])
def test_receptive_fields_say_how_they_were_measured(stimuli, count):
    """The dataset holds the options, how many images were shown, and the time of the simulation."""
    sim = gabor_simulation(PREFERRED, cells=6)
    maps = receptive_fields(sim, stimuli=stimuli, cell=2, presentations=30, scale=0.8, seed=4, afferent_only=True).maps
    assert maps.attrs == {
        "sheet": "V1",
        "stimuli": stimuli,
        "cell": 2,
        "pattern_scale": 0.8,
        "seed": 4,
        "presentations": count,
        "afferent_only": 1,
        "simulation_time": sim.time,
    }


@pytest.mark.parametrize("stimuli", ["noise", "spots"])
def test_images_are_balanced_around_their_mean(stimuli):
    """Spots are as often bright as dark at every place, on a grey ground; noise is only bright and dark."""
    sim, shown = gabor_simulation(PREFERRED, cells=6), []
    answer = sim.answer
    sim.answer = lambda pictures, sheet, afferent: shown.append(pictures["Retina"]) or answer(pictures, sheet, afferent)
    receptive_fields(sim, stimuli=stimuli, cell=2, presentations=40, scale=0.8)
    images = np.array(shown)
    if stimuli == "noise":
        assert len(images) == 40
        assert set(images.ravel()) == {0.0, 0.8}
        assert 0.25 < images.mean() < 0.55
    else:
        np.testing.assert_allclose(images.mean(axis=0), 0.4)
        np.testing.assert_allclose(np.sort(images, axis=0)[[0, 1, -2, -1]][:, 0, 0], [0.0, 0.4, 0.4, 0.8])
        assert len(images) == 2 * 9
    np.testing.assert_array_equal(images[:, ::2, ::2], images[:, 1::2, 1::2])  # cells of two by two pixels


@pytest.mark.parametrize(("stimuli", "total"), [("noise", 40), ("spots", 18)])
def test_the_progress_of_reverse_correlation_ends_at_its_total(stimuli, total):
    """Noise has as many images as asked for, spots two for each place; progress rises to that number."""
    costs = []
    sim = gabor_simulation(PREFERRED, cells=6)
    receptive_fields(sim, stimuli=stimuli, cell=2, presentations=40, progress=costs.append)
    done = [cost.done for cost in costs]
    assert done == sorted(set(done))
    assert {cost.total for cost in costs} == {total}
    assert done[-1] == sim.presented == total
    assert all(cost.elapsed >= 0 for cost in costs)


def test_fields_are_drawn_around_their_units():
    """Each window is centred on its unit, reaches 1.5 times as far as the strong parts, and is 0 off the sheet."""
    sim = gabor_simulation(np.zeros((2, 2)), cells=12)
    source, rng = sim["Retina"], np.random.default_rng(1)
    x, y = source.x[[2, 7]], source.y[[1, 8]]
    fields = 0.1 * rng.random((2, 2, 12, 12))
    for i, row in enumerate((1, 8)):
        for j, column in enumerate((2, 7)):
            fields[i, j, row + 2, column - 1] = 1.0  # two rows away and one column
    found = _around(fields, x, y, source)
    reach = int(1.5 * 2) + 1
    assert found.shape == (2, 2, 2 * reach + 1, 2 * reach + 1)
    padded = np.pad(fields, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    for i, row in enumerate((1, 8)):
        for j, column in enumerate((2, 7)):
            expected = padded[i, j, row : row + 2 * reach + 1, column : column + 2 * reach + 1]
            np.testing.assert_array_equal(found[i, j], expected)
            assert found[i, j, reach + 2, reach - 1] == 1.0
    np.testing.assert_array_equal(_around(0 * fields, x, y, source), 0 * fields)


@pytest.mark.parametrize(("away", "reach"), [((0, 0), 1), ((1, 3), 5), ((3, 0), 5), ((0, 9), 12)])
def test_windows_are_as_large_as_the_field_is_far(away, reach):
    """Rows and columns count alike, and a window reaches over the sheet at most."""
    sim = gabor_simulation(np.zeros((1, 1)), cells=12)
    fields = np.zeros((1, 1, 12, 12))
    fields[0, 0, 2 + away[0], 2 + away[1]] = -1.0
    found = _around(fields, sim["Retina"].x[[2]], sim["Retina"].y[[2]], sim["Retina"])
    assert found.shape == (1, 1, 2 * reach + 1, 2 * reach + 1)
    assert found[0, 0, reach + away[0], reach + away[1]] == -1.0


def test_an_image_is_shown_pixel_by_pixel():
    """Pixels of an image lie side by side around its centre, one in a unit of length if not said otherwise."""
    image = Pixels(pixels=np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(
        image(np.array([-1.5, -0.5, 0.5, 1.5]), np.array([0.5, -0.5, -1.5])), [[0, 1, 2, 0], [0, 3, 4, 0], [0, 0, 0, 0]]
    )


def test_noise_finds_the_field_of_a_rectified_unit():
    """With random images the fields of half-wave rectifying units emerge, the same for the same seed."""
    a, b = (receptive_fields(gabor_simulation(PREFERRED, cells=12), presentations=1200, cell=1) for _ in range(2))
    assert min(likeness(a.maps.receptive_field_Retina.values, gabor_simulation(PREFERRED, cells=12).fields)) > 0.9
    np.testing.assert_array_equal(a.maps.receptive_field_Retina, b.maps.receptive_field_Retina)


def test_each_input_sheet_has_its_own_field():
    """With two input sheets of which one does nothing, the field lies in the other."""
    sim = gabor_simulation(
        PREFERRED, cells=12, inputs=("LeftRetina", "RightRetina"), gain=lambda name, shape: float(name == "RightRetina")
    )
    found = receptive_fields(sim, presentations=800, cell=1).maps
    assert min(likeness(found.receptive_field_RightRetina.values, sim.fields)) > 0.85
    assert max(np.abs(likeness(found.receptive_field_LeftRetina.values, sim.fields))) < 0.4


def test_silent_units_have_no_field():
    """A unit that never answers has no field and no radius, and its picture is empty."""
    found = receptive_fields(gabor_simulation(PREFERRED, threshold=1e9), presentations=10)
    assert np.isnan(found.maps.receptive_field_Retina.values).all()
    assert found.figures["V1/receptive_fields_Retina"]().axes
    assert np.isnan(found.metrics["V1/receptive_field_radius_Retina"])


def test_radius_of_a_gaussian_field():
    """A Gaussian field of width s, cut off at a third of its height, has a radius of 0.852 s; faint noise adds none."""
    x = np.linspace(-1, 1, 81)
    field = np.exp(-((x - 0.1) ** 2 + (x[:, None] + 0.2) ** 2) / (2 * 0.15**2))
    # mean of r^2 over r < s sqrt(2 ln 3), weighted by exp(-r^2 / s^2): s^2 (1 - u / (e^u - 1)), u = 2 ln 3
    u = 2 * np.log(3)
    expected = 0.15 * np.sqrt(1 - u / (np.exp(u) - 1))
    assert radius(field[None, None], x, x) == pytest.approx(expected, rel=0.01)
    noise = 0.05 * np.random.default_rng(1).standard_normal(field.shape)
    assert radius((field + noise)[None, None], x, x) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("options", [{"stimuli": "bars"}, {"presentations": 0}, {"cell": 0}])
def test_impossible_stimuli_are_refused(options):
    """Unknown kinds of stimuli and numbers below 1 are refused."""
    with pytest.raises(ParameterError, match="receptive_fields"):
        receptive_fields(gabor_simulation(PREFERRED), **options)
