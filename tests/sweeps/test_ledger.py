"""Leases: one holder per attempt, whoever dies and however many ask."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from topo_exp.errors import RecordError
from topo_exp.sweeps.ledger import Holder, Ledger

WORKER = Path(__file__).with_name("ledger_worker.py")
ROOT = str(Path(__file__).resolve().parents[2])
KEY = "00ab"


def start(mode: str, directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a worker."""
    return subprocess.Popen(
        [sys.executable, str(WORKER), mode, str(directory), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )


@contextmanager
def holding(directory: Path, key: str = KEY) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold a point."""
    process = start("hold", directory, key)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def dead() -> Holder:
    """Return a process that was killed."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    holder = Holder.of(process.pid)
    process.kill()
    process.wait()
    assert holder.is_gone
    return holder


def elsewhere(**changes: Any) -> Holder:
    """Return a process of another host, or of another kernel or namespace."""
    return replace(Holder.of(os.getpid()), **(changes or {"host": "another-host"}))


def age(directory: Path, seconds: float, name: str = f"{KEY}.0001.lease") -> None:
    """Let a heartbeat be some time ago."""
    then = (directory / name).stat().st_mtime - seconds
    os.utime(directory / name, (then, then))


def test_a_point_has_each_state_in_turn(tmp_path: Path, dead: Holder) -> None:
    """Waiting, running, interrupted, failed and done, each read from the files alone."""
    ledger = Ledger(tmp_path)

    def state() -> str:
        return Ledger(tmp_path).states([KEY])[KEY].state

    assert state() == "waiting"
    assert Ledger(tmp_path, holder=dead).acquire([KEY]) is not None
    assert state() == "interrupted"
    second = ledger.acquire([KEY])
    assert second is not None
    assert second.attempt == 2
    assert state() == "running"
    second.interrupt("SIGTERM")
    assert state() == "interrupted"
    third = ledger.acquire([KEY])
    assert third is not None
    third.fail("ValueError: no")
    found = ledger.states([KEY])[KEY]
    assert (found.state, found.attempts, found.message) == ("failed", 3, "ValueError: no")
    assert ledger.acquire([KEY]) is None
    assert ledger.acquire([KEY], retry_failed=True, max_attempts=3) is None
    fourth = ledger.acquire([KEY], retry_failed=True)
    assert fourth is not None
    assert fourth.finish("run")
    assert state() == "done"
    assert ledger.acquire([KEY], retry_failed=True) is None
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_reading_states_changes_nothing(tmp_path: Path, dead: Holder) -> None:
    """Neither files nor times; a directory that does not exist is not made."""
    assert Ledger(tmp_path / "none").states([KEY])[KEY].state == "waiting"
    assert not (tmp_path / "none").exists()
    Ledger(tmp_path, holder=dead).acquire([KEY])
    before = [(path.name, path.stat().st_mtime_ns) for path in sorted(tmp_path.iterdir())]
    Ledger(tmp_path).states([KEY])
    Ledger(tmp_path).runs(KEY)
    assert [(path.name, path.stat().st_mtime_ns) for path in sorted(tmp_path.iterdir())] == before


def test_points_are_taken_in_order(tmp_path: Path) -> None:
    """The first free one; none when none is free."""
    ledger = Ledger(tmp_path)
    taken = [ledger.acquire(["aa", "bb"]) for _ in range(3)]
    assert [lease.key if lease else None for lease in taken] == ["aa", "bb", None]


def test_the_runs_of_a_point_are_listed(tmp_path: Path) -> None:
    """So that an attempt can continue the run of the one before it."""
    ledger = Ledger(tmp_path)
    for name in ("first", "second"):
        lease = ledger.acquire([KEY])
        assert lease is not None
        lease.set_run(name)
        lease.interrupt("stopped")
    assert ledger.runs(KEY) == ["second", "first"]
    last = ledger.acquire([KEY])
    assert last is not None
    assert last.finish("first")
    assert ledger.runs(KEY) == ["first", "second"]


def test_of_several_processes_exactly_one_takes_a_point(tmp_path: Path, dead: Holder) -> None:
    """In 20 races of 4 processes, for a new point and for one whose holder was killed in turn."""
    trials, racers = 20, 4
    for trial in range(1, trials, 2):
        assert Ledger(tmp_path / "ledger", holder=dead).acquire([f"{trial:04x}"]) is not None
    processes = [start("race", tmp_path, str(trials)) for _ in range(racers)]
    for trial in range(trials):
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob(f"ready-{trial}-*"))) < racers:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        (tmp_path / f"go-{trial}").touch()
    outputs = [[json.loads(line) for line in process.communicate(timeout=60)[0].split()] for process in processes]
    for trial in range(trials):
        taken = [output[trial] for output in outputs if output[trial] is not None]
        assert taken == [1 + trial % 2], f"trial {trial}"


