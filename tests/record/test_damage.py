"""Damage of a run directory is noticed, and the error names the file."""

import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.doubles import finished_run
from topo_exp.errors import RecordError
from topo_exp.record import files
from topo_exp.record.files import delete_leftovers, reserve_space
from topo_exp.record.handle import load_run
from topo_exp.record.maps import StoredMaps, write_maps
from topo_exp.record.metrics import read_metrics
from topo_exp.record.run_yaml import amend_record, read_record, record_is_unchanged
from topo_exp.testing import run_spec


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Carry out one run with maps and states."""
    return finished_run(run_spec(tmp_path_factory.mktemp("whole"), times=(0.0, 5.0), snapshot="all")).directory


@pytest.fixture
def run(original, tmp_path):
    """Return a copy of the run, which a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "run"))


def flipped(path: Path, place: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def test_an_undamaged_run_is_verified(run):
    """Nothing has changed since the run ended; sha256sum agrees."""
    assert load_run(run).verify() == []
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=run, check=True)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("metrics.csv", lambda run: run.metrics),
        ("snapshot.npz", lambda run: run.state(5.0)),
        ("checkpoints/000000.00.npz", lambda run: run.state(0.0)),
        ("maps/activity_000005.00.nc", lambda run: run.maps["activity"]),
    ],
)
@pytest.mark.parametrize("kind", ["bit", "cut", "empty"])
def test_a_damaged_file_is_an_error_with_its_name(run, name, read, kind):
    """One changed bit anywhere, a cut and an empty file are noticed when the file is read, and by verify."""
    path, seed = run / name, 7
    draw = random.Random(seed)
    if name == "snapshot.npz":
        (run / "checkpoints" / "000005.00.npz").unlink()
    size = path.stat().st_size
    for _ in range(8 if kind == "bit" else 1):
        whole = path.read_bytes()
        if kind == "bit":
            flipped(path, draw.randrange(size))
        else:
            path.write_bytes(whole[: draw.randrange(1, size)] if kind == "cut" else b"")
        handle = load_run(run)
        with pytest.raises(RecordError, match=path.name):
            read(handle)
        assert f"{name}: changed" in handle.verify()
        path.write_bytes(whole)


def test_a_run_yaml_that_is_cut_anywhere_is_an_error(run):
    """Whatever part of the file is left, the error names the file."""
    whole = (run / "run.yaml").read_bytes()
    draw = random.Random(3)
    lines = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")][:-1]
    for end in [0, 1, len(whole) - 1, *draw.sample(lines, 20), *draw.sample(range(len(whole)), 20)]:
        (run / "run.yaml").write_bytes(whole[:end])
        with pytest.raises(RecordError, match=r"run\.yaml"):
            read_record(run)


def test_a_changed_run_yaml_is_found_by_verify(run):
    """A value that was edited is no error, but verify says so."""
    text = (run / "run.yaml").read_text()
    (run / "run.yaml").write_text(text.replace("rows: 4", "rows: 5"))
    assert load_run(run).verify() == ["run.yaml: changed"]
    (run / "SHA256SUMS").write_text("")
    assert load_run(run).verify() == ["run.yaml: changed", "SHA256SUMS: changed"]


def test_a_run_yaml_of_the_first_layout_has_no_checksum(tmp_path):
    """It counts as unchanged; one of a later layout without its checksum does not."""
    for text, is_unchanged in (("format: 1\nid: a\n", True), ("format: 2\nid: a\n", False), ("format: 1", False)):
        (tmp_path / "run.yaml").write_text(text)
        assert record_is_unchanged(tmp_path) == is_unchanged


def test_missing_files_are_found_by_verify(run):
    """A deleted picture, and a deleted table, are findings."""
    (run / "plots" / "000005.00_V1_activity.png").unlink()
    assert load_run(run).verify() == ["plots/000005.00_V1_activity.png: missing"]
    (run / "SHA256SUMS").unlink()
    assert load_run(run).verify() == ["SHA256SUMS: missing"]


def test_a_run_without_checksums_cannot_be_verified(run):
    """A run that is running, or was made by an earlier version, is refused."""
    amend_record(run, lambda data: data.pop("checksums"))
    with pytest.raises(RecordError, match="must have kept checksums"):
        load_run(run).verify()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "metrics.csv: must begin with"),
        ("time,name\n", "metrics.csv: must begin with"),
        ("time,name,value\n0.0,a,1.5\n0.0,b\n", "metrics.csv, line 3"),
        ("time,name,value\n0.0,a,1x5\n", "metrics.csv, line 2"),
    ],
)
def test_metrics_that_cannot_be_read_are_an_error_with_the_line(tmp_path, text, place):
    """Without checksums, as while a run is running, damage that shows in the text is still noticed."""
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(RecordError, match=place):
        read_metrics(tmp_path / "metrics.csv")


def test_metrics_that_are_no_text_are_an_error(tmp_path):
    """Bytes that are not UTF-8 are damage."""
    (tmp_path / "metrics.csv").write_bytes(b"time,name,value\n0.0,\xff,1.0\n")
    with pytest.raises(RecordError, match=r"metrics\.csv: must be UTF-8 .* It is damaged\."):
        read_metrics(tmp_path / "metrics.csv")


def test_maps_have_checksums_of_their_own(tmp_path):
    """A changed value is noticed when the file is read, also without the table of checksums."""
    import xarray as xr

    values = np.random.default_rng(0).normal(size=(30, 30))
    write_maps(tmp_path / "maps" / "a_000000.00.nc", xr.Dataset({"a": (("y", "x"), values)}))
    path = tmp_path / "maps" / "a_000000.00.nc"
    assert np.array_equal(StoredMaps(tmp_path, 0.0)["a"]["a"], values)
    flipped(path, path.read_bytes().index(values[15, 15].tobytes()))
    with pytest.raises(RecordError, match=r"a_000000\.00\.nc: must be a whole NetCDF file"):
        StoredMaps(tmp_path, 0.0)["a"]


def test_leftovers_of_processes_that_ended_are_deleted(tmp_path):
    """Temporary files of this process, and files that others named, stay."""
    import os

    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / "maps").mkdir()
    old, own = tmp_path / "maps" / f".a.nc.{ended.pid}.tmp", tmp_path / f".run.yaml.{os.getpid()}.tmp"
    others = [tmp_path / name for name in (".notes.tmp", f"{ended.pid}.tmp", f".a.{ended.pid}.txt")]
    for path in (old, own, *others):
        path.write_text("half")
    assert delete_leftovers(tmp_path) == [old]
    assert not old.exists()
    assert all(path.exists() for path in (own, *others))


def test_two_processes_may_delete_leftovers_at_once(tmp_path, monkeypatch):
    """One that finds a file gone continues."""
    path = tmp_path / ".a.nc.77.tmp"
    path.touch()
    monkeypatch.setattr(files, "process_start", lambda pid: path.unlink())
    delete_leftovers(tmp_path)
    assert not path.exists()


def test_reserved_space_is_occupied(tmp_path):
    """The file takes the disk space that it claims."""
    reserve_space(tmp_path / ".reserve")
    assert (tmp_path / ".reserve").stat().st_blocks * 512 >= 65536
