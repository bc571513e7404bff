"""MLflow's pages are served to this machine only, and end with the command."""

import os
import signal
import socket
import urllib.request

import pytest

from tests.doubles import ended, script
from topo_exp.errors import RecordError
from topo_exp.view.ui import serve_pages

SERVE = """if True:
    import sys
    from pathlib import Path
    from topo_exp.view.ui import serve_pages
    serve_pages(Path(sys.argv[1]), port=0, announce=lambda address: print(address, flush=True))
"""


def test_a_directory_without_a_database_is_refused(tmp_path, monkeypatch):
    """The error says how to make one."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RecordError, match="python -m topo_exp sync"):
        serve_pages(tmp_path, port=0, announce=print)


def test_a_port_that_is_taken_is_refused(tmp_path, monkeypatch):
    """The error names the port."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").touch()
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
def test_pages_are_served_until_stopped(tmp_path, monkeypatch, number):
    """The announced address answers on loopback, and nothing is left running afterwards."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").touch()
    process = script(SERVE, tmp_path)
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
