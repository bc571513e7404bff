"""Metrics and states of each time get onto the disk together, and pictures are counted until they are drawn."""

import threading
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from topo_exp.analysis.result import Result
from topo_exp.record.results import read_results
from topo_exp.record.states import Snapshot
from topo_exp.runner.directory_recorder import DirectoryRecorder
from topo_exp.runner.options import RunOptions
from topo_exp.runner.start import Start
from topo_exp.testing import draw_matrix

NOTHING = Snapshot(state=None, script=None)


class Record:
    """A record that keeps what it is told."""

    def __init__(self, directory):
        self.directory, self.data, self.reached, self.closed = directory, {}, [], None

    def stage(self, name):
        return nullcontext()

    def update(self, entries):
        self.data.update(entries)

    def mark_reached(self, time):
        self.reached.append(time)

    def close(self, status, error):
        self.closed = status, error


@pytest.fixture
def record(tmp_path):
    """Return the record of an empty directory."""
    return Record(tmp_path)


def recorder(record, *, start=None, said=None, **options):
    """Return an open recorder."""
    say = print if said is None else said.append
    found = DirectoryRecorder(RunOptions(**options), threading.Thread(), start or Start(), say)
    found.open(record)
    return found


def rows(record):
    """Return the lines of metrics.csv below its head."""
    return (record.directory / "metrics.csv").read_text().splitlines()[1:]


def test_metrics_appear_when_their_time_is_complete(record):
    """Before the end of a time there is none of its metrics, afterwards all, in the order of their names."""
    found = recorder(record)
    assert rows(record) == []
    for time in (0.0, 5.0):
        before = rows(record)
        found.record("b", time, Result({"b": 2.0}))
        found.finish_analysis("b", time)
        found.record("a", time, Result({"a": 1.0}))
        found.finish_analysis("a", time)
        assert rows(record) == before
        found.complete_time(time, NOTHING)
        assert rows(record) == [*before, f"{time},a,1.0", f"{time},b,2.0"]
        assert set(read_results(record.directory, time)) == {"a", "b"}
    assert record.reached == [0.0, 5.0]


def test_metrics_over_time_are_merged_into_their_times(record):
    """What an analysis over time adds to earlier times stands with them, and is listed apart."""
    found = recorder(record)
    for time in (0.0, 5.0):
        found.record("a", time, Result({"m": time}))
        found.finish_analysis("a", time)
        found.complete_time(time, NOTHING)
    found.record("drift", 0.0, Result({"a": 7.0, "z": 8.0}))
    found.finish_analysis("drift", None)
    found.finish()
    assert rows(record) == ["0.0,a,7.0", "0.0,m,0.0", "0.0,z,8.0", "5.0,m,5.0"]
    (over_time,) = read_results(record.directory, None).values()
    assert over_time.rows == [(0.0, "a", 7.0), (0.0, "z", 8.0)]


@pytest.mark.parametrize(("interval", "listed"), [(0.0, ["a"]), (1e6, [])])
def test_analyses_of_a_long_time_are_listed_meanwhile(record, monkeypatch, interval, listed):
    """At an interval the analyses that are complete are recorded, so that a run that is killed need not repeat them."""
    monkeypatch.setattr("topo_exp.runner.directory_recorder.RESULTS_EVERY", interval)
    found = recorder(record)
    found.record("a", 5.0, Result({"m": 1.0}))
    found.finish_analysis("a", 5.0)
    assert list(read_results(record.directory, 5.0)) == listed
    found.close("killed", None)
    assert list(read_results(record.directory, 5.0)) == ["a"]
    assert rows(record) == []
    assert record.closed == ("killed", None)


def test_a_continued_time_keeps_the_results_that_it_had(record):
    """Results of the next time that were complete are neither lost nor written twice."""
    first = recorder(record)
    first.record("a", 5.0, Result({"m": 1.0}))
    first.finish_analysis("a", 5.0)
    first.close("killed", None)
    start = Start(reached=0.0, results=read_results(record.directory, 5.0))
    second = recorder(record, start=start)
    second.record("b", 5.0, Result({"n": 2.0}))
    second.finish_analysis("b", 5.0)
    second.complete_time(5.0, NOTHING)
    assert rows(record) == ["5.0,m,1.0", "5.0,n,2.0"]
    assert set(read_results(record.directory, 5.0)) == {"a", "b"}


@pytest.mark.parametrize(
    ("keep", "files"),
    [("last", ["snapshot.npz"]), ("all", ["checkpoints/000005.00.npz", "snapshot.npz"]), ("none", ["snapshot.npz"])],
)
def test_states_are_kept_as_asked(record, keep, files):
    """The state of a time becomes the snapshot, and with snapshot=all has a file of its own."""
    state = record.directory / "state.npz"
    np.savez(state, a=np.arange(3))
    recorder(record, snapshot=keep).complete_time(5.0, Snapshot(state=state, script=None))
    found = {path.relative_to(record.directory).as_posix(): path for path in record.directory.rglob("*.npz")}
    assert sorted(set(found) - {"state.npz"}) == files
    assert all(path.read_bytes() == state.read_bytes() for path in found.values())
    assert record.data["snapshot"] == 5.0


def gated(gate):
    """Return a figure that is drawn when a gate opens, in this process."""

    def draw():
        gate.wait(60)
        return draw_matrix(np.eye(2), title="t")

    return draw


def test_pictures_of_earlier_times_are_counted(record):
    """A restart point may be relied on when no picture of an earlier time is missing."""
    found, gate = recorder(record), threading.Event()
    assert found.is_drawn_before(99.0)
    found.record("a", 5.0, Result(figures={"one": gated(gate), "two": gated(gate)}))
    assert [found.is_drawn_before(time) for time in (0.0, 5.0, 5.1)] == [True, True, False]
    gate.set()
    found.finish()
    assert found.is_drawn_before(5.1)
    assert len(list((record.directory / "plots").glob("000005.00_*.png"))) == 2


@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_a_picture_that_fails_is_counted_as_done(record, policy, caplog):
    """It is an error of its analysis, or logged and listed as failed, so that continuing does not try it for ever."""

    def fail():
        raise ValueError("no colours left")

    found = recorder(record, on_analysis_error=policy)
    found.record("a", 5.0, Result(figures={"one": fail}))
    if policy == "fail":
        with pytest.raises(Exception, match="figure 'one' could not be drawn"):
            found.finish()
        assert not (record.directory / "results").exists()
    else:
        found.finish()
        errors = [entry for entry in caplog.records if entry.levelname == "ERROR"]
        assert len(errors) == 1
        (listed,) = (record.directory / "results").iterdir()
        assert "plots/000005.00_one.png" in listed.read_text()
    assert found.is_drawn_before(99.0)


@pytest.mark.parametrize(("finished", "ordered", "number"), [(0, 2, 1), (1, 2, 2), (2, 2, 2)])
def test_the_picture_that_is_drawn_is_shown(record, finished, ordered, number):
    """The number is that of the present picture, and never above that of all."""
    said = []
    recorder(record, said=said)._report_drawing(finished, ordered)
    assert said == [f"drawing {number} of {ordered} pictures"]


def test_the_end_waits_for_the_origin_of_the_code(record):
    """A run that is done waits for git as long as needed, one that was stopped for a second."""
    waited = []
    for ident, status in ((1, "done"), (1, "failed"), (1, "killed"), (None, "done")):
        found = recorder(record)
        found._provenance = SimpleNamespace(ident=ident, join=waited.append)
        found.close(status, None)
    assert waited == [120.0, 120.0, 1.0]
    assert len(record.data["checksums"]) == 64
