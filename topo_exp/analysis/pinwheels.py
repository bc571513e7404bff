"""Pinwheels, the points where all orientations meet: their number, signs and distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topo_exp.analysis.grids import ComplexArray, as_polar, cells_with_values
from topo_exp.errors import ParameterError
from topo_exp.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Pinwheels:
    """The pinwheels of one map.

    Attributes:
        x: (n,), sheet coordinates.
        y: (n,), sheet coordinates.
        sign: (n,), +1 where the preference turns counterclockwise along a counterclockwise way around it, else -1.
    """

    x: FloatArray
    y: FloatArray
    sign: IntArray

    def __len__(self) -> int:
        """Return the number of pinwheels."""
        return len(self.x)


def find_pinwheels(polar: ArrayLike, x: ArrayLike, y: ArrayLike) -> Pinwheels:
    """Find the pinwheels of a map where the zero contours of its real and imaginary part cross.

        Re z(p) = 0  and  Im z(p) = 0

    with z interpolated bilinearly between four neighbouring unit centres, which makes each contour continuous from
    cell to cell, and solved in each cell in closed form: z = P(u) + v Q(u) vanishes where Im(P conj Q) = 0, a
    quadratic in u, and v = -Re(P conj Q) / |Q|^2. The signs of the crossings within a cell add up to its winding number
    (see `winding_numbers`); a coarse map can have cells with a pair of opposite ones, which only this function counts.

    Only cells whose four corners have a value are searched: the edge of a region of units without a value is no
    contour. A single unit with z = 0 among units with values is the centre of a pinwheel; two or more next to each
    other, or one next to a unit without a value, have no value.

    Args:
        polar: z, complex (rows, cols), see `polar_map`; NaN for a unit without a value. With or without selectivity:
            its zeros in a fine map are the same.
        x: (cols,), unit centres in sheet coordinates.
        y: (rows,), the same.

    Returns:
        Pinwheels, with positions between the unit centres.

    Raises:
        ParameterError: z is not a complex map or the coordinates do not fit it.

    References:
        Kaschube, M. et al. (2010), Science 330:1113-1116, supplement, doi:10.1126/science.1194869; zero contours also
        in Stevens, J.-L. R. et al. (2013), J Neurosci 33:15747-15766, doi:10.1523/JNEUROSCI.1037-13.2013.
    """
    z = as_polar(polar, where="find_pinwheels.polar")
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if z.shape != (ys.size, xs.size):
        raise ParameterError(f"find_pinwheels: x and y must fit the map {z.shape} (got {ys.size}, {xs.size}).")
    whole = cells_with_values(np.isfinite(z) & ~_crowded_zeros(z))
    rows, cols = np.nonzero(whole & _straddles_zero(z.real) & _straddles_zero(z.imag))
    corner = z[rows, cols]
    along_u = z[rows, cols + 1] - corner
    along_v = z[rows + 1, cols] - corner
    twist = z[rows + 1, cols + 1] - z[rows + 1, cols] - along_u
    u = _quadratic_roots(
        _cross(twist, along_u), _cross(along_v, along_u) + _cross(twist, corner), _cross(along_v, corner)
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # no root, or only one
        p, q = corner + u * along_u, along_v + u * twist
        v = -(p * q.conj()).real / np.abs(q) ** 2
        jacobian = _cross(along_u + v * twist, q)
    inside = (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
    rows, cols = np.broadcast_to(rows, u.shape)[inside], np.broadcast_to(cols, u.shape)[inside]
    dx, dy = np.diff(xs)[cols], np.diff(ys)[rows]
    sign = np.sign(jacobian[inside] * dx * dy).astype(np.int64)
    return Pinwheels(x=xs[cols] + u[inside] * dx, y=ys[rows] + v[inside] * dy, sign=sign)


def winding_numbers(polar: ArrayLike) -> NDArray[np.int8]:
    """Return how often the preference turns around its cycle along the way around each cell of a map.

        w = (1 / 2 pi) sum over the four sides of the cell, counterclockwise, of arg(z_next conj(z_this))

    each side taken the shorter way, so that w is whole: 1 or -1 at a pinwheel (of orientation: half a turn of the
    preferred orientation), 0 elsewhere.

    Args:
        polar: z, complex (rows, cols), row 0 at the top, see `polar_map`; NaN or 0 for a unit without a value.
            Selectivity does not matter, as long as it is not 0.

    Returns:
        w, int8 (rows - 1, cols - 1); entry (r, c) belongs to the cell between units (r, c) and (r + 1, c + 1). 0 for
        a cell with a corner without a value.

    Raises:
        ParameterError: z is not a complex map.

    References:
        Wolf, F. & Geisel, T. (1998), Nature 395:73-78, doi:10.1038/25736 (topological charge of a pinwheel).
    """
    z = as_polar(polar, where="winding_numbers.polar")
    to_right = np.angle(z[:, 1:] * z[:, :-1].conj())
    downwards = np.angle(z[1:] * z[:-1].conj())
    clockwise = to_right[:-1] + downwards[:, 1:] - to_right[1:] - downwards[:, :-1]
    whole = cells_with_values(np.isfinite(z) & (z != 0))
    return np.where(whole, np.rint(-clockwise / (2 * np.pi)), 0).astype(np.int8)


def pinwheel_density(count: float, *, area: float, hypercolumn_distance: float) -> float:
    """Return the number of pinwheels per hypercolumn area.

        rho = N Lambda^2 / A

    Args:
        count: N, pinwheels found.
        area: A, in which they were found, in sheet units squared, at least 0. `find_pinwheels` and `winding_numbers`
            search between unit centres, so that A without bias is the number of cells whose four corners have a value
            times the area of one; (rows - 1)(cols - 1) cells of a whole map. Stevens et al. took the whole sheet, 4 %
            more at 48 x 48.
        hypercolumn_distance: Lambda, sheet units, above 0 or NaN (see `topo_exp.analysis.spectrum`).

    Returns:
        rho, about pi in the animals measured; NaN when Lambda is, or A is 0.

    Raises:
        ParameterError: The area is below 0.

    References:
        Kaschube, M. et al. (2010), Science 330:1113-1116, doi:10.1126/science.1194869.
    """
    if area < 0:
        raise ParameterError(f"pinwheel_density.area: must be >= 0 (got {area}). Pass the area of the map.")
    return float(count) * hypercolumn_distance**2 / area if area > 0 else np.nan


def pinwheel_quality(density: float) -> float:
    """Return how close a pinwheel density is to pi, as an index of the quality of an orientation map.

        Q(rho) = f(rho) / f(pi),   f(rho) = rho^(k-1) exp(-rho/theta) / (theta^k Gamma(k)),   k = 1.8, theta = pi/(k-1)

    a gamma density whose mode is pi, scaled to 1 there; equal to (rho/pi)^(k-1) exp((k-1)(1 - rho/pi)).

    Args:
        density: rho, pinwheels per hypercolumn area, at least 0.

    Returns:
        Q from 0 to 1: 0.932 at 2, 1 at pi, 0.975 at 4, 0.613 at 8; NaN for NaN.

    Raises:
        ParameterError: The density is below 0.

    References:
        Stevens, J.-L. R., Law, J. S., Antolik, J. & Bednar, J. A. (2013), J Neurosci 33:15747-15766, the map quality
        metric, doi:10.1523/JNEUROSCI.1037-13.2013.
    """
    if density < 0:
        raise ParameterError(f"pinwheel_quality.density: must be >= 0 (got {density}). It is a count per area.")
    k = 1.8
    ratio = density / np.pi
    return float(ratio ** (k - 1) * np.exp((k - 1) * (1 - ratio)))


def nearest_neighbour_distances(pinwheels: Pinwheels) -> dict[str, FloatArray]:
    """Return the distance of each pinwheel to the nearest other one.

        d_i = min over j != i of |p_i - p_j|,   j of any sign, of the same sign, of the opposite sign

    Args:
        pinwheels: As found by `find_pinwheels`; n of them.

    Returns:
        {"any", "same", "opposite"}: (n,) each, sheet units; NaN where there is no such neighbour. Divided by the
        hypercolumn distance they compare with the literature.

    References:
        Kaschube, M. et al. (2010), Science 330:1113-1116, fig. 3, doi:10.1126/science.1194869.
    """
    position = pinwheels.x + 1j * pinwheels.y
    distance = np.abs(position[:, None] - position[None, :])
    np.fill_diagonal(distance, np.inf)
    alike = pinwheels.sign[:, None] == pinwheels.sign[None, :]
    kinds = {"any": np.ones_like(alike), "same": alike, "opposite": ~alike}
    nearest = {name: np.min(distance, axis=1, where=kind, initial=np.inf) for name, kind in kinds.items()}
    return {name: np.where(np.isfinite(d), d, np.nan) for name, d in nearest.items()}


def _crowded_zeros(z: ComplexArray) -> BoolArray:
    """Return True where z is 0 and one of the eight neighbours is 0 or NaN, too."""
    blank = np.pad((z == 0) | np.isnan(z), 1)
    rows, cols = z.shape
    around = sum(blank[i : i + rows, j : j + cols].astype(int) for i in range(3) for j in range(3))
    return np.asarray((z == 0) & (around > 1))


def _straddles_zero(values: FloatArray) -> BoolArray:
    corners = (values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:])
    return (np.minimum.reduce(corners) <= 0) & (np.maximum.reduce(corners) >= 0)


def _cross(a: ComplexArray, b: ComplexArray) -> FloatArray:
    return (a.conj() * b).imag


def _quadratic_roots(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Return both roots (2, n) of a u^2 + b u + c = 0 without cancellation; NaN or infinite where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = -0.5 * (b + np.copysign(np.sqrt(b**2 - 4 * a * c), b))
        return np.stack([t / a, c / t])
