"""metrics.csv: one line for each metric at each time."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeAlias

from topo_exp.errors import RecordError
from topo_exp.record.files import path_errors, write_text

HEADER = "time,name,value\n"
MetricRow: TypeAlias = tuple[float, str, float]
"""Time, name and value of one metric."""


def create_metrics(path: Path) -> None:
    """Write metrics.csv without any row."""
    write_text(path, HEADER)


def append_metrics(path: Path, rows: Sequence[MetricRow]) -> None:
    """Add rows to metrics.csv in one write."""
    with path_errors(path), path.open("ab") as file:
        file.write(_csv_lines(rows).encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def replace_metrics(path: Path, rows: Iterable[MetricRow]) -> None:
    """Rewrite metrics.csv with additional rows; a new value replaces an old one of the same time and name."""
    merged = {(time, name): value for time, name, value in read_metrics(path)}
    merged.update({(time, name): value for time, name, value in rows})
    ordered = sorted((time, name, value) for (time, name), value in merged.items())
    write_text(path, HEADER + _csv_lines(ordered))


def read_metrics(path: Path) -> list[MetricRow]:
    """Read metrics.csv; an incomplete last line, as a crash leaves it, is left out.

    Raises:
        RecordError: The file lacks its header, or a line is not a time, a name and a value.
    """
    if not path.exists():
        return []
    with path_errors(path):
        content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except ValueError as error:
        raise RecordError(f"{path}: must be UTF-8 (got: {error}). It is damaged.") from error
    if not text.startswith(HEADER):
        raise RecordError(f"{path}: must begin with {HEADER.strip()!r} (got {text[:40]!r}). It is damaged.")
    complete = text[len(HEADER) : text.rfind("\n") + 1]
    rows = []
    for number, fields in enumerate(csv.reader(StringIO(complete)), start=2):
        try:
            time, name, value = fields
            rows.append((float(time), name, float(value)))
        except ValueError as error:
            raise RecordError(
                f"{path}, line {number}: must be a time, a name and a value (got {','.join(fields)[:80]!r}). "
                "It is damaged."
            ) from error
    return rows


def write_metrics(path: Path, rows: Iterable[MetricRow]) -> None:
    """Write metrics.csv with these rows only, in order of time and name."""
    write_text(path, HEADER + _csv_lines(sorted(rows)))


def _csv_lines(rows: Iterable[MetricRow]) -> str:
    lines = StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerows((repr(float(time)), name, repr(float(value))) for time, name, value in rows)
    return lines.getvalue()
