"""The loop of a run: slices, signs of life, the script of the network, and an end that cannot be written."""

import errno
import re
from contextlib import contextmanager
from time import sleep

import pytest

from tests.doubles import finished_run
from tests.runner.test_measuring import drift
from tests.runner.test_run import only_directory, spec
from topo_exp.analysis.result import Result
from topo_exp.errors import RecordError, RunError
from topo_exp.record.handle import load_run
from topo_exp.record.restart import restart_points
from topo_exp.record.results import read_results
from topo_exp.testing import FakeSimulation, fake_analysis, run_spec


class Clock:
    """A clock that a simulation advances by the time that its iterations take."""

    def __init__(self, seconds):
        self.now, self.seconds, self.slices = 0.0, seconds, []

    def perf_counter(self):
        return self.now

    monotonic = perf_counter

    def timed(self, sim):
        """Let a simulation take its time on this clock."""
        run = sim.run

        def slowly(until):
            before = sim.time
            run(until)
            self.now += self.seconds * (sim.time - before)
            self.slices.append(sim.time - before)

        sim.run = slowly
        return sim


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1 / 128, [1, 2, 4, 8, 12, 12, 1]), (1.0, [1] * 40), (1 / 32, [1, 2, 3, 3, 3]), (0.0, [1, 2, 4, 8, 16, 9])],
)
def test_slices_take_about_a_tenth_of_a_second(tmp_path, monkeypatch, seconds, expected):
    """A slice has twice the iterations of the last one at most, and as many as fit into 0.1 s; one at least."""
    clock = Clock(seconds)
    monkeypatch.setattr("topo_exp.runner.loop.clock", clock)
    finished_run(spec(tmp_path, build=lambda: clock.timed(FakeSimulation()), times=(40.0,)))
    assert clock.slices[: len(expected)] == expected
    assert sum(clock.slices) == 40


@pytest.mark.parametrize(
    ("engine", "is_compiled", "says"),
    [("compiled", False, "compiling (once for this machine)"), ("compiled", True, ""), ("reference", False, "")],
)
def test_compilation_is_said_while_the_first_slice_runs(tmp_path, monkeypatch, engine, is_compiled, says):
    """Where the compiled engine is used for the first time on a machine, and in no other slice."""
    texts = []

    @contextmanager
    def saying(display, text, **options):
        texts.append(text(1.0))
        yield

    def build():
        sim = FakeSimulation()
        sim.engine = engine
        return sim

    monkeypatch.setattr("topo_exp.engine.compiled.cache.is_compiled", lambda: is_compiled)
    monkeypatch.setattr("topo_exp.runner.progress.ProgressDisplay.saying", saying)
    finished_run(spec(tmp_path, build=build, times=(5.0,)))
    assert [text for text in texts if not text.startswith("waiting")] == [says]


def test_the_listener_hears_that_only_pictures_are_left(tmp_path):
    """After the last analysis, once, so that the next run of a sweep can begin."""
    heard = []
    finished_run(spec(tmp_path, times=(0.0, 5.0), on_progress=heard.append))
    assert [progress.is_simulated for progress in heard] == [False] * (len(heard) - 1) + [True]
    assert heard[-1].time == 5.0


def test_the_log_lists_the_times_that_were_analysed(tmp_path):
    """One line for each, when its analyses are done."""
    run = finished_run(spec(tmp_path, times=(0.0, 5.0, 7.0)))
    log = (run.directory / "run.log").read_text().splitlines()
    found = [re.search(r"time (\d+) of 7\b", line) for line in log]
    assert [match[1] for match in found if match] == ["0", "5", "7"]


@pytest.mark.parametrize(("keep", "times"), [("none", []), ("first", [0]), ("last", [10]), ("all", [0, 5, 10])])
def test_the_script_is_kept_as_asked(tmp_path, monkeypatch, keep, times):
    """script_repr says at which times network.py is written; with all, each time has one of its own as well."""
    monkeypatch.setattr(FakeSimulation, "script_repr", lambda self: f"time = {self.time:g}\n")
    run = finished_run(spec(tmp_path, script_repr=keep))
    networks = {path.name: path.read_text() for path in run.directory.glob("networks/*")}
    each = times if keep == "all" else []
    assert networks == {f"0000{time:02}.00.py": f"time = {time}\n" for time in each}
    script_file = run.directory / "network.py"
    assert script_file.exists() == bool(times)
    if times:
        assert script_file.read_text() == f"time = {times[-1]}\n"


def test_a_network_without_source_is_still_worth_a_run(tmp_path, monkeypatch):
    """Where no script can be made, as with a lambda for an action, the error is logged and the run goes to its end."""

    def no_source(self):
        raise TypeError("a lambda has no source")

    monkeypatch.setattr(FakeSimulation, "script_repr", no_source)
    run = finished_run(spec(tmp_path, script_repr="last"))
    assert (run.status, run.metadata["errors"]) == ("done", 1)
    assert not (run.directory / "network.py").exists()
    assert "a lambda has no source" in (run.directory / "run.log").read_text()


def watch_heartbeats(output, monkeypatch):
    """Return a list that gets the time of the recorded heartbeat before each slice of the only run in a directory."""
    seen = []
    run_slice = FakeSimulation.run

    def looked_at(self, until):
        seen.append(load_run(only_directory(output)).metadata.get("heartbeat", {}).get("time"))
        run_slice(self, until)

    monkeypatch.setattr(FakeSimulation, "run", looked_at)
    return seen


