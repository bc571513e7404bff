"""A run directory can be read back as Python objects."""

import numpy as np
import pytest

from tests.doubles import finished_run
from topo_exp.analysis.result import Result
from topo_exp.errors import RecordError, UnknownNameError
from topo_exp.record.files import write_text
from topo_exp.record.handle import load_run
from topo_exp.record.metrics import append_metrics, create_metrics, read_metrics, replace_metrics, write_metrics
from topo_exp.record.run_yaml import amend_record
from topo_exp.testing import FakeSimulation, run_spec


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Carry out one run with maps and pictures."""
    return finished_run(run_spec(tmp_path_factory.mktemp("handle"), times=(0.0, 0.5, 4.0), snapshot="all"))


def test_a_handle_is_the_same_for_a_run_just_done_and_one_loaded(run):
    """load_run returns the run that was executed."""
    loaded = load_run(run.directory)
    assert loaded.metadata == run.metadata
    assert loaded.metrics.equals(run.metrics)
    assert repr(loaded) == f"<run {run.directory.name}: done>"


def test_maps_have_time_and_sheet_coordinates(run):
    """The maps of an analysis are one Dataset over time."""
    maps = run.maps["activity"]
    assert dict(maps.sizes) == {"time": 3, "y": 4, "x": 4}
    assert maps["time"].values.tolist() == [0.0, 0.5, 4.0]
    sim = FakeSimulation()
    sim.run(4.0)
    assert np.array_equal(maps["activity"].sel(time=4.0), sim["V1"].activity)
    assert "nothing" not in run.maps
    assert run.maps_at(0.5)["activity"].identical(
        run.maps["activity"].sel(time=0.5, drop=True).assign_attrs(analysis="activity", time=0.5)
    )
    assert "activity" not in run.maps_at(0.7)


def test_what_belongs_to_one_time_is_not_said_of_all(tmp_path):
    """Attributes that state the time, or differ between times, are not among those of the maps over time."""
    import xarray as xr

    def measure(sim):
        told = {"simulation_time": sim.time, "sheet": "V1", "fitted": sim.time / 2}
        return Result(maps=xr.Dataset({"a": ("x", [sim.time], {"unit": "1", "at": sim.time})}, attrs=told))

    for times, fitted in (((0.0, 1.0), {}), ((1.0,), {"fitted": 0.5})):
        run = finished_run(run_spec(tmp_path, times=times, analyses={"mine": measure}))
        assert run.maps["mine"].attrs == {"sheet": "V1", "analysis": "mine", **fitted}
        assert run.maps_at(1.0)["mine"].attrs["simulation_time"] == 1.0
    assert run.maps["mine"]["a"].attrs["unit"] == "1"


def test_figures_are_found_by_name_and_time(run):
    """Figures have the names that their analysis gave them, slashes included."""
    assert list(run.figures) == ["V1/activity"]
    assert list(run.figures["V1/activity"]) == [0.0, 0.5, 4.0]
    assert all(path.is_file() for path in run.figures["V1/activity"].values())


def test_states_can_be_taken_up_again(run):
    """A simulation that takes on a stored state is where the run was."""
    sim = FakeSimulation()
    sim.restore(run.state(4.0))
    straight = FakeSimulation()
    straight.run(4.0)
    assert sim.time == 4.0
    assert np.array_equal(sim["V1"].activity, straight["V1"].activity)
    with pytest.raises(UnknownNameError, match=r"must be kept at that time \(got 3\.9\).*000004.00"):
        run.state(3.9)
    assert float(run.state()["time"]) == 4.0


def test_the_last_state_is_found_where_only_that_is_kept(tmp_path):
    """It is the state of the time that run.yaml names; without any state the error says how to keep them."""
    run = finished_run(run_spec(tmp_path, times=(0.0, 2.0), analyses={}, snapshot="last"))
    assert run.checkpoints() == {2.0: run.directory / "snapshot.npz"}
    assert float(run.state(2.0)["time"]) == 2.0
    (run.directory / "snapshot.npz").unlink()
    assert run.checkpoints() == {}
    for time in (None, 0.0, 2.0):
        with pytest.raises(UnknownNameError, match=rf"\(got {time}\)\. Run with snapshot=all to keep them"):
            run.state(time)


def test_what_is_no_run_is_told(tmp_path):
    """A directory without run.yaml, or with another one, is an error that says so."""
    with pytest.raises(RecordError, match="must be a run directory"):
        load_run(tmp_path)
    for path in (tmp_path / "run.log", "~no.such.user/run"):
        write_text(tmp_path / "run.log", "")
        with pytest.raises(RecordError, match="must be a run directory"):
            load_run(path)
    write_text(tmp_path / "run.yaml", "[1, 2")
    with pytest.raises(RecordError, match="must be readable YAML"):
        load_run(tmp_path)
    write_text(tmp_path / "run.yaml", "name: something\n")
    with pytest.raises(RecordError, match="must have an id and a status"):
        load_run(tmp_path)
    write_text(tmp_path / "run.yaml", "id: a\nstatus: done\nformat: 99\n")
    with pytest.raises(RecordError, match="Update topo_exp"):
        load_run(tmp_path)


def test_metrics_cut_off_by_a_crash_are_read_up_to_there(tmp_path):
    """A last line without its end is left out."""
    path = tmp_path / "metrics.csv"
    path.write_text("time,name,value\n0.0,a,1.5\n0.0,b,nan\n5.0,a,2.2")
    (first, second) = read_metrics(path)
    assert first == (0.0, "a", 1.5)
    assert second[:2] == (0.0, "b")
    assert np.isnan(second[2])


def test_metrics_are_replaced_without_duplicates(tmp_path):
    """A value measured again takes the place of the old one, and the order is by time and name."""
    path = tmp_path / "metrics.csv"
    replace_metrics(path, [(5.0, "a", 1.0), (0.0, "b", 2.0)])
    replace_metrics(path, [(5.0, "a", 3.0), (0.0, "a", 4.0)])
    assert path.read_text() == "time,name,value\n0.0,a,4.0\n0.0,b,2.0\n5.0,a,3.0\n"


def test_metrics_are_read_as_they_were_written(tmp_path):
    """Every digit, every name and infinite values come back; rows are added at the end, or written in order."""
    path = tmp_path / "metrics.csv"
    rows = [(0.1 + 0.2, 'a "quoted", name\n', 1e-320), (0.0, "ü", np.inf), (7, "b", True)]
    create_metrics(path)
    assert read_metrics(path) == []
    for row in rows:
        append_metrics(path, [row])
    assert read_metrics(path) == rows
    write_metrics(path, rows)
    assert read_metrics(path) == sorted(rows)
    assert read_metrics(tmp_path / "none.csv") == []


@pytest.mark.parametrize(("word", "engine"), [("single", "compiled"), ("reference", "reference")])
def test_a_record_that_names_a_precision_names_an_engine(run, tmp_path, word, engine):
    """Runs recorded when the option was called precision load, and say which engine simulated."""
    text = (run.directory / "run.yaml").read_text(encoding="utf-8")
    assert "  engine: compiled\n" in text
    write_text(tmp_path / "run.yaml", text.replace("  engine: compiled\n", f"  precision: {word}\n"))
    assert load_run(tmp_path).engine == engine


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ({"engine": "reference"}, "reference"),
        ({"engine": None}, None),
        ({"precision": "single"}, "compiled"),
        ({"precision": "reference"}, "reference"),
    ],
)
def test_the_engine_is_read_from_new_and_old_records(tmp_path, options, engine):
    """Records of version 0.1.0 name the precision, from which the engine follows."""
    run = finished_run(run_spec(tmp_path, analyses={}))
    amend_record(run.directory, lambda data: data.update(options=options))
    assert load_run(run.directory).engine == engine


def test_a_run_is_loaded_by_its_directory_or_its_run_yaml(run, monkeypatch):
    """Texts and paths, relative, absolute and below the home directory, name the same run."""
    monkeypatch.setenv("HOME", str(run.directory.parent))
    monkeypatch.chdir(run.directory.parent)
    name = run.directory.name
    for path in (
        run.directory,
        str(run.directory),
        name,
        f"~/{name}",
        f"~/{name}/run.yaml",
        run.directory / "run.yaml",
    ):
        assert load_run(path).directory == run.directory
