"""Repeating a run: the recorded code and settings are used, differences are named, nothing runs or stays unasked."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import topo_exp
from topo_exp.__main__ import main
from topo_exp.after import reproduction
from topo_exp.after.checkout import RecordedTree, checked_out, find_repository, recorded_tree
from topo_exp.after.environment import constraints_of, find_python
from topo_exp.after.rerun import CodeFiles
from topo_exp.compose.resumption import recorded_config
from topo_exp.errors import ConfigError, RecordError
from topo_exp.record.checksums import write_checksums
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import map_path
from topo_exp.record.maps import write_maps
from topo_exp.record.run_yaml import amend_record

ROOT = Path(__file__).resolve().parents[2]
MODEL = """
import param
import topo_exp
from helper import density


class Mine(param.Parameterized):
    def build(self):
        return topo_exp.build("tiny", cortex_density=density)
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of a model of the package, at times 0 and 2."""
    folder = tmp_path_factory.mktemp("reproduced")
    settings = {"analysis": topo_exp.analysis.activity, "tracking": "none", "progress": False, "figure_formats": []}
    return topo_exp.run("tiny", times=[0, 2], cortex_density=3, output_dir=str(folder), **settings).directory


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    """Return a copy of it that may be changed."""
    return Path(shutil.copytree(original, tmp_path / original.name))


def rewrite(directory: Path, change: Callable) -> None:
    """Change a record, with its checksums."""
    checksums = write_checksums(directory)
    amend_record(directory, lambda data: (data.update(checksums=checksums), change(data)))


def git(folder: Path, *words: str) -> str:
    """Call git."""
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(["git", *who, "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a git repository with one file in one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "rule.py").write_text("rate = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_commit_and_the_patch_are_checked_out_and_removed(repository: Path, tmp_path: Path) -> None:
    """The worktree has the recorded content whatever the repository has now, and is gone afterwards."""
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "rule.py").write_text("rate = 2\n")
    patch = tmp_path / "topo_exp.patch"
    patch.write_text(git(repository, "diff", "--binary", "HEAD") + "\n")
    (repository / "rule.py").write_text("rate = 3\n")
    for tree, content in (
        (RecordedTree(repository, commit, None, ()), 1),
        (RecordedTree(repository, commit, patch, ()), 2),
    ):
        with checked_out(repository, tree, tmp_path / "worktree") as worktree:
            assert (worktree / "rule.py").read_text() == f"rate = {content}\n"
        assert not (tmp_path / "worktree").exists()
        assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "rule.py").read_text() == "rate = 3\n"


def test_a_patch_that_does_not_apply_is_an_error_and_leaves_nothing(repository: Path, tmp_path: Path) -> None:
    """The error names the patch, and the worktree is removed."""
    patch = tmp_path / "topo_exp.patch"
    patch.write_text("--- a/none.py\n+++ b/none.py\n@@ -1 +1 @@\n-a\n+b\n")
    tree = RecordedTree(repository, git(repository, "rev-parse", "HEAD"), patch, ())
    with (
        pytest.raises(RecordError, match=r"must complete the patch topo_exp\.patch"),
        checked_out(repository, tree, tmp_path / "worktree"),
    ):
        pass
    assert not (tmp_path / "worktree").exists()


def test_a_checkout_runs_no_program_of_the_repository(repository: Path, tmp_path: Path) -> None:
    """Hooks are not called: making a worktree is no permission to run them."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'called'}\n")
    hook.chmod(0o755)
    tree = RecordedTree(repository, git(repository, "rev-parse", "HEAD"), None, ())
    with checked_out(repository, tree, tmp_path / "worktree"):
        pass
    assert not (tmp_path / "called").exists()


def test_a_recorded_repository_needs_trust(repository: Path) -> None:
    """Without --trust git is not started in a directory that a record names; --repository is a permission."""
    tree = RecordedTree(repository, git(repository, "rev-parse", "HEAD"), None, ())
    with pytest.raises(ConfigError, match=f"add --trust to use {repository}"):
        find_repository(tree, None, trust=False)
    assert find_repository(tree, None, trust=True) == repository
    assert find_repository(tree, repository, trust=False) == repository


