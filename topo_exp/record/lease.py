"""The right to write into a run directory, which one process has at a time.

    .lease.0001    the process that made the run; its modification time is the heartbeat
    .lease.0002    the process that resumed it

A lease is made by exclusive creation, so that of several processes one gets the next number. The lease with the highest
number counts. It is free if its holder has released it, if the holder's process has ended, or, on another host, if its
heartbeat has stopped.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.files import path_errors, write_text
from topo_exp.record.holders import Holder, create_once, holder_in, read_facts

STALE_AFTER = 300.0
"""Seconds without a heartbeat after which a lease of another host is free; NFS shows times up to 60 s late."""
BEAT_EVERY = 20.0
"""Seconds between heartbeats."""
_NAME = re.compile(r"\.lease\.([0-9]{4,})")


@contextmanager
def leased(directory: Path) -> Iterator[None]:
    """Hold the lease of a run directory while the block runs.

    Args:
        directory: Of the run.

    Raises:
        RecordError: Another process holds it; the message names that process.
    """
    path = _take(directory)
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(path, stop), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if path.parent.is_dir():  # the directory of a refused run has been deleted
            _release(path)


def is_leased(directory: Path) -> bool:
    """Return True if a process may be at work in a run directory."""
    latest = _latest(directory)
    return latest is not None and _is_held(_lease_path(directory, latest))


def _take(directory: Path) -> Path:
    """Make the next lease.

    Raises:
        RecordError: Another process holds the last one, or was faster.
    """
    latest = _latest(directory)
    if latest is not None and _is_held(_lease_path(directory, latest)):
        raise RecordError(_held_text(directory, latest))
    number = (latest or 0) + 1
    if not create_once(_lease_path(directory, number), asdict(Holder.of(os.getpid()))):
        raise RecordError(_held_text(directory, number))
    return _lease_path(directory, number)


def _latest(directory: Path) -> int | None:
    with path_errors(directory):
        matches = [_NAME.fullmatch(name) for name in os.listdir(directory)]
    return max((int(match[1]) for match in matches if match), default=None)


def _lease_path(directory: Path, number: int) -> Path:
    return directory / f".lease.{number:04d}"


def _is_held(path: Path) -> bool:
    """Return True if the process that made a lease may still be at work."""
    facts = read_facts(path)
    if facts.get("released"):
        return False
    holder = holder_in(facts)
    if holder is not None and holder.is_here:
        return not holder.is_gone
    return _age(path) <= STALE_AFTER


def _age(path: Path) -> float:
    """Return the seconds since a file was touched, by the clock of its file system: hosts may differ in theirs."""
    probe = path.with_name(f".{uuid.uuid4().hex}")
    with path_errors(path.parent):
        try:
            probe.touch()
            return probe.stat().st_mtime - path.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)


def _held_text(directory: Path, number: int) -> str:
    facts = read_facts(_lease_path(directory, number))
    holder = holder_in(facts)
    who = "another process" if holder is None else f"process {holder.pid} on {holder.host}"
    return f"{directory.name}: must be free (got {who}, which is running it). Wait for its end, or stop that process."


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT_EVERY):
        try:
            os.utime(path)
        except OSError:  # the file system is away; the next heartbeat shows whether it is back
            continue


def _release(path: Path) -> None:
    facts: Mapping[str, object] = {**read_facts(path), "released": time.time()}
    write_text(path, json.dumps(facts))
