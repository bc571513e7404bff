"""The commands resume, extend and verify, with a real network."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.doubles import ROOT
from tests.faults.twins import assert_same_bits
from topo_exp.__main__ import main
from topo_exp.record.handle import load_run
from topo_exp.record.run_yaml import amend_record

MODEL = """
import param
from topo_exp.models.tiny import Tiny as _Tiny

class Mine(param.Parameterized):
    cortex_density = param.Number(3)
    def build(self):
        return _Tiny(cortex_density=self.cortex_density).build()
"""
MEASURE = """
from topo_exp.analysis import Result

def weights(sim):
    return Result(metrics={"V1/total": float(sum(p.weights.sum() for p in sim["V1"].projections.values()))})
"""
TIMES = "times=[0,50,100000,100050]"
"""The first times are reached within a second; the third one takes much longer."""


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a run of the user's own model in a folder."""
    (folder / "mine.py").write_text(MODEL)
    (folder / "measure.py").write_text(MEASURE)
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "topo_exp", "model=mine.py", "analysis=[measure.py:weights]"),
            *("tracking=none", "timestamp=20261122", *words),
        ],
        cwd=folder,
        # the rest of the environment, which may choose the instructions of OpenBLAS, is that of this process
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOPO_EXP_OUTPUT": str(folder / "Output")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """Return the folder of a run that SIGTERM has stopped after its second time."""
    folder = tmp_path_factory.mktemp("stopped")
    process = started(folder, TIMES)
    name = "Output/20261122" + "0000_mine"
    until = time.monotonic() + 120
    while not (folder / name / "results" / "000050.00.json").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"{folder / name}: killed by SIGTERM at time" in errors
    run = load_run(folder / name)
    assert 50 <= run.metadata["stopped_at"] < 100000
    # the rest would take long: the run ends a little later than it was stopped
    stop = int(run.metadata["stopped_at"])
    amend_record(run.directory, lambda data: data.update(times=[0.0, 50.0, float(stop + 20)]))
    return folder


@pytest.fixture
def folder(stopped, tmp_path) -> Path:
    """Return a copy of that folder."""
    return Path(shutil.copytree(stopped, tmp_path / "work"))


def only_run(folder: Path) -> Path:
    """Return the one run of a folder."""
    (directory,) = (path.parent for path in folder.glob("Output/*/run.yaml"))
    return directory


def test_a_real_run_is_resumed_extended_and_verified(folder, tmp_path, capsys):
    """From its restart point a network continues to the bits of a straight run; later times are added likewise."""
    directory = only_run(folder)
    last = load_run(directory).metadata["times"][-1]
    assert main(["resume", str(directory)]) == 0
    assert main(["resume", str(directory)]) == 0
    assert "not resumed" in capsys.readouterr().out
    assert main(["verify", str(folder / "Output")]) == 0
    assert main(["extend", str(directory), f"times=[{last + 30:g}]"]) == 0
    run = load_run(directory)
    assert run.times == (0.0, 50.0, last, last + 30)
    assert (directory / "run.log").read_text().splitlines()[0] == run.metadata["command"]
    assert f"times=[0,50,{last:g},{last + 30:g}]" in run.metadata["command"]
    twin = tmp_path / "twin"
    twin.mkdir()
    process = started(twin, f"times=[0,50,{last:g},{last + 30:g}]")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert_same_bits(directory, only_run(twin))
    (directory / "metrics.csv").write_text("time,name,value\n")
    assert main(["verify", str(directory)]) == 1
    assert "metrics.csv: changed" in capsys.readouterr().out


def test_changed_code_is_refused_with_the_difference(folder, stopped, capsys):
    """The message names the file; with --force the run continues, and the record lists the difference."""
    directory = only_run(folder)
    model = stopped / "mine.py"
    before = model.read_text()
    try:
        model.write_text(before + "# changed\n")
        assert main(["resume", str(directory)]) == 2
        assert f"from an unedited record (got {model}: changed)" in capsys.readouterr().err
        assert load_run(directory).status == "killed"
        assert main(["resume", str(directory), "--force"]) == 0
    finally:
        model.write_text(before)
    assert load_run(directory).metadata["resumed"][0]["differences"] == [f"{model}: changed"]
    assert (directory / "provenance" / "resumed-1-mine.py").is_file()


def test_another_version_is_refused_with_the_difference(folder, capsys):
    """Versions of libraries on which results depend are compared."""
    directory = only_run(folder)
    amend_record(directory, lambda data: data["versions"].update(numpy="1.0", mlflow="0.1"))
    assert main(["resume", str(directory)]) == 2
    message = capsys.readouterr().err
    assert "numpy: version 1.0 in the record" in message
    assert "mlflow" not in message


def test_an_edited_record_is_refused_and_stays_known_as_edited(folder, capsys):
    """What an edited run.yaml says may not be what ran: it is continued with --force only, which is recorded."""
    directory = only_run(folder)
    path = directory / "run.yaml"
    path.write_text(path.read_text().replace("tag: null", "tag: better"))
    assert main(["resume", str(directory)]) == 2
    assert "from an unedited record (got run.yaml: edited)" in capsys.readouterr().err
    assert main(["resume", str(directory), "--force"]) == 0
    assert load_run(directory).metadata["resumed"][0]["differences"] == ["run.yaml: edited"]


@pytest.mark.parametrize("entry", ["model", "analysis", "module"])
def test_code_of_another_user_runs_only_if_it_is_trusted(folder, tmp_path, capsys, entry):
    """A file of the record, or a function that it names, is not executed without --trust."""
    directory = only_run(folder)
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\n{MODEL}{MEASURE}")
    config = directory / ".hydra" / "config.yaml"
    if entry == "model":
        inside = directory / "provenance" / "trap.py"
        inside.write_bytes(trap.read_bytes())
        amend_record(directory, lambda data: data.update(model_source=str(inside), sources={}))
    else:
        reference = f"{trap}:weights" if entry == "analysis" else "trap.weights"
        amend_record(directory, lambda data: data.update(analysis={"weights": {"_target_": reference}}))
        config.write_text(config.read_text().replace("measure.py:weights", reference))
    assert main(["resume", str(directory)]) == 2
    assert "must be trusted before it is run (got " in capsys.readouterr().err
    assert not (tmp_path / "executed").exists()
