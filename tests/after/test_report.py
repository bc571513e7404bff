"""The page of a sweep: everything about the runs is on it, nothing on it acts, and it is small."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import xarray as xr
from click.testing import CliRunner

from tests.after.report_runs import data_in, make_sweep
from topo_exp.after.report import is_outdated, make_report, refresh_report, write_report
from topo_exp.after.report_maps import quantised
from topo_exp.after.report_pictures import encode_pictures
from topo_exp.cli.report import command
from topo_exp.errors import ConfigError, RecordError, UnknownNameError
from topo_exp.record.run_yaml import amend_record

HOSTILE = "<script>document.title='hit'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sweep of four points, of which three have runs, with hostile texts in a tag, a picture and a metric."""
    return make_sweep(
        tmp_path_factory.mktemp("report"),
        {"contrast": [15, 50], "input_seed": [0, 1]},
        left_out=1,
        tag=HOSTILE,
        metric=f"V1/{HOSTILE}",
        picture=f"V1/{HOSTILE}",
    )


@pytest.fixture(scope="module")
def page(sweep: Path) -> str:
    """Return the page of that sweep."""
    return write_report(sweep).read_text()


def test_every_point_is_on_the_page(sweep: Path, page: str) -> None:
    """Runs stand with their settings, times and numbers; the point without a run is listed as waiting."""
    data = data_in(page)
    assert data["varying"] == ["contrast", "input_seed"]
    assert data["seeds"] == ["input_seed"]
    assert data["times"] == [0.0, 5.0]
    assert [run["settings"] for run in data["runs"]] == [[15, 0], [15, 1], [50, 0], [50, 1]]
    assert [run["status"] for run in data["runs"]] == ["done", "done", "done", "waiting"]
    assert [run["metrics"].get(f"V1/{HOSTILE}") for run in data["runs"]] == [[0, 5], [10, 15], [20, 25], None]
    assert [run["link"] for run in data["runs"]] == ["./run0/", "./run1/", "./run2/", ""]
    assert "4 runs: 3 done, 1 waiting" in page
    assert sorted(path.name for path in sweep.glob("*report*")) == ["report.html"]


def test_texts_of_records_cannot_act(page: str) -> None:
    """No tag of a record is a tag of the page, and its policy allows its own script alone and no address."""
    assert HOSTILE in str(data_in(page))
    assert "<img" not in page
    assert page.count("<script") == page.count("</script>") == 2
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert "default-src 'none'" in policy.replace("&#39;", "'")
    assert "unsafe" not in policy
    without_data = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|\beval\(|innerHTML|new Function", without_data)


def test_pictures_are_those_of_the_runs(page: str) -> None:
    """Each run has its own picture of each time."""
    data = data_in(page)
    for number, run in enumerate(data["runs"][:3]):
        for place in (0, 1):
            uri = data["uris"][run["pictures"][f"V1/{HOSTILE}"][str(place)]]
            with PIL.Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
                assert image.convert("RGB").getpixel((5, 5)) == (3 * (20 * number + 5 * place,))


@pytest.mark.parametrize(("cyclic", "largest"), [(True, 0.5 * 180 / 255), (False, 0.5 * 180 / 254)])
def test_maps_are_kept_to_half_a_level(cyclic: bool, largest: float) -> None:
    """A value comes back within half a step, across the ends of a cycle too; a unit without a value stays one."""
    values = np.append(np.linspace(0, 180, 1001), np.nan)
    codes = quantised(values, 0.0, 180.0, cyclic=cyclic).astype(float)
    assert codes[-1] == 255
    back = codes[:-1] * 180 / (255 if cyclic else 254)
    error = np.abs(back - values[:-1])
    assert np.max(np.minimum(error, 180 - error) if cyclic else error) <= largest + 1e-9


def test_differences_have_their_maps(tmp_path: Path) -> None:
    """The map behind a picture is stored with unit and period; runs that differ by 10 degrees do so in the bytes."""
    data = data_in(write_report(make_sweep(tmp_path, {"contrast": [15, 50]}, times=(0.0,))).read_text())
    stored = data["maps"]["V1/orientation_preference"]
    assert (stored["unit"], stored["period"]) == ("°", pytest.approx(180))
    first, second = (np.frombuffer(base64.b64decode(stored["runs"][n]["0"][2]), np.uint8).astype(int) for n in "01")
    assert np.all(abs((second - first) % 255 - 255 / 18) <= 1)


@pytest.mark.parametrize("budget", [0, 30_000, 200_000])
def test_pictures_keep_within_their_budget(tmp_path: Path, budget: int) -> None:
    """Pictures of noise, the worst, are reduced and at last left out, and both are told."""
    (tmp_path / "run" / "plots").mkdir(parents=True)
    files = []
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 255, (300, 300, 3), dtype=np.uint8)
        path = tmp_path / "run" / "plots" / f"00000{number}.00_noise.png"
        PIL.Image.fromarray(noise).save(path)
        files.append(("noise", path))
    found = encode_pictures(files, budget=budget)
    assert sum(len(base64.b64decode(uri.partition(",")[2])) for uri in found.uris) <= budget
    assert (found.left_out, found.reduced) == (([], ["noise"]) if budget else (["noise"], []))


