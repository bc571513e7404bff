"""The local launcher: points side by side in processes of their own, whatever happens to one of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import QUICK, Outcome, runs
from tests.cli.test_runs import ROOT, wait_until
from topo_exp.record.run_yaml import read_record
from topo_exp.sweeps.capacity import memory_of
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.status import read_status

Program = Callable[..., Outcome]
FAULTS = """
import os, sys, time
from pathlib import Path

def at_three(sim):
    return sim['V1'].shape == (3, 3)

def die(sim):
    if at_three(sim): os._exit(9)

def leave(sim):
    if at_three(sim): sys.exit(0)

def kill(sim):
    if at_three(sim): os.kill(os.getpid(), 9)

def sleep(sim):
    if at_three(sim): time.sleep(1000)

def allocate(sim):
    blocks = []
    while at_three(sim):
        blocks.append(b'x' * 10**7)
        time.sleep(0.01)

def fail(sim):
    if at_three(sim): raise RuntimeError('three is bad')

def fail_once(sim):
    if at_three(sim) and not Path('failed').exists():
        Path('failed').touch()
        raise RuntimeError('bad luck')
"""
PICTURES = """
import time
from pathlib import Path
from matplotlib.figure import Figure
from topo_exp.analysis.result import Result

HERE = Path(__file__).parent

def note(sim):
    with (HERE / 'begun').open('a') as file:
        file.write('.')

def draw(place):
    until = time.monotonic() + 60
    while len(Path(place, 'begun').read_text()) < 2:
        assert time.monotonic() < until, 'no other run has begun'
        time.sleep(0.05)
    return Figure()

def slow(sim):
    return Result(figures={'slow': lambda place=str(HERE): draw(place)})
"""


@pytest.fixture(autouse=True)
def faults(tmp_path: Path) -> None:
    """Write functions that harm the run with three units on a side."""
    (tmp_path / "faults.py").write_text(FAULTS)


def states(output: Path) -> list[str]:
    """Return the state of each point of the only sweep."""
    (path,) = output.glob("*_sweep*")
    sweep = SweepDirectory.open(path)
    return [state.state for state in sweep.ledger.states([point.key for point in sweep.manifest.space]).values()]


@pytest.mark.parametrize(
    ("fault", "words", "message"),
    [
        ("fail", [], "three is bad"),
        ("die", [], "exit code 9"),
        ("kill", [], "signal SIGKILL"),
        ("leave", [], "SystemExit"),
        ("sleep", ["timeout=5"], "longer than timeout=5 s"),
    ],
)
def test_a_faulty_point_takes_only_itself_down(
    program: Program, tmp_path: Path, fault: str, words: list[str], message: str
) -> None:
    """After an error, a crash, an exit or a hang the other points are done, and code and message say what failed."""
    outcome = program("-m", "cortex_density=3,4", "n_jobs=2", f"before=[faults.py:{fault}]", *words, *QUICK)
    assert outcome.code == 1
    assert states(tmp_path / "Output") == ["failed", "done"]
    assert "1 of 2 failed" in outcome.err
    assert message in outcome.err
    assert "cortex_density=3: " in outcome.err
    assert outcome.out.count("done: ") == 1
    assert "Traceback" not in outcome.err


def test_a_sweep_can_stop_at_the_first_failure(program: Program, tmp_path: Path) -> None:
    """With on_error=stop nothing is started after a failure, and the rest waits."""
    outcome = program("-m", "cortex_density=3,4,5", "n_jobs=1", "on_error=stop", "before=[faults.py:fail]", *QUICK)
    assert outcome.code == 1
    assert states(tmp_path / "Output") == ["failed", "waiting", "waiting"]
    assert "2 not started" in outcome.err


def test_pictures_do_not_hold_the_next_run_up(program: Program, tmp_path: Path) -> None:
    """With one run at a time the second begins while a picture of the first is drawn, which ends when it has begun."""
    words = ["n_jobs=1", "times=[0]", "analysis=[pictures.py:slow]", "before=[pictures.py:note]", "tracking=none"]
    (tmp_path / "pictures.py").write_text(PICTURES)
    outcome = program("-m", "cortex_density=3,4", *words, "report=false")
    assert outcome.code == 0, outcome.err
    assert states(tmp_path / "Output") == ["done", "done"]


def test_a_failed_point_can_be_tried_again(program: Program, tmp_path: Path) -> None:
    """With on_error=retry:N a point that fails once is done at the second attempt, which continues its run."""
    outcome = program("-m", "cortex_density=3,4", "on_error=retry:1", "before=[faults.py:fail_once]", *QUICK)
    assert outcome.code == 0
    assert states(tmp_path / "Output") == ["done", "done"]
    assert [run["status"] for run in runs(tmp_path / "Output")] == ["done", "done"]
    assert [len(run.get("resumed", [])) for run in runs(tmp_path / "Output")].count(1) == 1


def test_points_have_the_same_results_side_by_side_and_alone(program: Program, tmp_path: Path) -> None:
    """Metrics of the local launcher equal those of Hydra's basic one, byte for byte."""
    words = ["-m", "cortex_density=3,4", "times=[0,20]", "analysis=[functions.py:measure]", "tracking=none"]
    assert program(*words, "output_dir=local").code == 0
    assert program(*words, "output_dir=basic", "hydra/launcher=basic").code == 0
    contents = [
        [path.read_bytes() for path in sorted((tmp_path / name).glob("**/metrics.csv"))] for name in ("local", "basic")
    ]
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]
    assert states(tmp_path / "basic") == ["done", "done"]


