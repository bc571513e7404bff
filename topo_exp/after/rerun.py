"""Repeat a recorded run in another process: its settings as a file, its own code, one command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topo_exp.errors import ConfigError, RunError
from topo_exp.record.checked import file_sha256
from topo_exp.record.files import write_text
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import PROVENANCE, find_runs
from topo_exp.record.run_yaml import dump_yaml
from topo_exp.sweeps.values import literal

EXPERIMENT = "recorded"
REPLACED = {
    "tracking": "tracking=none",
    "progress": "progress=false",
    "figure_formats": "figure_formats=[]",
    "metadata_dir": "metadata_dir=null",
    "compress_metadata": "compress_metadata=null",
}
"""Options that change no array, and the words that replace them: nothing is drawn, shown or copied."""
DROPPED = ("model", "output_dir", "sweep", "experiment", "timestamp")
PATIENCE = 30.0
"""Seconds that a run which is stopped has to close its record."""


@dataclass(frozen=True)
class CodeFiles:
    """The files of the user's own code that a run executed.

    Args:
        run: The record.
        root: The recorded working tree of this package; None if there was none.
        worktree: Where that is checked out.
    """

    run: RunHandle
    root: Path | None
    worktree: Path | None

    def find(self, file: str) -> Path:
        """Find a file with its recorded content: in the checkout, at its place, or as a copy in the record.

        Args:
            file: As the record names it, relative to the directory where the run was started.

        Raises:
            ConfigError: Its content is nowhere as it was.
        """
        path = (self._started_in / Path(file).expanduser()).resolve()
        for candidate in self._candidates(path):
            if self._is_whole(candidate, path):
                return candidate
        raise ConfigError(
            f"reproduce: needs {path} as it was during the run (got another content, or nothing). "
            "Restore it; the record holds its checksum only, or a damaged copy."
        )

    def reference(self, text: str) -> str:
        """Return a reference `file.py:function` with the place where the file is found; others are unchanged."""
        file, colon, name = text.rpartition(":")
        return f"{self.find(file)}:{name}" if colon and file.endswith(".py") else text

    @property
    def directory(self) -> Path | None:
        """The directory to run in, to which relative paths among the settings refer; None if it does not exist."""
        mapped = self._mapped(self._started_in)
        return next((place for place in (mapped, self._started_in) if place is not None and place.is_dir()), None)

    @property
    def _started_in(self) -> Path:
        return Path(self.run.metadata.get("working_directory", "."))

    def _mapped(self, path: Path) -> Path | None:
        """Return the place in the checkout of a path in the recorded tree."""
        if self.root is None or self.worktree is None or not path.is_relative_to(self.root):
            return None
        return self.worktree / path.relative_to(self.root)

    def _candidates(self, path: Path) -> Iterator[Path]:
        mapped = self._mapped(path)
        if mapped is not None:
            yield mapped
        yield path
        folder, source = self.run.directory / PROVENANCE, self.run.metadata["model_source"]
        if source is not None and path.is_relative_to(Path(source).parent):
            yield folder / path.relative_to(Path(source).parent)
        yield folder / path.name

    def _is_whole(self, candidate: Path, path: Path) -> bool:
        """Return True if a file and the modules beside it that were imported have their recorded checksums."""
        sources = self.run.metadata.get("sources", {})
        names = [name for name in sources if Path(name).is_relative_to(path.parent) and Path(name).is_absolute()]
        if str(path) not in names:
            return False
        places = {name: candidate.parent / Path(name).relative_to(path.parent) for name in names}
        return all(place.is_file() and file_sha256(place) == sources[name] for name, place in places.items())


def recorded_words(run: RunHandle, config: Mapping[str, Any], files: CodeFiles, place: Path) -> list[str]:
    """Write the settings of a run as an experiment file, and return the words that run it.

    Args:
        run: The record.
        config: Its composed configuration, resolved.
        files: Finds the user's own files.
        place: Directory for the file.

    Raises:
        ConfigError: A file of code is missing, or the model was defined in no file.
    """
    chosen = {
        name: value
        for name, value in config.items()
        if name not in (*REPLACED, *DROPPED) and not name.startswith("sweep_")
    }
    chosen["times"] = list(run.metadata["times"])
    analyses = {name: entry for name, entry in dict(chosen.pop("analysis", None) or {}).items() if entry is not None}
    chosen["analysis"] = {
        name: {**entry, "_target_": files.reference(str(entry["_target_"]))} for name, entry in analyses.items()
    }
    for when in ("before", "after"):
        chosen[when] = [files.reference(str(name)) for name in config.get(when) or []]
    write_text(place / "experiment" / f"{EXPERIMENT}.yaml", f"# @package _global_\n{dump_yaml(chosen)}")
    words = [f"model={literal(_model(run, files))}", f"experiment={EXPERIMENT}", "analysis=[]", *REPLACED.values()]
    return ["--config-dir", str(place), *words]


def run_words(
    words: Sequence[str], *, python: Path, import_from: Path | None, directory: Path, output: Path, is_isolated: bool
) -> RunHandle:
    """Run the program in a process of its own, whose messages appear on the error stream.

    Args:
        words: Of its command line.
        python: Interpreter.
        import_from: Directory from which this package is imported; None for the installed one.
        directory: To run in.
        output: Directory for the new run, which holds no other.
        is_isolated: Whether the environment variable PYTHONPATH is ignored.

    Returns:
        The new run.

    Raises:
        RunError: The run failed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "TOPO_EXP_OUTPUT"}
    paths = [*([str(import_from)] if import_from else []), *([] if is_isolated else [os.environ.get("PYTHONPATH", "")])]
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    # -P: a package of the same name in the current directory is not imported
    command = [str(python), "-P", "-m", "topo_exp", *words, f"output_dir={literal(str(output))}"]
    with _process(command, directory, environment) as process:
        code = process.wait()
    found = find_runs(output) if output.is_dir() else []
    if code != 0 or len(found) != 1:
        raise RunError(f"reproduce: the run must end again as it did (got exit code {code}). Its messages stand above.")
    return RunHandle(found[0])


@contextmanager
def _process(
    command: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and end it with the block."""
    process = subprocess.Popen(
        command, cwd=directory, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _model(run: RunHandle, files: CodeFiles) -> str:
    source = run.metadata["model_source"]
    if source is None:
        raise ConfigError(
            f"{run.directory.name}: must have the file of its model (got a model that was defined in no file). "
            "Repeat it where it was made."
        )
    is_of_package = Path(source).parts[-3:-1] == ("topo_exp", "models")
    return str(run.metadata["model"]) if is_of_package else str(files.find(source))
