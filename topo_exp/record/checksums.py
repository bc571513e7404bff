"""SHA256SUMS: a checksum of every file of an ended run, so that later damage is noticed.

`sha256sum -c SHA256SUMS` in the run directory checks the files, too. The table does not list run.yaml, which holds the
checksum of the table and ends in its own, nor run.log, which is written after everything else, nor restart points,
which have their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.checked import file_sha256
from topo_exp.record.files import write_text
from topo_exp.record.layout import CHECKSUMS, RUN_LOG, RUN_YAML

UNLISTED = (RUN_YAML, RUN_LOG, CHECKSUMS)


def write_checksums(directory: Path, known: Mapping[Path, str] | None = None) -> str:
    """Write the checksums of all files of a run.

    Args:
        directory: Of the run.
        known: Checksums of files that need not be read again.

    Returns:
        The checksum of the table.
    """
    known = known or {}
    lines = [
        f"{known.get(path) or file_sha256(path)}  {path.relative_to(directory).as_posix()}\n"
        for path in _files(directory)
    ]
    write_text(directory / CHECKSUMS, "".join(lines))
    return file_sha256(directory / CHECKSUMS)


def read_checksums(directory: Path) -> dict[str, str]:
    """Read the checksums of a run, by file relative to its directory; none while a run is running.

    Raises:
        RecordError: The table is damaged.
    """
    path = directory / CHECKSUMS
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: must be readable (got: {error}). Restore it from a copy.") from error
    table = {}
    for line in text.splitlines():
        checksum, separator, name = line.partition("  ")
        if len(checksum) != 64 or not separator:
            raise RecordError(f"{path}: must list checksums and names (got {line[:80]!r}). It is damaged.")
        table[name] = checksum
    return table


def require_unchanged(path: Path, directory: Path, table: Mapping[str, str]) -> None:
    """Raise if a file of a run is not as the run left it.

    Args:
        path: The file.
        directory: Of the run.
        table: Its checksums; a file that is not in it is not checked.

    Raises:
        RecordError: The file has another checksum, or is missing.
    """
    expected = table.get(path.relative_to(directory).as_posix())
    if expected is not None and file_sha256(path) != expected:
        raise RecordError(
            f"{path}: must be as the run left it (got another checksum). It is damaged, or was changed since. "
            "Restore it from a copy."
        )


def changed_files(directory: Path, table: Mapping[str, str]) -> list[str]:
    """List the files of a run that are missing or have another checksum, each with the finding."""
    found = []
    for name, checksum in sorted(table.items()):
        path = directory / name
        if not path.is_file():
            found.append(f"{name}: missing")
        elif file_sha256(path) != checksum:
            found.append(f"{name}: changed")
    return found


def _files(directory: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(set(folders) - {"restart"} if Path(folder) == directory else folders)
        for name in sorted(names):
            path = Path(folder, name)
            is_hidden = name.startswith(".") and Path(folder) == directory
            if not is_hidden and not name.endswith(".tmp") and name not in UNLISTED and not path.is_symlink():
                yield path