def test_records_do_not_depend_on_the_launcher(program: Program, tmp_path: Path) -> None:
    """Name, settings, command and overrides of a run are those that Hydra's basic launcher gives it."""
    words = ["-m", "cortex_density=3,4", "timestamp=202611221137", *QUICK]
    assert program(*words, "output_dir=local").code == 0
    assert program(*words, "output_dir=basic", "hydra/launcher=basic").code == 0
    local, basic = runs(tmp_path / "local"), runs(tmp_path / "basic")
    for entry in ("name", "given", "parameters", "times", "analysis"):
        assert [run[entry] for run in local] == [run[entry] for run in basic]
    assert [run["command"].replace("local", "basic") for run in local] == [run["command"] for run in basic]
    written = [sorted((tmp_path / name).glob("**/overrides.yaml"))[0].read_text() for name in ("local", "basic")]
    assert written[0].replace("local", "basic") == written[1]


def test_options_of_a_sweep_are_checked(program: Program, tmp_path: Path) -> None:
    """A number of jobs of zero or an unknown reaction is refused before anything starts."""
    for word in ("n_jobs=0", "on_error=ignore", "timeout=-1"):
        outcome = program("-m", "cortex_density=3,4", word, *QUICK)
        assert outcome.code == 2
        assert word.partition("=")[0] in outcome.err
    assert not (tmp_path / "Output").exists()


@contextmanager
def started(tmp_path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Yield the process of a command, which is ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "topo_exp", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOPO_EXP_OUTPUT": str(tmp_path / "Output")},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield the process of a sweep of three runs that never end, two at a time, when two have reached time 0."""
    words = ["-m", "cortex_density=3,4,5", "times=[0,1e9]", *QUICK[1:], "n_jobs=2"]
    with started(tmp_path, *words) as process:
        wait_until(lambda: [run["reached"] for run in runs(tmp_path / "Output")] == [0.0, 0.0], 120)
        yield process


@pytest.mark.parametrize(
    "numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGXCPU], [signal.SIGUSR1], [signal.SIGINT] * 3], ids=str
)
def test_a_stopped_sweep_stops_its_runs(tmp_path: Path, numbers: list[signal.Signals]) -> None:
    """At each signal running points record that they were killed, nothing more starts, and text and code say so.

    So it is if Ctrl-C is pressed again while they do.
    """
    with endless(tmp_path) as process:
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.1)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + numbers[0]
    assert f"stopped by {numbers[0].name}: 0 done, 2 stopped, 1 left. To continue: " in errors
    assert "Traceback" not in errors
    assert [run["status"] for run in runs(tmp_path / "Output")] == ["killed", "killed"]
    assert states(tmp_path / "Output") == ["interrupted", "interrupted", "waiting"]


def test_runs_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    """After SIGKILL of the launching process its runs stop themselves, and `status` sees what is left to do."""
    with endless(tmp_path) as process:
        (path,) = (tmp_path / "Output").glob("*_sweep*")
        status = read_status(path)
        assert (len(status.running), status.waiting) == (2, 1)
        assert [each.until for each in status.running] == [1e9, 1e9]
        process.kill()
        wait_until(lambda: [run["status"] for run in runs(tmp_path / "Output")] == ["killed", "killed"])
    status = read_status(path)
    assert (status.interrupted, status.waiting, status.total) == (2, 1, 3)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_run_that_is_killed_for_its_memory_takes_only_itself_down(tmp_path: Path) -> None:
    """A run that allocates without end is killed, as the kernel does when memory runs out; the others are done."""
    words = ["-m", "cortex_density=3,4,5", "n_jobs=2", "before=[faults.py:allocate]", *QUICK]
    with started(tmp_path, *words) as process:
        victim = 0

        def is_large() -> bool:
            nonlocal victim
            for path in (tmp_path / "Output").glob("*/*/run.yaml"):
                pid = read_record(path.parent)["process"]["pid"]
                if (memory_of(pid) or 0) > 6e8:
                    victim = pid
            return victim != 0

        wait_until(is_large, 60)
        os.kill(victim, signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert states(tmp_path / "Output") == ["failed", "done", "done"]
    assert "signal SIGKILL" in errors
