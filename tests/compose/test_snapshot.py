"""Copies of code in the directory of a sweep, and what is recorded of their originals."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from topo_exp.compose.loading import load_function
from topo_exp.compose.snapshot import CodeSnapshot
from topo_exp.runner.provenance import ProvenanceThread, describe_code

MODEL = '''"""A model."""
import param, topo_exp

class Mine(param.Parameterized):
    """Mine."""
    size = param.Number(3.0, doc="Units.")

    def build(self):
        return topo_exp.build("tiny", cortex_density=self.size)
'''


def git(folder: Path, *words: str) -> str:
    """Run git as a user without settings of his own."""
    settings = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", "-C", str(folder), *settings, *words], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a model that has changed since its commit, and a package; it is the current folder."""
    folder = tmp_path / "project"
    (folder / "my_measures").mkdir(parents=True)
    (folder / "my_measures" / "__init__.py").write_text("")
    (folder / "my_measures" / "spread.py").write_text(
        "from . import __name__ as package\n\ndef spread(sim):\n    ...\n"
    )
    (folder / "mine.py").write_text(MODEL)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "begin")
    (folder / "mine.py").write_text(MODEL.replace("3.0", "4.0"))
    monkeypatch.chdir(folder)
    return folder


def test_runs_of_a_copy_record_the_commit_and_changes_of_the_original(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job elsewhere, in another repository, records the state that the code had when it was copied."""
    sweep = tmp_path / "elsewhere" / "sweep"
    (sweep / "run").mkdir(parents=True)
    git(sweep.parent, "init", "-q")
    snapshot = CodeSnapshot.of(sweep)
    described = sweep / snapshot.described("mine.py")
    copy = Path(snapshot.copy_of("mine.py"))
    assert snapshot.described("mine.py") == str(described.relative_to(sweep))
    (project / "mine.py").write_text("")
    monkeypatch.chdir(sweep)
    recorded: dict[str, Any] = {}
    record = SimpleNamespace(directory=sweep / "run", update=recorded.update)
    ProvenanceThread(copy, record, described=described).run()  # type: ignore[arg-type]  # as much of it as is used
    code = recorded["code"]
    assert code["model"]["commit"] == git(project, "rev-parse", "HEAD")
    assert code["model"]["root"] == str(project)
    assert code["model"]["dirty"] is True
    patch = (sweep / "run" / code["model"]["patch"]).read_text()
    assert '+    size = param.Number(4.0, doc="Units.")' in patch
    assert set(code) == {"model", "topo_exp", "directory"}


def test_a_description_is_that_of_git_now(project: Path, tmp_path: Path) -> None:
    """A stored description equals one that is made at the start of a run."""
    folder = tmp_path / "provenance"
    folder.mkdir()
    code = describe_code(project / "mine.py", folder)
    assert code["directory"] == {"same_as": "model"}
    assert (folder / "model.patch").read_text().startswith("diff --git a/mine.py")


def test_a_function_named_by_its_module_is_copied_with_its_package(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job imports the copy, although the package in the working directory has changed since."""
    function = load_function("my_measures.spread.spread", "analysis")
    assert Path(function.__code__.co_filename).is_relative_to(project)
    snapshot = CodeSnapshot.of(tmp_path / "sweep")
    assert snapshot.copy_of("my_measures.spread.spread") == "my_measures.spread.spread"
    (project / "my_measures" / "spread.py").write_text("")
    script = (
        "from topo_exp.compose.loading import load_function\n"
        "print(load_function('my_measures.spread.spread', 'analysis').__code__.co_filename)"
    )
    found = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={"PYTHONPATH": str(snapshot.program)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert found == str(snapshot.program / "my_measures" / "spread.py")
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_measures"]:
        monkeypatch.delitem(sys.modules, name)
