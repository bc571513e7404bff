"""The steps that all feature maps share: responses to preferences, and preferences to a Result.

`topo_exp.analysis.maps` has the maps, and the meaning of their options.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis.features import Feature, Stimulus
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.preference import method_named, responding, vector_average
from topo_exp.analysis.presentation import PREFERRING, Presentation, Units, check_units, measurement
from topo_exp.analysis.responses import plain_attributes
from topo_exp.analysis.result import Result
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

    from topo_exp.engine.simulation import Simulation


@measurement(*(option for option in PREFERRING if option != "scale"))
def feature_map(
    sim: "Simulation",
    shown: Presentation,
    features: Sequence[Feature],
    stimulus: Stimulus,
    *,
    reported: Sequence[str] | None = None,
    label: str = "",
) -> Result:
    """Measure preferences for any features of any stimulus.

    Args:
        sim: The simulation; it is left as it was.
        shown: Presentation; its fields are keyword arguments, see `topo_exp.analysis.maps`. `scale` is a parameter of
            the stimulus.
        features: Each with at least two values gets a preference and a selectivity.
        stimulus: The pattern that they modify.
        reported: Names of the features that get metrics and figures; None stands for all. Maps are made of all.
        label: Put before the names of metrics and figures, so that two measurements of one run have different names;
            an attribute of the maps.

    Returns:
        Result; maps, metrics and figures as for all maps of `topo_exp.analysis.maps`.
    """
    found = {
        name: preferences(
            responses,
            method=shown.method,
            selectivity_multiplier=shown.selectivity_multiplier,
            units=shown.units,
        ).assign_attrs({"label": label} if label else {})
        for name, responses in shown.responses(sim, features, stimulus).items()
    }
    names = [f.name for f in features if len(f.values) > 1 and (reported is None or f.name in reported)]
    return result_of(
        found,
        metrics=partial(_metrics, reported=names, label=label),
        figures=partial(_figures, reported=names, label=label, time=float(sim.time)),
    )


def preferences(
    responses: "DataArray",
    *,
    method: str = "vector_average",
    selectivity_multiplier: float = 1.0,
    units: Units = "responding",
) -> "Dataset":
    """Return preference and selectivity for each feature of measured responses, a pure function of them.

    For each feature with at least two values, the maximum over all other features is taken, and `method` applied to
    the result. A unit without a response above 0, or with one that is NaN, has neither.

    Args:
        responses: As returned by `responses.collect`: features first, then y and x; a cyclic feature's coordinate has
            the attribute `period`.
        method: A name of `preference.METHODS`; a linear feature takes `vector_average` where it names a von Mises fit.
        selectivity_multiplier: Factor of the selectivities.
        units: "responding" marks units without a preference by NaN; "all" gives silent ones preference 0 and
            selectivity 0, as the reference simulator did.

    Returns:
        Dataset on (y, x) with `<feature>_preference`, `<feature>_selectivity` and `response_maximum`.

    Raises:
        UnknownNameError: There is no such method.
        ParameterError: `units` is neither "responding" nor "all".
    """
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    check_units(units, where="preferences.units")
    names = [str(dim) for dim in responses.dims[:-2]]
    values = np.asarray(responses.values, dtype=float)
    largest = values.max(axis=tuple(range(len(names))))
    silent_value = 0.0 if units == "all" else np.nan
    attributes = {**responses.attrs, "method": method, "selectivity_multiplier": float(selectivity_multiplier)}
    attributes |= {f"{name}_values": responses[name].values.tolist() for name in names} | {"units_counted": units}
    maps: dict[str, Any] = {}
    for axis, name in enumerate(names):
        coordinate = responses[name]
        if coordinate.size < 2:
            continue
        period = coordinate.attrs.get("period")
        best = values.max(axis=tuple(other for other in range(len(names)) if other != axis))
        find = vector_average if period is None and method.startswith("von_mises") else method_named(method)
        found = find(best, coordinate.values, period=period)
        preference, selectivity = (np.where(largest <= 0, silent_value, found_values) for found_values in found)
        label = name.replace("_", " ")
        described = {"long_name": f"preferred {label}", "units": coordinate.attrs.get("units", ""), "period": period}
        maps[f"{name}_preference"] = (("y", "x"), preference, plain_attributes(described))
        maps[f"{name}_selectivity"] = (
            ("y", "x"),
            selectivity * selectivity_multiplier,
            {"long_name": f"selectivity for {label}", "units": "1"},
        )
    maps["response_maximum"] = (("y", "x"), largest, {"long_name": "largest response", "units": "activity"})
    coordinates = {dim: responses.coords[dim] for dim in ("y", "x")}
    return Dataset(maps, coords=coordinates, attrs=attributes)


def counted(
    preference: FloatArray, response_maximum: FloatArray | None, measured_as: str, units: Units | None
) -> FloatArray:
    """Return preferences with those units NaN, or 0, that `units` leaves out, or counts.

    Args:
        preference: Any shape; of a map measured now, or read from the record of a run.
        response_maximum: The largest response of each unit; None where it was not recorded.
        measured_as: The attribute `units_counted` of the map.
        units: "responding", "all", or None for `measured_as`.

    Raises:
        ParameterError: `units` is neither "responding" nor "all".
    """
    units = units or ("all" if measured_as == "all" else "responding")
    check_units(units, where="units")
    silent = np.zeros(np.shape(preference), bool) if response_maximum is None else np.asarray(response_maximum) <= 0
    return np.where(silent, 0.0 if units == "all" else np.nan, preference)


def result_of(
    found: "Mapping[str, Dataset]",
    *,
    metrics: "Callable[[str, Dataset], Mapping[str, float]]",
    figures: "Callable[[str, Dataset], Mapping[str, Callable[[], Any]]]",
) -> Result:
    """Return the Result of measured sheets: metrics and figures under `<Sheet>/`, and one Dataset.

    Args:
        found: A Dataset on (y, x) for each sheet.
        metrics: From the name of a sheet and its Dataset to numbers by name, without the sheet.
        figures: From the same to figures by name, without the sheet.
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
    """Return the Datasets on (y, x), by sheet, that `merged` has combined."""
    if "y" in maps.dims:
        return {str(maps.attrs.get("sheet", "sheet")): maps}
    sheets = [str(dim).removesuffix("_y") for dim in maps.dims if str(dim).endswith("_y")]
    parts = {}
    for sheet in sheets:
        own = maps[[name for name in maps.data_vars if f"{sheet}_y" in maps[name].dims]]
        names = [str(name) for name in (*own.data_vars, f"{sheet}_y", f"{sheet}_x")]
        parts[sheet] = own.rename({name: name.removeprefix(f"{sheet}_") for name in names}).assign_attrs(sheet=sheet)
    return parts


