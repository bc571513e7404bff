"""Helpers of the tests of runs: a cheap analysis, a finished run, and processes of their own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from topo_exp.analysis.result import Result
from topo_exp.record.handle import RunHandle
from topo_exp.runner.run import execute
from topo_exp.runner.spec import RunSpec

ROOT = Path(__file__).parents[1]

OWN_MODEL = '''"""A model."""
import param
import topo_exp

class Mine(param.Parameterized):
    """Mine."""
    size = param.Number(3.0, doc="Units.")

    def build(self):
        return topo_exp.build("tiny", cortex_density=self.size)

def settle(sim):
    """Do nothing."""

def look(sim, *, depth=1):
    """Measure nothing."""
    return topo_exp.Result()
'''


def numbers(sim):
    """Measure without maps or pictures, which cost the time of loading xarray and matplotlib."""
    activity = sim["V1"].activity
    return Result(metrics={"V1/mean": float(activity.mean()), "V1/max": float(activity.max())})


def finished_run(spec: RunSpec) -> RunHandle:
    """Carry out a run, and return its handle; an error of the run is raised."""
    return execute(spec).handle()


def script(text: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that can import this package and these tests."""
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(processes: Sequence[subprocess.Popen[str]], timeout: float = 120) -> list[tuple[int, str, str]]:
    """Wait for processes, and return the exit code and the output of each."""
    outcomes = []
    for process in processes:
        output, errors = process.communicate(timeout=timeout)
        outcomes.append((process.returncode, output, errors))
    return outcomes


def slow(*cases):
    """Return cases of a parametrised test that only `-m slow` runs: repetitions of what another case shows."""
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]
