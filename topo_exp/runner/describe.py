"""The first contents of run.yaml: the run, its host and the versions of its libraries."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import socket
import sys
import uuid
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from topo_exp.about import VERSION
from topo_exp.record.checked import file_sha256
from topo_exp.record.processes import ProcessData, process_start
from topo_exp.record.run_yaml import RUN_YAML_FORMAT, HostData, RunData, now, yaml_data
from topo_exp.runner.options import recorded_options
from topo_exp.runner.spec import Hook, RunSpec
from topo_exp.typing import Data

REPORTED_PACKAGES = ("numpy", "numba", "param", "hydra-core", "scipy", "xarray", "matplotlib", "mlflow")


def describe(spec: RunSpec, directory: Path) -> RunData:
    """Return the contents of run.yaml for a run that begins.

    Args:
        spec: The run.
        directory: Of the run.
    """
    options = spec.options
    return {
        "format": RUN_YAML_FORMAT,
        "id": uuid.uuid4().hex,
        "name": directory.name,
        "status": "running",
        "model": spec.model,
        "given": _data(spec.given),
        "settings": {
            name: {"kind": setting.kind, "value": yaml_data(setting.value), "swept": setting.is_swept}
            for name, setting in spec.settings.items()
        },
        "parameters": _data(spec.parameters),
        "seeds": _data(spec.seeds),
        "times": list(options.times),
        "analysis": _data(spec.analysis_config or {name: {} for name in spec.analyses}),
        "command": spec.command,
        "directory": str(directory),
        "tag": options.tag,
        "sweep": options.sweep_id,
        "sweep_point": options.sweep_point,
        "experiment": options.experiment_name or os.environ.get("MLFLOW_EXPERIMENT_NAME") or spec.model,
        "options": _data({**recorded_options(options), "before": _names(spec.before), "after": _names(spec.after)}),
        "working_directory": str(Path.cwd()),
        "sources": source_checksums(spec),
        "model_source": None if spec.model_source is None else str(spec.model_source),
        "started": now(),
        "ended": None,
        "reached": None,
        "recorded": [],
        "process": this_process(),
        "host": _host(),
        "versions": dict(installed_versions()),
        "code": {},
        "size": {},  # type: ignore[typeddict-item]  # filled in when the simulation is built
        "seconds": {},
        "errors": 0,
        "warnings": 0,
        "error": None,
    }


def this_process() -> ProcessData:
    """Describe this process."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "start": process_start(os.getpid())}


def source_checksums(spec: RunSpec) -> dict[str, str]:
    """Return checksums of the code that determines the results of a run.

    Args:
        spec: The run.

    Returns:
        For each room of this package that computes results, and for each file of the user's by its path, its SHA-256.
        Files of the user are those of the model, of analyses and of functions called before or after the run, and the
        modules in the same folders that have been imported.
    """
    package = Path(__file__).parents[1]
    functions = [*spec.analyses.values(), *spec.before, *spec.after]
    files = {path for path in (spec.model_source, *map(_file_of, functions)) if path is not None}
    own = {path for path in files if package not in path.parents}
    folders = {path.parent for path in own}
    beside = _imported_from(folders) if folders else set()
    return {**package_checksums(), **{str(path): file_sha256(path) for path in sorted(own | beside) if path.is_file()}}


def _imported_from(folders: set[Path]) -> set[Path]:
    """Return the files directly in some folders that have been imported."""
    modules = [module for name, module in list(sys.modules.items()) if name != "__main__"]
    # asking a lazy module itself for its file would load it
    files = {getattr(module, "__dict__", {}).get("__file__") for module in modules}
    return {path for path in (Path(str(file)).resolve() for file in files if file) if path.parent in folders}


@cache
def package_checksums() -> Mapping[str, str]:
    """Return a checksum of each room of this package that computes results, as they were at the first call."""
    package = Path(__file__).parents[1]
    return {f"topo_exp.{name}": _folder_sha256(package / name) for name in ("engine", "models", "analysis")}


def _file_of(function: object) -> Path | None:
    """Return the file that defines a function; None if there is none."""
    inner = inspect.unwrap(getattr(function, "func", function))  # type: ignore[arg-type]  # checked to be callable
    try:
        file = inspect.getsourcefile(inner if callable(inner) and hasattr(inner, "__code__") else type(inner))
    except TypeError:
        return None
    return None if file is None or not Path(file).is_file() else Path(file).resolve()


def _folder_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _data(values: Mapping[str, object]) -> dict[str, Data]:
    return {name: yaml_data(value) for name, value in values.items()}


def _names(functions: tuple[Hook, ...]) -> list[str]:
    return [
        f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', repr(function))}"
        for function in functions
    ]


def _host() -> HostData:
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


@cache
def installed_versions() -> Mapping[str, str]:
    """Return the versions of Python, of this package and of the libraries that results depend on.

    They are read once in a process: those of libraries that are loaded do not change.
    """
    versions = {"python": platform.python_version()}
    for package in ("topo-exp", *REPORTED_PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = VERSION if package == "topo-exp" else "not installed"
    return versions
