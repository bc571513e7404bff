"""The MLflow store that shows a run directory, and its address."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.layout import SWEEP_YAML

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
"""Directory beside the database in which MLflow keeps its copies of files."""


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store.

    Attributes:
        tracking_uri: Address for MLflow.
        artifact_location: Address under which a new experiment keeps its files; None where a server decides.
        lock: File to lock while the store is opened or views are written.
        database: The SQLite file, or None for any other kind of store.
        is_beside_runs: True for the database beside the runs, False for a store that MLFLOW_TRACKING_URI names.
    """

    tracking_uri: str
    artifact_location: str | None
    lock: Path
    database: Path | None = None
    is_beside_runs: bool = False


def store_of(directory: Path) -> Store:
    """Return the store that shows a run directory: the environment's, else the database beside the run.

    No database of a directory further up is used, since another user may have made it.

    Args:
        directory: Of the run; it need not exist.

    Returns:
        The store. Its paths have no symbolic links, so that a run is shown once however its path is written.

    Raises:
        RecordError: SQLAlchemy cannot write the path as an address.
    """
    home = Path(directory).absolute().parent.resolve()
    if (home / SWEEP_YAML).is_file():  # the runs of a sweep share the store of the runs beside it
        home = home.parent
    address = os.environ.get("MLFLOW_TRACKING_URI")
    if not address:
        return _sqlite_store(home / DATABASE, is_beside_runs=True)
    if address.startswith("sqlite"):
        from sqlalchemy.engine import make_url

        named = make_url(address).database
        if named and named != ":memory:":
            return _sqlite_store(Path(named).absolute(), is_beside_runs=False)
    has_own_files = "://" in address and not address.startswith("http")
    return Store(address, (home / ARTIFACTS).as_uri() if has_own_files else None, home / ".mlflow.lock")


def sqlite_address(database: Path) -> str:
    """Return the address of a SQLite file for SQLAlchemy, whatever characters its path has.

    The driver is named because MLflow takes an address that begins with `sqlite:///` apart itself, without decoding
    it, and makes the directory that it finds there.

    Raises:
        RecordError: The path does not survive the way through SQLAlchemy; before version 2.1, one with `?` does not.
    """
    from sqlalchemy.engine import URL, make_url

    address = URL.create("sqlite+pysqlite", database=str(database)).render_as_string(hide_password=False)
    if make_url(address).database != str(database):
        raise RecordError(
            f"{database}: must be a path that SQLAlchemy can address (got a question mark or percent sign). "
            'Install a newer one, pip install "sqlalchemy>=2.1", or choose another output_dir.'
        )
    return address


def _sqlite_store(database: Path, *, is_beside_runs: bool) -> Store:
    return Store(
        sqlite_address(database),
        (database.parent / ARTIFACTS).as_uri(),
        database.with_name(f"{database.name}.lock"),
        database,
        is_beside_runs,
    )


def prepare_environment() -> None:
    """Set the environment variables that MLflow reads when it is loaded, for this process."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"  # it loses data silently
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
