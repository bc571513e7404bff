"""Grids of maps: each cell shows the map of its own run and time, and what is missing is visible and told."""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

import topo_exp
from tests.after.report_runs import make_sweep
from topo_exp.__main__ import main
from topo_exp.after.map_figures import NO_MAP, NO_RUN, NO_TIME, map_cells
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.plots_colours import cyclic_map
from topo_exp.analysis.plots_grids import GridAxis, GridMap, map_grid
from topo_exp.analysis.result import Result
from topo_exp.errors import ConfigError, ParameterError, UnknownNameError
from topo_exp.record.checksums import write_checksums
from topo_exp.record.layout import map_path
from topo_exp.record.maps import write_maps
from topo_exp.record.run_yaml import amend_record
from topo_exp.runner.run import execute
from topo_exp.testing import run_spec

PREFERENCE = "V1/orientation_preference"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sweep of contrast x seed at times 0 and 5, without its last run; maps turn by 10 degrees per run."""
    settings: Mapping[str, Sequence[object]] = {"contrast": [15, 30, 100], "seed": [2, 1]}
    return make_sweep(tmp_path_factory.mktemp("grid"), settings, left_out=1)


@pytest.fixture
def table(sweep: Path) -> pd.DataFrame:
    """Return its table."""
    return topo_exp.collate(sweep)


def images(figure: Figure) -> list[Any]:
    """Return what each axes shows: an array, or the text of an empty cell."""
    return [each.images[0].get_array() if each.images else each.texts[0].get_text() for each in figure.axes]


def test_each_cell_shows_the_map_of_its_run(table: pd.DataFrame) -> None:
    """Rows and columns are the ascending values of two settings, and each array is that of the recorded map."""
    cells = map_cells(table, map=PREFERENCE, x="contrast", y="seed")
    assert cells[["seed", "contrast"]].to_numpy().tolist() == [[1, 15], [1, 30], [1, 100], [2, 15], [2, 30], [2, 100]]
    figure = topo_exp.plot_maps(table, map=PREFERENCE, x="contrast", y="seed")
    for shown, cell in zip(images(figure), cells.to_dict("records"), strict=True):
        if cell["missing"]:
            assert shown == cell["missing"] == NO_RUN
        else:
            with xr.open_dataset(cell["file"], engine="h5netcdf") as stored:
                np.testing.assert_allclose(shown, np.degrees(stored.orientation_preference), atol=1e-12)
    assert (cells["missing"] == NO_RUN).tolist() == [False, False, True, False, False, False]


def test_a_missing_run_is_said_in_its_cell_and_in_the_table(table: pd.DataFrame) -> None:
    """A cell without a run, one whose run lacks the time and one whose run lacks the map have three reasons."""
    late = table[~((table["contrast"] == 30) & (table["time"] == 5))]
    late.attrs = table.attrs
    cells = map_cells(late, map=PREFERENCE, x="contrast", y="seed", time=5).set_index(["seed", "contrast"])
    assert cells.loc[(1, 100), "missing"] == NO_RUN
    assert cells.loc[(1, 30), "missing"] == NO_TIME
    assert cells.loc[(1, 15), "missing"] == ""


def test_a_run_without_the_map_is_told(sweep: Path, tmp_path: Path) -> None:
    """A run that never measured the map leaves its cell empty; the others stay."""
    copy = Path(shutil.copytree(sweep, tmp_path / sweep.name))
    map_path(copy / "run0", "orientation_map", 5.0).unlink()
    cells = map_cells(topo_exp.collate(copy), map=PREFERENCE, x="contrast", y="seed")
    assert cells["missing"].tolist().count(NO_MAP) == 1
    assert cells.set_index("run")["missing"].get("run1") == ""


def test_a_run_without_any_time_keeps_its_column(sweep: Path, tmp_path: Path) -> None:
    """The runs of one contrast failed before their first analysis: their cells are empty, and stay in the grid."""
    copy = Path(shutil.copytree(sweep, tmp_path / sweep.name))
    for run in ("run2", "run3"):
        amend_record(copy / run, lambda data: data.update(status="failed", recorded=[]))
    table = topo_exp.collate(copy)
    cells = map_cells(table, map=PREFERENCE, x="contrast", y="seed")
    assert sorted(cells[cells["missing"] == NO_TIME]["contrast"]) == [30, 30]
    assert set(map_cells(table, map=PREFERENCE, x="time", y="contrast")["time"]) == {0.0, 5.0}


def test_of_replicates_the_lowest_seed_is_shown_and_named(table: pd.DataFrame) -> None:
    """With seeds in no axis each cell has the run of the lowest seed that has the map; figure and table say so."""
    cells = map_cells(table, map=PREFERENCE, x="contrast")
    assert cells["seed"].tolist() == [1, 1, 2]  # the run of contrast 100 with seed 1 does not exist
    assert cells["replicates"].tolist() == [2, 2, 1]
    figure = topo_exp.plot_maps(table[table["contrast"] < 100], map=PREFERENCE, x="contrast")
    assert "one of 2 runs in each cell: seed = 1" in {text.get_text() for text in figure.texts}


@pytest.mark.parametrize(("x", "y", "shape"), [("time", "contrast", (3, 2)), ("seed", "time", (2, 2))])
def test_time_may_be_an_axis(table: pd.DataFrame, x: str, y: str, shape: tuple[int, int]) -> None:
    """The development of several runs has a cell for each setting and time, with the file of that time."""
    cells = map_cells(table, map=PREFERENCE, x=x, y=y)
    assert len(cells) == shape[0] * shape[1]
    for cell in cells.to_dict("records"):
        assert Path(cell["file"]).stem == f"orientation_map_{cell['time']:09.2f}"


def test_the_last_time_is_the_default(table: pd.DataFrame) -> None:
    """Without a time all cells have the last one, and the title says it."""
    assert set(map_cells(table, map=PREFERENCE, x="contrast")["time"]) == {5.0}
    figure = topo_exp.plot_maps(table, map=PREFERENCE, x="contrast")
    assert any("t = 5" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        ({"x": "contras"}, UnknownNameError, "Did you mean 'contrast'"),
        ({"x": "contrast", "y": "see"}, UnknownNameError, "y: must be a setting.*Did you mean 'seed'"),
        ({"x": "V1/selectivity"}, UnknownNameError, "must be a setting"),
        ({"x": "contrast", "y": "contrast"}, ConfigError, "two columns"),
        ({"x": "time", "time": 5.0}, ConfigError, "where it is an axis"),
        ({"x": "contrast", "time": 3.0}, UnknownNameError, "Known are: 0, 5"),
        ({"x": "contrast", "map": "V1/orientation_pref"}, UnknownNameError, "Did you mean 'V1/orientation_preference'"),
    ],
)
def test_wrong_words_are_refused(table: pd.DataFrame, words: dict[str, Any], error: type[Exception], text: str) -> None:
    """A misspelt column or map gets a suggestion; what is given twice is named."""
    with pytest.raises(error, match=text):
        map_cells(table, **{"map": PREFERENCE, **words})


def test_too_many_cells_are_refused() -> None:
    """A grid that no page could hold is refused before any map is read."""
    table = pd.DataFrame({"directory": "none", "time": 1.0, "a": range(21), "b": range(21)})
    table.attrs = {"settings": ["a", "b"], "varying": ["a", "b"]}
    with pytest.raises(ConfigError, match=r"at most 400 cells \(got 21 x 21"):
        map_cells(table, map=PREFERENCE, x="a", y="b")


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_command_writes_figure_and_table(sweep: Path, tmp_path: Path, suffix: str) -> None:
    """The file has the format of its suffix; the table beside it names run, time and file of each cell."""
    file = tmp_path / f"maps.{suffix}"
    words = ["x=contrast", "y=seed", f"map={PREFERENCE}", "time=0", "figure.width=60mm", "-o", str(file)]
    assert main(["plot", str(sweep), *words]) == 0
    assert file.read_bytes()[:5] in (b"%PDF-", b"<?xml", b"\x89PNG\r")
    behind = pd.read_csv(file.with_suffix(".csv"))
    assert set(behind["time"]) == {0.0}
    assert all(Path(each).is_file() for each in behind["file"].dropna())
    assert len(behind["file"].dropna()) == 5


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([f"map={PREFERENCE}"], "must have x=COLUMN"),
        ([f"map={PREFERENCE}", "x=contrast", "hue=seed"], "hue= must go with a metric"),
        (["y=V1/selectivity", "x=contrast", "time=5"], "time= must go with a grid of maps"),
        ([f"map={PREFERENCE}", "x=contrast", "time=soon"], "time: must be a number"),
        ([f"map={PREFERENCE}", "x=contrast", "-o", "maps.gif"], "-o: must end in"),
    ],
)
def test_the_command_refuses_what_does_not_go_together(
    sweep: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    text: str,
) -> None:
    """Each mistake is one line with exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["plot", str(sweep), *words]) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def flat(value: float, side: float = 1.0, units: int = 4) -> GridMap:
    """Return a map of one value on a square sheet."""
    centres = ((np.arange(units) + 0.5) / units - 0.5) * side
    return GridMap(np.full((units, units), value), centres, centres[::-1])


