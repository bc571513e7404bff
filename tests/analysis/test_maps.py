"""Feature maps against units of known tuning, and against maps recorded from Topographica."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import topo_exp
from tests.analysis.fake_simulation import BoundingBox, FakeSheet, FakeSimulation, gabor_simulation
from topo_exp.analysis import feature_maps, maps
from topo_exp.analysis.features import Feature, Stimulus
from topo_exp.engine.patterns import Disk
from topo_exp.errors import AnalysisError, ParameterError, UnknownNameError

GOLDEN = Path(__file__).parents[1] / "golden" / "maps_cd48_T1000_subset.npz"
PREFERRED = np.linspace(0, np.pi, 12, endpoint=False).reshape(3, 4)


def cyclic(a, b, period):
    d = np.abs(np.asarray(a) - np.asarray(b)) % period
    return np.minimum(d, period - d)


def test_recorded_responses_give_the_recorded_maps():
    """From 72 recorded responses follow the maps that Topographica made of them, to 1e-9.

    The responses and maps are those of 16 x 16 units of gcal_oo_or at t = 1000 (git 1e097e2d, Python 2.7), stored in
    float64; only summation order may differ. Silent units count with 0, which is `units="all"`.
    """
    with np.load(GOLDEN) as golden:
        parameters = golden["response_params"]
        responses = xr.DataArray(
            golden["responses"].reshape(4, 18, 16, 16),
            dims=("orientation", "phase", "y", "x"),
            coords={
                "orientation": ("orientation", parameters[::18, 1], {"period": np.pi}),
                "phase": ("phase", parameters[:18, 2], {"period": 2 * np.pi}),
                "y": np.arange(16.0)[::-1],
                "x": np.arange(16.0),
            },
        )
        multiplier = float(golden["selectivity_multiplier"])
        found = feature_maps.preferences(responses, selectivity_multiplier=multiplier, units="all")
        for name, period in (("orientation", np.pi), ("phase", 2 * np.pi)):
            recorded = golden[f"{name}_preference_rad"]
            assert cyclic(found[f"{name}_preference"], recorded, period).max() < 1e-9
            np.testing.assert_allclose(found[f"{name}_selectivity"], golden[f"{name}_selectivity"], atol=1e-9)
    assert (found.response_maximum == 0).any(), "the patch holds a silent unit"


@pytest.mark.parametrize("time", [0, 1000])
def test_maps_of_the_example_are_those_of_topographica(time):
    """From seeds, gcal_oo_or has at t = 0 and 1000 the maps recorded from Topographica (git 1e097e2d).

    Within 0.5 degrees where selectivity, recorded multiplied by 2, is above 0.1; measured: 0.0003 degrees, and 2e-5
    in selectivity. The recorder computed in double precision, this engine in single.
    """
    sim = topo_exp.build("gcal_oo_or")
    sim.run(until=time)
    found = maps.orientation_map(sim, selectivity_multiplier=2.0, units="all").maps
    with np.load(GOLDEN) as golden:
        recorded = golden[f"whole_T{time}_orientation_preference_rad"]
        selectivity = golden[f"whole_T{time}_orientation_selectivity"]
    selective = selectivity > 0.1
    assert selective.mean() > 0.5
    assert cyclic(found.orientation_preference, recorded, np.pi)[selective].max() < np.radians(0.5)
    np.testing.assert_allclose(found.orientation_selectivity, selectivity, atol=2e-4)


def test_afferent_maps_are_those_of_2013():
    """From seeds, GCAL has at t = 100 the afferent-only map recorded from the scripts of Stevens et al. (2013).

    Contrast 100, input_seed 20, 24 x 24 units, gratings of scale 1; measured: 3e-5 radians, 2e-7 in selectivity.
    """
    sim = topo_exp.build("gcal", contrast=100, input_seed=20, cortex_density=24)
    sim.run(until=100)
    found = maps.orientation_map(sim, afferent_only=True, scale=1.0, selectivity_multiplier=2.0).maps
    with np.load(GOLDEN) as golden:
        recorded = golden["afferent_T100_orientation_preference_rad"]
        selectivity = golden["afferent_T100_orientation_selectivity"]
    assert cyclic(found.orientation_preference, recorded, np.pi).max() < 1e-3
    np.testing.assert_allclose(found.orientation_selectivity, selectivity, atol=1e-5)


def test_orientation_map_finds_what_gabor_units_prefer():
    """Gabor units are found to prefer their own orientation; phases differ by where their fields' maximum lies."""
    rng = np.random.default_rng(2)
    phases = rng.uniform(0, 2 * np.pi, PREFERRED.shape)
    found = maps.orientation_map(gabor_simulation(PREFERRED, phases), orientations=12)
    assert found.maps.orientation_preference.dims == ("y", "x")
    assert cyclic(found.maps.orientation_preference, PREFERRED, np.pi).max() < 0.02
    # A field sin(2 pi f p + phase) answers best to the grating of the same phase. Near horizontal, gratings of nearly 0
    # and nearly pi, of opposite phases, both drive it; the definition takes the maximum over them, so look elsewhere.
    assert cyclic(found.maps.phase_preference, phases, 2 * np.pi)[1].max() < 0.02
    assert found.metrics["V1/orientation_selectivity_mean"] == pytest.approx(found.maps.orientation_selectivity.mean())
    assert found.metrics["V1/orientation_responding_fraction"] == 1.0


