"""Permission to execute code that a record names.

A record is data that may come from another user. Building its model again, or applying its analyses, executes Python
files, which can do anything that the user can. So every command that does this lists the code first that is not known
to be the user's own, and executes it only with the user's permission.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from topo_exp.compose.again import code_of
from topo_exp.compose.resumption import absolute_path, is_of_this_package, recorded_config
from topo_exp.errors import ConfigError
from topo_exp.record.checked import file_sha256
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import RUN_YAML, SWEEP_YAML
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.signature import CODE, SETTINGS, is_signed

Permission = Callable[[str, Sequence[str]], None]
"""Takes the record and its code that may be another user's; raises ConfigError unless it may be executed."""


def _never(where: str, code: Sequence[str]) -> bool:
    return False


def permission(*, trust: bool, ask: Callable[[str, Sequence[str]], bool] = _never) -> Permission:
    """Return the permission of a user.

    Args:
        trust: Whether the user has allowed the code beforehand, by `--trust`.
        ask: Asks the user otherwise, and returns the answer; by default it is no.
    """

    def permit(where: str, code: Sequence[str]) -> None:
        if code and not trust and not ask(where, code):
            raise ConfigError(
                f"{where}: code of the record must be trusted before it is run (got {', '.join(code)}). "
                "Read it, then add --trust."
            )

    return permit


def recorded_code(run: RunHandle, *, may_differ: bool = False) -> list[str]:
    """List the code outside this package that continuing a run executes, and that is not known to be the user's own.

    A file is the user's own if it is still at the place where the run was made, unchanged, outside all records, and
    belongs to the user who resumes. Everything else may have been written by the author of the record.

    Args:
        run: The recorded run.
        may_differ: Whether the user has accepted that files have changed.

    Returns:
        Files and functions; empty if continuing the run executes nothing of another user's.
    """
    sources = run.metadata.get("sources", {})
    model = run.metadata["model_source"]
    references = [str(entry.get("_target_")) for entry in _mappings(run.metadata["analysis"])]
    config = recorded_config(run)
    references += [str(entry.get("_target_")) for entry in _mappings(config.get("analysis"))]
    hooks = [config.get(when) for when in ("before", "after")]
    references += [str(name) for names in hooks if isinstance(names, list) for name in names]
    code = [] if model is None or is_of_this_package(run) else [str(model)]
    for reference in references:
        file, colon, _ = reference.rpartition(":")
        if colon and file.endswith(".py"):
            code.append(str(absolute_path(run, file)))
        elif not reference.startswith("topo_exp.analysis.") and reference != "None":
            code.append(reference)
    code += [path for path in sources if not path.startswith("topo_exp.")]
    return [
        each
        for each in dict.fromkeys(code)
        if not (may_differ or each in sources)
        or not is_own_file(run.directory, each, None if may_differ else sources[each])
    ]


def model_code(run: RunHandle) -> list[str]:
    """List the code that building the model of a run again executes, and that is not known to be the user's own.

    Args:
        run: The recorded run.

    Returns:
        The original file, or its copy in the run directory; empty for a model of this package and for the user's own.

    Raises:
        UnknownNameError: The record has no file of the model.
    """
    file = code_of(run)
    if file is None:
        return []
    checksum = run.metadata.get("sources", {}).get(str(file))
    return [] if checksum is not None and is_own_file(run.directory, str(file), checksum) else [str(file)]


def sweep_code(sweep: SweepDirectory) -> list[str]:
    """List what says which code a sweep runs, and its copies of code, if this user has not started the sweep.

    Args:
        sweep: The sweep.

    Returns:
        Files and folders; empty for a sweep that is as this user has made it.
    """
    if is_signed(sweep.path):
        return []
    places = [sweep.path / name for name in (SWEEP_YAML, SETTINGS, CODE)]
    return [str(place) for place in places if place.exists()] + list(sweep.manifest.config_dirs)


def is_own_file(directory: Path, name: str, checksum: str | None) -> bool:
    """Return True if a file of code that a record names is known to be the user's own.

    In records, only the copies of code in a sweep that this user has started are.

    Args:
        directory: Of the record.
        name: The file.
        checksum: The recorded one; None if the file may have changed.
    """
    path = Path(name)
    if not path.is_absolute() or not path.is_file() or not _is_outside_records(path.resolve(), directory.resolve()):
        return False
    is_users = path.stat().st_uid == directory.stat().st_uid == _user()
    return is_users and (checksum is None or file_sha256(path) == checksum)


def _is_outside_records(path: Path, directory: Path) -> bool:
    """Return True for a file that no record holds, and for the copies of code in a sweep that this user has started."""
    records = [
        each
        for each in path.parents
        if each == directory or (each / RUN_YAML).is_file() or (each / SWEEP_YAML).is_file()
    ]
    return all(each / CODE in path.parents and is_signed(each) for each in records)


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _mappings(entries: object) -> list[Mapping[str, Any]]:
    return [entry for entry in entries.values() if isinstance(entry, Mapping)] if isinstance(entries, Mapping) else []
