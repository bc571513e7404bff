"""Processes of this package: helpers of a run, and whether the process of a run still exists."""

from __future__ import annotations

import atexit
import gc
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, NotRequired, TypedDict

NEW_OBJECTS = 20_000
"""Objects that are made between two searches for unreachable ones."""


class ProcessData(TypedDict):
    """The process of a run, as run.yaml records it."""

    host: str
    pid: int
    start: NotRequired[int | None]
    """Value of `process_start`."""


def start_beside(
    module: str, *arguments: str, output: int | IO[bytes], errors: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a module of this package as a process that reads requests from its standard input.

    It imports from the same places as this process and from no other: no file of the working directory can replace a
    library. It has its own session, so that Ctrl-C and a closed terminal reach only the run.

    Args:
        module: Full name.
        *arguments: Its command line.
        output: Destination of its standard output.
        errors: Destination of its error stream; that of this process if None.

    Returns:
        The process.
    """
    home = str(Path(__file__).resolve().parents[2])
    places = [str(Path(entry).absolute()) for entry in sys.path]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(dict.fromkeys([*places, home])),
            "MPLBACKEND": "agg",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        start_new_session=True,
    )


def collect_rarely() -> None:
    """Let Python search for unreachable cycles of objects less often, in a process that belongs to this package.

    Loading MLflow, xarray or Matplotlib makes hundreds of thousands of objects that stay. Python would search all of
    them several times meanwhile, which takes a quarter of the time of loading, and once more when the process ends.
    """
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def process_is_gone(process: ProcessData) -> bool:
    """Return True if a recorded process is known to have ended; False for one of another host, which is unknown."""
    if process["host"] != socket.gethostname():
        return False
    started = process_start(process["pid"])
    return started is None or (process.get("start") is not None and started != process["start"])


def process_start(pid: int) -> int | None:
    """Return the kernel's start time of a process, which distinguishes it from a later one of the same number.

    Returns:
        The start time, 0 where there is no /proc, or None if there is no such process.
    """
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if fields[0] in (b"Z", b"X") else int(fields[19])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0
    return 0
