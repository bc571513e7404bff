"""Archives: the same bytes for the same runs, everything checked, and nothing outside of the target."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

import topo_exp
from topo_exp.__main__ import main
from topo_exp.after.archives import read_archive, write_archive
from topo_exp.after.collate import collate
from topo_exp.errors import ConfigError, RecordError


def crafted(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], listed: dict[str, bytes] | None = None) -> Path:
    """Write an archive with these members after a listing, which is of the given files or of the members."""
    named = {info.name: content for info, content in members} if listed is None else listed
    files = {name: [len(content), hashlib.sha256(content).hexdigest()] for name, content in named.items()}
    text = json.dumps({"format": 1, "files": files}).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, content in [(tarfile.TarInfo("archive.json"), text), *members]:
            info.size = len(content) if info.isreg() or content else 0
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(zstandard.ZstdCompressor().compress(buffer.getvalue()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """Return the head of a member."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_equal_directories_give_equal_archives(finished: Path, tmp_path: Path) -> None:
    """A copy of a sweep with other dates on its files is packed into the same bytes."""
    copy = Path(shutil.copytree(finished, tmp_path / "copy" / finished.name, copy_function=shutil.copyfile))
    for number, directory in enumerate((finished, copy)):
        write_archive([directory], tmp_path / f"{number}.tar.zst")
    assert (tmp_path / "0.tar.zst").read_bytes() == (tmp_path / "1.tar.zst").read_bytes()


def test_an_unpacked_sweep_is_the_packed_one(finished: Path, tmp_path: Path) -> None:
    """All runs are unchanged, and give the same table."""
    write_archive([finished], tmp_path / "a.tar.zst")
    (made,) = read_archive(tmp_path / "a.tar.zst", tmp_path / "moved")
    assert made == tmp_path / "moved" / finished.name
    assert all(run.verify() == [] for run in topo_exp.load_sweep(made).runs)
    before, after = (collate(path).drop(columns="directory") for path in (finished, made))
    assert before.equals(after)
    assert sorted(path.name for path in (tmp_path / "moved").iterdir()) == [finished.name]


def test_a_name_that_is_taken_is_kept(finished: Path, tmp_path: Path) -> None:
    """A second copy gets a number."""
    write_archive([finished], tmp_path / "a.tar.zst")
    names = [read_archive(tmp_path / "a.tar.zst", tmp_path / "moved")[0].name for _ in range(2)]
    assert names == [finished.name, f"{finished.name}-2"]


