"""Pictures of a run are found by the names that their figures had."""

import struct
import zlib
from pathlib import Path

import pytest

from topo_exp.record.layout import picture_path
from topo_exp.record.pictures import PNG_SIGNATURE, cell_of, picture_files, picture_name, picture_time, pictures_by_name


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return one chunk of a PNG file: length, kind, content and checksum."""
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", zlib.crc32(kind + content))


AUTHOR, TITLE = chunk(b"tEXt", b"Author\0me"), chunk(b"tEXt", "Title\0V1/größe".encode("latin-1"))
OTHER = chunk(b"iTXt", b"Title\0no")
PIXELS = chunk(b"IDAT", b"1234")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PNG_SIGNATURE + AUTHOR + OTHER + TITLE + PIXELS, "V1/größe"),
        (PNG_SIGNATURE + AUTHOR + PIXELS, "V1_a_b"),
        (PNG_SIGNATURE + PIXELS + TITLE, "V1_a_b"),
        (PNG_SIGNATURE + AUTHOR[:-2], "V1_a_b"),
        (PNG_SIGNATURE, "V1_a_b"),
        (TITLE, "V1_a_b"),
        (b"", "V1_a_b"),
    ],
    ids=["title", "no title", "title after the pixels", "cut", "empty PNG", "no PNG", "empty"],
)
def test_a_picture_has_the_title_in_it_or_the_name_of_its_file(tmp_path: Path, content: bytes, name: str) -> None:
    """A title stands before the pixels of a PNG file."""
    path = tmp_path / "000005.00_V1_a_b.png"
    path.write_bytes(content)
    assert picture_name(path) == name
    assert picture_time(path) == 5.0


def test_a_picture_in_several_formats_is_one_and_its_png_is_shown(tmp_path: Path) -> None:
    """Names and times are in order; the title in the PNG file names the others; other files are no pictures."""
    for time in (10.0, 2.0):
        for suffix in ("png", "pdf", "svg"):
            path = picture_path(tmp_path, "V1/größe", time, suffix)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(PNG_SIGNATURE + TITLE if suffix == "png" else b"%PDF")
    (tmp_path / "plots" / "000002.00_A.svg").touch()
    for name in ("notes_a.png", "000002.png"):
        (tmp_path / "plots" / name).touch()
    found = pictures_by_name(tmp_path)
    assert [(name, list(times)) for name, times in found.items()] == [("A", [2.0]), ("V1/größe", [2.0, 10.0])]
    assert {path.suffix for path in found["V1/größe"].values()} == {".png"}
    assert [path.name for path in picture_files(tmp_path, "pdf")] == [
        "000002.00_V1_gr__e.pdf",
        "000010.00_V1_gr__e.pdf",
    ]
    assert len(picture_files(tmp_path)) == 7
    assert cell_of(tmp_path / "plots" / "000002.00_A.svg") == tmp_path / "cells" / "000002.00_A.png"
