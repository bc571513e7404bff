"""The entries that MLflow should have of a run directory, as plain values."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.layout import METRICS, NETWORK, RUN_YAML
from topo_exp.record.metrics import MetricRow, read_metrics
from topo_exp.record.pictures import cell_of, picture_files
from topo_exp.record.run_yaml import RunData, SettingData, actual_status
from topo_exp.typing import Data

ID, SIGNATURE = "topo_exp.id", "topo_exp.signature"
"""Tags: the id in run.yaml, by which a run is found again; a digest of the files that the view was last made from."""
STEPS = "topo_exp.steps_per_iteration"
"""Tag: 1 if a step of MLflow is an iteration, 1000 if it is a thousandth of one."""
PICTURE_NAMES, VARIED, SWEEP, REACHED = "topo_exp.pictures", "topo_exp.varied", "topo_exp.sweep", "topo_exp.last_step"
"""Tags from which the saved views of an experiment are made."""
ORDER = "topo_exp.order"
"""Tag: the swept values, as a text that sorts as they do. MLflow sorts parameters as texts: 10 before 9."""
VIEW_FORMAT = "3"
"""Part of the signature: with another value, runs that an older version has shown are completed."""
FINEST = 1000
"""Steps in an iteration, for a run whose times are not all whole."""
LONGEST_VALUE = 500
"""Characters of a parameter's value that are shown; run.yaml has all of it."""
LONGEST_TAG = 5000
LONGEST_NAME = 240
NARROWEST = 16
"""Characters of the name of a run that a column of maps shows, where four are beside each other."""
LONGEST_SETTING = 60
"""Characters of one setting in the name of a run."""


def require_plain(directory: Path) -> None:
    """Raise if a run directory is described by a link, since its contents would be those of another place.

    Raises:
        RecordError: Its run.yaml is a link.
    """
    if (directory / RUN_YAML).is_symlink():
        raise RecordError(f"{directory / RUN_YAML}: must be a file (got a link). Replace the link by a copy.")


def own_file(directory: Path, path: Path) -> bool:
    """Return True for a file of a run directory that no link leads to, so that it is the run's own."""
    below = path.relative_to(directory).parts
    return path.is_file() and not any(
        directory.joinpath(*below[: count + 1]).is_symlink() for count in range(len(below))
    )


def own_pictures(directory: Path) -> list[Path]:
    """Return the PNG files of a run, without links."""
    return [path for path in picture_files(directory, "png") if own_file(directory, path)]


def own_metrics(directory: Path) -> list[MetricRow]:
    """Return the metrics of a run that MLflow can store: any but infinite ones; none if the file is a link."""
    path = directory / METRICS
    rows = read_metrics(path) if own_file(directory, path) else []
    return [row for row in rows if not math.isinf(row[2])]


def steps_per_iteration(times: Iterable[float]) -> int:
    """Return 1 if all times are whole, so that a step is an iteration; else 1000."""
    return 1 if all(float(time).is_integer() for time in times) else FINEST


def run_name(record: RunData) -> str:
    """Return the name of a run for MLflow's lists, of which only the beginning is seen.

    It begins with the swept settings, then has the other settings that name the run, its tag, and the name of its
    directory. Where a column is too narrow for the swept settings, their values alone stand before them.
    """
    given, swept = record["given"], _swept(record)
    others = [name for name in given if name not in swept]
    varied = ", ".join(_cut(f"{name}={_plain(given[name])}", LONGEST_SETTING) for name in swept + others)
    values = ", ".join(_cut(_plain(given[name]), LONGEST_SETTING) for name in swept)
    needed = len(values) + sum(len(name) + 1 for name in swept)
    parts = [values] if needed > NARROWEST else []
    parts += [varied or record["model"], *([record["tag"]] if record["tag"] else []), record["name"]]
    name = " · ".join(parts)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def parameters(record: RunData) -> dict[str, str]:
    """Return the parameters to show: the settings that name the run, the model's parameters, then other settings."""
    values = record["parameters"]
    given = {name: values.get(name, value) for name, value in record["given"].items()}
    others = {name: setting["value"] for name, setting in record.get("settings", {}).items() if _is_result(setting)}
    ordered = {**given, **{name: value for name, value in values.items() if name not in given}, **others}
    return {name: _cut(str(value), LONGEST_VALUE) for name, value in ordered.items()}


