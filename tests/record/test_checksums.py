"""SHA256SUMS: which files it lists, and what is read from it."""

import hashlib
import shutil
from pathlib import Path

import pytest

from topo_exp.errors import RecordError
from topo_exp.record.checked import file_sha256, read_checked, write_checked
from topo_exp.record.checksums import changed_files, read_checksums, require_unchanged, write_checksums

LISTED = ("metrics.csv", "maps/b.nc", "maps/a.nc", ".hydra/config.yaml", "maps/.hidden", "provenance/restart/x")
UNLISTED = (
    *("run.yaml", "run.log", "SHA256SUMS", ".lease.0001", ".reserve"),
    *("restart/000001.00.npz", "maps/.a.nc.7.tmp", "half.tmp"),
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a directory with files of each kind, each of which contains its name, and links to others."""
    run = tmp_path / "run"
    for name in (*LISTED, *UNLISTED):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").write_text("secret")
    (run / "link").symlink_to(tmp_path / "outside" / "key")
    (run / "folder").symlink_to(tmp_path / "outside")
    return run


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_table_lists_what_the_run_leaves_for_good(run: Path) -> None:
    """Files that change later, that have checksums of their own, or lie elsewhere are not in it; the order is fixed."""
    checksum = write_checksums(run)
    assert checksum == file_sha256(run / "SHA256SUMS")
    assert read_checksums(run) == {name: digest(name) for name in LISTED}
    copy = Path(shutil.copytree(run, run.parent / "copy", symlinks=True))
    assert write_checksums(copy) == checksum
    top, *below = [line.partition("  ")[2] for line in (run / "SHA256SUMS").read_text().splitlines()]
    assert (top, below) == ("metrics.csv", sorted(below))


def test_a_known_checksum_is_used_without_reading_the_file(run: Path) -> None:
    """A state of gigabytes, whose checksum was computed when it was written, is not read again."""
    write_checksums(run, {run / "maps" / "a.nc": "7" * 64})
    table = read_checksums(run)
    assert table["maps/a.nc"] == "7" * 64
    assert table["maps/b.nc"] == digest("maps/b.nc")


def test_changed_and_missing_files_are_listed_by_name(run: Path) -> None:
    """The findings are in order of name; a folder in place of a file is no file."""
    write_checksums(run)
    table = read_checksums(run)
    assert changed_files(run, table) == []
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").mkdir()
    (run / "maps" / "a.nc").write_text("maps/b.nc")
    assert changed_files(run, table) == ["maps/a.nc: changed", "metrics.csv: missing"]
    with pytest.raises(RecordError, match=r"maps/a\.nc: must be as the run left it"):
        require_unchanged(run / "maps" / "a.nc", run, table)
    require_unchanged(run / "maps" / "b.nc", run, table)
    require_unchanged(run / "run.log", run, table)


@pytest.mark.parametrize(
    "line", [f"{'a' * 63}  x", f"{'a' * 65}  x", f"{'a' * 64} x", f"{'a' * 64}", ""], ids=lambda line: str(len(line))
)
def test_a_table_that_was_cut_is_an_error(tmp_path: Path, line: str) -> None:
    """Each line has a whole checksum, two blanks and a name."""
    (tmp_path / "SHA256SUMS").write_text(f"{'b' * 64}  with  blanks\n{line}\n")
    with pytest.raises(RecordError, match=r"SHA256SUMS: must list checksums and names \(got '"):
        read_checksums(tmp_path)


def test_without_a_table_nothing_is_known(tmp_path: Path) -> None:
    """A run that is running has none; one that cannot be read is an error."""
    assert read_checksums(tmp_path) == {}
    (tmp_path / "SHA256SUMS").write_bytes(b"\xff")
    with pytest.raises(RecordError, match="SHA256SUMS: must be readable"):
        read_checksums(tmp_path)


def test_plain_data_with_a_checksum_is_read_back_or_refused(tmp_path: Path) -> None:
    """A changed value, a missing part, and text that is no JSON are errors that name the file."""
    path = tmp_path / "a.json"
    write_checked(path, {"x": [1, 2.5, None], "y": "ü"})
    whole = path.read_text()
    assert read_checked(path) == {"x": [1, 2.5, None], "y": "ü"}
    for damaged in (whole.replace("2.5", "2.6"), whole[:-9], "[]", "{}", "7", '{"content": {}}', "[" * 100_000):
        path.write_text(damaged)
        with pytest.raises(RecordError, match=r"a\.json: must .* It is damaged\."):
            read_checked(path)
    path.unlink()
    for read in (read_checked, file_sha256):
        with pytest.raises(RecordError, match=r"a\.json"):
            read(path)
