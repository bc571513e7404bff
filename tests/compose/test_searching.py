"""Searches as users start them: from Python, on the command line, after a kill, in two shells."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="not installed: optuna")

import topo_exp
from tests.cli.test_runs import ROOT, wait_until
from topo_exp.__main__ import main
from topo_exp.errors import RunError
from topo_exp.sweeps.directory import SweepDirectory, find_sweeps

METRIC = "V1/retinotopy_coverage"
SEARCH = f"sweep.search={{metric:{METRIC},direction:maximize,n:6,seed:1}}"
WORDS = ["-m", "cortex_density=integers(3,8)", "retina_density=uniform(10,24)", SEARCH, "tracking=none", "n_jobs=2"]


def states(output: Path) -> list[str]:
    """Return the states of the points of the only search, which has no more runs than points."""
    (path,) = find_sweeps([output])
    sweep = SweepDirectory.open(path)
    keys = [point.key for point in sweep.manifest.space]
    return [state.state for state in sweep.ledger.states(keys).values()]


def table(output: Path) -> list[list[str]]:
    """Return the lines of search.csv, without names of runs."""
    (path,) = output.glob("*/search.csv")
    return [line.split(",")[:5] for line in path.read_text().splitlines()]


def test_a_search_in_python_finds_its_best_run(tmp_path: Path) -> None:
    """The best run has the largest value of all; each trial has a run; the points are in sweep.yaml."""
    search = topo_exp.search(
        "tiny",
        metric=METRIC,
        direction="maximize",
        n=4,
        cortex_density={"integers": [3, 8]},
        times=[0, 20],
        output_dir=str(tmp_path),
        tracking="none",
        progress=False,
    )
    finished = search.run()
    values = [run.metrics[METRIC].iloc[-1] for run in finished.runs]
    assert finished.best is not None
    assert finished.best.metrics[METRIC].iloc[-1] == max(values)
    assert finished.best.parameters["cortex_density"] in range(3, 9)
    assert [row[2] for row in table(tmp_path)[1:]] == ["done"] * 4
    assert "report.html" in [path.name for path in finished.directory.iterdir()]
    finished.resume()
    assert len(table(tmp_path)) == 5


def test_a_wrong_metric_is_named_after_the_first_run(tmp_path: Path) -> None:
    """The message has the nearest names of the run; the run is complete."""
    search = topo_exp.search(
        "tiny",
        metric="V1/retinotopy_covrage",
        direction="maximize",
        n=4,
        cortex_density=[3, 4],
        times=[0, 1],
        n_jobs=1,
        output_dir=str(tmp_path),
        tracking="none",
        progress=False,
    )
    with pytest.raises(RunError, match="Did you mean 'V1/retinotopy_coverage'"):
        search.run()
    assert len(list(tmp_path.glob("*/*/run.yaml"))) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydra/launcher=basic"], "must be run by hydra/launcher=local"),
        (["budget={hours:1}"], "without review and budget"),
        (["cortex_density=integers(-3,8)"], "cortex_density"),
    ],
)
def test_a_search_that_cannot_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """Exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main([*WORDS, "times=[0,1]", *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_search_goes_on_and_two_shells_share_it(tmp_path: Path) -> None:
    """After SIGKILL of everything the same command twice runs what is left: six trials, six runs, none twice."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TOPO_EXP_OUTPUT": str(tmp_path)}
    command = [sys.executable, "-m", "topo_exp", *WORDS, "times=[0,100,60000]", "checkpoint_every=0.01"]

    def start() -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]

    first = start()
    wait_until(lambda: bool(find_sweeps([tmp_path])) and "done" in states(tmp_path), 90)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    both = [start(), start()]
    texts = [process.communicate(timeout=200)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert all("joining" in text for text in texts)
    assert states(tmp_path) == ["done"] * len(states(tmp_path))
    rows = table(tmp_path)[1:]
    assert len(rows) == 6
    assert {row[3] for row in rows} == {"done"}
    assert len(list(tmp_path.glob("*/*/run.yaml"))) == len(states(tmp_path))
