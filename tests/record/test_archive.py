"""Copies of finished runs: the same files in each form, and nothing else."""

import os
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from topo_exp.errors import RecordError
from topo_exp.record.archive import archive

Form = Literal["tar.gz", "zip"] | None
FORMS: tuple[Form, ...] = ("tar.gz", "zip", None)
CONTENT = {"run.yaml": b"id: a\n", "maps/a b.nc": bytes(1000), ".hydra/config.yaml": b"x: 1\n"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a directory with files, a temporary file that a crash left, and links to a file and a folder outside."""
    run, secret = tmp_path / "run", tmp_path / "secret"
    for name, content in {**CONTENT, "maps/.a b.nc.77.tmp": b"half"}.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)
    secret.mkdir()
    (secret / "key").write_bytes(b"secret")
    (run / "key").symlink_to(secret / "key")
    (run / "maps" / "folder").symlink_to(secret)
    return run


def contents(path: Path) -> dict[str, bytes]:
    """Return the files of a copy, by their names in it."""
    if path.is_dir():
        return {each.relative_to(path).as_posix(): each.read_bytes() for each in path.rglob("*") if each.is_file()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as stored:
            found = {name: stored.read(name) for name in stored.namelist()}
    else:
        with tarfile.open(path) as stored_tar:
            files = ((entry.name, stored_tar.extractfile(entry)) for entry in stored_tar.getmembers())
            found = {name: file.read() for name, file in files if file is not None}
    assert all(name.startswith("run/") for name in found)
    return {name.removeprefix("run/"): content for name, content in found.items()}


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_has_the_files_of_the_run_and_no_others(run: Path, tmp_path: Path, form: Form) -> None:
    """Links would bring in files of other places, and temporary files are parts of files; both are left out."""
    copy = archive(run, tmp_path / "kept", form)
    assert contents(copy) == CONTENT


@pytest.mark.parametrize("form", FORMS)
def test_each_copy_has_a_name_of_its_own(run: Path, tmp_path: Path, form: Form) -> None:
    """Numbers begin at 2, names that are taken stay as they are, and nothing temporary is left."""
    suffix = "" if form is None else f".{form}"
    expected = [f"run{suffix}", f"run-2{suffix}", f"run-3{suffix}"]
    assert [archive(run, tmp_path / "kept", form).name for _ in expected] == expected
    assert sorted(os.listdir(tmp_path / "kept")) == sorted(expected)


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_archives_of_equal_directories_are_equal(run: Path, tmp_path: Path, form: Literal["tar.gz", "zip"]) -> None:
    """Dates of files, and the time of archiving, leave no trace; the content is compressed."""
    first = archive(run, tmp_path / "one", form)
    for path in run.rglob("*.nc"):
        os.utime(path, (1e9, 1e9))
    second = archive(run, tmp_path / "two", form)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 1000


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_that_cannot_be_written_names_the_option(run: Path, tmp_path: Path, form: Form) -> None:
    """The place is the user's choice, so the error says which option chose it."""
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match=r"metadata_dir .*file/kept.*must be writable"):
        archive(run, tmp_path / "file" / "kept", form)