def test_default_is_the_reference_measurement():
    """By default 72 gratings of 4 orientations, 18 phases and scale 0.3 are shown, as attributes record."""
    sim = gabor_simulation(PREFERRED)
    found = maps.orientation_map(sim).maps
    assert sim.presented == 72
    assert found.attrs["pattern"] == "SineGrating"
    assert found.attrs["pattern_scale"] == 0.3
    assert found.attrs["frequency_values"] == [2.4]
    assert len(found.attrs["orientation_values"]) == 4
    assert found.attrs["phase_values"][1] == pytest.approx(2 * np.pi / 18)
    assert found.attrs["selectivity_multiplier"] == 1.0
    assert found.orientation_preference.attrs["units"] == "rad"
    assert found.orientation_preference.min() >= 0
    assert found.orientation_preference.max() < np.pi


def test_maps_survive_netcdf(tmp_path):
    """Maps with all their attributes can be stored as NetCDF and come back equal."""
    found = maps.orientation_map(gabor_simulation(PREFERRED)).maps
    found.to_netcdf(tmp_path / "maps.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "maps.nc", engine="h5netcdf") as stored:
        xr.testing.assert_equal(stored.load(), found)


@pytest.mark.parametrize(("method", "error"), [("maximum", 1e-9), ("von_mises", 0.03), ("von_mises_two", 0.2)])
def test_every_method_finds_the_orientation(method, error):
    """Maximum and fits find the preferences too; two peaks fitted to a single one part by less than a step."""
    found = maps.orientation_map(gabor_simulation(PREFERRED), orientations=12, method=method)
    assert cyclic(found.maps.orientation_preference, PREFERRED, np.pi).max() < error


@pytest.mark.parametrize("method", ["von_mises", "von_mises_two"])
def test_a_fit_to_angles_leaves_linear_features_to_the_average(method):
    """A linear feature is no angle: beside fitted orientations its preference is that of the vector average."""
    sim, options = gabor_simulation(PREFERRED, frequency=2.6, width=0.25), {"frequencies": (1.4, 2.6, 3.8), "phases": 6}
    fitted, average = (
        maps.spatial_frequency_map(sim, orientations=12, method=each, **options).maps
        for each in (method, "vector_average")
    )
    xr.testing.assert_equal(fitted.frequency_preference, average.frequency_preference)
    xr.testing.assert_equal(fitted.frequency_selectivity, average.frequency_selectivity)
    assert not np.allclose(fitted.orientation_selectivity, average.orientation_selectivity, atol=1e-3)


def test_selectivity_multiplier_is_a_factor_of_all_selectivities():
    """The multiplier scales selectivities and leaves preferences alone."""
    one, two = (maps.orientation_map(gabor_simulation(PREFERRED), selectivity_multiplier=m).maps for m in (1.0, 2.0))
    xr.testing.assert_allclose(two.orientation_selectivity, 2 * one.orientation_selectivity)
    xr.testing.assert_identical(two.orientation_preference, one.orientation_preference)


def test_afferent_only_measures_without_the_threshold():
    """A unit that stays below threshold is silent when settled and tuned when only its afferents are measured."""
    sim = gabor_simulation(PREFERRED, threshold=1e6)
    assert maps.orientation_map(sim).metrics["V1/orientation_responding_fraction"] == 0
    found = maps.orientation_map(sim, afferent_only=True, scale=1.0, orientations=12).maps
    assert (found.attrs["afferent_only"], found.attrs["label"]) == (1, "afferent_")
    assert cyclic(found.orientation_preference, PREFERRED, np.pi).max() < 0.1


def test_spatial_frequency_is_found():
    """Units prefer the frequency of their field, within the spacing of the frequencies."""
    found = maps.spatial_frequency_map(
        gabor_simulation(PREFERRED, frequency=2.6, width=0.25), frequencies=(1.4, 2.0, 2.6, 3.2, 3.8)
    )
    np.testing.assert_allclose(found.maps.frequency_preference, 2.6, atol=0.1)
    assert "V1/frequency_selectivity_mean" in found.metrics


def test_ocular_dominance_is_the_right_eyes_share():
    """A unit whose right eye has weight w and whose left 1 - w has ocularity w."""
    share = np.array([[0.0, 0.25], [0.5, 1.0]])
    sim = gabor_simulation(
        np.zeros((2, 2)),
        inputs=("LeftRetina", "RightRetina"),
        gain=lambda name, shape: share if name.startswith("Right") else 1 - share,
    )
    found = maps.ocular_dominance_map(sim).maps
    np.testing.assert_allclose(found.ocularity_preference, share, atol=1e-12)
    np.testing.assert_allclose(found.ocularity_selectivity, np.abs(2 * share - 1), atol=1e-12)


def test_disparity_is_that_of_the_fields():
    """Units whose two fields differ in phase prefer just this disparity."""
    wanted = np.array([[0.0, 0.6], [2.0, -1.5]])
    left, right = (gabor_simulation(np.zeros((2, 2)), sign * wanted / 2) for sign in (1, -1))
    retina = left["Retina"]
    eyes = {n: FakeSheet(n, retina.shape, retina.bounds, is_generator=True) for n in ("LeftRetina", "RightRetina")}

    def answer(pictures, sheet, afferent_only):
        drives = (np.einsum("ijkl,kl->ij", s.fields, pictures[n]) for s, n in zip((left, right), eyes, strict=True))
        return np.maximum(sum(drives), 0) ** 2

    sim = FakeSimulation({**eyes, "V1": left["V1"]}, answer)
    found = maps.disparity_map(sim, phases=24)
    assert cyclic(found.maps.disparity_preference, wanted, 2 * np.pi).max() < 0.05


def test_direction_needs_steps_of_time_and_finds_direction():
    """A unit that adds fields shifted step by step prefers the direction and speed of that shift."""
    directions = np.array([[0.0, np.pi / 2], [np.pi, 5.0]])
    retinas = {
        f"Retina{k}": FakeSheet(f"Retina{k}", (28, 28), BoundingBox(radius=0.75), is_generator=True) for k in range(4)
    }
    fields = {
        f"Retina{k}": gabor_simulation(directions - np.pi / 2, np.full((2, 2), -2 * np.pi * 2.4 * 0.05 * k)).fields
        for k in range(4)
    }

    def answer(pictures, sheet, afferent_only):
        return np.maximum(sum(np.einsum("ijkl,kl->ij", fields[n], p) for n, p in pictures.items()), 0)

    v1 = FakeSheet("V1", (2, 2), BoundingBox(radius=0.5), measure_maps=True)
    found = maps.direction_map(FakeSimulation({**retinas, "V1": v1}, answer), directions=16, speeds=(0, 0.05, 0.1)).maps
    assert cyclic(found.direction_preference, directions, 2 * np.pi).max() < 0.05
    np.testing.assert_allclose(found.speed_preference, 0.05, atol=0.02)


def test_position_is_that_of_the_field():
    """A unit with a round field prefers the field's own position."""
    retina = FakeSheet("Retina", (30, 30), BoundingBox(radius=0.75), is_generator=True)
    v1 = FakeSheet("V1", (5, 4), BoundingBox(radius=0.5), measure_maps=True)
    X, Y = np.meshgrid(retina.x, retina.y)
    fields = np.exp(-((X - v1.x[None, :, None, None]) ** 2 + (Y - v1.y[:, None, None, None]) ** 2) / (2 * 0.05**2))

    def answer(pictures, sheet, afferent_only):
        return np.maximum(np.einsum("ijkl,kl->ij", fields, pictures["Retina"]) - 1.0, 0)

    found = maps.position_map(FakeSimulation({"Retina": retina, "V1": v1}, answer), positions=11, size=0.1).maps
    inner = np.s_[1:-1, 1:-1]  # at the edge only one side of a field is seen
    np.testing.assert_allclose(found.position_x_preference[inner], np.tile(v1.x, (5, 1))[inner], atol=0.01)
    np.testing.assert_allclose(found.position_y_preference[inner], np.tile(v1.y[:, None], (1, 4))[inner], atol=0.01)


def test_gaussians_find_orientation_too():
    """Elongated Gaussians on a grid of positions find the orientation of rectified fields."""
    phases = np.full(PREFERRED.shape, np.pi / 2)
    found = maps.orientation_map_gaussians(
        gabor_simulation(PREFERRED, phases), orientations=8, positions=7, size=0.15, aspect_ratio=4.0
    )
    assert cyclic(found.maps.orientation_preference, PREFERRED, np.pi).max() < 0.15


def test_several_sheets_share_one_dataset():
    """With several measured sheets each has its own axes and names, and metrics stand under the sheet's name."""
    sim = gabor_simulation(PREFERRED)
    sim.sheets["V2"] = FakeSheet("V2", PREFERRED.shape, BoundingBox(radius=0.25), measure_maps=True)
    found = maps.orientation_map(sim)
    assert set(found.maps.dims) == {"V1_y", "V1_x", "V2_y", "V2_x"}
    np.testing.assert_allclose(found.maps.V1_orientation_preference, found.maps.V2_orientation_preference)
    assert {"V1/orientation_selectivity_mean", "V2/orientation_selectivity_mean"} <= set(found.metrics)


def test_measurements_do_not_share_names():
    """Metrics and figures of different measurements of one sheet have different names, so that one run can hold all."""
    sim = gabor_simulation(PREFERRED)
    eyes = gabor_simulation(PREFERRED, inputs=("LeftRetina", "RightRetina"))
    found = [
        maps.orientation_map(sim),
        maps.orientation_map(sim, afferent_only=True),
        maps.orientation_map_gaussians(sim, positions=3, size=0.5),
        maps.spatial_frequency_map(sim, frequencies=(1, 2), phases=3),
        maps.position_map(sim, positions=2, size=1.0),
        maps.ocular_dominance_map(eyes, phases=3),
        maps.disparity_map(eyes, disparities=3, phases=3),
    ]
    for names in ([*result.metrics] for result in found), ([*result.figures] for result in found):
        every = [name for one in names for name in one]
        assert len(set(every)) == len(every)


def test_any_feature_of_any_stimulus():
    """A user's own feature of a stimulus of their own gets a preference and a selectivity."""
    sim = gabor_simulation(PREFERRED)
    found = feature_maps.feature_map(sim, [Feature("size", (0.2, 0.4))], Stimulus(Disk, {"smoothing": 0.0}))
    assert set(found.maps.data_vars) == {"size_preference", "size_selectivity", "response_maximum"}


def test_models_that_cannot_be_measured_are_refused():
    """Models without two eyes or steps of time are refused; unknown sheets and methods by the nearest name."""
    sim = gabor_simulation(PREFERRED)
    one_eye = gabor_simulation(PREFERRED, inputs=("LeftRetina",))
    with pytest.raises(AnalysisError, match=r"Left\.\.\. and Right\.\.\."):
        maps.ocular_dominance_map(sim)
    with pytest.raises(AnalysisError, match="both eyes"):
        maps.disparity_map(one_eye)
    with pytest.raises(AnalysisError, match="Retina0"):
        maps.direction_map(sim)
    with pytest.raises(AnalysisError, match="two steps"):
        maps.direction_map(gabor_simulation(PREFERRED, inputs=("Retina0",)))
    with pytest.raises(UnknownNameError, match="V1"):
        maps.orientation_map(sim, "V11")
    with pytest.raises(UnknownNameError, match="maximum"):
        maps.orientation_map(sim, method="maximal")
    assert sim.presented == one_eye.presented == 0


def strip(length, width=0.05):
    """Return a sheet of that length, half a unit high, whose units see round fields at their own positions."""
    box = BoundingBox(points=((-length / 2, -0.25), (length / 2, 0.25)))
    around = BoundingBox(points=((-length / 2 - 0.25, -0.5), (length / 2 + 0.25, 0.5)))
    retina = FakeSheet("Retina", (16, int(16 * (length + 0.5))), around, True)
    v1 = FakeSheet("V1", (2, int(4 * length)), box, measure_maps=True)
    along_x, along_y = (
        np.exp(-((a[:, None] - b[None, :]) ** 2) / (2 * width**2)) for a, b in ((v1.x, retina.x), (v1.y, retina.y))
    )

    def answer(pictures, sheet, afferent_only):
        return along_y @ pictures["Retina"] @ along_x.T

    return FakeSimulation({"Retina": retina, "V1": v1}, answer)


@pytest.mark.parametrize("length", [1, 3, 6])
def test_positions_are_as_dense_as_the_stimulus_needs_on_any_sheet(length):
    """Away from the edge a unit's preferred position is its own, however long the sheet."""
    sim = strip(length)
    found = maps.position_map(sim).maps
    inside = np.abs(sim["V1"].x) < length / 2 - 0.3
    assert np.abs(found.position_x_preference.values - sim["V1"].x)[:, inside].max() < 0.01
    x, y = (found.attrs[f"position_{axis}_values"] for axis in "xy")
    assert np.diff(x).max() <= 0.1 + 1e-9  # the standard deviation of the default Gaussian
    assert (len(x), len(y)) == (max(12, 10 * length + 1), 12)


def test_positions_follow_the_size_of_the_stimulus():
    """Half the size needs twice the positions; the number can be set where it leaves no gaps."""
    found = maps.position_map(strip(2), size=0.1).maps.attrs
    assert (len(found["position_x_values"]), len(found["position_y_values"])) == (41, 12)
    found = maps.position_map(strip(2), positions=5, size=0.6).maps.attrs
    assert (len(found["position_x_values"]), len(found["position_y_values"])) == (5, 5)


def test_positions_with_gaps_give_a_warning():
    """A number of positions that leaves gaps between the stimuli gives a warning; impossible ones are refused."""
    with pytest.warns(UserWarning, match=r"12 along each axis leave gaps .* Use 61"):
        maps.position_map(strip(6), positions=12)
    with pytest.raises(ParameterError, match="at least 2"):
        maps.position_map(strip(1), positions=1)
    with pytest.raises(ParameterError, match="size above 0"):
        maps.position_map(strip(1), size=0.0)


@pytest.mark.parametrize(
    ("model", "dominance", "direction"),
    [
        ("gcal_od", True, False),
        ("lissom", True, True),
        ("gcal_oo_or", False, False),
        ("hierarchical", False, False),
        ("tiny", False, False),
    ],
)
def test_maps_of_eyes_and_motion_are_measured_where_they_apply(model, dominance, direction):
    """With `where_applicable` a model that has no two eyes, no motion or no settling gives an empty Result."""
    small = {"hierarchical": {}, "tiny": {}}.get(model, {"cortex_density": 6, "lgn_density": 8, "retina_density": 8})
    sim = topo_exp.build(model, **small)
    sim.run(1)
    found = maps.ocular_dominance_map(sim, where_applicable=True, phases=2, orientations=2)
    assert bool(found.metrics) is dominance
    found = maps.direction_map(sim, where_applicable=True, phases=2, directions=3, speeds=(0.0, 0.05))
    assert bool(found.metrics) is direction
