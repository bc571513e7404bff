"""The MLflow store that shows a run directory, and how it is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from topo_exp.record.layout import SWEEP_YAML


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store."""

    tracking_uri: str
    artifact_location: str | None
    """Address under which a new experiment keeps its files; None where a server decides."""
    lock: Path
    """File to lock while it is opened: two processes that open a new database at once destroy it."""


def store_of(directory: Path) -> Store:
    """Return the store that shows a run directory: the environment's, else the database beside the runs."""
    above = [parent for parent in directory.parents if (parent / "mlflow.db").is_file()]
    # runs of a sweep lie in its directory, but share the store of all runs beside it
    home = above[0] if above else next(place for place in directory.parents if not (place / SWEEP_YAML).is_file())
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}"
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///")).absolute()
        place = (database.parent / "mlartifacts").as_uri()
        return Store(f"sqlite:///{database}", place, database.with_name(f"{database.name}.lock"))
    location = (home / "mlartifacts").as_uri() if "://" in uri and not uri.startswith("http") else None
    return Store(uri, location, home / ".mlflow.lock")


def prepare_environment() -> None:
    """Set the environment variables that MLflow reads when it is loaded, for this process."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"  # it loses data silently
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


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
