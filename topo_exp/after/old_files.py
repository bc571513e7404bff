"""Files that other programs left, read with limits: regular files only, and no more than their ends."""

from __future__ import annotations

import stat
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.files import path_errors

ENDS = 200_000
"""Bytes that are read at either end of a log."""
WHOLE = 20_000_000
"""Largest file that is read whole, bytes."""


def read_ends(path: Path) -> tuple[str, str]:
    """Return the beginning and the end of a text file, which overlap in a short one.

    Raises:
        RecordError: It is no regular file, or cannot be read.
    """
    _require_regular(path)
    with path_errors(path), path.open("rb") as file:
        head = file.read(ENDS)
        size = file.seek(0, 2)
        file.seek(max(0, size - ENDS))
        return head.decode("utf-8", "replace"), file.read(ENDS).decode("utf-8", "replace")


def read_whole(path: Path) -> str:
    """Return a text file.

    Raises:
        RecordError: It is no regular file, is too large, or cannot be read.
    """
    _require_regular(path)
    with path_errors(path), path.open("rb") as file:
        content = file.read(WHOLE + 1)
    if len(content) > WHOLE:
        raise RecordError(f"{path}: must have at most {WHOLE} bytes (got more).")
    return content.decode("utf-8", "replace")


def _require_regular(path: Path) -> None:
    with path_errors(path):
        mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise RecordError(f"{path}: must be a regular file (got a link or device).")
