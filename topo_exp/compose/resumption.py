"""The description of a recorded run, made again from its record, so that the run can be continued."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it ships no type information
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from topo_exp.compose.bridge import Settings, make_spec
from topo_exp.compose.loading import model_names
from topo_exp.compose.overrides import written_settings
from topo_exp.compose.shell import quoted
from topo_exp.errors import ConfigError, RecordError, TopoExpError
from topo_exp.record.checked import file_sha256
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import HYDRA, PROVENANCE, RUN_YAML
from topo_exp.record.run_yaml import record_is_unchanged
from topo_exp.runner.describe import installed_versions, package_checksums
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.spec import RunSpec
from topo_exp.runner.times import analysis_times
from topo_exp.sweeps.values import literal

COMPARED_VERSIONS = ("python", "topo-exp", "numpy", "numba", "param", "scipy", "xarray")
"""Software on which results depend; other versions are recorded, but may differ."""


def recorded_spec(run: RunHandle, *, times: Sequence[float] | None = None) -> RunSpec:
    """Describe a recorded run again; the user's own files in it are executed.

    Args:
        run: The recorded run.
        times: Analysis times that replace the recorded ones.

    Returns:
        The description, with the options, parameters and analyses of the record.

    Raises:
        RecordError: The record lacks the composed configuration.
        TopoExpError: The model or an analysis is not found, or refuses the recorded settings.
    """
    config: dict[str, Any] = recorded_config(run)
    words = [str(word) for word in yaml.safe_load(_text(run, "overrides.yaml")) or []]
    texts: dict[str, str] = {}
    command = run.metadata["command"]
    config["times"] = list(run.metadata["times"]) if times is None else list(times)
    if times is not None:
        written = f"times={literal([_whole(time) for time in times])}"
        command = _with_times(command, written)
        words = [*(word for word in words if word.partition("=")[0] != "times"), written]
        texts = {
            "config.yaml": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
            "overrides.yaml": yaml.safe_dump(words, allow_unicode=True),
        }
    config["model"] = _model(run)
    config["analysis"] = {
        name: {**entry, "_target_": _absolute_reference(run, str(entry["_target_"]))}
        for name, entry in dict(config.get("analysis") or {}).items()
        if entry is not None
    }
    for when in ("before", "after"):
        config[when] = [_absolute_reference(run, str(name)) for name in config.get(when) or []]
    spec = make_spec(Settings(config=config, given=written_settings(words), command=command, texts=texts))
    return replace(spec, model=str(run.metadata["model"]))


def continue_as(spec: RunSpec, run: RunHandle, *, force: bool, is_extension: bool = False) -> Outcome:
    """Continue a recorded run, whose code is trusted.

    Args:
        spec: The run, described again, with the analysis times from now on.
        run: The record.
        force: Whether changed code and versions are accepted.
        is_extension: Whether a finished run is continued to later times.

    Raises:
        ConfigError: Code or versions have changed, and `force` is not set.
        RecordError: Another process is running it.
    """
    from topo_exp.runner.continuing import Continuation
    from topo_exp.runner.measuring import Measuring
    from topo_exp.runner.run import continue_run

    found = require_same_code(run, force=force)
    continuation = Continuation(
        directory=run.directory,
        times=spec.options.times,
        analyses=Measuring(spec.analyses, fail=_raise).names_at,
        differences=found,
        is_extension=is_extension,
    )
    return continue_run(spec, continuation)


def _raise(error: TopoExpError) -> None:
    raise error


def require_same_code(run: RunHandle, *, force: bool) -> list[str]:
    """Return the differences of code and versions between a recorded run and this program.

    Args:
        run: The recorded run.
        force: Whether differences are accepted.

    Raises:
        ConfigError: There are some, and they are not accepted.
    """
    found = differences(run)
    if found and not force:
        raise ConfigError(
            f"{run.directory.name}: must be continued by the code that began it, from an unedited record "
            f"(got {'; '.join(found)}). Restore both, or add --force; results may then differ from those of a run "
            "without a break."
        )
    return found


def differences(run: RunHandle) -> list[str]:
    """List the differences of code and versions between a recorded run and this program; nothing is executed.

    A run.yaml that was edited by hand is listed, too: it may differ from the run that was carried out.
    """
    kept = {str(run.metadata["model_source"])}
    edited = [] if record_is_unchanged(run.directory) else [f"{RUN_YAML}: edited"]
    return edited + [
        found
        for found in code_differences(run.metadata.get("sources", {}), run.metadata["versions"])
        if not (found.endswith(": missing") and found.removesuffix(": missing") in kept and _has_copy(run))
    ]


def code_differences(sources: Mapping[str, object], versions: Mapping[str, object]) -> list[str]:
    """List the differences between recorded code and the present one; nothing is executed.

    Args:
        sources: Recorded checksums: of rooms of this package by name, of files by path.
        versions: Recorded versions by name.
    """
    present = package_checksums()
    found = []
    for name, checksum in sorted(sources.items()):
        if name.startswith("topo_exp."):
            if present.get(name) != checksum:
                found.append(f"{name}: changed")
        elif not Path(name).is_file():
            found.append(f"{name}: missing")
        elif file_sha256(Path(name)) != checksum:
            found.append(f"{name}: changed")
    here = installed_versions()
    for name in COMPARED_VERSIONS:
        before = versions.get(name)
        if before is not None and before != here[name]:
            found.append(f"{name}: version {before} in the record, {here[name]} here")
    return found


def _has_copy(run: RunHandle) -> bool:
    """Return True if the run directory has the recorded copy of the model's file."""
    source = str(run.metadata["model_source"])
    copy = run.directory / PROVENANCE / Path(source).name
    return copy.is_file() and file_sha256(copy) == run.metadata.get("sources", {}).get(source)


