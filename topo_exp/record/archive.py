"""Copies of finished run directories in another place, as a directory or as one archive file."""

from __future__ import annotations

import gzip
import itertools
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from topo_exp.record.files import make_directory, path_errors, replacing

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Date of every entry: the earliest that zip can store. With it, equal directories give equal archives."""


def archive(directory: Path, target: Path, form: Literal["tar.gz", "zip"] | None) -> Path:
    """Copy a run directory into `target`.

    Args:
        directory: A finished run.
        target: A directory, made if missing.
        form: Format of the archive; a plain copy if None. Archives of equal directories are equal byte for byte.

    Returns:
        The copy, named as the directory, with `-2`, `-3` ... appended where that name is taken.

    Raises:
        RecordError: It cannot be written.
    """
    if form is None:
        copy = make_directory(target, directory.name, option="metadata_dir")
        with path_errors(copy, "metadata_dir"):
            shutil.copytree(directory, copy, dirs_exist_ok=True, ignore=_left_out)
        return copy
    with replacing(target / f".{directory.name}.{os.getpid()}.{form}", "metadata_dir") as packed:
        (_write_tar if form == "tar.gz" else _write_zip)(directory, packed)
        for number in itertools.count(1):
            path = target / (f"{directory.name}.{form}" if number == 1 else f"{directory.name}-{number}.{form}")
            if _take_name(packed, path):
                break
    (target / f".{directory.name}.{os.getpid()}.{form}").unlink()
    return path


def _take_name(packed: Path, path: Path) -> bool:
    try:
        os.link(packed, path)  # fails where the name is taken, unlike a rename
    except FileExistsError:
        return False
    return True


def _left_out(folder: str, names: list[str]) -> list[str]:
    """Return the names of temporary files, and of links: a link would bring a file of another place into the copy."""
    return [name for name in names if name.endswith(".tmp") or Path(folder, name).is_symlink()]


def _files(directory: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not _left_out(str(path.parent), [path.name]):
            yield path, f"{directory.name}/{path.relative_to(directory).as_posix()}"


def _write_tar(directory: Path, packed: Path) -> None:
    with (
        packed.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, name in _files(directory):
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(entry, content)


def _write_zip(directory: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archived:
        for path, name in _files(directory):
            entry = zipfile.ZipInfo(name, date_time=EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as content, archived.open(entry, "w") as place:
                shutil.copyfileobj(content, place)
