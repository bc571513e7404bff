"""The process beside a run loads as little of MLflow as possible, and what fails in it is in run.log."""

import os
import subprocess
import sys

import pytest

from tests.doubles import ROOT, finished_run, numbers
from topo_exp.testing import run_spec
from topo_exp.view.recorder import MlflowRecorder

LEAN = """if True:
    import sys
    from topo_exp.view.lean import load_client_only
    load_client_only()
    from mlflow.tracking.client import MlflowClient
    print(sorted({"pandas", "numpy", "fastapi", "mlflow.models", "mlflow.projects"} & set(sys.modules)))
    import mlflow
    print(mlflow.MlflowClient is MlflowClient, mlflow.genai.scorers.Scorer.__module__, mlflow.__version__)
"""


@pytest.fixture
def environment(monkeypatch):
    """The environment of a user without settings of MLflow."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    return {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}


def test_the_client_is_loaded_without_the_rest_which_can_still_be_asked_for(environment):
    """Neither tables nor language models are loaded, until the package is asked for something else."""
    lean = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LEAN],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert lean.returncode == 0, lean.stderr
    assert lean.stderr == ""
    loaded, completed = lean.stdout.splitlines()
    assert loaded == "[]"
    assert completed.startswith("True mlflow.genai.scorers.base 3.")


def test_everything_that_fails_in_the_process_is_in_run_log(tmp_path, environment, monkeypatch):
    """The run is complete, and its log has the traceback of the process, which says what to do."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("no database " * 100)
    run = finished_run(run_spec(tmp_path, times=(0.0,), analyses={"numbers": numbers}, views=(MlflowRecorder,)))
    assert run.status == "done"
    lines = (run.directory / "run.log").read_text().splitlines()
    assert any("Traceback" in line for line in lines)
    assert any("mlflow.db: must be a whole MLflow database" in line for line in lines)
    assert any(f"python -m topo_exp sync {run.directory}" in line for line in lines)
