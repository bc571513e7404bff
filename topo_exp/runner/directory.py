"""The run directory: made once, written whole files at a time."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.typing import State

RECORD = "run.yaml"
"""The file that says what a run was and how it ended; a directory that has one is a run directory."""
ARTIFACTS = ("mlartifacts", "mlruns")
"""Where MLflow keeps its copies of files, which are no runs."""
UNABLE = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOLCK)
"""What network file systems answer when asked for something that they do not do."""


def time_label(time: float) -> str:
    """Write a time for use in file names: in order when sorted, and never the same for two times.

    Args:
        time: In iterations, not negative.

    Returns:
        At least six digits, a point, and at least two decimals: `000100.00`, `000000.125`.
    """
    text = format(Decimal(repr(float(time))), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole:0>6}.{decimals:0<2}"


def make_directory(output_dir: Path, name: str, *, option: str = "output_dir") -> Path:
    """Make a directory that no other run has, and no other run will get.

    Args:
        output_dir: Made if it does not exist.
        name: Its name; `-2`, `-3` ... is appended where that is taken.
        option: The option that says where, for error messages.

    Returns:
        The absolute path of the new, empty directory.

    Raises:
        RecordError: It cannot be made.
    """
    parent = Path(output_dir).absolute()
    with explained(parent, option):
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
    """Refuse to start what would fill the disk.

    Args:
        directory: On the file system in question.
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


@contextmanager
def replacing(path: Path, option: str | None = None) -> Iterator[Path]:
    """Give the name of a file to write, which takes the place of `path` at the end of the block: whole, or never.

    Args:
        path: What is made or replaced; its directory is made if missing.
        option: The option that says where, for error messages.

    Raises:
        RecordError: It cannot be written.
    """
    with explained(path, option):
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
    """Write a file whole, or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a file whole, or not at all, as UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_state(path: Path, state: State) -> None:
    """Keep the state of a simulation as npz, readable with `allow_pickle=False`."""
    import numpy as np

    refused = [name for name, array in state.items() if np.asarray(array).dtype.hasobject]
    if refused:
        raise RecordError(f"{path}: a state holds plain arrays only (got objects in {refused}). Store numbers instead.")
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **state)  # type: ignore[arg-type]  # its own option `allow_pickle` is never a name in a state


def read_state(path: Path) -> State:
    """Read back what `write_state` kept.

    Raises:
        RecordError: There is no such file, or it is damaged.
    """
    import zipfile

    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RecordError(f"{path}: must be a whole npz file without objects (got: {error}).") from error


def find_runs(paths: Path | str | Sequence[Path | str]) -> list[Path]:
    """Find every run directory at or below the given paths.

    Args:
        paths: One or several run directories, or directories above them.

    Returns:
        Absolute paths, sorted, each once.

    Raises:
        RecordError: A path does not exist.
    """
    found: set[Path] = set()
    for given in [paths] if isinstance(paths, str | Path) else paths:
        path = Path(given).absolute()
        if not path.is_dir():
            raise RecordError(f"{path}: must be a directory (got nothing there). Give a run directory or one above.")
        for folder, folders, files in os.walk(path):
            if RECORD in files:
                found.add(Path(folder))
                folders.clear()  # there are no runs in a run
            folders[:] = [name for name in folders if name not in ARTIFACTS and not name.startswith(".")]
    return sorted(found)


@contextmanager
def locked(directory: Path) -> Iterator[bool]:
    """Hold the lock that one process at a time has on a run directory that is over; False if another one has it."""
    try:
        import fcntl

        handle = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):  # no such locks on this system
        yield True
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:  # nor on some network file systems
            if error.errno not in UNABLE:
                raise
        yield True
    finally:
        os.close(handle)


@contextmanager
def explained(path: Path, option: str | None = None) -> Iterator[None]:
    """Turn the system's errors on `path` into one that says what can be done about it."""
    try:
        yield
    except RecordError:
        raise
    except OSError as error:
        reason, chosen = error.strerror or str(error), option or "output_dir"
        cures = {
            errno.ENOSPC: f"Free some space, or choose another {chosen}.",
            errno.EDQUOT: f"Free some of the quota, or choose another {chosen}.",
            errno.ENAMETOOLONG: f"Lower max_name_length, or give {chosen} a shorter path.",
        }
        cure = cures.get(error.errno or 0, f"Choose another {chosen}, one that can be written to.")
        where = f"{option} {path}" if option else str(path)
        raise RecordError(f"{where}: must be writable (got: {reason}). {cure}") from error


def _sync(path: Path) -> None:
    """Make what was written to a file, or renamed in a directory, last through a loss of power, where that can be."""
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
