"""Tuning curves: responses against orientation at several contrasts, contrast, size and spatial frequency.

The curves of all units of the measured sheets are recorded, except for size, which is measured at some units, since the
stimulus must be centred on each. Responses are maxima over the phases of a grating, as for feature maps, and over all
else that is varied. All run on the frozen simulation, which is restored bit for bit.

The options that they share are those of `topo_exp.analysis.maps` that apply to responses; contrasts are in percent, see
`features.contrast`: contrast / 100 is the largest value of a grating on a dark ground, unless `mean_luminance` makes it
Michelson's. Units that do not respond are left out of every number, and have NaN where a map of a number is made.

Each returns a `Result` whose maps hold the curves, named in the function's text, and whose figures show the mean curve.
Each raises UnknownNameError for an unknown sheet, AnalysisError where the model has nothing to measure, ParameterError
for impossible values.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis import features as feature
from topo_exp.analysis.curves import first_reach, full_width, mean_of_responding, naka_rushton_fit
from topo_exp.analysis.feature_maps import result_of
from topo_exp.analysis.features import Feature, GratingPatch, Stimulus
from topo_exp.analysis.fields import every
from topo_exp.analysis.maps import orientation_map
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.preference import half_width, responding, vector_average
from topo_exp.analysis.presentation import SHOWING, Presentation, measurement
from topo_exp.analysis.responses import input_sheets, plain_attributes, present, sheet_coordinates
from topo_exp.analysis.result import Result
from topo_exp.engine.patterns import Constant, SineGrating
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

    from topo_exp.engine.simulation import Simulation

WITHOUT_SCALE = tuple(option for option in SHOWING if option != "scale")
"""Options of measurements that set the brightness of their stimuli themselves."""


@measurement(*WITHOUT_SCALE)
def orientation_tuning(
    sim: "Simulation",
    shown: Presentation,
    *,
    contrasts: Sequence[float] = (30.0, 60.0, 80.0, 90.0),
    orientations: int = 12,
    phases: int = 8,
    frequency: float = 2.4,
    mean_luminance: float | None = None,
) -> Result:
    """Measure orientation tuning at several contrasts with full-field gratings, and whether its width depends on them.

    A unit's half width at a contrast is half the width of its curve at half its largest response
    (`preference.half_width`). Contrast invariance is the ratio of a unit's half width at the highest contrast to that
    at the lowest one at which it has one: 1 where tuning keeps its width.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`.
        contrasts: In percent, rising.
        orientations: Their number, evenly spread over [0, pi).
        phases: Their number, evenly spread.
        frequency: Of the gratings, in cycles per unit of sheet coordinates.
        mean_luminance: Of the gratings, with contrast as that of Michelson; None shows them on a dark ground.

    Returns:
        Result; maps `orientation_tuning` (contrast, orientation, y, x), `half_width` (contrast, y, x) in radians, NaN
        where a curve has none, `preference` and `selectivity` (contrast, y, x), and `mean_tuning` (contrast, offset):
        the mean over responding units of the curves shifted to their largest value at the highest contrast. Metrics,
        each after `<Sheet>/`: `orientation_half_width_deg_<contrast>`, its mean in degrees, and `contrast_invariance`,
        the mean ratio.

    References:
        Sclar, G. & Freeman, R. D. (1982), Exp Brain Res 46:457-461, doi:10.1007/BF00238641 (contrast invariance).
    """
    _rising(contrasts, "orientation_tuning.contrasts")
    responses = shown.responses(
        sim,
        [
            feature.orientation(orientations),
            feature.phase(phases),
            feature.contrast(contrasts, mean_luminance=mean_luminance),
        ],
        Stimulus(SineGrating, {"frequency": frequency}),
    )
    return result_of(
        {name: _orientation_curves(answers.max("phase")) for name, answers in responses.items()},
        metrics=_orientation_metrics,
        figures=lambda name, found: {
            "orientation_tuning": picture(
                "tuning_curves",
                np.degrees(found["offset"].values),
                _curves_by_contrast(found),
                title=f"{name}: orientation tuning, t = {sim.time:g}",
                xlabel="orientation from the preferred one (degrees)",
                period=180.0,
                legend="contrast",
            )
        },
    )


@measurement(*WITHOUT_SCALE)
def contrast_response(
    sim: "Simulation",
    shown: Presentation,
    *,
    contrasts: Sequence[float] = (0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0),
    orientations: int = 4,
    phases: int = 8,
    frequency: float = 2.4,
    mean_luminance: float | None = None,
) -> Result:
    """Measure the response to gratings of rising contrast, at each unit's best orientation and phase.

    c50, the contrast of half the response at the highest contrast, follows by linear interpolation. The mean curve of
    the units that respond is fitted by R(c) = R_max c^n / (c^n + c50^n).

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`.
        contrasts: In percent, rising.
        orientations: Their number, evenly spread over [0, pi).
        phases: Their number, evenly spread.
        frequency: Of the gratings, in cycles per unit of sheet coordinates.
        mean_luminance: Of the gratings, with contrast as that of Michelson; None shows them on a dark ground.

    Returns:
        Result; maps `contrast_response` (contrast, y, x), `c50` (y, x) in percent, NaN for units that do not respond.
        Metrics, each after `<Sheet>/`: `contrast_at_half_response`, the mean of c50 over units, and
        `naka_rushton_rmax`, `_c50`, `_n` of the mean curve, NaN where it cannot be fitted.

    References:
        Naka, K. I. & Rushton, W. A. H. (1966), J Physiol 185:536-555, doi:10.1113/jphysiol.1966.sp008001; for cortex
        Albrecht, D. G. & Hamilton, D. B. (1982), J Neurophysiol 48:217-237, doi:10.1152/jn.1982.48.1.217.
    """
    _rising(contrasts, "contrast_response.contrasts")
    responses = shown.responses(
        sim,
        [
            feature.orientation(orientations),
            feature.phase(phases),
            feature.contrast(contrasts, mean_luminance=mean_luminance),
        ],
        Stimulus(SineGrating, {"frequency": frequency}),
    )

    def curves(answers: "DataArray") -> "Dataset":
        curve = answers.max(("orientation", "phase"))
        half = first_reach(curve.values, np.asarray(contrasts, dtype=float), curve.values[-1] / 2)
        return _dataset(curve, "contrast_response", {"c50": (("y", "x"), half, {"units": "%"})})

    def metrics(name: str, found: "Dataset") -> dict[str, float]:
        del name
        fit = naka_rushton_fit(found["contrast"].values, mean_of_responding(found["contrast_response"].values))
        numbers = {f"naka_rushton_{key}": value for key, value in zip(("rmax", "c50", "n"), fit, strict=True)}
        return {"contrast_at_half_response": _mean(found["c50"].values), **numbers}

    found = {name: curves(answers) for name, answers in responses.items()}
    figures = _mean_curve(
        "contrast_response", "contrast", "contrast (%)", f"contrast response, t = {sim.time:g}", fitted=True, unit="%"
    )
    return result_of(found, metrics=metrics, figures=figures)


@measurement(*WITHOUT_SCALE)
def size_tuning(
    sim: "Simulation",
    shown: Presentation,
    *,
    sizes: Sequence[float] = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0),
    units: int = 3,
    phases: int = 8,
    frequency: float = 2.4,
    contrast: float = 30.0,
) -> Result:
    """Measure responses to patches of grating of growing size, centred on some units, at their preferred orientation.

    The preferred orientation is measured first (`maps.orientation_map` with scale contrast / 100); a unit without one
    is not measured. The suppression index is (R_best - R_largest) / R_best, R_largest being the response to the largest
    patch: 0 without surround suppression, 1 where the unit does not respond to the largest patch at all.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`.
        sizes: Diameters of the patches, rising, in sheet coordinates.
        units: Number along x and along y, evenly spread: units x units of them are measured.
        phases: Their number, evenly spread.
        frequency: Of the gratings, in cycles per unit of sheet coordinates.
        contrast: Of the gratings, in percent.

    Returns:
        Result; maps `size_tuning` (size, y, x), `preferred_size` and `suppression_index` (y, x), on the units measured.
        Metrics, each after `<Sheet>/`: the means of the latter two over units that respond.

    References:
        Cavanaugh, J. R., Bair, W. & Movshon, J. A. (2002), J Neurophysiol 88:2530-2546, doi:10.1152/jn.00692.2001.
    """
    _rising(sizes, "size_tuning.sizes")
    found = {}
    for name in shown.sheets(sim):
        own = replace(shown, sheet=name, scale=contrast / 100)
        preferred = orientation_map.of(sim, own, frequencies=(frequency,)).maps
        assert preferred is not None
        places = tuple(every(count, units) for count in sim[name].shape)
        found[name] = _size_curves(
            sim, own, name, places, preferred["orientation_preference"].values, sizes, phases, frequency
        )

    def metrics(name: str, found: "Dataset") -> dict[str, float]:
        del name
        return {key: _mean(found[key].values) for key in ("preferred_size", "suppression_index")}

    figures = _mean_curve("size_tuning", "size", "diameter (sheet units)", f"size tuning, t = {sim.time:g}")
    return result_of(found, metrics=metrics, figures=figures)


@measurement(*SHOWING, scale=0.3)
def spatial_frequency_tuning(
    sim: "Simulation",
    shown: Presentation,
    *,
    frequencies: Sequence[float] = (0.6, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8),
    orientations: int = 4,
    phases: int = 18,
) -> Result:
    """Measure responses to gratings of rising spatial frequency, at each unit's best orientation and phase.

    The bandwidth is log2(f_high / f_low) octaves between the frequencies on either side of the best one at which the
    response is half of it, by linear interpolation on the logarithmic axis.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`.
        frequencies: In cycles per unit of sheet coordinates, rising.
        orientations: Their number, evenly spread over [0, pi).
        phases: Their number, evenly spread.

    Returns:
        Result; maps `spatial_frequency_tuning` (frequency, y, x), `preferred_frequency` (y, x) in cycles per unit of
        sheet coordinates and `bandwidth` (y, x) in octaves, NaN where a curve does not fall to half on both sides.
        Metrics, each after `<Sheet>/`: `preferred_spatial_frequency` and `spatial_frequency_bandwidth`, the means of
        the latter two.

    References:
        De Valois, R. L., Albrecht, D. G. & Thorell, L. G. (1982), Vision Res 22:545-559,
        doi:10.1016/0042-6989(82)90113-4.
    """
    _rising(frequencies, "spatial_frequency_tuning.frequencies")
    responses = shown.responses(
        sim,
        [feature.frequency(frequencies), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": shown.scale}),
    )

    def curves(answers: "DataArray") -> "Dataset":
        curve = answers.max(("orientation", "phase"))
        octaves, values = np.log2(np.asarray(frequencies, dtype=float)), curve.values
        best = values.argmax(axis=0)
        preferred = np.where(values.max(axis=0) > 0, np.asarray(frequencies, dtype=float)[best], np.nan)
        more: dict[str, Any] = {
            "preferred_frequency": (("y", "x"), preferred, {"units": "cycles per sheet unit"}),
            "bandwidth": (("y", "x"), full_width(values, octaves), {"units": "octaves"}),
        }
        return _dataset(curve, "spatial_frequency_tuning", more)

    def metrics(name: str, found: "Dataset") -> dict[str, float]:
        del name
        return {
            "preferred_spatial_frequency": _mean(found["preferred_frequency"].values),
            "spatial_frequency_bandwidth": _mean(found["bandwidth"].values),
        }

    label = f"spatial frequency tuning, t = {sim.time:g}"
    axis = "spatial frequency (cycles per sheet unit)"
    figures = _mean_curve("spatial_frequency_tuning", "frequency", axis, label, log=True)
    found = {name: curves(answers) for name, answers in responses.items()}
    return result_of(found, metrics=metrics, figures=figures)


@measurement(*WITHOUT_SCALE)
def full_field_response(
    sim: "Simulation",
    shown: Presentation,
    *,
    luminances: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
) -> Result:
    """Measure responses to a uniform field of rising luminance.

    No response is a response here: units that do not respond count with 0 in its mean.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`.
        luminances: Values of the field, rising.

    Returns:
        Result; maps `full_field_response` (luminance, y, x). Metrics `<Sheet>/full_field_response`, the mean response
        at the highest luminance over all units that have a value.
    """
    _rising(luminances, "full_field_response.luminances")
    luminance = Feature("luminance", tuple(luminances), None, "1", lambda p, value, sheet: {**p, "scale": value})
    responses = shown.responses(
        sim,
        [luminance],
        Stimulus(Constant),
    )
    found = {name: _dataset(answers, "full_field_response", {}) for name, answers in responses.items()}
    figures = _mean_curve(
        "full_field_response", "luminance", "luminance", f"full-field response, t = {sim.time:g}", silent_too=True
    )
    return result_of(
        found,
        metrics=lambda name, found: {"full_field_response": float(found["full_field_response"][-1].mean())},
        figures=figures,
    )


def _orientation_curves(curves: "DataArray") -> "Dataset":
    """Return the Dataset of orientation tuning from maxima over phases (orientation, contrast, y, x)."""
    curves = curves.transpose("contrast", "orientation", "y", "x")
    values, angles = curves.values, curves["orientation"].values
    period, n = float(curves["orientation"].attrs["period"]), curves.sizes["orientation"]
    found = vector_average(values, angles, period=period, axis=1)
    aligned = _aligned(values)
    mean = aligned.mean(axis=1) if aligned.shape[1] else np.full(values.shape[:2], np.nan)
    by_contrast = ("contrast", "y", "x")
    more: dict[str, Any] = {
        "half_width": (by_contrast, half_width(values, angles, period=period, axis=1), {"units": "rad"}),
        "preference": (by_contrast, found.preference, {"units": "rad", "period": period}),
        "selectivity": (by_contrast, found.selectivity, {"units": "1"}),
        "mean_tuning": (("contrast", "offset"), mean, {"units": "activity"}),
    }
    offset = ("offset", np.arange(-(n // 2), n - n // 2) * period / n, {"units": "rad"})
    return _dataset(curves, "orientation_tuning", more).assign_coords(offset=offset)


def _aligned(curves: FloatArray) -> FloatArray:
    """Return curves (contrast, orientation, y, x) as (contrast, units, offset), those of responding units only.

    Each is shifted so that its largest value at the highest contrast is at offset 0.
    """
    n = curves.shape[1]
    shift = (curves[-1].argmax(axis=0) + np.arange(-(n // 2), n - n // 2)[:, None, None]) % n
    aligned = np.take_along_axis(curves, np.broadcast_to(shift[None], (len(curves), *shift.shape)), axis=1)
    return np.asarray(aligned[:, :, responding(curves[-1])].swapaxes(1, 2))


def _curves_by_contrast(found: "Dataset") -> dict[str, FloatArray]:
    """Return the shifted curves of responding units, (units, offset), by contrast."""
    names = [f"{contrast:g} %" for contrast in found["contrast"].values]
    return dict(zip(names, _aligned(found["orientation_tuning"].values), strict=True))


def _orientation_metrics(name: str, found: "Dataset") -> dict[str, float]:
    del name
    widths = found["half_width"].values
    numbers = {
        f"orientation_half_width_deg_{c:g}": _mean(np.degrees(width))
        for c, width in zip(found["contrast"].values, widths, strict=True)
    }
    first = np.isfinite(widths).argmax(axis=0)
    lowest = np.take_along_axis(widths, first[None], axis=0)[0]
    usable = first < len(widths) - 1  # a ratio needs widths at two contrasts
    return {**numbers, "contrast_invariance": _mean(np.where(usable, widths[-1] / lowest, np.nan))}


def _size_curves(
    sim: "Simulation",
    shown: Presentation,
    name: str,
    places: tuple[IntArray, ...],
    preferred: FloatArray,
    sizes: Sequence[float],
    phases: int,
    frequency: float,
) -> "Dataset":
    """Return the size tuning of the units at `places`, (rows, columns), of a sheet; NaN where they prefer nothing."""
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    rows, cols = places
    x, y = np.asarray(sim[name].x)[cols], np.asarray(sim[name].y)[rows]
    angles = feature.phase(phases).values
    parameters = {"frequency": frequency, "scale": shown.scale}
    units = [(i, j) for i, j in np.ndindex(len(rows), len(cols)) if np.isfinite(preferred[rows[i], cols[j]])]
    patterns = [
        GratingPatch(
            x=float(x[j]),
            y=float(y[i]),
            orientation=float(preferred[rows[i], cols[j]]),
            size=size,
            phase=phase,
            **parameters,
        )
        for i, j in units
        for size in sizes
        for phase in angles
    ]
    curves = np.full((len(sizes), len(rows), len(cols)), np.nan)
    if units:
        answers = present(
            sim,
            dict.fromkeys(input_sheets(sim, shown.inputs), patterns),
            sheets=[name],
            duration=shown.duration,
            afferent_only=shown.afferent_only,
            progress=shown.progress,
        )[name].reshape(len(units), len(sizes), len(angles), *sim[name].shape)
        for (i, j), own in zip(units, answers, strict=True):
            curves[:, i, j] = own[:, :, rows[i], cols[j]].max(axis=1)
    best = curves.max(axis=0)
    respond = responding(curves)
    size = np.asarray(sizes, dtype=float)
    suppression = np.divide(best - curves[-1], best, out=np.full_like(best, np.nan), where=respond)
    variables = {
        "size_tuning": (("size", "y", "x"), curves, {"units": "activity"}),
        "preferred_size": (
            ("y", "x"),
            np.where(respond, size[curves.argmax(axis=0)], np.nan),
            {"units": "sheet units"},
        ),
        "suppression_index": (("y", "x"), suppression, {"units": "1"}),
    }
    attributes = {"sheet": name, "pattern": "GratingPatch", "presentations": len(patterns), "simulation_time": sim.time}
    attributes |= {f"pattern_{key}": value for key, value in parameters.items()}
    coordinates = {
        "size": ("size", size, {"units": "sheet units"}),
        **sheet_coordinates(sim[name], rows=rows, cols=cols),
    }
    return Dataset(variables, coords=coordinates, attrs=plain_attributes(attributes))


def _dataset(curves: "DataArray", name: str, more: Mapping[str, Any]) -> "Dataset":
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    variables = {name: (curves.dims, curves.values, {"units": "activity"}), **more}
    return Dataset(variables, coords=curves.coords, attrs=curves.attrs)


def _mean_curve(
    name: str,
    axis: str,
    xlabel: str,
    title: str,
    *,
    log: bool = False,
    silent_too: bool = False,
    fitted: bool = False,
    unit: str = "",
) -> "Callable[[str, Dataset], dict[str, Callable[[], Any]]]":
    def figures(sheet: str, found: "Dataset") -> dict[str, Callable[[], Any]]:
        curves = found[name].values.reshape(found.sizes[axis], -1).T
        respond = responding(curves, axis=1)
        if respond.any() and not silent_too:
            curves = curves[respond]
        values = found[axis].values
        fit = {"naka_rushton": naka_rushton_fit(values, curves.mean(axis=0))} if fitted else {}
        label = {"title": f"{sheet}: {title}", "xlabel": xlabel, "log": log, "unit": unit}
        drawing = picture("tuning_curves", values, {"units": curves}, **label, **fit)
        return {name: drawing}

    return figures


def _rising(values: Sequence[float], where: str) -> None:
    if len(values) < 2 or not (np.diff(values) > 0).all():
        raise ParameterError(f"{where}: must be two or more rising values (got {list(values)}). Sort them.")


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
