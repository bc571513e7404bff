"""run.yaml: the description of a run and of how it ended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict

from topo_exp.errors import RecordError
from topo_exp.record.files import write_text
from topo_exp.record.layout import RUN_YAML
from topo_exp.record.processes import ProcessData, process_is_gone
from topo_exp.typing import Data

RUN_YAML_FORMAT = 2
"""Version of the layout of run.yaml; increased when a reader of the older layout would misunderstand the new one.

From version 2 on, the last line is a comment with the checksum of the lines before it.
"""
CHECKSUM_LINE = "# sha256 "
"""Beginning of the last line."""

Status = Literal["running", "done", "failed", "killed"]


class RecordedTime(TypedDict):
    """An analysis time whose results are all on disk."""

    time: float
    at: str
    """Time of day, as `now` writes it."""


class Heartbeat(TypedDict):
    """The last sign of life of a run."""

    at: str
    time: float


class ErrorData(TypedDict):
    """The error that ended a run."""

    type: str
    message: str


class SizeData(TypedDict):
    """The size of a network."""

    connections: int
    weights_mb: float


class SettingData(TypedDict):
    """One setting that the user chose, of whatever kind."""

    kind: str
    value: Data
    swept: bool


class CodeData(TypedDict, total=False):
    """The state of one git working tree."""

    root: str
    commit: str | None
    branch: str | None
    dirty: bool | None
    patch: str
    untracked: str
    same_as: str
    """Name of the entry for the same working tree; then no other key is present."""


class AnalysedLater(TypedDict):
    """Analyses that were applied after the run had ended."""

    at: str
    analysis: Mapping[str, Data]
    times: list[float]
    failures: int


class HostData(TypedDict):
    """The machine of a run."""

    name: str
    system: str
    machine: str
    cores: int | None
    memory_mb: int | None


class Resumption(TypedDict):
    """A process that continued the run."""

    at: str
    time: float
    """Time of the simulation from which it continued."""
    differences: list[str]
    """Differences of code and versions that the user accepted."""
    times: list[float]
    """Analysis times of the run from then on."""


class LaterEntries(TypedDict, total=False):
    """Entries of run.yaml that are set while a run goes through its times, or afterwards."""

    code: dict[str, CodeData]
    size: SizeData
    diagnostics: dict[str, Data]
    heartbeat: Heartbeat
    snapshot: float
    model_sha256: str
    working_directory: str
    """To which relative paths in the settings refer."""
    sources: dict[str, str]
    """Checksums of the code that determines the results: rooms of this package, and files of the user by path."""
    resumed: list[Resumption]
    stopped_at: float
    """Time of the simulation at which a signal stopped the run."""
    checksums: str
    """Checksum of the table SHA256SUMS."""
    pruned: list[str]
    """Files that were deleted later to free space."""
    analysed_later: list[AnalysedLater]


class RunData(LaterEntries):
    """The contents of run.yaml."""

    format: int
    id: str
    name: str
    status: Status
    model: str
    given: dict[str, Data]
    settings: dict[str, SettingData]
    """Absent in records of version 0.1.0."""
    parameters: dict[str, Data]
    seeds: dict[str, Data]
    times: list[float]
    analysis: dict[str, Data]
    command: str
    directory: str
    tag: str | None
    sweep: str | None
    sweep_point: str | None
    """Key of the point in sweep.yaml; absent in records of version 0.1.0."""
    experiment: str
    options: dict[str, Data]
    model_source: str | None
    started: str
    ended: str | None
    reached: float | None
    recorded: list[RecordedTime]
    process: ProcessData
    host: HostData
    versions: dict[str, str]
    seconds: dict[str, float | dict[str, float]]
    errors: int
    warnings: int
    error: ErrorData | None


def read_record(directory: Path) -> RunData:
    """Read the run.yaml of a run directory.

    Raises:
        RecordError: The directory has none, or the file is not one.
    """
    import yaml  # type: ignore[import-untyped]

    path = Path(directory) / RUN_YAML
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RecordError(
            f"{directory}: must be a run directory (got no {RUN_YAML}). Give the path of a run."
        ) from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise RecordError(f"{path}: must be readable YAML (got: {error}). Restore it from a copy.") from error
    if not isinstance(data, dict) or "id" not in data or "status" not in data:
        raise RecordError(f"{path}: must have an id and a status (got something else). Is it a run of topo_exp?")
    layout = data.get("format", 0)
    if not isinstance(layout, int) or layout > RUN_YAML_FORMAT:
        raise RecordError(f"{path}: must have format {RUN_YAML_FORMAT} or lower (got {layout}). Update topo_exp.")
    if layout >= 2 and _checksum_in(text) is None:
        raise RecordError(f"{path}: must end in its checksum (got a file that is cut off). Restore it from a copy.")
    checked: RunData = data  # type: ignore[assignment]  # whatever YAML holds; an unknown layout was refused above
    return checked


def write_record(directory: Path, data: RunData) -> None:
    """Write the run.yaml of a run directory."""
    text = dump_yaml({**data, "format": RUN_YAML_FORMAT})
    _write(directory, text, hashlib.sha256(text.encode()).hexdigest())


def _write(directory: Path, text: str, checksum: str) -> None:
    write_text(directory / RUN_YAML, f"{text}{CHECKSUM_LINE}{checksum}\n")


def record_is_unchanged(directory: Path) -> bool:
    """Return True if the run.yaml of a run is as the program wrote it, or is of a layout without checksum."""
    text = (directory / RUN_YAML).read_text(encoding="utf-8", errors="replace")
    checksum = _checksum_in(text)
    if checksum is None:
        return text.startswith("format: 1\n")
    body = text[: text.rindex(CHECKSUM_LINE)]
    return hashlib.sha256(body.encode()).hexdigest() == checksum


def _checksum_in(text: str) -> str | None:
    """Return the checksum in the last line of a run.yaml; None if that is not whole."""
    last = text.removesuffix("\n").rpartition("\n")[2]
    checksum = last.removeprefix(CHECKSUM_LINE)
    is_whole = last.startswith(CHECKSUM_LINE) and len(checksum) == 64 and text.endswith("\n")
    return checksum if is_whole else None


def amend_record(directory: Path, change: Callable[[RunData], object]) -> None:
    """Change the run.yaml of a run that has ended.

    A file that was edited by hand keeps its old checksum, which does not fit, so that `verify` still finds the edit.

    Args:
        directory: Of the run.
        change: Function that changes the data in place.
    """
    data = read_record(directory)
    recorded = _checksum_in((directory / RUN_YAML).read_text(encoding="utf-8"))
    was_edited = not record_is_unchanged(directory)
    change(data)
    if was_edited and recorded is not None:
        _write(directory, dump_yaml({**data, "format": RUN_YAML_FORMAT}), recorded)
    else:
        write_record(directory, data)


def actual_status(data: RunData) -> Status:
    """Return the status of a run, also if its process was killed before it could record that.

    Args:
        data: Contents of its run.yaml.

    Returns:
        The recorded status; `killed` if that is "running" and the process is known to have ended.
    """
    if data["status"] == "running" and process_is_gone(data["process"]):
        return "killed"
    return data["status"]


def yaml_data(value: object) -> Data:
    """Turn a value into data that YAML can hold: numbers, texts, lists and mappings; anything else becomes its repr."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Mapping):
        return {str(key): yaml_data(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [yaml_data(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return sorted((yaml_data(entry) for entry in value), key=repr)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return yaml_data(value.tolist())
    return repr(value)


def dump_yaml(data: object) -> str:
    """Write plain data as YAML: keys in their order, a list of numbers on one line."""
    import yaml

    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper: type[yaml.SafeDumper] = type("Dumper", (base,), {})

    def write_list(writer: yaml.SafeDumper, value: list[object]) -> object:
        simple = not any(isinstance(entry, list | dict) for entry in value)
        return writer.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=simple)

    dumper.add_representer(list, write_list)
    text: str = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def now() -> str:
    """Return the current time in UTC as text, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def milliseconds(text: str) -> int:
    """Turn a text that `now` wrote into milliseconds since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