def test_all_maps_have_one_scale_of_colour() -> None:
    """Maps of 1 and of 3 have different colours of one scale from 1 to 3; values of both signs are centred on 0."""
    one = GridAxis("", ("",))
    figure = map_grid({(0, 0): flat(1), (0, 1): flat(3)}, rows=one, columns=GridAxis("a", ("1", "2")), title="")
    assert {each.images[0].get_clim() for each in figure.axes[:2]} == {(1.0, 3.0)}
    figure = map_grid({(0, 0): flat(-1), (0, 1): flat(3)}, rows=one, columns=GridAxis("a", ("1", "2")), title="")
    assert {each.images[0].get_clim() for each in figure.axes[:2]} == {(-3.0, 3.0)}


@pytest.mark.parametrize(("unit", "expected"), [("Hz", "rate (Hz)"), ("1", "rate"), ("", "rate")])
def test_the_key_names_quantity_and_unit(unit: str, expected: str) -> None:
    """Beside the colour bar, the unit in brackets if there is one."""
    one = GridAxis("", ("",))
    figure = map_grid({(0, 0): flat(1)}, rows=one, columns=one, title="", label="rate", unit=unit)
    assert figure.axes[-1].get_ylabel() == expected


def test_cyclic_maps_have_cyclic_colours() -> None:
    """The values 0 and period have one colour, whatever values the maps have; orientations have no colour bar."""
    columns = GridAxis("a", ("1", "2"))
    cells: dict[tuple[int, int], GridMap | str] = {(0, 0): flat(0), (0, 1): flat(180)}
    figure = map_grid(cells, rows=GridAxis("", ("",)), columns=columns, title="", unit="°", period=180.0)
    assert len(figure.axes) == 2
    colours = [each.images[0].to_rgba(each.images[0].get_array())[0, 0] for each in figure.axes]
    np.testing.assert_array_equal(*colours)
    np.testing.assert_allclose(colours[0], cyclic_map("hue")(0.0))


