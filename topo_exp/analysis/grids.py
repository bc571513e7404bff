"""Maps as arrays: checks, the complex form of a cyclic preference, and the place of a map's cells on its sheet."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topo_exp.errors import ParameterError
from topo_exp.typing import BoolArray, FloatArray

ComplexArray = NDArray[np.complexfloating]


def as_map(values: ArrayLike, *, where: str) -> FloatArray:
    """Return `values` as a two-dimensional array of float64.

    Args:
        values: (rows, cols), row 0 at the top of the sheet; any unit. NaN marks a unit without a value.
        where: Name of the argument in the error message, such as "similarity_index.preference".

    Returns:
        A float64 array (rows, cols).

    Raises:
        ParameterError: The array is not two-dimensional or is empty.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ParameterError(
            f"{where}: must be an array (rows, cols) (got shape {array.shape}). Pass one map at a time."
        )
    return array


def as_polar(polar: ArrayLike, *, where: str) -> ComplexArray:
    """Return `polar` as a two-dimensional array of complex128, NaN where it has no finite value.

    Args:
        polar: (rows, cols), complex, as returned by `polar_map`.
        where: Name of the argument in the error message.

    Returns:
        A complex128 array (rows, cols).

    Raises:
        ParameterError: The array is real or not two-dimensional.
    """
    array = np.asarray(polar)
    if array.ndim != 2 or array.size == 0 or not np.iscomplexobj(array):
        raise ParameterError(
            f"{where}: must be a complex array (rows, cols) (got {array.dtype} of shape {array.shape}). "
            "Make it from a preference with polar_map."
        )
    return np.where(np.isfinite(array), array, np.nan).astype(np.complex128, copy=False)


def cells_with_values(valued: ArrayLike) -> BoolArray:
    """Return True for each cell between four neighbouring units all of which have a value.

    Args:
        valued: (rows, cols), True for a unit that has a value.

    Returns:
        (rows - 1, cols - 1); entry (r, c) belongs to the cell between units (r, c) and (r + 1, c + 1).
    """
    v = np.asarray(valued, dtype=bool)
    return v[:-1, :-1] & v[:-1, 1:] & v[1:, :-1] & v[1:, 1:]


def polar_map(preference: ArrayLike, selectivity: ArrayLike | None = None, *, period: float = np.pi) -> ComplexArray:
    """Return the complex form of a map of cyclic preferences.

        z(x) = s(x) exp(2 pi i theta(x) / period)

    which for orientation, of period pi, is the usual s exp(2 i theta).

    Args:
        preference: theta, (rows, cols), radians or the unit of `period`; NaN for a unit without a value.
        selectivity: s, (rows, cols), at least 0; None stands for 1 everywhere.
        period: The difference at which two preferences are the same again; pi for orientation, 2 pi for phase or
            direction.

    Returns:
        z, complex128 (rows, cols), NaN where theta or s is.

    Raises:
        ParameterError: The arrays are not two-dimensional or differ in shape.

    References:
        Swindale, N. V. (1982), Proc R Soc Lond B 215:211-230, doi:10.1098/rspb.1982.0038.
    """
    theta = as_map(preference, where="polar_map.preference")
    z: ComplexArray = np.exp(2j * np.pi / period * theta)
    if selectivity is None:
        return z
    s = as_map(selectivity, where="polar_map.selectivity")
    if s.shape != theta.shape:
        raise ParameterError(f"polar_map.selectivity: must have the preference's shape {theta.shape} (got {s.shape}).")
    return s * z


def spacing(centres: ArrayLike, *, where: str) -> float:
    """Return the distance between neighbouring unit centres along one axis, without its sign.

    Args:
        centres: (n,), sheet coordinates, equally spaced, rising or falling; n at least 2.
        where: Name of the argument in the error message.

    Returns:
        The distance in sheet units.

    Raises:
        ParameterError: Fewer than two centres, or centres that do not differ.
    """
    array = np.asarray(centres, dtype=np.float64)
    if array.ndim != 1 or array.size < 2 or array[0] == array[-1]:
        raise ParameterError(f"{where}: must be two or more distinct centres (got shape {array.shape}).")
    return float(abs(array[-1] - array[0]) / (array.size - 1))


def bounds_of(x: ArrayLike, y: ArrayLike) -> tuple[float, float, float, float]:
    """Return the bounds of the sheet area whose unit centres are `x` and `y`.

    Args:
        x: (cols,), sheet coordinates.
        y: (rows,), sheet coordinates, falling: row 0 is the top. One centre alone is taken as a cell as large as along
           the other axis, or 1.

    Returns:
        (left, bottom, right, top): half a cell beyond the outermost centres, rounded to nine decimals.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    steps = [spacing(c, where="bounds_of") if c.size > 1 else None for c in (xs, ys)]
    dx = steps[0] or steps[1] or 1.0
    dy = steps[1] or steps[0] or 1.0
    low, high = (xs.min() - dx / 2, ys.min() - dy / 2), (xs.max() + dx / 2, ys.max() + dy / 2)
    left, bottom, right, top = (round(float(edge), 9) for edge in (*low, *high))
    return left, bottom, right, top
