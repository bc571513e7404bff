"""Tuning curves: how responses depend on orientation at several contrasts, on contrast, size and spatial frequency.

The curves of all units of the measured sheets are recorded, except for size, which is measured at some units, since the
stimulus must be centred on each. Responses are maxima over the phases of a grating, as for feature maps, and over what
else is varied. All run on the frozen simulation and leave no trace in it.

The arguments that they share are those of `topo_exp.analysis.maps`; contrasts are in percent, see `features.contrast`:
contrast / 100 is the largest value of a grating on a dark ground, unless `mean_luminance` makes it Michelson's.

Each returns a `Result` whose maps hold the curves, named in the function's text, and whose figures show the mean curve.
Each raises UnknownNameError for an unknown sheet, AnalysisError where the model has nothing to measure, ParameterError
for impossible values.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis import features as feature
from topo_exp.analysis.feature_maps import result_of
from topo_exp.analysis.features import Feature, GratingPatch, Stimulus
from topo_exp.analysis.fields import every
from topo_exp.analysis.maps import orientation_map
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.preference import half_width, vector_average
from topo_exp.analysis.responses import (
    Progress,
    collect,
    input_sheets,
    measured_sheets,
    plain_attributes,
    present,
    silent,
)
from topo_exp.analysis.result import Result
from topo_exp.engine.patterns import Constant, SineGrating
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

    from topo_exp.engine.simulation import Simulation


def orientation_tuning(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    contrasts: Sequence[float] = (30.0, 60.0, 80.0, 90.0),
    orientations: int = 12,
    phases: int = 8,
    frequency: float = 2.4,
    mean_luminance: float | None = None,
    duration: float = 1.0,
    afferent_only: bool = False,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure orientation tuning at several contrasts with full-field gratings, and whether its width depends on them.

    A unit's half width at a contrast is half the width of its curve at half its largest response
    (`preference.half_width`). Contrast invariance (Sclar & Freeman 1982, Exp Brain Res 46:457-461) is the ratio of a
    unit's half width at the highest contrast to that at the lowest one at which it has one: 1 where tuning keeps its
    width.

    Returns:
        Result; maps `orientation_tuning` (contrast, orientation, y, x), `half_width` (contrast, y, x) in radians, NaN
        where a curve has none, `preference` and `selectivity` (contrast, y, x), and `mean_tuning` (contrast, offset):
        the mean over responding units of the curves shifted to their largest value at the highest contrast. Metrics,
        each after `<Sheet>/`: `half_width_deg_<contrast>`, its mean in degrees, and `contrast_invariance`, the mean
        ratio.
    """
    _rising(contrasts, "orientation_tuning.contrasts")
    responses = collect(
        sim,
        [
            feature.orientation(orientations),
            feature.phase(phases),
            feature.contrast(contrasts, mean_luminance=mean_luminance),
        ],
        Stimulus(SineGrating, {"frequency": frequency}),
        sheets=sheet,
        inputs=inputs,
        duration=duration,
        afferent_only=afferent_only,
        progress=progress,
    )
    return result_of(
        {name: _orientation_curves(answers.max("phase")) for name, answers in responses.items()},
        metrics=_orientation_metrics,
        figures=lambda name, found: {
            "orientation_tuning": picture(
                "tuning_curves",
                np.degrees(found["offset"].values),
                {f"{c:g} %": found["mean_tuning"].sel(contrast=c).values for c in found["contrast"].values},
                title=f"{name}: orientation tuning, mean of units, t = {sim.time:g}",
                xlabel="orientation from the preferred one (degrees)",
            )
        },
    )