def test_selectivity_fades_to_white() -> None:
    """With a selectivity of 0 a unit is white, of 1 it has its full colour, and without a value it is grey."""
    cell = flat(60.0)
    selectivity = np.ones((4, 4))
    selectivity[0, 0], cell.values[1, 1] = 0.0, np.nan
    cells: dict[tuple[int, int], GridMap | str] = {(0, 0): GridMap(cell.values, cell.x, cell.y, selectivity)}
    one = GridAxis("", ("",))
    figure = map_grid(cells, rows=one, columns=one, title="", unit="°", period=180.0)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert shown[0, 0].tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(shown[2, 2], cyclic_map("hue")(60 / 180)[:3])
    np.testing.assert_allclose(shown[1, 1], 0.72)
    assert {"unselective", "no value"} <= {text.get_text() for text in figure.texts}


def test_all_maps_have_one_scale_of_length() -> None:
    """A sheet of half the side is drawn half as large, and maps of other densities over equal areas equally large."""
    cells: dict[tuple[int, int], GridMap | str] = {(0, 0): flat(1), (0, 1): flat(2, side=0.5), (0, 2): flat(3, units=9)}
    figure = map_grid(cells, rows=GridAxis("", ("",)), columns=GridAxis("a", ("1", "2", "3")), title="")
    sizes = []
    for axes in figure.axes[:3]:
        left, right, *_ = axes.images[0].get_extent()
        sizes.append((right - left) / np.ptp(axes.get_xlim()) * axes.get_position().width)
    assert sizes[1] == pytest.approx(sizes[0] / 2)
    assert sizes[2] == pytest.approx(sizes[0])


