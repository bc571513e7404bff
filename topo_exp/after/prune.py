"""Free disk space: files of finished runs that can be made again or are no longer needed, shown before they go."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from topo_exp.errors import ConfigError, nearest
from topo_exp.record.checksums import write_checksums
from topo_exp.record.files import path_errors
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import find_runs
from topo_exp.record.lease import is_leased, leased
from topo_exp.record.restart import restart_points
from topo_exp.record.run_yaml import RunData, amend_record

RULES = {
    "pictures": "pictures of finished runs; `analyse` draws those of its analyses again from kept states",
    "states": "states of earlier times of finished runs; that of the last time is kept",
    "failed": "directories of failed and killed runs from which nothing can be continued",
}
"""Rules by name, with the files that they choose."""
PICTURES = ("plots", "cells")
HOURS = {"h": 1, "d": 24, "w": 24 * 7}
"""Units of an age: hours, days, weeks."""
LONGEST = 24 * 365 * 1000
"""Hours of a thousand years, beyond which no date exists."""
AGE = re.compile(r"(\d+(?:\.\d+)?)([a-z]*)")


@dataclass(frozen=True)
class Removal:
    """The files that a rule removes of one run.

    Attributes:
        run: Its directory.
        paths: Files, or the directory itself.
        size: Bytes that this frees.
    """

    run: Path
    paths: tuple[Path, ...]
    size: int

    def __str__(self) -> str:
        """Write it on one line."""
        part = "all of it" if self.paths == (self.run,) else f"{len(self.paths)} files"
        return f"{self.run.name}: {part}, {self.size / 1e6:.1f} MB"


def age(text: str) -> timedelta:
    """Return the time that a text such as 12h, 30d or 4w names.

    Raises:
        ConfigError: It is no number > 0 with one of these units.
    """
    match = AGE.fullmatch(text.strip().lower())
    if match is None or match[2] not in HOURS or not 0 < float(match[1]) * HOURS[match[2]] < LONGEST:
        raise ConfigError(
            f"--older-than: must be a number > 0 with the unit h, d or w (got {text!r}). "
            "Write 12h (hours), 30d (days) or 4w (weeks)."
        )
    return timedelta(hours=float(match[1]) * HOURS[match[2]])


def removals(
    paths: Sequence[Path], rule: str, *, older_than: timedelta | None = None
) -> tuple[list[Removal], list[str]]:
    """Find the files that a rule removes; nothing is deleted.

    A run that a process is writing is left alone, and so is every restart point: an unfinished run can always be
    continued.

    Args:
        paths: Directories of runs, or above them.
        rule: One of `RULES`.
        older_than: Leave out runs that ended less than this before now. The record counts, not the dates of files; of
            a run that was killed before it could record its end, the last sign of life.

    Returns:
        The removals, and a line for each run that the rule would take if nothing depended on it.

    Raises:
        ConfigError: There is no such rule.
        RecordError: A path does not exist, or a record cannot be read.
    """
    if rule not in RULES:
        raise ConfigError(f"prune: must be given a rule (got {rule!r}). {nearest(rule, RULES)}")
    found, kept = [], []
    now = datetime.now(UTC)
    for directory in find_runs(paths):
        run = RunHandle(directory)
        if older_than is not None and now - last_sign(run.metadata) < older_than:
            continue
        if is_leased(directory):
            kept.append(f"{directory.name}: kept, a process is writing it")
            continue
        if rule == "failed":
            if run.status in ("failed", "killed"):
                if restart_points(directory):
                    kept.append(f"{directory.name}: kept, `resume` can continue it")
                else:
                    found.append(_removal(directory, [directory]))
        elif run.status == "done":
            files = _pictures(directory) if rule == "pictures" else _earlier_states(run)
            if files:
                found.append(_removal(directory, files))
    return found, kept


def last_sign(record: RunData) -> datetime:
    """Return the end of a run; of one that did not record it, the last time at which it wrote its record."""
    written = [record["started"], *(entry["at"] for entry in record["recorded"])]
    if heartbeat := record.get("heartbeat"):
        written.append(heartbeat["at"])
    return datetime.fromisoformat(record["ended"] or max(written))


def prune(removal: Removal) -> None:
    """Delete the files of a removal; the record of a run that stays says so, and its checksums are written again.

    Raises:
        RecordError: A file cannot be deleted, or another process has begun to write the run.
    """
    directory = removal.run
    with leased(directory), path_errors(directory):
        if removal.paths == (directory,):
            shutil.rmtree(directory)
            return
        for path in removal.paths:
            path.unlink()
        names = [path.relative_to(directory).as_posix() for path in removal.paths]
        checksums = write_checksums(directory)

        def note(data: RunData) -> None:
            data["checksums"] = checksums
            data["pruned"] = [*data.get("pruned", []), *names]

        amend_record(directory, note)


def _pictures(directory: Path) -> list[Path]:
    return [path for folder in PICTURES for path in sorted((directory / folder).glob("*")) if path.is_file()]


def _earlier_states(run: RunHandle) -> list[Path]:
    """Return the files of all states but the last one."""
    kept = run.checkpoints()
    last = max(kept, default=None)
    return [path for time, path in kept.items() if time != last and path.parent.name == "checkpoints"]


def _removal(directory: Path, paths: Sequence[Path]) -> Removal:
    files = [each for path in paths for each in (path.rglob("*") if path.is_dir() else [path]) if each.is_file()]
    return Removal(directory, tuple(paths), sum(each.stat().st_blocks * 512 for each in files))
