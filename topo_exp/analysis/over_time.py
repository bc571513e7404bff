"""How an orientation map developed: what its maps at several times say together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis.pictures import picture
from topo_exp.analysis.result import Result
from topo_exp.analysis.stability import change, stability
from topo_exp.errors import AnalysisError

if TYPE_CHECKING:
    from xarray import Dataset


def development(maps: "Dataset", *, name: str = "orientation") -> dict[float, Result]:
    """Compare the maps of one run at all its times.

    Arguments:
        maps: maps over time as `RunHandle.maps["orientation_map"]` gives them: `<name>_preference` (time, y, x), of one
            or, with `<Sheet>_` before the names, several sheets.
        name: of the cyclic feature.

    Returns:
        For each time a Result with metrics `<Sheet>/similarity_to_final` and `<Sheet>/similarity_to_previous` (NaN for
        the first): the similarity indices SI = 1 - 4 <d> of `topo_exp.analysis.stability`. That of the last time also
        holds the figures `<Sheet>/development`, the maps in one strip, and `<Sheet>/stability`, the indices over time.

    Raises:
        AnalysisError: there is no such preference over time.
    """
    suffix = f"{name}_preference"
    found = [str(key) for key in maps.data_vars if str(key).endswith(suffix) and "time" in maps[key].dims]
    if not found:
        raise AnalysisError(
            f"development: needs maps of {suffix!r} over time (got {list(maps.data_vars)}). Measure them at each time."
        )
    times = [float(time) for time in maps["time"].values]
    results = {time: Result() for time in times}
    for key in found:
        sheet = key.removesuffix(suffix).rstrip("_") or str(maps.attrs.get("sheet", "sheet"))
        preferences = maps[key].transpose("time", ...)
        period = float(preferences.attrs.get("period", np.pi))
        to_final = stability(list(preferences.values), period=period)
        to_previous = change(list(preferences.values), period=period)
        for i, time in enumerate(times):
            metrics = {
                f"{sheet}/similarity_to_final": float(to_final[i]),
                f"{sheet}/similarity_to_previous": float(to_previous[i]),
            }
            figures = _figures(maps, key, sheet, times, to_final, to_previous) if i == len(times) - 1 else {}
            known = results[time]
            results[time] = Result({**known.metrics, **metrics}, None, {**known.figures, **figures})
    return results


def _figures(
    maps: "Dataset", key: str, sheet: str, times: Sequence[float], to_final: np.ndarray, to_previous: np.ndarray
) -> dict[str, Any]:
    preferences = maps[key].transpose("time", ...)
    selectivity = key.replace("_preference", "_selectivity")
    y, x = (maps[dim].values for dim in preferences.dims[1:])
    return {
        f"{sheet}/development": picture(
            "development",
            list(preferences.values),
            list(maps[selectivity].transpose("time", ...).values) if selectivity in maps else None,
            x,
            y,
            times=times,
            title=f"{sheet}: development of the map",
            full_saturation=0.5 * float(maps.attrs.get("selectivity_multiplier", 1.0)),
        ),
        f"{sheet}/stability": picture(
            "metric_curve",
            times,
            {"to the final map": to_final, "to the map before": to_previous},
            title=f"{sheet}: similarity of maps",
            ylabel="similarity index",
            limits=(-1.0, 1.05),
        ),
    }