def extended_times(run: RunHandle, times: object) -> tuple[float, ...]:
    """Return the analysis times of a run that is extended.

    Args:
        run: A finished run.
        times: The later times, or all times.

    Raises:
        ParameterError: They are no analysis times.
        ConfigError: A time that is not later than the last recorded one is new, or none is later.
    """
    wanted = analysis_times(times)
    last = max(run.times)
    later = tuple(time for time in wanted if time > last)
    missed = [time for time in wanted if time <= last and time not in run.times]
    if missed:
        raise ConfigError(
            f"times: must be later than the last time of {run.directory.name}, {last:g} (got {missed[0]:g}). "
            "Leave it out."
        )
    if not later:
        raise ConfigError(f"times: must hold a time later than {last:g} (got {list(wanted)}). Add one.")
    return (*run.times, *later)


def recorded_config(run: RunHandle) -> dict[str, object]:
    """Read the composed configuration of a run, with all references resolved; `before` and `after` are lists.

    Raises:
        RecordError: It cannot be read.
    """
    try:
        config = OmegaConf.to_container(OmegaConf.create(_text(run, "config.yaml")), resolve=True)
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise RecordError(f"{run.directory / HYDRA / 'config.yaml'}: must be readable (got: {error}).") from error
    if not isinstance(config, dict):
        raise RecordError(f"{run.directory / HYDRA / 'config.yaml'}: must hold settings (got something else).")
    for name, kind in {"analysis": dict, "before": list, "after": list}.items():  # as the composition of a run makes it
        if not isinstance(config.get(name) or kind(), kind):
            raise RecordError(
                f"{run.directory / HYDRA / 'config.yaml'}: {name} must be a {'list' if kind is list else 'mapping'} "
                f"(got {config[name]!r}). Restore the file."
            )
    return {str(name): value for name, value in config.items()}


def _text(run: RunHandle, name: str) -> str:
    path = run.directory / HYDRA / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: must be readable, to continue the run (got: {error}).") from error


def is_of_this_package(run: RunHandle) -> bool:
    """Return True if the model of a run came with this package."""
    source = Path(str(run.metadata["model_source"]))
    return run.metadata["model"] in model_names() and source.parts[-3:-1] == ("topo_exp", "models")


def _model(run: RunHandle) -> str:
    """Return the name of a run's model, or the path of its file: the original if there is one, else the copy."""
    if is_of_this_package(run):
        return str(run.metadata["model"])
    if run.metadata["model_source"] is None:
        raise RecordError(
            f"{run.directory.name}: must have the file of its model (got a model that was defined in no file). "
            "Continue it where it was made: sim.restore(run.state())."
        )
    source = Path(str(run.metadata["model_source"]))
    copy = run.directory / PROVENANCE / source.name
    return str(source if source.is_file() or not copy.is_file() else copy)


def absolute_path(run: RunHandle, file: str) -> Path:
    """Return the path that a file had for a run, whose relative paths begin at its working directory."""
    return (Path(run.metadata.get("working_directory", ".")) / Path(file).expanduser()).resolve()


def _absolute_reference(run: RunHandle, reference: str) -> str:
    file, colon, name = reference.rpartition(":")
    return f"{absolute_path(run, file)}:{name}" if colon and file.endswith(".py") else reference


def _with_times(command: str, written: str) -> str:
    """Replace the times in a command line."""
    without = re.sub(r""" (?:'times=[^']*'|"times=[^"]*"|times=\S+)""", "", command)
    return f"{without} {quoted(written)}"


def _whole(time: float) -> float | int:
    return int(time) if time.is_integer() else time
