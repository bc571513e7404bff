"""Names of the files in a run directory, and how run directories are found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from topo_exp.errors import RecordError

RUN_YAML = "run.yaml"
"""The description of the run and of how it ended; a directory that contains it is a run directory."""
SWEEP_YAML = "sweep.yaml"
"""The description of a sweep; a directory that contains it holds the runs of the sweep."""
REPORT = "report.html"
"""The page of a sweep."""
RUN_LOG = "run.log"
METRICS = "metrics.csv"
NETWORK = "network.py"
SNAPSHOT = "snapshot.npz"
PROVENANCE = "provenance"
CHECKSUMS = "SHA256SUMS"
"""Checksums of all files of an ended run, in the format of the command sha256sum."""
OVER_TIME = "over_time.json"
"""Results of the analyses over time, in `results/`."""
HYDRA = ".hydra"
"""Folder of the composed configuration, named as Hydra names it."""
MLFLOW_FOLDERS = ("mlartifacts", "mlruns")
"""Folders in which MLflow keeps its copies of files; they contain no runs."""


def time_label(time: float) -> str:
    """Write a time for use in file names: labels sort as the times do, and no two times share one.

    Args:
        time: In iterations, not negative.

    Returns:
        At least six digits, a point, and at least two decimals: `000100.00`, `000000.125`.
    """
    text = format(Decimal(repr(float(time))), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole:0>6}.{decimals:0<2}"


def file_name(name: str) -> str:
    """Return a name with every character that a file system could refuse replaced by `_`."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in ".-_ ") else "_" for letter in name)


def map_path(directory: Path, name: str, time: float) -> Path:
    """Return the NetCDF file for the maps that the analysis `name` made at a time."""
    return directory / "maps" / f"{file_name(name)}_{time_label(time)}.nc"


def picture_path(directory: Path, name: str, time: float, suffix: str) -> Path:
    """Return the file for the picture `name` of a time, in the format that `suffix` names."""
    return directory / "plots" / f"{time_label(time)}_{file_name(name)}.{suffix}"


def checkpoint_path(directory: Path, time: float) -> Path:
    """Return the file for the state at a time, where the states of all times are kept."""
    return directory / "checkpoints" / f"{time_label(time)}.npz"


def restart_path(directory: Path, time: float) -> Path:
    """Return the file for the state at a time from which an interrupted run continues."""
    return directory / "restart" / f"{time_label(time)}.npz"


def results_path(directory: Path, time: float | None) -> Path:
    """Return the file for the results of all analyses at a time; of analyses over time if None."""
    return directory / "results" / (OVER_TIME if time is None else f"{time_label(time)}.json")


def network_path(directory: Path, time: float) -> Path:
    """Return the file for the network's source at a time, where it is written at all times."""
    return directory / "networks" / f"{time_label(time)}.py"


def find_runs(paths: Path | str | Sequence[Path | str]) -> list[Path]:
    """Find every run directory at or below the given paths.

    Args:
        paths: One or several run directories, or their run.yaml, or directories above them.

    Returns:
        Absolute paths, sorted, each once.

    Raises:
        RecordError: A path does not exist.
    """
    found: set[Path] = set()
    for given in [paths] if isinstance(paths, str | Path) else paths:
        path = Path(given).absolute()
        path = path.parent if path.name == RUN_YAML and path.is_file() else path
        if not path.is_dir():
            raise RecordError(f"{path}: must be a directory (got nothing there). Give a run directory or one above.")
        for folder, folders, files in os.walk(path):
            if RUN_YAML in files:
                found.add(Path(folder))
                folders.clear()  # a run directory contains no further runs
            folders[:] = [name for name in folders if name not in MLFLOW_FOLDERS and not name.startswith(".")]
    return sorted(found)
