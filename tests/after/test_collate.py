"""Runs as one table: nothing is dropped in silence, settings that vary come first, columns are described."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import topo_exp
from topo_exp.after.collate import collate, write_table
from topo_exp.errors import ConfigError, UnknownNameError
from topo_exp.record.run_yaml import amend_record


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the sweep that may be damaged."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def test_a_row_for_each_run_and_time_with_varying_settings_first(finished: Path) -> None:
    """Four runs of two times are eight rows; what varies stands directly after the facts."""
    table = topo_exp.collate(finished)
    assert len(table) == 8
    assert list(table.columns[:7]) == [
        *("run", "directory", "status", "model", "time"),
        *("cortex_density", "retina_density"),
    ]
    assert table.attrs["varying"] == ["cortex_density", "retina_density"]
    assert table["time"].tolist() == [0.0, 10.0] * 4
    assert set(table["status"]) == {"done"}
    assert table.attrs["notes"] == []


def test_values_are_those_of_the_runs(finished: Path) -> None:
    """Each number equals that of the run's own metrics, to the last bit."""
    table = collate([finished])
    for _, row in table.iterrows():
        run = topo_exp.load_run(row["directory"])
        assert row["V1/largest_weight"] == run.metrics.loc[row["time"], "V1/largest_weight"]
        assert row["cortex_density"] == run.parameters["cortex_density"]


def test_columns_are_described(finished: Path) -> None:
    """Units and meanings come with the table."""
    attrs = collate(finished).attrs
    assert attrs["units"]["time"] == "iterations"
    assert attrs["units"]["V1/orientation_selectivity_mean"] == "1"
    assert attrs["docs"]["V1/orientation_selectivity_mean"].startswith("mean orientation selectivity")
    assert attrs["metrics"] == ["V1/largest_weight", "V1/orientation_selectivity_mean"]


def test_a_long_table_has_a_row_for_each_metric(finished: Path) -> None:
    """The long form holds the same numbers, by name and value."""
    wide, long = collate(finished), collate(finished, long=True)
    assert len(long) == 16
    again = long.pivot(index=["run", "time"], columns="name", values="value").reset_index()
    assert again["V1/largest_weight"].tolist() == wide["V1/largest_weight"].tolist()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("time > 0", 4),
        ("cortex_density == 3 and retina_density == 12", 2),
        ("`V1/largest_weight` > 1e9", 0),
        ("status == 'done' and time == 0", 4),
    ],
)
def test_rows_are_chosen_by_a_condition(finished: Path, query: str, rows: int) -> None:
    """A condition on columns keeps the rows for which it is true; the description stays."""
    table = collate(finished, query=query)
    assert len(table) == rows
    assert table.attrs["units"]["time"] == "iterations"


@pytest.mark.parametrize(
    ("query", "error", "text"),
    [
        ("cortexdensity > 3", UnknownNameError, "Did you mean 'cortex_density'"),
        ("time >", ConfigError, "must be a condition"),
        ("time + 1", ConfigError, "must be a condition"),
    ],
)
def test_a_wrong_condition_is_refused(finished: Path, query: str, error: type[Exception], text: str) -> None:
    """A misspelt column gets a suggestion; anything else that is no condition is named."""
    with pytest.raises(error, match=text):
        collate(finished, query=query)


def test_runs_that_are_not_done_are_marked_and_named(copy: Path) -> None:
    """A killed run keeps its rows and its status; a run without a time has one row; both are in the notes."""
    first, second, third, _ = sorted(path.parent for path in copy.glob("*/run.yaml"))
    amend_record(first, lambda data: data.update(status="killed", recorded=data["recorded"][:1]))
    amend_record(second, lambda data: data.update(status="failed", recorded=[]))
    (third / "run.yaml").write_text("status: done\n")
    table = collate(copy)
    rows = table.set_index("run")["status"]
    assert rows[first.name] == "killed"
    assert table[table["run"] == first.name]["time"].tolist() == [0.0]
    assert table[table["run"] == second.name]["time"].isna().tolist() == [True]
    notes = table.attrs["notes"]
    assert f"{first.name}: killed, with 1 times" in notes
    assert f"{second.name}: failed, without any time" in notes
    assert any(note.startswith("left out:") and third.name in note for note in notes)


def test_points_that_never_ran_are_named(copy: Path) -> None:
    """A sweep whose points have no run yet says which."""
    for path in (copy / "points").iterdir():
        path.unlink()
    (note,) = collate(copy).attrs["notes"]
    assert "4 points have no run: cortex_density=3" in note


def test_lists_are_texts(finished: Path) -> None:
    """A list is JSON text, so that a table on disk reads back as it was."""
    table = collate(finished)
    assert set(table["times"]) == {"[0, 10]"}


def test_a_metric_with_the_name_of_another_column_gets_a_prefix(copy: Path) -> None:
    """A metric of a user's own may be called as a setting or as a fact is."""
    for path in copy.glob("*/metrics.csv"):
        path.write_text("time,name,value\n0.0,cortex_density,7.0\n0.0,status,8.0\n")
    first = collate(copy).iloc[0]
    assert (first["metric.cortex_density"], first["metric.status"]) == (7.0, 8.0)
    assert first["cortex_density"] == 3
    assert first["status"] == "done"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_on_disk_reads_back_with_its_description(finished: Path, tmp_path: Path, suffix: str) -> None:
    """Values survive, and a second file describes the columns."""
    table = collate(finished)
    written, beside = write_table(table, tmp_path / f"table{suffix}")
    again = pd.read_csv(written) if suffix == ".csv" else pd.read_parquet(written)
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    assert json.loads(beside.read_text()) == table.attrs


@pytest.mark.parametrize("name", ["table.xlsx", "missing/table.csv"])
def test_a_table_is_not_written_elsewhere(finished: Path, tmp_path: Path, name: str) -> None:
    """Another format, or a directory that does not exist, is refused before anything is written."""
    with pytest.raises(ConfigError, match="-o: must"):
        write_table(collate(finished), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_places_without_runs_are_refused(tmp_path: Path) -> None:
    """An empty directory is named."""
    with pytest.raises(UnknownNameError, match="must hold a run"):
        collate(tmp_path)


def test_runs_are_in_ascending_order_of_their_settings(copy: Path) -> None:
    """Numbers are ordered by value, so that 12 follows 3, whatever the directories are called."""
    for path, density in zip(sorted(copy.glob("*/run.yaml")), (100, 15, 12, 3), strict=True):
        settings = {"cortex_density": density, "retina_density": 24}
        amend_record(path.parent, lambda data, settings=settings: data.update(given=settings, parameters=settings))
    assert collate(copy)["cortex_density"].tolist() == [3, 3, 12, 12, 15, 15, 100, 100]


def test_a_recorded_nan_is_a_row_of_the_long_table(copy: Path) -> None:
    """A metric that was measured without a value keeps its row; one that was never measured has none."""
    first, *others = sorted(copy.glob("*/metrics.csv"))
    first.write_text("time,name,value\n0.0,a,nan\n10.0,a,1.0\n")
    for path in others:
        path.write_text("time,name,value\n0.0,b,2.0\n10.0,b,3.0\n")
    long = collate(copy, long=True)
    assert long["name"].tolist().count("a") == 2
    assert long[long["name"] == "a"]["value"].isna().tolist() == [True, False]
    assert len(long) == 8
