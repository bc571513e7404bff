"""The origin of a run's code: commits, patches, package versions, the model's own source."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import threading
from email.parser import HeaderParser
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import cast

from topo_exp.errors import is_users
from topo_exp.record.checked import read_checked, write_checked
from topo_exp.record.files import path_errors, write_bytes, write_text
from topo_exp.record.layout import PROVENANCE
from topo_exp.record.live import RunRecord
from topo_exp.record.run_yaml import CodeData, yaml_data

log = logging.getLogger(__name__)

CODE_JSON = "code.json"
"""File of a stored description."""
GIT_PATIENCE = 60.0
"""Seconds after which the answer of a git command is given up."""


class Provenance(threading.Thread):
    """Record nothing: a run that continues has its provenance from its beginning."""

    def copy_imported_files(self) -> None:
        """Copy the files of the model's folder that have been imported and are not copied yet: none."""


class ProvenanceThread(Provenance):
    """Ask git and the installed packages while the simulation is being built, and record the answers.

    The copy of the model's source is made before the thread starts, so that it is the source that the run is built
    from.

    Args:
        model_source: File that defines the model; None for a model that is defined in no file.
        record: Of the run.
        described: Folder that `store_description` has filled, for code that runs from a copy: git knows nothing of
            the copy. None: git is asked now.
    """

    def __init__(self, model_source: Path | None, record: RunRecord, *, described: Path | None = None) -> None:
        super().__init__(name="provenance", daemon=True)
        self._record = record
        self._folder = record.directory / PROVENANCE
        self._described = described
        self._model_source = model_source
        self._copied: set[Path] = set()
        if model_source is not None:
            with path_errors(model_source, "model"):
                source = model_source.read_bytes()
            write_bytes(self._folder / model_source.name, source)
            record.update({"model_sha256": hashlib.sha256(source).hexdigest()})
            self._copied.add(model_source)
            self.copy_imported_files()

    def copy_imported_files(self) -> None:
        """Copy the files of the model's folder that have been imported and are not copied yet."""
        if self._model_source is None or not is_users(str(self._model_source)):
            return
        folder = self._model_source.parent
        for path in set(imported_files(folder)) - self._copied:
            write_bytes(self._folder / path.relative_to(folder), path.read_bytes())
            self._copied.add(path)

    def run(self) -> None:
        """Write `provenance/`, and the entry `code` of run.yaml."""
        try:
            write_text(self._folder / "packages.txt", installed_packages())
            if self._described is None:
                code = describe_code(self._model_source, self._folder)
            else:
                code = _copied_description(self._described, self._folder)
            self._record.update({"code": code})
        except Exception:  # logged and counted as an error; the results matter more than their provenance
            log.exception("provenance: could not be written completely")


def describe_code(model_source: Path | None, folder: Path) -> dict[str, CodeData]:
    """Describe the git working trees of a model, of this package and of the working directory.

    Args:
        model_source: File that defines the model; None for a model that is defined in no file.
        folder: Receives the changes that are not committed, and the names of untracked files.

    Returns:
        The entry `code` of run.yaml: a tree that contains several of the three is described once.
    """
    places = {
        "model": model_source,
        "topo_exp": Path(__file__).parents[1] / "__init__.py",
        "directory": Path.cwd(),
    }
    code: dict[str, CodeData] = {}
    seen: dict[Path, str] = {}
    for name, place in places.items():
        root = None if place is None else _working_tree(place)
        if root is None:
            continue
        if root in seen:
            code[name] = {"same_as": seen[root]}
            continue
        seen[root] = name
        code[name] = _describe_tree(name, root, folder)
    return code


def store_description(model_source: Path | None, folder: Path) -> None:
    """Describe the code as `describe_code` does, for runs that will use a copy of it.

    Args:
        model_source: File that defines the model, where git can find it; None for one that is defined in no file.
        folder: Is made, and receives the description.
    """
    code = describe_code(model_source, folder)
    write_checked(folder / CODE_JSON, {name: yaml_data(tree) for name, tree in code.items()})


def _copied_description(described: Path, folder: Path) -> dict[str, CodeData]:
    """Copy the files of a stored description, and return the entry `code` of run.yaml."""
    code = read_checked(described / CODE_JSON)
    for path in sorted(described.iterdir()):
        if path.name != CODE_JSON:
            write_bytes(folder / path.name, path.read_bytes())
    return cast("dict[str, CodeData]", code)  # as `store_description` wrote it


def _describe_tree(name: str, root: Path, folder: Path) -> CodeData:
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain=v1", "-z", "--untracked-files=normal")
    untracked = [line[3:] for line in (changes or "").split("\0") if line.startswith("?? ")]
    described: CodeData = {
        "root": str(root),
        "commit": (commit or "").strip() or None,
        "branch": (_git(root, "branch", "--show-current") or "").strip() or None,
        "dirty": None if changes is None else bool(changes),
    }
    if changes:
        patch = _git(root, "diff", "--binary", *(["HEAD"] if commit else ["--cached"]))
        if patch:
            described["patch"] = f"{PROVENANCE}/{name}.patch"
            write_bytes(folder / f"{name}.patch", patch.encode("utf-8", "surrogateescape"))
        if untracked:
            described["untracked"] = f"{PROVENANCE}/{name}.untracked.txt"
            listing = "".join(f"{path}\n" for path in sorted(untracked))
            write_bytes(folder / f"{name}.untracked.txt", listing.encode("utf-8", "surrogateescape"))
    return described


def imported_files(folder: Path) -> list[Path]:
    """List the files at or below a folder that this process has imported, without those of installed libraries.

    Args:
        folder: The folder of a model's file.
    """
    found = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")  # asking a lazy module itself would load it
        if isinstance(file, str) and file.endswith(".py") and is_users(file):
            path = Path(file).resolve()
            if path.is_relative_to(folder) and path.is_file():
                found.add(path)
    return sorted(found)


def _working_tree(place: Path) -> Path | None:
    """Return the root of the git working tree that holds a directory, or that has a file under version control."""
    if shutil.which("git") is None:
        return None
    folder = place if place.is_dir() else place.parent
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None:
        return None
    if place.is_file() and "site-packages" in place.parts:
        # installed: a repository around the virtual environment is unrelated to it
        return None
    return Path(root.rstrip("\n"))


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of a git command, or None if it fails."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=GIT_PATIENCE,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("git %s: no answer (%s)", arguments[0], error)
        return None
    return answer.stdout.decode("utf-8", "surrogateescape") if answer.returncode == 0 else None


@cache
def installed_packages() -> str:
    """Return name and version of each installed package, one on each line; read once in a process."""
    # `found.metadata` would parse the descriptions as well, which takes longer
    texts = (found.read_text("METADATA") or found.read_text("PKG-INFO") for found in metadata.distributions())
    described = [HeaderParser().parsestr(text or "", headersonly=True) for text in texts]
    versions = {fields["Name"]: fields["Version"] for fields in described if fields["Name"]}
    return "".join(f"{name}=={versions[name]}\n" for name in sorted(versions, key=str.lower))
