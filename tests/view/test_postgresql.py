"""An MLflow server with PostgreSQL behind it, as a group shares one: runs, sweeps and `sync` show there."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.test_runs import ROOT

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nowhere"))
pytest.importorskip("psycopg2", reason="not installed: psycopg2")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not (PROGRAMS / "initdb").exists(), reason="not installed: postgresql of Debian"),
    pytest.mark.skipif(
        not hasattr(os, "getuid") or os.getuid() != 0, reason="the database is started as the user postgres, by root"
    ),
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Start a PostgreSQL that listens on this machine only, and yield the address of an empty database."""
    place, port = Path(tempfile.mkdtemp(prefix="topo_exp_pg_")), free_port()
    shutil.chown(place, "postgres", "postgres")

    def call(*words: object) -> None:
        command = ["runuser", "-u", "postgres", "--", *map(str, words)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    options = f"-h 127.0.0.1 -p {port} -k {place}"
    try:
        call(PROGRAMS / "initdb", "-D", place / "data", "-U", "mlflow", "--auth=trust", "--no-sync")
        call(PROGRAMS / "pg_ctl", "-D", place / "data", "-l", place / "log", "-o", options, "-w", "start")
        try:
            call(PROGRAMS / "createdb", "-h", "127.0.0.1", "-p", port, "-U", "mlflow", "runs")
            yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/runs"
        finally:
            call(PROGRAMS / "pg_ctl", "-D", place / "data", "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(place)


@contextmanager
def server(database: str, place: Path, port: int) -> Iterator[str]:
    """Run an MLflow server on a database within the block, and yield its address."""
    address = f"http://127.0.0.1:{port}"
    words = ["--backend-store-uri", database, "--artifacts-destination", str(place), "--host", "127.0.0.1"]
    with (place / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *words, "--port", str(port), "--workers", "1"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=2):
                    break
            except OSError:
                assert process.poll() is None, (place / "server.log").read_text()
                assert time.monotonic() < until, (place / "server.log").read_text()
                time.sleep(0.3)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def test_a_server_shows_sweeps_and_what_it_missed(database: str, tmp_path: Path) -> None:
    """A sweep shows live; one that runs while the server is away is complete, and `sync` shows it later, once."""
    from mlflow import MlflowClient

    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TOPO_EXP_OUTPUT": str(tmp_path / "Output"),
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    }

    def program(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "topo_exp", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
        )

    def shown(address: str) -> list[str]:
        client = MlflowClient(address)
        found = client.search_runs([each.experiment_id for each in client.search_experiments()])
        assert {run.info.status for run in found} == {"FINISHED"}
        with_values = [run for run in found if "V1/retinotopy_coverage" in run.data.metrics]
        assert all(client.list_artifacts(run.info.run_id) for run in found)
        return sorted(run.data.params["cortex_density"] for run in with_values)

    with server(database, tmp_path, port) as address:
        done = program("-m", "cortex_density=3,4", "times=[0,10]")
        assert done.returncode == 0, done.stderr
        assert "MLflow does not" not in done.stderr
        assert shown(address) == ["3", "4"]
    away = program("-m", "cortex_density=5,6", "times=[0,10]", "n_jobs=2")
    assert away.returncode == 0, away.stderr
    assert "sync" in away.stderr
    assert len(list((tmp_path / "Output").glob("*/*/run.yaml"))) == 4
    with server(database, tmp_path, port) as address:
        for _ in range(2):
            done = program("sync", str(tmp_path / "Output"))
            assert done.returncode == 0, done.stderr
            assert shown(address) == ["3", "4", "5", "6"]
    assert not (tmp_path / "Output" / "mlflow.db").exists()
