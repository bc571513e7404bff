"""The spectrum of a map and the hypercolumn distance that its ring gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from topo_exp.analysis.grids import as_map, polar_map, spacing
from topo_exp.analysis.least_squares import minimise_squares
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

Form = Literal["polar", "scalar"]

START_2013 = (0.35, 3.8, 1.3, 0.15, -0.003, 0.0)
"""First guess of the scalar form's fit: (a0, ..., a5) that suit GCAL maps of about four hypercolumns across."""


@dataclass(frozen=True)
class Spectrum:
    """The spectrum of one map with its fit; wavenumbers k count cycles per `side`.

    Attributes:
        form: "polar" or "scalar", see `map_spectrum`.
        plane: (rows, cols), amplitude over the plane of wavenumbers, k = 0 in the middle, ky falling like the map's
            rows.
        extent: (left, right, bottom, top) of that plane, outer edges, in k.
        k: (n,), wavenumber of each ring.
        amplitude: (n,), mean over all directions of the amplitude in each ring.
        coefficients: (6,), a0 ... a5 of `ring_shape`; NaN where the fit was not accepted.
        peak: k of the strongest structure: a1 where the fit was accepted, else the centroid of `map_spectrum`; NaN for
            a map without structure.
        fitted: True if the fit was accepted, so that `peak` is its a1.
        side: Length of the longer side of the map in sheet units.
    """

    form: Form
    plane: FloatArray
    extent: tuple[float, float, float, float]
    k: FloatArray
    amplitude: FloatArray
    coefficients: FloatArray
    peak: float
    fitted: bool
    side: float

    @property
    def hypercolumn_distance(self) -> float:
        """Lambda = side / k, the distance of hypercolumns in sheet units; the whole side when the ring is at k <= 1."""
        return self.side / max(self.peak, 1.0) if np.isfinite(self.peak) else np.nan


def ring_shape(k: ArrayLike, a0: float, a1: float, a2: float, a3: float, a4: float, a5: float) -> FloatArray:
    """Return the shape that the radial spectrum of an orientation map is fitted with: a ring over a smooth background.

        h(k) = a0 exp(-(k - a1)^2 / (2 a2^2)) + a3 + a4 k + a5 k^2

    Args:
        k: Wavenumber, any shape and unit.
        a0: Height of the ring.
        a1: Position of the ring.
        a2: Width of the ring.
        a3: Level of the background.
        a4: Slope of the background.
        a5: Curvature of the background.

    Returns:
        h(k), of the shape of k.

    References:
        Kaschube, M. et al. (2010), Science 330:1113-1116, supplementary eq. 7, doi:10.1126/science.1194869.
    """
    k = np.asarray(k, dtype=np.float64)
    return a0 * np.exp(-((k - a1) ** 2) / (2 * a2**2)) + a3 + a4 * k + a5 * k**2