@pytest.mark.parametrize("commit", ["--upload-pack=touch", "HEAD", "0123"])
def test_a_record_cannot_pass_options_to_git(run: Path, commit: str) -> None:
    """Only a full commit is accepted."""
    rewrite(run, lambda data: data.update(code={"topo_exp": {"root": "/", "commit": commit}}))
    with pytest.raises(RecordError, match="must record a commit of git"):
        recorded_tree(RunHandle(run))


def test_a_record_cannot_make_pip_install_anything(run: Path) -> None:
    """Versions alone limit pip; addresses, options and this package itself are left out."""
    lines = ["numpy==2.0.1", "evil @ https://example.org/e.zip", "--index-url=https://example.org", "topo-exp==9"]
    (run / "provenance" / "packages.txt").write_text("\n".join(lines))
    assert constraints_of(RunHandle(run)) == "numpy==2.0.1\n"


def test_another_python_is_told() -> None:
    """The present version is used without a note; a version that does not exist is replaced and named."""
    here = ".".join(map(str, sys.version_info[:3]))
    assert find_python(here) == (sys.executable, ())
    assert find_python("2.99.1") == (sys.executable, (f"Python is {here}, that of the run was 2.99.1",))


def test_files_of_the_user_are_found_with_their_recorded_content(tmp_path: Path) -> None:
    """The original is used while it and its imports are unchanged, then the copy, and nothing else."""
    (tmp_path / "helper.py").write_text("density = 3\n")
    (tmp_path / "mine.py").write_text(MODEL)
    settings = {"analysis": [], "tracking": "none", "progress": False, "output_dir": str(tmp_path / "Output")}
    run = topo_exp.run(tmp_path / "mine.py", times=[0, 1], **settings)
    files = CodeFiles(run, None, None)
    assert files.find(str(tmp_path / "mine.py")) == tmp_path / "mine.py"
    (tmp_path / "helper.py").write_text("density = 4\n")
    copy = run.directory / "provenance" / "mine.py"
    assert files.find(str(tmp_path / "mine.py")) == copy
    assert files.reference(f"{tmp_path}/mine.py:Mine") == f"{copy}:Mine"
    assert files.reference("package.module.function") == "package.module.function"
    (copy.parent / "helper.py").write_text("density = 5\n")
    with pytest.raises(ConfigError, match=r"needs .*mine.py as it was during the run"):
        files.find(str(tmp_path / "mine.py"))


def repeated(run: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]) -> reproduction.Reproduction:
    """Repeat a run by a process that leaves a copy of it, changed."""

    def run_words(words, *, output, **others):
        again = Path(shutil.copytree(run, output / run.name))
        change(again)
        return RunHandle(again)

    monkeypatch.setattr(reproduction, "run_words", run_words)
    handle = RunHandle(run)
    plan = reproduction.Plan(None, None, ())
    return reproduction.reproduce(handle, plan, recorded_config(handle), same_environment=True)


def turn(size: float, **host: str) -> Callable[[Path], None]:
    """Return a function that adds a number to one unit of the map of time 2, and changes the host."""

    def change(directory: Path) -> None:
        name = next(iter(RunHandle(directory).maps_at(2.0)))
        maps = RunHandle(directory).maps_at(2.0)[name].copy(deep=True)
        maps["V1_activity"][0, 0] += size * float(abs(maps["V1_activity"]).max())
        write_maps(map_path(directory, name, 2.0), maps)
        rewrite(directory, lambda data: data["host"].update(host))

    return change


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda directory: None, "identical"),
        (turn(0.0, machine="arm64"), "identical"),
        (turn(1e-6, machine="arm64"), "within tolerance"),
        (turn(1e-6), "different"),
        (turn(1e-2, machine="arm64"), "different"),
    ],
)
def test_the_verdict_depends_on_size_and_host(
    run: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], verdict: str
) -> None:
    """A small difference is accepted on another machine only; a large one never."""
    result = repeated(run, monkeypatch, change)
    assert result.verdict == verdict
    assert "made from an installed package, without a repository: the code of this process is used" in str(result)
    if verdict == "different":
        assert result.first is not None
        assert "different: maps/activity_000002.00.nc, time 2, map activity/V1_activity: difference" in str(result)


