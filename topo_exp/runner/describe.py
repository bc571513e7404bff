"""The first contents of run.yaml: the run, its host and the versions of its libraries."""

from __future__ import annotations

import os
import platform
import socket
import uuid
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from topo_exp.about import VERSION
from topo_exp.record.processes import process_start
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
        "model_source": None if spec.model_source is None else str(spec.model_source),
        "started": now(),
        "ended": None,
        "reached": None,
        "recorded": [],
        "process": {"host": socket.gethostname(), "pid": os.getpid(), "start": process_start(os.getpid())},
        "host": _host(),
        "versions": _versions(),
        "code": {},
        "size": {},  # type: ignore[typeddict-item]  # filled in when the simulation is built
        "seconds": {},
        "errors": 0,
        "warnings": 0,
        "error": None,
    }


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


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("topo-exp", *REPORTED_PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = VERSION if package == "topo-exp" else "not installed"
    return versions
