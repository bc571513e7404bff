"""The examples run, and their commands work."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, runs

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
COMMANDS = [
    (script.name, command)
    for script in SCRIPTS
    for command in re.findall(r"python -m topo_exp (.*)", script.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_an_example_opens_with_the_question_it_answers(script: Path) -> None:
    """The first line is a question."""
    assert script.read_text(encoding="utf-8").splitlines()[0].endswith("?")


def test_the_first_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """It records a run and finds it again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    runpy.run_path(str(EXAMPLES / "01_one_run.py"))
    (run,) = runs(tmp_path / "Output")
    assert run["status"] == "done"
    assert "'cortex_density': 3" in capsys.readouterr().out


def without_pictures(text: str, place: str) -> str:
    """Return the text of an example whose runs draw no pictures, which cost most of their time."""
    assert text.count(place) == 1
    return text.replace(place, f"{place}, figure_formats=[]")


def test_the_sweep_of_the_fourth_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Pairs of settings and two lengths make four runs, all done; here without pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    text = (EXAMPLES / "04_a_sweep.py").read_text(encoding="utf-8")
    exec(compile(without_pictures(text, 'tag="pairs"'), "04_a_sweep.py", "exec"), {})  # noqa: S102  our own example
    found = runs(tmp_path / "Output")
    assert [run["status"] for run in found] == ["done"] * 4
    assert {(run["parameters"]["cortex_density"], run["parameters"]["retina_density"]) for run in found} == {
        (4, 12),
        (6, 24),
    }
    assert "4 runs: 4 done" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("05_spaces.py", ["pairs (zip): 2 runs", "all but some (exclude): 5 runs", "(replicates): 6 runs", "2 done"]),
        ("06_a_search.py", ["trial,cortex_density,retina_density,state,V1/retinotopy_coverage,run"]),
        ("07_table_and_figure.py", ["cortex_density  retina_density", "coverage.pdf"]),
    ],
)
def test_an_example_runs_as_a_script(script: str, expected: list[str], tmp_path: Path) -> None:
    """It ends well, prints what it is about, and leaves files only in the output directory."""
    if script.startswith("06"):
        pytest.importorskip("optuna", reason="not installed: optuna")
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "TOPO_EXP_OUTPUT": str(tmp_path / "Output")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in expected:
        assert words in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["Output"]


@pytest.mark.slow
def test_the_notebook_runs_and_ends_with_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs in a new kernel; the last one shows a picture; here the runs draw none."""
    nbformat = pytest.importorskip("nbformat", reason="not installed: nbformat")
    nbclient = pytest.importorskip("nbclient", reason="not installed: nbclient")
    pytest.importorskip("ipykernel", reason="not installed: ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    monkeypatch.setenv("TOPO_EXP_OUTPUT", str(tmp_path / "Output"))
    notebook = nbformat.read(EXAMPLES / "from_sweep_to_figure.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = without_pictures(first.source, "progress=False")
    nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert "image/png" in shown[-1]["data"]


@pytest.mark.parametrize(("script", "command"), COMMANDS, ids=lambda value: value[-50:])
def test_the_commands_in_the_examples_work(
    program: Callable[..., Outcome], tmp_path: Path, script: str, command: str
) -> None:
    """Each command that an example names can be given as it stands; here it is cut short."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    words = shlex.split(command)
    short = [word for word in words if not word.startswith("times=")] + ["times=[0,1]", "tracking=none"]
    short += [] if "analysis=" in command else ["analysis=[]"]
    outcome = program(*(words if "--help" in words else short))
    assert outcome.code == 0, outcome.err
    assert "--help" in words or runs(tmp_path / "Output")


def test_the_second_examples_fields_turn_into_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oja's rule makes the fields longer along the mean orientation than across it."""
    import numpy as np

    import topo_exp

    sim = topo_exp.build(EXAMPLES / "02_my_model.py", cortex_density=3, orientation_spread=0.2)
    sim.run(until=300)
    weights = sim["V1"].projections["Afferent"].weights
    size = weights.shape[-1] // 2
    rows, columns = np.mgrid[-size : size + 1, -size : size + 1]
    along, across = (columns - rows) / np.sqrt(2), (columns + rows) / np.sqrt(2)
    lengths = [(weights * axis**2).sum() for axis in (along, across)]
    assert lengths[0] > 1.2 * lengths[1]
