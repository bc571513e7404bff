"""Restart points: complete states from which an interrupted run continues.

A restart point consists of a state, `restart/000123.00.npz`, and its description `restart/000123.00.json`, which is
written after the state and holds its checksum. A point without a whole description, or whose state has another
checksum, is not used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from topo_exp.errors import RecordError
from topo_exp.record.checked import file_sha256, read_checked, write_checked
from topo_exp.record.layout import restart_path
from topo_exp.record.states import read_state, write_state
from topo_exp.typing import Data, State

log = logging.getLogger(__name__)

RESTART_FORMAT = 1
"""Version of the layout of restart points; increased when an older program would misread a newer point."""
KEPT_POINTS = 2
"""Number of restart points that are kept: if the last one is damaged, the one before it is used."""


@dataclass(frozen=True)
class RestartPoint:
    """Describe one restart point.

    Args:
        time: Time of the simulation, in iterations.
        path: File of the state.
        sha256: Checksum of that file.
    """

    time: float
    path: Path
    sha256: str


def write_restart_point(directory: Path, time: float, state: State) -> RestartPoint:
    """Write a state, then its description.

    Args:
        directory: Of the run.
        time: Time of the simulation.
        state: Complete state of the simulation.

    Raises:
        RecordError: The files cannot be written.
    """
    path = restart_path(directory, time)
    point = RestartPoint(time, path, write_state(path, state))
    description: dict[str, Data] = {"format": RESTART_FORMAT, "time": time, "sha256": point.sha256}
    write_checked(path.with_suffix(".json"), description)
    return point


def restart_points(directory: Path) -> list[RestartPoint]:
    """List the restart points of a run whose descriptions are whole, the latest first.

    Raises:
        RecordError: A point was written by a later version of the program.
    """
    found = []
    for path in sorted((directory / "restart").glob("*.json"), reverse=True):
        try:
            description = read_checked(path)
        except RecordError as error:
            log.warning("%s", error)
            continue
        if description["format"] != RESTART_FORMAT:
            raise RecordError(
                f"{path}: must have format {RESTART_FORMAT} (got {description['format']}). "
                "Resume with the version of topo_exp that wrote it."
            )
        time, sha256 = description["time"], description["sha256"]
        assert isinstance(time, int | float)
        found.append(RestartPoint(float(time), path.with_suffix(".npz"), str(sha256)))
    return sorted(found, key=lambda point: point.time, reverse=True)


def read_restart_point(point: RestartPoint) -> State:
    """Read the state of a restart point.

    Raises:
        RecordError: The file is missing or damaged.
    """
    if file_sha256(point.path) != point.sha256:
        raise RecordError(f"{point.path}: must have its recorded checksum (got another). It is damaged.")
    return read_state(point.path)


def thin_restart_points(points: list[RestartPoint], is_usable: Callable[[float], bool]) -> list[RestartPoint]:
    """Delete the restart points that are older than the last usable ones.

    Args:
        points: Of one run, in order of time.
        is_usable: Returns True if nothing before a time is still to be written.

    Returns:
        The points that are left: the last `KEPT_POINTS` usable ones, and all later ones.
    """
    usable = [point.time for point in points if is_usable(point.time)][-KEPT_POINTS:]
    if len(usable) < KEPT_POINTS:
        return points
    for point in points:
        if point.time < usable[0]:
            delete_restart_point(point)
    return [point for point in points if point.time >= usable[0]]


def delete_restart_point(point: RestartPoint) -> None:
    """Delete a restart point, its description first."""
    point.path.with_suffix(".json").unlink(missing_ok=True)
    point.path.unlink(missing_ok=True)


def delete_parts(directory: Path) -> None:
    """Delete what a kill has left of restart points: states without a whole description, and descriptions cut short.

    Args:
        directory: Of a run that no other process writes.

    Raises:
        RecordError: A point was written by a later version of the program; nothing is deleted then.
    """
    whole = {point.path.stem for point in restart_points(directory)}
    for path in (directory / "restart").glob("*.*"):
        if path.suffix in (".npz", ".json") and path.stem not in whole:
            path.unlink(missing_ok=True)
