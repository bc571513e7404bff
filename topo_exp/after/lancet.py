"""Launches of Lancet, read for lineage: the arguments of each task, and facts about the launch.

The formats are those of Lancet (ioam/lancet on GitHub, 2013 to 2016). A directory `<time>-<batch>` holds `<batch>.log`,
written by `Log.write_log` in lancet/core.py with a line `<number of the task> <arguments as JSON>` for each task, and
`<batch>.info`, written by `Launcher` in lancet/launch.py: JSON with name, tag, times and platform.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from topo_exp.after.literals import called, literal
from topo_exp.after.old_files import read_whole
from topo_exp.after.rows import RunRows
from topo_exp.errors import RecordError
from topo_exp.typing import Data

LINE = re.compile(r"\s*(\d{1,9})\s+(\{.*\})\s*")
"""One line of a log."""
MOST_TASKS = 100_000
"""Tasks of one launch that are read."""
COMMANDS = ("TopoCommand", "RunBatchCommand", "ShellCommand")
"""Kinds of commands that a launch is described with, from which the name of the model is taken."""
FACTS = ("batch_description", "batch_tag", "launcher", "platform", "root_directory", "metadata")
"""Entries of a `.info` file that are kept as they are."""


@dataclass
class Launch:
    """One launch.

    Attributes:
        directory: Absolute path.
        name: Of the batch.
        model: The script or program that its tasks ran; the name of the batch if the launch does not say.
        tasks: Number of each task -> its arguments.
        lineage: Facts about the launch: description, tag, platform, start and end.
        notes: A text for each file or line that cannot be read.
    """

    directory: Path
    name: str
    model: str
    tasks: dict[int, dict[str, Data]]
    lineage: dict[str, Data]
    notes: list[str] = field(default_factory=list)

    def rows(self, task: int) -> RunRows:
        """Return the rows of a task of which there is no directory."""
        return RunRows(
            name=f"{self.directory.name}/t{task}",
            directory=self.directory,
            status="unknown",
            model=self.model,
            settings=self.settings(task),
            source="lancet",
        )

    def settings(self, task: int) -> Mapping[str, Data]:
        """Return the arguments of a task with its number, and the tag of the launch if it has one."""
        tag = self.lineage.get("batch_tag")
        return {**self.tasks[task], "tid": task, **({"tag": tag} if tag else {})}


def find_launches(directory: Path, files: list[str]) -> Iterator[Launch]:
    """Read the launches that are recorded in a directory itself.

    Args:
        directory: Path.
        files: Names of the files in it.
    """
    for name in sorted(files):
        batch, dot, suffix = name.rpartition(".")
        if dot and suffix == "log":
            launch = _read(directory, batch, has_info=f"{batch}.info" in files)
            if launch is not None:
                yield launch


def _read(directory: Path, batch: str, *, has_info: bool) -> Launch | None:
    """Read one launch; None if the log is one of another program."""
    notes: list[str] = []
    info: Mapping[str, Data] = {}
    if has_info:
        try:
            info = _info(directory / f"{batch}.info")
        except RecordError as error:
            notes.append(str(error))
    try:
        text = read_whole(directory / f"{batch}.log")
    except RecordError as error:
        return Launch(directory, batch, batch, {}, {}, [str(error)]) if has_info else None
    lines = [line for line in text.splitlines() if line.strip()]
    if not has_info and not (lines and LINE.fullmatch(lines[0])):
        return None
    lineage = {name: info[name] for name in FACTS if info.get(name)}
    for name, entry in (("started", "timestamp"), ("ended", "end_time")):
        if (at := _clock(info.get(entry))) is not None:
            lineage[name] = at
    tasks = _tasks(text, directory / f"{batch}.log", notes)
    return Launch(directory, batch, _model(info.get("launcher")) or batch, tasks, lineage, notes)


def _info(path: Path) -> Mapping[str, Data]:
    """Read a `.info` file.

    Raises:
        RecordError: It is none.
    """
    text = read_whole(path)
    try:
        info = literal(text)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from error
    if not isinstance(info, Mapping) or "batch_name" not in info:
        raise RecordError(f"{path}: must name its batch (got {text[:60]!r})")
    return info


def _tasks(text: str, path: Path, notes: list[str]) -> dict[int, dict[str, Data]]:
    """Return the arguments of all tasks of a log; note the lines that have none."""
    found: dict[int, dict[str, Data]] = {}
    wrong = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            match = LINE.fullmatch(line)
            arguments = literal(match[2]) if match else None
            if match is None or not isinstance(arguments, Mapping):
                raise RecordError(f"must be a number and the arguments of a task (got {line[:60]!r})")
            found[int(match[1])] = {str(name): value for name, value in arguments.items()}
        except RecordError as error:
            wrong.append(f"{path}, line {number}: {error}")
        if len(found) >= MOST_TASKS:
            wrong.append(f"{path}, line {number}: the last of {MOST_TASKS} tasks that are read")
            break
    notes += wrong[:3] + ([f"{path}: {len(wrong) - 3} more lines that cannot be read"] if len(wrong) > 3 else [])
    return found


def _model(launcher: Data) -> str:
    """Return the script, or else the program, in the description of a launch; empty if it has none."""
    for name in COMMANDS:
        try:
            call = called(launcher, name) if isinstance(launcher, str) else None
        except RecordError:
            call = None
        if call is not None:
            program = call[1].get("tyfile") or call[1].get("executable") or (call[0] or [""])[0]
            return Path(str(program)).name.removesuffix(".ty")
    return ""


def _clock(value: Data) -> str | None:
    """Return a time that Python's `time` module wrote as a tuple, as text; None if it is none."""
    is_clock = isinstance(value, list) and len(value) == 9 and all(isinstance(each, int) for each in value)
    if not is_clock or not isinstance(value, list) or not any(value[:6]):
        return None
    year, month, day, hour, minute, second = value[:6]
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
