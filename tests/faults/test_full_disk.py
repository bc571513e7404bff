"""A full disk ends a run with a clear record, and the run continues when there is space again."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles import ROOT, slow
from tests.faults.twins import assert_same_bits
from tests.faults.worker import described, started_or_continued
from topo_exp.record.handle import load_run


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 2 MB, which needs the rights of root."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def worker(output: Path) -> subprocess.CompletedProcess[str]:
    """Start or continue the run in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.worker", str(output), "run"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("free", [160_000, *slow(100_000)])
def test_a_disk_that_is_full_to_the_last_byte_is_recorded(small_disk, tmp_path, free):
    """run.yaml says failed and why; everything recorded before is whole; with space, the run continues."""
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2 * 1024 * 1024 - 8192 - free))
    ended = worker(small_disk)
    assert ended.returncode == 1
    assert "No space left on device" in ended.stderr
    run = load_run(small_disk / "run")
    assert run.status == "failed"
    assert "No space left on device" in run.metadata["error"]["message"]
    assert list(run.metrics.index)[: len(run.times)] == list(run.times)
    filler.unlink()
    assert worker(small_disk).returncode == 0
    twin = started_or_continued(described(tmp_path / "twin", "run"))
    assert_same_bits(small_disk / "run", twin.directory)
