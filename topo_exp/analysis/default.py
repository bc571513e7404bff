"""What is looked at in any model at each analysis time, beside maps and fields: activity, and one standard response.

The whole default analysis is named part by part in conf/analysis/default.yaml. Its parts are analyses like any other,
and one that does not apply to a model returns an empty Result:

* `activity`: of all sheets, as it is.
* `fields.connection_fields`: of every projection into the measured sheets.
* `standard_gaussian`: the response of all sheets to one standard pattern.
* `maps.orientation_map` with `settling_only`: in those measured sheets that settle.
* `retinotopy.retinotopic_map`: in those measured sheets that have afferent weights of their own.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.analysis.feature_maps import merged
from topo_exp.analysis.metrics import mean_activity, sparseness
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.responses import plain_attributes, present, sheet_coordinates
from topo_exp.analysis.result import Result
from topo_exp.engine.patterns import Gaussian
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


def activity(sim: "Simulation") -> Result:
    """Show the activity of all sheets as it is, and say how much of it there is.

    Returns:
        Result; maps `<Sheet>_activity`; metrics `<Sheet>/activity_mean`, `activity_max` and `activity_sparseness`
        (Treves-Rolls, `metrics.sparseness`; NaN for a silent sheet), and `<Sheet>/threshold_mean` where thresholds
        adapt; the figure `activity`.
    """
    found = _of_all_sheets(sim, {name: sheet.activity for name, sheet in sim.sheets.items()}, "activity", "Activity")
    thresholds = {name: sheet.threshold for name, sheet in sim.sheets.items()}
    means = {f"{name}/threshold_mean": float(np.mean(t)) for name, t in thresholds.items() if t is not None and t.size}
    return Result({**found.metrics, **means}, found.maps, found.figures)


def standard_gaussian(
    sim: "Simulation",
    *,
    orientation: float = math.pi / 4,
    aspect_ratio: float = 4.7,
    size: float = 0.155,
    scale: float = 1.0,
    duration: float = 1.0,
) -> Result:
    """Show the response of all sheets to a standard pattern: an elongated Gaussian at 45 degrees in the middle.

    The defaults are those of Topographica's default analysis; it is shown on all input sheets, from zero activity, on
    the frozen simulation, so that looking does not change the run.

    Args:
        orientation, aspect_ratio, size, scale: Of the Gaussian; in radians, length over width, twice the width,
            largest value.
        duration: Of the presentation, in iterations.

    Returns:
        Result; maps `<Sheet>_response`; metrics `<Sheet>/standard_gaussian_response_mean`, `_max` and `_sparseness`;
        the figure `standard_gaussian`.
    """
    pattern = Gaussian(orientation=orientation, aspect_ratio=aspect_ratio, size=size, scale=scale)
    shown = {name: [pattern] for name, sheet in sim.sheets.items() if sheet.is_generator}
    if not shown:
        return Result()
    answers = present(sim, shown, sheets=sim.sheets, duration=duration)
    degrees = math.degrees(orientation)
    found = _of_all_sheets(
        sim,
        {name: answer[0] for name, answer in answers.items()},
        "response",
        f"Response to a Gaussian at {degrees:g}°",
    )
    renamed = {name.replace("/", "/standard_gaussian_"): value for name, value in found.metrics.items()}
    return Result(renamed, found.maps, {"standard_gaussian": found.figures["response"]})


def _of_all_sheets(sim: "Simulation", found: "dict[str, FloatArray]", what: str, title: str) -> Result:
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    attributes = plain_attributes({"simulation_time": float(sim.time)})
    parts = {
        name: Dataset(
            {what: (("y", "x"), np.asarray(values), {"long_name": what, "units": "activity"})},
            coords=sheet_coordinates(sim[name]),
            attrs=attributes,
        )
        for name, values in found.items()
    }
    metrics: dict[str, float] = {}
    for name, values in found.items():
        metrics |= {
            f"{name}/{what}_mean": mean_activity(values),
            f"{name}/{what}_max": float(np.max(values)),
            f"{name}/{what}_sparseness": sparseness(values),
        }
    shown = {name: (np.asarray(values), sim[name].bounds.lbrt()) for name, values in found.items()}
    figure = picture("activity", shown, title=f"{title}, t = {sim.time:g}")
    return Result(metrics, merged(parts), {what: figure})
