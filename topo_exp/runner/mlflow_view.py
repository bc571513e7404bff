"""MLflow as a view of run directories: whatever a directory has and MLflow lacks is filled in.

Filling in twice changes nothing, so that one function serves a run that goes on, a finished one, and one whose database
was lost. Clients are given run ids; MLflow's global active run is never touched.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from topo_exp.errors import RecordError
from topo_exp.runner.directory import RECORD, locked
from topo_exp.runner.drawing import picture_name
from topo_exp.runner.record import milliseconds, read_record, settled_status
from topo_exp.runner.recorders import METRICS, Row, read_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from PIL.Image import Image

log = logging.getLogger(__name__)

ID, SIGNATURE = "topo_exp.id", "topo_exp.signature"
"""Tags: the id in run.yaml, by which a run is found again; what the view was made from, when it was last whole."""
STATUS = {"running": "RUNNING", "done": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
LONGEST_VALUE = 500
"""Characters of a parameter's value that are shown; run.yaml has all of it."""
LONGEST_TAG = 5000
LARGEST_BATCH = 900
"""Entries in one call; MLflow takes 1000."""
STEPS_PER_ITERATION = 1000
"""MLflow counts steps in whole numbers; times are multiples of a fraction of an iteration."""
PICTURES = "Figures"
"""Section of MLflow's charts that pictures stand in: sections are in the order of their names, capitals first, and one
that is named as a sheet has its pictures below all of its metrics, where nobody looks."""
LARGEST_PICTURE = 640
"""Pixels that a picture may have on the page, in either direction; a click shows all that were drawn."""
PICTURE_FILE = re.compile(
    r"(?P<key>.+)[+%]step[+%](?P<step>-?\d+)[+%]timestamp[+%](?P<stamp>\d+)[+%][0-9a-f-]{36}(?P<small>[+%]compressed)?\.\w+"
)
"""How MLflow names the files of a picture: one as it is, and a smaller one, written last."""


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store, and how it is opened."""

    tracking_uri: str
    artifact_location: str | None
    """Where a new experiment keeps its files; None where a server decides."""
    lock: Path
    """File to lock while it is opened: a fresh database opened by two at once is destroyed."""


@dataclass
class Filled:
    """What an update had to fill in."""

    run_id: str
    created: bool = False
    parameters: int = 0
    metrics: int = 0
    pictures: int = 0
    changed: bool = False
    """Whether anything at all was written."""

    def __str__(self) -> str:
        if not self.changed:
            return "up to date"
        parts = [f"{self.parameters} parameters", f"{self.metrics} metric values", f"{self.pictures} pictures"]
        return f"{'added' if self.created else 'completed'}: {', '.join(parts)}"


@dataclass
class _Shown:
    """What MLflow is known to have of one run."""

    run_id: str
    parameters: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[tuple[str, int], float] = field(default_factory=dict)
    pictures: dict[tuple[str, int], int] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"


def store_of(directory: Path) -> Store:
    """Say which store shows a run directory: the environment's, else the database beside the runs."""
    above = [parent for parent in directory.parents if (parent / "mlflow.db").is_file()]
    home = above[0] if above else directory.parent
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}"
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///")).absolute()
        place = (database.parent / "mlartifacts").as_uri()
        return Store(f"sqlite:///{database}", place, database.with_name(f"{database.name}.lock"))
    location = (home / "mlartifacts").as_uri() if "://" in uri and not uri.startswith("http") else None
    return Store(uri, location, home / ".mlflow.lock")


