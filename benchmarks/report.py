"""Time and size of the page of a sweep: 24 runs of six times, copies of one run, and how fast it opens."""

import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import xarray as xr

from topo_exp.after.report import make_report
from topo_exp.analysis import plots
from topo_exp.analysis.result import Result
from topo_exp.record.run_yaml import amend_record
from topo_exp.runner.run import execute
from topo_exp.testing import run_spec

RUNS = 24
TIMES = tuple(float(200 * place) for place in range(6))
UNITS = 48
"""Rows and columns of each map."""
MAPS = 12
"""Pictures of each time; gcal's default analysis draws as many."""
METRICS = 15
OPENINGS = 5
"""How often the browser opens the page."""


def main(arguments: list[str]) -> None:
    """Measure the page of 24 copies of a run, the pictures of which differ in one pixel.

    Args:
        arguments: Directory of a finished run, such as one of gcal with six analysis times; without it, a run is
            written whose maps are smooth random ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(arguments[0]) if arguments else recorded(Path(folder) / "source")
        sweep = Path(folder) / "sweep"
        for number in range(RUNS):
            copy = Path(shutil.copytree(source, sweep / f"run{number:02}"))
            amend_record(copy, lambda data, number=number: data["parameters"].update(input_seed=number))
            for path in (copy / "cells").glob("*.png"):
                with PIL.Image.open(path) as image:
                    changed = image.convert("RGB")
                changed.putpixel((0, 0), (number, number, number))
                changed.save(path)
        start, clock = time.process_time(), time.perf_counter()
        report = make_report(sweep, sweep / "report.html")
        cpu, elapsed = time.process_time() - start, time.perf_counter() - clock
        size = report.path.stat().st_size / 1e6
        print(f"page of {RUNS} runs x {len(TIMES)} times: {cpu:.1f} s of CPU time, {elapsed:.1f} s, {size:.1f} MB")
        for note in report.notes:
            print(f"note: {note}")
        opened(report.path)


def recorded(folder: Path) -> Path:
    """Record a run with maps, pictures and metrics, without simulating."""
    analyses = {"maps": measured}
    spec = run_spec(folder, times=TIMES, analyses=analyses, parameters={"input_seed": 0}, figure_formats=("png",))
    directory = execute(spec).directory
    assert directory is not None
    return directory


def measured(sim: Any) -> Result:
    """Return smooth random maps of orientation, with their pictures, and some metrics."""
    numbers = np.random.default_rng(round(sim.time))
    centres = (np.arange(UNITS) + 0.5) / UNITS - 0.5
    found, pictures = {}, {}
    for number in range(MAPS):
        waves, phases = numbers.normal(scale=14, size=(8, 2)), numbers.uniform(0, 2 * np.pi, 8)
        field = sum(
            np.exp(1j * (a * centres[None, :] - b * centres[:, None] + phase))
            for (a, b), phase in zip(waves, phases, strict=True)
        )
        preference = np.angle(field) / 2 % np.pi
        name = f"feature{number}_preference"
        found[name] = (("y", "x"), preference, {"units": "rad", "period": np.pi})
        pictures[f"V1/{name}"] = partial(plots.orientation, preference, None, centres, centres[::-1], title=name)
    maps = xr.Dataset(found, {"y": centres[::-1], "x": centres}, {"sheet": "V1"})
    metrics = {f"V1/metric_{number}": float(numbers.normal()) for number in range(METRICS)}
    return Result(metrics=metrics, maps=maps, figures=pictures)


def opened(page: Path) -> None:
    """Print how long a browser without a screen takes until the page is loaded and its first maps are drawn."""
    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        print("not opened: there is no chromium with chromedriver")
        return
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    words = ["--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--window-size=1600,900"]
    for word in [*words, *(["--no-sandbox"] if os.getuid() == 0 else [])]:  # the sandbox refuses root
        options.add_argument(word)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    try:
        clocks, loads = [], []
        for _ in range(OPENINGS):
            browser.get("about:blank")
            start = time.perf_counter()
            browser.get(page.as_uri())
            drawn = browser.execute_script(
                "return [...document.images].filter(i => i.complete && i.naturalWidth).length"
                " + document.querySelectorAll('canvas').length"
            )
            clocks.append(time.perf_counter() - start)
            loads.append(browser.execute_script("return performance.getEntriesByType('navigation')[0].loadEventEnd"))
    finally:
        browser.quit()
    loaded, shown = sorted(loads)[OPENINGS // 2] / 1000, sorted(clocks)[OPENINGS // 2]
    print(
        f"opened from disk in {loaded:.2f} s; {shown:.2f} s until {drawn} maps are shown, at most {max(clocks):.2f} s"
    )
