"""Copies of the code that a sweep runs, made when it is submitted: later changes do not reach points that wait.

    code/program/topo_exp     this package, with its configuration files beside it
    code/files/0_mymodels/    the Python files of a folder that has a model or a function of the user's own

In the copy of a folder, other files are symbolic links to the originals, so that a model finds its data beside itself.
"""

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import topo_exp
from topo_exp.compose.loading import user_path
from topo_exp.compose.schema import conf_directory
from topo_exp.record.files import path_errors
from topo_exp.runner.provenance import imported_files

CODE = "code"
"""Folder of the copies in the directory of a sweep."""
ORIGINS = "origins.txt"
"""File that names the folder from which each copy was made."""


@dataclass
class CodeSnapshot:
    """Copies of code in the directory of a sweep.

    Attributes:
        directory: Of the sweep.
    """

    directory: Path
    _folders: dict[Path, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, directory: Path) -> "CodeSnapshot":
        """Copy the package, unless that has been done; find the copies that exist.

        Raises:
            RecordError: The directory cannot be written.
        """
        snapshot = cls(directory)
        package = Path(topo_exp.__file__).resolve().parent
        with path_errors(directory):
            if not snapshot.program.exists():
                _copy_program(package, snapshot.program)
            origins = snapshot._files / ORIGINS
            if origins.exists():
                lines = [line.split("\t") for line in origins.read_text(encoding="utf-8").splitlines()]
                snapshot._folders = {Path(folder): snapshot._files / name for name, folder in lines}
        return snapshot

    @property
    def program(self) -> Path:
        """Folder from which the program is imported."""
        return self.directory / CODE / "program"

    def copy_of(self, reference: str) -> str:
        """Return the reference to the copy of a user's own file, which is made with its folder at the first call.

        Args:
            reference: `file.py`, `file.py:function`, or a name; names are returned as they are.

        Raises:
            RecordError: The directory cannot be written.
        """
        text, colon, name = reference.rpartition(":")
        path = text if colon and text.endswith(".py") else reference
        if not path.endswith(".py"):
            return reference
        file = user_path(path, "model").resolve()
        return f"{self._copied(file.parent) / file.name}{f':{name}' if path == text else ''}"

    @property
    def _files(self) -> Path:
        return self.directory / CODE / "files"

    def _copied(self, folder: Path) -> Path:
        if self._files in folder.parents:  # already the copy of an earlier submission
            return folder
        if folder not in self._folders:
            name = f"{len(self._folders)}_{folder.name}"
            target = self._files / name
            with path_errors(self._files):
                target.mkdir(parents=True)
                _copy_folder(folder, target, self.directory)
                with (self._files / ORIGINS).open("a", encoding="utf-8") as origins:
                    origins.write(f"{name}\t{folder}\n")
            self._folders[folder] = target
        return self._folders[folder]


def _copy_program(package: Path, target: Path) -> None:
    """Copy the package and its configuration files; the folder appears when it is whole."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, temporary / package.name, ignore=without)
    conf = conf_directory()
    if conf.parent != package:
        shutil.copytree(conf, temporary / conf.name, ignore=without)
    try:
        temporary.rename(target)
    except OSError:  # another process was faster
        if not target.is_dir():
            raise
        shutil.rmtree(temporary)


def _copy_folder(folder: Path, target: Path, sweep: Path) -> None:
    """Copy the Python files and packages of a folder, and those that are imported from deeper folders; link the rest.

    Folders that hold the sweep, or an environment of Python, and hidden files are left out.
    """
    for file in imported_files(folder):
        place = target / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)
    for path in sorted(folder.iterdir()):
        place = target / path.name
        if path.name.startswith((".", "__pycache__")) or path in sweep.parents or path == sweep:
            continue
        if Path(sys.prefix).is_relative_to(path):
            continue
        if path.is_dir() and (path / "__init__.py").exists():
            shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        elif path.is_file() and path.suffix == ".py":
            shutil.copy2(path, place)
        elif not place.exists():
            place.symlink_to(path)
