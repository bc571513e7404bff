"""States of simulations, and npz files of them that need no pickle."""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.checked import file_sha256
from topo_exp.record.files import replacing
from topo_exp.record.holders import NO_LINKS
from topo_exp.typing import State

DAMAGE = (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error)
"""Errors that NumPy and zipfile raise for a damaged npz file."""


@dataclass(frozen=True)
class Snapshot:
    """Hold the parts of the simulation that are kept at an analysis time.

    Args:
        state: File with the complete state of the simulation, or None if it is not kept.
        script: Source that builds its network, or None if it is not kept.
    """

    state: Path | None
    script: str | None


def write_state(path: Path, state: State) -> str:
    """Write the state of a simulation as npz, readable with `allow_pickle=False`.

    Args:
        path: File that is made or replaced.
        state: Arrays by name.

    Returns:
        The SHA-256 of the file.

    Raises:
        RecordError: An array holds objects, or the file cannot be written.
    """
    import numpy as np

    refused = [name for name, array in state.items() if np.asarray(array).dtype.hasobject]
    if refused:
        raise RecordError(f"{path}: a state holds plain arrays only (got objects in {refused}). Store numbers instead.")
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.savez(file, **state)  # type: ignore[arg-type]  # its own option `allow_pickle` is never a name in a state
        return file_sha256(temporary)


def copy_state(source: Path, path: Path) -> None:
    """Give the file of a state a second name, or copy it where the file system has no links.

    Args:
        source: File that exists.
        path: File that is made or replaced.

    Raises:
        RecordError: The file cannot be written.
    """
    if path.exists() and path.samefile(source):  # renaming one name of a file to another would leave both
        return
    with replacing(path) as temporary:
        try:
            temporary.hardlink_to(source)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            shutil.copyfile(source, temporary)


def read_state(path: Path) -> State:
    """Read a state that `write_state` wrote.

    Raises:
        RecordError: There is no such file, or it is damaged.
    """
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except DAMAGE as error:
        raise RecordError(f"{path}: must be a whole npz file without objects (got: {error}).") from error
