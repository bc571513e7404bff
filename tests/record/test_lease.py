"""One process at a time writes into a run directory."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from topo_exp.errors import RecordError
from topo_exp.record import lease
from topo_exp.record.holders import Holder, create_once
from topo_exp.record.lease import STALE_AFTER, is_leased, leased


def test_a_lease_is_held_by_one_and_free_afterwards(tmp_path):
    """A second process is refused with the name of the first; afterwards the directory is free."""
    with leased(tmp_path):
        assert is_leased(tmp_path)
        with pytest.raises(RecordError, match=f"must be free \\(got process {os.getpid()} on"), leased(tmp_path):
            pass
    assert not is_leased(tmp_path)
    with leased(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lease.0001", ".lease.0002"]


def test_the_lease_of_a_process_that_ended_is_free(tmp_path):
    """After SIGKILL nothing releases the lease, and the next process takes it."""
    process = subprocess.Popen(["sleep", "60"])
    (tmp_path / ".lease.0001").write_text(json.dumps(asdict(Holder.of(process.pid))))
    assert is_leased(tmp_path)
    process.kill()
    process.wait()
    assert not is_leased(tmp_path)


def test_the_lease_of_another_host_is_free_when_its_heartbeat_stops(tmp_path):
    """Nothing is known of processes of other hosts but their heartbeats."""
    path = tmp_path / ".lease.0001"
    path.write_text(json.dumps(asdict(replace(Holder.of(os.getpid()), host="another"))))
    assert is_leased(tmp_path)
    old = path.stat().st_mtime - STALE_AFTER - 10
    os.utime(path, (old, old))
    assert not is_leased(tmp_path)


def leased_by(path: Path, **changes: object) -> None:
    """Write the lease of this process, with some facts changed."""
    path.write_text(json.dumps({**asdict(Holder.of(os.getpid())), **changes}))


def test_a_lease_without_whole_facts_is_held_while_it_is_young(tmp_path):
    """Its process is unknown, so only its age counts; a lease that is as old as allowed is still held."""
    path = tmp_path / ".lease.0001"
    path.write_text('{"host": ')
    with pytest.raises(RecordError, match="must be free \\(got another process, which"), leased(tmp_path):
        pass
    for age, held in ((STALE_AFTER - 1, True), (STALE_AFTER + 10, False)):
        os.utime(path, (time.time() - age, time.time() - age))
        assert is_leased(tmp_path) == held


def test_the_age_of_a_lease_is_told_by_the_clock_of_its_file_system(tmp_path, monkeypatch):
    """A host whose own clock is wrong does not take a lease that is held, and leaves no file behind."""
    leased_by(tmp_path / ".lease.0001", host="another")
    monkeypatch.setattr(time, "time", lambda: 1e10)
    assert is_leased(tmp_path)
    assert os.listdir(tmp_path) == [".lease.0001"]


def test_the_lease_with_the_highest_number_counts(tmp_path):
    """Numbers are compared as numbers, and files of other names are no leases."""
    leased_by(tmp_path / ".lease.9999")
    leased_by(tmp_path / ".lease.10000", released=1.0)
    for name in (".lease.20", ".lease.20000.tmp", "x.lease.20000"):
        leased_by(tmp_path / name)
    assert not is_leased(tmp_path)
    with leased(tmp_path):
        assert is_leased(tmp_path)
        assert (tmp_path / ".lease.10001").exists()
    facts = json.loads((tmp_path / ".lease.10001").read_text())
    assert facts.pop("released") > 1.0
    assert facts == asdict(Holder.of(os.getpid()))


def test_of_two_processes_one_gets_the_lease(tmp_path, monkeypatch):
    """Another process may make the lease after this one has looked; its name is in the error."""

    def late(path, facts):
        create_once(path, {**facts, "pid": 77, "host": "faster"})
        return create_once(path, facts)

    monkeypatch.setattr(lease, "create_once", late)
    with pytest.raises(RecordError, match="process 77 on faster"), leased(tmp_path):
        pass


def test_a_heartbeat_touches_the_lease_also_after_the_disk_was_away(tmp_path, monkeypatch):
    """The first touch fails, and the next ones are still made."""
    touched = []

    def utime(path):
        touched.append(path)
        if len(touched) == 1:
            raise OSError

    monkeypatch.setattr(lease, "BEAT_EVERY", 0.001)
    monkeypatch.setattr("topo_exp.record.lease.os.utime", utime)
    until = time.monotonic() + 20
    with leased(tmp_path):
        while len(touched) < 3 and time.monotonic() < until:
            time.sleep(0.001)
    assert set(touched) == {tmp_path / ".lease.0001"}
    beats = len(touched)
    assert beats >= 3
    time.sleep(0.01)
    assert len(touched) == beats


def test_a_directory_that_was_deleted_is_not_made_again(tmp_path):
    """A run that is refused deletes its directory while it holds the lease."""
    (tmp_path / "run").mkdir()
    with leased(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
    assert not (tmp_path / "run").exists()
