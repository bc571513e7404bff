"""MLflow's own pages for the runs below a directory, served to this machine only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from topo_exp.errors import RecordError
from topo_exp.view.store import prepare_environment, store_of

LOOPBACK = "127.0.0.1"
START_SECONDS = 120.0
"""Seconds that the server may take to answer for the first time."""
STOP_SECONDS = 10.0
"""Seconds that it may take to end."""
POLLING = 0.2
"""Seconds between two checks of the server and the signals."""
LISTED = 20
"""Number of experiments whose pages are listed, the latest first."""


def serve_pages(output_dir: Path, *, port: int, announce: Callable[[str], None]) -> None:
    """Serve MLflow's pages until Ctrl-C or SIGTERM.

    Args:
        output_dir: Directory of the runs and their database.
        port: To listen on, on the loopback interface; 0 for any free one.
        announce: Called once with the address, when the pages can be opened.

    Raises:
        RecordError: There is no database there, the port is taken, or the server ended by itself.
    """
    store = store_of(Path(output_dir).absolute() / "run")
    if store.tracking_uri.startswith("http"):
        announce(store.tracking_uri)  # an existing server shows them already
        return
    if (
        store.tracking_uri.startswith("sqlite:///")
        and not Path(store.tracking_uri.removeprefix("sqlite:///")).is_file()
    ):
        raise RecordError(
            f"{output_dir}: must have an MLflow database (got none). "
            f"Run something there first, or make it from run directories: python -m topo_exp sync {output_dir}"
        )
    address = (LOOPBACK, _free_port(port))
    with _stop_signals() as received:
        server = _start(store.tracking_uri, store.artifact_location, address)
        try:
            if _await_answer(server, address, received):
                announce(f"http://{address[0]}:{address[1]}")
                while server.poll() is None and not received:
                    time.sleep(POLLING)
        finally:
            _stop(server)
        if received:
            return
    raise RecordError(f"the MLflow server: must run until Ctrl-C (it ended with code {server.returncode}).")


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM within the block, so that the server is always ended; a second one is raised.

    Yields:
        The numbers of the signals received so far.
    """
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    previous = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def chart_pages(address: str) -> dict[str, str]:
    """Return the pages with the charts and pictures of each experiment.

    MLflow's first page and the first page of an experiment are made for language models and show no charts.

    Args:
        address: Of a server that answers.

    Returns:
        Address by name of the experiment, the latest first; empty if the server does not list them.
    """
    question = f"{address}/api/2.0/mlflow/experiments/search?max_results={LISTED}&order_by=last_update_time%20DESC"
    proxies = [urllib.request.ProxyHandler({})] if LOOPBACK in address else []
    opener = urllib.request.build_opener(*proxies)
    try:
        with opener.open(question, timeout=START_SECONDS) as answer:
            found = json.load(answer).get("experiments", [])
    except (OSError, ValueError):
        return {}  # only the address of the server is known then
    return {
        experiment["name"]: f"{address}/#/experiments/{experiment['experiment_id']}/runs"
        "?workflowType=machine_learning&compareRunsMode=CHART"
        for experiment in found
        if experiment["experiment_id"] != "0"  # MLflow's own, and empty
    }


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise RecordError(
                f"port: must be free on {LOOPBACK} (got {port}: {error.strerror}). Choose another one, or 0 for any."
            ) from error
        return probe.getsockname()[1]


def _start(tracking_uri: str, artifacts: str | None, address: tuple[str, int]) -> subprocess.Popen[bytes]:
    prepare_environment()
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server"),
            *("--host", address[0], "--port", str(address[1])),
            *("--workers", "1", "--uvicorn-opts", "--log-level warning"),
            *("--backend-store-uri", tracking_uri),
            *(("--default-artifact-root", artifacts) if artifacts else ()),
        ],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # so that all of its processes can be ended together
    )


def _await_answer(server: subprocess.Popen[bytes], address: tuple[str, int], received: Sequence[int]) -> bool:
    """Wait until the server answers; return False if a signal comes first.

    Raises:
        RecordError: The server ends, or does not answer in time.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if received:
            return False
        if server.poll() is not None:
            raise RecordError(f"the MLflow server: must start (it ended with code {server.returncode}).")
        try:
            socket.create_connection(address, timeout=1.0).close()
        except OSError:
            time.sleep(POLLING)
        else:
            return True
    raise RecordError(f"the MLflow server: must answer within {START_SECONDS:.0f} s (got nothing).")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server with all of its processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    server.wait()
