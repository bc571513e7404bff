"""From responses to preferences: the value of a feature that a unit responds to best, and how selectively.

Every function takes `responses` whose axis `axis` runs over the feature's `values`, and returns a `Preference` of two
arrays on the remaining axes. A unit none of whose responses is above 0, or one of whose responses is NaN, has no
preference: both are NaN. All selectivities lie in [0, 1]: 0 where all values are responded to alike, 1 where the unit
responds to a single one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from topo_exp.errors import ParameterError, UnknownNameError, nearest
from topo_exp.typing import BoolArray, FloatArray


class Preference(NamedTuple):
    """Preferred values (in the feature's unit) and selectivities in [0, 1], of equal shape."""

    preference: FloatArray
    selectivity: FloatArray


class VonMisesFit(NamedTuple):
    """Peaks fitted to tuning curves; `amplitude`, `concentration` and `centre` have shape (..., n_peaks).

    Peaks are in order of falling amplitude; `residual` (...) is the root mean square of data minus fit, relative to the
    largest response of the unit. A silent unit has amplitude 0, and NaN for the rest.
    """

    amplitude: FloatArray
    concentration: FloatArray
    centre: FloatArray
    residual: FloatArray


def vector_average(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> Preference:
    """Average the values of a feature, weighted by the responses to them.

    A cyclic feature of period P has, with responses r_k to values v_k, the resultant z = sum_k r_k exp(2 pi i v_k / P);
    its preference is P arg(z) / (2 pi) in [0, P), its selectivity |z| / sum_k |r_k|. For orientation (P = pi) this is
    the vector sum in doubled angles. A response below 0 counts as one above 0 to the opposite value.

    A linear feature has the preference sum_k r_k v_k / sum_k r_k, which lies between the smallest and the largest
    value, and the selectivity of `peak_share`. Responses below 0 count as 0: a value that inhibits the unit is not
    preferred, and a linear feature has no opposite value to count it for.

    Args:
        responses: (..., n, ...) with n values along `axis`.
        values: (n,) in the feature's unit.
        period: Of a cyclic feature, in the same unit; None for a linear one.
        axis: The axis of `responses` that runs over the values.

    Returns:
        Preference on the axes of `responses` without `axis`; NaN for a unit without a response above 0.

    Raises:
        ParameterError: `axis` of `responses` and `values` differ in length, or the period is not positive.

    References:
        Blasdel, G. G. & Salama, G. (1986), Nature 321:579-585, doi:10.1038/321579a0; as measured in Stevens, J.-L. R.
        et al. (2013), J Neurosci 33:15747-15766, doi:10.1523/JNEUROSCI.1037-13.2013.
    """
    r, v = _aligned(responses, values, axis, period)
    valued = responding(r)
    if period is None:
        weight = np.maximum(r, 0.0)
        weighted, total = _weighted_sum(v, weight), weight.sum(axis=0)
        average = np.divide(weighted, total, out=np.full_like(total, np.nan), where=valued)
        return Preference(np.clip(average, v.min(), v.max()), peak_share(r))  # rounding may leave the range
    angles = 2 * np.pi * v / period
    resultant = _weighted_sum(np.cos(angles), r) + 1j * _weighted_sum(np.sin(angles), r)
    total = np.abs(r).sum(axis=0)
    selectivity = np.divide(np.abs(resultant), total, out=np.full_like(total, np.nan), where=valued)
    preference = wrap(np.angle(resultant) * period / (2 * np.pi), period)
    return Preference(np.where(valued, preference, np.nan), np.minimum(selectivity, 1.0))


def maximum(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> Preference:
    """Take the value with the largest response (the first of equals); selectivity is that of `peak_share`.

    Args:
        responses: (..., n, ...) with n values along `axis`.
        values: (n,) in the feature's unit.
        period: Of a cyclic feature, in the same unit; None for a linear one.
        axis: The axis of `responses` that runs over the values.

    Returns:
        Preference on the axes of `responses` without `axis`; NaN for a unit without a response above 0.

    Raises:
        ParameterError: `axis` of `responses` and `values` differ in length, or the period is not positive.
    """
    r, v = _aligned(responses, values, axis, period)
    best = v[r.argmax(axis=0)]
    if period is not None:
        best = wrap(best, period)
    return Preference(np.where(responding(r), best, np.nan), peak_share(r))


def peak_share(responses: ArrayLike, *, axis: int = 0) -> FloatArray:
    """Return how far the largest response stands out among all.

        s = (n max_k r_k / sum_k r_k - 1) / (n - 1)

    Args:
        responses: r, (..., n, ...) with n responses along `axis`; those below 0 count as 0.
        axis: The axis that runs over the responses.

    Returns:
        s in [0, 1], without `axis`: 0 for n equal responses, 1 where only one of them is above 0, NaN where none is;
        1 for n = 1.
    """
    r = np.maximum(np.moveaxis(np.asarray(responses, dtype=float), axis, 0), 0.0)
    n = len(r)
    peak, total = r.max(axis=0), r.sum(axis=0)
    share = np.divide(peak, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.clip((n * share - 1) / (n - 1), 0.0, 1.0) if n > 1 else share


def responding(responses: ArrayLike, *, axis: int = 0) -> BoolArray:
    """Return True for each unit with a response above 0 and none that is NaN.

    Args:
        responses: (..., n, ...) with n responses along `axis`.
        axis: The axis that runs over the responses.
    """
    return np.asarray(np.asarray(responses, dtype=float).max(axis=axis) > 0)


def von_mises(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> Preference:
    """Fit one von Mises peak to the responses and take its centre.

    Selectivity is I1(kappa) / I0(kappa), the resultant length of the fitted peak, to which that of `vector_average`
    tends for the same curve sampled finely. See `fit_von_mises` for the curve, the arguments and the errors.
    """
    return _preference_of_fit(fit_von_mises(responses, values, period=period, n_peaks=1, axis=axis))


def von_mises_two(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float | None = None, axis: int = 0
) -> Preference:
    """Fit two von Mises peaks to the responses and take the centre and concentration of the higher one.

    See `fit_von_mises`, which also gives the second peak.
    """
    return _preference_of_fit(fit_von_mises(responses, values, period=period, n_peaks=2, axis=axis))


def fit_von_mises(
    responses: ArrayLike,
    values: Sequence[float] | FloatArray,
    *,
    period: float | None,
    n_peaks: int = 1,
    axis: int = 0,
    steps: int = 100,
) -> VonMisesFit:
    """Fit sum_j A_j exp(kappa_j (cos(2 pi (v - mu_j) / P) - 1)) to each unit's responses by least squares.

    A_j is the amplitude, kappa_j the concentration and mu_j the centre of peak j. All units are fitted at once by
    Levenberg-Marquardt steps on (log A, log kappa, mu), started from the largest response and, for a second peak, from
    the largest residue after the first; kappa stays within [1e-3, 1e3].

    Args:
        responses: (..., n, ...), n values along `axis`; negative ones count as 0, since the curve has none.
        values: (n,) in the unit of `period`.
        period: P of the cyclic feature.
        n_peaks: 1 or 2.
        axis: The axis of `responses` that runs over the values.
        steps: Largest number of steps.

    Returns:
        VonMisesFit; centres in [0, P).

    Raises:
        ParameterError: The feature is not cyclic, a peak has fewer than 3 values, or n_peaks is not 1 or 2.

    References:
        Swindale, N. V. (1998), Biol Cybern 78:45-56, doi:10.1007/s004220050411.
    """
    if period is None:
        raise ParameterError("fit_von_mises.period: must be given, the curve is cyclic (got None). Use vector_average.")
    if n_peaks not in (1, 2):
        raise ParameterError(f"fit_von_mises.n_peaks: must be 1 or 2 (got {n_peaks}). Choose one of them.")
    r, v = _aligned(responses, values, axis, period)
    if len(v) < 3 * n_peaks:
        raise ParameterError(
            f"fit_von_mises.values: {n_peaks} peak(s) need at least {3 * n_peaks} values (got {len(v)}). Measure more."
        )
    shape = r.shape[1:]
    curves = np.maximum(r, 0.0).reshape(len(v), -1).T
    angles = 2 * np.pi * v / period
    scale = curves.max(axis=1)
    live = scale > 0
    amplitude = np.zeros((len(curves), n_peaks))
    concentration, centre = (np.full((len(curves), n_peaks), np.nan) for _ in range(2))
    residual = np.full(len(curves), np.nan)
    if live.any():
        parameters, error = _levenberg_marquardt(curves[live] / scale[live, None], angles, n_peaks, steps)
        order = np.argsort(-parameters[:, 0], axis=1, kind="stable")
        parameters = np.take_along_axis(parameters, order[:, None], axis=2)
        amplitude[live] = np.exp(parameters[:, 0]) * scale[live, None]
        concentration[live] = np.exp(parameters[:, 1])
        centre[live] = wrap(parameters[:, 2] * period / (2 * np.pi), period)
        residual[live] = np.sqrt(error / len(v))
    peaks = (*shape, n_peaks)
    return VonMisesFit(
        amplitude.reshape(peaks), concentration.reshape(peaks), centre.reshape(peaks), residual.reshape(shape)
    )


def half_width(
    responses: ArrayLike, values: Sequence[float] | FloatArray, *, period: float, axis: int = 0
) -> FloatArray:
    """Return half the width of each tuning curve at half its largest response.

    From the largest response outwards on either side, the first crossing of half of it is found by linear interpolation
    between neighbouring values; the result is half the distance of the two. For a von Mises curve of concentration
    kappa, finely sampled, it tends to P arccos(1 - ln 2 / kappa) / (2 pi).

    Args:
        responses: (..., n, ...), n >= 3 values along `axis`.
        values: (n,), rising and evenly spread over one period, the last one not repeating the first.
        period: P of the cyclic feature.
        axis: The axis of `responses` that runs over the values.

    Returns:
        Array without `axis`, in the unit of `values`; NaN where a curve never falls to half, or is silent.

    Raises:
        ParameterError: The values are not evenly spread over the period, or do not match `responses`.
    """
    r, v = _aligned(responses, values, axis, period)
    n = len(v)
    if n < 3 or not np.allclose(np.diff(v), period / n):
        raise ParameterError(
            f"half_width.values: must be at least 3, evenly spread over the period {period:g} (got {v.tolist()}). "
            "Measure at evenly spread values."
        )
    curves = np.moveaxis(r, 0, -1)
    shift = (curves.argmax(axis=-1)[..., None] + np.arange(n)) % n
    right = np.take_along_axis(curves, shift, axis=-1)  # begins at the peak
    left = np.concatenate([right[..., :1], right[..., :0:-1]], axis=-1)
    return (_first_crossing(right) + _first_crossing(left)) / 2 * period / n


def wrap(values: ArrayLike, period: float) -> FloatArray:
    """Return `values` modulo `period`, in [0, period) even where rounding would give the period itself."""
    wrapped = np.mod(np.asarray(values, dtype=float), period)
    return np.where(wrapped >= period, 0.0, wrapped)


METHODS: Mapping[str, Callable[..., Preference]] = {
    "vector_average": vector_average,
    "maximum": maximum,
    "von_mises": von_mises,
    "von_mises_two": von_mises_two,
}
"""The ways from responses to a preference, by the names that the option `method` takes."""


def method_named(name: str) -> Callable[..., Preference]:
    """Return the function of that name in `METHODS`; raise UnknownNameError if there is none."""
    if name not in METHODS:
        raise UnknownNameError(f"method: must be the name of a method (got {name!r}). {nearest(name, METHODS)}")
    return METHODS[name]


def _aligned(
    responses: ArrayLike, values: Sequence[float] | FloatArray, axis: int, period: float | None
) -> tuple[FloatArray, FloatArray]:
    r, v = np.moveaxis(np.asarray(responses, dtype=float), axis, 0), np.asarray(values, dtype=float)
    if v.ndim != 1 or len(v) != len(r) or not len(v):
        raise ParameterError(
            f"values: must be one-dimensional, one for each response along axis {axis} "
            f"(got shape {v.shape} for {len(r)} responses). Give the values in the order of the responses."
        )
    if period is not None and not period > 0:
        raise ParameterError(f"period: must be > 0 (got {period}). Leave it out for a feature that is not cyclic.")
    return r, v


def _weighted_sum(weights: FloatArray, responses: FloatArray) -> FloatArray:
    """Return sum_k w_k r_k without BLAS: starting its threads takes longer than these short sums."""
    total = np.zeros(responses.shape[1:])
    for weight, response in zip(weights, responses, strict=True):
        total += weight * response
    return total


def _preference_of_fit(fit: VonMisesFit) -> Preference:
    from scipy.special import ive  # here, because scipy takes long to load

    kappa = fit.concentration[..., 0]
    return Preference(fit.centre[..., 0], ive(1, kappa) / ive(0, kappa))


def _first_crossing(curves: FloatArray) -> FloatArray:
    """Return where, in steps from the first element, curves (..., n) first reach half their first element."""
    half = curves[..., :1] / 2
    below = curves <= half
    index = np.where(below.any(axis=-1), below.argmax(axis=-1), 1)[..., None]
    high = np.take_along_axis(curves, index - 1, axis=-1)
    low = np.take_along_axis(curves, index, axis=-1)
    step = np.divide(high - half, high - low, out=np.zeros_like(high), where=high > low)
    crossing = (index - 1 + step)[..., 0]
    return np.where(below.any(axis=-1) & (half[..., 0] > 0), crossing, np.nan)


def _levenberg_marquardt(
    curves: FloatArray, angles: FloatArray, n_peaks: int, steps: int
) -> tuple[FloatArray, FloatArray]:
    """Fit peaks to curves (N, n) of largest value 1; return parameters (N, 3, n_peaks), summed squared errors (N,)."""
    parameters = _first_guess(curves, angles, n_peaks)
    damping = np.full(len(curves), 1e-2)
    error = ((curves - _peaks(parameters, angles).sum(axis=2)) ** 2).sum(axis=1)
    todo = np.arange(len(curves))
    for _ in range(steps):
        p, data = parameters[todo], curves[todo]
        peaks = _peaks(p, angles)
        delta = angles[:, None] - p[:, None, 2]
        kappa = np.exp(p[:, None, 1])
        jacobian = np.concatenate(
            [peaks, peaks * kappa * (np.cos(delta) - 1), peaks * kappa * np.sin(delta)], axis=2
        )  # (N, n, 3 n_peaks): by log A, log kappa, mu
        gradient = np.einsum("unp,un->up", jacobian, data - peaks.sum(axis=2))
        hessian = np.einsum("unp,unq->upq", jacobian, jacobian)
        diagonal = np.einsum("upp->up", hessian)
        diagonal += damping[todo, None] * (diagonal + 1e-6)  # a view: this damps the Hessian itself
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0].reshape(-1, 3, n_peaks)
        trial = p + np.clip(step, -1.0, 1.0)
        trial[:, 0] = np.clip(trial[:, 0], -30.0, 3.0)
        trial[:, 1] = np.clip(trial[:, 1], np.log(1e-3), np.log(1e3))
        new = ((data - _peaks(trial, angles).sum(axis=2)) ** 2).sum(axis=1)
        better = new <= error[todo]
        settled = better & (error[todo] - new <= 1e-14 + 1e-10 * new) & (np.abs(step).max(axis=(1, 2)) < 1e-7)
        parameters[todo[better]] = trial[better]
        error[todo[better]] = new[better]
        damping[todo] = np.clip(damping[todo] * np.where(better, 0.2, 8.0), 1e-12, 1e12)
        todo = todo[~settled & (damping[todo] < 1e12)]
        if not len(todo):
            break
    return parameters, error


def _peaks(parameters: FloatArray, angles: FloatArray) -> FloatArray:
    """Return each peak's curve, (N, n, n_peaks)."""
    delta = angles[:, None] - parameters[:, None, 2]
    return np.exp(parameters[:, None, 0] + np.exp(parameters[:, None, 1]) * (np.cos(delta) - 1))


def _first_guess(curves: FloatArray, angles: FloatArray, n_peaks: int) -> FloatArray:
    parameters = np.empty((len(curves), 3, n_peaks))
    rest = curves
    for peak in range(n_peaks):
        best = rest.argmax(axis=1)
        height = np.maximum(np.take_along_axis(rest, best[:, None], axis=1)[:, 0], 1e-3)
        resultant = np.abs(curves @ np.exp(1j * angles)) / curves.sum(axis=1)
        spread = np.clip(1.0 - resultant, 0.05, 1.0)
        parameters[:, 0, peak] = np.log(height)
        parameters[:, 1, peak] = np.log(1.0 / spread if n_peaks == 1 else 2.0 / spread)
        parameters[:, 2, peak] = angles[best]
        rest = rest - _peaks(parameters[:, :, peak : peak + 1], angles)[:, :, 0]
    return parameters
