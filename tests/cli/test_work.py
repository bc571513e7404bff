"""The command `work`, which jobs of batch systems carry out."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.cli.conftest import MODEL, QUICK, Outcome
from topo_exp.__main__ import main
from topo_exp.record.checked import read_checked, write_checked

Program: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a finished sweep of the local launcher."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOPO_EXP_OUTPUT", str(tmp_path / "Output"))
    assert main(["-m", "cortex_density=3", *QUICK, "progress=false"]) == 0
    (path,) = (tmp_path / "Output").glob("*_sweep*")
    return path


def test_a_sweep_without_stored_points_is_refused(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sweep that was not submitted says how it can be."""
    assert main(["work", str(sweep)]) == 2
    assert "must have been launched by slurm" in capsys.readouterr().err


@pytest.fixture
def submitted(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a sweep that was submitted to a Slurm which never begins; the file of its model is gone."""
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text("#!/bin/sh\necho 1\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(sbatch.parent), prepend=":")
    outcome = program("-m", "model=mine.py", "size=2,3", *QUICK, "hydra/launcher=slurm")
    assert outcome.code == 0, outcome
    (tmp_path / "mine.py").unlink()
    (path,) = (tmp_path / "Output").iterdir()
    return path


def test_a_shell_of_ones_own_sweep_runs_without_a_question(program: Program, submitted: Path, tmp_path: Path) -> None:
    """Its points are run from the copies of the code, whatever has become of the originals, and can be analysed."""
    outcome = program("work", str(submitted))
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "2 runs done"), outcome
    runs = [str(path.parent) for path in submitted.glob("*/run.yaml")]
    assert len(runs) == 2
    assert program("analyse", *runs, "analysis=[functions.py:measure]", "tracking=none").code == 0


@pytest.mark.parametrize("change", ["archive", "code", "settings"])
def test_the_code_in_another_users_sweep_is_run_with_permission_only(
    program: Program, submitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """A sweep that was unpacked from another user's archive, or changed since it was submitted, is not run unasked."""
    marker = tmp_path / "executed"
    trap = f"open({str(marker)!r}, 'w').close()\n"
    (copy,) = submitted.glob("code/files/*/mine.py")
    if change == "archive":
        copy.write_text(copy.read_text() + trap)
        assert program("archive", str(submitted), "-o", "theirs.tar.zst").code == 0
        shutil.rmtree(submitted)
        assert program("archive", "--import", "theirs.tar.zst").code == 0
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "mine"))
    if change == "code":
        copy.write_text(copy.read_text() + trap)
    if change == "settings":
        (tmp_path / "trap.py").write_text(trap + "def f(sim): pass\n")
        (settings, *_) = sorted((submitted / "settings").iterdir())
        content = read_checked(settings)
        content["config"] = {**content["config"], "before": [f"{tmp_path}/trap.py:f"]}
        write_checked(settings, content)
    outcome = program("work", str(submitted))
    assert (outcome.code, marker.exists()) == (2, False), outcome
    listed = ", ".join(str(submitted / name) for name in ("sweep.yaml", "settings", "code"))
    assert f"{submitted.name}: code of the record must be trusted before it is run (got {listed})" in outcome.err
    assert program("work", str(submitted), "--trust").code == 0
    assert marker.exists()


def test_settings_of_another_user_are_not_submitted(program: Program, submitted: Path, tmp_path: Path) -> None:
    """The command of a sweep whose stored settings are not this user's is refused; it can start another sweep."""
    (tmp_path / "mine.py").write_text(MODEL)
    (submitted / "sweep.signature").unlink()
    words = ["-m", "model=mine.py", "size=2,3", *QUICK, "hydra/launcher=slurm"]
    outcome = program(*words)
    assert (outcome.code, f"{submitted.name}: must have been submitted by you" in outcome.err) == (2, True), outcome
    assert program(*words, "join=false").code == 0


def test_a_directory_that_is_no_sweep_is_refused(tmp_path: Path) -> None:
    """Nothing is made in it."""
    assert main(["work", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
