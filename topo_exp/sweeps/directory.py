"""The directory of a sweep: its description, the states of its points, and its runs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topo_exp.record.files import make_directory, write_text
from topo_exp.record.layout import MLFLOW_FOLDERS, RUN_YAML, SWEEP_YAML
from topo_exp.sweeps.ledger import Ledger
from topo_exp.sweeps.manifest import Manifest
from topo_exp.sweeps.signature import is_signed, is_unfinished, sign, sign_unfinished

POINTS = "points"
"""Folder of the ledger."""


def find_sweeps(paths: Sequence[Path]) -> list[Path]:
    """Find the directories of sweeps at or below the given paths.

    Args:
        paths: Directories.

    Returns:
        Absolute paths, sorted, each once.
    """
    found: set[Path] = set()
    for path in paths:
        for folder, folders, files in os.walk(path.absolute()):
            if SWEEP_YAML in files:
                found.add(Path(folder))
            if SWEEP_YAML in files or RUN_YAML in files:
                folders.clear()  # a sweep contains no further sweeps
            folders[:] = [name for name in folders if name not in MLFLOW_FOLDERS and not name.startswith(".")]
    return sorted(found)


@dataclass(frozen=True)
class SweepDirectory:
    """The directory of one sweep.

        sweep.yaml    the space, its points, the command; sweep.signature says that this user has made it
        points/       which process works on which point, and how each attempt ended
        202611...     one directory for each run

    Attributes:
        path: Absolute path.
        manifest: Contents of sweep.yaml.
    """

    path: Path
    manifest: Manifest

    @classmethod
    def make(cls, output_dir: Path, name: str, manifest: Manifest) -> "SweepDirectory":
        """Make the directory of a new sweep; `-2`, `-3` ... is appended to a name that is taken.

        Raises:
            RecordError: It cannot be made or written.
        """
        text = manifest.text()
        path = make_directory(output_dir, name)
        sign(path, text)
        write_text(path / SWEEP_YAML, text)
        return cls(path, manifest)

    @classmethod
    def open(cls, path: Path) -> "SweepDirectory":
        """Read the description of an existing sweep.

        Raises:
            ConfigError: It is no directory of a sweep, or sweep.yaml is damaged.
            RecordError: It was written by a later version.
        """
        absolute = Path(path).absolute()
        return cls(absolute, Manifest.read(absolute))

    def rewritten(self, manifest: Manifest) -> "SweepDirectory":
        """Replace the description, for points that were added.

        Raises:
            RecordError: It cannot be written.
        """
        text = manifest.text()
        if is_signed(self.path):
            sign(self.path, text)
        elif is_unfinished(self.path):
            sign_unfinished(self.path, text)
        write_text(self.path / SWEEP_YAML, text)
        return SweepDirectory(self.path, manifest)

    @property
    def points(self) -> Path:
        """Folder of the ledger, and of what the processes of runs print before they die."""
        return self.path / POINTS

    @property
    def ledger(self) -> Ledger:
        """The states of the points."""
        return Ledger(self.points)
