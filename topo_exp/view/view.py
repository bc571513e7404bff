"""MLflow as a view of run directories: everything that a directory has and MLflow lacks is added.

A second update changes nothing, so that one function serves a run that is still running, a finished one, and one whose
database was lost. Clients are given run ids; MLflow's global active run is never used. No run is ever deleted.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.errors import RecordError
from topo_exp.record.files import file_lock
from topo_exp.record.layout import METRICS, NETWORK, REPORT, RUN_LOG, RUN_YAML
from topo_exp.record.metrics import MetricRow
from topo_exp.record.pictures import picture_name
from topo_exp.record.run_yaml import RunData, actual_status, milliseconds, read_record
from topo_exp.view import entries, images, saved
from topo_exp.view.database import prepare_database
from topo_exp.view.store import Store
from topo_exp.view.sweep_entry import HAS_PAGE, SWEEP_ENTRY, SweepEntry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

log = logging.getLogger(__name__)

STATUS = {"running": "RUNNING", "done": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
LARGEST_BATCH = 900
"""Metrics in one call; MLflow takes 1000."""
LARGEST_PARAMETER_BATCH = 100


@dataclass
class Added:
    """The entries that an update added to MLflow."""

    run_id: str
    created: bool = False
    parameters: int = 0
    metrics: int = 0
    pictures: int = 0
    moved_from: str = ""
    """The place at which MLflow had the run, if its directory was moved."""
    changed: bool = False
    """True if anything was written."""

    def __str__(self) -> str:
        if not self.changed:
            return "up to date"
        parts = [f"{self.parameters} parameters", f"{self.metrics} metric values", f"{self.pictures} pictures"]
        moved = f" (moved from {self.moved_from})" if self.moved_from else ""
        return f"{'added' if self.created else 'completed'}: {', '.join(parts)}{moved}"


@dataclass
class _Known:
    """The entries that MLflow is known to have of one run."""

    run_id: str
    experiment: str
    name: str
    files: ArtifactRepository
    parameters: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[tuple[str, int], list[tuple[int, float]]] = field(default_factory=dict)
    """Metric and step -> times of day and values, in order. Two times of the run may share a step."""
    images: dict[images.Place, list[str]] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"
    steps: int = entries.FINEST


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
        self._outdated: dict[tuple[str, str | None], None] = {}

    def update(self, directory: Path, *, final: bool = True) -> Added:
        """Add everything that MLflow lacks of a run directory.

        Args:
            directory: Of the run.
            final: Whether to set the final status and update the log, too; False while the run is running.

        Returns:
            The entries that were added.

        Raises:
            RecordError: The run, or the store, cannot be used.
        """
        directory = Path(directory).absolute().resolve()
        entries.require_plain(directory)
        record = read_record(directory)
        signature = entries.signature(directory, record)
        known, created = self._find(self._experiment(record["experiment"]), record, directory)
        added = Added(known.run_id, created=created, changed=created)
        if created or final:
            self._mark_outdated(known, record)
        if final and known.tags.get(entries.SIGNATURE) == signature:
            return added
        had_images = bool(known.images)
        self._log_parameters(record, known, added)
        self._log_metrics(entries.own_metrics(directory), record, known, added)
        self._log_images(directory, known, added, final=final)
        self._log_artifacts(directory, known, with_log=final)
        if final:
            self._complete(directory, record, signature, known, added)
        if bool(known.images) != had_images:
            self._log_tags(self._view_tags(directory, known), known, added)
            self._mark_outdated(known, record)
        return added

    def update_sweep(self, directory: Path) -> None:
        """Show a sweep as a run of its own, beside its runs: its settings, and its page if there is one.

        Args:
            directory: Of the sweep, one of whose runs, at least, is shown.

        Raises:
            RecordError: The sweep, or the store, cannot be used.
        """
        directory = Path(directory).absolute().resolve()
        sweep = SweepEntry.read(directory)
        if sweep is None:
            return
        client, experiment = self.client, self._experiment(sweep.experiment)
        with file_lock(self._store.lock):
            found = client.search_runs([experiment], f"tags.`{SWEEP_ENTRY}` = '{sweep.id}'", max_results=1)
            run = (
                found[0]
                if found
                else client.create_run(experiment, start_time=sweep.started, run_name=sweep.name, tags=sweep.tags)
            )
        for name, value in sweep.parameters.items():
            if name not in run.data.params:
                client.log_param(run.info.run_id, name, value)
        files = self._repository(run)
        for path in sweep.files:
            files.log_artifact(str(path))
            if path.name == REPORT and HAS_PAGE not in run.data.tags:
                client.set_tag(run.info.run_id, HAS_PAGE, REPORT)
        wanted = "FINISHED" if sweep.is_over else "RUNNING"
        if run.info.status != wanted:
            client.update_run(run.info.run_id, status=wanted)

    def write_saved_views(self) -> None:
        """Write the saved views of the experiments and sweeps whose runs may have changed since the last call."""
        while self._outdated:
            (experiment, sweep), _ = self._outdated.popitem()
            with file_lock(self._store.lock):  # another process may have added a run meanwhile
                saved.write_views(self.client, experiment, sweep)

    @property
    def client(self) -> MlflowClient:
        """The client of this store, opened at first use, by one process at a time."""
        if self._client is None:
            from mlflow.tracking.client import MlflowClient

            logging.getLogger("mlflow").setLevel(logging.WARNING)
            logging.getLogger("alembic").setLevel(logging.WARNING)
            with file_lock(self._store.lock):
                prepare_database(self._store)
                client = MlflowClient(tracking_uri=self._store.tracking_uri)
                client.search_experiments(max_results=1)  # creates the tables of a new database on a database server
            self._client = client
        return self._client

    def _mark_outdated(self, known: _Known, record: RunData) -> None:
        self._outdated[known.experiment, None] = None
        if record["sweep"]:
            self._outdated[known.experiment, record["sweep"]] = None

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
        found = self.client.search_runs([experiment], f"tags.`{entries.ID}` = '{record['id']}'", max_results=1)
        if found:
            known, created = self._read_known(found[0]), False
        else:
            steps, name = entries.steps_per_iteration(record["times"]), entries.run_name(record)
            tags = {**entries.tags(record, directory), entries.STEPS: str(steps)}
            run = self.client.create_run(
                experiment, start_time=milliseconds(record["started"]), tags=tags, run_name=name
            )
            files = self._repository(run)
            known, created = _Known(run.info.run_id, experiment, name, files, tags=tags, steps=steps), True
        self._known[record["id"]] = known
        return known, created

    def _repository(self, run: Run) -> ArtifactRepository:
        """Return the place of a run's files. The client keeps an outdated one after a directory was moved."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(run.info.artifact_uri, tracking_uri=self._store.tracking_uri)

    def _read_known(self, run: Run) -> _Known:
        """Read the entries that MLflow has of a run."""
        info, data = run.info, run.data
        known = _Known(info.run_id, info.experiment_id, info.run_name or "", self._repository(run))
        known.parameters, known.tags, known.status = set(data.params), dict(data.tags), info.status
        known.steps = int(known.tags.get(entries.STEPS, entries.FINEST))
        for name in data.metrics:
            for metric in self.client.get_metric_history(info.run_id, name):
                known.metrics.setdefault((name, metric.step), []).append((metric.timestamp, metric.value))
        for values in known.metrics.values():
            values.sort(key=lambda entry: entry[0])
        known.images = images.listed_images(known.files)
        return known

    def _log_parameters(self, record: RunData, known: _Known, added: Added) -> None:
        from mlflow.entities import Param

        missing = [  # varied settings come first: pages with little room show the first few
            Param(name, value) for name, value in entries.parameters(record).items() if name not in known.parameters
        ]
        for first in range(0, len(missing), LARGEST_PARAMETER_BATCH):
            self.client.log_batch(known.run_id, params=missing[first : first + LARGEST_PARAMETER_BATCH])
        known.parameters.update(param.key for param in missing)
        added.parameters += len(missing)
        added.changed |= bool(missing)

    def _log_metrics(self, rows: Iterable[MetricRow], record: RunData, known: _Known, added: Added) -> None:
        """Log the values that are missing. A value that was measured again is added after the old one."""
        from mlflow.entities import Metric

        recorded_at = {entry["time"]: milliseconds(entry["at"]) for entry in record["recorded"]}
        started = milliseconds(record["started"])
        wanted: dict[tuple[str, int], list[tuple[int, float]]] = {}
        for time, at_time in groupby(rows, key=lambda row: row[0]):
            at = recorded_at.get(time, started)
            values = {name: value for _, name, value in at_time}
            if known.steps != 1:
                values["time"] = time
            for name, value in values.items():
                wanted.setdefault((name, round(known.steps * time)), []).append((at, value))
        missing: list[Metric] = []
        for (name, step), values_at in wanted.items():
            have = known.metrics.setdefault((name, step), [])
            for at, value in values_at[_shared(have, values_at) :]:
                at = max(at, have[-1][0] + 1) if have else at  # noqa: PLW2901  MLflow takes the latest as the value
                have.append((at, value))
                missing.append(Metric(name, value, at, step))
        for first in range(0, len(missing), LARGEST_BATCH):
            self.client.log_batch(known.run_id, metrics=missing[first : first + LARGEST_BATCH])
        added.metrics += len(missing)
        added.changed |= bool(missing)

    def _log_images(self, directory: Path, known: _Known, added: Added, *, final: bool) -> None:
        wanted = images.wanted_images(directory, known.steps, final=final)
        whole = {place for place, files in known.images.items() if len(files) == 2}
        # the rest was interrupted, or drawn again since; a running run may still draw any of them
        surplus = [place for place in known.images if place not in whole or (final and place not in wanted)]
        for place in surplus:
            for file in known.images.pop(place):
                known.files.delete_artifacts(file)
        missing = {place: files for place, files in wanted.items() if place not in known.images}
        known.images.update(images.add_images(known.files, missing))
        if known.images:
            self._log_tags({images.HAS_IMAGES: "True"}, known, added)
        added.pictures += len(missing)
        added.changed |= bool(missing or surplus)

    def _log_artifacts(self, directory: Path, known: _Known, *, with_log: bool) -> None:
        for name in (RUN_YAML, METRICS, NETWORK, *([RUN_LOG] if with_log else [])):
            path = directory / name
            if not entries.own_file(directory, path):
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if known.artifacts.get(name) != digest:
                known.files.log_artifact(str(path))
                known.artifacts[name] = digest

    def _complete(self, directory: Path, record: RunData, signature: str, known: _Known, added: Added) -> None:
        status = actual_status(record)
        wanted = STATUS[status]
        if known.status != wanted:
            if wanted == "RUNNING":
                self.client.update_run(known.run_id, status=wanted)
            else:
                times = [entry["at"] for entry in record["recorded"]] or [record["started"]]
                ended = record["ended"] or times[-1]
                self.client.set_terminated(known.run_id, status=wanted, end_time=milliseconds(ended))
            known.status = wanted
            added.changed = True
        if known.name == record["name"]:  # as version 0.1.0 named it
            known.name = entries.run_name(record)
            self.client.update_run(known.run_id, name=known.name)
        place = known.tags.get("topo_exp.directory", "")
        added.moved_from = place if place != str(directory) else ""
        # the signature is written in one call with the rest, after everything else
        tags = {**entries.tags(record, directory), entries.STEPS: str(known.steps), entries.SIGNATURE: signature}
        self._log_tags({**tags, **self._view_tags(directory, known)}, known, added)

    def _view_tags(self, directory: Path, known: _Known) -> dict[str, str]:
        """Return the tags from which saved views are made."""
        names = dict.fromkeys(images.image_key(picture_name(path)) for path in entries.own_pictures(directory))
        steps = [step for _, step in known.metrics] + [place.step for place in known.images]
        return {
            **({entries.PICTURE_NAMES: entries.picture_tag(names)} if known.images else {}),
            **({entries.REACHED: str(max(steps))} if steps else {}),
        }

    def _log_tags(self, tags: dict[str, str], known: _Known, added: Added) -> None:
        from mlflow.entities import RunTag

        new = {name: value for name, value in tags.items() if known.tags.get(name) != value}
        if new:
            self.client.log_batch(known.run_id, tags=[RunTag(name, value) for name, value in new.items()])
            known.tags.update(new)
            added.changed = True


def _shared(have: Sequence[tuple[int, float]], wanted: Sequence[tuple[int, float]]) -> int:
    """Return how many of the first wanted values are the last ones that MLflow has."""
    for count in range(min(len(have), len(wanted)), 0, -1):
        last = have[len(have) - count :]
        if all(_is_same(old, new) for (_, old), (_, new) in zip(last, wanted[:count], strict=True)):
            return count
    return 0


def _is_same(old: float, new: float) -> bool:
    return old == new or (math.isnan(new) and (math.isnan(old) or old == 0))  # a database keeps NaN as 0 and a mark
