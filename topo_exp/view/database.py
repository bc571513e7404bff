"""The SQLite database of a store: made whole or not at all, owned by this user, and with addresses that are true."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.files import replacing, write_bytes
from topo_exp.view.store import ARTIFACTS, Store, sqlite_address

PATIENCE = 60.0
"""Seconds to wait while another process writes to the database."""


def prepare_database(store: Store) -> None:
    """Make the database of a store if it is missing, and correct its addresses if it was moved.

    Call it while `store.lock` is locked: two processes that make one database at once destroy it.

    Args:
        store: Any store; nothing is done for one that is not SQLite.

    Raises:
        RecordError: The database is another user's, or was never completed.
    """
    if store.database is None:
        return
    require_database(store, missing_ok=True)
    if has_content(store.database):
        if store.is_beside_runs and store.artifact_location:
            _correct_addresses(store.database, store.artifact_location)
    else:
        _make(store)


def require_database(store: Store, *, missing_ok: bool = False) -> None:
    """Raise unless the SQLite database of a store can be trusted and opened.

    Args:
        store: With a SQLite database.
        missing_ok: True to accept that there is none yet.

    Raises:
        RecordError: It is missing, is another user's, or was never completed.
    """
    database = store.database
    assert database is not None
    if store.is_beside_runs:
        for path in (database, database.parent / ARTIFACTS):
            _require_owner(path)
    if has_content(database):
        _require_whole(database)
    elif not missing_ok:
        raise RecordError(
            f"{database.parent}: must have an MLflow database (got none). "
            f"Run something there first, or make it from run directories: python -m topo_exp sync {database.parent}"
        )


def has_content(database: Path) -> bool:
    """Return True for a file that is not empty; SQLite makes an empty one as soon as it is asked for a database."""
    return database.is_file() and database.stat().st_size > 0


def _require_owner(path: Path) -> None:
    """Raise if a file or directory, or the link that leads to it, belongs to another user.

    The database says where copies of files are written, so that its owner decides where the user's files go.
    """
    if not hasattr(os, "getuid"):
        return
    for status in [path.lstat(), path.stat()] if path.exists() else []:
        if status.st_uid != os.getuid():
            raise RecordError(
                f"{path}: must belong to you (got user id {status.st_uid}, yours is {os.getuid()}). Choose another "
                "output_dir, or name a store that you trust in MLFLOW_TRACKING_URI."
            )


def _require_whole(database: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
            versions = connection.execute("select version_num from alembic_version").fetchall()
        problem = "" if versions else "one without a version, which was interrupted while it was made"
    except sqlite3.Error as error:
        problem = str(error)
    if problem:
        raise RecordError(
            f"{database}: must be a whole MLflow database (got: {problem}). "
            f"Delete it and make it again: python -m topo_exp sync {database.parent}"
        )


def _make(store: Store) -> None:
    """Make the database under another name and rename it, so that it is never seen half made.

    MLflow makes an empty one in many steps, which take longer than showing a small run. The first one is therefore kept
    in the user's cache directory, and the next ones are copies of it.
    """
    database, here = store.database, store.artifact_location
    assert database is not None
    assert here is not None
    for left in database.parent.glob(f".{database.name}.*.tmp*"):
        left.unlink(missing_ok=True)  # by a process that was killed: this one holds the lock
    kept = _place_of_empty_database()
    with replacing(database) as temporary:
        if not _is_copied(kept, temporary):
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            SqlAlchemyStore(sqlite_address(temporary), here).engine.dispose()
            if kept.is_absolute():  # otherwise the user has no home
                with suppress(RecordError):  # the cache cannot be written: the next one is made in steps, too
                    write_bytes(kept, temporary.read_bytes())
        _correct_addresses(temporary, here)


def _place_of_empty_database() -> Path:
    """Return the file for an empty database of this version of MLflow."""
    from mlflow.version import VERSION

    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache, "topo_exp", f"mlflow-{VERSION}.db")


def _is_copied(kept: Path, database: Path) -> bool:
    """Copy the kept empty database; return False if there is none, or none that can be used."""
    try:
        _require_owner(kept)
        shutil.copyfile(kept, database)
        _require_whole(database)
        with closing(sqlite3.connect(database)) as connection:
            is_whole = connection.execute("pragma quick_check").fetchall() == [("ok",)]
    except (OSError, RecordError, sqlite3.Error):
        is_whole = False
    if not is_whole:
        database.unlink(missing_ok=True)
    return is_whole


def _correct_addresses(database: Path, here: str) -> None:
    """Replace the addresses of other artifact directories of this package in a database.

    MLflow keeps absolute addresses. Without this, files would be written to the old place.
    """
    with closing(sqlite3.connect(database, timeout=PATIENCE)) as connection:
        places = [place for (place,) in connection.execute("select artifact_location from experiments") if place]
        old = {root for place in places if (root := _root(place)) not in (None, here)}
        with connection:  # one transaction
            for root in old:
                for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
                    connection.execute(
                        f"update {table} set {column} = ? || substr({column}, ?) "
                        f"where {column} = ? or substr({column}, 1, ?) = ?",
                        (here, len(str(root)) + 1, root, len(str(root)) + 1, f"{root}/"),
                    )


def _root(place: str) -> str | None:
    """Return the part of an address up to the artifact directory of this package, or None for any other address."""
    head, found, rest = place.rpartition(f"/{ARTIFACTS}")
    is_ours = found and (not rest or rest.startswith("/")) and head.startswith("file:")
    return head + found if is_ours else None
