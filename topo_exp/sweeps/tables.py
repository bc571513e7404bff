"""Points from files: CSV tables, and the record of an earlier sweep."""

import csv
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from topo_exp.errors import ConfigError
from topo_exp.record.layout import SWEEP_YAML
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.values import Value, shown

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORDS: Mapping[str, Value] = {
    "true": True,
    "false": False,
    "null": None,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
}


def csv_points(path: Path) -> list[Point]:
    """Read points from a CSV file: names of settings in its first line, one point in each further line.

    The separator is the first of comma, semicolon and tab that stands in the first line. A cell holds a number, true,
    false, null, a list or mapping such as `[0, 100]`, or a text; a text in single quotes stays a text: `'1'`. An empty
    cell leaves the setting out of the point.

    Args:
        path: The file, in UTF-8.

    Raises:
        ConfigError: The file cannot be read, or is no such table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"sweep.csv: must be a readable text file (got {str(path)!r}: {error}). Check it.") from error
    separator = next((each for each in ",;\t" if each in text.partition("\n")[0]), ",")
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator, skipinitialspace=True, strict=True)
    points: list[Point] = []
    names: list[str] = []
    try:
        for cells in reader:
            place = f"{path.name}, line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = _header(cells, place)
            else:
                points.append(_row(names, cells, place))
    except csv.Error as error:
        raise ConfigError(
            f"{path.name}, line {reader.line_num}: must be CSV (got {error}). Check its quotes."
        ) from error
    if not points:
        raise ConfigError(f"{path.name}: must have a line of names and at least one point (got no point). Add lines.")
    return points


def scalar(text: str) -> Value:
    """Read a text as Hydra's grammar reads a bare value: a number, true, false, null, nan or inf, else the text."""
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def recorded_points(path: Path) -> list[Point]:
    """Read the points of an earlier sweep from its record; nothing of it is executed.

    Args:
        path: Directory of the sweep, or its sweep.yaml.

    Raises:
        ConfigError: There is no record, or it is damaged.
    """
    return points_in(read_yaml(path), path)


def points_in(record: Mapping[str, Any], path: Path) -> list[Point]:
    """Take the points out of a sweep's record.

    Args:
        record: Content of the file.
        path: The file, for errors.

    Raises:
        ConfigError: It has no points, or a point is damaged.
    """
    listed, constant, order = record.get("points"), record.get("constant"), record.get("order")
    if (
        not isinstance(listed, list)
        or not isinstance(constant, dict)
        or not isinstance(order, list)
        or not all(isinstance(entry, dict) and isinstance(entry.get("settings"), dict) for entry in listed)
    ):
        raise ConfigError(f"{path}: must be the record of a sweep (got no points). Give the sweep's directory.")
    points = []
    for place, entry in enumerate(listed):
        settings = {**constant, **entry["settings"]}
        ordered = {name: settings[name] for name in order if name in settings}
        point = Point(ordered, where=f"{path}: points[{place}]")
        if point.key != entry.get("key"):
            raise ConfigError(
                f"{path}: points[{place}] must have the key of its settings, {point.key} (got {entry.get('key')!r}). "
                "The record was changed by hand; restore it."
            )
        points.append(point)
    return points


def read_yaml(path: Path) -> dict[str, Any]:
    """Read sweep.yaml, given by its path or by that of its directory.

    Raises:
        ConfigError: It cannot be read, or is not a mapping.
    """
    file = path / SWEEP_YAML if path.is_dir() else path
    try:
        record = yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{path}: must be a sweep's directory or its {SWEEP_YAML} (got {type(error).__name__}: {error}). "
            "Check the path."
        ) from error
    if not isinstance(record, dict):
        raise ConfigError(f"{file}: must be a mapping (got {shown(record)}). Give the sweep's directory.")
    return record


def _header(cells: list[str], place: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "" in names or len(set(names)) < len(names):
        raise ConfigError(f"{place}: must name each column once (got {', '.join(names)}). Correct the first line.")
    return names


def _row(names: list[str], cells: list[str], place: str) -> Point:
    if len(cells) != len(names):
        raise ConfigError(
            f"{place}: must have {len(names)} cells, as the first line (got {len(cells)}). "
            "Put double quotes round a cell with a separator in it."
        )
    settings = {name: _cell(cell, f"{place}, {name}") for name, cell in zip(names, cells, strict=True) if cell.strip()}
    return Point(settings, where=place)


def _cell(text: str, place: str) -> Value:
    """Read one cell; those with brackets, braces or quotes as YAML, in which bare scalars are read by `scalar`."""
    text = text.strip()
    if text[0] not in "[{'\"":
        return scalar(text)
    try:
        return _of_node(yaml.compose(text, Loader=yaml.SafeLoader), place)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{place}: must be a list, a mapping or a quoted text (got {text!r}). Close its brackets and quotes."
        ) from error


def _of_node(node: yaml.Node | None, place: str) -> Value:
    if isinstance(node, yaml.SequenceNode):
        return [_of_node(item, place) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _of_node(value, place) for key, value in node.value}
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"{place}: must be a value (got {node!r}). Write a number or a text.")
    return scalar(node.value) if node.style is None else str(node.value)
