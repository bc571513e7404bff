"""The program, run inside the test's process, in an empty directory."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from topo_exp.__main__ import main

QUICK = ["times=[0,1]", "analysis=[]", "tracking=none"]
"""Settings of the shortest possible run."""

MODEL = '''
"""A model of a user's own."""
import param
import topo_exp

class Mine(param.Parameterized):
    """A tiny network of my own."""
    size = param.Number(3.0, bounds=(1, 9), doc="Units of V1 per unit of length.")

    def build(self):
        return topo_exp.build("tiny", cortex_density=self.size)
'''


@dataclass(frozen=True)
class Outcome:
    """How a call of the program ended."""

    code: int
    out: str
    err: str


SETTINGS = ("TOPO_EXP_OUTPUT", "HYDRA_FULL_ERROR", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME")
"""Variables of the environment that change what the program does."""


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make a folder with a model and functions of the user's own the working directory, without settings."""
    patch.chdir(folder)
    for name in SETTINGS:
        patch.delenv(name, raising=False)
    (folder / "mine.py").write_text(MODEL)
    (folder / "functions.py").write_text(
        "from topo_exp import Result\n"
        "def measure(sim, *, scale=1.0): return Result(metrics={'V1/scaled': scale * sim.time})\n"
        "def fail(sim): raise RuntimeError('it hurts')\n"
        "def hello(sim): print('hello from', sim.name)\n"
    )


@dataclass(frozen=True)
class Recorded:
    """A folder with runs that a module's tests share: each test gets it as it was, at the path that its records name.

    Args:
        folder: The folder.
        copy: A copy of the folder, which no test changes.
    """

    folder: Path
    copy: Path

    @classmethod
    def of(cls, factory: pytest.TempPathFactory, *words: str, code: int = 0) -> "Recorded":
        """Call the program with words, which must end with this code, in a new folder."""
        folder = factory.mktemp("recorded")
        with pytest.MonkeyPatch.context() as patch:
            enter(folder, patch)
            assert main(words) == code
        return cls(folder, Path(shutil.copytree(folder, factory.mktemp("copy") / "recorded")))

    def restore(self, patch: pytest.MonkeyPatch) -> Path:
        """Undo all changes in the folder, and make it the working directory; return its only run or sweep."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)
        patch.chdir(self.folder)
        (found,) = (self.folder / "Output").iterdir()
        return found


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Call the program with words, in a directory with a model and functions of the user's own and nothing else."""
    enter(tmp_path, monkeypatch)

    def call(*words: str) -> Outcome:
        code = main(words)
        return Outcome(code, *capfd.readouterr())

    return call


def runs(directory: Path) -> list[dict]:
    """Read the run.yaml of each run below a directory, in the order of their names."""
    return [yaml.safe_load(path.read_text()) for path in sorted(directory.glob("**/run.yaml"))]
