"""What does a whole run cost beside the simulation itself?

    python -m benchmarks run [--repeats 5] [--against PATH]

Whole commands, in turn (A B C ... A B C ...), so that a machine whose speed drifts slows all of them alike. Figures are
medians of the time by the clock and of the CPU time, which includes that of helper processes; each is given as a ratio
to a bare start of Python that imports numpy, hydra and mlflow. With `--against` the first command of another checkout
is measured in turn with them.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

RUN = ["-m", "topo_exp", "cortex_density=3", "progress=false"]
TEN = "times=[0,1,2,3,4,5,6,7,8,9]"
COMMANDS = {
    "bare start: numpy, hydra, mlflow": ["-c", "import numpy, hydra, mlflow"],
    "bare start: numpy, hydra": ["-c", "import numpy, hydra"],
    "import topo_exp": ["-c", "import topo_exp"],
    "--help": ["-m", "topo_exp", "--help"],
    "compose only: --cfg job": ["-m", "topo_exp", "--cfg", "job"],
    "one analysis time, no MLflow": [*RUN, "times=[0]", "tracking=none"],
    "ten analysis times, no MLflow": [*RUN, TEN, "tracking=none"],
    "one analysis time": [*RUN, "times=[0]"],
    "ten analysis times": [*RUN, TEN],
    "the first command: cortex_density=3": RUN,
}
"""What is measured, by name; the first is what the others are compared with."""


@dataclass(frozen=True)
class Took:
    """Seconds that a command took."""

    wall: float
    cpu: float
    """Of all its processes."""

    @classmethod
    def median(cls, measured: Iterable["Took"]) -> "Took":
        """Return the median of each."""
        walls, cpus = zip(*((took.wall, took.cpu) for took in measured), strict=True)
        return cls(statistics.median(walls), statistics.median(cpus))


def measure(arguments: list[str], folder: Path, checkout: Path) -> Took:
    """Run one command of a checkout in an empty folder of its own."""
    folder.mkdir()
    places = os.pathsep.join(filter(None, [str(checkout), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": places, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # users have compiled modules
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def parts(folder: Path) -> dict[str, float]:
    """Return what run.yaml says that the parts of a run took, in seconds."""
    record = yaml.safe_load(next(folder.glob("Output/*/run.yaml")).read_text())["seconds"]
    flat = {name: value for name, value in record.items() if not isinstance(value, dict)}
    flat |= {
        f"{name} {part}": v for name, value in record.items() if isinstance(value, dict) for part, v in value.items()
    }
    return flat


def main(words: list[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks run", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="how often each command is run")
    parser.add_argument("--against", type=Path, help="checkout of another commit, to be measured in turn")
    chosen = parser.parse_args(words)
    root = Path(__file__).resolve().parents[1]
    commands = {name: (arguments, root) for name, arguments in COMMANDS.items()}
    if chosen.against is not None:
        commands["the first command of the other checkout"] = (RUN, chosen.against.resolve())
    taken: dict[str, list[Took]] = {name: [] for name in commands}
    inside: list[dict[str, float]] = []
    work = Path(tempfile.mkdtemp(prefix="topo_exp_benchmark_"))
    try:
        for repeat in range(chosen.repeats + 1):  # the first round warms the caches up and is not counted
            for i, (name, (arguments, checkout)) in enumerate(commands.items()):
                folder = work / f"{repeat}_{i}"
                took = measure(arguments, folder, checkout)
                if repeat:
                    taken[name].append(took)
                    if arguments is RUN and checkout == root:
                        inside.append(parts(folder))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    medians = {name: Took.median(values) for name, values in taken.items()}
    bare = next(iter(medians.values()))

    def show(name: str, took: Took, note: str = "") -> None:
        ratios = f"{took.wall / bare.wall:7.2f} {took.cpu / bare.cpu:7.2f}"
        print(f"{name:44} {took.wall:7.2f} {took.cpu:7.2f}   {ratios}{note}")

    print(f"{'whole commands, median of ' + str(chosen.repeats):44} {'s':>7} {'CPU s':>7}   {'ratio':>7} {'ratio':>7}")
    for name, value in medians.items():
        show(name, value)
    help_ratio = medians["--help"].wall / medians["bare start: numpy, hydra"].wall
    print(f"{'--help / (numpy, hydra)':44} {'':17} {help_ratio:7.2f}   promised: at most 1.6")
    for label, suffix in (("without", ", no MLflow"), ("with", "")):
        one, ten = medians[f"one analysis time{suffix}"], medians[f"ten analysis times{suffix}"]
        show(f"each analysis time, {label} MLflow", Took((ten.wall - one.wall) / 9, (ten.cpu - one.cpu) / 9))
    print("\nparts of the first command, as its run.yaml has them (they overlap: pictures and MLflow go on beside)")
    for name in inside[0]:
        value = statistics.median(part.get(name, 0.0) for part in inside)
        print(f"{name:44} {value:7.2f} {value / bare.wall:7.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
