"""Directories of Topographica's `run_batch`, read for lineage: settings, times, status and command.

The format is that of `run_batch` in topo/command/__init__.py of Topographica (ioam/topographica on GitHub), 2007 to
2016. A directory `<time>_<script>_<tag>,<name>=<value>,...` holds `<time>_<script>_<tag>.out`, with the command in its
first line and all output, a pickle of the parameters, which is not read, and pictures with the time in their names.
With the option `metadata_dir` the log is in a directory below.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from topo_exp.after.literals import called, literal
from topo_exp.after.old_files import read_ends
from topo_exp.after.rows import RunRows
from topo_exp.errors import RecordError
from topo_exp.typing import Data

NAME = re.compile(
    r".*?(?P<stem>(?:\d{12,14}|\d{4}-\d\d-\d\d_\d{4,6})_(?P<script>[^,]+?)(?:_t(?P<task>\d+)_)?)"
    r"(?P<settings>(?:,|(?<=_)(?=\w+=)).*)?"
)
"""Name of a directory: `dirname_prefix` precedes the time; `_t<number>_` is the tag of a task of Lancet."""
TIME = re.compile(r"_(\d{6,}\.\d{2,})[_.]")
"""Where a file has its time."""
TRUNCATED = "___"
"""End of a name that was cut off."""
PLACES = frozenset(
    {
        *("output_directory", "dirname_prefix", "max_name_length", "name_time_format", "timestamp"),
        *("dirname_params_filter", "metadata_dir", "compress_metadata", "vc_info", "save_global_params"),
        *("save_script_repr", "progress_bar", "progress_interval"),
    }
)
"""Options of `run_batch` that say where and how it records; no result depends on them."""


@dataclass
class OldRun:
    """One directory.

    Attributes:
        rows: Its rows of the table.
        task: Number of the task by which Lancet launched it; None if it did not.
        lineage: Command, host, start and end, as far as its log has them.
        notes: A text for each file or line that cannot be read.
    """

    rows: RunRows
    task: int | None
    lineage: dict[str, Data]
    notes: list[str] = field(default_factory=list)


def is_run_batch(directory: Path, files: list[str], folders: list[str]) -> bool:
    """Return True if a directory is one of `run_batch`.

    Args:
        directory: Path.
        files: Names of the files in it.
        folders: Names of the directories in it.
    """
    stem = _stem(directory)
    own = [name for name in files if name.startswith(stem)]
    if any(name.endswith((".out", ".global_params.pickle")) or TIME.search(name) for name in own):
        return True
    is_named = NAME.fullmatch(directory.name) is not None
    return is_named and any(_log(directory / folder, stem) is not None for folder in folders)


def read_run_batch(directory: Path) -> OldRun:
    """Read a directory; files that cannot be read are noted, and the others are used."""
    match, stem = NAME.fullmatch(directory.name), _stem(directory)
    notes: list[str] = []
    log = _find_log(directory, stem)
    found = _Log()
    if log is None:
        notes.append(f"{directory}: has no log that can be read; its settings are those of its name")
    else:
        try:
            found = _read_log(log, notes)
        except RecordError as error:
            notes.append(str(error))
    settings = found.settings
    if settings is None:
        settings = _settings_of_name(match["settings"] if match else None, directory, notes)
    rows = RunRows(
        name=directory.name,
        directory=directory,
        status=found.status,
        model=found.script or (match["script"] if match else stem).partition("_[")[0].rstrip("_"),
        settings=settings,
        times=tuple(sorted(_times(directory, stem))),
        source="run_batch",
    )
    return OldRun(rows, int(match["task"]) if match and match["task"] else None, found.lineage, notes)


def _stem(directory: Path) -> str:
    """Return the beginning of the names of all files of a directory, which is that of its own name."""
    match = NAME.fullmatch(directory.name)
    return match["stem"] if match else directory.name.partition(",")[0]


@dataclass
class _Log:
    """The contents of a log; `settings` is None if its command does not have them."""

    status: str = "unknown"
    script: str = ""
    settings: dict[str, Data] | None = None
    lineage: dict[str, Data] = field(default_factory=dict)


def _find_log(directory: Path, stem: str) -> Path | None:
    places = [directory, *sorted(path for path in directory.iterdir() if path.is_dir() and not path.is_symlink())]
    return next((log for place in places if (log := _log(place, stem)) is not None), None)


def _log(directory: Path, stem: str) -> Path | None:
    """Return the log in a directory itself."""
    try:
        return next(iter(sorted(path for path in directory.glob("*.out") if path.name.startswith(stem))), None)
    except OSError:
        return None


def _read_log(path: Path, notes: list[str]) -> _Log:
    """Read command, host, start and end of a log.

    Raises:
        RecordError: It cannot be read.
    """
    head, tail = read_ends(path)
    command = head.partition("\n")[0].strip()
    found = _Log(status=_status(tail), lineage={"command": command})
    patterns = {"host": r"^Host: (.*)$", "started": r"^Batch run started at (.*)\.$", "script": r"^script: (.*)$"}
    for name, pattern in patterns.items():
        if match := re.search(pattern, head, re.MULTILINE):
            found.lineage[name] = match[1]
    if match := re.search(r"^Batch run completed at (.*)\.$", tail, re.MULTILINE):
        found.lineage["ended"] = match[1]
    else:
        notes.append(f"{path}: has no last line; the run was killed, or is still running")
    try:
        found.script, found.settings = _command(command)
    except RecordError as error:
        notes.append(f"{path}, line 1: {error}; the settings are those of the directory's name")
    return found


def _status(tail: str) -> str:
    if "Batch run completed at" not in tail:
        return "unknown"
    errors = re.findall(r"^There were (\d+) error\(s\)", tail, re.MULTILINE)
    if errors:
        return "failed" if int(errors[-1]) else "done"
    return "failed" if "Traceback (most recent call last)" in tail else "done"


def _command(line: str) -> tuple[str, dict[str, Data] | None]:
    """Return script and settings of a command that calls `run_batch`, and parameters set by `-p` before it.

    Raises:
        RecordError: The call cannot be parsed.
    """
    try:
        words = shlex.split(line)
    except ValueError:  # a log of the time before commands were quoted
        words = [line]
    if not any("run_batch(" in word for word in words):
        words = [*words, line]
    before = {}
    for flag, word in pairwise(words):
        name, equals, text = word.partition("=")
        if flag == "-p" and equals:
            before[name.strip()] = _literal_or_text(text)
    call = next((call for word in words if (call := called(word, "run_batch")) is not None), None)
    if call is None:
        return "", None
    positions, keywords = call
    script = str(positions[0] if positions else keywords.pop("script_file", ""))
    kept = {name: value for name, value in keywords.items() if name not in PLACES and value != ""}
    return Path(script.replace("\\", "/")).name.removesuffix(".ty"), {**before, **kept}


def _settings_of_name(text: str | None, directory: Path, notes: list[str]) -> dict[str, Data]:
    """Return the settings in the name of a directory; the last of a name that was cut off is left out."""
    parts = [part for part in (text or "").split(",") if part]
    if parts and directory.name.endswith(TRUNCATED):
        notes.append(f"{directory}: its name is cut off; {parts.pop()!r} and what followed is left out")
    return {name: _literal_or_text(value) for name, _, value in (part.partition("=") for part in parts)}


def _literal_or_text(text: str) -> Data:
    try:
        return literal(text)
    except RecordError:
        return text


def _times(directory: Path, stem: str) -> Iterator[float]:
    """Yield the times in the names of files that analyses wrote."""
    found = {
        match[1] for path in directory.iterdir() if path.name.startswith(stem) and (match := TIME.search(path.name))
    }
    for text in found:
        yield float(text)


def merged(run: OldRun, spec: Mapping[str, Data]) -> RunRows:
    """Return the rows of a run with the settings that Lancet gave it, where its own command does not have them."""
    return replace(run.rows, settings={**spec, **run.rows.settings})
