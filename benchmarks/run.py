"""What does a whole run cost beside the simulation itself?

    python -m benchmarks run [--repeats 5]

Whole processes, in turn (A B C ... A B C ...), so that a machine whose speed drifts slows all of them alike. Figures
are medians; each is given as a ratio to a bare start of Python that imports numpy, hydra and mlflow.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
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


def seconds(arguments: list[str], folder: Path) -> float:
    """Return the wall time of one Python process, run in an empty folder of its own."""
    folder.mkdir()
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


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
    repeats = parser.parse_args(words).repeats
    root = Path(__file__).resolve().parents[1]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    inside: list[dict[str, float]] = []
    work = Path(tempfile.mkdtemp(prefix="topo_exp_benchmark_"))
    try:
        for repeat in range(repeats + 1):  # the first round warms the caches up and is not counted
            for i, (name, arguments) in enumerate(COMMANDS.items()):
                folder = work / f"{repeat}_{i}"
                took = seconds(arguments, folder)
                if repeat:
                    taken[name].append(took)
                    if arguments is RUN:
                        inside.append(parts(folder))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    bare = next(iter(medians.values()))
    print(f"{'whole process, median of ' + str(repeats):44} {'s':>7} {'ratio':>7}")
    for name, value in medians.items():
        print(f"{name:44} {value:7.2f} {value / bare:7.2f}")
    help_ratio = medians["--help"] / medians["bare start: numpy, hydra"]
    print(f"{'--help / (numpy, hydra)':44} {'':7} {help_ratio:7.2f}   promised: at most 1.6")
    for label, suffix in (("without", ", no MLflow"), ("with", "")):
        each = (medians[f"ten analysis times{suffix}"] - medians[f"one analysis time{suffix}"]) / 9
        print(f"{'each analysis time, ' + label + ' MLflow':44} {each:7.2f} {each / bare:7.2f}")
    print("\nparts of the first command, as its run.yaml has them (they overlap: pictures and MLflow go on beside)")
    for name in inside[0]:
        value = statistics.median(part.get(name, 0.0) for part in inside)
        print(f"{name:44} {value:7.2f} {value / bare:7.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
