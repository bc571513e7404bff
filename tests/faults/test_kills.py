"""A run that is killed at any instant and continued has the results of a run without a break."""

import math
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.doubles import ROOT, slow
from tests.faults.twins import assert_same_bits
from tests.faults.worker import TIMES, described, started_or_continued, usable_time
from topo_exp.record.handle import load_run
from topo_exp.record.restart import restart_points

SYNCS = 90
"""Calls of fsync in a run without a break, about."""


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """Carry out the run without a break."""
    return started_or_continued(described(tmp_path_factory.mktemp("twin"), "run")).directory


def worker(output: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start or continue the run in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.worker", str(output), "run", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for a process, and return its exit code; a failure that is no kill shows its errors."""
    _, errors = process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode


@pytest.mark.parametrize("seed", [1, *slow(2, 3)])
def test_kills_while_files_are_written_change_no_bit(tmp_path, twin, seed):
    """Killed before random changes on the disk, again and again, a run ends with the bits of its twin."""
    draw = random.Random(seed)
    kills = [draw.randrange(1, SYNCS) for _ in range(4)]
    print("seed", seed, "kills at", kills)
    for number in kills:
        if finish(worker(tmp_path, number)) == 0:
            break
    assert finish(worker(tmp_path)) == 0
    assert_same_bits(tmp_path / "run", twin)


@pytest.mark.parametrize("seed", [11, *slow(12)])
def test_kills_at_random_instants_change_no_bit(tmp_path, twin, seed):
    """Killed at random times, a run ends with the bits of its twin, and never continues from an earlier point."""
    draw = random.Random(seed)
    print("seed", seed)
    reached = -math.inf
    for _ in range(3):
        process = worker(tmp_path)
        until = time.monotonic() + draw.uniform(1.0, 5.0)
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
        process.communicate()
        if (tmp_path / "run" / "run.yaml").exists():
            assert load_run(tmp_path / "run").status in ("killed", "done")
            if restart_points(tmp_path / "run"):  # else it has just begun, or is about to be done
                usable = usable_time(described(tmp_path, "run"))
                assert usable >= reached
                reached = usable
    assert finish(worker(tmp_path)) == 0
    assert_same_bits(tmp_path / "run", twin)


@pytest.mark.parametrize("number", [signal.SIGTERM, *slow(signal.SIGUSR1, signal.SIGXCPU)])
def test_a_signal_leaves_a_restart_point_within_seconds(tmp_path, twin, number):
    """A stopped run says killed, where it stands, and continues from there with the same bits."""
    process = worker(tmp_path)
    wait_for(tmp_path / "run" / "restart" / "000010.00.json", process)
    process.send_signal(number)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert time.monotonic() - sent < 5.0
    run = load_run(tmp_path / "run")
    assert run.status == "killed"
    assert run.metadata["error"] == {"type": "Interrupted", "message": number.name}
    stopped = run.metadata["stopped_at"]
    assert f"{run.directory}: killed by {number.name} at time {stopped:g}" in errors
    assert max(point.time for point in restart_points(run.directory)) == stopped
    assert finish(worker(tmp_path)) == 0
    assert load_run(run.directory).metadata["resumed"][0]["time"] <= stopped
    assert_same_bits(run.directory, twin)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a file exists."""
    until = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("damaged", [1, *slow(2)])
def test_a_damaged_restart_point_is_not_used(tmp_path, twin, damaged):
    """The restart point before a damaged one is used, and the beginning of the run if there is none."""
    process = worker(tmp_path)
    wait_for(tmp_path / "run" / "restart" / "000030.00.json", process)
    process.kill()
    process.communicate()
    points = restart_points(tmp_path / "run")
    assert len(points) >= 2
    for point in points if damaged == 2 else points[:1]:
        content = bytearray(point.path.read_bytes())
        content[len(content) // 2] ^= 1
        point.path.write_bytes(content)
    assert finish(worker(tmp_path)) == 0
    began = load_run(tmp_path / "run").metadata["resumed"][0]["time"]
    assert began < points[0].time
    assert (began == 0.0) == (damaged == 2)
    assert_same_bits(tmp_path / "run", twin)


def test_of_two_processes_one_continues_a_run(tmp_path, twin):
    """The other one ends with an error that names the process at work."""
    first = worker(tmp_path)
    wait_for(tmp_path / "run" / "restart" / "000005.00.json", first)
    second = worker(tmp_path)
    _, errors = second.communicate(timeout=60)
    assert finish(first) == 0
    if "run.yaml" not in errors and second.returncode:
        assert f"must be free (got process {first.pid} on" in errors
    assert_same_bits(tmp_path / "run", twin)


def test_an_extended_run_is_the_straight_run(tmp_path, twin):
    """Continued to later times, a run has the bits of one that had these times from the beginning."""
    short = started_or_continued(described(tmp_path, "run", TIMES[:2])).directory
    assert load_run(short).times == TIMES[:2]
    started_or_continued(described(tmp_path, "run"), is_extension=True)
    assert_same_bits(short, twin)


def test_a_moved_run_continues(tmp_path, twin):
    """A killed run continues in another directory."""
    process = worker(tmp_path)
    wait_for(tmp_path / "run" / "restart" / "000010.00.json", process)
    process.kill()
    process.communicate()
    shutil.move(tmp_path / "run", tmp_path / "elsewhere" / "run")
    assert finish(worker(tmp_path / "elsewhere")) == 0
    assert_same_bits(tmp_path / "elsewhere" / "run", twin)