def tags(record: RunData, directory: Path) -> dict[str, str]:
    """Return the tags of a run.

    Args:
        record: Contents of its run.yaml.
        directory: Its present place.
    """
    trees = [tree for tree in record["code"].values() if tree.get("commit")]
    values = {
        ID: record["id"],
        "topo_exp.model": record["model"],
        "topo_exp.status": actual_status(record),
        "topo_exp.directory": str(directory),
        "topo_exp.host": record["host"]["name"],
        VARIED: ", ".join(f"{name}={value}" for name, value in record["given"].items()),
        "topo_exp.tag": record["tag"],
        SWEEP: record["sweep"],
        ORDER: order_of(record),
        "topo_exp.dirty": str(any(tree["dirty"] for tree in trees)).lower() if trees else None,
        "mlflow.source.name": "topo_exp",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": trees[0]["commit"] if trees else None,
        "mlflow.source.git.branch": trees[0]["branch"] if trees else None,
        "mlflow.note.content": f"`{record['command']}`\n\n{directory}",
    }
    return {name: _cut(str(value), LONGEST_TAG) for name, value in values.items() if value not in (None, "")}


def order_of(record: RunData) -> str:
    """Return a text by which the runs of a sweep sort: by the first swept setting, then by the next ones.

    Numbers sort by size and before texts.
    """
    return " ".join(_sortable(record["given"][name]) for name in _swept(record))


def picture_tag(names: Iterable[str]) -> str:
    """Return names of pictures as the text of a tag, as many as it can hold."""
    kept: list[str] = []
    for name in names:
        if len(json.dumps([*kept, name])) <= LONGEST_TAG:
            kept.append(name)
    return json.dumps(kept)


def pictures_of(run_tags: Mapping[str, str]) -> list[str]:
    """Return the names of pictures that `picture_tag` wrote; none if there is no such tag."""
    names = json.loads(run_tags.get(PICTURE_NAMES, "[]"))
    return [str(name) for name in names]


def signature(directory: Path, record: RunData) -> str:
    """Return a digest of everything that the view is made from: files, status and place."""
    digest = hashlib.sha256(f"{VIEW_FORMAT}\0{directory}\0{actual_status(record)}\0".encode("utf-8", "surrogateescape"))
    for name in (RUN_YAML, METRICS, NETWORK):
        path = directory / name
        digest.update(path.read_bytes() if own_file(directory, path) else b"-")
    for path in own_pictures(directory):
        cell = cell_of(path)
        seen = f"{cell.stat().st_mtime_ns}" if own_file(directory, cell) else "-"
        digest.update(f"{path.name} {path.stat().st_mtime_ns} {seen}".encode())
    return digest.hexdigest()


def _swept(record: RunData) -> list[str]:
    """Return the names of the swept settings that name a run, in their order."""
    settings = record.get("settings", {})
    return [name for name in record["given"] if name in settings and settings[name]["swept"]]


def _sortable(value: Data) -> str:
    """Return a text that sorts as the value does: of a number, the bits of a float, whose order is that of numbers."""
    if not isinstance(value, int | float):
        return f"text {value}"
    try:
        number = float(value)
    except OverflowError:  # an integer that no float can hold
        number = math.inf if value > 0 else -math.inf
    bits = int.from_bytes(struct.pack(">d", number))
    return f"{bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 0x8000_0000_0000_0000):016x}"


def _is_result(setting: SettingData) -> bool:
    """Return True for settings other than parameters that change results."""
    return setting["kind"] in ("analysis", "analysis option")


def _plain(value: Data) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cut(text: str, length: int) -> str:
    note = f" ... (all in {RUN_YAML})"
    if len(text) <= length:
        return text
    return f"{text[: length - len(note)]}{note}" if length > 2 * len(note) else f"{text[: length - 1]}…"
