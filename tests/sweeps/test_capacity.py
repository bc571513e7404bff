"""Free cores and memory."""

import os
from pathlib import Path

import numpy as np
import pytest

from topo_exp.sweeps import capacity


@pytest.fixture
def system(tmp_path: Path) -> tuple[Path, Path]:
    """Return places of a machine with 4 GB available, in a container of 3 GB of which 1 GB is used."""
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    cgroup.mkdir()
    (proc / "meminfo").write_text("MemTotal:  8000000 kB\nMemAvailable:  4000000 kB\n")
    (cgroup / "memory.max").write_text("3000000000\n")
    (cgroup / "memory.current").write_text("1000000000\n")
    return proc, cgroup


def test_memory_is_bounded_by_machine_and_container(system: tuple[Path, Path]) -> None:
    """The smaller of both counts; a container without limit does not bound; without /proc nothing is known."""
    proc, cgroup = system
    assert capacity.available_memory(proc, cgroup) == 2e9
    (cgroup / "memory.max").write_text("max\n")
    assert capacity.available_memory(proc, cgroup) == 4000000 * 1024
    assert capacity.available_memory(proc, cgroup / "none") == 4000000 * 1024
    assert capacity.available_memory(proc / "none", cgroup) is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_the_largest_memory_of_a_process_is_kept() -> None:
    """An array that was filled counts after it is freed."""
    before = capacity.memory_of(os.getpid())
    np.full(20_000_000, 1.5)
    after = capacity.memory_of(os.getpid())
    assert before is not None
    assert after is not None
    assert after >= max(before, 160e6)


@pytest.mark.parametrize(
    ("available", "running", "peaks", "fits"),
    [
        (None, [1, 2], [1e9], True),  # not known
        (1e8, [], [], True),  # the first one always starts
        (3e9, [1], [], False),  # one in progress may grow to 2 GB, another one would need as much
        (5e9, [1], [], True),
        (1.5e9, [1], [1e9], False),  # one in progress has 0.1 GB of 1 GB
        (2e9, [1], [1e9], True),
        (2e9, [1, 2], [1e9], False),
    ],
)
def test_a_run_starts_only_where_it_fits(
    monkeypatch: pytest.MonkeyPatch, available: float | None, running: list[int], peaks: list[float], fits: bool
) -> None:
    """Runs in progress may still grow to the largest so far, or to a guess as long as none is known."""
    monkeypatch.setattr(capacity, "available_memory", lambda: available)
    monkeypatch.setattr(capacity, "memory_of", lambda process, entry: 1e8)
    assert capacity.has_memory(running, peaks) is fits
