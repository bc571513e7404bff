"""The reference's other definitions of preference and selectivity, beside those of `topo_exp.analysis.preference`.

`preference.vector_average` is the reference's weighted average. Where the reference (the statistics of Topographica's
FeatureMapper) defines a number otherwise than `preference.maximum` and `preference.von_mises` do, these functions
follow it, for comparisons with maps that were made with it. Every function takes `responses` whose axis `axis` runs
over the feature's `values`, and returns arrays on the remaining axes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from topo_exp.analysis.least_squares import minimise_squares
from topo_exp.analysis.preference import Preference, maximum, peak_share, vector_average, wrap
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

NOISE_LEVEL = 0.001
"""Largest random number that is added to a response; curves of a smaller standard deviation are not fitted."""

WORST_FIT = 0.5
"""Largest variance of the fitted angle, in radians² of the half circle, with which a fit is accepted."""


class TwoModes(NamedTuple):
    """Preference and selectivity of the main mode, and of a second one whose selectivity is 0 where there is none."""

    first: Preference
    second: Preference


def reference_maximum(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> Preference:
    """Take the value with the largest response, with the selectivity of the vector average.

    The reference (`DSF_MaxValue`) gives a cyclic feature the selectivity |z| / sum_k |r_k| of the resultant z, while
    `preference.maximum` gives that of `peak_share`; for a linear feature the two agree.

    Args:
        responses: (..., n, ...) with n values along `axis`.
        values: (n,) in the feature's unit.
        period: Period of a cyclic feature, in the same unit; None for a linear one.
        axis: Axis of the values.

    Returns:
        Preference on the axes of `responses` without `axis`.

    Raises:
        ParameterError: If `axis` of `responses` and `values` differ in length, or the period is not positive.
    """
    best = maximum(responses, values, period=period, axis=axis)
    average = vector_average(responses, values, period=period, axis=axis)
    return Preference(best.preference, average.selectivity)


def reference_bimodal_peaks(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> TwoModes:
    """Take the value with the largest response, and the largest one beyond the flanks of that peak.

    With the values on a circle, the flank on the side of rising values ends before the first response that is larger
    than the one before it, the flank on the other side with it, as in the reference (`DSF_BimodalPeaks`). The second
    mode has the selectivity (n r / sum_k r_k - 1) / (n - 1) of its response r, at least 0; where nothing lies beyond
    the flanks it has the preference of the first mode, and selectivity 0.

    Args:
        responses: (..., n, ...) with n values along `axis`.
        values: (n,) in the feature's unit, rising.
        period: Period of a cyclic feature, in the same unit; None for a linear one.
        axis: Axis of the values.

    Returns:
        Two modes on the axes of `responses` without `axis`; the first one is that of `reference_maximum`.

    Raises:
        ParameterError: If `axis` of `responses` and `values` differ in length, or the period is not positive.
    """
    first = reference_maximum(responses, values, period=period, axis=axis)
    r = np.moveaxis(np.asarray(responses, dtype=float), axis, 0)
    n, shape = len(r), r.shape[1:]
    main = r.argmax(axis=0)
    steps = np.arange(n).reshape(-1, *(1,) * len(shape))
    around = np.take_along_axis(r, (main + steps) % n, axis=0)
    after = _descents(around)  # how many values beyond the peak belong to its flank
    before = np.minimum(_descents(np.concatenate([around[:1], around[:0:-1]])) + 1, n - 1)
    beyond = (steps > after) & (steps < n - before)
    rest = np.where(beyond, around, -np.inf)
    found = beyond.any(axis=0)
    index = (main + np.where(found, rest.argmax(axis=0), 0)) % n
    preference = np.asarray(values, dtype=float)[index]
    second = np.take_along_axis(r, index[None], axis=0)[0]
    total = r.sum(axis=0)
    share = np.divide(n * second, total, out=np.ones_like(total), where=total > 0)
    selectivity = np.maximum((share - 1) / (n - 1), 0.0) if n > 1 else peak_share(r)
    if period is not None:
        preference = wrap(preference, period)
    preference = np.where((r != 0).any(axis=0), preference, 0.0)
    return TwoModes(first, Preference(preference, np.where(found, selectivity, 0.0)))


def _descents(curves: FloatArray) -> FloatArray:
    """Return for how many steps from the first one on curves (n, ...) do not rise."""
    rises = np.diff(curves, axis=0) > 0
    return np.where(rises.any(axis=0), rises.argmax(axis=0), len(curves) - 1)


def reference_von_mises(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> Preference:
    """Fit one von Mises peak, and refuse what the reference refuses (`DSF_VonMisesFit`).

    The curve is A exp(kappa (cos(2 (x - t)) - 1)) with x = pi v / period. The preference is t period / pi, the
    selectivity ln(1 + kappa) / ln(1 + m) with m = (0.206 + 0.614 n)², about that of a single response among n. A fit is
    refused, with preference and selectivity 0, for n < 5, for responses that vary by less than `NOISE_LEVEL`, where the
    least-squares search does not converge or ends at kappa < 0, and where the variance of t is above `WORST_FIT`.

    The search starts at A = kappa = 1 and at t equal to the value of the largest response in the feature's own unit,
    not in radians. So the reference does; in a feature whose period is not pi it therefore refuses some curves with a
    single clear peak, because the search ends at their trough. `preference.von_mises` accepts these. Random numbers
    below `NOISE_LEVEL` are added to the responses, as there, without which an exact curve would be refused; here they
    are the same for every unit and call.

    Args:
        responses: (..., n, ...) with n values along `axis`.
        values: (n,) in the unit of `period`.
        period: Period of the cyclic feature.
        axis: Axis of the values.

    Returns:
        Preference on the axes of `responses` without `axis`.

    Raises:
        ParameterError: If the feature is not cyclic, or `axis` of `responses` and `values` differ in length.
    """
    return _fit_each(responses, values, period, axis, _one_mode).first


def reference_bimodal_von_mises(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> TwoModes:
    """Fit one and two von Mises peaks, and take what the reference takes (`DSF_BimodalVonMisesFit`).

    Two peaks are taken where both fits are accepted (see `reference_von_mises`; two peaks need n >= 9 and both
    kappa >= 0) and the variance of the first angle is not larger than in the fit of one peak; the first mode is the one
    of larger selectivity. Where only one peak is accepted, the second mode is 0; without it both are.

    Args:
        responses: (..., n, ...) with n values along `axis`.
        values: (n,) in the unit of `period`.
        period: Period of the cyclic feature.
        axis: Axis of the values.

    Returns:
        Two modes on the axes of `responses` without `axis`.

    Raises:
        ParameterError: If the feature is not cyclic, or `axis` of `responses` and `values` differ in length.
    """
    return _fit_each(responses, values, period, axis, _two_modes)


class _Mode(NamedTuple):
    """A fitted peak: angle in the half circle, selectivity, variance of the angle."""

    angle: float
    selectivity: float
    variance: float


_NO_MODE = _Mode(0.0, 0.0, math.inf)


def _fit_each(
    responses: ArrayLike,
    values: Sequence[float] | FloatArray,
    period: float | None,
    axis: int,
    fit: Callable[[FloatArray, FloatArray, float], tuple[_Mode, _Mode]],
) -> TwoModes:
    """Fit unit by unit: `fit` takes responses (n,), angles (n,) and the angle to start from."""
    if period is None or not period > 0:
        raise ParameterError(
            f"reference_von_mises.period: must be > 0, the curve is cyclic (got {period!r}). Use reference_maximum."
        )
    r, v = np.moveaxis(np.asarray(responses, dtype=float), axis, -1), np.asarray(values, dtype=float)
    if v.shape != r.shape[-1:]:
        raise ParameterError(
            f"values: must be one-dimensional, one for each response along axis {axis} "
            f"(got shape {v.shape} for {r.shape[-1]} responses). Give the values in the order of the responses."
        )
    curves = r.reshape(-1, len(v))
    found = np.array([fit(curve, math.pi * v / period, float(v[curve.argmax()])) for curve in curves]).reshape(-1, 2, 3)
    shape = r.shape[:-1]
    modes = []
    for mode in (found[:, 0], found[:, 1]):
        preference = wrap(mode[:, 0] * period / math.pi, period)
        modes.append(Preference(preference.reshape(shape), mode[:, 1].reshape(shape)))
    return TwoModes(*modes)


def _one_mode(curve: FloatArray, angles: FloatArray, start: float) -> tuple[_Mode, _Mode]:
    if len(curve) < 5 or curve.std() < NOISE_LEVEL:
        return _NO_MODE, _NO_MODE
    modes = _search(curve + _noise(len(curve)), angles, [1.0, 1.0, start])
    accepted = bool(modes) and modes[0].variance <= WORST_FIT
    return (modes[0] if accepted else _NO_MODE), _NO_MODE


def _two_modes(curve: FloatArray, angles: FloatArray, start: float) -> tuple[_Mode, _Mode]:
    one, none = _one_mode(curve, angles, start)
    if one is _NO_MODE or len(curve) < 9:
        return one, none
    across = start + math.pi / 2 if start < math.pi / 2 else start - math.pi / 2
    modes = _search(curve + _noise(len(curve)), angles, [1.0, 1.0, start, 1.0, 1.0, across])
    if not modes or modes[0].variance > min(one.variance, WORST_FIT):
        return one, none
    first, second = modes
    return (second, first) if second.selectivity > first.selectivity else (first, second)


@cache
def _noise(n: int) -> FloatArray:
    return NOISE_LEVEL * np.random.RandomState(0).random_sample(n)


def _search(curve: FloatArray, angles: FloatArray, start: Sequence[float]) -> list[_Mode]:
    """Search for peaks (A, kappa, t each) by least squares; return none where the fit is refused."""

    def residual(parameters: FloatArray) -> FloatArray:
        amplitude, kappa, centre = parameters.reshape(-1, 3, 1).transpose(1, 0, 2)
        return curve - (amplitude * np.exp(kappa * (np.cos(2 * (angles - centre)) - 1))).sum(axis=0)

    def slopes(parameters: FloatArray) -> FloatArray:
        amplitude, kappa, centre = parameters.reshape(-1, 3, 1).transpose(1, 0, 2)
        fall = np.cos(2 * (angles - centre)) - 1
        shape = np.exp(kappa * fall)  # (peaks, angles), as the derivatives by A, kappa and t
        by = [-shape, -amplitude * shape * fall, -amplitude * shape * 2 * kappa * np.sin(2 * (angles - centre))]
        return np.stack(by, axis=1).reshape(-1, len(angles)).T

    with np.errstate(over="ignore", invalid="ignore"):  # trial steps of the search may lead far away
        found, converged = minimise_squares(residual, slopes, np.array(start))
        kappas, ending = found[1::3], slopes(found)
    if not converged or (kappas < 0).any() or np.linalg.matrix_rank(ending) < len(start):
        return []
    covariance = np.linalg.inv(ending.T @ ending)
    error = (residual(found) ** 2).sum() / (len(curve) - len(start))
    largest = (0.206 + 0.614 * len(curve)) ** 2
    return [
        _Mode(float(found[i]), math.log1p(kappa) / math.log1p(largest), float(covariance[i, i] * error))
        for i, kappa in zip(range(2, len(start), 3), kappas, strict=True)
    ]


REFERENCE_METHODS: Mapping[str, Callable[..., Preference]] = {
    "reference_maximum": reference_maximum,
    "reference_von_mises": reference_von_mises,
}
"""The definitions that give one preference for each unit, by the names under which a measurement can offer them."""
