"""Compiled kernels are kept per user, processor and code version, safely for any number of processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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


def test_loading_kernels_leaves_numba_as_it_was(monkeypatch):
    """The place of the cache is set for this package's kernels only."""
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", "elsewhere")
    cache.kernels.__wrapped__()
    assert numba.config.CACHE_DIR == "elsewhere"


@pytest.mark.slow
def test_an_edit_of_one_file_compiles_all_kernels_anew(tmp_path):
    """A change in one file of the kernels replaces the stored code of all; without a change all of it is loaded."""
    root, stored_in = tmp_path / "copy", tmp_path / "cache"
    shutil.copytree(PACKAGE, root / "topo_exp", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from topo_exp.engine.compiled.cache import kernels; kernels()"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(stored_in), "PYTHONPATH": str(root)}

    def load() -> dict[Path, int]:
        """Load all kernels in a new process; return the files of the cache, with the times of their last change."""
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=root, check=True)
        return {path.relative_to(stored_in): path.stat().st_mtime_ns for path in stored_in.rglob("*.nb?")}

    first = load()
    assert len(first) >= 20  # an index and the code of each kernel that Python calls
    assert load() == first
    helper = root / "topo_exp" / "engine" / "compiled" / "kernels" / "active.py"  # none of its functions is stored
    assert not any(path.name.startswith("active") for path in first)
    helper.write_text(helper.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    second = load()
    anew = {path for path in second if path not in first}
    assert sorted(path.name for path in anew) == sorted(path.name for path in first)
    assert {path: second[path] for path in first} == first
    assert load() == second


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


@pytest.mark.slow
@pytest.mark.parametrize("executable", ["", "/nowhere/python3"])
def test_kernels_are_complete_without_a_second_process(tmp_path, executable):
    """All kernels are compiled and work where no second process can be started to compile half of them."""
    code = f"import sys; sys.executable = {executable!r}\n{RUN}"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    sim = Network().build("compiled")
    sim.run(3)
    assert done.stdout.strip() == sim["V1"].activity.tobytes().hex()
    assert not done.stderr


@pytest.mark.slow
def test_eight_cold_processes_at_once_agree(tmp_path):
    """Eight processes that start without a cache all compute the same, and leave a cache that works."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", RUN]
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(command, env=environment, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    results = {process.communicate(timeout=280)[0].strip() for process in processes}
    assert all(process.returncode == 0 for process in processes)
    sim = Network().build("compiled")
    sim.run(3)
    assert results == {sim["V1"].activity.tobytes().hex()}
    cached = sorted(tmp_path.rglob("*.nb?"))
    before = [path.stat().st_mtime_ns for path in cached]
    again = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    assert again.stdout.strip() in results
    assert [path.stat().st_mtime_ns for path in cached] == before
    assert np.all(np.array([path.stat().st_size for path in cached]) > 0)