def worker_at_work(directory: Path, workers: list[subprocess.Popen[str]]) -> subprocess.Popen[str] | None:
    """Wait until one of the workers is at work on a point, and return it; None if all points are done."""
    while all(worker.poll() is None for worker in workers):
        for path in directory.glob("work-????"):
            with suppress(FileNotFoundError):  # it has finished meanwhile
                pid = path.read_text()
                for worker in workers:
                    if pid == str(worker.pid):
                        return worker
        time.sleep(0.002)
    return None


def test_every_point_is_done_once_although_workers_are_killed(tmp_path: Path) -> None:
    """Three processes share 60 points; one that is at work is killed and replaced, 10 times at random instants."""
    seed = random.SystemRandom().randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    numbers = random.Random(seed)
    keys = [f"{place:04x}" for place in range(60)]
    said = []
    workers = [start("drain", tmp_path, ",".join(keys), str(seed + place)) for place in range(3)]
    for kill in range(10):
        victim = worker_at_work(tmp_path, workers)
        if victim is None:
            break
        time.sleep(numbers.uniform(0, 0.08))
        victim.kill()
        said.append(victim.communicate()[0])
        workers.remove(victim)
        workers.append(start("drain", tmp_path, ",".join(keys), str(seed + 10 + kill)))
    said += [worker.communicate(timeout=120)[0] for worker in workers]
    assert "".join(said) == ""
    assert all(worker.returncode == 0 for worker in workers)
    states = Ledger(tmp_path / "ledger").states(keys)
    assert {state.state for state in states.values()} == {"done"}
    assert sum(state.attempts for state in states.values()) > len(keys)  # most were killed at work
    for key in keys:
        facts = json.loads((tmp_path / "ledger" / f"{key}.done").read_text())
        assert facts["run"] == f"run-{key}-{facts['attempt']}"


