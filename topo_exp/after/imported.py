"""Runs that Topographica's `run_batch` and Lancet made, found below some directories, as rows of the same table.

They are read for lineage. Nothing is unpickled, and nothing evaluated but literals.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from topo_exp.after.lancet import Launch, find_launches
from topo_exp.after.rows import RunRows
from topo_exp.after.run_batch import OldRun, is_run_batch, merged, read_run_batch
from topo_exp.record.layout import MLFLOW_FOLDERS, RUN_YAML, SWEEP_YAML
from topo_exp.typing import Data


@dataclass
class Imported:
    """Runs of other programs.

    Attributes:
        rows: Of each run, in order of path.
        lineage: Of each directory: its name, path and source, command, host, start and end, as far as they are known.
        notes: A text for each file or line that cannot be read.
    """

    rows: list[RunRows] = field(default_factory=list)
    lineage: list[dict[str, Data]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_imported(places: Sequence[Path]) -> Imported:
    """Find and read the directories of `run_batch` and of Lancet at or below some places.

    Args:
        places: Directories. Links in them are not followed.
    """
    runs: dict[Path, OldRun] = {}
    launches: dict[tuple[Path, str], Launch] = {}
    notes: list[str] = []
    for place in places:
        for folder, folders, files in os.walk(place.absolute()):
            here = Path(folder)
            folders[:] = sorted(name for name in folders if name not in MLFLOW_FOLDERS and not name.startswith("."))
            if RUN_YAML in files or (here.name == "points" and (here.parent / SWEEP_YAML).exists()):
                folders.clear()
            elif is_run_batch(here, files, folders):
                folders.clear()
                try:
                    runs[here] = read_run_batch(here)
                except OSError as error:  # it was deleted meanwhile, or may not be read
                    notes.append(f"imported: {here}: cannot be read ({error.strerror or error})")
            else:
                launches |= {(here, launch.name): launch for launch in find_launches(here, files)}
    found = _combined(runs, launches)
    found.notes += notes
    return found


def _combined(runs: dict[Path, OldRun], launches: dict[tuple[Path, str], Launch]) -> Imported:
    """Give each run the arguments of its task, and rows to the tasks of which there is no directory."""
    found = Imported()
    launched: set[tuple[Path, str, int]] = set()
    for directory, run in sorted(runs.items()):
        launch = next((launch for (above, _), launch in launches.items() if above in directory.parents), None)
        rows, lineage = run.rows, dict(run.lineage)
        if launch is not None and run.task in launch.tasks:
            assert run.task is not None
            launched.add((launch.directory, launch.name, run.task))
            rows = merged(run, launch.settings(run.task))
            lineage["launch"] = str(launch.directory)
        found.rows.append(rows)
        found.lineage.append(_entry(rows, lineage))
        found.notes += [f"imported: {note}" for note in run.notes]
    for (directory, name), launch in sorted(launches.items()):
        for task in sorted(launch.tasks):
            if (directory, name, task) not in launched:
                found.rows.append(launch.rows(task))
        found.lineage.append({"run": directory.name, "directory": str(directory), "source": "lancet", **launch.lineage})
        found.notes += [f"imported: {note}" for note in launch.notes]
    return found


def _entry(rows: RunRows, lineage: dict[str, Data]) -> dict[str, Data]:
    return {"run": rows.name, "directory": str(rows.directory), "source": rows.source, **lineage}