@pytest.mark.parametrize(("interval", "is_noted"), [(0.0, True), (1e6, False)])
def test_a_long_run_shows_that_it_is_alive(tmp_path, monkeypatch, interval, is_noted):
    """At an interval, run.yaml is written with the time of the simulation, also between two analysis times."""
    monkeypatch.setattr("topo_exp.runner.loop.HEARTBEAT_SECONDS", interval)
    monkeypatch.setattr("topo_exp.runner.loop.SLICE_SECONDS", 0.0)
    seen = watch_heartbeats(tmp_path, monkeypatch)
    finished_run(spec(tmp_path, times=(0.0, 3.0)))
    assert seen == ([None, 0.0, 1.0, 2.0] if is_noted else [None] * 4)


def test_a_directory_that_cannot_be_completed_is_a_failed_run(tmp_path, monkeypatch):
    """A run whose last files cannot be written does not say that it is done."""

    def full(directory):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("topo_exp.runner.directory_recorder.write_checksums", full)
    with pytest.raises(OSError, match="No space left"):
        finished_run(spec(tmp_path))
    run = load_run(only_directory(tmp_path))
    assert run.status == "failed"
    assert run.metadata["error"] == {"type": "OSError", "message": "[Errno 28] No space left on device"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_run_that_cannot_begin_leaves_no_directory(tmp_path, error):
    """Whatever is raised before the loop exists, no directory may say that it is running; the error passes through."""

    def view():
        raise error("no view")

    with pytest.raises(error, match="no view"):
        finished_run(spec(tmp_path, views=(view,)))
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_record_is_refused(tmp_path, monkeypatch):
    """Where run.yaml cannot be written the run is refused, and its directory deleted."""

    def full(*arguments):
        raise RecordError("run.yaml: must be writable (got: No space left on device). Free some space.")

    monkeypatch.setattr("topo_exp.runner.run.RunRecord", full)
    with pytest.raises(RecordError, match="No space left"):
        finished_run(spec(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_every_stage_is_recorded(tmp_path):
    """`seconds` has an entry for each stage of a run, and no other; analyses have one each."""
    run = finished_run(spec(tmp_path, before=(lambda sim: None,), after=(lambda sim: None,)))
    seconds = dict(run.metadata["seconds"])
    stages = {"build", "before", "simulate", "analysis", "recording", "checkpoint", "finish_drawing", "after"}
    assert set(seconds) == {*stages, "wall", "cpu"}
    assert set(seconds["analysis"]) == {"numbers"}
    assert sum(seconds[name] for name in ("build", "before", "simulate", "after")) <= seconds["wall"]


@pytest.mark.parametrize(("snapshot", "copies"), [("last", 3), ("none", 3), ("all", 6)])
def test_room_is_asked_for_every_state_that_is_kept(tmp_path, monkeypatch, snapshot, copies):
    """Two restart points and a new one must fit on the disk, and with snapshot=all the states of three times."""
    asked = []
    monkeypatch.setattr("topo_exp.runner.loop.require_space", lambda directory, needed: asked.append(needed))
    run = finished_run(spec(tmp_path, snapshot=snapshot, sim={"rows": 7}))
    assert asked == [copies * 4 * 7**4]
    assert run.metadata["size"] == {"connections": 7**4, "weights_mb": 0.01}  # 9604 bytes, in thousandths


def test_signs_of_life_come_at_their_interval(tmp_path, monkeypatch):
    """With iterations of ten seconds and an interval of thirty, every third iteration is noted."""
    clock = Clock(10.0)
    monkeypatch.setattr("topo_exp.runner.loop.clock", clock)
    monkeypatch.setattr("topo_exp.runner.loop.HEARTBEAT_SECONDS", 30.0)
    seen = watch_heartbeats(tmp_path, monkeypatch)
    finished_run(spec(tmp_path, build=lambda: clock.timed(FakeSimulation()), times=(8.0,)))
    assert seen == [None, None, None, 3.0, 3.0, 3.0, 6.0, 6.0]


def test_the_results_of_each_analysis_are_listed(tmp_path):
    """results/ has the rows and files of each analysis at each time, and those of analyses over time by themselves."""
    run = finished_run(run_spec(tmp_path, times=(0.0, 5.0), analyses={"activity": fake_analysis, "drift": drift}))
    for time in (0.0, 5.0):
        (name, found), *more = read_results(run.directory, time).items()
        assert (name, more) == ("activity", [])
        assert [row[1] for row in found.rows] == ["V1/activity_mean", "V1/activity_max"]
        assert len(found.files) == 2
        assert found.is_complete(run.directory, ())
    ((name, found),) = read_results(run.directory, None).items()
    assert name == "drift"
    assert [row[:2] for row in found.rows] == [(0.0, "V1/drift"), (5.0, "V1/drift")]
    assert found.files == ["plots/000005.00_V1_drift.png"]


def test_restart_points_stay_until_every_picture_is_on_disk(tmp_path):
    """A run that fails at its last picture can still be continued from its states; a run that is done needs none."""
    ok = finished_run(spec(tmp_path / "done"))
    assert not (ok.directory / "restart").exists()

    def fail():
        sleep(0.3)  # until nothing but the picture is missing
        raise ValueError("no colours left")

    figures = {"pale": lambda sim: Result(figures={"pale": fail})}
    with pytest.raises(RunError, match="figure 'pale' could not be drawn"):
        finished_run(spec(tmp_path / "failed", times=(0.0,), analyses=figures))
    assert [point.time for point in restart_points(only_directory(tmp_path / "failed"))] == [0.0]