class MlflowView:
    """Show run directories in one store.

    Args:
        store: Opened with the first update.

    It remembers what it has shown, so that following a run costs only what is new.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client: MlflowClient | None = None
        self._experiments: dict[str, str] = {}
        self._shown: dict[str, _Shown] = {}

    def update(self, directory: Path, *, final: bool = True) -> Filled:
        """Fill in what MLflow lacks of a run directory.

        Args:
            directory: Of the run.
            final: Whether to settle how it ended, too, and to bring the log up to date: not while following.

        Returns:
            What was filled in.
        """
        record = read_record(directory)
        signature = _signature(directory, record)
        experiment = self._experiment(record["experiment"])
        shown, created = self._find(experiment, record, directory)
        filled = Filled(shown.run_id, created=created, changed=created)
        if final and shown.tags.get(SIGNATURE) == signature:
            return filled
        rows = [row for row in read_metrics(directory / METRICS) if math.isfinite(row[2]) or math.isnan(row[2])]
        if not created and _contradicts(rows, shown):
            # a value was measured anew, and MLflow can forget runs, but not values
            self.client.delete_run(shown.run_id)
            del self._shown[record["id"]]
            return self.update(directory, final=final)
        self._show_parameters(record, shown, filled)
        self._show_metrics(rows, record, shown, filled)
        self._show_pictures(directory, shown, filled)
        self._show_artifacts(directory, shown, with_log=final)
        if final:
            self._settle(record, signature, shown, filled)
        return filled

    @property
    def client(self) -> MlflowClient:
        """The client of this store, opened when first needed, by one process at a time."""
        if self._client is None:
            from mlflow import MlflowClient

            logging.getLogger("mlflow").setLevel(logging.WARNING)
            logging.getLogger("alembic").setLevel(logging.WARNING)
            with _file_lock(self._store.lock):
                client = MlflowClient(tracking_uri=self._store.tracking_uri)
                client.search_experiments(max_results=1)  # makes the tables of a fresh database
            self._client = client
        return self._client

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            client = self.client
            with _file_lock(self._store.lock):
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

    def _find(self, experiment: str, record: Mapping[str, Any], directory: Path) -> tuple[_Shown, bool]:
        if record["id"] in self._shown:
            return self._shown[record["id"]], False
        found = self.client.search_runs([experiment], f"tags.`{ID}` = '{record['id']}'", max_results=1)
        if found:
            shown, created = self._look(found[0]), False
        else:
            tags = _tags(record, directory)
            run = self.client.create_run(
                experiment, start_time=milliseconds(record["started"]), tags=tags, run_name=record["name"]
            )
            shown, created = _Shown(run.info.run_id, tags=tags), True
        self._shown[record["id"]] = shown
        return shown, created

    def _look(self, run: Run) -> _Shown:
        """Read what MLflow has of a run."""
        run_id = run.info.run_id
        shown = _Shown(run_id, set(run.data.params), dict(run.data.tags), status=run.info.status)
        for name in run.data.metrics:
            for metric in self.client.get_metric_history(run_id, name):
                shown.metrics[name, metric.step] = metric.value
        whole: set[tuple[str, int]] = set()
        files: dict[tuple[str, int], list[str]] = {}
        for file in self.client.list_artifacts(run_id, "images"):
            if match := PICTURE_FILE.fullmatch(file.path.rpartition("/")[2]):
                place = (match["key"], int(match["step"]))
                files.setdefault(place, []).append(file.path)
                shown.pictures[place] = int(match["stamp"])
                if match["small"]:
                    whole.add(place)
        for place in set(files) - whole:
            self._delete_artifacts(run_id, files[place])
            del shown.pictures[place]
        return shown

    def _show_parameters(self, record: Mapping[str, Any], shown: _Shown, filled: Filled) -> None:
        from mlflow.entities import Param

        parameters = {**{name: record["parameters"].get(name) for name in record["given"]}, **record["parameters"]}
        missing = [  # what was varied comes first: pages with little room show the first few
            Param(name, _cut(str(value), LONGEST_VALUE))
            for name, value in parameters.items()
            if name not in shown.parameters
        ]
        for first in range(0, len(missing), 100):  # MLflow takes no more at once
            self.client.log_batch(shown.run_id, params=missing[first : first + 100])
        shown.parameters.update(param.key for param in missing)
        filled.parameters += len(missing)
        filled.changed |= bool(missing)

    def _show_metrics(self, rows: Iterable[Row], record: Mapping[str, Any], shown: _Shown, filled: Filled) -> None:
        from mlflow.entities import Metric

        moments = {entry["time"]: milliseconds(entry["at"]) for entry in record["recorded"]}
        started = milliseconds(record["started"])
        for time, at_time in groupby(rows, key=lambda row: row[0]):
            step = round(STEPS_PER_ITERATION * time)
            values = {name: value for _, name, value in at_time} | {"time": time}
            missing = [
                Metric(name, value, moments.get(time, started), step)
                for name, value in values.items()
                if (name, step) not in shown.metrics
            ]
            for first in range(0, len(missing), LARGEST_BATCH):
                self.client.log_batch(shown.run_id, metrics=missing[first : first + LARGEST_BATCH])
            shown.metrics.update({(metric.key, metric.step): metric.value for metric in missing})
            filled.metrics += len(missing)
            filled.changed |= bool(missing)

    def _show_pictures(self, directory: Path, shown: _Shown, filled: Filled) -> None:
        import PIL.Image

        for path in sorted((directory / "plots").glob("[0-9]*_*.png")):
            name, stamp = picture_name(path), path.stat().st_mtime_ns // 1_000_000
            step = round(STEPS_PER_ITERATION * float(path.name.partition("_")[0]))
            key = f"{PICTURES}/{name}"
            place = (key.replace("/", "~"), step)
            if shown.pictures.get(place) == stamp:
                continue
            if place in shown.pictures:
                self._forget_picture(shown, place)
            with PIL.Image.open(path) as image:
                image.resize = partial(_reduced, image)  # type: ignore[method-assign]
                self.client.log_image(shown.run_id, image, key=key, step=step, timestamp=stamp)
            shown.pictures[place] = stamp
            filled.pictures += 1
            filled.changed = True

    def _forget_picture(self, shown: _Shown, place: tuple[str, int]) -> None:
        """Remove a picture that was drawn anew since."""
        files = [file.path for file in self.client.list_artifacts(shown.run_id, "images")]
        matches = {path: PICTURE_FILE.fullmatch(path.rpartition("/")[2]) for path in files}
        old = [path for path, match in matches.items() if match and (match["key"], int(match["step"])) == place]
        self._delete_artifacts(shown.run_id, old)

    def _delete_artifacts(self, run_id: str, paths: Iterable[str]) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(
            self.client.get_run(run_id).info.artifact_uri, tracking_uri=self._store.tracking_uri
        )
        for path in paths:
            repository.delete_artifacts(path)

    def _show_artifacts(self, directory: Path, shown: _Shown, *, with_log: bool) -> None:
        for name in (RECORD, METRICS, "network.py", *(["run.log"] if with_log else [])):
            path = directory / name
            if not path.is_file():
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if shown.artifacts.get(name) != digest:
                self.client.log_artifact(shown.run_id, str(path))
                shown.artifacts[name] = digest

    def _settle(self, record: Mapping[str, Any], signature: str, shown: _Shown, filled: Filled) -> None:
        from mlflow.entities import RunTag

        status = settled_status(record)
        wanted = STATUS[status]
        tags = {**_tags(record, Path(record["directory"])), "topo_exp.status": status, SIGNATURE: signature}
        new = {name: value for name, value in tags.items() if shown.tags.get(name) != value}
        if shown.status != wanted:
            if wanted == "RUNNING":
                self.client.update_run(shown.run_id, status=wanted)
            else:
                ended = record["ended"] or (record["recorded"] or [{"at": record["started"]}])[-1]["at"]
                self.client.set_terminated(shown.run_id, status=wanted, end_time=milliseconds(ended))
            shown.status = wanted
            filled.changed = True
        if new:
            # the signature goes in one call with the rest, when everything else is there
            self.client.log_batch(shown.run_id, tags=[RunTag(name, value) for name, value in new.items()])
            shown.tags.update(new)
            filled.changed = True


def sync(directories: Iterable[Path]) -> Iterator[tuple[Path, Filled | Exception | None]]:
    """Bring MLflow up to date with run directories, one after the other.

    Args:
        directories: Of runs.

    Yields:
        Each directory with what was filled in, with the error that prevented it, or with None for a run that is going
        on and is followed by its own process.
    """
    prepare_environment()
    views: dict[Store, MlflowView] = {}
    for directory in directories:
        with locked(directory) as mine:
            if not mine:
                yield directory, None
                continue
            store = store_of(directory)
            view = views.setdefault(store, MlflowView(store))
            try:
                yield directory, view.update(directory)
            except Exception as error:  # noqa: BLE001  told for this run; the others are tried all the same
                yield directory, error


def update(directories: Iterable[Path]) -> None:
    """Bring MLflow up to date with run directories; raise the first error, after having tried all of them.

    Raises:
        RecordError: MLflow could not take a run.
    """
    for directory, outcome in list(sync(directories)):
        if isinstance(outcome, Exception):
            raise RecordError(
                f"{directory}: must be taken by MLflow (got {type(outcome).__name__}: {outcome}). "
                f"The directory is complete; try again: python -m topo_exp sync {directory}"
            ) from outcome


def prepare_environment() -> None:
    """Set, for this process, what MLflow reads from the environment when it is loaded."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"  # it loses data without a word
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        _lock(file)
        yield  # closing the file releases it