def map_spectrum(
    preference: ArrayLike, x: ArrayLike, y: ArrayLike, *, form: Form = "polar", period: float = np.pi
) -> Spectrum:
    """Return the spectrum of a map of a cyclic preference and the ring fitted to it.

        polar:   S(k) = |F[exp(2 pi i theta / period) - mean]|,   rings of |k| within +-1/2 of a whole number
        scalar:  S(k) = |F[theta / period - 1/2]|, rescaled from its smallest to its largest value to [0, 1],
                 rings of |k| from one whole number up to the next

    F being the discrete Fourier transform and k counting cycles per longer side of the map. "polar" takes theta as
    cyclic, places each ring at the mean |k| of its members and leaves out the corners beyond the Nyquist wavenumber.
    "scalar" is the form computed by the code of Stevens et al. (2013), for comparison with its numbers: the jump from
    pi to 0 is part of the map, k = 0 part of the fit, each ring stands at its lower edge, the corners belong to the
    last ring, and the fit starts from `START_2013`. (That code took odd square maps only.)

    `ring_shape` is fitted to the rings' amplitudes. The fit is accepted if it converged to a ring of positive height
    between the first wavenumber and the last; it needs seven rings, which is 14 units along a side. Otherwise the peak
    is a centroid: the mean |k| of all points in the strongest ring of whole numbers and the two beside it, weighted by
    amplitude squared, each ring by its mean. It is exact for whole numbers of cycles along an axis, and off by
    up to about 15 % on average for one to three hypercolumns.

    Args:
        preference: theta, (rows, cols), in the unit of `period`; NaN for a unit without a value, which counts as the
            mean.
        x: (cols,), unit centres in sheet coordinates.
        y: (rows,), the same.
        form: "polar" or "scalar".
        period: pi for orientation.

    Returns:
        A Spectrum; of a uniform map, or one without any value, with peak NaN.

    Raises:
        ParameterError: An unknown form or coordinates that do not fit the map.

    References:
        Kaschube, M. et al. (2010), Science 330:1113-1116, supplement, doi:10.1126/science.1194869;
        Stevens, J.-L. R. et al. (2013), J Neurosci 33:15747-15766, doi:10.1523/JNEUROSCI.1037-13.2013.
    """
    if form not in ("polar", "scalar"):
        raise ParameterError(f"map_spectrum.form: must be 'polar' or 'scalar' (got {form!r}). Choose one.")
    theta = as_map(preference, where="map_spectrum.preference")
    dx, dy = spacing(x, where="map_spectrum.x"), spacing(y, where="map_spectrum.y")
    if theta.shape != (np.size(y), np.size(x)):
        raise ParameterError(f"map_spectrum: x and y must fit the map {theta.shape} (got {np.size(y)}, {np.size(x)}).")
    side = max(theta.shape[0] * dy, theta.shape[1] * dx)
    ky, kx = side * np.fft.fftfreq(theta.shape[0], dy), side * np.fft.fftfreq(theta.shape[1], dx)
    plane = _plane(theta, form=form, period=period)
    distance = np.hypot(ky[:, None], kx[None, :])
    nyquist = min(side / (2 * dx), side / (2 * dy))
    k, amplitude = _rings(distance, plane, nyquist=nyquist, form=form)
    coefficients = _fit(k, amplitude, form=form)
    fitted = bool(np.isfinite(coefficients).all())
    peak = float(coefficients[1]) if fitted else _centroid(distance, plane, nyquist=nyquist)
    return Spectrum(
        form=form,
        plane=np.fft.fftshift(plane),
        extent=(*_edges(kx), *_edges(-ky)),  # rows count downwards, ky upwards
        k=k,
        amplitude=amplitude,
        coefficients=coefficients,
        peak=peak,
        fitted=fitted,
        side=side,
    )


def _plane(theta: FloatArray, *, form: Form, period: float) -> FloatArray:
    valid = np.isfinite(theta)
    z = np.where(valid, polar_map(np.where(valid, theta, 0.0), period=period), 0)
    count = max(int(valid.sum()), 1)
    if form == "polar":
        return np.abs(np.fft.fft2(np.where(valid, z - z.sum() / count, 0))) / count
    scalar = np.where(valid, theta, 0.0) / period % 1.0
    amplitude = np.abs(np.fft.fft2(np.where(valid, scalar, scalar.sum() / count) - 0.5))
    spread = np.ptp(amplitude)
    return (amplitude - amplitude.min()) / spread if spread > 0 else np.zeros_like(amplitude)


def _rings(distance: FloatArray, plane: FloatArray, *, nyquist: float, form: Form) -> tuple[FloatArray, FloatArray]:
    n = int(nyquist + 1e-9) + 1
    if form == "polar":
        ring = np.rint(distance).astype(np.int64)
        inside = ring < n
        count = np.bincount(ring[inside], minlength=n)
        k = np.bincount(ring[inside], weights=distance[inside], minlength=n) / count
        return k[1:], (np.bincount(ring[inside], weights=plane[inside], minlength=n) / count)[1:]
    ring = np.minimum((distance + 1e-9).astype(np.int64), n - 1).ravel()
    return np.arange(float(n)), np.bincount(ring, weights=plane.ravel(), minlength=n) / np.bincount(ring, minlength=n)


