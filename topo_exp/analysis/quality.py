"""How good an orientation map is: its spectrum, pinwheels, homogeneity and biases, as numbers and pictures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis.feature_maps import full_saturation, result_of, separated
from topo_exp.analysis.grids import polar_map, spacing
from topo_exp.analysis.homogeneity import local_homogeneity
from topo_exp.analysis.maps import orientation_map
from topo_exp.analysis.metrics import cardinal_bias, mean_selectivity, orientation_bias
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.pinwheels import (
    Pinwheels,
    find_pinwheels,
    nearest_neighbour_distances,
    pinwheel_density,
    pinwheel_quality,
    winding_numbers,
)
from topo_exp.analysis.responses import Progress, silent
from topo_exp.analysis.result import Result, of_maps
from topo_exp.analysis.spectrum import map_spectrum, ring_shape
from topo_exp.errors import AnalysisError
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from xarray import Dataset

    from topo_exp.engine.simulation import Simulation

LEAST_UNITS = 8
"""A map needs so many units along each side for its spectrum to mean anything."""


def map_quality(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    homogeneity_radius: float = 0.2,
    frequencies: Sequence[float] = (2.4,),
    orientations: int = 4,
    phases: int = 18,
    scale: float = 0.3,
    duration: float = 1.0,
    afferent_only: bool = False,
    method: str = "vector_average",
    settling_only: bool = False,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure the orientation map as `maps.orientation_map` does, and say how good it is (see `quality`).

    Arguments (others as for `maps.orientation_map`):
        homogeneity_radius: width of the neighbourhood of the local homogeneity index, in hypercolumn distances.

    Returns:
        Result; metrics `<Sheet>/<name>` with the names of `quality`; maps of orientation, and `local_homogeneity`
        (y, x), `spectrum_amplitude` and `spectrum_fit` over `wavenumber` (cycles per longer side), `pinwheel_x`,
        `pinwheel_y` and `pinwheel_sign` of each `pinwheel`; figures `<Sheet>/spectrum`, `pinwheels`, `contours`,
        `orientation_polar`, `local_homogeneity` and `orientation_histogram`. Sheets of fewer than 8 units along a side
        are left out.

    Raises:
        UnknownNameError, AnalysisError, ParameterError: as `maps.orientation_map`.
    """
    measured = orientation_map(
        sim,
        sheet,
        frequencies=frequencies,
        orientations=orientations,
        phases=phases,
        scale=scale,
        duration=duration,
        afferent_only=afferent_only,
        method=method,
        settling_only=settling_only,
        inputs=inputs,
        progress=progress,
    ).maps
    return Result() if measured is None else _quality_of(measured, homogeneity_radius, label="")


@of_maps
def orientation_quality(
    maps: "Mapping[str, Dataset]", *, of: str = "orientation_map", homogeneity_radius: float = 0.2, label: str = ""
) -> Result:
    """Say how good an orientation map is that another analysis has measured at the same time (see `quality`).

    Arguments:
        maps: of one time, by name of the analysis.
        of: name of the analysis that has measured `orientation_preference` and `orientation_selectivity`.
        homogeneity_radius: width of the neighbourhood of the local homogeneity index, in hypercolumn distances.
        label: put before the names of metrics and figures, to tell them from those of another map.

    Returns:
        Result as that of `map_quality`; an empty one where there are no such maps.

    Raises:
        AnalysisError: the analysis has made other maps, but not these.
    """
    if of not in maps:
        return Result()
    measured = maps[of]
    if not any(str(name).endswith("orientation_preference") for name in measured.data_vars):
        raise AnalysisError(
            f"orientation_quality: needs a map of orientation from {of!r} (got {list(measured.data_vars)}). "
            "Name another analysis with `of`."
        )
    return _quality_of(measured, homogeneity_radius, label=label)


def _quality_of(measured: "Dataset", radius: float, *, label: str) -> Result:
    parts = {name: maps for name, maps in separated(measured).items() if _is_large(maps)}
    found = {name: _with_structure(maps, radius) for name, maps in parts.items()}
    if not found:
        return Result()

    def metrics(name: str, maps: "Dataset") -> dict[str, float]:
        del name
        numbers = quality(
            maps["orientation_preference"].values,
            maps["orientation_selectivity"].values,
            maps["x"].values,
            maps["y"].values,
        )
        numbers["local_homogeneity_mean"] = float(maps["local_homogeneity"].mean())
        return {f"{label}{number}": value for number, value in numbers.items()}

    def figures(name: str, maps: "Dataset") -> dict[str, Callable[[], Any]]:
        return {f"{label}{figure}": drawing for figure, drawing in _figures(name, maps, label).items()}

    return result_of(found, metrics=metrics, figures=figures)