def test_links_are_left_out(finished: Path, tmp_path: Path) -> None:
    """Neither a linked file nor a linked folder gets into an archive."""
    copy = Path(shutil.copytree(finished, tmp_path / finished.name))
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (copy / "link.txt").symlink_to(secret / "key")
    (copy / "folder").symlink_to(secret)
    assert not [name for name in write_archive([copy], tmp_path / "a.tar.zst") if "link" in name or "key" in name]


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "a path above": lambda path: crafted(path, [(member("run/../../evil"), b"x")]),
    "an absolute path": lambda path: crafted(path, [(member("/tmp/evil"), b"x")]),
    "a file without a directory": lambda path: crafted(path, [(member("evil"), b"x")]),
    "a folder that is no run": lambda path: crafted(path, [(member("run/run.yaml"), b"x"), (member("lib/evil"), b"x")]),
    "a hidden directory": lambda path: crafted(path, [(member(".ssh/evil"), b"x")]),
    "a backslash": lambda path: crafted(path, [(member("run\\..\\evil/x"), b"x")]),
    "a link": lambda path: crafted(path, [(member("run/run.yaml", tarfile.SYMTYPE, "/etc/passwd"), b"")]),
    "a hard link": lambda path: crafted(path, [(member("run/run.yaml", tarfile.LNKTYPE, "/etc/passwd"), b"")]),
    "a device": lambda path: crafted(path, [(member("run/run.yaml", tarfile.CHRTYPE), b"")]),
    "a file that is not listed": lambda path: crafted(path, [(member("run/run.yaml"), b"x")], {}),
    "another size": lambda path: crafted(path, [(member("run/run.yaml"), b"xx")], {"run/run.yaml": b"x"}),
    "other contents": lambda path: crafted(path, [(member("run/run.yaml"), b"y")], {"run/run.yaml": b"x"}),
    "a file twice": lambda path: crafted(path, [(member("run/run.yaml"), b"x"), (member("run/run.yaml"), b"x")]),
    "a file that is missing": lambda path: crafted(path, [], {"run/run.yaml": b"x"}),
    "no listing": lambda path: path.write_bytes(zstandard.ZstdCompressor().compress(b"\0" * 10240)) and path,
    "a long name of many MB": lambda path: crafted(path, [(member("x", tarfile.GNUTYPE_LONGNAME), b"x" * 5_000_000)]),
    "a PAX head of many MB": lambda path: crafted(path, [(member("x", tarfile.XHDTYPE), b"9 a=bcde\n" * 500_000)]),
    "no archive": lambda path: path.write_bytes(b"PK hello") and path,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_archives_leave_nothing(tmp_path: Path, kind: str) -> None:
    """Anything that this program does not write is refused with the archive's name, and nothing is left behind."""
    path = HOSTILE[kind](tmp_path / "a.tar.zst")
    with pytest.raises(RecordError, match=r"a\.tar\.zst"):
        read_archive(path, tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar.zst", "target"]


def test_more_than_the_disk_holds_is_refused_before_it_is_written(tmp_path: Path) -> None:
    """The listed sizes are added up first."""
    text = json.dumps({"format": 1, "files": {"run/run.yaml": [10**18, "0"]}}).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("archive.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    (tmp_path / "a.tar.zst").write_bytes(zstandard.ZstdCompressor().compress(buffer.getvalue()))
    with pytest.raises(RecordError, match="must fit on the disk"):
        read_archive(tmp_path / "a.tar.zst", tmp_path / "target")


@pytest.mark.parametrize("text", ['{"format": 1, "files": {"run/x": [1e999, "0"]}}', "[" * 100_000])
def test_a_listing_that_is_no_listing_is_refused(tmp_path: Path, text: str) -> None:
    """An infinite size and nesting without end are errors of the archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("archive.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    (tmp_path / "a.tar.zst").write_bytes(zstandard.ZstdCompressor().compress(buffer.getvalue()))
    with pytest.raises(RecordError, match=r"a\.tar\.zst: must have a readable archive\.json"):
        read_archive(tmp_path / "a.tar.zst", tmp_path / "target")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_archive_is_refused(finished: Path, tmp_path: Path, share: float) -> None:
    """A file that was not copied to its end is an error, and leaves nothing."""
    write_archive([finished], tmp_path / "a.tar.zst")
    content = (tmp_path / "a.tar.zst").read_bytes()
    (tmp_path / "a.tar.zst").write_bytes(content[: int(share * len(content))])
    with pytest.raises(RecordError, match=r"a\.tar\.zst"):
        read_archive(tmp_path / "a.tar.zst", tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["archive"], "must be given PATHS and -o"),
        (["archive", "{runs}", "-o", "a.zip"], "-o: must end in .tar.zst"),
        (["archive", "{runs}", "-o", "missing/a.tar.zst"], "directory that exists"),
        (["archive", ".", "-o", "a.tar.zst"], "must be runs or sweeps"),
        (["archive", "--import", "missing.tar.zst"], "must be the name of a file"),
        (["archive", "{runs}", "--import", "a.tar.zst"], "must be given PATHS or --import"),
    ],
)
def test_wrong_words_are_refused(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    text: str,
) -> None:
    """Each mistake is one line with exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main([word.format(runs=finished) for word in words]) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_progress_is_not_packed(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that a process writes into is refused."""
    monkeypatch.setattr("topo_exp.after.archives.is_leased", lambda run: True)
    with pytest.raises(RecordError, match="must have ended"):
        write_archive([finished], tmp_path / "a.tar.zst")
    assert list(tmp_path.iterdir()) == []


def test_names_in_an_archive_differ(finished: Path, tmp_path: Path) -> None:
    """Two directories of one name cannot be told apart in an archive."""
    copy = Path(shutil.copytree(finished, tmp_path / finished.name))
    with pytest.raises(ConfigError, match="must have different names"):
        write_archive([finished, copy], tmp_path / "a.tar.zst")
