"""The quality of an orientation map: its spectrum, pinwheels, homogeneity and biases, as numbers and pictures."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis.feature_maps import counted, full_saturation, result_of, separated
from topo_exp.analysis.grids import cells_with_values, polar_map, spacing
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
from topo_exp.analysis.presentation import PREFERRING, Presentation, Units, check_units, measurement
from topo_exp.analysis.result import Result, of_maps
from topo_exp.analysis.spectrum import map_spectrum, ring_shape
from topo_exp.errors import AnalysisError
from topo_exp.typing import BoolArray, FloatArray

if TYPE_CHECKING:
    from xarray import Dataset

    from topo_exp.engine.simulation import Simulation

LEAST_UNITS = 8
"""Units that a map needs along each side for its spectrum to be meaningful."""


@measurement(*(option for option in PREFERRING if option != "selectivity_multiplier"), scale=0.3)
def map_quality(
    sim: "Simulation",
    shown: Presentation,
    *,
    homogeneity_radius: float = 0.2,
    frequencies: Sequence[float] = (2.4,),
    orientations: int = 4,
    phases: int = 18,
    settling_only: bool = False,
) -> Result:
    """Measure the orientation map as `maps.orientation_map` does, and the numbers of its quality (see `quality`).

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`.
        homogeneity_radius: Width of the neighbourhood of the local homogeneity index, in hypercolumn distances.
        frequencies: As for `maps.orientation_map`.
        orientations: As for `maps.orientation_map`.
        phases: As for `maps.orientation_map`.
        settling_only: As for `maps.orientation_map`.

    Returns:
        Result; metrics `<Sheet>/<name>` with the names of `quality`; maps of orientation, and `local_homogeneity`
        (y, x), `spectrum_amplitude` and `spectrum_fit` over `wavenumber` (cycles per longer side), `pinwheel_x`,
        `pinwheel_y` and `pinwheel_sign` of each `pinwheel`; figures `<Sheet>/spectrum`, `pinwheels`, `contours`,
        `orientation_polar`, `local_homogeneity` and `orientation_histogram`. Sheets of fewer than 8 units along a side
        are left out.

    Raises:
        UnknownNameError: As `maps.orientation_map`.
        AnalysisError: As `maps.orientation_map`.
        ParameterError: As `maps.orientation_map`.
    """
    measured = orientation_map.of(
        sim, shown, frequencies=frequencies, orientations=orientations, phases=phases, settling_only=settling_only
    ).maps
    return Result() if measured is None else _quality_of(measured, homogeneity_radius, label="", units=None)


@of_maps
def orientation_quality(
    maps: "Mapping[str, Dataset]",
    *,
    of: str = "orientation_map",
    homogeneity_radius: float = 0.2,
    label: str = "",
    units: Units | None = None,
) -> Result:
    """Compute the quality of an orientation map that another analysis has measured at the same time (see `quality`).

    Args:
        maps: Of one time, by name of the analysis.
        of: Name of the analysis that has measured `orientation_preference` and `orientation_selectivity`.
        homogeneity_radius: Width of the neighbourhood of the local homogeneity index, in hypercolumn distances.
        label: Put before the names of metrics and figures, so that those of two maps differ.
        units: "responding" leaves out units without a preference, "all" counts silent ones with preference 0; None
            takes the option of the measurement.

    Returns:
        Result as that of `map_quality`; an empty one where there are no such maps.

    Raises:
        AnalysisError: The analysis has made other maps, but not these.
    """
    if of not in maps:
        return Result()
    measured = maps[of]
    if not any(str(name).endswith("orientation_preference") for name in measured.data_vars):
        raise AnalysisError(
            f"orientation_quality: needs a map of orientation from {of!r} (got {list(measured.data_vars)}). "
            "Name another analysis with `of`."
        )
    return _quality_of(measured, homogeneity_radius, label=label, units=units)


def _quality_of(measured: "Dataset", radius: float, *, label: str, units: Units | None) -> Result:
    parts = {name: _counted(maps, units) for name, maps in separated(measured).items() if _is_large(maps)}
    found = {name: _with_structure(maps, radius) for name, maps in parts.items()}
    if not found:
        return Result()

    def metrics(name: str, maps: "Dataset") -> dict[str, float]:
        del name
        preference, selectivity = maps["orientation_preference"].values, maps["orientation_selectivity"].values
        numbers = quality(
            preference, selectivity, maps["x"].values, maps["y"].values, units=maps.attrs["units_counted"]
        )
        numbers["local_homogeneity_mean"] = float(maps["local_homogeneity"].mean())
        return {f"{label}{number}": value for number, value in numbers.items()}

    def figures(name: str, maps: "Dataset") -> dict[str, Callable[[], Any]]:
        return {f"{label}{figure}": drawing for figure, drawing in _figures(name, maps, label).items()}

    return result_of(found, metrics=metrics, figures=figures)


def quality(
    preference: FloatArray, selectivity: FloatArray, x: FloatArray, y: FloatArray, *, units: Units = "responding"
) -> dict[str, float]:
    """Return the numbers of an orientation map by name; NaN where one is not defined, as for a map without structure.

    A unit has a value if its preference and selectivity are finite and its selectivity is above 0. Units without a
    value are left out of every number, unless `units` is "all".

    Args:
        preference: (rows, cols), radians.
        selectivity: (rows, cols), at least 0.
        x: (cols,), unit centres in sheet coordinates.
        y: (rows,), the same.
        units: "responding", or "all" to count a unit without a value with preference 0 and selectivity 0.

    Returns:
        * `map_selectivity_mean`, and `responding_fraction`, the fraction of units that have a value;
        * `hypercolumn_distance`, in sheet units, from the spectrum of exp(2 i theta) (`spectrum.map_spectrum`), and
          `hypercolumn_distance_is_fitted`, 1 if the fit of that spectrum was accepted, 0 if the distance is that of
          the centroid;
        * `pinwheels`, crossings of zero contours, `pinwheels_positive`, those of positive sign among them, and
          `pinwheels_by_winding` (`pinwheels.find_pinwheels`, `winding_numbers`), in cells whose four corners have a
          value;
        * `pinwheel_density` per hypercolumn area, of the area of these cells; `pinwheel_quality`, its index;
        * `pinwheel_distance`, `_same` and `_opposite`, mean nearest-neighbour distances in hypercolumn distances;
        * `orientation_bias`, `orientation_bias_deg` and `cardinal_bias`, of all units with a value alike;
        * `hypercolumn_distance_2013`, `pinwheel_density_2013` and `pinwheel_quality_2013`, as in Stevens et al.
          (2013): from the scalar spectrum and the area of the whole sheet, and always of all units, a silent one
          with preference 0. Density and quality are 0 where there is no pinwheel, the distance is NaN where the fit
          of the scalar spectrum was not accepted.

    Raises:
        ParameterError: The arrays do not fit each other, or `units` is neither "responding" nor "all".

    References:
        Stevens, J.-L. R., Law, J. S., Antolik, J. & Bednar, J. A. (2013), J Neurosci 33:15747-15766,
        doi:10.1523/JNEUROSCI.1037-13.2013.
    """
    check_units(units, where="quality.units")
    valued = _have_value(preference, selectivity)
    everywhere = np.where(valued, preference, 0.0)
    theta = everywhere if units == "all" else np.where(valued, preference, np.nan)
    strength = np.where(valued, selectivity, 0.0) if units == "all" else selectivity
    cell = spacing(x, where="quality.x") * spacing(y, where="quality.y")
    polar = polar_map(theta)
    pinwheels = find_pinwheels(polar, x, y)
    spectrum = map_spectrum(theta, x, y, form="polar")
    distance = spectrum.hypercolumn_distance
    area = float(cells_with_values(np.isfinite(theta)).sum()) * cell
    density = pinwheel_density(len(pinwheels), area=area, hypercolumn_distance=distance)
    bias, favoured = orientation_bias(theta)
    return {
        "map_selectivity_mean": mean_selectivity(strength),
        "responding_fraction": float(valued.mean()),
        "hypercolumn_distance": distance,
        "hypercolumn_distance_is_fitted": float(spectrum.fitted) if np.isfinite(distance) else np.nan,
        "pinwheels": float(len(pinwheels)) if area > 0 else np.nan,
        "pinwheels_positive": float((pinwheels.sign > 0).sum()) if area > 0 else np.nan,
        "pinwheels_by_winding": float(np.abs(winding_numbers(polar)).sum()) if area > 0 else np.nan,
        "pinwheel_density": density,
        "pinwheel_quality": pinwheel_quality(density),
        **_as_in_2013(everywhere, x, y, sheet_area=everywhere.size * cell),
        **_distances(pinwheels, distance),
        "orientation_bias": bias,
        "orientation_bias_deg": float(np.degrees(favoured)),
        "cardinal_bias": cardinal_bias(theta),
    }


def _as_in_2013(preference: FloatArray, x: FloatArray, y: FloatArray, *, sheet_area: float) -> dict[str, float]:
    """Return the numbers of Stevens et al. (2013), from the preferences of all units."""
    count = len(find_pinwheels(polar_map(preference), x, y))
    spectrum = map_spectrum(preference, x, y, form="scalar")
    distance = spectrum.hypercolumn_distance if spectrum.fitted else np.nan
    density = pinwheel_density(count, area=sheet_area, hypercolumn_distance=distance) if count else 0.0
    return {
        "hypercolumn_distance_2013": distance,
        "pinwheel_density_2013": density,
        "pinwheel_quality_2013": pinwheel_quality(density),
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


def _have_value(preference: FloatArray, selectivity: FloatArray) -> BoolArray:
    return np.isfinite(preference) & np.isfinite(selectivity) & (np.asarray(selectivity) > 0)


def _counted(maps: "Dataset", units: Units | None) -> "Dataset":
    """Return a map with preference and selectivity of units without a value as `units` wants them."""
    measured_as = str(maps.attrs.get("units_counted", "responding"))
    wanted: Units = units or ("all" if measured_as == "all" else "responding")
    maximum = maps["response_maximum"].values if "response_maximum" in maps else None
    preference, selectivity = (maps[f"orientation_{name}"] for name in ("preference", "selectivity"))
    theta, s = (counted(a.values, maximum, measured_as, wanted) for a in (preference, selectivity))
    theta = np.where(_have_value(theta, s), theta, 0.0 if wanted == "all" else np.nan)
    return maps.assign(
        orientation_preference=(("y", "x"), theta, preference.attrs),
        orientation_selectivity=(("y", "x"), s, selectivity.attrs),
    ).assign_attrs(units_counted=wanted)


def _with_structure(maps: "Dataset", radius: float) -> "Dataset":
    """Return the maps with local homogeneity, spectrum and pinwheels added."""
    preference, x, y = (maps[name].values for name in ("orientation_preference", "x", "y"))
    spectrum = map_spectrum(preference, x, y)
    distance = spectrum.hypercolumn_distance
    sigma = radius * distance if np.isfinite(distance) else radius * (x[-1] - x[0])
    index = local_homogeneity(preference, x, y, sigma=sigma)
    described = {"long_name": "local homogeneity index", "units": "1", "sigma": float(sigma)}
    pinwheels = find_pinwheels(polar_map(preference), x, y)
    place = {"units": "sheet coordinates"}
    of_fit = {"units": "1", "fitted": int(spectrum.fitted), "peak": spectrum.peak, "hypercolumn_distance": distance}
    return maps.assign(
        local_homogeneity=(("y", "x"), index, described),
        spectrum_amplitude=("wavenumber", spectrum.amplitude, of_fit),
        spectrum_fit=("wavenumber", ring_shape(spectrum.k, *spectrum.coefficients), {"units": "1"}),
        pinwheel_x=("pinwheel", pinwheels.x, place),
        pinwheel_y=("pinwheel", pinwheels.y, place),
        pinwheel_sign=("pinwheel", pinwheels.sign.astype(float), {"units": "1"}),
    ).assign_coords(
        wavenumber=("wavenumber", spectrum.k, {"units": "cycles per map"}),
        pinwheel=("pinwheel", np.arange(len(pinwheels)), {"units": "1"}),
    )


def _figures(sheet: str, maps: "Dataset", label: str) -> dict[str, Callable[[], Any]]:
    preference, selectivity = maps["orientation_preference"].values, maps["orientation_selectivity"].values
    x, y = maps["x"].values, maps["y"].values
    spectrum = map_spectrum(preference, x, y)
    scale = {"hypercolumn_distance": spectrum.hypercolumn_distance}
    time = maps.attrs.get("simulation_time")
    when = "" if time is None else f", t = {time:g}"

    def title(contents: str) -> str:
        return f"{sheet}: {label.replace('_', ' ')}{contents}{when}"

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
            "feature_map",
            maps["local_homogeneity"].values,
            x,
            y,
            title=title("local homogeneity"),
            label="local homogeneity",
            limits=(0.0, 1.0),
        ),
        "orientation_histogram": picture(
            "histogram",
            preference,
            title=title("orientation preferences"),
            xlabel="preferred orientation (degrees)",
            cyclic_range=np.pi,
        ),
    }