@pytest.mark.parametrize(
    ("rows", "columns", "style"),
    [
        (1, 1, FigureStyle()),
        (6, 8, FigureStyle()),
        (1, 12, FigureStyle(width=60, font_size=9)),
        (12, 1, FigureStyle(width=60, font_size=9)),
    ],
)
def test_a_grid_fits_on_a_page(rows: int, columns: int, style: FigureStyle) -> None:
    """Grids of any shape are at most as wide as a page, and cells neither overlap nor leave the figure."""
    places = [(row, column) for row in range(rows) for column in range(columns)]
    names = [tuple(str(each) for each in range(count)) for count in (rows, columns)]
    with style.use():
        figure = map_grid(
            {place: flat(1) for place in places},
            rows=GridAxis("r", names[0]),
            columns=GridAxis("c", names[1]),
            title="t",
        )
    assert figure.get_figwidth() <= style.page + 1e-9
    boxes = [axes.get_position() for axes in figure.axes[: len(places)]]
    assert all(box.x0 >= 0 and box.x1 <= 1 and box.y0 >= 0 and box.y1 <= 1 for box in boxes)
    for (row, column), box in zip(places, boxes, strict=True):
        if column:
            assert box.x0 > boxes[row * columns + column - 1].x1
        if row:
            assert box.y1 < boxes[(row - 1) * columns + column].y0


def test_a_grid_without_maps_is_refused() -> None:
    """A figure of empty frames only is a mistake."""
    one = GridAxis("", ("",))
    with pytest.raises(ParameterError, match=r"map_grid.cells: must hold a map"):
        map_grid({(0, 0): "no run"}, rows=one, columns=one, title="")


def other_unit(sim: Any) -> Result:
    """Return a map of the same name without a unit."""
    grid = {"y": [0.1, -0.1], "x": [-0.1, 0.1]}
    return Result(maps=xr.Dataset({"orientation_preference": (("y", "x"), np.ones((2, 2)))}, grid, {"sheet": "V1"}))


def test_maps_of_other_units_are_not_mixed(sweep: Path, tmp_path: Path) -> None:
    """Degrees and numbers without a unit have no common colours."""
    spec = run_spec(
        tmp_path,
        times=(0.0, 5.0),
        given={"contrast": 1, "seed": 1},
        parameters={"contrast": 1, "seed": 1},
        analyses={"orientation_map": partial(other_unit)},
    )
    other = execute(spec).directory
    assert other is not None
    amend_record(other, lambda data: data.update(status="done"))
    with pytest.raises(ConfigError, match="must have one unit and period in all cells"):
        topo_exp.plot_maps(topo_exp.collate([sweep, other]), map=PREFERENCE, x="contrast", y="seed")


@pytest.mark.parametrize("prefix", ["", "V1_"])
def test_only_a_map_without_its_last_word_shows_selectivity(sweep: Path, tmp_path: Path, prefix: str) -> None:
    """`V1/orientation_preference` has full colours where units are unselective; those of `V1/orientation` are white."""
    copy = Path(shutil.copytree(sweep, tmp_path / sweep.name))
    for file in copy.glob("*/maps/*.nc"):
        with xr.open_dataset(file, engine="h5netcdf") as stored:
            maps = stored.load()
        maps["orientation_selectivity"] = 0 * maps["orientation_preference"]
        if prefix:  # as in a file with the maps of several sheets
            maps = maps.rename({str(name): f"{prefix}{name}" for name in maps.data_vars})
        write_maps(file, maps)
        write_checksums(file.parents[1])
    table = topo_exp.collate(copy)
    full, faded = (
        images(topo_exp.plot_maps(table, map=f"V1/{name}", x="contrast", y="seed"))[0]
        for name in ("orientation_preference", "orientation")
    )
    assert full.ndim == 2
    assert (np.asarray(faded)[..., :3] == faded.max()).all()
