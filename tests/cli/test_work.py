"""The command `work`, which jobs of batch systems carry out."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import QUICK
from topo_exp.__main__ import main


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


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_a_sweep_of_another_user_is_refused(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The code in another user's directory is not run."""
    os.chown(sweep / "sweep.yaml", 12345, -1)
    assert main(["work", str(sweep)]) == 2
    assert "must be your own sweep (got one of user 12345)" in capsys.readouterr().err


def test_a_directory_that_is_no_sweep_is_refused(tmp_path: Path) -> None:
    """Nothing is made in it."""
    assert main(["work", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
