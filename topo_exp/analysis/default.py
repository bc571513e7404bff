"""The default analysis of any model, beside maps and fields: activity, and the response to one standard pattern.

The whole default analysis is named part by part in conf/analysis/default.yaml. Its parts are analyses like any other,
and one that does not apply to a model returns an empty Result:

* `activity`: of all sheets, as it is.
* `fields.connection_fields`: of every projection into the measured sheets.
* `standard_gaussian`: the response of all sheets to one standard pattern.
* `maps.orientation_map` with `settling_only`: in those measured sheets that settle.
* `maps.ocular_dominance_map` and `maps.direction_map` with `where_applicable`: in the same sheets of models with two
  eyes, and of models with an input sheet for each step of time.
* `retinotopy.retinotopic_map`: in those measured sheets that have afferent weights of their own.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from topo_exp.analysis.feature_maps import merged
from topo_exp.analysis.metrics import mean_activity, sparseness
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.responses import measurable_sheets, plain_attributes, present, sheet_coordinates
from topo_exp.analysis.result import Result
from topo_exp.engine.patterns import Gaussian
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

Sheets: TypeAlias = Literal["none", "measured", "all"]
"""The sheets whose mean, maximum and sparseness become metrics: none, those with `measure_maps`, or all."""


def activity(sim: "Simulation", *, numbers: Sheets = "none") -> Result:
    """Record and draw the activity of all sheets as it is.

    Args:
        sim: The simulation.
        numbers: Sheets whose activity gives metrics. By default none does: each number is that of the one random input
            that happens to be shown, which varies more between inputs than between runs.

    Returns:
        Result; maps `<Sheet>_activity`; metrics `<Sheet>/threshold_mean` where thresholds adapt, and, of the sheets
        in `numbers`, `<Sheet>/activity_mean`, `activity_max` and `activity_sparseness` (Treves-Rolls,
        `metrics.sparseness`; NaN for a silent sheet); the figure `activity`.

    Raises:
        ParameterError: `numbers` is not "none", "measured" or "all".
    """
    chosen = _chosen(sim, numbers, where="activity")
    values = {name: sheet.activity for name, sheet in sim.sheets.items()}
    found = _of_all_sheets(sim, values, "activity", "Activity")
    thresholds = {name: sheet.threshold for name, sheet in sim.sheets.items()}
    means = {f"{name}/threshold_mean": float(np.mean(t)) for name, t in thresholds.items() if t is not None and t.size}
    statistics = _statistics({name: values[name] for name in chosen}, "activity")
    return Result({**means, **statistics}, found.maps, found.figures)


def standard_gaussian(
    sim: "Simulation",
    *,
    orientation: float = math.pi / 4,
    aspect_ratio: float = 4.7,
    size: float = 0.155,
    scale: float = 1.0,
    duration: float = 1.0,
    numbers: Sheets = "measured",
) -> Result:
    """Record and draw the response of all sheets to a standard pattern: an elongated Gaussian at 45 degrees.

    The defaults are those of Topographica's default analysis. The pattern is shown in the middle of all input sheets,
    from zero activity, on the frozen simulation, which is restored.

    Args:
        sim: The simulation.
        orientation: Of the Gaussian, in radians.
        aspect_ratio: Of the Gaussian, length over width.
        size: Of the Gaussian, twice its width.
        scale: Largest value of the Gaussian.
        duration: Of the presentation, in iterations.
        numbers: Sheets whose response gives metrics. By default those that are measured: the input sheets show the same
            pattern in every run.

    Returns:
        Result; maps `<Sheet>_response`; metrics `<Sheet>/standard_gaussian_response_mean`, `_max` and `_sparseness`;
        the figure `standard_gaussian`.

    Raises:
        ParameterError: `numbers` is not "none", "measured" or "all".
    """
    chosen = _chosen(sim, numbers, where="standard_gaussian")
    pattern = Gaussian(orientation=orientation, aspect_ratio=aspect_ratio, size=size, scale=scale)
    shown = {name: [pattern] for name, sheet in sim.sheets.items() if sheet.is_generator}
    if not shown:
        return Result()
    responses = {name: found[0] for name, found in present(sim, shown, sheets=sim.sheets, duration=duration).items()}
    title = f"Response to a Gaussian at {math.degrees(orientation):g}°"
    found = _of_all_sheets(sim, responses, "response", title)
    statistics = _statistics({name: responses[name] for name in chosen}, "standard_gaussian_response")
    return Result(statistics, found.maps, {"standard_gaussian": found.figures["response"]})


def _chosen(sim: "Simulation", numbers: Sheets, *, where: str) -> list[str]:
    if numbers not in get_args(Sheets):
        raise ParameterError(f"{where}.numbers: must be 'none', 'measured' or 'all' (got {numbers!r}). Choose one.")
    return {"none": [], "measured": measurable_sheets(sim), "all": list(sim.sheets)}[numbers]


def _statistics(values: Mapping[str, FloatArray], quantity: str) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for name, array in values.items():
        metrics |= {
            f"{name}/{quantity}_mean": mean_activity(array),
            f"{name}/{quantity}_max": float(np.max(array)),
            f"{name}/{quantity}_sparseness": sparseness(array),
        }
    return metrics


def _of_all_sheets(sim: "Simulation", found: Mapping[str, FloatArray], quantity: str, title: str) -> Result:
    """Return maps and the figure of one quantity in all sheets."""
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    attributes = plain_attributes({"simulation_time": float(sim.time)})
    parts = {
        name: Dataset(
            {quantity: (("y", "x"), np.asarray(values), {"long_name": quantity, "units": "activity"})},
            coords=sheet_coordinates(sim[name]),
            attrs=attributes,
        )
        for name, values in found.items()
    }
    shown = {name: (np.asarray(values), sim[name].bounds.lbrt()) for name, values in found.items()}
    figure = picture("activity", shown, title=f"{title}, t = {sim.time:g}")
    return Result({}, merged(parts), {quantity: figure})
