"""Directories and files that are made whole or not at all, for records."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from topo_exp.errors import RecordError
from topo_exp.record.processes import process_start

UNABLE = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOLCK)
"""Errors by which a network file system says that it does not support an operation."""


def make_directory(output_dir: Path, name: str, *, option: str = "output_dir") -> Path:
    """Make a directory that no other run has or will get.

    Args:
        output_dir: Made if it does not exist.
        name: Its name; `-2`, `-3` ... is appended where that is taken.
        option: Name of the option that chose `output_dir`, for error messages.

    Returns:
        The absolute path of the new, empty directory.

    Raises:
        RecordError: It cannot be made.
    """
    parent = Path(output_dir).absolute()
    with path_errors(parent, option):
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = parent / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()  # the one atomic step: of several processes, one succeeds
            except FileExistsError:
                continue
            return path
    raise AssertionError("unreachable")


def require_space(directory: Path, needed: int) -> None:
    """Raise if the disk has less free space than needed.

    Args:
        directory: Any directory of the file system.
        needed: Bytes that will be written at least.

    Raises:
        RecordError: Fewer bytes are free.
    """
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise RecordError(
            f"{directory}: {needed / 1e6:.0f} MB are needed for snapshots (got {free / 1e6:.0f} MB free). "
            "Free some space, choose another output_dir, or keep less with snapshot=last or snapshot=none."
        )


def reserve_space(path: Path, size: int = 65536) -> None:
    """Make a file that occupies space on the disk, which is free again when the file is deleted.

    Raises:
        RecordError: The disk is full.
    """
    with path_errors(path.parent), path.open("wb") as file:
        file.write(os.urandom(size))  # some file systems do not store zeros
        file.flush()
        os.fsync(file.fileno())


def delete_leftovers(directory: Path) -> list[Path]:
    """Delete the temporary files in a run directory whose processes have ended.

    Args:
        directory: Of a run that is not running.

    Returns:
        The deleted files.
    """
    deleted = []
    for path in directory.rglob(".*.tmp"):
        process = path.name.split(".")[-2]
        if process.isdigit() and process_start(int(process)) is None:
            path.unlink(missing_ok=True)
            deleted.append(path)
    return deleted


@contextmanager
def replacing(path: Path, option: str | None = None) -> Iterator[Path]:
    """Yield a temporary file name; at the end of the block that file is synced and renamed to `path`.

    If the block raises, the temporary file is deleted and `path` stays as it was.

    Args:
        path: File that is made or replaced; its directory is made if missing.
        option: Name of the option that chose the place, for error messages.

    Yields:
        The temporary file name, in the same directory.

    Raises:
        RecordError: It cannot be written.
    """
    with path_errors(path, option):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file completely, or leave it as it was."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a file as UTF-8 completely, or leave it as it was."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def locked(directory: Path, *, waits: bool = False) -> Iterator[bool]:
    """Hold the exclusive lock on a directory, such as that of an ended run.

    Args:
        directory: To lock; no file in it is made.
        waits: Whether to wait until no other process holds it.

    Yields:
        True if this process holds the lock, or if the system has no such locks; False if another process holds it.
    """
    try:
        import fcntl

        handle = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):  # this system has no such locks
        yield True
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError as error:  # some network file systems have none either
            if error.errno not in UNABLE:
                raise
        yield True
    finally:
        os.close(handle)


@contextmanager
def path_errors(path: Path, option: str | None = None) -> Iterator[None]:
    """Turn an OSError of the block into a RecordError that names the path, the reason and a remedy.

    Args:
        path: File or directory that the block uses.
        option: Name of the option that chose it, for the message.

    Raises:
        RecordError: The block raised an OSError.
    """
    try:
        yield
    except RecordError:
        raise
    except OSError as error:
        reason, chosen = error.strerror or str(error), option or "output_dir"
        remedies = {
            errno.ENOSPC: f"Free some space, or choose another {chosen}.",
            errno.EDQUOT: f"Free some of the quota, or choose another {chosen}.",
            errno.ENAMETOOLONG: f"Lower max_name_length, or give {chosen} a shorter path.",
        }
        remedy = remedies.get(error.errno or 0, f"Choose another {chosen}, one that can be written to.")
        where = f"{option} {path}" if option else str(path)
        raise RecordError(f"{where}: must be writable (got: {reason}). {remedy}") from error


def _sync(path: Path) -> None:
    """Write a file, or the entries of a directory, through to the disk, where the system supports it."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNABLE:
            raise
    finally:
        os.close(handle)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made if missing; other processes wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        _lock(file)
        yield  # closing the file releases it


def _lock(file: IO[bytes]) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(file.fileno(), fcntl.LOCK_EX)
