"""MLflow's own pages for the runs below a directory, served to this machine only."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from topo_exp.errors import ParameterError, RecordError
from topo_exp.record.files import file_lock
from topo_exp.record.processes import start_beside
from topo_exp.view.database import prepare_database, require_database
from topo_exp.view.saved import ViewLink, links_of
from topo_exp.view.server import STOP_SECONDS
from topo_exp.view.store import Store, prepare_environment, store_of
from topo_exp.view.sweep_entry import HAS_PAGE

LOOPBACK = "127.0.0.1"
LARGEST_PORT = 65535
START_SECONDS = 120.0
"""Seconds that the server may take to answer for the first time."""
POLLING = 0.2
"""Seconds between two checks of the server and the signals."""
LISTED, LISTED_SWEEPS = 20, 3
"""Number of experiments, and of sweeps in each of them, whose pages are listed, the latest first."""


@dataclass(frozen=True)
class Page:
    """A page that can be opened: what it shows, and its address."""

    title: str
    address: str


def serve_pages(
    output_dir: Path, *, port: int, announce: Callable[[str], None], report: Callable[[str], None] = lambda text: None
) -> None:
    """Serve MLflow's pages until Ctrl-C or SIGTERM.

    Args:
        output_dir: Directory of the runs and their database.
        port: To listen on, on the loopback interface; 0 for any free one.
        announce: Called once with the address, when the pages can be opened.
        report: Called at once with a sentence that says what is awaited.

    Raises:
        ParameterError: There is no such port.
        RecordError: There is no database there, the port is taken, or the server ended by itself.
    """
    if not 0 <= port <= LARGEST_PORT:
        raise ParameterError(f"port: must be >= 0 and <= {LARGEST_PORT} (got {port}). Use 0 for any that is free.")
    store = store_of(Path(output_dir).absolute() / "run")
    if store.tracking_uri.startswith("http"):
        announce(store.tracking_uri)  # an existing server shows them already
        return
    address = (LOOPBACK, _free_port(port))
    if store.database is not None:
        require_database(store)
        report(
            f"Starting MLflow's pages for {output_dir} at http://{LOOPBACK}:{address[1]}, which takes some seconds ..."
        )
        with file_lock(store.lock):
            prepare_database(store)
    with _stop_signals() as received, tempfile.TemporaryFile() as output:
        server = _start(store, address, output)
        try:
            if _await_answer(server, address, received, output):
                announce(f"http://{address[0]}:{address[1]}")
                while server.poll() is None and not received:
                    time.sleep(POLLING)
        finally:
            _stop(server)
        if received:
            return
        raise RecordError(
            f"the MLflow server: must run until Ctrl-C (it ended with code {server.returncode}{_last_line(output)})."
        )


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


def pages(server: str) -> list[Page]:
    """Return the pages of the experiments and their latest sweeps, those of the latest experiment first.

    They are the saved views, or, in an experiment without any, the page of its charts: MLflow's first page and the
    first page of an experiment are made for language models and show no charts.

    Args:
        server: Address of a server that answers.

    Returns:
        The pages; none if the server does not list experiments.
    """
    question = f"{server}/api/2.0/mlflow/experiments/search?max_results={LISTED}&order_by=last_update_time%20DESC"
    found = _asked(server, question).get("experiments", [])
    listed: list[Page] = []
    for experiment in found:
        if experiment["experiment_id"] == "0":  # MLflow's own, and empty
            continue
        tags = {tag["key"]: tag["value"] for tag in experiment.get("tags", [])}
        links = _latest_sweeps(links_of(tags))
        name, number = experiment["name"], experiment["experiment_id"]
        listed += [
            Page(f"{name}, {link.name[0].lower()}{link.name[1:]}", link.address(server, number)) for link in links
        ]
        if not links:
            address = f"{server}/#/experiments/{number}/runs?workflowType=machine_learning&compareRunsMode=CHART"
            listed.append(Page(name, address))
        listed += _sweep_pages(server, name, number)
    return listed


def _sweep_pages(server: str, experiment: str, number: str) -> list[Page]:
    """Return the pages of the latest sweeps of an experiment, which MLflow keeps as artifacts of their entries."""
    wanted = {
        "experiment_ids": [number],
        "filter": f"tags.`{HAS_PAGE}` != ''",
        "max_results": LISTED_SWEEPS,
        "order_by": ["attributes.start_time DESC"],
    }
    found = _asked(server, f"{server}/api/2.0/mlflow/runs/search", wanted).get("runs", [])
    listed = []
    for run in found:
        info, tags = run["info"], {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}
        address = f"{server}/#/experiments/{number}/runs/{info['run_id']}/artifacts/{tags[HAS_PAGE]}"
        listed.append(Page(f"{experiment}, page of the {info['run_name'].replace(' · ', ' ')}", address))
    return listed


def _asked(server: str, address: str, data: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return a server's answer; an empty one if it does not answer: only its own address is known then."""
    proxies = [urllib.request.ProxyHandler({})] if LOOPBACK in server else []
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.build_opener(*proxies).open(request, timeout=START_SECONDS) as answer:
            return dict(json.load(answer))
    except (OSError, ValueError):
        return {}


def _latest_sweeps(links: Sequence[ViewLink]) -> list[ViewLink]:
    sweeps = list(dict.fromkeys(link.sweep for link in links if link.sweep))[:LISTED_SWEEPS]
    return [link for link in links if not link.sweep or link.sweep in sweeps]


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


def _start(store: Store, address: tuple[str, int], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the server. Its output goes to a file, since it advises to open the pages to other machines."""
    prepare_environment()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.environ["PYTHONWARNINGS"] = "ignore"
    artifacts = ("--default-artifact-root", store.artifact_location) if store.artifact_location else ()
    return start_beside(
        "topo_exp.view.server",
        *(sys.executable, "-P", "-m", "mlflow", "server"),
        *("--host", address[0], "--port", str(address[1])),
        *("--workers", "1", "--uvicorn-opts", "--log-level warning"),
        *("--backend-store-uri", store.tracking_uri),
        *artifacts,
        output=output,
        errors=output,
    )


def _await_answer(
    server: subprocess.Popen[bytes], address: tuple[str, int], received: Sequence[int], output: IO[bytes]
) -> bool:
    """Wait until the server answers; return False if a signal comes first.

    Raises:
        RecordError: The server ends, or does not answer in time.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if received:
            return False
        if server.poll() is not None:
            raise RecordError(
                f"the MLflow server: must start (it ended with code {server.returncode}{_last_line(output)})."
            )
        try:
            socket.create_connection(address, timeout=1.0).close()
        except OSError:
            time.sleep(POLLING)
        else:
            return True
    raise RecordError(f"the MLflow server: must answer within {START_SECONDS:.0f} s (got nothing{_last_line(output)}).")


def _last_line(output: IO[bytes]) -> str:
    """Return the last line that the server has written, for an error message."""
    output.seek(0)
    lines = [line.strip() for line in output.read().decode("utf-8", "replace").splitlines() if line.strip()]
    line = re.sub(r"\s+", " ", lines[-1]) if lines else ""
    return f": {line}" if line else ""


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Close the pipe at which the server's keeper waits, and wait until it has ended the server."""
    assert server.stdin is not None
    server.stdin.close()
    try:
        server.wait(3 * STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
