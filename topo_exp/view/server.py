"""The process that keeps MLflow's server: it ends the server when the command `ui` ends, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

STOP_SECONDS = 10.0
"""Seconds that the server may take to end."""
POLLING = 0.1
"""Seconds between two checks of the server."""


def keep_server(words: list[str]) -> int:
    """Run a server until standard input is closed, which happens also if the process at its other end is killed.

    Args:
        words: Command line of the server.

    Returns:
        The exit code of the server.
    """
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    closed = threading.Event()
    threading.Thread(target=_await_end_of_input, args=(closed,), daemon=True).start()
    try:
        while server.poll() is None and not closed.wait(POLLING):
            pass
    finally:
        stop_group(server)
    return server.returncode


def stop_group(server: subprocess.Popen[bytes]) -> None:
    """End a process with all of its own, which are in one group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        time.sleep(POLLING)  # its own processes end with it
    server.wait()


def _await_end_of_input(closed: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    closed.set()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the command decides when the server ends
    sys.exit(keep_server(sys.argv[1:]))
