"""MLflow as a view of run directories: everything that a directory has and MLflow lacks is added.

A second update changes nothing, so that one function serves a run that is still running, a finished one, and one whose
database was lost. Clients are given run ids; MLflow's global active run is never used.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.errors import RecordError
from topo_exp.record.layout import METRICS, NETWORK, RUN_LOG, RUN_YAML
from topo_exp.record.metrics import MetricRow, read_metrics
from topo_exp.record.pictures import picture_files, picture_name, picture_time
from topo_exp.record.run_yaml import RunData, SettingData, actual_status, milliseconds, read_record
from topo_exp.typing import Data
from topo_exp.view.store import Store, file_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from PIL.Image import Image

log = logging.getLogger(__name__)

ID, SIGNATURE = "topo_exp.id", "topo_exp.signature"
"""Tags: the id in run.yaml, by which a run is found again; a digest of the files that the view was last made from."""
STATUS = {"running": "RUNNING", "done": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
LONGEST_VALUE = 500
"""Characters of a parameter's value that are shown; run.yaml has all of it."""
LONGEST_TAG = 5000
LARGEST_BATCH = 900
"""Entries in one call; MLflow takes 1000."""
STEPS_PER_ITERATION = 1000
"""MLflow counts steps in whole numbers; times are multiples of a fraction of an iteration."""
PICTURES = "Figures"
"""Section of MLflow's charts for pictures. Sections are ordered by name, capitals first; in a section that is named as
a sheet, the pictures would stand below all of its metrics, out of sight."""
LARGEST_PICTURE = 640
"""Largest width and height of a picture on the page, in pixels; a click shows the original."""
PICTURE_FILE = re.compile(
    r"(?P<key>.+)[+%]step[+%](?P<step>-?\d+)[+%]timestamp[+%](?P<stamp>\d+)[+%][0-9a-f-]{36}(?P<small>[+%]compressed)?\.\w+"
)
"""Names that MLflow gives the files of a picture: the original, and a smaller copy, written last."""


@dataclass
class Added:
    """The entries that an update added to MLflow."""

    run_id: str
    created: bool = False
    parameters: int = 0
    metrics: int = 0
    pictures: int = 0
    changed: bool = False
    """True if anything was written."""

    def __str__(self) -> str:
        if not self.changed:
            return "up to date"
        parts = [f"{self.parameters} parameters", f"{self.metrics} metric values", f"{self.pictures} pictures"]
        return f"{'added' if self.created else 'completed'}: {', '.join(parts)}"


@dataclass
class _Known:
    """The entries that MLflow is known to have of one run."""

    run_id: str
    parameters: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[tuple[str, int], float] = field(default_factory=dict)
    pictures: dict[tuple[str, int], int] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"


