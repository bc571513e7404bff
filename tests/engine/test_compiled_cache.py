"""Compiled kernels are kept per user, processor and copy of the code, safely for any number of processes."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles import ROOT, ended
from tests.engine.small_networks import Network
from topo_exp.engine.compiled import cache

RUN = """
from tests.engine.small_networks import Network
sim = Network().build("compiled")
sim.run(3)
print(sim["V1"].activity.tobytes().hex())
"""
PACKAGE = Path(cache.__file__).parents[2]


def test_the_cache_lies_where_numba_is_told_or_the_user_keeps_caches(tmp_path, monkeypatch):
    """NUMBA_CACHE_DIR is honoured first, then XDG_CACHE_HOME."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache._cache_directory("name") == tmp_path / "xdg" / "topo_exp" / "name"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert cache._cache_directory("name") == tmp_path / "numba" / "topo_exp" / "name"


def test_a_home_that_cannot_be_written_gives_way_to_a_private_directory(tmp_path, monkeypatch):
    """Where the user's cache cannot be made, kernels are kept below the system's temporary directory."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    directory = cache._cache_directory("name")
    assert directory.is_dir()
    assert directory.is_relative_to(tmp_path)
    assert directory.stat().st_mode & 0o077 == 0
    next(tmp_path.glob("topo_exp-*")).chmod(0o777)
    assert not cache._cache_directory("name").is_relative_to(next(tmp_path.glob("topo_exp-*/topo_exp")))


def test_another_copy_of_the_package_is_not_called_compiled(tmp_path, monkeypatch):
    """numba does not find code that was stored for another path, so that the copy is compiled as if it were new."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_directory", cache._directory.__wrapped__)
    (cache._directory() / "compiled").touch()
    assert cache.is_compiled()
    copy = Path(shutil.copytree(cache.KERNELS, tmp_path / "kernels"))
    assert cache.source_hash(copy) == cache.source_hash(cache.KERNELS)
    monkeypatch.setattr(cache, "KERNELS", copy)
    assert not cache.is_compiled()


def test_loading_kernels_leaves_numba_as_it_was(monkeypatch):
    """The place of the cache is set for this package's kernels only."""
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", "elsewhere")
    cache.kernels.__wrapped__()
    assert numba.config.CACHE_DIR == "elsewhere"


COMPILED = """
from importlib import import_module
from numba.core.dispatcher import Dispatcher
from topo_exp.engine.compiled.cache import KERNELS, kernels
entries = [name for name, thing in vars(kernels()).items() if isinstance(thing, Dispatcher)]
for path in KERNELS.glob("*.py"):
    module = import_module(f"topo_exp.engine.compiled.kernels.{path.stem}")
    for name, thing in vars(module).items():
        if isinstance(thing, Dispatcher) and thing.overloads and name not in entries:
            print(path.stem, name)
"""


def test_nothing_is_compiled_where_the_cache_is_complete():
    """Loading the kernels from the cache compiles none of the functions that they are made of."""
    cache.kernels()
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


@dataclass(frozen=True)
class Checkout:
    """A copy of this package, with a cache of its own."""

    root: Path

    def start(self, executable: str = sys.executable) -> subprocess.Popen[str]:
        """Start a process that runs a small network and prints its activity; `executable` is its `sys.executable`."""
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.root / "cache"), "PYTHONPATH": f"{self.root}:{ROOT}"}
        environment.pop("NUMBA_CACHE_DIR", None)
        return subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.executable = {executable!r}\n{RUN}"],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stored(self) -> dict[Path, int]:
        """Return the files of the cache that have code, with the times of their last change."""
        return {path: path.stat().st_mtime_ns for path in (self.root / "cache").rglob("*.nb?")}


def copied(root: Path) -> Checkout:
    """Copy the package into a directory."""
    shutil.copytree(PACKAGE, root / "topo_exp", ignore=shutil.ignore_patterns("__pycache__"))
    return Checkout(root)


def assert_computed(outcome: tuple[int, str, str]) -> None:
    """Assert that a process has computed what this one does, without a word."""
    sim = Network().build("compiled")
    sim.run(3)
    assert outcome == (0, sim["V1"].activity.tobytes().hex() + "\n", "")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, list[tuple[int, str, str]]]:
    """Return a checkout whose cache was filled by eight processes at once, and their outcomes."""
    checkout = copied(tmp_path_factory.mktemp("filled"))
    return checkout, ended([checkout.start() for _ in range(8)], timeout=280)


@dataclass(frozen=True)
class Edited:
    """The cache of a checkout before one of its files was edited, and after each of two processes that ran then."""

    before: dict[Path, int]
    first: dict[Path, int]
    outcome: tuple[int, str, str]
    second: dict[Path, int]


@pytest.fixture(scope="module")
def edited(filled: tuple[Checkout, list[tuple[int, str, str]]]) -> Edited:
    """Edit one file of the kernels, compile them in a process that cannot start another, and restore the file."""
    checkout, _ = filled
    before = checkout.stored()
    helper = checkout.root / "topo_exp" / "engine" / "compiled" / "kernels" / "active.py"
    text = helper.read_text(encoding="utf-8")
    helper.write_text(text + "# edited\n", encoding="utf-8")
    try:
        (outcome,) = ended([checkout.start("")], timeout=280)
        first = checkout.stored()
        assert ended([checkout.start()])[0] == outcome
        return Edited(before, first, outcome, checkout.stored())
    finally:
        helper.write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_eight_cold_processes_at_once_agree(filled: tuple[Checkout, list[tuple[int, str, str]]]) -> None:
    """Eight processes that start without a cache all compute the same, and leave a cache that works."""
    checkout, outcomes = filled
    for outcome in outcomes:
        assert_computed(outcome)
    before = checkout.stored()
    assert_computed(ended([checkout.start()])[0])
    assert checkout.stored() == before
    assert all(path.stat().st_size > 0 for path in before)


@pytest.mark.slow
def test_an_edit_of_one_file_compiles_all_kernels_anew(edited: Edited) -> None:
    """A change in one file of the kernels replaces the stored code of all; without a change all of it is loaded."""
    assert len(edited.before) >= 20  # an index and the code of each kernel that Python calls
    assert not any(path.name.startswith("active") for path in edited.before)  # none of its functions is stored
    anew = {path for path in edited.first if path not in edited.before}
    assert sorted(path.name for path in anew) == sorted(path.name for path in edited.before)
    assert {path: edited.first[path] for path in edited.before} == edited.before
    assert edited.second == edited.first


@pytest.mark.slow
def test_kernels_are_complete_without_the_name_of_python(edited: Edited) -> None:
    """All kernels are compiled and work where no second process is started, since the program is no Python."""
    assert_computed(edited.outcome)


@pytest.mark.slow
def test_kernels_are_complete_without_a_second_process(tmp_path: Path) -> None:
    """All kernels are compiled and work where the second process, which compiles half of them, cannot be started."""
    assert_computed(ended([copied(tmp_path).start("/nowhere/python3")], timeout=280)[0])
