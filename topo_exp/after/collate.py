"""Many runs as one table: a row for each run and analysis time, a column for each setting and each metric."""

from __future__ import annotations

import io
import json
import math
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.after.imported import Imported, find_imported
from topo_exp.after.rows import RunRows, read_rows
from topo_exp.analysis.catalogue import metric_named
from topo_exp.errors import ConfigError, RecordError, TopoExpError, UnknownNameError, nearest
from topo_exp.record.files import write_bytes
from topo_exp.record.layout import find_runs
from topo_exp.runner.options import OPTIONS
from topo_exp.sweeps.directory import SweepDirectory, find_sweeps
from topo_exp.typing import Data, FloatArray

if TYPE_CHECKING:
    import pandas as pd

FACTS = ("run", "directory", "status", "model", "time")
"""The first columns of every table."""
SOURCE = "source"
"""The column after them, if there are imported runs."""
SUFFIXES = (".csv", ".parquet")
"""Formats of a table on disk."""


def collate(
    paths: Iterable[Path | str] | Path | str, *, query: str | None = None, long: bool = False, imported: bool = True
) -> pd.DataFrame:
    """Read the settings and metrics of runs into one table.

    Nothing is executed that a record names. Runs that are not done are in the table, with their status and the times
    that they have reached; a run without any time has one row with the time NaN.

    Directories of Topographica's `run_batch`, and tasks in the logs of Lancet, are rows, too, without metrics. The
    table then has a column `source` after `time`, with the program that made each run. Nothing is unpickled, and
    nothing evaluated but literals.

    Args:
        paths: Directories of runs or sweeps, or directories above some.
        query: Rows to keep, as a condition on columns in the grammar of `pandas.DataFrame.query`, such as
            "contrast > 20 and status == 'done'"; names that are no words stand in backquotes: "`V1/c50` < 10".
        long: One row for each metric, in the columns `name` and `value`, instead of a column for each.
        imported: Whether runs of `run_batch` and Lancet are read.

    Returns:
        The table, in ascending order of the settings that vary, imported runs last. Its first columns are `run`,
        `directory`, `status`, `model`, `time` (iterations), then the settings: those that vary first, then those that
        are equal in all runs. A list is written as text in JSON. Metrics follow in order of name, as
        `<Sheet>/<metric>`; NaN where a time has none. A metric with the name of a column before it is called
        `metric.<name>`.
        `attrs["units"]` and `attrs["docs"]` describe columns by name, `attrs["varying"]` lists the settings that vary,
        `attrs["notes"]` names everything that is missing or not done, one text each, and `attrs["imported"]` has
        command, host, start and end of imported runs.

    Raises:
        UnknownNameError: There is no run, or `query` names a column that does not exist.
        ConfigError: `query` is no condition.
    """
    places = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    runs, notes = _read(places)
    others = find_imported(places) if imported else Imported()
    runs, notes = [*runs, *others.rows], [*notes, *others.notes]
    if not runs:
        raise UnknownNameError(
            f"PATHS: must hold a run that can be read (got {', '.join(map(str, places))}"
            f"{''.join(f'; {note}' for note in notes[:3])}). Give the path of one, or of a directory above some."
        )
    settings = _columns(runs)
    varying = [name for name in settings if len({_key(run.settings.get(name)) for run in runs}) > 1]
    columns = [*varying, *(name for name in settings if name not in varying)]
    runs.sort(key=lambda run: (run.source != "topo_exp", [_rank(run.settings.get(name)) for name in varying]))
    table = _table(runs, columns, long=long)
    if query is not None:
        table = _selected(table, query)
    metrics = [name for name in table.columns if name not in (*FACTS, SOURCE, *map(_column, columns))]
    table.attrs = {
        "varying": [_column(name) for name in varying],
        "settings": [_column(name) for name in columns],
        "metrics": [] if long else metrics,
        "units": {"time": "iterations", **{name: unit for name, (unit, _) in _described(metrics).items()}},
        "docs": {
            "run": "Name of the run directory.",
            "directory": "Its absolute path.",
            "status": "done, running, failed or killed; unknown for an imported run that does not say.",
            "time": "Time of the analysis.",
            **({SOURCE: "Program that made the run: topo_exp, run_batch or lancet."} if others.rows else {}),
            **{_column(name): str(OPTIONS[name].doc) for name in columns if name in OPTIONS},
            **{name: doc for name, (_, doc) in _described(metrics).items()},
        },
        "notes": notes,
        **({"imported": others.lineage} if others.lineage else {}),
    }
    return table


