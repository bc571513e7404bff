"""Processes beside a run, and whether the process of a run is still there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import topo_exp


def start_beside(
    module: str, *arguments: str, output: int | IO[bytes], errors: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a module of this package as a process that is told what to do through its standard input.

    It finds what this process finds to import, and nothing else: no file of the working directory can stand in for a
    library. It has a session of its own, so that Ctrl-C and a closed terminal are for the run alone.

    Args:
        module: Full name.
        *arguments: Its command line.
        output: Where its standard output goes.
        errors: Where its error stream goes; to that of this process if None.
    """
    home = str(Path(topo_exp.__file__).parents[1])
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


def process_is_gone(process: Mapping[str, Any]) -> bool:
    """Tell whether a recorded process is known to have ended; False on another host, where nobody can know."""
    if process.get("host") != socket.gethostname() or "pid" not in process:
        return False
    started = process_start(process["pid"])
    return started is None or (process.get("start") is not None and started != process["start"])


def process_start(pid: int) -> int | None:
    """Return the kernel's start time of a process, which tells it from a later one of the same number; None if gone.

    Where there is no /proc: 0 for every process that exists.
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
