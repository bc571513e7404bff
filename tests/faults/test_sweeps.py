"""Sweeps that are killed: the same command, or `resume`, finishes them with the bits of an undisturbed twin."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.test_runs import ROOT, wait_until
from tests.doubles import slow
from tests.faults.twins import assert_same_bits
from topo_exp.record.run_yaml import read_record
from topo_exp.sweeps.directory import SweepDirectory, find_sweeps

FUNCTIONS = ROOT / "tests" / "faults" / "sweep_functions.py"
WORDS = ["-m", "cortex_density=3,4,5", "times=[0,100,8000]", f"analysis=[{FUNCTIONS}:measure]", "tracking=none"]
QUICK_CHECKPOINTS = "checkpoint_every=0.002"


def launch(output: Path, *more: str) -> subprocess.Popen[str]:
    """Start the command of the sweep."""
    return start([*WORDS, QUICK_CHECKPOINTS, "n_jobs=2", *more], output)


def start(words: Sequence[str], output: Path) -> subprocess.Popen[str]:
    """Start the program."""
    return subprocess.Popen(
        [sys.executable, "-m", "topo_exp", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOPO_EXP_OUTPUT": str(output)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a program that succeeds; return what it printed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out + err


def runs_of(output: Path) -> dict[str, Path]:
    """Return the run directories of the only sweep by the name of their points' settings, each point once."""
    (path,) = find_sweeps([output])
    sweep = SweepDirectory.open(path)
    keys = [point.key for point in sweep.manifest.space]
    assert [state.state for state in sweep.ledger.states(keys).values()] == ["done"] * 3
    directories = [sweep.path / sweep.ledger.runs(key)[0] for key in keys]
    assert sorted(directories) == sorted(each.parent for each in path.glob("*/run.yaml"))
    return {str(point["cortex_density"]): each for point, each in zip(sweep.manifest.space, directories, strict=True)}


def has_begun(output: Path) -> bool:
    """Return True if a run of the sweep has reached its second time."""
    return any(read_record(path.parent)["reached"] == 100 for path in output.glob("*/*/run.yaml"))


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the runs of an undisturbed sweep."""
    output = tmp_path_factory.mktemp("twin")
    finished(launch(output))
    return runs_of(output)


def assert_equal_sweeps(output: Path, twin: dict[str, Path]) -> None:
    """Assert that a sweep has each point once, with the bits of the twin."""
    found = runs_of(output)
    assert found.keys() == twin.keys()
    for name, directory in found.items():
        assert_same_bits(directory, twin[name])


@pytest.mark.parametrize("again", ["command", *slow("resume")])
def test_a_killed_sweep_is_finished_by_the_same_command_or_by_resume(
    tmp_path: Path, twin: dict[str, Path], again: str
) -> None:
    """After SIGKILL of the launching process and of all runs each point is done once, with the same bits."""
    seed = random.randrange(10**6)
    print("seed", seed)
    process = launch(tmp_path)
    wait_until(lambda: has_begun(tmp_path), 60)
    time.sleep(random.Random(seed).uniform(0, 0.3))
    workers = [read_record(path.parent)["process"]["pid"] for path in tmp_path.glob("*/*/run.yaml")]
    process.kill()
    for pid in workers:
        with_kill(pid)
    process.communicate()
    text = finished(launch(tmp_path) if again == "command" else start(["resume", str(tmp_path)], tmp_path))
    assert ("joining" in text) == (again == "command")
    assert_equal_sweeps(tmp_path, twin)


def with_kill(pid: int) -> None:
    """Kill a worker, unless it has ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.parametrize("trial", [0, *slow(*range(1, 20))])
def test_two_shells_share_a_sweep_and_one_of_them_is_killed(tmp_path: Path, twin: dict[str, Path], trial: int) -> None:
    """Of two equal commands one joins the other; if one is killed, the other does each point that is left, once."""
    words = ["n_jobs=1", *(["report=false"] if trial else [])]  # one trial shows that the report is made
    first, second = launch(tmp_path, *words), launch(tmp_path, *words)
    wait_until(lambda: has_begun(tmp_path), 60)
    time.sleep(random.Random(trial).uniform(0, 0.5))
    killed, other = (first, second) if trial % 2 else (second, first)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    finished(other)
    assert_equal_sweeps(tmp_path, twin)


def test_a_second_signal_stops_a_sweep_at_once(tmp_path: Path) -> None:
    """Ctrl-C twice kills the runs, says how many are left, and resume finishes them."""
    process = start(
        [*WORDS[:2], "times=[0,100]", "analysis=[]", "tracking=none", f"before=[{FUNCTIONS}:wait]", "n_jobs=1"],
        tmp_path,
    )
    wait_until((tmp_path / "waiting").exists, 60)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "0 done, 1 stopped, 2 left. To continue: python -m topo_exp resume" in err


def test_a_larger_space_is_added_to_the_sweep(tmp_path: Path) -> None:
    """The same command with one more value runs the new point only, in the sweep that exists."""
    words = ["-m", "times=[0,1]", "analysis=[]", "tracking=none"]
    finished(start([*words, "cortex_density=3,4"], tmp_path))
    assert "1 runs are new" in finished(start([*words, "cortex_density=3,4,5"], tmp_path))
    assert len(runs_of(tmp_path)) == 3
    finished(start([*words, "cortex_density=3,4,5"], tmp_path))
    assert len(find_sweeps([tmp_path])) == 2, "a finished sweep is repeated as a new one"
