"""Commands on recorded runs: whose code they execute, and that a record repeats its run."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import QUICK, Outcome, Recorded, runs
from topo_exp.cli.words import COMMANDS
from topo_exp.record.handle import load_run
from topo_exp.record.run_yaml import write_record
from topo_exp.sweeps.values import literal

Program = Callable[..., Outcome]
ROOT = Path(__file__).resolve().parents[2]
MEASURE = ["analysis=[functions.py:measure]", "tracking=none"]


class Bomb:
    """An object whose unpickling makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line in bash, with this Python as `python`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash"],
        input=line,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def hostile_record(folder: Path, marker: Path) -> Path:
    """Make a run directory in which every file would make `marker` if it were executed or unpickled."""
    code = f"import os\nos.mkdir({str(marker)!r})\n"
    run = folder / "202611221137_theirs"
    for name in ("provenance/theirs.py", "provenance/helpers.py", "network.py", "sitecustomize.py", "conftest.py"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(code)
    bomb = pickle.dumps(Bomb(marker))
    for name in ("snapshot.npz", "checkpoints/000001.00.npz", "maps/theirs_000001.00.nc", "config.pickle"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(bomb)
    (run / ".hydra").mkdir()
    (run / ".hydra" / "config.yaml").write_text(f"x: !!python/object/apply:os.mkdir [{json.dumps(str(marker))}]\n")
    (run / "metrics.csv").write_text("time,name,value\n1.0,V1/mean,0.5\n")
    return run


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Carry out a run of a user's own model."""
    return Recorded.of(tmp_path_factory, "model=mine.py", "size=2", *QUICK)


@pytest.fixture
def theirs(first: Recorded, tmp_path: Path) -> tuple[Path, Path]:
    """Make a hostile record of that run; return it, and what its code would make."""
    (record,) = runs(first.folder)
    marker = tmp_path / "executed"
    run = hostile_record(tmp_path / "theirs", marker)
    record.update(model="theirs", model_source=str(tmp_path / "gone" / "theirs.py"))
    record["command"] = record["directory"] = f"$(mkdir {marker})"
    record["analysis"] = {"theirs": {"_target_": f"{run}/provenance/theirs.py:f"}}
    record["options"]["before"] = record["options"]["after"] = [f"{run}/provenance/theirs.py:f"]
    record["parameters"]["size"] = f"__import__('os').mkdir({str(marker)!r})"
    write_record(run, record)
    return run, marker


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_anything_from_a_record(
    program: Program, theirs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Neither model, script, pickle, tag of YAML nor text in a record is executed, in files of every kind."""
    run, marker = theirs
    monkeypatch.setattr("topo_exp.view.ui.serve_pages", lambda *_, **__: None)  # its pages are MLflow's
    if command == "resume":
        record = yaml.safe_load((run / "run.yaml").read_text())
        write_record(run, {**record, "status": "killed", "sources": {}})
    words = {"analyse": [str(run), *MEASURE], "extend": [str(run), "times=[2]"]}.get(command, [str(run.parent)])
    outcome = program(command, *words)
    assert not marker.exists(), outcome
    if command == "analyse":
        assert outcome.code == 2
        assert f"(got {run}/provenance/theirs.py)" in outcome.err


def test_reading_a_record_in_python_runs_nothing(theirs: tuple[Path, Path]) -> None:
    """A handle reads metrics, and refuses states and maps that are pickles."""
    run, marker = theirs
    handle = load_run(run)
    assert handle.metrics["V1/mean"].tolist() == [0.5]
    for read in (handle.state, lambda: dict(handle.maps), lambda: [data.load() for data in handle.maps.values()]):
        with suppress(Exception):  # any refusal is right, as long as nothing is executed
            read()
    assert not marker.exists()


@pytest.mark.parametrize(("command", "words"), [("verify", []), ("analyse", MEASURE)])
def test_a_run_is_named_by_its_directory_or_its_run_yaml(
    program: Program, tmp_path: Path, command: str, words: list[str]
) -> None:
    """Commands take the same paths as `load_run`, also where a name looks like a setting."""
    assert program("cortex_density=3", *QUICK).code == 0
    (directory,) = (tmp_path / "Output").iterdir()
    for path in (directory, directory / "run.yaml"):
        outcome = program(command, str(path), *words)
        assert outcome.code == 0, outcome
        assert outcome.out.startswith(f"{directory.name}: ")


def test_every_imported_file_of_the_models_folder_is_kept(program: Program, tmp_path: Path) -> None:
    """The record has the helpers, packages included, and later analyses use them when the originals are gone."""
    folder = tmp_path / "own"
    (folder / "parts").mkdir(parents=True)
    (folder / "helpers.py").write_text("DENSITY = 2.0\n")
    (folder / "late.py").write_text("FACTOR = 1.5\n")
    (folder / "unused.py").write_text("raise RuntimeError('never imported')\n")
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "sizes.py").write_text("from helpers import DENSITY\nSIZE = DENSITY\n")
    model = (tmp_path / "mine.py").read_text()
    model = model.replace("import param\n", "import param\nfrom parts.sizes import SIZE\n").replace("3.0", "SIZE")
    model = model.replace("return topo", "from late import FACTOR\n        return topo").replace(
        "self.size)", "self.size * FACTOR)"
    )
    (folder / "model.py").write_text(model)
    assert program("model=own/model.py", *QUICK).code == 0
    (directory,) = (tmp_path / "Output").iterdir()
    kept = {str(path.relative_to(directory / "provenance")) for path in directory.glob("provenance/**/*.py")}
    assert kept == {"model.py", "helpers.py", "late.py", "parts/__init__.py", "parts/sizes.py"}
    shutil.rmtree(folder)
    other = tmp_path / "other"  # another model's helper of the same name must not be taken instead
    other.mkdir()
    (other / "helpers.py").write_text("DENSITY = 9.0\n")
    (other / "model.py").write_text((tmp_path / "mine.py").read_text().replace("import param", "import param, helpers"))
    assert program("model=other/model.py", *QUICK, "output_dir=second").code == 0
    outcome = program("analyse", str(directory), "--trust", *MEASURE)
    assert outcome.code == 0, outcome
    assert "1.0,V1/scaled,1.0" in (directory / "metrics.csv").read_text()


def test_an_edited_helper_is_not_used_for_an_old_run(program: Program, tmp_path: Path) -> None:
    """If any of the files has changed, all are taken from the record."""
    (tmp_path / "sizes_of_mine.py").write_text("SIZE = 2.0\n")
    text = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(
        text.replace("import param\n", "import param\nfrom sizes_of_mine import SIZE\n").replace("=self.size", "=SIZE")
    )
    assert program("model=mine.py", *QUICK).code == 0
    (tmp_path / "sizes_of_mine.py").write_text("SIZE = 5.0\n")
    outcome = program("analyse", "Output", "--trust", *MEASURE)
    assert (outcome.code, "recorded copy" in outcome.err) == (0, True), outcome


def test_a_record_can_be_repeated_from_any_directory(program: Program, tmp_path: Path) -> None:
    """`head -1 run.log | bash` repeats the run: relative paths, and line breaks and quotes in a value, included."""
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    tag = 'two\nlines, it\'s \t "odd" $HOME `x` \\ é'
    words = [
        "model=./mine.py",
        "analysis=[functions.py:measure]",
        "output_dir=its runs",
        f"tag={literal(tag)}",
        "size=2",
    ]
    assert program("times=[0,1]", "tracking=none", *words).code == 0
    (first,) = (tmp_path / "its runs").iterdir()
    done = shell(f"head -1 {str(first / 'run.log')!r} | bash", elsewhere)
    assert done.returncode == 0, done
    records = runs(tmp_path / "its runs")
    assert [run["tag"] for run in records] == [tag, tag]
    assert len({run["command"] for run in records}) == 1
    # moved as a whole, it runs in the directory in which it is called
    moved = tmp_path.with_name(tmp_path.name + "_moved")
    shutil.copytree(tmp_path, moved)
    line = (first / "run.log").read_text().splitlines()[0].replace(f"cd {tmp_path};", f"cd {tmp_path}/gone;")
    assert shell(line, moved).returncode == 0
    assert len(runs(moved / "its runs")) == 3


@pytest.mark.parametrize("form", ["stdin", "-c"])
def test_a_script_without_a_file_is_run_without_a_source(tmp_path: Path, form: str) -> None:
    """Classes and functions of standard input or `python -c` run; the record has no source, and nothing fails."""
    script = (
        "import topo_exp, param\nfrom topo_exp import Result\n"
        "class Mine(param.Parameterized):\n"
        "    size = param.Number(2.0)\n"
        "    def build(self): return topo_exp.build('tiny', cortex_density=self.size)\n"
        "def peak(sim): return Result(metrics={'peak': 1.0})\n"
        "run = topo_exp.run(Mine, times=[0], analysis=[peak], tracking='none', output_dir='out')\n"
        "print(run.status, run.metadata['model_source'])\n"
    )
    done = subprocess.run(
        [sys.executable, *(["-c", script] if form == "-c" else ["-"])],
        input=script if form == "stdin" else None,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done None"


def test_help_can_be_read_on_an_ascii_terminal(tmp_path: Path) -> None:
    """A terminal that lacks a character shows its code."""
    done = subprocess.run(
        [sys.executable, "-m", "topo_exp", "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"cortex_density=5.0" in done.stdout
