"""What all feature maps have in common: from responses to preferences, and from those to a Result.

`topo_exp.analysis.maps` says which maps there are, and what their arguments mean.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis.features import Feature, Stimulus
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.preference import method_named, vector_average
from topo_exp.analysis.responses import (
    Progress,
    collect,
    plain_attributes,
    silent,
)
from topo_exp.analysis.result import Result
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

    from topo_exp.engine.simulation import Simulation


def feature_map(
    sim: "Simulation",
    features: Sequence[Feature],
    stimulus: Stimulus,
    *,
    sheet: str | Iterable[str] | None = None,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
    reported: Sequence[str] | None = None,
    label: str = "",
) -> Result:
    """Measure preferences for any features of any stimulus: what all measurements of this module are made of.

    Arguments (others in the module's text):
        features: each with at least two values gets a preference and a selectivity.
        stimulus: the pattern that they modify.
        reported: names of the features that get metrics and figures; None stands for all. Maps there are of all.
        label: put before the names of metrics and figures, to tell them from those of another measurement.
    """
    method_named(method)  # refuse a wrong name before the presentations, not after them
    responses = collect(
        sim,
        features,
        stimulus,
        sheets=sheet,
        inputs=inputs,
        duration=duration,
        afferent_only=afferent_only,
        progress=progress,
    )
    found = {
        name: preferences(answers, method=method, selectivity_multiplier=selectivity_multiplier)
        for name, answers in responses.items()
    }
    told = [f.name for f in features if len(f.values) > 1 and (reported is None or f.name in reported)]
    return result_of(
        found,
        metrics=partial(_metrics, reported=told, label=label),
        figures=partial(_figures, reported=told, label=label, time=float(sim.time)),
    )


def preferences(
    responses: "DataArray", *, method: str = "vector_average", selectivity_multiplier: float = 1.0
) -> "Dataset":
    """Return preference and selectivity for each feature of measured responses, a pure function of them.

    For each feature with at least two values, the maximum over all other features is taken, and `method` applied to
    what remains.

    Arguments:
        responses: as made by `responses.collect`: features first, then y and x; a cyclic feature's coordinate has the
            attribute `period`.
        method: a name of `preference.METHODS`.
        selectivity_multiplier: factor of the selectivities.

    Returns:
        Dataset on (y, x) with `<feature>_preference`, `<feature>_selectivity` and `response_maximum`.
    """
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    names = [str(dim) for dim in responses.dims[:-2]]
    values = np.asarray(responses.values, dtype=float)
    attributes = {**responses.attrs, "method": method, "selectivity_multiplier": float(selectivity_multiplier)}
    attributes |= {f"{name}_values": responses[name].values.tolist() for name in names}
    units_of_response = {"long_name": "largest response", "units": "activity"}
    maps: dict[str, Any] = {}
    for axis, name in enumerate(names):
        coordinate = responses[name]
        if coordinate.size < 2:
            continue
        period = coordinate.attrs.get("period")
        best = values.max(axis=tuple(other for other in range(len(names)) if other != axis))
        cyclic_only = method.startswith("von_mises")
        find = vector_average if period is None and cyclic_only else method_named(method)
        preference, selectivity = find(best, coordinate.values, period=period)
        label = name.replace("_", " ")
        described = {"long_name": f"preferred {label}", "units": coordinate.attrs.get("units", ""), "period": period}
        maps[f"{name}_preference"] = (("y", "x"), preference, plain_attributes(described))
        maps[f"{name}_selectivity"] = (
            ("y", "x"),
            selectivity * selectivity_multiplier,
            {"long_name": f"selectivity for {label}", "units": "1"},
        )
    maps["response_maximum"] = (("y", "x"), values.max(axis=tuple(range(len(names)))), units_of_response)
    coordinates = {dim: responses.coords[dim] for dim in ("y", "x")}
    return Dataset(maps, coords=coordinates, attrs=attributes)


def result_of(
    found: "Mapping[str, Dataset]",
    *,
    metrics: "Callable[[str, Dataset], Mapping[str, float]]",
    figures: "Callable[[str, Dataset], Mapping[str, Callable[[], Any]]]",
) -> Result:
    """Return the Result for measured sheets: numbers and pictures under `<Sheet>/`, and one Dataset.

    Arguments:
        found: a Dataset on (y, x) for each sheet.
        metrics, figures: from the name of a sheet and its Dataset to names (without the sheet) and values.
    """
    return Result(
        metrics={f"{s}/{name}": value for s, maps in found.items() for name, value in metrics(s, maps).items()},
        maps=merged(found),
        figures={f"{s}/{name}": draw for s, maps in found.items() for name, draw in figures(s, maps).items()},
    )


def merged(found: "Mapping[str, Dataset]") -> "Dataset":
    """Return one Dataset: that of the only sheet as it is, several with `<Sheet>_` before their names and y, x dims."""
    from xarray import merge  # here, because xarray takes longer to load than the whole package

    if len(found) == 1:
        return next(iter(found.values()))
    parts = []
    for sheet, maps in found.items():
        names = {name: f"{sheet}_{name}" for name in (*maps.data_vars, *(d for d in maps.dims if d in ("y", "x")))}
        parts.append(maps.rename(names))
    return merge(parts, combine_attrs="drop_conflicts", compat="no_conflicts", join="outer")


def separated(maps: "Dataset") -> "dict[str, Dataset]":
    """Return the Datasets on (y, x) that `merged` has made one of, by sheet."""
    if "y" in maps.dims:
        return {str(maps.attrs.get("sheet", "sheet")): maps}
    sheets = [str(dim).removesuffix("_y") for dim in maps.dims if str(dim).endswith("_y")]
    parts = {}
    for sheet in sheets:
        own = maps[[name for name in maps.data_vars if f"{sheet}_y" in maps[name].dims]]
        names = [str(name) for name in (*own.data_vars, f"{sheet}_y", f"{sheet}_x")]
        parts[sheet] = own.rename({name: name.removeprefix(f"{sheet}_") for name in names}).assign_attrs(sheet=sheet)
    return parts


def _metrics(sheet: str, maps: "Dataset", *, reported: Sequence[str], label: str) -> dict[str, float]:
    del sheet
    numbers = {f"{label}{name}_selectivity_mean": float(maps[f"{name}_selectivity"].mean()) for name in reported}
    if reported:
        numbers[f"{label}{reported[0]}_responding_fraction"] = float((maps["response_maximum"] > 0).mean())
    return numbers


def _figures(
    sheet: str, maps: "Dataset", *, reported: Sequence[str], label: str, time: float
) -> dict[str, Callable[[], Any]]:
    responding = maps["response_maximum"].values > 0
    grid = (maps["x"].values, maps["y"].values)
    drawn: dict[str, Callable[[], Any]] = {}
    for name in reported:
        values = maps[f"{name}_preference"]
        preference = np.where(responding, values.values, np.nan)
        title = f"{sheet}: {label.replace('_', ' ')}{name.replace('_', ' ')}{{}}, t = {time:g}"
        if name == "orientation":
            selectivity = maps["orientation_selectivity"].values
            full = full_saturation(selectivity, maps.attrs)
            drawn |= {
                "orientation_preference": picture(
                    "orientation", preference, None, *grid, title=title.format(" preference")
                ),
                "orientation": picture(
                    "orientation", preference, selectivity, *grid, title=title.format(""), full_saturation=full
                ),
                "orientation_selectivity": picture(
                    "selectivity", selectivity, *grid, title=title.format(" selectivity"), limit=2 * full
                ),
            }
            continue
        period = values.attrs.get("period")
        drawn[f"{name}_preference"] = picture(
            "feature_map",
            preference,
            *grid,
            title=title.format(" preference"),
            units=values.attrs["units"],
            cyclic_range=period,
        )
    return {f"{label}{name}": drawing for name, drawing in drawn.items()}


def full_saturation(selectivity: FloatArray, attributes: Mapping[str, Any]) -> float:
    """Return the selectivity shown in full colour: 1/2, or half the largest of a measurement before settling.

    Afferent responses stand on what any grating excites, so that their selectivity is small however tuned they are.

    Arguments:
        selectivity: of all units to be shown.
        attributes: of the Dataset that it is from.
    """
    if attributes.get("afferent_only", False):
        return 0.5 * (float(np.max(selectivity)) or 1.0)
    return 0.5 * float(attributes.get("selectivity_multiplier", 1.0))
