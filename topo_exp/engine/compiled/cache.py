"""Where the compiled kernels come from: the one place of the engine that touches the disk and the clock.

Compiling takes seconds, so its result is kept for every later process of this user, processor and version of the code.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

COMPILING_TIMEOUT = 120.0
"""Seconds to wait for another process that compiles the same kernels."""


@cache
def kernels() -> Any:
    """Import the compiled kernels, from a cache that belongs to this user, processor and code version."""
    import numba
    from llvmlite import binding

    source = Path(__file__).parents[1].joinpath("kernels.py").read_bytes()
    version = hashlib.sha256(source).hexdigest()[:16]
    name = f"{binding.get_host_cpu_name()}-numba{numba.__version__}-py{sys.version_info.major}{sys.version_info.minor}"
    directory = _cache_directory(f"{name}-{version}")
    before = numba.config.CACHE_DIR
    with _one_at_a_time(directory):
        numba.config.CACHE_DIR = str(directory)
        try:
            from topo_exp.engine import kernels as module
        finally:
            numba.config.CACHE_DIR = before
    return module


def _cache_directory(name: str) -> Path:
    """Return a directory of that name that can be written, below numba's, the user's, or a private temporary one."""
    given = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    temporary = Path(tempfile.gettempdir()) / f"topo_exp-{user}"
    for base in (Path(given) if given else Path("~").expanduser() / ".cache", temporary):
        directory = base / "topo_exp" / name
        with contextlib.suppress(OSError):
            base.mkdir(parents=True, exist_ok=True, mode=0o700)
            if base == temporary and not _is_private(base):
                continue
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.access(directory, os.W_OK | os.X_OK):
                return directory
    return Path(tempfile.mkdtemp(prefix="topo_exp-"))


def _is_private(directory: Path) -> bool:
    """Tell whether nobody else can put code into a directory."""
    if not hasattr(os, "getuid"):
        return True
    status = directory.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


@contextlib.contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Let one process compile while others wait for it; once that is done, nobody waits."""
    done = directory / "compiled"
    if done.exists():
        yield
        return
    with open(directory / "lock", "w") as lock:
        _wait_for(lock.fileno())
        yield
        done.touch()


def _wait_for(descriptor: int) -> None:
    """Wait for a lock on an open file, with a bound: waiting saves work, but is not needed for correctness."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    give_up = time.monotonic() + COMPILING_TIMEOUT
    while time.monotonic() < give_up:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:  # a file system without locks
            return
        else:
            return
