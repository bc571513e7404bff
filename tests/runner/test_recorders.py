"""Results are passed on in order, an error is raised once, and a view that fails is left out."""

import threading
import time as clock
from contextlib import contextmanager

import pytest

from topo_exp.analysis.result import Result
from topo_exp.record.states import Snapshot
from topo_exp.runner.background import WAITING_RESULTS, BackgroundRecorder
from topo_exp.runner.recorders import CombinedRecorder

CALLS = ("open", "record", "complete_time", "finish", "close")
NOTHING = Snapshot(state=None, script=None)


class Noting:
    """A recorder that notes its calls, and fails in some."""

    def __init__(self, name, calls, *, fails=()):
        for call in CALLS:
            setattr(self, call, self._noting(name, call, calls, call in fails))

    @staticmethod
    def _noting(name, call, calls, fails):
        def note(*arguments):
            calls.append((name, call, *arguments))
            if fails:
                raise ValueError(f"{name} {call}")

        return note


def call_all(recorder):
    """Pass a whole run to a recorder."""
    recorder.open("record")
    recorder.record("map", 5.0, "result")
    recorder.complete_time(5.0, "snapshot")
    recorder.finish()
    recorder.close("done", None)


ALL = [("open", "record"), ("record", "map", 5.0, "result"), ("complete_time", 5.0, "snapshot"), ("finish",)]
ALL = [*ALL, ("close", "done", None)]


def test_every_recorder_hears_of_everything():
    """Each call reaches the directory first, then the views in their order, with the same arguments."""
    calls = []
    call_all(CombinedRecorder(Noting("directory", calls), [Noting("a", calls), Noting("b", calls)]))
    assert calls == [(name, *call) for call in ALL for name in ("directory", "a", "b")]


@pytest.mark.parametrize("call", CALLS)
def test_a_view_that_fails_is_left_out(call, caplog):
    """Its error is a warning, once; the directory and the other view hear of everything."""
    calls = []
    bad = Noting("bad", calls, fails=CALLS[CALLS.index(call) :])
    call_all(CombinedRecorder(Noting("directory", calls), [bad, Noting("good", calls)]))
    for name, heard in (("directory", ALL), ("good", ALL), ("bad", ALL[: CALLS.index(call) + 1])):
        assert [rest for own, *rest in calls if own == name] == [list(each) for each in heard]
    warnings = [entry for entry in caplog.records if entry.levelname == "WARNING"]
    assert [entry.getMessage() for entry in warnings] == [
        f"Noting: out of order (bad {call}); the run directory has everything"
    ]


@pytest.mark.parametrize("call", CALLS)
def test_an_error_of_the_directory_is_one_of_the_run(call):
    """It passes through, and the views do not hear of what is not on disk."""
    calls = []
    with pytest.raises(ValueError, match=f"directory {call}"):
        call_all(CombinedRecorder(Noting("directory", calls, fails=[call]), [Noting("view", calls)]))
    assert ("view", call) not in [entry[:2] for entry in calls]


def test_a_view_that_is_closed_is_waited_for_by_name():
    """While a view closes, what is waited for is shown under the name of the view."""
    waited = []

    @contextmanager
    def waiting(name):
        waited.append(name)
        yield

    class MlflowRecorder(Noting):
        """A view by the name of MLflow's."""

    CombinedRecorder(Noting("directory", []), [MlflowRecorder("view", [])], waiting).close("done", None)
    assert waited == ["MLflow"]


def test_the_thread_works_in_the_order_of_the_calls():
    """Results, ends of times and other work are done one after another, all of it before `finish` returns."""
    calls = []
    recorder = BackgroundRecorder(Noting("directory", calls))
    recorder.open("record")
    for time in range(2 * WAITING_RESULTS):
        recorder.record("map", time, Result())
        recorder.run_in_order(lambda time=time: calls.append(("other", time)))
        recorder.complete_time(time, NOTHING)
    recorder.finish()
    expected = [("directory", "record"), ("other",), ("directory", "complete_time")] * (2 * WAITING_RESULTS)
    found = [entry[: 1 + (entry[0] == "directory")] for entry in calls]
    assert found == [("directory", "open"), *expected, ("directory", "finish")]
    recorder.close("done", None)
    assert calls[-1] == ("directory", "close", "done", None)


def test_the_work_is_done_in_another_thread_and_opening_in_this_one():
    """The simulation does not wait for the disk; a directory that cannot be opened is an error at once."""
    threads = {}

    class Where(Noting):
        """Notes the thread of each call."""

        @staticmethod
        def _noting(name, call, calls, fails):
            return lambda *arguments: threads.setdefault(call, threading.current_thread())

    call_all(BackgroundRecorder(Where("directory", [])))
    here = threading.current_thread()
    assert {call for call, thread in threads.items() if thread is here} == {"open", "close"}


def test_an_error_in_the_thread_ends_the_work_and_is_raised_once(caplog):
    """One of the next calls raises it; nothing is recorded after it, and closing still closes."""
    calls = []
    recorder = BackgroundRecorder(Noting("directory", calls, fails=["record"]))
    recorder.open("record")
    recorder.record("map", 0.0, Result())
    with pytest.raises(ValueError, match="directory record"):
        recorder.wait_until_recorded()
    recorder.complete_time(0.0, NOTHING)
    recorder.finish()
    recorder.close("failed", None)
    assert [call for _, call, *_ in calls] == ["open", "record", "close"]
    assert not caplog.records


def test_an_error_that_nothing_has_raised_is_logged_at_the_end(caplog):
    """A run that ends otherwise does not lose the error of its last results."""
    recorder = BackgroundRecorder(Noting("directory", [], fails=["record"]))
    recorder.record("map", 0.0, Result())
    recorder.close("killed", None)
    assert [entry.getMessage() for entry in caplog.records] == ["directory record"]


def test_no_more_results_wait_than_allowed():
    """While the disk is busy, a bounded number of results is queued; then the simulation waits."""
    gate, queued = threading.Event(), []
    recorder = BackgroundRecorder(Noting("directory", []))
    recorder.run_in_order(gate.wait)

    def fill():
        for time in range(2 * WAITING_RESULTS):
            recorder.record("map", time, Result())
            queued.append(time)

    filling = threading.Thread(target=fill, daemon=True)
    filling.start()
    until = clock.monotonic() + 60
    while len(queued) < WAITING_RESULTS and clock.monotonic() < until:
        clock.sleep(0.01)
    filling.join(0.1)
    assert filling.is_alive()
    assert len(queued) == WAITING_RESULTS
    gate.set()
    filling.join(60)
    recorder.finish()
    recorder.close("done", None)
    assert len(queued) == 2 * WAITING_RESULTS


def test_one_snapshot_waits_at_most():
    """The end of a time is queued only when the one before it is on disk, which bounds the memory."""
    gate, ended = threading.Event(), []
    recorder = BackgroundRecorder(Noting("directory", []))
    recorder.run_in_order(gate.wait)

    def end():
        for time in (0.0, 5.0):
            recorder.complete_time(time, NOTHING)
            ended.append(time)

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    until = clock.monotonic() + 60
    while not ended and clock.monotonic() < until:
        clock.sleep(0.01)
    ending.join(0.1)
    assert (ending.is_alive(), ended) == (True, [0.0])
    gate.set()
    ending.join(60)
    recorder.finish()
    recorder.close("done", None)
    assert ended == [0.0, 5.0]
