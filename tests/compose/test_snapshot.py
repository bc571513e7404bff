"""Copies of code in the directory of a sweep, and what is recorded of their originals."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from topo_exp.compose import snapshot as snapshots
from topo_exp.compose.loading import load_function
from topo_exp.compose.snapshot import CodeSnapshot
from topo_exp.errors import RecordError
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


@pytest.fixture
def without_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the copy of this package, which takes a second."""
    monkeypatch.setattr(snapshots, "_copy_program", lambda package, target: target.mkdir(parents=True))


@pytest.mark.usefixtures("without_program")
def test_the_folder_of_a_model_is_copied_as_far_as_it_is_code(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python files and packages are copied, data are linked; hidden files, the sweep and an environment stay out."""
    files = {
        "data/numbers.csv": "1",
        "picture.png": "2",
        "other.py": "x = 1",
        "tools/deep/helper.py": "y = 2",
        "tools/notes.txt": "3",
        ".secret/key": "4",
        "__pycache__/other.pyc": "5",
        "my_measures/__pycache__/spread.pyc": "6",
        "environment/bin/python": "7",
        "Output/old/run.yaml": "8",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    monkeypatch.setattr(snapshots, "imported_files", lambda folder: [folder / "tools" / "deep" / "helper.py"])
    monkeypatch.setattr(sys, "prefix", str(project / "environment"))
    sweep = project / "Output" / "sweep"
    sweep.mkdir()
    copy = Path(CodeSnapshot.of(sweep).copy_of("mine.py"))
    assert copy.read_text() == (project / "mine.py").read_text()
    assert sorted(path.name for path in copy.parent.iterdir()) == [
        *("data", "mine.py", "my_measures", "other.py", "picture.png", "tools")
    ]
    assert {path.name for path in copy.parent.iterdir() if path.is_symlink()} == {"data", "picture.png"}
    assert (copy.parent / "data" / "numbers.csv").read_text() == "1"
    assert sorted(path.name for path in (copy.parent / "my_measures").iterdir()) == ["__init__.py", "spread.py"]
    assert [path.relative_to(copy.parent).as_posix() for path in (copy.parent / "tools").rglob("*.py")] == [
        "tools/deep/helper.py"
    ]
    (project / "other.py").write_text("x = 3")
    assert (copy.parent / "other.py").read_text() == "x = 1"


@pytest.mark.usefixtures("without_program")
def test_a_folder_is_copied_once(project: Path, tmp_path: Path) -> None:
    """Later submissions find the copy, also of a copy; each folder has a name of its own."""
    other = tmp_path / "other" / "project"
    other.mkdir(parents=True)
    (other / "mine.py").write_text("z = 1")
    sweep = tmp_path / "sweep"
    first = CodeSnapshot.of(sweep)
    copies = [first.copy_of("mine.py"), first.copy_of(f"{other / 'mine.py'}:look")]
    files = sweep / "code" / "files"
    assert copies == [str(files / "0_project" / "mine.py"), f"{files / '1_project' / 'mine.py'}:look"]
    for snapshot in (first, CodeSnapshot.of(sweep)):
        assert snapshot.copy_of("mine.py:settle") == f"{copies[0]}:settle"
        assert snapshot.copy_of(copies[1]) == copies[1]
        assert snapshot.copy_of("tiny") == "tiny"
    assert sorted(path.name for path in files.iterdir()) == ["0_project", "1_project", "origins.txt"]


@pytest.mark.usefixtures("without_program")
def test_modules_of_the_user_are_copied_and_those_of_libraries_are_not(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in one file, like a package, lies beside the program; a copy is not made again."""
    (project / "single.py").write_text("def look(sim):\n    ...\n")
    load_function("single.look", "analysis")
    snapshot = CodeSnapshot.of(tmp_path / "sweep")
    for name in ("single.look", "numpy.mean", "topo_exp.analysis.default.activity", "sys.exit", "nowhere.at_all"):
        assert snapshot.copy_of(name) == name
    assert [path.name for path in snapshot.program.iterdir()] == ["single.py"]
    (project / "single.py").write_text("")
    snapshot.copy_of("single.look")
    assert (snapshot.program / "single.py").read_text() != ""
    monkeypatch.delitem(sys.modules, "single")


@pytest.mark.parametrize("is_there", [True, False])
def test_of_two_submissions_at_once_one_copies_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """The other finds that the folder is there, and leaves nothing; any other error is told."""
    package, conf = tmp_path / "topo_exp", tmp_path / "elsewhere" / "conf"
    for folder in (package, package / "__pycache__", conf):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    monkeypatch.setattr(snapshots, "conf_directory", lambda: conf)
    monkeypatch.setattr(snapshots.topo_exp, "__file__", str(package / "__init__.py"))
    sweep = tmp_path / "sweep"
    rename = Path.rename

    def late(path: Path, target: Path) -> None:
        if is_there:
            (target / "of_the_other").mkdir(parents=True)
        rename(path, target) if target.parent.is_dir() and is_there else _refuse()

    def _refuse() -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", late)
    if is_there:
        program = CodeSnapshot.of(sweep).program
        assert [path.name for path in program.parent.iterdir()] == ["program"]
        assert [path.name for path in program.iterdir()] == ["of_the_other"]
    else:
        with pytest.raises(RecordError, match="Read-only file system"):
            CodeSnapshot.of(sweep)
    monkeypatch.setattr(Path, "rename", rename)
    program = CodeSnapshot.of(tmp_path / "another").program
    assert sorted(path.relative_to(program).as_posix() for path in program.rglob("*")) == [
        *("conf", "conf/file", "topo_exp", "topo_exp/file")
    ]