def full_saturation(selectivity: FloatArray, attributes: Mapping[str, Any]) -> float:
    """Return the selectivity shown in full colour: 1/2, or half the largest of a measurement before settling.

    Every grating excites the afferents of a unit, so that afferent selectivity is small even where tuning is sharp.

    Args:
        selectivity: Of all units shown.
        attributes: Of the Dataset that it comes from.
    """
    if attributes.get("afferent_only", False):
        finite = selectivity[np.isfinite(selectivity)]
        return 0.5 * (float(finite.max(initial=0.0)) or 1.0)
    return 0.5 * float(attributes.get("selectivity_multiplier", 1.0))


def _metrics(sheet: str, maps: "Dataset", *, reported: Sequence[str], label: str) -> dict[str, float]:
    del sheet
    numbers = {f"{label}{name}_selectivity_mean": float(maps[f"{name}_selectivity"].mean()) for name in reported}
    if reported:
        respond = responding(maps["response_maximum"].values[None])
        numbers[f"{label}{reported[0]}_responding_fraction"] = float(respond.mean())
    return numbers


def _figures(
    sheet: str, maps: "Dataset", *, reported: Sequence[str], label: str, time: float
) -> dict[str, Callable[[], Any]]:
    grid = (maps["x"].values, maps["y"].values)
    drawn: dict[str, Callable[[], Any]] = {}
    for name in reported:
        preference = maps[f"{name}_preference"]
        title = f"{sheet}: {label.replace('_', ' ')}{name.replace('_', ' ')}{{}}, t = {time:g}"
        if name == "orientation":
            drawn |= _orientation_figures(preference.values, maps["orientation_selectivity"].values, grid, maps, title)
            continue
        drawn[f"{name}_preference"] = picture(
            "feature_map",
            preference.values,
            *grid,
            title=title.format(" preference"),
            label=f"preferred {name.replace('_', ' ')}",
            units=preference.attrs["units"],
            cyclic_range=preference.attrs.get("period"),
            limits=_tested(maps, name),
        )
    return {f"{label}{name}": drawing for name, drawing in drawn.items()}


def _tested(maps: "Dataset", feature: str) -> tuple[float, float] | None:
    """Return the smallest and the largest value of a feature that was presented, None where it is not recorded."""
    values = maps.attrs.get(f"{feature}_values")
    return None if values is None else (float(np.min(values)), float(np.max(values)))


def _orientation_figures(
    preference: FloatArray, selectivity: FloatArray, grid: tuple[FloatArray, FloatArray], maps: "Dataset", title: str
) -> dict[str, Callable[[], Any]]:
    full = full_saturation(selectivity, maps.attrs)
    of = partial(picture, "orientation", preference)
    return {
        "orientation_preference": of(None, *grid, title=title.format(" preference")),
        "orientation": of(selectivity, *grid, title=title.format(""), full_saturation=full),
        "orientation_selectivity": picture(
            "selectivity", selectivity, *grid, title=title.format(" selectivity"), limit=2 * full
        ),
    }
