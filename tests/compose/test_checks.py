"""Checks before a run: texts that no file can hold, and directories that cannot be made."""

import os
from pathlib import Path
from typing import Any

import pytest

from topo_exp.compose.checks import as_bytes, check_encodable, check_output
from topo_exp.errors import ConfigError

BAD = "a\udcff"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (BAD, "command line"),
        ({"a": {"b": ["x", BAD]}}, r"a\.b"),
        ({"a": ({BAD: 1},)}, "a"),
        ({BAD: 1}, "command line"),
    ],
)
def test_a_text_that_is_no_utf8_is_refused_with_its_place(value: Any, where: str) -> None:
    """The bytes of the command line are shown, however deep in the settings they are."""
    with pytest.raises(ConfigError, match=rf"^{where}: must be a text in UTF-8 \(got b'a\\xff'\)"):
        check_encodable(value)
    check_encodable({"a": ["ü", 1, None, {"b": ("€",)}]})


def test_lone_surrogates_stand_for_bytes() -> None:
    """Those of the upper range do; others are written as Python shows them."""
    assert as_bytes("ü\udcff") == b"\xc3\xbc\xff"
    assert as_bytes("\ud800") == rb"\ud800"


def test_a_directory_that_can_be_made_is_accepted(tmp_path: Path) -> None:
    """Or one that is there, also through a link; nothing is made."""
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for name in ("there", "new", "new/below/it", "link", "link/new"):
        check_output(tmp_path / name, "output_dir")
    assert sorted(os.listdir(tmp_path)) == ["link", "there"]
    check_output(Path("relative/and/new"), "output_dir")


def test_a_directory_that_cannot_be_made_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in its place or above it, a link to nothing, a name that no file system has, or no permission."""
    file, link, closed = tmp_path / "file", tmp_path / "link", tmp_path / "closed"
    file.touch()
    link.symlink_to(tmp_path / "nowhere")
    closed.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and access(path, mode))
    for path, reason in (
        (file, f"{file} is a file"),
        (file / "below", f"{file} is a file"),
        (link, f"{link} is a link to nothing"),
        (link / "below", f"{link} is a link to nothing"),
        (closed / "a" / "b", f"{closed} cannot be written to"),
        (tmp_path / ("a" * 300), "file name too long"),
        (tmp_path / "a\0b", "it has a null character"),
    ):
        with pytest.raises(ConfigError) as found:
            check_output(path, "metadata_dir")
        assert str(found.value).startswith("metadata_dir: must be a directory, or the path of a new one (got ")
        assert f": {reason})" in str(found.value)
    with pytest.raises(ConfigError, match="metadata_dir: must be a text in UTF-8"):
        check_output(tmp_path / BAD, "metadata_dir")
