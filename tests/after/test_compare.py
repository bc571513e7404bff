"""Comparison of two runs: each cause is named, divergence has a first time and a size, cyclic maps go the short way."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import topo_exp
from topo_exp.__main__ import main
from topo_exp.after.arrays import array_difference, cyclic_difference
from topo_exp.after.comparison import compare
from topo_exp.after.differences import printable
from topo_exp.analysis.result import Result
from topo_exp.record.checksums import write_checksums
from topo_exp.record.layout import map_path
from topo_exp.record.maps import write_maps
from topo_exp.record.run_yaml import amend_record
from topo_exp.runner.run import execute
from topo_exp.testing import fake_analysis, run_spec

MODEL = '''
"""A model of a user's own."""
import param
import topo_exp


class Mine(param.Parameterized):
    """A tiny network."""

    size = param.Number(3.0, doc="Units of V1 per unit of length.")

    def build(self):
        sim = topo_exp.build("tiny", cortex_density=self.size)
        sim["V1"].projections["Afferent"].learning_rate = 0.1
        return sim
'''


def orientation(sim) -> Result:
    """Return a cyclic map that turns by 0.1 over the end of the cycle for each unit of the seed."""
    angle = (0.05 - 0.1 * sim._seed) % math.pi
    coordinates = {"y": np.linspace(0.5, -0.5, 4), "x": np.linspace(-0.5, 0.5, 4)}
    attributes = {"units": "rad", "period": math.pi}
    values = np.full((4, 4), angle)
    values[0, 0] = np.nan
    maps = xr.Dataset({"orientation_preference": (("y", "x"), values, attributes)}, coords=coordinates)
    return Result(maps=maps)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that carries out a run of the fake simulation and returns its directory."""
    folder = tmp_path_factory.mktemp("compared")

    def make(name: str, **changes) -> Path:
        given = {
            "snapshot": "all",
            "figure_formats": (),
            "analyses": {"activity": fake_analysis, "orientation": orientation},
            **changes,
        }
        spec = run_spec(folder, directory_name=name, seeds={"seed": given.get("sim", {}).get("seed", 0)}, **given)
        directory = execute(spec).directory
        assert directory is not None
        return directory

    return make


@pytest.fixture(scope="module")
def original(made: Callable[..., Path]) -> Path:
    """Return a run that the others are compared with."""
    return made("original")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """Return a copy of it that may be changed."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def rewrite(directory: Path, change) -> None:
    """Change a record, with its checksums."""
    checksums = write_checksums(directory)
    amend_record(directory, lambda data: (data.update(checksums=checksums), change(data)))


def test_a_run_equals_its_repetition(original: Path, made: Callable[..., Path]) -> None:
    """Two runs of one description have equal results and no cause of a difference."""
    found = compare(original, made("again"))
    assert found.is_equal
    assert found.causes == ()
    assert found.first_time is None
    assert found.compared > 20
    assert found.within(0.0)


def test_another_setting_is_named(original: Path, made: Callable[..., Path]) -> None:
    """A parameter of another value is a setting that differs, and arrays of other shapes say so."""
    found = topo_exp.compare(original, made("larger", sim={"rows": 5}))
    assert [str(cause) for cause in found.causes] == ["rows: 4 | 5"]
    assert found.causes[0].kind == "setting"
    assert found.first_time == 0.0
    assert "shape (4, 4) | (5, 5)" in str(found)
    assert not found.within(1e9)


def test_another_seed_is_named(original: Path, made: Callable[..., Path]) -> None:
    """A seed is told as a seed, not as a setting, and the maps differ the shorter way round."""
    found = compare(original, made("other seed", sim={"seed": 1}))
    assert [(cause.kind, str(cause)) for cause in found.causes] == [("seed", "seed: 0 | 1")]
    (map_,) = [
        each for each in found.divergences if each.name == "orientation/orientation_preference" and not each.time
    ]
    assert map_.size == pytest.approx(0.1)
    assert map_.relative == pytest.approx(0.1 / math.pi)
    assert (map_.count, map_.total, map_.unit) == (15, 16, "rad")


def test_a_changed_line_of_a_model_is_shown(tmp_path: Path) -> None:
    """The unified diff of the recorded sources has the line before and after; weights diverge once they learn."""
    runs = []
    for name, rate in (("a", "0.1"), ("b", "0.2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(MODEL.replace("= 0.1", f"= {rate}"))
        settings = {"analysis": [], "tracking": "none", "progress": False, "output_dir": str(tmp_path / name)}
        runs.append(topo_exp.run(tmp_path / name / "mine.py", times=[0, 5], snapshot="all", **settings))
    found = compare(*runs)
    (cause,) = found.causes
    assert (cause.kind, cause.name) == ("code", "mine.py")
    assert '-        sim["V1"].projections["Afferent"].learning_rate = 0.1' in cause.diff
    assert '+        sim["V1"].projections["Afferent"].learning_rate = 0.2' in cause.diff
    assert found.first_time == 0.0  # the rate itself is a part of the state
    weights = [each for each in found.divergences if each.name.endswith("weights")]
    assert [each.time for each in weights] == [5.0]
    assert 0 < weights[0].relative < 1


def test_another_version_is_named(original: Path, copy: Path) -> None:
    """A library of another version in the record is a cause, although the results are equal."""
    rewrite(copy, lambda data: data["versions"].update(numpy="1.0"))
    found = compare(original, copy)
    assert [(cause.kind, cause.name, cause.second) for cause in found.causes] == [("version", "numpy", "1.0")]
    assert found.is_equal


def test_another_array_at_one_time_is_found(original: Path, copy: Path) -> None:
    """A map that differs at one time is named with its time, its unit's number and size; nothing else is."""
    run = topo_exp.load_run(copy)
    stored = run.maps_at(5.0)["activity"]
    stored["activity"][1, 2] += 0.25
    write_maps(map_path(copy, "activity", 5.0), stored)
    rewrite(copy, lambda data: None)
    found = compare(original, copy)
    (each,) = found.divergences
    assert (each.kind, each.name, each.time) == ("map", "activity/activity", 5.0)
    assert each.size == pytest.approx(0.25)
    assert (each.count, each.total, each.file) == (1, 16, "maps/activity_000005.00.nc")
    assert found.causes == ()
    assert "results: different from time 5 on" in str(found)


def test_another_host_is_named(original: Path, copy: Path) -> None:
    """The machine is compared, property by property."""
    rewrite(copy, lambda data: data["host"].update(machine="arm64"))
    assert [str(cause).partition(" |")[2] for cause in compare(original, copy).causes] == [" arm64"]


def test_a_damaged_file_is_not_called_equal(original: Path, copy: Path) -> None:
    """A file that the run did not leave so is named, and the runs count as not equal."""
    path = map_path(copy, "activity", 5.0)
    path.write_bytes(path.read_bytes()[:-100])
    found = compare(original, copy)
    assert not found.is_equal
    assert not found.within(1.0)
    assert any("activity_000005.00.nc: must be as the run left it" in note for note in found.notes)
    assert "some cannot be read" in str(found)


def test_runs_without_common_results_are_not_equal(made: Callable[..., Path]) -> None:
    """Where nothing can be compared, nothing is claimed."""
    one, two = (made(name, analyses={}, snapshot="none") for name in ("bare", "bare too"))
    found = compare(one, two)
    assert not found.is_equal
    assert "none in common" in str(found)


def test_missing_results_count_and_missing_states_do_not(original: Path, made: Callable[..., Path]) -> None:
    """A map or metric of one run only is a difference; states that were not kept are a note."""
    assert compare(original, made("last", snapshot="last")).is_equal
    found = compare(original, made("less", analyses={"activity": fake_analysis}))
    assert {(each.name, each.text) for each in found.divergences} == {("orientation", "only in A")}
    assert not found.is_equal


@pytest.mark.parametrize(
    ("one", "two", "period", "size"),
    [
        ([0.1], [3.1], math.pi, 3.1 - 0.1 - math.pi),
        ([0.0], [math.pi], math.pi, None),
        ([np.nan, 1.0], [np.nan, 1.0], None, None),
        ([np.inf, 1.0], [np.inf, 1.5], None, 0.5),
        ([1, 2], [1, 5], None, 3),
        ([True, False], [True, True], None, 1),
        ([1 + 1j], [1 + 2j], None, 1),
        ([], [], None, None),
    ],
)
def test_arrays_are_compared_by_their_kind(one: list, two: list, period: float | None, size: float | None) -> None:
    """Cyclic values go the shorter way, NaN equals NaN, equal infinities are equal."""
    found = array_difference(np.array(one), np.array(two), period)
    assert (found is None) == (size is None)
    if found is not None:
        assert found.size == pytest.approx(abs(size))


def test_values_of_one_run_only_have_no_small_difference() -> None:
    """A value where the other run has none is never within a tolerance."""
    found = array_difference(np.array([1.0, 2.0, np.nan]), np.array([1.0, 2.0 + 1e-9, 1.0]))
    assert found is not None
    assert found.relative == math.inf
    assert found.size == pytest.approx(1e-9)


def test_cyclic_differences_have_a_direction() -> None:
    """From 170° to 10° it is +20°, and back it is -20°."""
    assert cyclic_difference(np.array([170.0, 10.0]), np.array([10.0, 170.0]), 180.0).tolist() == [20.0, -20.0]


def test_text_of_a_record_does_not_control_the_terminal() -> None:
    """Escape sequences are shown as their codes."""
    assert printable("a\x1b[2Jb\tc") == "a\\x1b[2Jb\tc"


def test_the_exit_code_says_equal_or_not(
    original: Path, copy: Path, made: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """0 for equal results, 1 for others, 2 for a mistake; the picture is written as named."""
    other = made("seed 2", sim={"seed": 2})
    assert main(["compare", str(original), str(copy / "run.yaml")]) == 0
    assert "results: equal" in capsys.readouterr().out
    assert main(["compare", str(original), str(other), "-o", str(tmp_path / "maps.png")]) == 1
    assert "seed: 0 | 2" in capsys.readouterr().out
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")
    for words, says in (
        ([str(original), str(tmp_path / "nowhere")], "compare B: must be one run directory"),
        ([str(original.parent), str(copy)], "runs). Correct the path"),
        ([str(original)], "must be followed by b"),
        ([str(original), str(copy), "-o", "maps.txt"], "must end in one of"),
        ([str(original), str(copy), "-o", str(tmp_path / "no" / "maps.png")], "must be in a directory that exists"),
        ([str(original), str(copy), "-o", str(tmp_path / "m.png"), "--time", "7"], "analysis time of both runs"),
    ):
        assert main(["compare", *words]) == 2
        assert says in capsys.readouterr().err.lower().replace("compare b:", "compare B:").replace("correct", "Correct")
    assert not (tmp_path / "m.png").exists()


def test_maps_of_other_sizes_are_drawn_at_one_scale_without_a_difference() -> None:
    """Maps of 4 x 4 and of 8 x 8 units over one area are equally large, and the third panel says why it is empty."""
    from topo_exp.analysis.plots_differences import MapPair, map_differences

    grids = [(((np.arange(n) + 0.5) / n - 0.5), ((np.arange(n) + 0.5) / n - 0.5)[::-1]) for n in (4, 8)]
    pair = MapPair("m", np.zeros((4, 4)), np.ones((8, 8)), None, grids[0], grids[1], "°", 180.0)
    a, b, _, third, bar = map_differences([pair], title="").axes
    assert a.images[0].get_extent() == pytest.approx(b.images[0].get_extent())
    assert "no difference" in third.texts[0].get_text()
    assert not bar.axison


@pytest.mark.parametrize("period", [180.0, None])
def test_both_maps_have_one_scale_that_closes_if_they_are_cyclic(period: float | None) -> None:
    """Equal values have one colour in both maps; the ends of a period have one colour, those of a range have two."""
    from topo_exp.analysis.plots_differences import MapPair, map_differences

    grid = (np.array([-0.25, 0.25]), np.array([0.25, -0.25]))
    values = np.array([[0.0, 45.0], [90.0, 180.0]])
    pair = MapPair("m", values, values.T / 2, np.zeros((2, 2)), grid, grid, "°", period)
    first, second = (axes.images[0] for axes in map_differences([pair], title="").axes[:2])
    assert first.get_clim() == second.get_clim() == (0.0, 180.0)
    colours = first.to_rgba(first.get_array())
    np.testing.assert_array_equal(first.to_rgba(np.array([[45.0]])), second.to_rgba(np.array([[45.0]])))
    assert np.allclose(colours[0, 0], colours[1, 1], atol=1e-9) is (period is not None)


def test_half_a_period_more_and_less_have_one_colour() -> None:
    """The scale of a cyclic difference ends at half a period either way, where colours meet; no difference is white."""
    from topo_exp.analysis.plots_differences import MapPair, map_differences

    grid = (np.array([-0.25, 0.25]), np.array([0.25, -0.25]))
    difference = np.array([[-90.0, 90.0], [0.0, 45.0]])
    pair = MapPair("m", np.zeros((2, 2)), np.zeros((2, 2)), difference, grid, grid, "°", 180.0)
    image = map_differences([pair], title="").axes[3].images[0]
    colours = image.to_rgba(image.get_array())
    assert image.get_clim() == (-90.0, 90.0)
    np.testing.assert_allclose(colours[0, 0], colours[0, 1], atol=1e-9)
    np.testing.assert_allclose(colours[1, 0], 1.0, atol=0.02)
    assert np.abs(colours[1, 1] - colours[0, 0]).max() > 0.2


@pytest.mark.parametrize(
    ("one", "two", "text"),
    [
        ("gain=1", "gain=10", "another text"),
        ("gain=1", "gain=2", "another text"),
        ("gain=1", "gain=1", None),
        (1.0, 1, "type float64 | int64"),
        ([1.0], [1.0, 2.0], "shape (1,) | (2,)"),
    ],
)
def test_differences_that_are_no_numbers_are_in_words(one: object, two: object, text: str | None) -> None:
    """Texts differ as texts whatever their lengths; other kinds and shapes are named."""
    found = array_difference(np.array(one), np.array(two))
    assert (None if found is None else found.text) == text
