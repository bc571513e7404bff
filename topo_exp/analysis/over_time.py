"""The development of an orientation map: its maps at several times compared."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis.feature_maps import counted, full_saturation
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.presentation import Units
from topo_exp.analysis.result import Result, over_time
from topo_exp.analysis.stability import change, stability
from topo_exp.errors import AnalysisError

if TYPE_CHECKING:
    from xarray import DataArray, Dataset


@over_time
def development(
    maps: "Mapping[str, Dataset]",
    *,
    of: str = "orientation_map",
    feature: str = "orientation",
    label: str = "",
    units: Units | None = None,
) -> dict[float, Result]:
    """Compare the maps of one run at all its times.

    Args:
        maps: Maps over time by name of the analysis, as `RunHandle.maps` gives them.
        of: Name of the analysis whose maps are compared: `<feature>_preference` (time, y, x), of one or, with
            `<Sheet>_` before the names, several sheets.
        feature: The cyclic feature.
        label: Put before the names of metrics and figures, so that those of two comparisons differ.
        units: "responding" compares the units that responded at both times; "all" counts silent ones with preference
            0, as Stevens et al. (2013) did, for whom a silent sheet is wholly stable; None takes the option of the
            measurement.

    Returns:
        For each time a Result with metrics `<Sheet>/similarity_to_final` and `<Sheet>/similarity_to_previous` (NaN for
        the first): the similarity indices SI = 1 - 4 <d> of `topo_exp.analysis.stability`, NaN where no unit counts at
        both times. That of the last time also holds the figures `<Sheet>/stability`, the indices over time, and, of
        orientation, `<Sheet>/development`, the maps in one strip. Empty where there are no such maps, or only those of
        a single time.

    Raises:
        AnalysisError: The analysis has made other maps, but not these.
    """
    if of not in maps or maps[of].sizes.get("time", 0) < 2:
        return {}
    dataset = maps[of]
    suffix = f"{feature}_preference"
    found = [str(key) for key in dataset.data_vars if str(key).endswith(suffix) and "time" in dataset[key].dims]
    if not found:
        raise AnalysisError(
            f"development: needs maps {suffix!r} over time from {of!r} (got {list(dataset.data_vars)}). "
            "Name another analysis with `of`, or another `feature`."
        )
    times = [float(time) for time in dataset["time"].values]
    results = {time: Result() for time in times}
    for key in found:
        sheet = key.removesuffix(suffix).rstrip("_") or str(dataset.attrs.get("sheet", "sheet"))
        preferences = _preferences(dataset, key, suffix, units)
        period = float(preferences.attrs.get("period", np.pi))
        to_final = stability(list(preferences.values), period=period)
        to_previous = change(list(preferences.values), period=period)
        for i, time in enumerate(times):
            metrics = {
                f"{sheet}/{label}similarity_to_final": float(to_final[i]),
                f"{sheet}/{label}similarity_to_previous": float(to_previous[i]),
            }
            results[time] = Result({**results[time].metrics, **metrics})
        last = results[times[-1]]
        title = f"{sheet} {label}".replace("_", " ").strip()
        figures = {
            f"{sheet}/{label}stability": picture(
                "metric_curve",
                times,
                {"to the final map": to_final, "to the map before": to_previous},
                title=f"{title}: stability of the {feature} map",
                ylabel="similarity index",
                limits=(-1.0, 1.05),
            )
        }
        if math.isclose(period, math.pi):
            figures[f"{sheet}/{label}development"] = _strip(dataset, preferences, f"{title}: development of the map")
        results[times[-1]] = Result(last.metrics, None, {**last.figures, **figures})
    return results


def _preferences(dataset: "Dataset", key: str, suffix: str, units: Units | None) -> "DataArray":
    """Return the preferences (time, y, x), those of silent units NaN or 0 as `units` wants them."""
    preferences = dataset[key].transpose("time", ...)
    name = f"{key.removesuffix(suffix)}response_maximum"
    maximum = dataset[name].transpose(*preferences.dims).values if name in dataset else None
    measured_as = str(dataset.attrs.get("units_counted", "responding"))
    return preferences.copy(data=counted(preferences.values, maximum, measured_as, units))


def _strip(dataset: "Dataset", preferences: "DataArray", title: str) -> Any:
    selectivity = str(preferences.name).replace("_preference", "_selectivity")
    shown = dataset[selectivity].transpose("time", ...) if selectivity in dataset else None
    y, x = (dataset[dim].values for dim in preferences.dims[1:])
    return picture(
        "development",
        list(preferences.values),
        None if shown is None else list(shown.values),
        x,
        y,
        times=[float(time) for time in dataset["time"].values],
        title=title,
        full_saturation=0.5 if shown is None else full_saturation(shown.values, dataset.attrs),
    )
