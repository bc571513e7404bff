"""MLflow's pages are served to this machine only, and end with the command."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.doubles import ROOT, ended, finished_run, numbers, script
from topo_exp.errors import RecordError
from topo_exp.testing import run_spec
from topo_exp.view.sync import require_sync
from topo_exp.view.ui import serve_pages

# libraries below MLflow, and its own modules, warn about each other as they are loaded
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

SERVE = """if True:
    import sys
    from pathlib import Path
    from topo_exp.view.ui import serve_pages
    serve_pages(Path(sys.argv[1]), port=0, announce=lambda address: print(address, flush=True))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory with one small run and its database."""
    output = tmp_path_factory.mktemp("made")
    run = finished_run(run_spec(output, times=(0.0,), analyses={"numbers": numbers}))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        require_sync([run.directory])
    return output


def test_a_directory_without_a_database_is_refused(tmp_path, monkeypatch):
    """The error says how to make one."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RecordError, match="python -m topo_exp sync"):
        serve_pages(tmp_path, port=0, announce=print)


def test_a_port_that_is_taken_is_refused(tmp_path, monkeypatch):
    """The error names the port."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RecordError, match=f"got {port}: "):
            serve_pages(tmp_path, port=port, announce=print)


def test_a_server_elsewhere_is_named(tmp_path, monkeypatch):
    """Where MLFLOW_TRACKING_URI is a server, only its address is announced."""
    told = []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    serve_pages(tmp_path, port=0, announce=told.append)
    assert told == ["http://127.0.0.1:9"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_pages_are_served_until_stopped(made, monkeypatch, number):
    """The announced address answers on loopback, and nothing is left running afterwards."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    process = script(SERVE, made)
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=30) as page:
        assert b"MLflow" in page.read()
    children = _children(process.pid)
    assert children
    process.send_signal(number)
    ((code, _, _),) = ended([process])
    assert code == 0
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        direct = [int(word) for word in file.read().split()]
    return direct + [below for child in direct for below in _children(child)]


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_a_port_that_does_not_exist_is_refused_in_one_line(tmp_path, port):
    """It is refused before anything else, with the range of ports and exit code 2."""
    refused = subprocess.run(
        [sys.executable, "-m", "topo_exp", "ui", str(tmp_path), f"--port={port}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.splitlines() == [
        f"topo_exp: port: must be >= 0 and <= 65535 (got {port}). Use 0 for any that is free."
    ]


REPORT = """if True:
    import sys
    from pathlib import Path
    from topo_exp.view.ui import serve_pages
    def say(text):
        print(text, flush=True)
    serve_pages(Path(sys.argv[1]), port=0, announce=say, report=say)
"""


@pytest.mark.slow
def test_the_server_ends_when_its_command_is_killed_and_gives_no_advice(made, monkeypatch):
    """The command says at once what it awaits; after SIGKILL nothing of it runs; MLflow's advice is not shown."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    process = script(REPORT, made)
    assert process.stdout.readline().startswith("Starting MLflow's pages for ")
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    children = _children(process.pid)
    assert len(children) > 1
    process.kill()
    ((_, output, errors),) = ended([process])
    assert (output, errors) == ("", "")
    until = time.monotonic() + 30
    while (left := [pid for pid in children if os.path.exists(f"/proc/{pid}")]) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


@pytest.mark.slow
def test_the_addresses_of_a_moved_directory_are_corrected_before_it_is_served(made, tmp_path, monkeypatch):
    """The files of a run can be opened in the new place, although the old one is gone."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    moved = Path(shutil.copytree(made, tmp_path / "moved"))
    (file,) = moved.glob("mlartifacts/*/artifacts/run.yaml")
    process = script(SERVE, moved)
    address = process.stdout.readline().strip()
    file.write_text("in the new place")
    question = f"{address}/get-artifact?path=run.yaml&run_uuid={file.parents[1].name}"
    with urllib.request.urlopen(question, timeout=60) as answer:
        assert answer.read() == b"in the new place"
    process.send_signal(signal.SIGINT)
    ended([process])
