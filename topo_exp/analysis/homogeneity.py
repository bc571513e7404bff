"""Local homogeneity: how uniform a map is around each of its units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from topo_exp.analysis.grids import as_map, polar_map
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray


def local_homogeneity(
    preference: ArrayLike, x: ArrayLike, y: ArrayLike, *, sigma: float, period: float = np.pi
) -> FloatArray:
    """Return the local homogeneity index of each unit of a map of a cyclic preference.

        LHI(u) = | sum_v g(u, v) exp(2 i theta(v)) | / sum_v g(u, v),   g(u, v) = exp(-|u - v|^2 / (2 sigma^2))

    The denominator is the paper's 2 pi sigma^2 on an endless sheet; written as a sum it also holds at an edge, where
    part of the neighbourhood is missing. (2 stands for 2 pi / period.)

    Args:
        preference: theta, (rows, cols), in the unit of `period`; NaN for a unit without a value, which is left out of
            the sums of the others.
        x: (cols,), unit centres in sheet coordinates.
        y: (rows,), the same.
        sigma: Width of the neighbourhood in sheet units, above 0. The paper has 180 micrometres in animals with
            hypercolumns of about 1 mm (cat) and 0.7 mm (macaque), so 0.18 to 0.25 hypercolumn distances.
        period: pi for orientation.

    Returns:
        LHI, (rows, cols): 1 in a uniform neighbourhood, 0 in the centre of a pinwheel, NaN for a unit without a value.

    Raises:
        ParameterError: sigma is not above 0 or the coordinates do not fit the map.

    References:
        Nauhaus, I., Benucci, A., Carandini, M. & Ringach, D. L. (2008), Neuron 57:673-679,
        doi:10.1016/j.neuron.2008.01.020.
    """
    theta = as_map(preference, where="local_homogeneity.preference")
    if not sigma > 0:
        raise ParameterError(f"local_homogeneity.sigma: must be > 0 (got {sigma}). Try 0.2 hypercolumn distances.")
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if theta.shape != (ys.size, xs.size):
        raise ParameterError(f"local_homogeneity: x and y must fit the map {theta.shape} (got {ys.size}, {xs.size}).")
    valued = np.isfinite(theta)
    z = np.where(valued, polar_map(np.where(valued, theta, 0.0), period=period), 0)
    along_y, along_x = _gaussian_matrix(ys, sigma), _gaussian_matrix(xs, sigma)
    mass = _smoothed(valued.astype(np.float64), along_y, along_x)
    resultant = np.abs(_smoothed(z.real, along_y, along_x) + 1j * _smoothed(z.imag, along_y, along_x))
    return np.divide(resultant, mass, out=np.full_like(mass, np.nan), where=valued)


def _gaussian_matrix(centres: FloatArray, sigma: float) -> FloatArray:
    return np.exp(-((centres[:, None] - centres[None, :]) ** 2) / (2 * sigma**2))


def _smoothed(values: FloatArray, along_y: FloatArray, along_x: FloatArray) -> FloatArray:
    # not the @ operator: for arrays this small, starting its threads takes longer than all the rest
    return np.einsum("ir,rj->ij", along_y, np.einsum("rc,jc->rj", values, along_x))