def test_a_damaged_picture_is_told(tmp_path: Path) -> None:
    """A file that is no picture is named on the page, which has all others."""
    sweep = make_sweep(tmp_path, {"contrast": [15]}, times=(0.0, 5.0))
    broken = sorted((sweep / "run0" / "plots").iterdir())[0]
    broken.write_bytes(b"no picture")
    report = make_report(sweep)
    assert any(broken.name in note for note in report.notes)
    assert len(data_in(report.path.read_text())["uris"]) == 1


def test_a_page_is_outdated_when_a_run_changes(tmp_path: Path) -> None:
    """It is written anew once, and a failure to write it is told rather than raised."""
    sweep = make_sweep(tmp_path, {"contrast": [15]}, times=(0.0,))
    assert is_outdated(sweep)
    assert refresh_report(sweep).failure == ""
    assert not is_outdated(sweep)
    amend_record(sweep / "run0", lambda data: data.update(tag="new"))
    assert is_outdated(sweep)
    assert "got" in str(refresh_report(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["-o", "page.txt"], ConfigError, "must end in .html"),
        (["-o", "missing/page.html"], ConfigError, "directory that exists"),
    ],
)
def test_mistakes_are_explained(sweep: Path, words: list[str], error: type[Exception], says: str) -> None:
    """A file that cannot be a page is refused before anything is read."""
    result = CliRunner().invoke(command, [str(sweep), *words], standalone_mode=False)
    assert isinstance(result.exception, error)
    assert says in str(result.exception)


def test_what_is_no_sweep_needs_a_file(sweep: Path, tmp_path: Path) -> None:
    """Runs alone can be reported into a file; a directory without runs cannot."""
    with pytest.raises(ConfigError, match="one sweep, or -o"):
        make_report([sweep / "run0", sweep / "run1"])
    report = make_report([sweep / "run0", sweep / "run1"], tmp_path / "page.html")
    data: dict[str, Any] = data_in(report.path.read_text())
    assert data["varying"] == ["input_seed"]
    assert data["runs"][0]["link"].startswith("./..")
    with pytest.raises(UnknownNameError):
        make_report(tmp_path, tmp_path / "page.html")
    with pytest.raises(RecordError, match="must be a directory"):
        make_report(tmp_path / "nothing", tmp_path / "page.html")


def test_a_map_is_found_where_an_earlier_run_has_none(tmp_path: Path) -> None:
    """The search for maps of several runs takes no absence over to a run of other analyses, model or pictures."""
    from topo_exp.after.report_maps import MapSearch

    grid = {"y": [0.1, -0.1], "x": [-0.1, 0.1]}
    dataset = xr.Dataset({"orientation_preference": (("y", "x"), np.ones((2, 2)))}, grid, {"sheet": "V1"})
    search, name = MapSearch(), "V1/orientation_preference"
    words = {"model": "tiny", "is_drawn": True}
    assert search.find({}, name, **words) is None
    assert search.find({"maps": dataset}, name, **words) == ("maps", "orientation_preference")
    assert search.find({"others": dataset}, name, **words) == ("others", "orientation_preference")
    assert search.find({"maps": dataset}, "V2/orientation_preference", **words) is None
    other = dataset.assign_attrs(sheet="V2")
    assert search.find({"maps": other}, "V2/orientation_preference", **{**words, "model": "gcal"}) is not None


def test_two_measurements_of_one_map_have_names_of_their_own() -> None:
    """Maps with a label are found by it alone, and those without one are found first by the plain name."""
    from topo_exp.after.report_maps import find_map

    grid = {"y": [0.1, -0.1], "x": [-0.1, 0.1]}
    plain = xr.Dataset({"orientation_preference": (("y", "x"), np.ones((2, 2)))}, grid, {"sheet": "V1"})
    found = {"afferent_map": plain.assign_attrs(label="afferent_"), "orientation_map": plain}
    assert find_map(found, "V1/orientation") == ("orientation_map", "orientation_preference")
    assert find_map(found, "V1/afferent_orientation") == ("afferent_map", "orientation_preference")
    assert find_map({"afferent_map": found["afferent_map"]}, "V1/orientation") is None
