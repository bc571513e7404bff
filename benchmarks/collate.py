"""Time and memory of one table of many runs: 1000 runs of ten times and 20 metrics, and 100 of them."""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from topo_exp.record.layout import METRICS
from topo_exp.record.metrics import write_metrics
from topo_exp.record.run_yaml import RunData, read_record, write_record
from topo_exp.runner.run import execute
from topo_exp.testing import run_spec

RUNS = (100, 1000)
TIMES = tuple(float(100 * place) for place in range(10))
METRICS_OF_A_RUN = 20
SETTINGS = 30
"""Parameters of a model; gcal has 21."""
REPEATS = 3
MEASURE = """
import resource, sys, time
import numpy, pandas
from topo_exp.after.collate import collate
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, clock = time.process_time(), time.perf_counter()
table = collate(sys.argv[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(time.process_time() - start, time.perf_counter() - clock, peak - before)
"""
"""Run in a process of its own, which has loaded pandas before it measures; prints seconds twice, and kilobytes."""


def main(arguments: list[str]) -> None:
    """Measure `collate` of 100 and of 1000 runs, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        places = {count: Path(folder) / str(count) for count in RUNS}
        for count, place in places.items():
            write_runs(place, count)
        found: dict[int, list[tuple[float, ...]]] = {count: [] for count in RUNS}
        for _ in range(REPEATS):
            for count, place in places.items():
                command = [sys.executable, "-c", MEASURE, str(place)]
                printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found[count].append(tuple(map(float, printed.split())))
    print(f"{len(TIMES)} times, {METRICS_OF_A_RUN} metrics, {SETTINGS} settings; the best of {REPEATS}")
    for count, measured in found.items():
        cpu, clock, memory = (min(values) for values in zip(*measured, strict=True))
        print(
            f"{count:5} runs: {cpu:.2f} s of CPU time, {clock:.2f} s by the clock, {memory / 1024:.0f} MB more at most"
        )


def write_runs(folder: Path, count: int) -> None:
    """Write the records of runs that differ in a seed, as copies of one that the runner has recorded."""
    parameters = {f"parameter_{number}": number / 7 for number in range(SETTINGS - 1)}
    made = execute(run_spec(folder, times=(0.0,), parameters={**parameters, "seed": 0}, analyses={})).directory
    assert made is not None
    record, numbers = read_record(made), random.Random(1)
    record["times"] = list(TIMES)
    record["recorded"] = [{"time": time, "at": record["started"]} for time in TIMES]
    for seed in range(count):
        write_run(folder / f"run{seed:04}", record, seed, numbers)
    (made / "run.yaml").unlink()


def write_run(directory: Path, record: RunData, seed: int, numbers: random.Random) -> None:
    """Write one record with its metrics."""
    directory.mkdir()
    given = {"seed": seed}
    write_record(directory, {**record, "given": given, "parameters": {**record["parameters"], **given}})
    names = [f"V1/metric_{number:02}" for number in range(METRICS_OF_A_RUN)]
    write_metrics(directory / METRICS, [(time, name, numbers.random()) for time in TIMES for name in names])