class MlflowView:
    """Show run directories in one store.

    It remembers the entries that MLflow has, so that an update of a running run costs only the new entries.

    Args:
        store: Opened by the first update.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client: MlflowClient | None = None
        self._experiments: dict[str, str] = {}
        self._known: dict[str, _Known] = {}

    def update(self, directory: Path, *, final: bool = True) -> Added:
        """Add everything that MLflow lacks of a run directory.

        Args:
            directory: Of the run.
            final: Whether to set the final status and update the log, too; False while the run is running.

        Returns:
            The entries that were added.
        """
        record = read_record(directory)
        signature = _signature(directory, record)
        experiment = self._experiment(record["experiment"])
        known, created = self._find(experiment, record, directory)
        added = Added(known.run_id, created=created, changed=created)
        if final and known.tags.get(SIGNATURE) == signature:
            return added
        rows = [row for row in read_metrics(directory / METRICS) if math.isfinite(row[2]) or math.isnan(row[2])]
        if not created and _contradicts(rows, known):
            # a value was measured again, and MLflow can delete runs, but not values
            self.client.delete_run(known.run_id)
            del self._known[record["id"]]
            return self.update(directory, final=final)
        self._log_parameters(record, known, added)
        self._log_metrics(rows, record, known, added)
        self._log_pictures(directory, known, added)
        self._log_artifacts(directory, known, with_log=final)
        if final:
            self._complete(record, signature, known, added)
        return added

    @property
    def client(self) -> MlflowClient:
        """The client of this store, opened at first use, by one process at a time."""
        if self._client is None:
            from mlflow import MlflowClient

            logging.getLogger("mlflow").setLevel(logging.WARNING)
            logging.getLogger("alembic").setLevel(logging.WARNING)
            with file_lock(self._store.lock):
                client = MlflowClient(tracking_uri=self._store.tracking_uri)
                client.search_experiments(max_results=1)  # creates the tables of a new database
            self._client = client
        return self._client

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            client = self.client
            with file_lock(self._store.lock):
                found = client.get_experiment_by_name(name)
                if found is not None and found.lifecycle_stage == "deleted":
                    raise RecordError(
                        f"experiment {name!r}: must not be deleted in MLflow (got a deleted one). "
                        f"Restore it: mlflow experiments restore -x {found.experiment_id}, or name another experiment."
                    )
                self._experiments[name] = (
                    found.experiment_id
                    if found is not None
                    else client.create_experiment(name, artifact_location=self._store.artifact_location)
                )
        return self._experiments[name]

    def _find(self, experiment: str, record: RunData, directory: Path) -> tuple[_Known, bool]:
        if record["id"] in self._known:
            return self._known[record["id"]], False
        found = self.client.search_runs([experiment], f"tags.`{ID}` = '{record['id']}'", max_results=1)
        if found:
            known, created = self._read_known(found[0]), False
        else:
            tags = _tags(record, directory)
            run = self.client.create_run(
                experiment, start_time=milliseconds(record["started"]), tags=tags, run_name=record["name"]
            )
            known, created = _Known(run.info.run_id, tags=tags), True
        self._known[record["id"]] = known
        return known, created

    def _read_known(self, run: Run) -> _Known:
        """Read the entries that MLflow has of a run."""
        run_id = run.info.run_id
        known = _Known(run_id, set(run.data.params), dict(run.data.tags), status=run.info.status)
        for name in run.data.metrics:
            for metric in self.client.get_metric_history(run_id, name):
                known.metrics[name, metric.step] = metric.value
        whole: set[tuple[str, int]] = set()
        files: dict[tuple[str, int], list[str]] = {}
        for file in self.client.list_artifacts(run_id, "images"):
            if match := PICTURE_FILE.fullmatch(file.path.rpartition("/")[2]):
                place = (match["key"], int(match["step"]))
                files.setdefault(place, []).append(file.path)
                known.pictures[place] = int(match["stamp"])
                if match["small"]:
                    whole.add(place)
        for place in set(files) - whole:
            self._delete_artifacts(run_id, files[place])
            del known.pictures[place]
        return known

    def _log_parameters(self, record: RunData, known: _Known, added: Added) -> None:
        from mlflow.entities import Param

        parameters = _parameters(record)
        missing = [  # varied settings come first: pages with little room show the first few
            Param(name, _cut(str(value), LONGEST_VALUE))
            for name, value in parameters.items()
            if name not in known.parameters
        ]
        for first in range(0, len(missing), 100):  # MLflow takes no more at once
            self.client.log_batch(known.run_id, params=missing[first : first + 100])
        known.parameters.update(param.key for param in missing)
        added.parameters += len(missing)
        added.changed |= bool(missing)

    def _log_metrics(self, rows: Iterable[MetricRow], record: RunData, known: _Known, added: Added) -> None:
        from mlflow.entities import Metric

        recorded_at = {entry["time"]: milliseconds(entry["at"]) for entry in record["recorded"]}
        started = milliseconds(record["started"])
        for time, at_time in groupby(rows, key=lambda row: row[0]):
            step = round(STEPS_PER_ITERATION * time)
            values = {name: value for _, name, value in at_time} | {"time": time}
            missing = [
                Metric(name, value, recorded_at.get(time, started), step)
                for name, value in values.items()
                if (name, step) not in known.metrics
            ]
            for first in range(0, len(missing), LARGEST_BATCH):
                self.client.log_batch(known.run_id, metrics=missing[first : first + LARGEST_BATCH])
            known.metrics.update({(metric.key, metric.step): metric.value for metric in missing})
            added.metrics += len(missing)
            added.changed |= bool(missing)

    def _log_pictures(self, directory: Path, known: _Known, added: Added) -> None:
        import PIL.Image

        for path in picture_files(directory, "png"):
            name, stamp = picture_name(path), path.stat().st_mtime_ns // 1_000_000
            step = round(STEPS_PER_ITERATION * picture_time(path))
            key = f"{PICTURES}/{name}"
            place = (key.replace("/", "~"), step)
            if known.pictures.get(place) == stamp:
                continue
            if place in known.pictures:
                self._delete_picture(known, place)
            with PIL.Image.open(path) as image:
                image.resize = partial(_reduced, image)  # type: ignore[method-assign]
                self.client.log_image(known.run_id, image, key=key, step=step, timestamp=stamp)
            known.pictures[place] = stamp
            added.pictures += 1
            added.changed = True

    def _delete_picture(self, known: _Known, place: tuple[str, int]) -> None:
        """Delete a picture that has been drawn again since."""
        files = [file.path for file in self.client.list_artifacts(known.run_id, "images")]
        matches = {path: PICTURE_FILE.fullmatch(path.rpartition("/")[2]) for path in files}
        old = [path for path, match in matches.items() if match and (match["key"], int(match["step"])) == place]
        self._delete_artifacts(known.run_id, old)

    def _delete_artifacts(self, run_id: str, paths: Iterable[str]) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(
            self.client.get_run(run_id).info.artifact_uri, tracking_uri=self._store.tracking_uri
        )
        for path in paths:
            repository.delete_artifacts(path)

    def _log_artifacts(self, directory: Path, known: _Known, *, with_log: bool) -> None:
        for name in (RUN_YAML, METRICS, NETWORK, *([RUN_LOG] if with_log else [])):
            path = directory / name
            if not path.is_file():
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if known.artifacts.get(name) != digest:
                self.client.log_artifact(known.run_id, str(path))
                known.artifacts[name] = digest

    def _complete(self, record: RunData, signature: str, known: _Known, added: Added) -> None:
        from mlflow.entities import RunTag

        status = actual_status(record)
        wanted = STATUS[status]
        tags = {**_tags(record, Path(record["directory"])), "topo_exp.status": status, SIGNATURE: signature}
        new = {name: value for name, value in tags.items() if known.tags.get(name) != value}
        if known.status != wanted:
            if wanted == "RUNNING":
                self.client.update_run(known.run_id, status=wanted)
            else:
                times = [entry["at"] for entry in record["recorded"]] or [record["started"]]
                ended = record["ended"] or times[-1]
                self.client.set_terminated(known.run_id, status=wanted, end_time=milliseconds(ended))
            known.status = wanted
            added.changed = True
        if new:
            # the signature is written in one call with the rest, after everything else
            self.client.log_batch(known.run_id, tags=[RunTag(name, value) for name, value in new.items()])
            known.tags.update(new)
            added.changed = True


def _reduced(image: Image, size: tuple[int, int]) -> Image:
    """Return the copy that MLflow's pages show; the 256 pixels that MLflow asks for are too few for its frame."""
    copy = image.copy()
    copy.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    return copy


