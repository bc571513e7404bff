"""Restart points: which of them are used, which are deleted, and in what order."""

import json
from pathlib import Path

import numpy as np
import pytest

from topo_exp.errors import RecordError
from topo_exp.record.checked import write_checked
from topo_exp.record.restart import (
    RestartPoint,
    delete_parts,
    delete_restart_point,
    read_restart_point,
    restart_points,
    thin_restart_points,
    write_restart_point,
)


def written(directory: Path, *times: float) -> list[RestartPoint]:
    """Write a restart point for each time."""
    return [write_restart_point(directory, time, {"time": np.array(time)}) for time in times]


def names(directory: Path) -> list[str]:
    """Return the names of all files of restart points."""
    return sorted(path.name for path in (directory / "restart").iterdir())


def test_points_are_listed_from_the_last_to_the_first(tmp_path: Path) -> None:
    """The order is that of the times, also above a million iterations; each point has its state."""
    points = written(tmp_path, 5.0, 1_000_000.0, 0.5, 999_999.0)
    found = restart_points(tmp_path)
    assert [point.time for point in found] == [1_000_000.0, 999_999.0, 5.0, 0.5]
    assert set(found) == set(points)
    assert [float(read_restart_point(point)["time"]) for point in found] == [point.time for point in found]


def test_a_point_without_a_whole_description_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A description that was cut is named in a warning; a state without description was not complete."""
    first, second, _ = written(tmp_path, 1.0, 2.0, 3.0)
    second.path.with_suffix(".json").unlink()
    damaged = tmp_path / "restart" / "000003.00.json"
    damaged.write_text(damaged.read_text()[:-20])
    assert restart_points(tmp_path) == [first]
    assert [str(damaged) in record.getMessage() for record in caplog.records] == [True]


def test_parts_of_points_are_deleted(tmp_path: Path) -> None:
    """A kill leaves a state without description, while it is written or deleted, or a cut description: both go."""
    _, second, third, _ = written(tmp_path, 1.0, 2.0, 3.0, 4.0)
    second.path.with_suffix(".json").unlink()
    third.path.with_suffix(".json").write_text("{")
    delete_parts(tmp_path)
    assert names(tmp_path) == ["000001.00.json", "000001.00.npz", "000004.00.json", "000004.00.npz"]
    assert [point.time for point in restart_points(tmp_path)] == [4.0, 1.0]
    delete_parts(tmp_path / "without")


def test_a_state_that_was_changed_is_refused(tmp_path: Path) -> None:
    """The description has the checksum of its state; a state of another point is not taken for it."""
    first, second = written(tmp_path, 1.0, 2.0)
    first.path.write_bytes(second.path.read_bytes())
    with pytest.raises(RecordError, match=r"000001\.00\.npz: must have its recorded checksum"):
        read_restart_point(first)
    assert float(read_restart_point(second)["time"]) == 2.0


def test_a_point_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """This version could misread it, and an earlier point must not be used instead in silence."""
    written(tmp_path, 1.0)
    path = tmp_path / "restart" / "000002.00.json"
    write_checked(path, {"format": 2, "time": 2.0, "sha256": ""})
    with pytest.raises(RecordError, match=r"000002\.00\.json: must have format 1 \(got 2\)"):
        restart_points(tmp_path)


def test_a_state_is_on_disk_before_its_description_and_goes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every moment a point with a description is whole."""
    gone, point = written(tmp_path, 0.0, 1.0)
    for _ in range(2):  # a process that was killed may have deleted a part
        delete_restart_point(gone)
    assert names(tmp_path) == ["000001.00.json", "000001.00.npz"]
    assert json.loads(point.path.with_suffix(".json").read_text())["content"]["sha256"] == point.sha256
    deleted: list[str] = []
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: deleted.append(path.name))
    delete_restart_point(point)
    assert deleted == ["000001.00.json", "000001.00.npz"]


@pytest.mark.parametrize(
    ("usable", "left"),
    [
        ((), (1.0, 2.0, 3.0, 4.0)),
        ((4.0,), (1.0, 2.0, 3.0, 4.0)),
        ((1.0, 3.0), (1.0, 2.0, 3.0, 4.0)),
        ((1.0, 2.0, 3.0), (2.0, 3.0, 4.0)),
        ((1.0, 2.0, 3.0, 4.0), (3.0, 4.0)),
    ],
)
def test_the_last_two_usable_points_and_all_later_ones_are_kept(
    tmp_path: Path, usable: tuple[float, ...], left: tuple[float, ...]
) -> None:
    """A point at which something before it is still to be written does not count; older ones are deleted."""
    points = written(tmp_path, 1.0, 2.0, 3.0, 4.0)
    kept = thin_restart_points(points, lambda time: time in usable)
    assert tuple(point.time for point in kept) == left
    assert names(tmp_path) == sorted(f"00000{int(time)}.00.{kind}" for time in left for kind in ("json", "npz"))
