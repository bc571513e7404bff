"""One process at a time writes into a run directory."""

import json
import os
import subprocess
from dataclasses import asdict, replace

import pytest

from topo_exp.errors import RecordError
from topo_exp.record.holders import Holder
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
