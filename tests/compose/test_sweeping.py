"""Sweeps in Python."""

from pathlib import Path

import pytest

import topo_exp
from topo_exp import Sweep
from topo_exp.compose.launchers import launcher_words
from topo_exp.record.lease import leased

QUICK = {"times": [0, 1], "analysis": [], "tracking": "none", "cortex_density": [3, 4]}


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where nothing is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)


def test_a_sweep_is_described_run_and_read_again(tmp_path: Path) -> None:
    """`sweep` checks and writes nothing; `run` makes the runs that it named; `load_sweep` finds them."""
    planned = topo_exp.sweep("tiny", timestamp="202611221137", n_jobs=2, **QUICK)
    assert len(planned.space) == 2
    assert not (tmp_path / "Output").exists()
    finished = planned.run()
    assert [run.directory.name for run in finished.runs] == planned.names
    assert planned.names == ["202611221137_tiny,cortex_density=3", "202611221137_tiny,cortex_density=4"]
    again = topo_exp.load_sweep(finished.directory)
    assert [run.parameters["cortex_density"] for run in again.runs] == [3, 4]
    status = again.status()
    assert (status.done, status.total, status.is_over) == (2, 2, True)


def test_resuming_a_finished_sweep_clears_what_killed_processes_have_left(tmp_path: Path) -> None:
    """Temporary files of processes that have ended are deleted, but not those of a run that another process holds."""
    finished = topo_exp.sweep("tiny", **QUICK).run()
    left = [run.directory / ".metrics.csv.99999999.tmp" for run in finished.runs]
    for path in left:
        path.touch()
    with leased(finished.runs[1].directory):
        finished.resume()
    assert [path.exists() for path in left] == [False, True]


def test_a_space_is_combined_with_the_settings() -> None:
    """Pairs and other spaces vary beside the settings, and a list of lists varies a setting that takes a list."""
    planned = topo_exp.sweep(
        "tiny", space=Sweep.zip(cortex_density=[3, 4], retina_density=[12, 24]), times=[[0, 1], [0, 2]]
    )
    assert [(point["times"], point["cortex_density"], point["retina_density"]) for point in planned.space] == [
        ([0, 1], 3, 12),
        ([0, 1], 4, 24),
        ([0, 2], 3, 12),
        ([0, 2], 4, 24),
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cortex_density": [3, -1]}, "cortex_density=-1; none was started"),
        ({"cortex_densty": [3]}, "Did you mean 'cortex_density'"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"launcher": "slrum"}, "hydra/launcher"),
        ({"launcher": "basic"}, "launcher: must be local, slurm, dask"),
        ({"launcher": {"slurm": {"tme": 3}}}, "tme"),
        ({"launcher": {"slurm": {}, "dask": {}}}, "launcher: must be a name"),
    ],
)
def test_mistakes_are_refused_before_anything_runs(settings: dict[str, object], message: str) -> None:
    """All points and the options of the sweep are checked when it is described."""
    with pytest.raises(topo_exp.TopoExpError, match=message):
        topo_exp.sweep("tiny", **settings)


def test_a_sweep_may_have_one_run() -> None:
    """Nothing varies, so the name of its directory lists no setting."""
    planned = topo_exp.sweep("tiny", timestamp="202611221137", **{**QUICK, "cortex_density": [3]})
    assert planned.names == ["202611221137_tiny,cortex_density=3"]
    assert planned.run().directory.name == "202611221137_tiny_sweep"


def test_the_command_of_a_sweep_can_be_typed() -> None:
    """All combinations of lists are written as on the command line; other spaces as their points."""
    lists = {"cortex_density": [3, 4], "tag": ["a", "b"]}
    whole = topo_exp.sweep("tiny", **{**QUICK, **lists})
    assert "cortex_density=3,4 tag=a,b" in whole._command
    pairs = topo_exp.sweep("tiny", space=Sweep.zip(**lists), tracking="none")
    assert "sweep.points=" in pairs._command
    assert "cortex_density=3,4" not in pairs._command


def test_a_launcher_and_its_settings_are_part_of_the_command() -> None:
    """The command that a sweep records chooses the launcher with its settings; local is the default."""
    choice = {"slurm": {"time": "2:00:00", "sbatch": ["--qos=long"]}}
    words = ["hydra/launcher=slurm", "hydra.launcher.time='2:00:00'", "hydra.launcher.sbatch=['--qos=long']"]
    assert launcher_words(choice) == words
    assert launcher_words("local") == []