def contrast_response(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    contrasts: Sequence[float] = (0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0),
    orientations: int = 4,
    phases: int = 8,
    frequency: float = 2.4,
    mean_luminance: float | None = None,
    duration: float = 1.0,
    afferent_only: bool = False,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure the response to gratings of rising contrast, at each unit's best orientation and phase.

    c50, the contrast of half the response at the highest contrast, follows by linear interpolation. The mean curve is
    fitted by R(c) = R_max c^n / (c^n + c50^n) (Naka & Rushton 1966, doi:10.1113/jphysiol.1966.sp008001; for cortex:
    Albrecht & Hamilton 1982, doi:10.1152/jn.1982.48.1.217).

    Returns:
        Result; maps `contrast_response` (contrast, y, x), `c50` (y, x) in percent, NaN for units that do not respond.
        Metrics, each after `<Sheet>/`: `c50`, the mean over units, and `naka_rushton_rmax`, `_c50`, `_n` of the mean
        curve, NaN where it cannot be fitted.
    """
    _rising(contrasts, "contrast_response.contrasts")
    responses = collect(
        sim,
        [
            feature.orientation(orientations),
            feature.phase(phases),
            feature.contrast(contrasts, mean_luminance=mean_luminance),
        ],
        Stimulus(SineGrating, {"frequency": frequency}),
        sheets=sheet,
        inputs=inputs,
        duration=duration,
        afferent_only=afferent_only,
        progress=progress,
    )

    def curves(answers: "DataArray") -> "Dataset":
        curve = answers.max(("orientation", "phase"))
        half = _first_reach(curve.values, np.asarray(contrasts, dtype=float), curve.values[-1] / 2)
        return _dataset(curve, "contrast_response", {"c50": (("y", "x"), half, {"units": "%"})})

    def metrics(name: str, found: "Dataset") -> dict[str, float]:
        del name
        fit = naka_rushton_fit(found["contrast"].values, found["contrast_response"].mean(("y", "x")).values)
        numbers = dict(zip(("rmax", "c50", "n"), fit, strict=True))
        return {"c50": _mean(found["c50"].values), **{f"naka_rushton_{key}": value for key, value in numbers.items()}}

    found = {name: curves(answers) for name, answers in responses.items()}
    figures = _mean_curve("contrast_response", "contrast", "contrast (%)", f"contrast response, t = {sim.time:g}")
    return result_of(found, metrics=metrics, figures=figures)


def size_tuning(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    sizes: Sequence[float] = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0),
    units: int = 3,
    phases: int = 8,
    frequency: float = 2.4,
    contrast: float = 30.0,
    duration: float = 1.0,
    afferent_only: bool = False,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure responses to patches of grating of growing size, centred on some units, at their preferred orientation.

    The preferred orientation is measured first (`maps.orientation_map` with scale contrast / 100). The suppression
    index is (R_best - R_largest) / R_best, R_largest being the response to the largest patch (Cavanaugh, Bair & Movshon
    2002, doi:10.1152/jn.00692.2001): 0 without surround suppression, 1 where the largest patch is not answered at all.

    Arguments (others in the module's text):
        sizes: diameters of the patches, rising, in sheet coordinates.
        units: along x and along y, evenly spread: units x units of them are measured.

    Returns:
        Result; maps `size_tuning` (size, y, x), `preferred_size` and `suppression_index` (y, x), on the units measured.
        Metrics, each after `<Sheet>/`: the means of the latter two over units that respond.
    """
    _rising(sizes, "size_tuning.sizes")
    found = {}
    for name in measured_sheets(sim, sheet):
        parameters = {"frequency": frequency, "scale": contrast / 100}
        common: dict[str, Any] = {"inputs": inputs, "duration": duration, "afferent_only": afferent_only}
        preferred = orientation_map(sim, name, frequencies=(frequency,), scale=contrast / 100, **common).maps
        assert preferred is not None
        found[name] = _size_curves(
            sim, name, preferred["orientation_preference"].values, sizes, units, phases, parameters, progress, common
        )

    def metrics(name: str, found: "Dataset") -> dict[str, float]:
        del name
        return {key: _mean(found[key].values) for key in ("preferred_size", "suppression_index")}

    figures = _mean_curve("size_tuning", "size", "diameter (sheet units)", f"size tuning, t = {sim.time:g}")
    return result_of(found, metrics=metrics, figures=figures)


def spatial_frequency_tuning(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    frequencies: Sequence[float] = (0.6, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8),
    orientations: int = 4,
    phases: int = 18,
    scale: float = 0.3,
    duration: float = 1.0,
    afferent_only: bool = False,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure responses to gratings of rising spatial frequency, at each unit's best orientation and phase.

    The bandwidth is log2(f_high / f_low) octaves between the frequencies on either side of the best one at which the
    response is half of it, by linear interpolation on the logarithmic axis (De Valois, Albrecht & Thorell 1982,
    doi:10.1016/0042-6989(82)90113-4).

    Returns:
        Result; maps `spatial_frequency_tuning` (frequency, y, x), `preferred_frequency` (y, x) in cycles per unit of
        sheet coordinates and `bandwidth` (y, x) in octaves, NaN where a curve does not fall to half on both sides.
        Metrics, each after `<Sheet>/`: the means of the latter two.
    """
    _rising(frequencies, "spatial_frequency_tuning.frequencies")
    responses = collect(
        sim,
        [feature.frequency(frequencies), feature.orientation(orientations), feature.phase(phases)],
        Stimulus(SineGrating, {"scale": scale}),
        sheets=sheet,
        inputs=inputs,
        duration=duration,
        afferent_only=afferent_only,
        progress=progress,
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
        return {key: _mean(found[key].values) for key in ("preferred_frequency", "bandwidth")}

    label = f"spatial frequency tuning, t = {sim.time:g}"
    figures = _mean_curve("spatial_frequency_tuning", "frequency", "cycles per sheet unit", label, log=True)
    found = {name: curves(answers) for name, answers in responses.items()}
    return result_of(found, metrics=metrics, figures=figures)


def full_field_response(
    sim: "Simulation",
    sheet: str | Iterable[str] | None = None,
    *,
    luminances: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    duration: float = 1.0,
    afferent_only: bool = False,
    inputs: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Result:
    """Measure responses to a uniform field of rising luminance.

    Returns:
        Result; maps `full_field_response` (luminance, y, x). Metrics `<Sheet>/full_field_response`, the mean response
        at the highest luminance.
    """
    _rising(luminances, "full_field_response.luminances")
    luminance = Feature("luminance", tuple(luminances), None, "", lambda p, value, sheet: {**p, "scale": value})
    responses = collect(
        sim,
        [luminance],
        Stimulus(Constant),
        sheets=sheet,
        inputs=inputs,
        duration=duration,
        afferent_only=afferent_only,
        progress=progress,
    )
    found = {name: _dataset(answers, "full_field_response", {}) for name, answers in responses.items()}
    figures = _mean_curve("full_field_response", "luminance", "luminance", f"full-field response, t = {sim.time:g}")
    return result_of(
        found,
        metrics=lambda name, found: {"full_field_response": float(found["full_field_response"][-1].mean())},
        figures=figures,
    )


def naka_rushton_fit(contrasts: FloatArray, responses: FloatArray) -> tuple[float, float, float]:
    """Return R_max, c50 and n of R(c) = R_max c^n / (c^n + c50^n), fitted by least squares.

    Arguments:
        contrasts: (m,), rising, at least 0, in any unit.
        responses: (m,), at least 0.

    Returns:
        (R_max, c50 in the unit of the contrasts, n); NaN where there is nothing to fit or the fit does not settle.

    Source: Naka & Rushton (1966), J Physiol 185:536, doi:10.1113/jphysiol.1966.sp008001.
    """
    from scipy.optimize import least_squares  # here, because scipy takes long to load

    c, r = np.asarray(contrasts, dtype=float), np.asarray(responses, dtype=float)
    scale, top = float(r.max(initial=0.0)), float(c.max(initial=0.0))
    if not (scale > 0 and top > 0 and len(c) >= 3):
        return float("nan"), float("nan"), float("nan")

    def residual(p: FloatArray) -> FloatArray:
        power = (c / top) ** p[2]
        return np.asarray(p[0] * power / (power + p[1] ** p[2]) - r / scale)

    fit = least_squares(residual, (1.0, 0.4, 2.0), bounds=((1e-3, 1e-3, 0.2), (1e3, 1e2, 30.0)))
    if not fit.success:
        return float("nan"), float("nan"), float("nan")
    return float(fit.x[0] * scale), float(fit.x[1] * top), float(fit.x[2])


def full_width(responses: FloatArray, values: FloatArray) -> FloatArray:
    """Return the full width of curves (n, ...) over rising `values` (n,) at half their largest response.

    Crossings on either side of the maximum are interpolated linearly; NaN where a curve does not fall to half on both.
    """
    r, v = np.asarray(responses, dtype=float), np.asarray(values, dtype=float)
    best = r.argmax(axis=0)
    height = r.max(axis=0)
    position = np.arange(len(v)).reshape(-1, *([1] * (r.ndim - 1)))
    above, below = np.where(position >= best, r, height), np.where(position <= best, r, height)  # one flank each
    high = _first_reach(above, v, height / 2, falling=True)
    low = _first_reach(below[::-1], v[::-1], height / 2, falling=True)
    return np.where(height > 0, high - low, np.nan)


def _first_reach(curves: FloatArray, values: FloatArray, level: FloatArray, *, falling: bool = False) -> FloatArray:
    """Return the value at which each curve (n, ...) first reaches a positive `level` (...), NaN where it does not."""
    reached = curves <= level if falling else curves >= level
    first = np.where(reached.any(axis=0), reached.argmax(axis=0), -1)
    before = np.maximum(first - 1, 0)
    a, b = (np.take_along_axis(curves, i.clip(0)[None], axis=0)[0] for i in (before, first))
    step = np.divide(level - a, b - a, out=np.ones_like(level), where=a != b)
    found = values[before] + step * (values[first.clip(0)] - values[before])
    return np.where((first >= 0) & (level > 0), found, np.nan)


def _orientation_curves(curves: "DataArray") -> "Dataset":
    """Return the Dataset of orientation tuning from maxima over phases (orientation, contrast, y, x)."""
    curves = curves.transpose("contrast", "orientation", "y", "x")
    values, angles = curves.values, curves["orientation"].values
    period, n = float(curves["orientation"].attrs["period"]), curves.sizes["orientation"]
    found = vector_average(values, angles, period=period, axis=1)
    shift = (values[-1].argmax(axis=0) + np.arange(-(n // 2), n - n // 2)[:, None, None]) % n
    aligned = np.take_along_axis(values, np.broadcast_to(shift[None], (len(values), *shift.shape)), axis=1)
    responding = values[-1].max(axis=0) > 0
    mean = aligned[:, :, responding].mean(axis=2) if responding.any() else np.zeros(values.shape[:2])
    by_contrast = ("contrast", "y", "x")
    more: dict[str, Any] = {
        "half_width": (by_contrast, half_width(values, angles, period=period, axis=1), {"units": "rad"}),
        "preference": (by_contrast, found.preference, {"units": "rad", "period": period}),
        "selectivity": (by_contrast, found.selectivity, {"units": "1"}),
        "mean_tuning": (("contrast", "offset"), mean, {"units": "activity"}),
    }
    offset = ("offset", np.arange(-(n // 2), n - n // 2) * period / n, {"units": "rad"})
    return _dataset(curves, "orientation_tuning", more).assign_coords(offset=offset)


def _orientation_metrics(name: str, found: "Dataset") -> dict[str, float]:
    del name
    widths = found["half_width"].values
    numbers = {
        f"half_width_deg_{c:g}": _mean(np.degrees(width))
        for c, width in zip(found["contrast"].values, widths, strict=True)
    }
    first = np.isfinite(widths).argmax(axis=0)
    lowest = np.take_along_axis(widths, first[None], axis=0)[0]
    usable = first < len(widths) - 1  # a unit with a width at one contrast only says nothing
    return {**numbers, "contrast_invariance": _mean(np.where(usable, widths[-1] / lowest, np.nan))}


def _size_curves(
    sim: "Simulation",
    name: str,
    preferred: FloatArray,
    sizes: Sequence[float],
    units: int,
    phases: int,
    parameters: Mapping[str, float],
    progress: Progress,
    common: Mapping[str, Any],
) -> "Dataset":
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    rows, cols = (every(count, units) for count in sim[name].shape)
    x, y = np.asarray(sim[name].x)[cols], np.asarray(sim[name].y)[rows]
    angles = feature.phase(phases).values
    patterns = [
        GratingPatch(
            x=float(x[j]), y=float(y[i]), orientation=float(preferred[row, col]), size=size, phase=p, **parameters
        )
        for i, row in enumerate(rows)
        for j, col in enumerate(cols)
        for size in sizes
        for p in angles
    ]
    shown = dict.fromkeys(input_sheets(sim, common["inputs"]), patterns)
    answers = present(
        sim,
        shown,
        sheets=[name],
        duration=common["duration"],
        afferent_only=common["afferent_only"],
        progress=progress,
    )[name]
    answers = answers.reshape(len(rows), len(cols), len(sizes), len(angles), *sim[name].shape)
    curves = np.stack(
        [[answers[i, j, :, :, row, col].max(axis=1) for j, col in enumerate(cols)] for i, row in enumerate(rows)]
    )
    curves = np.moveaxis(curves, -1, 0)
    best = curves.max(axis=0)
    responding = best > 0
    size = np.asarray(sizes, dtype=float)
    suppression = np.divide(best - curves[-1], best, out=np.full_like(best, np.nan), where=responding)
    variables = {
        "size_tuning": (("size", "y", "x"), curves, {"units": "activity"}),
        "preferred_size": (
            ("y", "x"),
            np.where(responding, size[curves.argmax(axis=0)], np.nan),
            {"units": "sheet units"},
        ),
        "suppression_index": (("y", "x"), suppression, {"units": "1"}),
    }
    attributes = {"sheet": name, "pattern": "GratingPatch", "presentations": len(patterns), "simulation_time": sim.time}
    attributes |= {f"pattern_{key}": value for key, value in parameters.items()}
    coordinates = {"size": ("size", size, {"units": "sheet units"}), "y": y, "x": x}
    return Dataset(variables, coords=coordinates, attrs=plain_attributes(attributes))


def _dataset(curves: "DataArray", name: str, more: Mapping[str, Any]) -> "Dataset":
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    variables = {name: (curves.dims, curves.values, {"units": "activity"}), **more}
    return Dataset(variables, coords=curves.coords, attrs=curves.attrs)


def _mean_curve(
    name: str, axis: str, xlabel: str, title: str, *, log: bool = False
) -> "Callable[[str, Dataset], dict[str, Callable[[], Any]]]":
    def figures(sheet: str, found: "Dataset") -> dict[str, Callable[[], Any]]:
        curves = found[name].values.reshape(found.sizes[axis], -1).T
        shown = {f"{len(curves)} units": curves}
        drawing = picture("tuning_curves", found[axis].values, shown, title=f"{sheet}: {title}", xlabel=xlabel, log=log)
        return {name: drawing}

    return figures


def _rising(values: Sequence[float], where: str) -> None:
    if len(values) < 2 or not (np.diff(values) > 0).all():
        raise ParameterError(f"{where}: must be two or more rising values (got {list(values)}). Sort them.")


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
