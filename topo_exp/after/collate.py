"""Many runs as one table: a row for each run and analysis time, a column for each setting and each metric."""

from __future__ import annotations

import io
import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.analysis.catalogue import metric_named
from topo_exp.errors import ConfigError, RecordError, TopoExpError, UnknownNameError, nearest
from topo_exp.record.files import write_bytes
from topo_exp.record.layout import METRICS, find_runs
from topo_exp.record.metrics import read_metrics
from topo_exp.record.run_yaml import RunData, actual_status, read_record
from topo_exp.runner.options import OPTIONS
from topo_exp.sweeps.directory import SweepDirectory, find_sweeps
from topo_exp.typing import Data

if TYPE_CHECKING:
    import pandas as pd

FACTS = ("run", "directory", "status", "model", "time")
"""The first columns of every table."""
SUFFIXES = (".csv", ".parquet")
"""Formats of a table on disk."""


@dataclass(frozen=True)
class _Recorded:
    """One run: its facts, its settings, and its metrics by time."""

    directory: Path
    status: str
    model: str
    settings: Mapping[str, Data]
    metrics: Mapping[float, Mapping[str, float]]


def collate(paths: Iterable[Path | str] | Path | str, *, query: str | None = None, long: bool = False) -> pd.DataFrame:
    """Read the settings and metrics of runs into one table.

    Nothing is executed that a record names. Runs that are not done are in the table, with their status and the times
    that they have reached; a run without any time has one row with the time NaN.

    Args:
        paths: Directories of runs or sweeps, or directories above some.
        query: Rows to keep, as a condition on columns in the grammar of `pandas.DataFrame.query`, such as
            "contrast > 20 and status == 'done'"; names that are no words stand in backquotes: "`V1/c50` < 10".
        long: One row for each metric, in the columns `name` and `value`, instead of a column for each.

    Returns:
        The table. Its first columns are `run`, `directory`, `status`, `model`, `time` (iterations), then the settings:
        those that vary first, then those that are equal in all runs. A list is written as text in JSON. Metrics follow
        in order of name, as `<Sheet>/<metric>`; NaN where a time has none. A metric with the name of a column before it
        is called `metric.<name>`. `attrs["units"]` and `attrs["docs"]`
        describe columns by name, `attrs["varying"]` lists the settings that vary, and `attrs["notes"]` names everything
        that is missing or not done, one text each.

    Raises:
        UnknownNameError: There is no run, or `query` names a column that does not exist.
        ConfigError: `query` is no condition.
    """
    places = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    runs, notes = _read(places)
    if not runs:
        raise UnknownNameError(
            f"PATHS: must hold a run that can be read (got {', '.join(map(str, places))}"
            f"{''.join(f'; {note}' for note in notes[:3])}). Give the path of one, or of a directory above some."
        )
    settings = _columns(runs)
    varying = [name for name in settings if len({_key(run.settings.get(name)) for run in runs}) > 1]
    ordered = [*varying, *(name for name in settings if name not in varying)]
    table = _table(runs, ordered, long=long)
    if query is not None:
        table = _selected(table, query)
    metrics = [name for name in table.columns if name not in (*FACTS, *map(_column, ordered))]
    table.attrs = {
        "varying": [_column(name) for name in varying],
        "settings": [_column(name) for name in ordered],
        "metrics": [] if long else metrics,
        "units": {"time": "iterations", **{name: unit for name, (unit, _) in _described(metrics).items()}},
        "docs": {
            "run": "Name of the run directory.",
            "directory": "Its absolute path.",
            "status": "done, running, failed or killed.",
            "time": "Time of the analysis.",
            **{_column(name): str(OPTIONS[name].doc) for name in ordered if name in OPTIONS},
            **{name: doc for name, (_, doc) in _described(metrics).items()},
        },
        "notes": notes,
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


def _read(places: Sequence[Path]) -> tuple[list[_Recorded], list[str]]:
    """Read all runs at or below some places, in order of path, and the notes about what is not complete."""
    runs, notes = [], []
    for directory in find_runs(places):
        try:
            run = _recorded(directory)
        except RecordError as error:
            notes.append(f"left out: {error}")
            continue
        runs.append(run)
        if run.status != "done":
            reached = f"with {len(run.metrics)} times" if run.metrics else "without any time"
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


def _recorded(directory: Path) -> _Recorded:
    record = read_record(directory)
    times = {entry["time"] for entry in record["recorded"]}
    metrics: dict[float, dict[str, float]] = {time: {} for time in sorted(times)}
    for time, name, value in read_metrics(directory / METRICS):
        if time in metrics:  # a time of which a crash left a part is not recorded
            metrics[time][name] = value
    return _Recorded(directory, actual_status(record), record["model"], _settings(record), metrics)


def _settings(record: RunData) -> dict[str, Data]:
    """Return the settings of a run: those that the user set, then the other parameters of the model."""
    given = {name: setting["value"] for name, setting in record.get("settings", {}).items() if name != "output_dir"}
    return {**given, **record["given"], **record["parameters"]}


def _columns(runs: Sequence[_Recorded]) -> list[str]:
    """Return the names of all settings, in the order in which runs have them."""
    return list(dict.fromkeys(name for run in runs for name in run.settings))


def _table(runs: Sequence[_Recorded], settings: Sequence[str], *, long: bool) -> pd.DataFrame:
    import pandas as pd

    names = sorted({name for run in runs for at_time in run.metrics.values() for name in at_time})
    columns: dict[str, list[object]] = {name: [] for name in (*FACTS, *map(_column, settings))}
    headed = {name: f"metric.{name}" if name in columns else name for name in names}
    measured: dict[str, list[object]] = {name: [] for name in (["name", "value"] if long else headed.values())}
    for run in runs:
        values = [_cell(run.settings.get(name)) for name in settings]
        for time, found in run.metrics.items() or [(math.nan, {})]:
            entries = list(found.items()) if long and found else [("", math.nan)]
            for name, value in entries if long else [("", 0.0)]:
                facts = (run.directory.name, str(run.directory), run.status, run.model, time)
                for column, cell in zip(columns.values(), (*facts, *values), strict=True):
                    column.append(cell)
                if long:
                    measured["name"].append(name)
                    measured["value"].append(value)
            if not long:
                for metric in names:
                    measured[headed[metric]].append(found.get(metric, math.nan))
    table = pd.DataFrame({**columns, **measured})
    return table.astype({name: float for name in measured if name != "name"})


def _column(setting: str) -> str:
    """Return the column of a setting; one whose name is that of a fact gets a prefix."""
    return f"setting.{setting}" if setting in (*FACTS, "name", "value") else setting


def _cell(value: Data) -> object:
    """Return a setting as a cell: numbers, texts and truth values as they are, anything else as text in JSON."""
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value)


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