def _edges(k: FloatArray) -> tuple[float, float]:
    step = abs(k[1] - k[0])
    return float(k.min() - step / 2), float(k.max() + step / 2)


def _centroid(distance: FloatArray, plane: FloatArray, *, nyquist: float) -> float:
    """Return the mean wavenumber of the strongest ring and its neighbours by power; NaN without any structure."""
    n = int(nyquist + 1e-9) + 1
    ring = np.rint(distance).astype(np.int64)
    inside = (ring > 0) & (ring < n)
    ring, k, power = ring[inside], distance[inside], plane[inside] ** 2
    count, total, moment = (np.bincount(ring, weights=w, minlength=n + 1) for w in (None, power, power * k))
    if not total.any():
        return np.nan
    amplitude = np.bincount(ring, weights=plane[inside], minlength=n + 1) / np.maximum(count, 1)
    strongest = int(np.argmax(amplitude))
    near = slice(strongest - 1, strongest + 2)
    share = 1 / np.maximum(count[near], 1)
    return float((moment[near] * share).sum() / (total[near] * share).sum())


def _fit(k: FloatArray, amplitude: FloatArray, *, form: Form) -> FloatArray:
    """Return the coefficients (6,) of `ring_shape`; NaN if there is nothing to fit, or the fit is not accepted."""
    nothing = np.full(6, np.nan)
    if len(k) < 7 or np.ptp(amplitude[k > 0]) <= 1e-12:
        return nothing
    start = START_2013 if form == "scalar" else _start(k, amplitude)

    def residual(a: FloatArray) -> FloatArray:
        return ring_shape(k, *a) - amplitude

    def jacobian(a: FloatArray) -> FloatArray:
        away = (k - a[1]) / a[2]
        ring = np.exp(-(away**2) / 2)
        slope = a[0] * ring * away / a[2]
        return np.stack([ring, slope, slope * away, np.ones_like(k), k, k**2], axis=1)

    with np.errstate(all="ignore"):
        found, converged = minimise_squares(residual, jacobian, np.asarray(start))
    found[2] = abs(found[2])
    lowest = k[0] if form == "polar" else 0.0
    accepted = converged and np.isfinite(found).all() and found[0] > 0 and lowest < found[1] < k[-1]
    return found if accepted else nothing


def _start(k: FloatArray, amplitude: FloatArray) -> FloatArray:
    """Return the best of a grid of positions and widths, the other four coefficients being linear in each."""
    position = np.linspace(k[0], 0.75 * k[-1], 32)
    width = np.geomspace(0.5, max(k[-1] / 4, 1.0), 8)
    a1, a2 = (grid.ravel() for grid in np.meshgrid(position, width))
    ring = np.exp(-((k - a1[:, None]) ** 2) / (2 * a2[:, None] ** 2))
    background = np.broadcast_to(np.stack([np.ones_like(k), k / k[-1], (k / k[-1]) ** 2]), (len(a1), 3, len(k)))
    design = np.concatenate([ring[:, None, :], background], axis=1)
    normal = design @ design.transpose(0, 2, 1) + 1e-9 * np.eye(4)
    linear = np.linalg.solve(normal, design @ amplitude[:, None])[..., 0]
    error = np.sum((np.einsum("gi,gik->gk", linear, design) - amplitude) ** 2, axis=1)
    best = int(np.argmin(np.where(linear[:, 0] > 0, error, np.inf)))
    a0, a3, a4, a5 = linear[best]
    return np.array([a0, a1[best], a2[best], a3, a4 / k[-1], a5 / k[-1] ** 2])