def test_results_that_were_added_later_are_not_missed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of `analyse` are not repeated, and are no difference."""
    maps = RunHandle(run).maps_at(2.0)["activity"]
    write_maps(map_path(run, "later", 2.0), maps)
    rewrite(run, lambda data: data.update(analysed_later=[{"at": "", "analysis": {}, "times": [2.0], "failures": 0}]))
    result = repeated(run, monkeypatch, lambda again: map_path(again, "later", 2.0).unlink())
    assert result.verdict == "identical"
    assert "1 results were added after the run's end" in str(result)


def test_code_of_a_record_needs_trust(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A patch and a model file that may be another user's are named, and nothing is run."""
    patch = run / "provenance" / "topo_exp.patch"
    patch.write_text("+ anything\n")
    commit = git(ROOT, "rev-parse", "HEAD")
    code = {"topo_exp": {"root": str(ROOT), "commit": commit, "patch": "provenance/topo_exp.patch"}}
    rewrite(run, lambda data: data.update(code=code))
    assert main(["reproduce", str(run), "--same-environment"]) == 2
    assert f"must be trusted before it is run (got {patch})" in capsys.readouterr().err
    patch.write_text("+ something else\n")
    assert main(["reproduce", str(run), "--trust", "--same-environment"]) == 1
    assert "topo_exp.patch: must be as the run left it" in capsys.readouterr().err
    rewrite(run, lambda data: data.update(code={}, model="mine", model_source="/elsewhere/mine.py"))
    assert main(["reproduce", str(run), "--same-environment"]) == 2
    assert "must be trusted before it is run (got /elsewhere/mine.py)" in capsys.readouterr().err


def test_mistakes_are_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No run, a run that is not done, a commit that no repository has, a file for -o: each is told with the remedy."""
    assert main(["reproduce", str(tmp_path / "none")]) == 2
    assert "reproduce RUN: must be one run directory" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["reproduce", str(run), "-o", str(tmp_path / "file")]) == 2
    assert "-o: must be a directory" in capsys.readouterr().err
    rewrite(run, lambda data: data.update(code={"topo_exp": {"root": "/nowhere", "commit": "f" * 40}}))
    assert main(["reproduce", str(run)]) == 2
    assert "Name one with --repository PATH" in capsys.readouterr().err
    rewrite(run, lambda data: data.update(status="failed"))
    assert main(["reproduce", str(run)]) == 2
    assert "must be done to be reproduced (got a run that is failed)" in capsys.readouterr().err


def program(root: Path, *words: str, cwd: Path, **how) -> subprocess.Popen[str]:
    """Start the program of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(cwd)}
    command = [sys.executable, "-P", "-m", "topo_exp", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, cwd=cwd, text=True, **pipes, **how)


def called(root: Path, *words: str, cwd: Path) -> tuple[int, str, str]:
    """Call the program of a checkout, and wait for it."""
    process = program(root, *words, cwd=cwd)
    out, err = process.communicate(timeout=1000)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("the tests are not in a git working tree")
    folder = tmp_path_factory.mktemp("clone") / "repository"
    git(ROOT, "clone", "-q", str(ROOT), str(folder))
    return folder


def small_run(clone: Path, folder: Path, *words: str) -> Path:
    """Carry out a run with the code of the copy."""
    settings = ("engine=reference", "times=[0,5]", "cortex_density=3", "tracking=none", "progress=false")
    code, _, err = called(clone, *settings, f"output_dir={folder / 'Output'}", *words, cwd=folder)
    assert code == 0, err
    (found,) = (folder / "Output").iterdir()
    return found