def write_table(table: pd.DataFrame, path: Path) -> list[Path]:
    """Write a table and, beside it, the description of its columns.

    Args:
        table: As `collate` returns it.
        path: File to write, with the suffix `.csv` or `.parquet`.

    Returns:
        The two files: the table, and `<name>.columns.json` with units, docs, varying settings and notes.

    Raises:
        ConfigError: The suffix is another one.
        RecordError: A file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"-o: must end in {' or '.join(SUFFIXES)} (got {str(path)!r}). Write -o table.csv.")
    if not path.parent.is_dir():
        raise ConfigError(f"-o: must be in a directory that exists (got {str(path)!r}). Make {path.parent} first.")
    buffer = io.BytesIO()
    if path.suffix == ".csv":
        table.to_csv(buffer, index=False)
    else:
        attributes, plain = table.attrs, table.copy(deep=False)
        plain.attrs = {name: json.dumps(value) for name, value in attributes.items()}
        plain.to_parquet(buffer, index=False)
    beside = path.with_name(f"{path.stem}.columns.json")
    write_bytes(beside, (json.dumps(table.attrs, indent=1, ensure_ascii=False) + "\n").encode())
    write_bytes(path, buffer.getvalue())
    return [path, beside]


def ordered(column: pd.Series) -> list[object]:
    """Return the different values of a column in ascending order; in order of appearance if they have none."""
    found = list(column.unique())
    try:
        return sorted(found)
    except TypeError:
        return found


def _read(places: Sequence[Path]) -> tuple[list[RunRows], list[str]]:
    """Read all runs at or below some places, in order of path, and the notes about what is not complete."""
    runs, notes = [], []
    for directory in find_runs(places):
        try:
            run = read_rows(directory)
        except RecordError as error:
            notes.append(f"left out: {error}")
            continue
        runs.append(run)
        if run.status != "done":
            reached = f"with {len(run.times)} times" if run.times else "without any time"
            notes.append(f"{directory.name}: {run.status}, {reached}")
    for path in find_sweeps(places):
        try:
            sweep = SweepDirectory.open(path)
            labels = {point.key: sweep.manifest.space.label(point) for point in sweep.manifest.space}
            states = sweep.ledger.states(labels)
        except TopoExpError as error:
            notes.append(f"{path.name}: its points are unknown ({error})")
            continue
        waiting = [labels[key] for key, state in states.items() if state.state == "waiting"]
        if waiting:
            more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
            notes.append(f"{path.name}: {len(waiting)} points have no run: {'; '.join(waiting[:3])}{more}")
    return runs, notes


def _columns(runs: Sequence[RunRows]) -> list[str]:
    """Return the names of all settings, in the order in which runs have them."""
    return list(dict.fromkeys(name for run in runs for name in run.settings))


def _table(runs: Sequence[RunRows], settings: Sequence[str], *, long: bool) -> pd.DataFrame:
    import pandas as pd

    facts = [*FACTS, *([SOURCE] if any(run.source != "topo_exp" for run in runs) else [])]
    columns: dict[str, list[object]] = {name: [] for name in (*facts, *map(_column, settings))}
    measured: dict[str, list[object]] = {name: [] for name in ("name", "value")}
    for run in runs:
        values = [_cell(run.settings.get(name)) for name in settings]
        for place, time in enumerate(run.times or [math.nan]):
            entries = (list(run.measured(place)) or [("", math.nan)]) if long else [("", math.nan)]
            row = (run.name, str(run.directory), run.status, run.model, time, run.source)[: len(facts)]
            for column, cell in zip(columns.values(), (*row, *values), strict=True):
                column.extend([cell] * len(entries))
            if long:
                measured["name"] += [name for name, _ in entries]
                measured["value"] += [value for _, value in entries]
    table = pd.DataFrame(columns)
    if long:
        return pd.concat([table, pd.DataFrame(measured).astype({"value": float})], axis=1)
    names = sorted({name for run in runs for name in run.names})
    headed = [f"metric.{name}" if name in columns else name for name in names]
    return pd.concat([table, pd.DataFrame(_metrics(runs, names), columns=headed)], axis=1)


def _metrics(runs: Sequence[RunRows], names: Sequence[str]) -> FloatArray:
    """Return the metrics of all runs, (rows, names), NaN where a time has none."""
    import numpy as np

    place = {name: column for column, name in enumerate(names)}
    found = np.full((sum(max(1, len(run.times)) for run in runs), len(names)), np.nan)
    start = 0
    for run in runs:
        if run.values is not None and run.times:
            found[start : start + len(run.times), [place[name] for name in run.names]] = run.values
        start += max(1, len(run.times))
    return found


def _column(setting: str) -> str:
    """Return the column of a setting; one whose name is that of a fact gets a prefix."""
    return f"setting.{setting}" if setting in (*FACTS, SOURCE, "name", "value") else setting


def _cell(value: Data) -> object:
    """Return a setting as a cell: numbers, texts and truth values as they are, anything else as text in JSON."""
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value)


def _rank(value: Data) -> tuple[int, float, str]:
    """Return by what runs are ordered: numbers by value, then all else as text, then missing values."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, int | float) and not math.isnan(value):
        return 0, value, ""
    return 1, 0.0, str(_cell(value))


def _key(value: Data) -> str:
    return json.dumps(value, sort_keys=True)


def _selected(table: pd.DataFrame, query: str) -> pd.DataFrame:
    """Return the rows for which a condition is true."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = table.query(query, engine="python")
    except Exception as error:
        unknown = getattr(error, "args", ("",))[0]
        if "is not defined" in str(error):
            name = str(unknown).split("'")[1] if "'" in str(unknown) else str(unknown)
            raise UnknownNameError(
                f"query: must name columns (got {name!r}). {nearest(name, list(table.columns))}"
            ) from error
        raise ConfigError(
            f"query: must be a condition on columns (got {query!r}: {next(iter(str(error).splitlines()), '')}). "
            "Write, for example, \"contrast > 20 and status == 'done'\"."
        ) from error
    if not hasattr(chosen, "columns") or len(chosen.columns) != len(table.columns):
        raise ConfigError(f"query: must be a condition, true or false for each row (got {query!r}). Compare something.")
    return chosen.reset_index(drop=True)


def _described(metrics: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return unit and meaning of the metrics that the catalogue of this package has."""
    found = {name: metric_named(name) for name in metrics}
    return {name: (metric.unit, metric.meaning) for name, metric in found.items() if metric is not None}
