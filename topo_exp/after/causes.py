"""Differences between the records of two runs: settings, seeds, code, versions and host."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from topo_exp.after.differences import Cause, CauseKind
from topo_exp.errors import RecordError
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import PROVENANCE
from topo_exp.record.run_yaml import CodeData, RunData
from topo_exp.typing import Data

PLACES = ("metadata_dir", "compress_metadata", "tracking")
"""Options that say where a run is shown and copied; no result depends on them."""
PACKAGES = "packages.txt"


def causes_between(a: RunHandle, b: RunHandle) -> list[Cause]:
    """List everything that differs between the records of two runs and that results may depend on.

    Args:
        a: The first run.
        b: The second run.

    Returns:
        The differences, by kind: settings, seeds, code, versions, host.

    Raises:
        RecordError: A file of a record cannot be read.
    """
    one, two = a.metadata, b.metadata
    return [
        *_changes("setting", _settings(one), _settings(two)),
        *_changes("seed", one["seeds"], two["seeds"]),
        *_code(a, b),
        *_changes("version", _versions(a), _versions(b)),
        *_changes("host", dict(one["host"]), dict(two["host"])),  # type: ignore[arg-type]  # plain data, all of it
    ]


def _changes(kind: CauseKind, first: Mapping[str, Data], second: Mapping[str, Data]) -> Iterator[Cause]:
    for name in dict.fromkeys([*first, *second]):
        if name not in first or name not in second or not _same(first[name], second[name]):
            yield Cause(kind, name, first.get(name), second.get(name))


def _same(one: Data, two: Data) -> bool:
    """Return True for equal values; a truth value is not a number, and NaN equals NaN."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    return one == two or (one != one and two != two)


def _settings(record: RunData) -> dict[str, Data]:
    """Return all settings by their names on the command line, without seeds and places."""
    parameters = {name: value for name, value in record["parameters"].items() if name not in record["seeds"]}
    settings: dict[str, Data] = {"model": record["model"], **parameters, "times": record["times"], "tag": record["tag"]}
    settings |= {name: value for name, value in _flat("analysis", record["analysis"]) if value != {}}
    for name, value in record["options"].items():
        if name not in PLACES:
            settings |= dict(_flat(name, value))
    for when in ("before", "after"):
        settings[when] = [_function(str(name)) for name in _list(settings.get(when))]
    return settings


def _list(value: Data) -> list[Data]:
    return list(value) if isinstance(value, list | tuple) else []


def _flat(name: str, value: Data) -> Iterator[tuple[str, Data]]:
    """Write a mapping as settings `name.key`, and a function of a file without the file's folder."""
    if isinstance(value, Mapping):
        yield from chain.from_iterable(_flat(f"{name}.{key}", part) for key, part in value.items())
        if not value:
            yield name, {}
    else:
        yield name, _function(value) if name.endswith("._target_") and isinstance(value, str) else value


def _function(reference: str) -> str:
    file, colon, name = reference.rpartition(":")
    return f"{Path(file).name}:{name}" if colon else reference


def _versions(run: RunHandle) -> dict[str, Data]:
    """Return the versions of the main libraries, then of all other installed packages."""
    versions: dict[str, Data] = dict(run.metadata["versions"])
    for line in _text(run.directory / PROVENANCE / PACKAGES).splitlines():
        name, _, version = line.partition("==")
        versions.setdefault(name, version)
    return versions


def _code(a: RunHandle, b: RunHandle) -> Iterator[Cause]:
    """Compare commits, patches, the files that the records hold, and the checksums of those that they do not hold."""
    trees = _trees(a.metadata), _trees(b.metadata)
    for name in dict.fromkeys([*trees[0], *trees[1]]):
        first, second = (tree[name].get("commit") if name in tree else None for tree in trees)
        if first != second:
            yield Cause("code", f"commit of {name}", first, second)
    files = _files(a), _files(b)
    for name in sorted({*files[0], *files[1]}):
        one, two = (_text(found[name]) if name in found else "" for found in files)
        if one != two:
            yield Cause("code", name, diff=_diff(name, one, two))
    checksums = _checksums(a.metadata), _checksums(b.metadata)
    for name in sorted({*checksums[0], *checksums[1]} - {*files[0], *files[1]}):
        before, after = (f"sha256 {found[name][:12]}" if name in found else None for found in checksums)
        if before != after:
            yield Cause("code", name, before, after)
    lists = [
        {name: _text(run.directory / tree["untracked"]) for name, tree in found.items() if "untracked" in tree}
        for run, found in zip((a, b), trees, strict=True)
    ]
    for name in sorted({*lists[0], *lists[1]}):
        one, two = (found.get(name, "") for found in lists)
        if one != two:
            yield Cause("code", f"untracked files of {name}", diff=_diff(f"{name}.untracked.txt", one, two))


def _trees(record: RunData) -> dict[str, CodeData]:
    """Return the working trees of a run by what they hold: topo_exp, model or directory.

    The current directory counts only if it holds code of the run.
    """
    code = record.get("code", {})
    found = {name: code.get(tree.get("same_as", ""), tree) for name, tree in code.items()}
    return {name: tree for name, tree in found.items() if name != "directory"}


def _files(run: RunHandle) -> dict[str, Path]:
    """Return the recorded source files and patches by name."""
    folder = run.directory / PROVENANCE
    found = [path for pattern in ("*.py", "*.patch") for path in folder.rglob(pattern) if not path.is_symlink()]
    return {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}


def _checksums(record: RunData) -> dict[str, str]:
    """Return the recorded checksums: of rooms of the package by name, of files without their folders."""
    return {
        name if name.startswith("topo_exp.") else Path(name).name: checksum
        for name, checksum in record.get("sources", {}).items()
    }


def _diff(name: str, one: str, two: str) -> str:
    """Return a unified diff; of a patch that one run has alone, the patch itself."""
    if name.endswith(".patch") and not (one and two):
        return f"{'only in A' if one else 'only in B'}:\n{one or two}"
    lines = difflib.unified_diff(one.splitlines(), two.splitlines(), f"A/{name}", f"B/{name}", lineterm="", n=2)
    return "\n".join(lines) or f"A/{name} and B/{name} differ in their line ends"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise RecordError(f"{path}: must be readable (got: {error.strerror}). Restore it from a copy.") from error