RULE, CHANGED_RULE = (
    "return weights + (rate * activity)[:, None, None] * inputs",
    "return weights + (1.01 * rate * activity)[:, None, None] * inputs",
)
"""A line of the learning rule of the tiny model, and one by which it learns one percent faster."""


def change_a_learning_rule(clone: Path) -> None:
    """Change one line of a learning rule."""
    file = clone / "topo_exp" / "models" / "tiny.py"
    text = file.read_text()
    assert text.count(RULE) == 1
    file.write_text(text.replace(RULE, CHANGED_RULE))


@pytest.mark.slow
def test_an_unchanged_run_is_identical_whatever_the_checkout_has_become(clone: Path, tmp_path: Path) -> None:
    """The recorded commit is used, also after the checkout was changed; nothing temporary is left."""
    run = small_run(clone, tmp_path)
    change_a_learning_rule(clone)
    try:
        code, out, err = called(clone, "reproduce", str(run), "--same-environment", cwd=tmp_path)
    finally:
        git(clone, "checkout", "-q", ".")
    assert (code, out.split(":")[0]) == (0, "identical"), out + err
    assert len(git(clone, "worktree", "list").splitlines()) == 1
    assert not list(tmp_path.glob("topo_exp_reproduce_*"))


@pytest.mark.slow
def test_a_changed_line_of_a_learning_rule_is_found(clone: Path, tmp_path: Path) -> None:
    """With the recorded patch the run is identical; if the record lacks it, the first difference is named."""
    change_a_learning_rule(clone)
    try:
        run = small_run(clone, tmp_path)
    finally:
        git(clone, "checkout", "-q", ".")
    assert called(clone, "reproduce", str(run), "--same-environment", cwd=tmp_path)[0] == 2
    code, out, err = called(clone, "reproduce", str(run), "--same-environment", "--trust", cwd=tmp_path)
    assert (code, out.split(":")[0]) == (0, "identical"), out + err
    (patch,) = (run / "provenance").glob("*.patch")
    patch.unlink()

    def forget(data: dict) -> None:
        for tree in data["code"].values():
            tree.pop("patch", None)

    rewrite(run, forget)
    code, out, err = called(
        clone, "reproduce", str(run), "--same-environment", "-o", str(tmp_path / "kept"), cwd=tmp_path
    )
    assert code == 1, out + err
    assert f"-    {CHANGED_RULE}" in out
    assert f"+    {RULE}" in out
    assert "different: snapshot.npz, time 5, state projections/V1/Afferent/fields/weights: difference" in out
    assert len(list((tmp_path / "kept" / "reproduced").glob("*/run.yaml"))) == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    "TOPO_EXP_LONG_TESTS" not in os.environ, reason="installs packages for minutes: TOPO_EXP_LONG_TESTS=1"
)
def test_the_recorded_versions_are_installed(clone: Path, tmp_path: Path) -> None:
    """In a new environment with the recorded versions the run is identical, and runs with these versions."""
    run = small_run(clone, tmp_path)
    code, out, err = called(clone, "reproduce", str(run), "-o", str(tmp_path / "kept"), cwd=tmp_path)
    assert (code, "identical: " in out) == (0, True), out + err
    (again,) = (tmp_path / "kept" / "reproduced").iterdir()
    assert RunHandle(again).metadata["versions"] == RunHandle(run).metadata["versions"]


@pytest.mark.slow
def test_a_signal_leaves_nothing_behind(clone: Path, tmp_path: Path) -> None:
    """SIGTERM ends the run, and removes the worktree and the temporary directory; the exit code tells the signal."""
    run = small_run(clone, tmp_path)
    rewrite(run, lambda data: data.update(times=[0.0, 1e7]))
    process = program(clone, "reproduce", str(run), "--same-environment", cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("topo_exp_reproduce_*/out/*/run.yaml")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert not list(tmp_path.glob("topo_exp_reproduce_*"))
    assert len(git(clone, "worktree", "list").splitlines()) == 1
