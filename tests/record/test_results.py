"""Recorded results of analyses: what a resumed run knows of them, and what it deletes."""

from pathlib import Path

import pytest

from topo_exp.record.results import (
    AnalysisResults,
    delete_results_over_time,
    read_failed_pictures,
    read_results,
    write_failed_pictures,
    write_results,
)

ROWS = [(5.0, "V1/mean", 0.5), (5.0, "V1/max", 1.0)]


@pytest.mark.parametrize(("time", "label"), [(5.0, "000005.00"), (0.125, "000000.125"), (None, "over_time")])
def test_results_are_read_as_they_were_written(tmp_path: Path, time: float | None, label: str) -> None:
    """Rows and files of each analysis come back, for a time and for all times, and neither is taken for the other."""
    found = {"b": AnalysisResults(ROWS, ["maps/b.nc"]), "a": AnalysisResults()}
    write_results(tmp_path, time, found)
    assert read_results(tmp_path, time) == found
    assert read_results(tmp_path, 7.0) == {}
    (path,) = (tmp_path / "results").iterdir()
    assert path.name == f"{label}.json", "runs of earlier versions have files of these names"
    path.write_text(path.read_text().replace("0.5", "0.6"))
    assert read_results(tmp_path, time) == {}, "a changed digit is noticed by the checksum"


def test_an_analysis_is_complete_if_all_its_files_are_there(tmp_path: Path) -> None:
    """A file that could not be made is not waited for; a directory of that name is no file."""
    found = AnalysisResults(ROWS, ["one.nc", "two.png"])
    assert AnalysisResults(ROWS).is_complete(tmp_path, ())
    (tmp_path / "one.nc").touch()
    (tmp_path / "two.png").mkdir()
    assert not found.is_complete(tmp_path, ())
    assert not found.is_complete(tmp_path, ["one.nc"])
    assert found.is_complete(tmp_path, ["two.png"])


def test_failed_pictures_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Without a file, or with a damaged one, none is known."""
    assert read_failed_pictures(tmp_path) == set()
    write_failed_pictures(tmp_path, ["plots/b.png", "plots/a.png"])
    assert read_failed_pictures(tmp_path) == {"plots/a.png", "plots/b.png"}
    (path,) = (tmp_path / "results").iterdir()
    assert path.name == "failed_pictures.json"
    path.write_text("{}")
    assert read_failed_pictures(tmp_path) == set()


def test_results_over_time_are_deleted_with_their_files_and_nothing_else(tmp_path: Path) -> None:
    """Files of other results stay, and a record cannot name a file outside its directory."""
    run, outside = tmp_path / "run", tmp_path / "outside.nc"
    (run / "maps").mkdir(parents=True)
    kept, own, absolute = run / "maps" / "kept.nc", run / "maps" / "own.nc", tmp_path / "absolute.nc"
    for path in (kept, own, outside, absolute):
        path.touch()
    write_results(run, 5.0, {"a": AnalysisResults([], ["maps/kept.nc"])})
    files = ["maps/own.nc", "maps/gone.nc", "../outside.nc", str(absolute)]
    write_results(run, None, {"b": AnalysisResults([], files), "c": AnalysisResults()})
    delete_results_over_time(run)
    assert not own.exists()
    assert kept.exists()
    assert outside.exists()
    assert absolute.exists()
    assert read_results(run, None) == {}
    assert [path.name for path in (run / "results").iterdir()] == ["000005.00.json"]
    delete_results_over_time(run)
