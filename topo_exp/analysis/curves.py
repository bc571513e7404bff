"""Numbers of tuning curves: fits, widths and crossings."""

import numpy as np

from topo_exp.analysis.preference import responding
from topo_exp.typing import FloatArray


def naka_rushton_fit(contrasts: FloatArray, responses: FloatArray) -> tuple[float, float, float]:
    """Return R_max, c50 and n of R(c) = R_max c^n / (c^n + c50^n), fitted by least squares.

    Args:
        contrasts: (m,), rising, at least 0, in any unit.
        responses: (m,), at least 0.

    Returns:
        (R_max, c50 in the unit of the contrasts, n); NaN where there is nothing to fit or the fit does not converge.

    References:
        Naka & Rushton (1966), J Physiol 185:536, doi:10.1113/jphysiol.1966.sp008001.
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
    high = first_reach(above, v, height / 2, falling=True)
    low = first_reach(below[::-1], v[::-1], height / 2, falling=True)
    return np.where(height > 0, high - low, np.nan)


def first_reach(curves: FloatArray, values: FloatArray, level: FloatArray, *, falling: bool = False) -> FloatArray:
    """Return the value at which each curve (n, ...) first reaches a positive `level` (...), NaN where it does not."""
    reached = curves <= level if falling else curves >= level
    first = np.where(reached.any(axis=0), reached.argmax(axis=0), -1)
    before = np.maximum(first - 1, 0)
    a, b = (np.take_along_axis(curves, i.clip(0)[None], axis=0)[0] for i in (before, first))
    step = np.divide(level - a, b - a, out=np.ones_like(level), where=a != b)
    found = values[before] + step * (values[first.clip(0)] - values[before])
    return np.where((first >= 0) & (level > 0), found, np.nan)


def mean_of_responding(curves: FloatArray) -> FloatArray:
    """Return the mean of curves (n, ...) over the units that respond; NaN if none does."""
    respond = responding(curves)
    return np.asarray(curves[:, respond].mean(axis=1)) if respond.any() else np.full(len(curves), np.nan)
