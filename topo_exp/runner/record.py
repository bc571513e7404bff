"""run.yaml: what a run was, and how it ended."""

from __future__ import annotations

import os
import platform
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import topo_exp
from topo_exp.errors import RecordError
from topo_exp.runner.directory import RECORD, write_text
from topo_exp.runner.processes import process_is_gone, process_start
from topo_exp.runner.runlog import RunLog
from topo_exp.runner.spec import RunSpec

FORMAT = 1
"""Number of this layout of run.yaml; raised when a reader of the older one would misunderstand it."""

Status = Literal["running", "done", "failed", "killed"]

REPORTED_PACKAGES = ("numpy", "numba", "param", "hydra-core", "scipy", "xarray", "matplotlib", "mlflow")


class RunRecord:
    """Collect what run.yaml says, and write it whole each time it changes.

    Several threads may add to it: the loop, the one that asks git, the one that waits for pictures.
    """

    def __init__(self, directory: Path, data: dict[str, Any], run_log: RunLog) -> None:
        self.directory = directory
        self.data = data
        self._run_log = run_log
        self._lock = threading.RLock()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    @classmethod
    def begin(cls, directory: Path, spec: RunSpec, run_log: RunLog) -> RunRecord:
        """Write the first run.yaml of a run, with status running."""
        record = cls(directory, _first_words(directory, spec), run_log)
        record.save()
        return record

    def update(self, **entries: Any) -> None:
        """Set top-level entries; nothing is written until `save`."""
        with self._lock:
            self.data.update({name: plain(value) for name, value in entries.items()})

    @property
    def elapsed(self) -> str:
        """Wall time since the run began, as text."""
        return f"{time.perf_counter() - self._wall:.2f} s"

    @contextmanager
    def stage(self, *names: str) -> Iterator[None]:
        """Add the wall time of the block to `seconds`, under these names."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add_seconds(time.perf_counter() - start, *names)

    def add_seconds(self, seconds: float, *names: str) -> None:
        """Add to the time that a stage has taken."""
        with self._lock:
            *outer, name = ("seconds", *names)
            place = self.data
            for key in outer:
                place = place.setdefault(key, {})
            place[name] = round(place.get(name, 0.0) + seconds, 4)

    def reached(self, time_reached: float) -> None:
        """Note that everything of an analysis time is on disk."""
        with self._lock:
            self.data["reached"] = time_reached
            self.data["recorded"].append({"time": time_reached, "at": now()})
            self.save()

    def close(self, status: Status, error: Mapping[str, Any] | None) -> None:
        """Say how the run ended. Called once, after every other file is on disk."""
        with self._lock:
            self.data["status"] = status
            self.data["ended"] = now()
            self.data["seconds"]["wall"] = round(time.perf_counter() - self._wall, 4)
            self.data["seconds"]["cpu"] = round(time.process_time() - self._cpu, 4)
            self.data["error"] = plain(error) if error else None
            self.save()

    def save(self) -> None:
        """Write run.yaml as it stands."""
        with self._lock:
            self.data.update(errors=self._run_log.errors, warnings=self._run_log.warnings)
            write_text(self.directory / RECORD, dump_yaml(self.data))


def read_record(directory: Path) -> dict[str, Any]:
    """Read the run.yaml of a run directory.

    Raises:
        RecordError: There is none, or it is not one.
    """
    import yaml  # type: ignore[import-untyped]

    path = Path(directory) / RECORD
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError as error:
        raise RecordError(f"{directory}: must be a run directory (got no {RECORD}). Give the path of a run.") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RecordError(f"{path}: must be readable YAML (got: {error}). Restore it from a copy.") from error
    if not isinstance(data, dict) or "id" not in data or "status" not in data:
        raise RecordError(f"{path}: must have an id and a status (got something else). Is it a run of topo_exp?")
    if data.get("format", 0) > FORMAT:
        raise RecordError(f"{path}: must have format {FORMAT} or lower (got {data['format']}). Update topo_exp.")
    return data


def amend_record(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the run.yaml of a run that is over.

    Args:
        directory: Of the run.
        change: Changes the data in place.
    """
    data = read_record(directory)
    change(data)
    write_text(directory / RECORD, dump_yaml(data))


def settled_status(data: Mapping[str, Any]) -> Status:
    """Say how a run stands, also when its process died without a word.

    Args:
        data: Its run.yaml.

    Returns:
        Its status; `killed` for one that says running although its process is known to be gone.
    """
    if data["status"] == "running" and process_is_gone(data.get("process", {})):
        return "killed"
    return data["status"]


def plain(value: Any) -> Any:
    """Turn a value into data that YAML holds: numbers, texts, lists and mappings; anything else by its repr."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(entry) for entry in value), key=repr)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return plain(value.tolist())
    return repr(value)


def dump_yaml(data: Any) -> str:
    """Write plain data as YAML, in its own order, a list of numbers in one line."""
    import yaml

    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper: Any = type("Dumper", (base,), {})

    def write_list(writer: Any, value: list[Any]) -> Any:
        simple = not any(isinstance(entry, list | dict) for entry in value)
        return writer.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=simple)

    dumper.add_representer(list, write_list)
    return yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)


def now() -> str:
    """Return the time of day as text, to the millisecond, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def milliseconds(moment: str) -> int:
    """Return what `now` wrote as milliseconds since 1970."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _first_words(directory: Path, spec: RunSpec) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "id": uuid.uuid4().hex,
        "name": directory.name,
        "status": "running",
        "model": spec.model,
        "given": plain(spec.given),
        "parameters": plain(spec.parameters),
        "seeds": plain(spec.seeds),
        "times": plain(spec.times),
        "analysis": plain(spec.analysis_config or {name: {} for name in spec.analyses}),
        "command": spec.command,
        "directory": str(directory),
        "tag": spec.tag,
        "sweep": spec.sweep,
        "experiment": spec.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or spec.model,
        "options": {
            "engine": spec.engine,
            "before": [_function_name(function) for function in spec.before],
            "after": [_function_name(function) for function in spec.after],
            "on_analysis_error": spec.on_analysis_error,
            "script_repr": spec.script_repr,
            "snapshot": spec.snapshot,
            "figure_formats": list(spec.figure_formats),
            "metadata_dir": plain(spec.metadata_dir),
            "compress_metadata": spec.compress_metadata,
            "tracking": spec.tracking,
        },
        "model_source": plain(spec.model_source),
        "started": now(),
        "ended": None,
        "reached": None,
        "recorded": [],
        "process": {"host": socket.gethostname(), "pid": os.getpid(), "start": process_start(os.getpid())},
        "host": _host(),
        "versions": _versions(),
        "code": {},
        "size": {},
        "seconds": {},
        "errors": 0,
        "warnings": 0,
        "error": None,
    }


def _function_name(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', repr(function))}"


def _host() -> dict[str, Any]:
    return {
        "name": socket.gethostname(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mb": _memory_mb(),
    }


def _memory_mb() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6)
    except (AttributeError, ValueError, OSError):
        return None


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("topo-exp", *REPORTED_PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = (
                getattr(topo_exp, "__version__", "unknown") if package == "topo-exp" else "not installed"
            )
    return versions
