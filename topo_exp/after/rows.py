"""The rows of one run in a table of many: its facts, its settings, and its metrics at each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from topo_exp.record.layout import METRICS
from topo_exp.record.metrics import MetricRow, read_metrics
from topo_exp.record.run_yaml import RunData, actual_status, read_record
from topo_exp.typing import BoolArray, Data, FloatArray

Source: TypeAlias = Literal["topo_exp", "run_batch", "lancet"]
"""The program that made a run."""


@dataclass(frozen=True)
class RunRows:
    """One run.

    Attributes:
        name: Of the run.
        directory: Absolute path.
        status: done, running, failed or killed; unknown for a run of another program that does not say.
        model: Name of the model.
        settings: Name -> value.
        times: Analysis times; empty if none is known.
        names: Of the metrics.
        values: (times, names); NaN where `is_recorded` is false, or where NaN was recorded.
        is_recorded: The same shape: true for a metric that was measured at that time.
        source: The program that made it.
    """

    name: str
    directory: Path
    status: str
    model: str
    settings: Mapping[str, Data]
    times: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    values: FloatArray | None = None
    is_recorded: BoolArray | None = None
    source: Source = "topo_exp"

    def measured(self, place: int) -> Iterator[tuple[str, float]]:
        """Yield name and value of each metric that was recorded at the time of that place."""
        if self.values is not None and self.is_recorded is not None and place < len(self.values):
            for name, value, is_there in zip(self.names, self.values[place], self.is_recorded[place], strict=True):
                if is_there:
                    yield name, float(value)


def read_rows(directory: Path) -> RunRows:
    """Read the rows of a run directory.

    Raises:
        RecordError: It is damaged.
    """
    record = read_record(directory)
    times = tuple(sorted({entry["time"] for entry in record["recorded"]}))
    names, values, is_recorded = _metrics(read_metrics(directory / METRICS), times)
    return RunRows(
        directory.name,
        directory,
        actual_status(record),
        record["model"],
        _settings(record),
        times,
        names,
        values,
        is_recorded,
    )


def _metrics(rows: Sequence[MetricRow], times: Sequence[float]) -> tuple[tuple[str, ...], FloatArray, BoolArray]:
    """Return names, values, and which of them are recorded; a time that a crash left incomplete is not in `times`."""
    places = {time: place for place, time in enumerate(times)}
    columns: dict[str, int] = {}
    for time, name, _ in rows:
        if time in places:
            columns.setdefault(name, len(columns))
    values = np.full((len(times), len(columns)), np.nan)
    is_recorded = np.zeros(values.shape, dtype=bool)
    for time, name, value in rows:
        if time in places:
            values[places[time], columns[name]] = value
            is_recorded[places[time], columns[name]] = True
    return tuple(columns), values, is_recorded


def _settings(record: RunData) -> dict[str, Data]:
    """Return the settings of a run: those that the user set, then the other parameters of the model."""
    given = {name: setting["value"] for name, setting in record.get("settings", {}).items() if name != "output_dir"}
    return {**given, **record["given"], **record["parameters"]}
