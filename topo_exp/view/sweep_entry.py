"""The entry that MLflow should have of a sweep: a run of its own, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # it ships no type information

from topo_exp.errors import RecordError
from topo_exp.record.layout import REPORT, RUN_YAML, SWEEP_YAML
from topo_exp.record.run_yaml import actual_status, milliseconds, read_record
from topo_exp.view.entries import LONGEST_VALUE, own_file

SWEEP_ENTRY = "topo_exp.sweep_entry"
"""Tag: the id of the sweep that this entry stands for."""
HAS_PAGE = "topo_exp.page"
"""Tag of an entry that has the page of its sweep as an artifact: the artifact's name."""


@dataclass(frozen=True)
class SweepEntry:
    """The entry of a sweep.

    Attributes:
        id: Of the sweep.
        name: Of the entry.
        experiment: Of its runs.
        tags: Of the entry.
        parameters: The settings that all runs have in common. Those that vary are tags, since MLflow would list their
            values among those of the runs.
        started: Before the first run, so that lists which show the latest runs first have it last; ms since 1970.
        files: To be kept with it: the description, and the page if there is one.
        is_over: True if no run is in progress.
    """

    id: str
    name: str
    experiment: str
    tags: dict[str, str]
    parameters: dict[str, str]
    started: int
    files: list[Path]
    is_over: bool

    @classmethod
    def read(cls, directory: Path) -> SweepEntry | None:
        """Read the directory of a sweep; None if it has no runs yet, so that it belongs to no experiment.

        Raises:
            RecordError: Its description cannot be read.
        """
        path = directory / SWEEP_YAML
        try:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            record = yaml.load(path.read_text(encoding="utf-8"), loader)
            identity, command = str(record["id"]), str(record["command"])
            constant, varying = dict(record["constant"]), dict(record["varying"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise RecordError(f"{path}: must describe a sweep (got {error}). Restore it.") from error
        runs = [read_record(each.parent) for each in sorted(directory.glob(f"*/{RUN_YAML}"))]
        if not runs:
            return None
        tags = {
            SWEEP_ENTRY: identity,
            "topo_exp.directory": str(directory),
            "mlflow.source.name": "topo_exp",
            "mlflow.source.type": "LOCAL",
            "mlflow.note.content": f"The sweep of {record['runs']} runs in {directory}\n\n`{command}`",
            **{f"topo_exp.varying.{name}": str(list(values))[:LONGEST_VALUE] for name, values in varying.items()},
        }
        return cls(
            id=identity,
            name=f"sweep · {directory.name}",
            experiment=runs[0]["experiment"],
            tags=tags,
            parameters={name: str(value)[:LONGEST_VALUE] for name, value in constant.items()},
            started=min(milliseconds(run["started"]) for run in runs) - 1,
            files=[each for each in (path, directory / REPORT) if own_file(directory, each)],
            is_over=all(actual_status(run) != "running" for run in runs),
        )
