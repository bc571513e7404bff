"""A run that was stopped is continued in its directory, from the last state that is on disk."""

import errno
import os
import signal

import numpy as np
import pytest

from tests.doubles import finished_run, numbers
from topo_exp.errors import GeometryError, RecordError
from topo_exp.record.handle import load_run
from topo_exp.record.restart import restart_points
from topo_exp.record.results import AnalysisResults, read_results, write_results
from topo_exp.runner.continuing import Continuation
from topo_exp.runner.restarting import RestartWriter
from topo_exp.runner.run import continue_run, execute
from topo_exp.testing import FakeSimulation, run_spec

TIMES = (0.0, 5.0, 40.0)


class Stopped(FakeSimulation):
    """A simulation that is asked to stop when it reaches a time."""

    def __init__(self, stop_at):
        super().__init__()
        self._stop_at = stop_at

    def run(self, until):
        """Advance the time, and send the signal once."""
        super().run(until)
        if self._stop_at is not None and self.time >= self._stop_at:
            self._stop_at = None
            os.kill(os.getpid(), signal.SIGTERM)


def spec(path, *, build=FakeSimulation, times=TIMES, **changes):
    """Describe a run of numbers only."""
    return run_spec(path, build=build, times=times, analyses={"numbers": numbers}, **changes)


@pytest.fixture
def slices(monkeypatch):
    """Let a run simulate one iteration in a slice."""
    monkeypatch.setattr("topo_exp.runner.loop.SLICE_SECONDS", 0.0)


def stopped(path, stop_at):
    """Carry out a run that is stopped at a time; return its directory."""
    with pytest.raises(SystemExit) as caught:
        execute(spec(path, build=lambda: Stopped(stop_at)))
    assert caught.value.code == 128 + signal.SIGTERM
    (directory,) = (entry for entry in path.iterdir() if entry.is_dir())
    return directory


def continuation(directory, times=TIMES, **options):
    """Describe how the run is continued."""
    return Continuation(directory, times, frozenset({"numbers"}), **options)


def contents(directory):
    """Return the files of a run with their contents, without the lease of the process that holds it."""
    files = (path for path in directory.rglob("*") if path.is_file() and not path.name.startswith(".lease"))
    return {path: path.read_bytes() for path in files}


def same(a, b):
    """Return True if two runs found the same, and ended in the same state."""
    return a.metrics.equals(b.metrics) and all(np.array_equal(v, b.state()[name]) for name, v in a.state().items())


@pytest.mark.parametrize(("stop_at", "reached"), [(2.0, 0.0), (5.0, 0.0), (17.0, 5.0), (39.0, 5.0)])
def test_a_stopped_run_continues_from_the_iteration_at_which_it_stopped(tmp_path, slices, capsys, stop_at, reached):
    """Between two slices the present state is kept, from which the run continues as one without a break."""
    whole = finished_run(spec(tmp_path / "whole"))
    directory = stopped(tmp_path / "stopped", stop_at)
    run = load_run(directory)
    assert (run.status, run.metadata["stopped_at"], run.metadata["reached"]) == ("killed", stop_at, reached)
    assert restart_points(directory)[0].time == stop_at
    (line,) = capsys.readouterr().err.splitlines()
    command = f"python -m topo_exp resume {directory}"
    assert line == f"topo_exp: {directory}: killed by SIGTERM at time {stop_at:g}. To continue: {command}"
    built = []
    again = spec(tmp_path / "stopped", build=lambda: built.append(FakeSimulation()) or built[0], command="again")
    found = continue_run(again, continuation(directory)).handle()
    assert found.directory == directory
    assert same(found, whole)
    assert (found.status, found.metadata["command"]) == ("done", "again")
    assert "stopped_at" not in found.metadata
    (resumed,) = found.metadata["resumed"]
    assert (resumed["time"], resumed["times"], resumed["differences"]) == (stop_at, list(TIMES), [])
    assert not (directory / "restart").exists()
    assert found.verify() == []


def test_a_run_that_stops_in_its_first_slice_keeps_nothing_of_it(tmp_path):
    """The first slice may be interrupted while it compiles: it leaves no restart point, and the run begins anew."""
    directory = stopped(tmp_path / "stopped", 0.0)
    assert restart_points(directory) == []
    found = continue_run(spec(tmp_path / "stopped"), continuation(directory)).handle()
    assert same(found, finished_run(spec(tmp_path / "whole")))


