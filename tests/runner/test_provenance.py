"""The origin of the code: what git knows of a working tree, and the files that a model imports."""

import shutil
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import pytest

from topo_exp.runner import provenance
from topo_exp.runner.provenance import (
    ProvenanceThread,
    describe_code,
    imported_files,
    installed_packages,
    store_description,
)


def git(folder, *words):
    """Call git with an identity of its own; return its output."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=trunk"]
    return subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Return a working tree with one commit that holds my_model.py; the working directory lies outside of any tree."""
    root = tmp_path / "tree"
    (root / "inner").mkdir(parents=True)
    (root / "my_model.py").write_text("rate = 1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return root


def described(tree, folder):
    """Return the description of the model's tree."""
    folder.mkdir(exist_ok=True)
    return describe_code(tree / "my_model.py", folder)["model"]


def test_a_clean_tree_is_described_by_its_commit(tree, tmp_path):
    """Root, commit and branch are those that git names; nothing else is kept of a tree without changes."""
    commit = git(tree, "rev-parse", "HEAD").strip()
    expected = {"root": str(tree.resolve()), "commit": commit, "branch": "trunk", "dirty": False}
    assert described(tree, tmp_path / "kept") == expected
    assert not list((tmp_path / "kept").glob("model*"))


@pytest.mark.parametrize("staged", [False, True])
def test_changes_are_kept_as_a_patch(tree, tmp_path, staged):
    """Changes to the commit, staged or not, are kept so that `git apply` makes them again."""
    (tree / "my_model.py").write_text("rate = 2\n")
    if staged:
        git(tree, "add", ".")
    found = described(tree, tmp_path / "kept")
    assert (found["dirty"], found["patch"]) == (True, "provenance/model.patch")
    assert "untracked" not in found
    git(tree, "reset", "-q", "--hard")
    git(tree, "apply", str(tmp_path / "kept" / "model.patch"))
    assert (tree / "my_model.py").read_text() == "rate = 2\n"


def test_untracked_files_are_named(tree, tmp_path):
    """Untracked files and folders are listed in order, and make the tree dirty without a patch."""
    for name in ("b.txt", "ä blank.txt", "inner/c.txt"):
        (tree / name).write_text("")
    found = described(tree, tmp_path / "kept")
    assert (found["dirty"], found["untracked"]) == (True, "provenance/model.untracked.txt")
    assert "patch" not in found
    assert (tmp_path / "kept" / "model.untracked.txt").read_text(encoding="utf-8").splitlines() == [
        "b.txt",
        "inner/",
        "ä blank.txt",
    ]


def test_a_tree_without_a_commit_keeps_what_is_staged(tmp_path, monkeypatch):
    """Before the first commit there is none to name, and the staged files are the patch."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "new"
    root.mkdir()
    (root / "my_model.py").write_text("rate = 3\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    found = described(root, tmp_path / "kept")
    assert (found["commit"], found["branch"], found["dirty"]) == (None, "trunk", True)
    assert "+rate = 3" in (tmp_path / "kept" / "model.patch").read_text()


def test_a_detached_head_has_no_branch(tree, tmp_path):
    """On a commit without a branch the branch is None."""
    git(tree, "checkout", "-q", "--detach")
    assert described(tree, tmp_path / "kept")["branch"] is None


def test_a_tree_is_described_once(tree, tmp_path, monkeypatch):
    """The working directory in the model's tree is described by the name of that entry."""
    monkeypatch.chdir(tree / "inner")
    assert describe_code(tree / "my_model.py", tmp_path)["directory"] == {"same_as": "model"}


def test_without_a_tree_nothing_is_described(tmp_path, monkeypatch):
    """A model outside of any tree has no entry, nor has one that is installed inside of one, nor one without a file."""
    monkeypatch.chdir(tmp_path)
    assert "model" not in describe_code(None, tmp_path)
    (tmp_path / "my_model.py").write_text("")
    assert {"model", "directory"}.isdisjoint(describe_code(tmp_path / "my_model.py", tmp_path))
    installed = tmp_path / "env" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "theirs.py").write_text("")
    git(tmp_path, "init", "-q")
    assert set(describe_code(installed / "theirs.py", tmp_path)) >= {"directory"}
    assert "model" not in describe_code(installed / "theirs.py", tmp_path)


def test_without_git_nothing_is_described(tree, tmp_path, monkeypatch):
    """Where git is not installed, or gives no answer in time, a run goes on without a description."""
    monkeypatch.setattr(provenance, "GIT_PATIENCE", 0.0)
    assert describe_code(tree / "my_model.py", tmp_path) == {}
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert describe_code(tree / "my_model.py", tmp_path) == {}


def test_a_stored_description_is_taken_over(tree, tmp_path):
    """Code that runs from a copy keeps the description that was made of it, with its patch."""
    (tree / "my_model.py").write_text("rate = 2\n")
    stored = tmp_path / "stored"
    stored.mkdir()
    store_description(tree / "my_model.py", stored)
    updates = {}
    record = SimpleNamespace(directory=tmp_path / "run", update=updates.update)
    thread = ProvenanceThread(None, record, described=stored)
    thread.run()
    assert updates["code"]["model"]["patch"] == "provenance/model.patch"
    kept = {path.name for path in (tmp_path / "run" / "provenance").iterdir()}
    assert kept == {"packages.txt", *(path.name for path in stored.iterdir())} - {"code.json"}


def test_imported_files_are_those_of_the_folder(tmp_path, monkeypatch):
    """Files at or below the folder of a model that have been imported are listed, and none beside it."""
    model = tmp_path / "model"
    (model / "deep").mkdir(parents=True)
    for name in ("model/helper.py", "model/deep/one.py", "beside.py", "model/unused.py"):
        (tmp_path / name).write_text("")
    for name, file in {"helper": "model/helper.py", "one": "model/deep/one.py", "beside": "beside.py"}.items():
        monkeypatch.setitem(sys.modules, f"mutable_{name}", SimpleNamespace(__file__=str(tmp_path / file)))
    monkeypatch.setitem(sys.modules, "mutable_gone", SimpleNamespace(__file__=str(model / "gone.py")))
    monkeypatch.setitem(sys.modules, "mutable_built_in", SimpleNamespace())
    assert imported_files(model) == [model / "deep" / "one.py", model / "helper.py"]


def test_installed_packages_are_listed_with_their_versions():
    """Each line is name==version as the installer knows it, in alphabetical order."""
    lines = installed_packages().splitlines()
    assert f"numpy=={metadata.version('numpy')}" in lines
    names = [line.partition("==")[0].lower() for line in lines]
    assert names == sorted(names)
    assert len(set(names)) == len(names)