def quality(preference: FloatArray, selectivity: FloatArray, x: FloatArray, y: FloatArray) -> dict[str, float]:
    """Return the numbers of an orientation map by name; NaN where one is not defined, as for a map without structure.

    Arguments:
        preference, selectivity: (rows, cols), radians and at least 0.
        x, y: (cols,) and (rows,), unit centres in sheet coordinates.

    Returns:
        * `map_selectivity_mean`;
        * `hypercolumn_distance`, in sheet units, from the spectrum of exp(2 i theta), and `hypercolumn_distance_2013`
          from that of the scalar map (`spectrum.map_spectrum`, both forms);
        * `pinwheels`, crossings of zero contours, `pinwheels_positive`, those of positive sign among them, and
          `pinwheels_by_winding` (`pinwheels.find_pinwheels`, `winding_numbers`);
        * `pinwheel_density` per hypercolumn area, counted between unit centres; `pinwheel_quality`, its index; and
          both with `_2013` appended, from the scalar spectrum and the area of the whole sheet, as in that paper;
        * `pinwheel_distance`, `_same` and `_opposite`, mean nearest-neighbour distances in hypercolumn distances;
        * `orientation_bias`, `orientation_bias_deg` and `cardinal_bias`, of all units alike.
    """
    polar = polar_map(preference)
    pinwheels = find_pinwheels(polar, x, y)
    dx, dy = spacing(x, where="quality.x"), spacing(y, where="quality.y")
    rows, cols = np.shape(preference)
    between, whole = (rows - 1) * (cols - 1) * dx * dy, rows * cols * dx * dy
    distance = map_spectrum(preference, x, y, form="polar").hypercolumn_distance
    distance_2013 = map_spectrum(preference, x, y, form="scalar").hypercolumn_distance
    density = pinwheel_density(len(pinwheels), area=between, hypercolumn_distance=distance)
    density_2013 = pinwheel_density(len(pinwheels), area=whole, hypercolumn_distance=distance_2013)
    bias, favoured = orientation_bias(preference)
    return {
        "map_selectivity_mean": mean_selectivity(selectivity),
        "hypercolumn_distance": distance,
        "hypercolumn_distance_2013": distance_2013,
        "pinwheels": float(len(pinwheels)),
        "pinwheels_positive": float((pinwheels.sign > 0).sum()),
        "pinwheels_by_winding": float(np.abs(winding_numbers(polar)).sum()),
        "pinwheel_density": density,
        "pinwheel_quality": pinwheel_quality(density),
        "pinwheel_density_2013": density_2013,
        "pinwheel_quality_2013": pinwheel_quality(density_2013),
        **_distances(pinwheels, distance),
        "orientation_bias": bias,
        "orientation_bias_deg": float(np.degrees(favoured)),
        "cardinal_bias": cardinal_bias(preference),
    }


def _distances(pinwheels: Pinwheels, hypercolumn_distance: float) -> dict[str, float]:
    names = {"any": "pinwheel_distance", "same": "pinwheel_distance_same", "opposite": "pinwheel_distance_opposite"}
    nearest = nearest_neighbour_distances(pinwheels) if len(pinwheels) else dict.fromkeys(names, np.zeros(0))
    finite = {kind: d[np.isfinite(d)] for kind, d in nearest.items()}
    return {
        names[kind]: float(d.mean()) / hypercolumn_distance if d.size else float("nan") for kind, d in finite.items()
    }


def _is_large(maps: "Dataset") -> bool:
    return min(maps.sizes["y"], maps.sizes["x"]) >= LEAST_UNITS


def _with_structure(maps: "Dataset", radius: float) -> "Dataset":
    """Return the maps with local homogeneity, spectrum and pinwheels beside them."""
    preference, x, y = (maps[name].values for name in ("orientation_preference", "x", "y"))
    spectrum = map_spectrum(preference, x, y)
    distance = spectrum.hypercolumn_distance
    sigma = radius * distance if np.isfinite(distance) else radius * (x[-1] - x[0])
    index = local_homogeneity(preference, x, y, sigma=sigma)
    described = {"long_name": "local homogeneity index", "units": "1", "sigma": float(sigma)}
    pinwheels = find_pinwheels(polar_map(preference), x, y)
    place = {"units": "sheet coordinates"}
    return maps.assign(
        local_homogeneity=(("y", "x"), index, described),
        spectrum_amplitude=("wavenumber", spectrum.amplitude),
        spectrum_fit=("wavenumber", ring_shape(spectrum.k, *spectrum.coefficients)),
        pinwheel_x=("pinwheel", pinwheels.x, place),
        pinwheel_y=("pinwheel", pinwheels.y, place),
        pinwheel_sign=("pinwheel", pinwheels.sign.astype(float)),
    ).assign_coords(
        wavenumber=("wavenumber", spectrum.k, {"units": "cycles per map"}),
        pinwheel=("pinwheel", np.arange(len(pinwheels))),
    )


def _figures(sheet: str, maps: "Dataset", label: str) -> dict[str, Callable[[], Any]]:
    preference, selectivity = maps["orientation_preference"].values, maps["orientation_selectivity"].values
    x, y = maps["x"].values, maps["y"].values
    spectrum = map_spectrum(preference, x, y)
    scale = {"hypercolumn_distance": spectrum.hypercolumn_distance}
    time = maps.attrs.get("simulation_time")
    when = "" if time is None else f", t = {time:g}"

    def title(what: str) -> str:
        return f"{sheet}: {label.replace('_', ' ')}{what}{when}"

    grid = (preference, selectivity, x, y)
    return {
        "spectrum": picture("spectrum", spectrum, title=title("spectrum of the orientation map")),
        "pinwheels": picture("orientation", preference, None, x, y, title=title("pinwheels"), pinwheels=True, **scale),
        "contours": picture("orientation_contours", *grid, title=title("zero contours"), **scale),
        "orientation_polar": picture(
            "orientation_polar",
            *grid,
            title=title("orientation and selectivity"),
            full_saturation=full_saturation(selectivity, maps.attrs),
            **scale,
        ),
        "local_homogeneity": picture(
            "feature_map", maps["local_homogeneity"].values, x, y, title=title("local homogeneity"), limits=(0.0, 1.0)
        ),
        "orientation_histogram": picture(
            "histogram",
            preference,
            title=title("orientation preferences"),
            xlabel="preferred orientation (degrees)",
            cyclic_range=np.pi,
        ),
    }
