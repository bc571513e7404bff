"""Processes as holders of something that only one may have, and files that exactly one process can make."""

from __future__ import annotations

import errno
import json
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.processes import process_start

NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""Errors by which a file system says that it has no hard links."""


@dataclass(frozen=True)
class Holder:
    """A process, told apart from every other one.

    Attributes:
        host: Name of its host.
        machine: Boot and process namespace of its kernel: only within one of these do process ids mean anything.
        pid: Its id.
        start: The kernel's start time of the process.
    """

    host: str
    machine: str
    pid: int
    start: int | None

    @classmethod
    def of(cls, pid: int) -> Holder:
        """Describe a process of this host."""
        return cls(socket.gethostname(), _machine(), pid, process_start(pid))

    @property
    def is_here(self) -> bool:
        """True if the process ran where this one runs, so that its id can be looked up."""
        return self.host == socket.gethostname() and self.machine == _machine()

    @property
    def is_gone(self) -> bool:
        """True if the process is known to have ended."""
        if not self.is_here:
            return False
        start = process_start(self.pid)
        return start is None or (self.start is not None and start != self.start)


def create_once(path: Path, facts: Mapping[str, object]) -> bool:
    """Make a file with some facts, whole and durable, unless it exists.

    Returns:
        True if this call has made it.

    Raises:
        RecordError: The directory cannot be written.
    """
    text = json.dumps(facts)
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(temporary, text)
            return _link(temporary, path, text)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(f"{path}: must be writable (got {error}). Check the disk and the owner.") from error


def _link(temporary: Path, path: Path, text: str) -> bool:
    """Give a file a second name, unless that exists."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS repeats a request whose answer was lost, and then reports the link that it made itself
        return temporary.stat().st_nlink == 2
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            _write(path, text)
        except FileExistsError:
            return False
    return True


def _write(path: Path, text: str) -> None:
    """Write a new file to the disk."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_facts(path: Path) -> dict[str, object]:
    """Read the facts in a file; none if it is gone, or was cut off where the file system has no links."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    except OSError as error:
        raise RecordError(f"{path}: must be readable (got {error}). Check its owner.") from error
    return facts if isinstance(facts, dict) else {}


def holder_in(facts: Mapping[str, object]) -> Holder | None:
    """Return the process that a file of facts describes; None if it describes none."""
    host, machine, pid, start = (facts.get(name) for name in ("host", "machine", "pid", "start"))
    if isinstance(host, str) and isinstance(machine, str) and isinstance(pid, int):
        return Holder(host, machine, pid, start if isinstance(start, int) else None)
    return None


@cache
def _machine() -> str:
    """Name the running kernel and the process namespace; '' where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
