"""The results of each analysis at each time, by the name of the analysis: `results/000100.00.json`.

From these files a resumed run knows which analyses of a time are complete, and rebuilds metrics.csv. The results of
analyses over time are in `results/over_time.json`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from topo_exp.errors import RecordError
from topo_exp.record.checked import read_checked, write_checked
from topo_exp.record.layout import OVER_TIME, results_path
from topo_exp.record.metrics import MetricRow
from topo_exp.typing import Data

FAILED_PICTURES = "failed_pictures.json"


@dataclass
class AnalysisResults:
    """Hold the results of one analysis.

    Args:
        rows: Its metrics.
        files: Its maps and pictures, relative to the run directory.
    """

    rows: list[MetricRow] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def is_complete(self, directory: Path, failed: Collection[str]) -> bool:
        """Return True if all of its files are on disk, except those that could not be made."""
        return all(name in failed or (directory / name).is_file() for name in self.files)


TimeResults = dict[str, AnalysisResults]
"""The results of one time, by name of the analysis."""


def write_results(directory: Path, time: float | None, results: Mapping[str, AnalysisResults]) -> None:
    """Write the results of a time.

    Args:
        directory: Of the run.
        time: The analysis time; None for analyses over time.
        results: By name of the analysis.
    """
    content: dict[str, Data] = {
        name: {"rows": [list(row) for row in entry.rows], "files": list(entry.files)}
        for name, entry in sorted(results.items())
    }
    write_checked(results_path(directory, time), content)


def read_results(directory: Path, time: float | None) -> TimeResults:
    """Read the results of a time.

    Returns:
        The results by name of the analysis; none if nothing was recorded, or if the file is damaged: then the analyses
        of that time are applied again.
    """
    try:
        content = read_checked(results_path(directory, time))
    except RecordError:
        return {}
    results: TimeResults = {}
    for name, data in content.items():
        entry = cast("dict[str, list[object]]", data)
        rows = [cast("tuple[float, str, float]", tuple(cast("list[object]", row))) for row in entry["rows"]]
        results[name] = AnalysisResults(rows, [str(file) for file in entry["files"]])
    return results


def write_failed_pictures(directory: Path, names: Collection[str]) -> None:
    """Write the names of the pictures that could not be drawn, of a run that continues without them."""
    write_checked(directory / "results" / FAILED_PICTURES, {"files": sorted(names)})


def read_failed_pictures(directory: Path) -> set[str]:
    """Read the names of the pictures that could not be drawn; none if nothing whole was recorded."""
    try:
        files = read_checked(directory / "results" / FAILED_PICTURES)["files"]
    except (RecordError, KeyError):
        return set()
    return {str(name) for name in cast("list[object]", files)}


def delete_results_over_time(directory: Path) -> None:
    """Delete the results of analyses over time, with their maps and pictures."""
    for entry in read_results(directory, None).values():
        for name in entry.files:
            if not Path(name).is_absolute() and ".." not in Path(name).parts:
                (directory / name).unlink(missing_ok=True)
    (directory / "results" / OVER_TIME).unlink(missing_ok=True)