@pytest.mark.parametrize("differences", [(), ("numpy 2.0 instead of 2.1",)])
def test_with_other_code_only_the_point_itself_is_used(tmp_path, slices, differences):
    """Accepted differences are recorded; what another code measured at the time of the point is measured again."""
    directory = stopped(tmp_path / "stopped", 17.0)
    assert len(restart_points(directory)) > 1
    start, data = continuation(directory, differences=differences).prepare()
    assert (start.reached, float(start.state["time"])) == (5.0, 17.0)
    assert data["resumed"][0]["differences"] == list(differences)
    assert [point.time for point in restart_points(directory)] == ([17.0] if differences else [17.0, 5.0])


def test_nothing_is_left_of_a_point_that_a_kill_has_cut_short(tmp_path, slices):
    """A state whose description was never written is gone when the run is done, with its folder."""
    directory = stopped(tmp_path / "stopped", 17.0)
    restart_points(directory)[0].path.with_suffix(".json").unlink()
    run = continue_run(spec(tmp_path / "stopped"), continuation(directory)).handle()
    assert run.status == "done"
    assert not (directory / "restart").exists()


def test_a_damaged_point_is_passed_over(tmp_path, slices):
    """Where the last state is damaged, the run continues from the one before it, with the same results."""
    directory = stopped(tmp_path / "stopped", 17.0)
    restart_points(directory)[0].path.write_bytes(b"damaged")
    start, data = continuation(directory).prepare()
    assert (start.reached, float(start.state["time"]), data["resumed"][0]["time"]) == (0.0, 5.0, 5.0)
    assert list(start.results) == ["numbers"]
    found = continue_run(spec(tmp_path / "stopped"), continuation(directory)).handle()
    assert same(found, finished_run(spec(tmp_path / "whole")))


def test_a_finished_run_is_continued_to_later_times(tmp_path):
    """An extension starts from the last snapshot, and measures the later times only."""
    directory = finished_run(spec(tmp_path / "short", times=(0.0, 5.0))).directory
    measured = []
    longer = spec(tmp_path / "short", times=TIMES)
    longer = type(longer)(
        **{**vars(longer), "analyses": {"numbers": lambda sim: measured.append(sim.time) or numbers(sim)}}
    )
    found = continue_run(longer, continuation(directory, is_extension=True)).handle()
    assert measured == [40.0]
    assert same(found, finished_run(spec(tmp_path / "whole")))
    assert found.times == TIMES


def test_results_over_the_earlier_times_are_gone_when_an_extension_begins(tmp_path):
    """If it is stopped, no result is left that looks as if it were of all times."""
    directory = finished_run(spec(tmp_path, times=(0.0, 5.0))).directory
    write_results(directory, None, {"stability": AnalysisResults()})
    continuation(directory, is_extension=True).prepare()
    assert read_results(directory, None) == {}


def test_a_stop_without_a_restart_point_is_noted_in_the_log(tmp_path, slices, monkeypatch):
    """If the restart point cannot be written, the run is killed all the same."""

    write = RestartWriter.write

    def refuse(writer, sim):
        if sim.time == 17.0:
            raise OSError(errno.EIO, "no answer")
        write(writer, sim)

    monkeypatch.setattr("topo_exp.runner.loop.RestartWriter.write", refuse)
    directory = stopped(tmp_path, 17.0)
    run = load_run(directory)
    assert (run.status, run.metadata["stopped_at"]) == ("killed", 17.0)
    log = (directory / "run.log").read_text()
    assert "no restart point was written" in log
    assert "no answer" in log


def test_a_run_without_its_last_state_is_not_extended(tmp_path):
    """Without a snapshot there is nothing to continue from: the run stays as it is."""
    run = finished_run(spec(tmp_path, times=(0.0, 5.0), snapshot="none"))
    before = contents(run.directory)
    with pytest.raises(RecordError, match="must have kept the state of its last time, 5"):
        continue_run(spec(tmp_path, snapshot="none"), continuation(run.directory, is_extension=True))
    assert contents(run.directory) == before


def test_a_model_that_refuses_leaves_the_directory_of_a_continued_run(tmp_path, slices):
    """A directory with results is never deleted: the run that could not be continued is recorded as failed."""
    directory = stopped(tmp_path / "stopped", 17.0)
    packages = (directory / "provenance" / "packages.txt").stat()

    def refuse():
        raise GeometryError("V1: its area must be positive (got 0). Give one.")

    outcome = continue_run(spec(tmp_path / "stopped", build=refuse), continuation(directory))
    assert (outcome.status, outcome.directory) == ("failed", directory)
    assert load_run(directory).status == "failed"
    assert list(load_run(directory).metrics.index) == [0.0, 5.0]
    assert (directory / "provenance" / "packages.txt").stat() == packages, "the origin of the code is recorded once"
    found = continue_run(spec(tmp_path / "stopped"), continuation(directory)).handle()
    assert same(found, finished_run(spec(tmp_path / "whole")))
