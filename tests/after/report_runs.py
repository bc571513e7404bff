"""Synthetic sweeps, written by the package's own recorders without a network, for tests of the page."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import xarray as xr

from topo_exp.analysis.result import Result
from topo_exp.record.layout import METRICS, picture_path
from topo_exp.record.metrics import read_metrics, write_metrics
from topo_exp.runner.run import execute
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.manifest import Manifest
from topo_exp.sweeps.space import Sweep
from topo_exp.testing import run_spec

METRIC = "V1/selectivity"


def orientation(sim: Any, *, shift: float) -> Result:
    """Return a cyclic map that is turned by `shift` degrees, and a metric, the shift and the time."""
    turned = np.deg2rad(np.arange(16.0).reshape(4, 4) * 11.25 + shift) % np.pi
    attributes = {"units": "rad", "period": np.pi}
    grid = {"y": np.linspace(0.4, -0.4, 4), "x": np.linspace(-0.4, 0.4, 4)}
    maps = xr.Dataset({"orientation_preference": (("y", "x"), turned, attributes)}, grid, {"sheet": "V1"})
    return Result(metrics={METRIC: shift + sim.time}, maps=maps)


def add_picture(run: Path, name: str, time: float, shade: int) -> None:
    """Write a picture of one grey as a run writes its pictures, without the seconds that drawing takes."""
    path = picture_path(run, name, time, "png")
    path.parent.mkdir(exist_ok=True)
    title = PIL.PngImagePlugin.PngInfo()
    title.add_text("Title", name)
    PIL.Image.new("RGB", (40, 40), (shade, shade, shade)).save(path, pnginfo=title)


def make_sweep(
    folder: Path,
    settings: Mapping[str, Sequence[object]],
    *,
    times: tuple[float, ...] = (0.0, 5.0),
    left_out: int = 0,
    picture: str = "V1/orientation_preference",
    metric: str = METRIC,
    **options: Any,
) -> Path:
    """Write a sweep whose maps differ by 10 degrees from run to run; the last `left_out` points have no run."""
    space = Sweep(dict(settings))
    sweep = SweepDirectory.make(
        folder, "sweep", Manifest(space, "python -m topo_exp -m", "2026-11-22T11:37:00+00:00", "s1")
    )
    for number, point in enumerate(list(space)[: len(space) - left_out]):
        values = dict(point)
        spec = run_spec(
            sweep.path,
            times=times,
            given=values,
            parameters=values,
            directory_name=f"run{number}",
            analyses={"orientation_map": partial(orientation, shift=10.0 * number)},
            figure_formats=(),
            sweep_id="s1",
            sweep_point=point.key,
            **options,
        )
        outcome = execute(spec)
        assert outcome.directory is not None
        if metric != METRIC:  # a name that the recorder refuses, as in a record that was changed by hand
            file = outcome.directory / METRICS
            write_metrics(file, [(time, metric, value) for time, _, value in read_metrics(file)])
        for place, time in enumerate(times):
            add_picture(outcome.directory, picture, time, 20 * number + 5 * place)
    return sweep.path


def data_in(page: str) -> dict[str, Any]:
    """Return the data that a page holds."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data: dict[str, Any] = json.loads(text)
    return data
