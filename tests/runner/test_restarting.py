"""Restart points are written as often as is wanted, unless they take more than a small share of the time."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from topo_exp.record.restart import restart_points
from topo_exp.runner.restarting import LARGEST_SHARE, RestartWriter
from topo_exp.testing import FakeSimulation


class Clock:
    """A clock that stands still unless it is advanced."""

    def __init__(self):
        self.now = 1000.0

    def perf_counter(self):
        return self.now

    monotonic = perf_counter


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock of the module."""
    found = Clock()
    monkeypatch.setattr("topo_exp.runner.restarting.clock", found)
    return found


def writer(tmp_path, *, minutes, queue=lambda call: call()):
    """Return a writer whose points are written at once and are all usable."""
    record = SimpleNamespace(directory=tmp_path, stage=lambda name: nullcontext())
    return RestartWriter(record, minutes=minutes, queue=queue, is_usable=lambda time: True)


def slow(clock, sim, *, copying):
    """Let the copy of a simulation's state take time."""
    state = sim.state

    def slowly():
        clock.now += copying
        return state()

    sim.state = slowly
    return sim


def times(tmp_path):
    """Return the times of the restart points, the latest first."""
    return [point.time for point in restart_points(tmp_path)]


@pytest.mark.parametrize(
    ("minutes", "copying", "interval"), [(2.0, 0.0, 120.0), (2.0, 1.0, 120.0), (2.0, 5.0, 250.0), (0.5, 1.0, 50.0)]
)
def test_the_interval_is_kept_unless_points_are_expensive(tmp_path, clock, minutes, copying, interval):
    """The next point is due after the interval, or after 1 / 0.02 times the time that the last one took."""
    assert interval == max(60 * minutes, copying / LARGEST_SHARE)
    sim, points = slow(clock, FakeSimulation(), copying=copying), writer(tmp_path, minutes=minutes)
    points.write(sim)
    sim.run(1.0)
    clock.now += interval - 0.5
    points.write_if_due(sim)
    assert times(tmp_path) == [0.0]
    clock.now += 1.0
    points.write_if_due(sim)
    assert times(tmp_path) == [1.0, 0.0]


def test_the_time_of_writing_counts_as_well(tmp_path, clock):
    """A point that is written slowly delays the next one as one that is copied slowly does."""
    sim, points = FakeSimulation(), writer(tmp_path, minutes=1.0)
    points._record.stage = lambda name: SlowBlock(clock, 4.0)  # once for copying, once for writing
    points.write(sim)
    sim.run(1.0)
    clock.now += 399.0 - 4.0
    points.write_if_due(sim)
    assert times(tmp_path) == [0.0]
    clock.now += 2.0
    points.write_if_due(sim)
    assert times(tmp_path) == [1.0, 0.0]


class SlowBlock:
    """A context that takes time."""

    def __init__(self, clock, seconds):
        self._clock, self._seconds = clock, seconds

    def __enter__(self):
        self._clock.now += self._seconds

    def __exit__(self, *error):
        return None


def test_without_an_interval_nothing_is_ever_due(tmp_path, clock):
    """With an interval of 0, points are written at analysis times only."""
    points = writer(tmp_path, minutes=0.0)
    clock.now += 1e9
    points.write_if_due(FakeSimulation())
    assert times(tmp_path) == []


def test_a_time_is_written_once(tmp_path, clock):
    """A second point of one time is not written, also not by the writer of a run that is continued."""
    sim, queued = FakeSimulation(), []
    first = writer(tmp_path, minutes=1.0, queue=queued.append)
    first.write(sim)
    first.write(sim)
    assert len(queued) == 1
    queued[0]()
    writer(tmp_path, minutes=1.0, queue=queued.append).write(sim)
    assert len(queued) == 1


def test_a_run_that_is_done_keeps_no_restart_point(tmp_path, clock):
    """Points of this process and of the one before it are deleted, and the folder if nothing else is in it."""
    sim = FakeSimulation()
    writer(tmp_path, minutes=1.0).write(sim)
    second = writer(tmp_path, minutes=1.0)
    sim.run(1.0)
    second.write(sim)
    assert times(tmp_path) == [1.0, 0.0]
    (tmp_path / "restart" / "mine").write_text("")
    second.delete_all()
    assert [path.name for path in (tmp_path / "restart").iterdir()] == ["mine"]
    (tmp_path / "restart" / "mine").unlink()
    second.delete_all()
    assert not (tmp_path / "restart").exists()
