"""All that the page of a sweep says about its runs, as plain data."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from topo_exp.after.collate import collate
from topo_exp.errors import RecordError, TopoExpError
from topo_exp.record.handle import RunHandle
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.typing import Data

if TYPE_CHECKING:
    import pandas as pd

SEED = re.compile(r"(?:.*_)?seed")
"""Names of settings that repeat a run rather than change it, besides those that runs record as seeds."""


@dataclass
class Collected:
    """The runs of a page.

    Attributes:
        varying: Settings that differ between runs.
        seeds: Those among them that only repeat a run.
        constant: Settings that are equal in all runs, as name and value.
        times: All analysis times, ascending.
        metrics: Names.
        units: Of the metrics, by name.
        docs: Meanings of settings and metrics, by name.
        runs: One entry for each run and each point without a run; see `_run_entry`.
        handles: Number of a run -> its handle.
        notes: What is missing or not done.
    """

    varying: list[str]
    seeds: list[str]
    constant: list[tuple[str, Data]]
    times: list[float]
    metrics: list[str]
    units: dict[str, str]
    docs: dict[str, str]
    runs: list[dict[str, Data]] = field(default_factory=list)
    handles: dict[int, RunHandle] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def collect(paths: Sequence[Path], sweeps: Sequence[Path], *, base: Path) -> Collected:
    """Read the runs at or below some paths; nothing that they name is executed.

    Args:
        paths: Directories.
        sweeps: Directories of sweeps among and below them, whose points without a run are listed too.
        base: Directory of the page, from which links start.

    Raises:
        UnknownNameError: There is no run.
    """
    table = collate(paths, imported=False)
    attrs = table.attrs
    several_models = table["model"].nunique() > 1
    varying = [*(["model"] if several_models else []), *attrs["varying"]]
    first = table.iloc[0]
    found = Collected(
        varying=varying,
        seeds=[],
        constant=[(name, _plain(first[name])) for name in attrs["settings"] if name not in varying],
        times=sorted({float(time) for time in table["time"] if not math.isnan(time)}),
        metrics=list(attrs["metrics"]),
        units=dict(attrs["units"]),
        docs=dict(attrs["docs"]),
        notes=list(attrs["notes"]),
    )
    recorded_seeds: set[str] = set()
    known_points: set[tuple[str | None, str | None]] = set()
    for directory, rows in table.groupby("directory", sort=False):
        try:
            run = RunHandle(str(directory))
        except RecordError as error:  # it was deleted since the table was made
            found.notes.append(f"left out: {error}")
            continue
        found.handles[len(found.runs)] = run
        found.runs.append(_run_entry(run, rows, found, base))
        recorded_seeds.update(run.metadata.get("seeds") or ())
        known_points.add((run.metadata.get("sweep"), run.metadata.get("sweep_point")))
    found.seeds = [name for name in varying if name in recorded_seeds or SEED.fullmatch(name)]
    for path in sweeps:
        found.runs.extend(_points_without_run(path, found, known_points))
    return found


def _run_entry(run: RunHandle, rows: pd.DataFrame, found: Collected, base: Path) -> dict[str, Data]:
    record, first = run.metadata, rows.iloc[0]
    wall = (record.get("seconds") or {}).get("wall")
    by_time = {float(row["time"]): row for _, row in rows.iterrows() if not math.isnan(row["time"])}
    metrics: dict[str, Data] = {}
    for name in found.metrics:
        values = [_plain(by_time[time][name]) if time in by_time else None for time in found.times]
        if any(value is not None for value in values):
            metrics[name] = values
    error = record.get("error")
    return {
        "name": run.directory.name,
        "directory": str(run.directory),
        "link": link_to(run.directory, base),
        "status": run.status,
        "settings": [_plain(first[name]) for name in found.varying],
        "reached": record.get("reached"),
        "until": record["times"][-1] if record.get("times") else None,
        "seconds": wall if isinstance(wall, int | float) else None,
        "warnings": record.get("warnings") or 0,
        "errors": record.get("errors") or 0,
        "error": f"{error['type']}: {error['message']}" if error else None,
        "tag": record.get("tag"),
        "metrics": metrics,
    }


def _points_without_run(
    path: Path, found: Collected, known: set[tuple[str | None, str | None]]
) -> Iterator[dict[str, Data]]:
    """Yield an entry for each point of a sweep that has no run yet."""
    try:
        sweep = SweepDirectory.open(path)
        states = sweep.ledger.states([point.key for point in sweep.manifest.space])
    except TopoExpError:
        return  # `collate` has noted that its points are unknown
    for point in sweep.manifest.space:
        if (sweep.manifest.id, point.key) in known:
            continue
        state = states[point.key]
        values = [point.get(name) for name in found.varying]
        yield {
            "name": sweep.manifest.space.label(point),
            "directory": "",
            "link": "",
            "status": state.state,
            "settings": [json.dumps(each) if isinstance(each, list | dict) else each for each in values],
            "reached": None,
            "until": None,
            "seconds": None,
            "warnings": 0,
            "errors": 0,
            "error": state.message or None,
            "tag": None,
            "metrics": {},
        }


def link_to(directory: Path, base: Path) -> str:
    """Return a relative address of a directory; it starts with a dot, so that no name can be taken for a scheme."""
    relative = os.path.relpath(directory.absolute(), base.absolute())
    return "./" + quote(relative.replace(os.sep, "/")) + "/"


def _plain(value: object) -> Data:
    """Return a cell of the table as data of JSON; None for a missing number."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return value if value is None or isinstance(value, bool | int | str) else str(value)