def test_a_live_process_of_this_host_keeps_its_point(tmp_path: Path) -> None:
    """Even if it is stopped, or the machine slept, and its heartbeat is old."""
    with holding(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        age(tmp_path / "ledger", 1e6)
        ledger = Ledger(tmp_path / "ledger")
        found = ledger.states([KEY])[KEY]
        assert found.state == "running"
        assert found.holder == Holder.of(process.pid)
        assert ledger.acquire([KEY]) is None


def test_the_point_of_a_killed_process_of_this_host_is_free_at_once(tmp_path: Path) -> None:
    """Its heartbeat need not grow old."""
    with holding(tmp_path) as process:
        process.kill()
        process.wait()
        ledger = Ledger(tmp_path / "ledger")
        found = ledger.states([KEY])[KEY]
        assert found.state == "interrupted"
        assert "has ended without a word" in found.message
        lease = ledger.acquire([KEY])
        assert lease is not None
        assert lease.attempt == 2


@pytest.mark.parametrize("changes", [{"host": "another-host"}, {"machine": "another boot"}, {"pid": 1, "host": "x"}])
def test_a_process_elsewhere_is_judged_by_its_heartbeat(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Its process id means nothing here, even if the host has the same name."""
    assert Ledger(tmp_path, holder=elsewhere(**changes)).acquire([KEY]) is not None
    ledger = Ledger(tmp_path, stale_after=300)
    age(tmp_path, 290)
    assert ledger.states([KEY])[KEY].state == "running"
    assert ledger.acquire([KEY]) is None
    age(tmp_path, 20)
    found = ledger.states([KEY])[KEY]
    assert found.state == "interrupted"
    assert "no heartbeat for" in found.message
    assert ledger.acquire([KEY]) is not None


def test_a_heartbeat_renews_a_lease(tmp_path: Path) -> None:
    """A holder elsewhere keeps its point as long as it beats; the thread beats by itself."""
    lease = Ledger(tmp_path, holder=elsewhere()).acquire([KEY])
    assert lease is not None
    age(tmp_path, 1000)
    assert lease.beat()
    assert Ledger(tmp_path).acquire([KEY]) is None
    age(tmp_path, 1000)
    with lease.beating(0.01):
        deadline = time.monotonic() + 30
        while time.time() - (tmp_path / f"{KEY}.0001.lease").stat().st_mtime > 500:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert Ledger(tmp_path).states([KEY])[KEY].state == "running"


def test_a_holder_whose_point_was_taken_over_learns_it(tmp_path: Path) -> None:
    """It was paused too long; its end is not the point's end, but a result that comes first counts."""
    first = Ledger(tmp_path, holder=elsewhere()).acquire([KEY])
    assert first is not None
    age(tmp_path, 1000)
    second = Ledger(tmp_path).acquire([KEY])
    assert second is not None
    assert not first.beat()
    assert first.is_lost
    assert second.beat()
    first.fail("too late")
    assert Ledger(tmp_path).states([KEY])[KEY].state == "running"
    assert first.finish("run of the first")
    assert not second.finish("run of the second")
    assert Ledger(tmp_path).runs(KEY) == ["run of the first"]


def test_a_lease_is_lost_with_its_ledger(tmp_path: Path) -> None:
    """Where the directory was deleted there is nothing to work for."""
    lease = Ledger(tmp_path / "ledger").acquire([KEY])
    assert lease is not None
    (tmp_path / "ledger" / f"{KEY}.0001.lease").unlink()
    assert not lease.beat()


def test_clocks_of_hosts_may_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are taken by the file system's clock, which dates the heartbeats."""
    assert Ledger(tmp_path, holder=elsewhere()).acquire([KEY]) is not None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86400)
    assert Ledger(tmp_path).acquire([KEY]) is None


def test_a_point_that_is_finished_meanwhile_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the listing of the directory and the lease, another host may finish it."""
    slow = Ledger(tmp_path, holder=elsewhere()).acquire([KEY])
    assert slow is not None
    age(tmp_path, 1000)
    ledger = Ledger(tmp_path)
    listed = ledger._listed()
    assert slow.finish("run")
    monkeypatch.setattr(ledger, "_listed", lambda: listed)
    assert ledger.acquire([KEY]) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{KEY}.0001.lease", f"{KEY}.done"]


def linked_twice(make: Callable[..., None]) -> Callable[..., None]:
    """Stand for a server whose answer is lost: the link is made, and then reported as existing."""

    def link(source: Path, target: Path) -> None:
        make(source, target)
        make(source, target)

    return link


def no_links(source: Path, target: Path) -> None:
    """Stand for a file system without hard links."""
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_repeated_request_of_a_network_file_system_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is this process's own, as the number of names of the file shows."""
    monkeypatch.setattr(os, "link", linked_twice(os.link))
    lease = Ledger(tmp_path).acquire([KEY])
    assert lease is not None
    assert Ledger(tmp_path)._claim(KEY, 1) is None


def test_leases_work_on_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exclusive creation is as good, but for a holder that dies before it has written its name."""
    monkeypatch.setattr(os, "link", no_links)
    ledger = Ledger(tmp_path)
    assert ledger.acquire([KEY]) is not None
    assert ledger._claim(KEY, 1) is None
    (tmp_path / "cc.0001.lease").touch()
    assert ledger.states(["cc"])["cc"].state == "running"
    age(tmp_path, 1000, "cc.0001.lease")
    assert ledger.acquire(["cc"]) is not None


def test_a_directory_that_cannot_be_used_is_an_error_of_its_own(tmp_path: Path) -> None:
    """With the path and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="must be a readable directory"):
        Ledger(tmp_path / "file").states([KEY])
    with pytest.raises(RecordError, match="must be writable"):
        Ledger(tmp_path / "file" / "ledger")._claim(KEY, 1)


def test_other_files_in_the_directory_are_ignored(tmp_path: Path) -> None:
    """Leftovers of killed processes, and notes of the user."""
    for name in (".0123", "notes.txt", f"{KEY}.lease", f"{KEY}.0001.lease~"):
        (tmp_path / name).touch()
    assert Ledger(tmp_path).states([KEY])[KEY].state == "waiting"


def test_a_process_number_that_was_given_again_is_another_process() -> None:
    """The kernel's start time tells them apart."""
    own = Holder.of(os.getpid())
    assert not own.is_gone
    assert replace(own, start=1).is_gone
    assert not replace(own, start=1, host="another").is_gone
    assert json.loads(json.dumps(asdict(own)))["pid"] == os.getpid()
