"""How many runs this machine can carry: its free cores, and its free memory."""

import os
import re
from collections.abc import Collection
from pathlib import Path

UNKNOWN = 2e9
"""Bytes that a run is taken to need until one has shown its need."""


def free_cores(ours: int) -> int:
    """Return how many runs the cores can carry, besides what other programs do.

    Args:
        ours: Number of runs that run already, which are part of the machine's load.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, cores - round(max(0.0, load - ours)))


def has_memory(processes: Collection[int], peaks: Collection[float]) -> bool:
    """Return True if one more run fits into the memory that is free.

    A run is taken to need as much as the largest so far; those in progress may still grow to that. For the first run,
    and where the system does not tell its free memory, the answer is True.

    Args:
        processes: Of the runs in progress.
        peaks: Largest memory, in bytes, of each run that has simulated so far.
    """
    available = available_memory()
    if available is None or not processes:
        return True
    need = max(peaks, default=UNKNOWN)
    growth = sum(max(0.0, need - (memory_of(process, "VmRSS") or 0.0)) for process in processes)
    return available - growth >= need


def available_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return the bytes that programs can allocate without swapping, also within the limit of a container.

    Args:
        proc: Where Linux shows its processes.
        cgroup: Where Linux shows the limits of this process's group.

    Returns:
        None on systems that do not tell.
    """
    found = _kilobytes(proc / "meminfo", "MemAvailable")
    try:
        limit, used = ((cgroup / f"memory.{name}").read_text().strip() for name in ("max", "current"))
    except OSError:
        return found
    if found is None or not limit.isdigit():
        return found
    return min(found, float(limit) - float(used))


def memory_of(process: int, entry: str = "VmHWM", proc: Path = Path("/proc")) -> float | None:
    """Return the memory of a process in bytes: its largest, VmHWM, or its present one, VmRSS; None if unknown."""
    return _kilobytes(proc / str(process) / "status", entry)


def _kilobytes(path: Path, entry: str) -> float | None:
    try:
        text = path.read_text()
    except OSError:
        return None
    found = re.search(rf"^{entry}:\s*([0-9]+) kB", text, re.MULTILINE)
    return None if found is None else float(found[1]) * 1024
