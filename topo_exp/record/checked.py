"""JSON files that contain a checksum of their content, so that any damage is noticed when they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.files import write_text
from topo_exp.typing import Data


def write_checked(path: Path, content: Mapping[str, Data]) -> None:
    """Write plain data with its checksum, completely or not at all.

    Args:
        path: File that is made or replaced.
        content: The data.
    """
    write_text(path, json.dumps({"sha256": _digest(content), "content": content}) + "\n")


def read_checked(path: Path) -> dict[str, Data]:
    """Read data that `write_checked` wrote.

    Raises:
        RecordError: The file is missing or damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        content: dict[str, Data] = data["content"]
        is_whole = data["sha256"] == _digest(content)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordError(f"{path}: must be a whole record (got: {error}). It is damaged.") from error
    if not is_whole:
        raise RecordError(f"{path}: must have its recorded checksum (got another). It is damaged.")
    return content


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        RecordError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RecordError(f"{path}: must be readable (got: {error.strerror}). Is it deleted?") from error