def _lock(file: IO[bytes]) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(file.fileno(), fcntl.LOCK_EX)


def _reduced(image: Image, size: tuple[int, int]) -> Image:
    """Return the copy that MLflow's pages show: the one of 256 pixels that it asks for is lost in its frame."""
    copy = image.copy()
    copy.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    return copy


def _signature(directory: Path, record: Mapping[str, Any]) -> str:
    """Return a digest of all that the view is made from."""
    digest = hashlib.sha256(settled_status(record).encode())
    for name in (RECORD, METRICS, "network.py"):
        path = directory / name
        digest.update(path.read_bytes() if path.is_file() else b"-")
    for path in sorted((directory / "plots").glob("*.png")):
        digest.update(f"{path.name} {path.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def _contradicts(rows: Iterable[Row], shown: _Shown) -> bool:
    for time, name, value in rows:
        old = shown.metrics.get((name, round(STEPS_PER_ITERATION * time)))
        if old is not None and old != value and not (math.isnan(value) and (math.isnan(old) or old == 0)):
            return True
    return False


def _tags(record: Mapping[str, Any], directory: Path) -> dict[str, str]:
    trees = [tree for tree in record["code"].values() if tree.get("commit")]
    given = ", ".join(f"{name}={value}" for name, value in record["given"].items())
    tags = {
        ID: record["id"],
        "topo_exp.model": record["model"],
        "topo_exp.status": settled_status(record),
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
    return text if len(text) <= length else f"{text[: length - 24]} ... (all in {RECORD})"
