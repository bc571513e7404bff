"""The run.yaml of a run that is running: what it counts, and what is on disk at each moment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from topo_exp.record import live
from topo_exp.record.live import RunRecord
from topo_exp.record.run_yaml import read_record


@dataclass
class Clock:
    """A clock of wall and CPU time that only the test advances."""

    wall: float = 1000.0
    cpu: float = 10.0

    def perf_counter(self) -> float:
        """Return the wall time."""
        return self.wall

    def process_time(self) -> float:
        """Return the CPU time."""
        return self.cpu


@dataclass
class Counts:
    """The numbers that a log has counted."""

    errors: int = 0
    warnings: int = 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the record."""
    clock = Clock()
    monkeypatch.setattr(live, "time", clock)
    return clock


def record(directory: Path, counts: Any = None, **data: Any) -> RunRecord:
    """Begin the record of a run."""
    first: Any = {"id": "a", "status": "running", "seconds": {}, "recorded": [], "reached": None, "options": {}, **data}
    return RunRecord(directory, first, counts or Counts())


def test_seconds_of_a_stage_are_added_to_it_or_to_its_part(tmp_path: Path, clock: Clock) -> None:
    """Two blocks of one name are one sum, a part has a sum of its own, and a block that raises counts."""
    run = record(tmp_path)
    for seconds in (1.5, 2.25):
        with run.stage("simulation"):
            clock.wall += seconds
        with run.stage("analysis", "tuning"):
            clock.wall += 2 * seconds

    def fail() -> None:
        with run.stage("analysis", "maps"):
            clock.wall += 0.12346
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert run.data["seconds"] == {"simulation": 3.75, "analysis": {"tuning": 7.5, "maps": 0.1235}}


@pytest.mark.parametrize(("before", "wall", "cpu"), [({}, 7.0, 2.0), ({"wall": 100.0, "cpu": 50.0}, 107.0, 52.0)])
def test_the_end_of_a_run_is_recorded_with_its_duration(
    tmp_path: Path, clock: Clock, before: dict[str, float], wall: float, cpu: float
) -> None:
    """A resumed run adds to the seconds of the processes before; `elapsed` is the time of this one."""
    run = record(tmp_path, seconds=dict(before))
    clock.wall += 7.0
    clock.cpu += 2.0
    assert run.elapsed == "7.00 s"
    run.close("failed", {"type": "ValueError", "message": "no"})
    data = read_record(tmp_path)
    assert data["seconds"] == {"wall": wall, "cpu": cpu}
    assert (data["status"], data["error"]) == ("failed", {"type": "ValueError", "message": "no"})
    assert data["ended"] is not None


def test_entries_are_on_disk_after_save_and_after_each_time(tmp_path: Path) -> None:
    """The file is written at once, then when a time is complete or when it is asked for, with the counts of the log."""
    counts = Counts()
    run = record(tmp_path, counts, options={"engine": None})
    assert read_record(tmp_path)["status"] == "running"
    run.update({"stopped_at": 3.0})
    run.set_option("engine", "compiled")
    assert "stopped_at" not in read_record(tmp_path)
    counts.errors, counts.warnings = 2, 5
    run.mark_reached(4.0)
    data = read_record(tmp_path)
    assert (data["stopped_at"], data["options"], data["reached"]) == (3.0, {"engine": "compiled"}, 4.0)
    assert [entry["time"] for entry in data["recorded"]] == [4.0]
    assert (data["errors"], data["warnings"]) == (2, 5)


def test_space_for_the_end_is_reserved_until_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reserved space is free again when the last run.yaml is written."""
    run, there = record(tmp_path), []
    assert (tmp_path / ".reserve").stat().st_size == 65536
    write = live.write_record
    monkeypatch.setattr(
        live, "write_record", lambda *given: (there.append((tmp_path / ".reserve").exists()), write(*given))
    )
    run.save()
    run.close("done", None)
    assert there == [True, False]
    run.close("done", None)  # it may have been deleted to free space
    assert [path.name for path in tmp_path.iterdir()] == ["run.yaml"]
