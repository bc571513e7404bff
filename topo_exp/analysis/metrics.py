"""Numbers of one map, or of one activity pattern, computed from its values alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray


def mean_selectivity(selectivity: ArrayLike) -> float:
    """Return the mean selectivity of a map.

        <s> = (1/N) sum_i s_i

    Args:
        selectivity: s, any shape, at least 0; N units. Units that are NaN are left out.

    Returns:
        the mean, NaN when no unit has a value.

    References:
        The selectivity measure of Stevens, J.-L. R., Law, J. S., Antolik, J. & Bednar, J. A. (2013), J Neurosci
        33:15747-15766, doi:10.1523/JNEUROSCI.1037-13.2013, averaged over the map as in its figures 5-9.
    """
    return _mean(np.asarray(selectivity, dtype=np.float64))


def mean_activity(activity: ArrayLike) -> float:
    """Return the mean activity of a sheet or a set of responses.

        <r> = (1/N) sum_i r_i

    Args:
        activity: r, any shape; N values. NaN are left out.

    Returns:
        the mean in the unit of the activity, NaN when there is no value.
    """
    return _mean(np.asarray(activity, dtype=np.float64))


def sparseness(activity: ArrayLike) -> float:
    """Return the Treves-Rolls sparseness of an activity pattern.

        a = (sum_i r_i / N)^2 / (sum_i r_i^2 / N)

    Args:
        activity: r, any shape, rates at least 0; N values. NaN are left out.

    Returns:
        a: 1 when all N are equally active, 1/N when one alone is active (small means sparse), f when a fraction f
        is equally active; NaN for a silent pattern, for which it is not defined.

    References:
        Treves, A. & Rolls, E. T. (1991), Network 2:371-397, doi:10.1088/0954-898X_2_4_004.
    """
    r = np.asarray(activity, dtype=np.float64)
    r = r[np.isfinite(r)]
    power = float(np.mean(r**2)) if r.size else 0.0
    return float(np.mean(r)) ** 2 / power if power > 0 else np.nan


def orientation_histogram(
    preference: ArrayLike, weights: ArrayLike | None = None, *, bins: int = 18, period: float = np.pi
) -> tuple[FloatArray, FloatArray]:
    """Return the fraction of a map that prefers each range of a cyclic feature.

        h_b = sum_i w_i [theta_i mod period in bin b] / sum_i w_i

    Bins are centred on 0, period/bins, ...: horizontal and vertical lie in the middle of a bin, not on its edge.

    Args:
        preference: theta, any shape, in the unit of `period`; units that are NaN are left out.
        weights: w, same shape, at least 0, such as selectivity; None stands for 1.
        bins: How many; at least 1.
        period: pi for orientation.

    Returns:
        (centres, h), each (bins,): centres in [0, period), h summing to 1, or all NaN when nothing has weight.

    Raises:
        ParameterError: Bins < 1 or weights of another shape.
    """
    if bins < 1:
        raise ParameterError(f"orientation_histogram.bins: must be >= 1 (got {bins}). Choose a positive number.")
    theta, w = _weighted(preference, weights, where="orientation_histogram")
    width = period / bins
    index = np.floor(theta / width + 0.5).astype(np.int64) % bins
    counts = np.bincount(index, weights=w, minlength=bins)
    total = counts.sum()
    return np.arange(bins) * width, counts / total if total > 0 else np.full(bins, np.nan)


def orientation_bias(
    preference: ArrayLike, weights: ArrayLike | None = None, *, period: float = np.pi
) -> tuple[float, float]:
    """Return the strength of a map's bias to one orientation, and that orientation.

        R exp(2 pi i theta_b / period) = sum_i w_i exp(2 pi i theta_i / period) / sum_i w_i

    Args:
        preference: theta, any shape, in the unit of `period`; units that are NaN are left out.
        weights: w, same shape, at least 0, such as selectivity; None stands for 1.
        period: pi for orientation.

    Returns:
        (R, theta_b): R from 0 (none favoured) to 1 (all equal), theta_b in [0, period), without meaning where R is
        0; both NaN when nothing has weight.

    Raises:
        ParameterError: Weights of another shape.

    References:
        Mean resultant length and direction; Mardia, K. V. & Jupp, P. E. (1999), Directional Statistics, sec. 2.3,
        doi:10.1002/9780470316979.
    """
    theta, w = _weighted(preference, weights, where="orientation_bias")
    if not w.sum() > 0:
        return np.nan, np.nan
    mean = np.sum(w * np.exp(2j * np.pi / period * theta)) / w.sum()
    return float(abs(mean)), float(np.angle(mean) * period / (2 * np.pi) % period)


def cardinal_bias(preference: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return how far a map favours horizontal and vertical over the obliques.

        C = sum_i w_i cos(4 theta_i) / sum_i w_i

    Args:
        preference: theta, any shape, orientations in radians; units that are NaN are left out.
        weights: w, same shape, at least 0, such as selectivity; None stands for 1.

    Returns:
        C: 1 when all are horizontal or vertical, -1 when all are at 45 or 135 degrees, 0 without bias; NaN when
        nothing has weight.

    Raises:
        ParameterError: Weights of another shape.

    References:
        Fourth trigonometric moment about horizontal; Mardia, K. V. & Jupp, P. E. (1999), Directional Statistics,
        doi:10.1002/9780470316979; for the overrepresentation in animals, Chapman, B. & Bonhoeffer, T. (1998), PNAS
        95:2609-2614, doi:10.1073/pnas.95.5.2609.
    """
    theta, w = _weighted(preference, weights, where="cardinal_bias")
    return float(np.sum(w * np.cos(4 * theta)) / w.sum()) if w.sum() > 0 else np.nan


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else np.nan


def _weighted(preference: ArrayLike, weights: ArrayLike | None, *, where: str) -> tuple[FloatArray, FloatArray]:
    theta = np.asarray(preference, dtype=np.float64)
    w = np.ones_like(theta) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != theta.shape:
        raise ParameterError(f"{where}.weights: must have the preference's shape {theta.shape} (got {w.shape}).")
    valid = np.isfinite(theta) & np.isfinite(w)
    return theta[valid], w[valid]
