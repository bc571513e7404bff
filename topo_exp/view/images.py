"""Pictures of a run in MLflow, as files of the form in which its image grids find them.

MLflow's own function for pictures encodes them anew and makes a smaller copy of each. Here the files of the run are
stored as they are: the picture for a cell of the grid as the smaller copy, and the whole picture, which a click opens.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from topo_exp.record.pictures import cell_of, picture_name, picture_time
from topo_exp.view.entries import own_file, own_pictures

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

FOLDER = "images"
HAS_IMAGES = "mlflow.loggedImages"
"""Tag without which MLflow does not look for pictures."""
SECTION = "Figures"
"""Section of MLflow's charts for pictures. Sections are ordered by name, capitals first; in a section that is named as
a sheet, the pictures would be below all of its metrics, out of sight."""
IMAGE_FILE = re.compile(
    r"(?P<key>.+)[+%]step[+%](?P<step>-?\d+)[+%]timestamp[+%](?P<stamp>\d+)[+%][0-9a-f-]{36}(?P<small>[+%]compressed)?\.\w+"
)
"""Names of the two files of a picture: the whole one, and the one for a cell."""


class Place(NamedTuple):
    """The place of a picture in MLflow: key, step, and the time at which the file was drawn, in milliseconds."""

    key: str
    step: int
    stamp: int


def image_key(name: str) -> str:
    """Return the key under which MLflow lists the picture of a name."""
    return f"{SECTION}/{name}"


def listed_images(files: ArtifactRepository) -> dict[Place, list[str]]:
    """Return the files of each picture that MLflow has of a run: two, or one if storing it was interrupted."""
    found: dict[Place, list[str]] = {}
    for file in files.list_artifacts(FOLDER):
        if match := IMAGE_FILE.fullmatch(file.path.rpartition("/")[2]):
            found.setdefault(Place(match["key"], int(match["step"]), int(match["stamp"])), []).append(file.path)
    return found


def wanted_images(directory: Path, steps: int, *, final: bool) -> dict[Place, tuple[Path, Path]]:
    """Return the pictures of a run directory, and the two files of each.

    Args:
        directory: Of the run.
        steps: Steps in an iteration.
        final: True to take a picture without one for a cell as both; False to leave it out, since it may follow.
    """
    wanted: dict[Place, tuple[Path, Path]] = {}
    for path in own_pictures(directory):
        cell = cell_of(path)
        if not own_file(directory, cell):
            if not final:
                continue
            cell = path
        key = image_key(picture_name(path)).replace("/", "~")
        place = Place(key, round(steps * picture_time(path)), path.stat().st_mtime_ns // 1_000_000)
        while place in wanted:  # two times in one step, drawn within a millisecond
            place = place._replace(stamp=place.stamp + 1)
        wanted[place] = (path, cell)
    return wanted


def add_images(files: ArtifactRepository, pictures: dict[Place, tuple[Path, Path]]) -> dict[Place, list[str]]:
    """Store pictures in MLflow, all in one call, and return their files there."""
    stored: dict[Place, list[str]] = {}
    if not pictures:
        return stored
    with tempfile.TemporaryDirectory(prefix="topo_exp_") as folder:
        for place, (whole, cell) in pictures.items():
            name = f"{place.key}+step+{place.step}+timestamp+{place.stamp}+{uuid.uuid4()}"
            names = [f"{name}{whole.suffix}", f"{name}+compressed{cell.suffix}"]
            for source, target in zip((whole, cell), names, strict=True):
                shutil.copyfile(source, Path(folder, target))
            stored[place] = [f"{FOLDER}/{target}" for target in names]
        files.log_artifacts(folder, FOLDER)
    return stored
