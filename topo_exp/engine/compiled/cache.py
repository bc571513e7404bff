"""Load the compiled kernels from a cache on disk. No other file of the engine uses the disk or the clock.

Compiling takes seconds, so its result is stored for later processes of this user, processor and copy of the code.
"""

import contextlib
import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

COMPILING_TIMEOUT = 120.0
"""Seconds to wait for another process that compiles the same kernels."""

KERNELS = Path(__file__).with_name("kernels")
"""The package of the kernels."""

SECOND_HALF = ("layout", "learn", "weights", "pictures")
"""Modules of kernels that a second process compiles while this one compiles the others, which takes about as long."""

_IN_A_SECOND_PROCESS = """
import sys
directory, sys.path[:] = sys.argv[1], sys.argv[2:]
from topo_exp.engine.compiled.cache import SECOND_HALF, load
load(directory, SECOND_HALF)
"""


@cache
def kernels() -> ModuleType:
    """Return the module `kernels.entries`, whose functions are loaded from the cache, or compiled and stored in it."""
    directory = _directory()
    with _one_at_a_time(directory) as compiled:
        if not compiled:
            with _second_process(str(directory)):
                load(str(directory), ["settle"])
        return load(str(directory), ["entries"])


def is_compiled() -> bool:
    """Return True if an earlier process, or this one, has compiled the kernels and stored them."""
    return (_directory() / "compiled").exists()


@cache
def _directory() -> Path:
    """Return the cache directory for this processor, these versions, this source and its place.

    numba finds stored code by the path of its source, so that another copy of this package compiles for itself.
    """
    import numba
    from llvmlite import binding

    name = f"{binding.get_host_cpu_name()}-numba{numba.__version__}-py{sys.version_info.major}{sys.version_info.minor}"
    place = hashlib.sha256(os.fsencode(KERNELS.resolve())).hexdigest()[:8]
    return _cache_directory(f"{name}-{source_hash(KERNELS)}-{place}")


def load(directory: str, modules: Iterable[str]) -> ModuleType:
    """Import modules of kernels from a cache directory, compiling those that are missing, and return the last one."""
    import numba

    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = directory
    try:
        return [importlib.import_module(f"topo_exp.engine.compiled.kernels.{name}") for name in modules][-1]
    finally:
        numba.config.CACHE_DIR = before


@contextlib.contextmanager
def _second_process(directory: str) -> Iterator[None]:
    """Compile SECOND_HALF in another process meanwhile, if there are two processors, and wait for its end.

    It saves time only: this process compiles whatever the other one, for any reason, did not leave in the cache.
    """
    command = [sys.executable, "-c", _IN_A_SECOND_PROCESS, directory, *sys.path]
    process = None
    if _is_python(sys.executable) and _processors() > 1:
        with contextlib.suppress(OSError):
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
    try:
        yield
        if process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(COMPILING_TIMEOUT)
    finally:
        if process:
            process.kill()
            process.wait()


def _is_python(executable: str | None) -> bool:
    """Return True if a path is that of a Python interpreter, and not of a program into which Python is embedded."""
    return bool(executable) and Path(executable or "").name.lower().startswith("python")


def _processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def source_hash(package: Path) -> str:
    """Return a hash of the names and contents of all source files of a package.

    numba's own index notices a change only in the file of the function that it stored, not in those of the functions
    that were compiled into it. A directory that is named by this hash never holds code of other sources.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _cache_directory(name: str) -> Path:
    """Return a writable directory of that name: below numba's or the user's cache, else a private temporary one."""
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
    """Return True if no other user can put code into a directory."""
    if not hasattr(os, "getuid"):
        return True
    status = directory.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


@contextlib.contextmanager
def _one_at_a_time(directory: Path) -> Iterator[bool]:
    """Hold a lock while this process compiles; yield True, without a lock, if all kernels have been compiled."""
    done = directory / "compiled"
    if done.exists():
        yield True
        return
    with open(directory / "lock", "w") as lock:
        _wait_for(lock.fileno())
        yield done.exists()
        done.touch()


def _wait_for(descriptor: int) -> None:
    """Wait for a lock on an open file, up to COMPILING_TIMEOUT: it saves work, but correctness does not need it."""
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
