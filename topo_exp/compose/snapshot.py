"""Copies of the code that a sweep runs, made when it is submitted: later changes do not reach points that wait.

    code/program/topo_exp     this package, with its configuration files beside it
    code/program/mymodule.py  a module of the user's own from which a function is taken by its name
    code/files/0_mymodels/    the Python files of a folder that has a model or a function of the user's own
    code/origin/mine_0123abcd/ commit and changes of the original of a model, and of this package

In the copy of a folder, other files are symbolic links to the originals, so that a model finds its data beside itself.
"""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import topo_exp
from topo_exp.compose.loading import load_model, user_path
from topo_exp.compose.schema import conf_directory
from topo_exp.errors import is_users
from topo_exp.record.files import path_errors
from topo_exp.runner.provenance import CODE_JSON, imported_files, store_description
from topo_exp.sweeps.signature import CODE

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
            reference: `file.py`, `file.py:function`, `package.module.function`, or the name of a model.

        Returns:
            A path of the copy; names are returned as they are, since jobs import the copy of their package.

        Raises:
            RecordError: The directory cannot be written.
        """
        text, colon, name = reference.rpartition(":")
        path = text if colon and text.endswith(".py") else reference
        if not path.endswith(".py"):
            self._copy_module(reference.partition(".")[0])
            return reference
        file = user_path(path, "model").resolve()
        return f"{self._copied(file.parent) / file.name}{f':{name}' if path == text else ''}"

    def described(self, model: str) -> str:
        """Return the folder that describes the original code of a model, relative to the sweep; made at the first call.

        Args:
            model: Name of a model, or `file.py`.

        Raises:
            RecordError: The directory cannot be written.
        """
        source = load_model(model).source
        place = "" if source is None else str(source.parent)
        name = f"{'model' if source is None else source.stem}_{hashlib.sha256(place.encode()).hexdigest()[:8]}"
        folder = self.directory / CODE / "origin" / name
        if not (folder / CODE_JSON).exists():
            with path_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                store_description(source, folder)
        return str(folder.relative_to(self.directory))

    def _copy_module(self, name: str) -> None:
        """Copy a module or package of the user's own beside the program; those of libraries stay where they are."""
        module = sys.modules.get(name)  # the points have been checked, so what they name has been imported
        file = getattr(module, "__file__", None)
        if name == topo_exp.__name__ or file is None or not is_users(file):
            return
        source = Path(file).resolve()
        is_package = source.name == "__init__.py"
        target = self.program / (name if is_package else source.name)
        if target.exists():
            return
        with path_errors(target):
            if is_package:
                shutil.copytree(source.parent, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)

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
