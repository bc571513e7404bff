"""Pictures of a run: their files, and the names that are stored in them."""

from __future__ import annotations

import struct
from pathlib import Path

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture_name(path: Path) -> str:
    """Return the name that a figure was given, from its file.

    Args:
        path: A picture in `plots/`.

    Returns:
        The title stored in a PNG file; for other files the part of the file name after the time.
    """
    with path.open("rb") as file:
        if file.read(8) == PNG_SIGNATURE:
            while len(head := file.read(8)) == 8:
                length, kind = struct.unpack("!I4s", head)
                if kind == b"IDAT":
                    break
                content = file.read(length + 4)[:-4]
                if kind == b"tEXt" and content.startswith(b"Title\0"):
                    return content[6:].decode("latin-1")
    return path.stem.partition("_")[2]


def picture_time(path: Path) -> float:
    """Return the time of a picture, from its file name."""
    return float(path.name.partition("_")[0])


def cell_of(path: Path) -> Path:
    """Return the file of the same picture for a cell of a table, which the run may or may not have.

    Args:
        path: A picture in `plots/`.
    """
    return path.parents[1] / "cells" / f"{path.stem}.png"


def picture_files(directory: Path, suffix: str = "*") -> list[Path]:
    """List the pictures of a run, sorted by time and name.

    Args:
        directory: Of the run.
        suffix: File format, without the dot; all formats by default.
    """
    return sorted((directory / "plots").glob(f"[0-9]*_*.{suffix}"))


def pictures_by_name(directory: Path) -> dict[str, dict[float, Path]]:
    """List the pictures of a run by name and time; where a picture has several formats, its PNG file."""
    found: dict[str, dict[float, Path]] = {}
    # PNG last, so that it replaces the others
    for path in sorted(picture_files(directory), key=lambda path: (path.suffix == ".png", path.name)):
        png = path.with_suffix(".png")
        name = picture_name(png if png.exists() else path)
        found.setdefault(name, {})[picture_time(path)] = path
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}
