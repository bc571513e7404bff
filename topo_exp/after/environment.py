"""A fresh virtual environment with the library versions of a record."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import PROVENANCE

PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
"""A line of packages.txt that may limit a version; anything else, such as an address, is left out."""
OWN = frozenset({"topo-exp", "topo_exp"})
LAST_LINES = 8


@dataclass(frozen=True)
class Environment:
    """A Python with libraries.

    Attributes:
        python: The interpreter.
        notes: Deviations from the record.
        is_fresh: Whether it was made for one reproduction.
    """

    python: Path
    notes: tuple[str, ...] = ()
    is_fresh: bool = False


def constraints_of(run: RunHandle) -> str:
    """Return the recorded package versions as constraints for pip, one on each line.

    They only limit versions: pip installs no package because it stands here, so that a record cannot make it install
    anything but the dependencies of this package.

    Raises:
        RecordError: The record has no list of packages.
    """
    path = run.directory / PROVENANCE / "packages.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: must be readable (got: {error}). Use --same-environment.") from error
    return "".join(
        f"{line}\n" for line in lines if PINNED.fullmatch(line) and line.partition("==")[0].lower() not in OWN
    )


def find_python(version: str) -> tuple[str, tuple[str, ...]]:
    """Find an interpreter for a recorded version of Python.

    Args:
        version: Such as 3.11.7.

    Returns:
        The program, and a note if its version is another one.
    """
    here = ".".join(map(str, sys.version_info[:3]))
    if here == version:
        return sys.executable, ()
    minor = ".".join(version.split(".")[:2])
    found = sys.executable if here.startswith(f"{minor}.") else shutil.which(f"python{minor}")
    if found is not None and found != sys.executable:
        answer = _call([found, "-c", "import platform; print(platform.python_version())"])
        here, found = (answer.stdout.strip(), found) if answer.returncode == 0 else (here, sys.executable)
    note = () if here == version else (f"Python is {here}, that of the run was {version}",)
    return found or sys.executable, note


def fresh_environment(run: RunHandle, place: Path, requirements: Sequence[str]) -> Environment:
    """Make a virtual environment with the recorded versions of all dependencies.

    Args:
        run: The recorded run.
        place: New directory, for the environment and the list of versions.
        requirements: Arguments of `pip install` that name this package.

    Raises:
        RecordError: pip cannot install these versions.
    """
    program, notes = find_python(str(run.metadata["versions"].get("python", "")))
    place.mkdir(parents=True)
    constraints = place / "constraints.txt"
    constraints.write_text(constraints_of(run), encoding="utf-8")
    _require(_call([program, "-m", "venv", str(place / "venv")]), "a virtual environment")
    python = place / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _require(_call([*install, "--constraint", str(constraints), *requirements]), "the recorded versions")
    return Environment(python, notes, is_fresh=True)


def _call(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return subprocess.run(
        words, capture_output=True, text=True, errors="replace", env=environment, stdin=subprocess.DEVNULL, check=False
    )


def _require(answer: subprocess.CompletedProcess[str], aim: str) -> None:
    if answer.returncode != 0:
        lines = [line for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
        text = " / ".join(lines[-LAST_LINES:])
        raise RecordError(
            f"reproduce: pip must install {aim} (got: {text}). Use --same-environment to repeat the run with the "
            "libraries that are installed here."
        )
