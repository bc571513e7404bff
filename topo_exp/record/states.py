"""States of simulations, and npz files of them that need no pickle."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.files import replacing
from topo_exp.typing import State


@dataclass(frozen=True)
class Snapshot:
    """Hold the parts of the simulation that are kept at an analysis time.

    Args:
        state: Complete state of the simulation, or None if it is not kept.
        script: Source that builds its network, or None if it is not kept.
    """

    state: State | None
    script: str | None


def write_state(path: Path, state: State) -> None:
    """Write the state of a simulation as npz, readable with `allow_pickle=False`.

    Args:
        path: File that is made or replaced.
        state: Arrays by name.

    Raises:
        RecordError: An array holds objects, or the file cannot be written.
    """
    import numpy as np

    refused = [name for name, array in state.items() if np.asarray(array).dtype.hasobject]
    if refused:
        raise RecordError(f"{path}: a state holds plain arrays only (got objects in {refused}). Store numbers instead.")
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **state)  # type: ignore[arg-type]  # its own option `allow_pickle` is never a name in a state


def read_state(path: Path) -> State:
    """Read a state that `write_state` wrote.

    Raises:
        RecordError: There is no such file, or it is damaged.
    """
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RecordError(f"{path}: must be a whole npz file without objects (got: {error}).") from error
