"""Time and size of the page of a sweep: 24 runs of six times, copies of one recorded run."""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from topo_exp.after.report import make_report
from topo_exp.record.run_yaml import amend_record

RUNS = 24


def main(run: Path, repetitions: int = 3) -> None:
    """Measure the page of 24 copies of a run.

    Args:
        run: Directory of a finished run, such as one of gcal with six analysis times.
        repetitions: Of the measurement, of which the median is printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        for number in range(RUNS):
            copy = shutil.copytree(run, Path(folder) / f"run{number:02}")
            amend_record(copy, lambda data, number=number: data["parameters"].update(input_seed=number))
        seconds = []
        for _ in range(repetitions):
            start = time.process_time()
            report = make_report(folder, Path(folder) / "report.html")
            seconds.append(time.process_time() - start)
        size = report.path.stat().st_size / 1e6
        print(f"page of {RUNS} runs: {statistics.median(seconds):.1f} s of CPU time, {size:.1f} MB")
