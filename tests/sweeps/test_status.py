"""The progress of a sweep as numbers, lines and a table, and as read from its directory."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from topo_exp.sweeps.directory import SweepDirectory, find_sweeps
from topo_exp.sweeps.manifest import Manifest
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.status import RunningPoint, SweepStatus, duration, read_status, seconds_left
from topo_exp.sweeps.watch import Display, lines, table

HALF = RunningPoint(label="a=1", seconds=10.0, time=50.0, until=100.0, doing="5 iterations/s")


@pytest.fixture
def sweep(tmp_path: Path) -> SweepDirectory:
    """Make a sweep of four points."""
    return SweepDirectory.make(tmp_path, "202611221137_tiny_sweep,a", Manifest(Sweep(a=[1, 2, 3, 4]), "command", "now"))


def test_the_states_of_points_are_read_from_the_directory(sweep: SweepDirectory) -> None:
    """Points are done, failed with their reason, running or waiting as the ledger says."""
    keys = [point.key for point in sweep.manifest.space]
    for key in keys[:3]:
        lease = sweep.ledger.acquire([key])
        assert lease is not None
        if key == keys[0]:
            lease.finish("run")
        if key == keys[1]:
            lease.fail("it hurts\nvery much")
    (sweep.path / "run").mkdir()
    (sweep.path / "run" / "run.yaml").write_text("{id: a, status: done, seconds: {wall: 2.5}}")
    status = read_status(sweep.path)
    assert (status.done, status.failed, len(status.running), status.waiting, status.total) == (1, 1, 1, 1, 4)
    assert status.failures == (("a=2", "it hurts\nvery much"),)
    assert lines(status)[-1] == "  failed a=2: it hurts"
    assert "1 done, 1 running, 1 failed, 1 waiting" in lines(status)[0]


def test_sweeps_are_found_at_any_depth(sweep: SweepDirectory, tmp_path: Path) -> None:
    """A path may be a sweep's or lie above it."""
    assert find_sweeps([tmp_path, sweep.path]) == [sweep.path]
    assert find_sweeps([sweep.points]) == []


@pytest.mark.parametrize(
    ("finished", "running", "waiting", "expected"),
    [
        ([], [], 5, None),
        ([4.0], [], 0, None),
        ([20.0], [HALF], 0, 10.0),
        ([20.0], [HALF], 2, 50.0),
        ([20.0], [HALF, HALF], 2, 30.0),
        ([], [HALF], 1, 30.0),
    ],
)
def test_the_time_left_follows_from_finished_and_running_runs(
    finished: list[float], running: list[RunningPoint], waiting: int, expected: float | None
) -> None:
    """Runs in progress finish at their rate, and the others take the mean time, as many at a time as run now."""
    assert seconds_left(finished, running, waiting) == expected


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (270000, "3 d 3 h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    """Two units at most."""
    assert duration(seconds) == text


def test_the_table_names_the_runs_in_progress() -> None:
    """A row has the settings, the time reached, the rate and the time left; its title counts the points."""
    status = SweepStatus(
        name="my_sweep", done=3, failed=1, waiting=2, interrupted=0, running=(HALF,), seconds_left=200.0
    )
    stream = io.StringIO()
    Console(file=stream, width=120).print(table(status))
    text = stream.getvalue()
    assert "7 runs: 3 done, 1 running, 1 failed, 2 waiting, 3 min 20 s left" in text
    assert all(word in text for word in ("a=1", "50/100", "5 iterations/s", "10 s"))


def test_results_are_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A file gets no table and no control characters."""
    with Display(stream=io.StringIO()) as display:
        display.show(SweepStatus(name="s", done=0, failed=0, waiting=2, interrupted=0, running=()))
        display.write("done: a")
    assert capsys.readouterr().out == "done: a\n"
