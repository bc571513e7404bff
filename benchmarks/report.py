"""Time and size of the page of a sweep: 24 runs of six times, copies of one recorded run."""

import shutil
import tempfile
import time
from pathlib import Path

import PIL.Image

from topo_exp.after.report import make_report
from topo_exp.record.run_yaml import amend_record

RUNS = 24


def main(arguments: list[str]) -> None:
    """Measure the page of 24 copies of a run, the pictures of which differ in one pixel.

    Args:
        arguments: Directory of a finished run, such as one of gcal with six analysis times.
    """
    with tempfile.TemporaryDirectory() as folder:
        for number in range(RUNS):
            copy = shutil.copytree(arguments[0], Path(folder) / f"run{number:02}")
            amend_record(copy, lambda data, number=number: data["parameters"].update(input_seed=number))
            for path in (copy / "cells").glob("*.png"):
                with PIL.Image.open(path) as image:
                    changed = image.convert("RGB")
                changed.putpixel((0, 0), (number, number, number))
                changed.save(path)
        start = time.process_time()
        report = make_report(folder, Path(folder) / "report.html")
        seconds = time.process_time() - start
        print(f"page of {RUNS} runs: {seconds:.1f} s of CPU time, {report.path.stat().st_size / 1e6:.1f} MB")
