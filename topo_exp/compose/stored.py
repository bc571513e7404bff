"""The settings of the points of a sweep, stored in its directory, so that jobs on other machines can run them.

    settings/KEY.json    the settings of one point: plain data, with a checksum
    code/                copies of the program and of the user's own files, see `snapshot`

A job reads its points from there. It composes nothing, so that configuration files and code may change while it waits.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from topo_exp.compose.bridge import Settings
from topo_exp.compose.launching import point_task, previous_run
from topo_exp.compose.points import PointComposer, read_sweep_options
from topo_exp.compose.schema import checked
from topo_exp.compose.snapshot import CodeSnapshot
from topo_exp.errors import ConfigError
from topo_exp.record.checked import read_checked, write_checked
from topo_exp.record.files import locked
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.job import Job
from topo_exp.sweeps.launch.dask_cluster import DASK_OPTIONS, DaskOptions
from topo_exp.sweeps.launch.slurm import SLURM_OPTIONS, SlurmOptions
from topo_exp.sweeps.ledger import Lease
from topo_exp.sweeps.options import SWEEP_OPTIONS, SweepOptions
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.signature import SETTINGS, is_signed, is_unfinished, sign, sign_unfinished
from topo_exp.sweeps.worker import Task
from topo_exp.typing import Data

FILES_IN = ("before", "after")
"""Options that list functions by file."""


def store_points(composer: PointComposer, sweep: SweepDirectory) -> Path:
    """Store the settings of all points, and copies of the code that they use.

    Points that are stored already keep their settings and their code, if this user has stored them.

    Args:
        composer: The points, which have been checked.
        sweep: Directory of the sweep.

    Returns:
        The folder from which jobs import the program.

    Raises:
        ConfigError: Settings cannot be stored, or what is stored may be another user's.
        RecordError: The directory cannot be written.
    """
    with locked(sweep.path, waits=True):
        is_own = is_signed(sweep.path) or is_unfinished(sweep.path)
        if (sweep.path / SETTINGS).exists() and not is_own:
            raise ConfigError(
                f"{sweep.path.name}: must have been submitted by you, on this account, to be submitted again (got "
                "settings and code that may be another user's). join=false starts another sweep."
            )
        if is_own:
            sign_unfinished(sweep.path)
        program = _store(composer, sweep)
        if is_own:
            sign(sweep.path)
    return program


def _store(composer: PointComposer, sweep: SweepDirectory) -> Path:
    snapshot = CodeSnapshot.of(sweep.path)
    folder = sweep.path / SETTINGS
    folder.mkdir(exist_ok=True)
    for point in composer.space:
        path = _path(sweep, point.key)
        if not path.exists():
            settings = composer.settings(point, sweep.path)
            config = _with_copies(settings.config, snapshot)
            content: dict[str, Data] = {
                "config": config,
                "given": dict(settings.given),
                "command": settings.command,
                "texts": dict(settings.texts),
                "described_code": snapshot.described(str(settings.config["model"])),
            }
            _require_text_keys(content, composer.space.label(point))
            write_checked(path, content)
    return snapshot.program


def stored_jobs(sweep: SweepDirectory) -> list[Job]:
    """Return the points of a sweep whose settings are stored, as jobs.

    Raises:
        ConfigError: No settings are stored.
    """
    space = sweep.manifest.space
    jobs = [_job(sweep, point) for point in space if _path(sweep, point.key).exists()]
    if len(space) and not jobs:
        raise ConfigError(
            f"{sweep.path.name}: must have been launched by slurm or dask (got no folder {SETTINGS}). "
            "Give the command of the sweep again, which is in sweep.yaml, with hydra/launcher=slurm."
        )
    return jobs


def stored_options(sweep: SweepDirectory, *, jobs: int) -> SweepOptions:
    """Return the options with which a sweep was started.

    Args:
        sweep: The sweep.
        jobs: Points at a time, which replaces `n_jobs`.
    """
    given = {name: value for name, value in sweep.manifest.options.items() if name in SWEEP_OPTIONS}
    return replace(read_sweep_options(given), n_jobs=jobs)


def read_slurm_options(given: Mapping[str, object]) -> SlurmOptions:
    """Check the settings of the launcher `slurm`.

    Raises:
        ParameterError: A value is of the wrong kind or outside its bounds.
        UnknownNameError: There is no such setting.
    """
    return SlurmOptions(**checked(SLURM_OPTIONS, given, where="slurm"))


def read_dask_options(given: Mapping[str, object]) -> DaskOptions:
    """Check the settings of the launcher `dask`.

    Raises:
        ConfigError: Two settings exclude each other.
        ParameterError: A value is of the wrong kind or outside its bounds.
        UnknownNameError: There is no such setting.
    """
    return DaskOptions(**checked(DASK_OPTIONS, given, where="dask"))


def stored_tracking(sweep: SweepDirectory) -> str:
    """Return where the runs of a sweep are shown: the option `tracking` of its first stored point."""
    first = next(path for path in (_path(sweep, point.key) for point in sweep.manifest.space) if path.exists())
    return str(_mapping(read_checked(first).get("config")).get("tracking", "mlflow"))


def _job(sweep: SweepDirectory, point: Point) -> Job:
    def make_task(lease: Lease) -> Task:
        settings = _stored_settings(_path(sweep, point.key), sweep.path)
        return point_task(settings, lease, previous_run(sweep, lease))

    return Job(point.key, sweep.manifest.space.label(point), make_task)


def _stored_settings(path: Path, directory: Path) -> Settings:
    """Read the settings of a point; the directory of the sweep may have been moved."""
    content = read_checked(path)
    config, given, texts = (_mapping(content.get(name)) for name in ("config", "given", "texts"))
    return Settings(
        config={**config, "sweep_dir": str(directory)},
        given=given,
        command=str(content["command"]),
        texts={name: str(text) for name, text in texts.items()},
        described_code=directory / str(content["described_code"]),
    )


def _with_copies(config: Mapping[str, Data], snapshot: CodeSnapshot) -> dict[str, Data]:
    """Replace the user's own files in composed settings by their copies."""
    changed = dict(config)
    changed["model"] = snapshot.copy_of(str(config["model"]))
    for name in FILES_IN:
        functions = config.get(name)
        if isinstance(functions, list):
            changed[name] = [snapshot.copy_of(str(function)) for function in functions]
    analyses = config.get("analysis")
    if isinstance(analyses, dict):
        changed["analysis"] = {
            name: {**entry, "_target_": snapshot.copy_of(str(entry["_target_"]))}
            if isinstance(entry, dict) and "_target_" in entry
            else entry
            for name, entry in analyses.items()
        }
    return changed


def _require_text_keys(value: Data, label: str) -> None:
    """Raise if a mapping has keys that JSON would turn into text."""
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ConfigError(f"{label}: names in mappings must be text (got {name!r}). Write it in quotes.")
            _require_text_keys(item, label)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_text_keys(item, label)


def _mapping(value: Data) -> dict[str, Data]:
    return dict(value) if isinstance(value, Mapping) else {}


def _path(sweep: SweepDirectory, key: str) -> Path:
    return sweep.path / SETTINGS / f"{key}.json"
