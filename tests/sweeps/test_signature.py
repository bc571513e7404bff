"""Signatures: a sweep is signed while it is as this user has made it, and for this user only."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.manifest import Manifest
from topo_exp.sweeps.signature import is_signed, is_unfinished, sign, sign_unfinished
from topo_exp.sweeps.space import Sweep


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepDirectory:
    """Return a sweep with stored settings and code, which was signed after that."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = SweepDirectory.make(tmp_path, "sweep", Manifest(space=Sweep(a=[1, 2]), command="", created=""))
    assert is_signed(made.path)
    for name in ("settings/1.json", "code/files/0_own/mine.py", "code/program/topo_exp/about.py"):
        (made.path / name).parent.mkdir(parents=True, exist_ok=True)
        (made.path / name).write_text(name)
    (made.path / "code" / "files" / "0_own" / "images").symlink_to(tmp_path)
    assert not is_signed(made.path)
    sign(made.path)
    return made


def _write(name: str) -> Callable[[Path], object]:
    return lambda sweep: (sweep / name).write_text("other")


def _relink(sweep: Path) -> None:
    link = sweep / "code" / "files" / "0_own" / "images"
    link.unlink()
    link.symlink_to("/")


@pytest.mark.parametrize(
    "change",
    [
        _write("sweep.yaml"),
        _write("settings/1.json"),
        _write("settings/2.json"),
        _write("code/files/0_own/mine.py"),
        _write("code/program/mine.py"),
        _write("sweep.signature"),
        _relink,
        lambda sweep: (sweep / "code" / "program" / "topo_exp" / "about.py").unlink(),
        lambda sweep: (sweep / "settings" / "1.json").rename(sweep / "settings" / "3.json"),
        lambda sweep: (sweep / "sweep.signature").unlink(),
    ],
)
def test_what_this_user_has_not_written_is_not_signed(sweep: SweepDirectory, change: Callable[[Path], object]) -> None:
    """A description, settings or code that were changed, added, renamed or removed do not fit the signature."""
    assert is_signed(sweep.path)
    change(sweep.path)
    assert not is_signed(sweep.path)


def test_runs_and_compiled_files_change_nothing(sweep: SweepDirectory) -> None:
    """A signed sweep stays so while it runs, and where it is moved to."""
    for name in ("code/program/topo_exp/__pycache__/about.pyc", "points/1.done", "202611221137_tiny/run.yaml"):
        (sweep.path / name).parent.mkdir(parents=True, exist_ok=True)
        (sweep.path / name).write_text(name)
    moved = sweep.path.rename(sweep.path.with_name("moved"))
    assert is_signed(moved)


def test_the_signature_is_of_one_user(sweep: SweepDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's key, or none, gives another signature; the key is for its user's eyes only."""
    key = tmp_path / "config" / "topo_exp" / "key"
    assert (key.stat().st_mode & 0o077, key.stat().st_size) == (0, 32)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "theirs"))
    assert not is_signed(sweep.path)
    sign(sweep.path)
    assert is_signed(sweep.path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert not is_signed(sweep.path)


def test_without_a_home_directory_nothing_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep is made all the same."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    made = SweepDirectory.make(tmp_path, "sweep", Manifest(space=Sweep(a=[1]), command="", created=""))
    assert (made.path / "sweep.yaml").is_file()
    assert not is_signed(made.path)


def test_points_are_added_to_a_signed_sweep_without_a_gap(
    sweep: SweepDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just before and after its description is replaced a sweep is signed; an unsigned one stays unsigned."""
    seen = []

    def write(path: Path, text: str) -> None:
        seen.append(is_signed(sweep.path))
        path.write_text(text)
        seen.append(is_signed(sweep.path))

    monkeypatch.setattr("topo_exp.sweeps.directory.write_text", write)
    more = Manifest(space=Sweep(a=[1, 2, 3]), command="", created="")
    sweep.rewritten(more)
    assert seen == [True, True]
    shutil.rmtree(sweep.path / "settings")
    sweep.rewritten(more)
    assert seen[2:] == [False, False]


def test_unfinished_storing_is_no_signature(sweep: SweepDirectory) -> None:
    """Whoever was stopped while files were stored may store the rest; nothing runs unasked until that is signed."""
    assert not is_unfinished(sweep.path)
    sign_unfinished(sweep.path)
    assert is_signed(sweep.path)
    (sweep.path / "settings" / "2.json").write_text("being stored")
    assert not is_signed(sweep.path)
    assert is_unfinished(sweep.path)
    more = sweep.rewritten(Manifest(space=Sweep(a=[1, 2, 3]), command="", created=""))
    assert not is_signed(more.path)
    assert is_unfinished(more.path)
    sign(more.path)
    assert is_signed(more.path)
    assert not is_unfinished(more.path)


def test_unfinished_storing_of_another_user_is_not_ones_own(
    sweep: SweepDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is signed with the key of its user."""
    sign_unfinished(sweep.path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    sign_unfinished(SweepDirectory.make(tmp_path, "own", Manifest(space=Sweep(a=[1]), command="", created="")).path)
    assert not is_unfinished(sweep.path)