def _signature(directory: Path, record: RunData) -> str:
    """Return a digest of all files that the view is made from."""
    digest = hashlib.sha256(actual_status(record).encode())
    for name in (RUN_YAML, METRICS, NETWORK):
        path = directory / name
        digest.update(path.read_bytes() if path.is_file() else b"-")
    for path in picture_files(directory, "png"):
        digest.update(f"{path.name} {path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def _parameters(record: RunData) -> dict[str, Data]:
    """Return the parameters to show: the settings that name the run, the model's parameters, then other settings."""
    parameters = record["parameters"]
    given = {name: parameters.get(name, value) for name, value in record["given"].items()}
    others = {
        name: setting["value"] for name, setting in record.get("settings", {}).items() if _changes_results(setting)
    }
    return {**given, **{name: value for name, value in parameters.items() if name not in given}, **others}


def _changes_results(setting: SettingData) -> bool:
    return setting["kind"] in ("analysis", "analysis option")


def _contradicts(rows: Iterable[MetricRow], known: _Known) -> bool:
    for time, name, value in rows:
        old = known.metrics.get((name, round(STEPS_PER_ITERATION * time)))
        if old is not None and old != value and not (math.isnan(value) and (math.isnan(old) or old == 0)):
            return True
    return False


def _tags(record: RunData, directory: Path) -> dict[str, str]:
    trees = [tree for tree in record["code"].values() if tree.get("commit")]
    given = ", ".join(f"{name}={value}" for name, value in record["given"].items())
    tags = {
        ID: record["id"],
        "topo_exp.model": record["model"],
        "topo_exp.status": actual_status(record),
        "topo_exp.directory": str(directory),
        "topo_exp.host": record["host"]["name"],
        "topo_exp.varied": given,
        "topo_exp.tag": record["tag"],
        "topo_exp.sweep": record["sweep"],
        "topo_exp.dirty": str(any(tree["dirty"] for tree in trees)).lower() if trees else None,
        "mlflow.source.name": "topo_exp",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": trees[0]["commit"] if trees else None,
        "mlflow.source.git.branch": trees[0]["branch"] if trees else None,
        "mlflow.note.content": f"`{record['command']}`\n\n{directory}",
    }
    return {name: _cut(str(value), LONGEST_TAG) for name, value in tags.items() if value not in (None, "")}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 24]} ... (all in {RUN_YAML})"
