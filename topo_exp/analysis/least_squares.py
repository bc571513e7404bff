"""Nonlinear least squares for one curve, with the same bits at every call.

SciPy's `leastsq` runs compiled code whose rounding depends on where its arrays lie in memory. A difference in the last
bit can end the search one step earlier, which moves the result by some 1e-5. A run that is continued must have the same
bits as one without a break, so the same algorithm stands here in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from topo_exp.typing import FloatArray

TOLERANCE = 1.49012e-8
"""Relative reduction of the sum of squares, and relative length of a step, at which the search ends."""
CALLS = 1000
"""Largest number of points at which the residuals are computed."""
FIRST_RADIUS = 100.0
"""Radius of the first trust region in lengths of the scaled start."""


class Minimum(NamedTuple):
    """The end of a search; `converged` is False if it ended without reaching a minimum."""

    parameters: FloatArray
    converged: bool


def minimise_squares(
    residual: Callable[[FloatArray], FloatArray], jacobian: Callable[[FloatArray], FloatArray], start: FloatArray
) -> Minimum:
    """Minimise the sum of squares of residuals by the algorithm of Levenberg and Marquardt in the form of Moré.

    Each step p minimises |r + J p| within the trust region |D p| <= radius, D being the largest lengths of the columns
    of J so far. The radius follows the ratio of actual to predicted reduction, as in MINPACK's `lmder`.

    Args:
        residual: Maps parameters (p,) to residuals (n,), n >= p.
        jacobian: Maps parameters to derivatives (n, p).
        start: First parameters, (p,).

    Returns:
        The parameters, and whether a tolerance was reached.

    References:
        Moré, J. J. (1978), Lecture Notes in Mathematics 630:105-116, doi:10.1007/BFb0067700.
    """
    a = np.array(start, dtype=np.float64)
    r = residual(a)
    norm, calls, damping, radius = _length(r), 1, 0.0, 0.0
    scale = np.zeros_like(a)
    while True:
        derivatives = jacobian(a)
        if not (np.isfinite(derivatives).all() and math.isfinite(norm)):
            return Minimum(a, converged=False)
        columns = np.sqrt(np.sum(derivatives**2, axis=0))
        if radius == 0.0:
            scale = np.where(columns > 0, columns, 1.0)
            radius = FIRST_RADIUS * (_length(scale * a) or 1.0)
            is_first = True
        scale = np.maximum(scale, columns)
        if not np.any(derivatives.T @ r):
            return Minimum(a, converged=True)
        region = _Region.of(derivatives / scale, r)
        ratio = 0.0
        while ratio < 1e-4:
            damping = region.damping(radius, damping)
            scaled = region.step(damping)
            length = _length(scaled)
            radius = min(radius, length) if is_first else radius
            trial = a + scaled / scale
            new = residual(trial)
            new_norm, calls = _length(new), calls + 1
            actual = 1.0 - (new_norm / norm) ** 2 if 0.1 * new_norm < norm else -1.0
            linear, damped = region.change(scaled) / norm, math.sqrt(damping) * length / norm
            predicted = linear**2 + 2 * damped**2
            ratio = actual / predicted if predicted else 0.0
            if ratio <= 0.25:
                slope = -(linear**2 + damped**2)
                shrink = 0.5 if actual >= 0 else 0.5 * slope / (slope + 0.5 * actual)
                shrink = 0.1 if 0.1 * new_norm >= norm or not shrink >= 0.1 else shrink
                radius, damping = shrink * min(radius, 10 * length), damping / shrink
            elif damping == 0.0 or ratio >= 0.75:
                radius, damping = 2 * length, damping / 2
            if ratio >= 1e-4:
                a, r, norm, is_first = trial, new, new_norm, False
            is_flat = abs(actual) <= TOLERANCE and predicted <= TOLERANCE and ratio <= 2.0
            if is_flat or radius <= TOLERANCE * _length(scale * a):
                return Minimum(a, converged=True)
            if calls >= CALLS:
                return Minimum(a, converged=False)


class _Region(NamedTuple):
    """The linear problem of one iteration in scaled parameters, by its singular values."""

    values: FloatArray
    right: FloatArray
    projected: FloatArray
    """Residuals in the directions of the singular values."""

    @classmethod
    def of(cls, derivatives: FloatArray, residuals: FloatArray) -> _Region:
        left, values, right = np.linalg.svd(derivatives, full_matrices=False)
        return cls(values, right, left.T @ residuals)

    def step(self, damping: float) -> FloatArray:
        """Return the minimum of |r + J p|² + damping |p|²."""
        return -self.right.T @ self._coordinates(damping)

    def change(self, step: FloatArray) -> float:
        """Return |J p|."""
        return _length(self.values * (self.right @ step))

    def damping(self, radius: float, damping: float) -> float:
        """Return the damping whose step is as long as the radius within a tenth; 0 if the free step is shorter."""
        free = _length(self._coordinates(0.0))
        if free - radius <= 0.1 * radius:
            return 0.0
        lowest = (free - radius) / (radius * self._decline(0.0)) if self.values[-1] > 0 else 0.0
        slope = _length(self.values * self.projected)
        highest = slope / radius
        damping = min(max(damping, lowest), highest) or slope / free
        for _ in range(10):
            excess = _length(self._coordinates(damping)) - radius
            if abs(excess) <= 0.1 * radius:
                break
            lowest, highest = (damping, highest) if excess > 0 else (lowest, min(highest, damping))
            damping = max(lowest, damping + excess / (radius * self._decline(damping)))
        return damping

    def _coordinates(self, damping: float) -> FloatArray:
        """Return the step along the singular vectors; directions without any effect are left out."""
        below = self.values**2 + damping
        return np.divide(self.values * self.projected, below, out=np.zeros_like(below), where=below > 0)

    def _decline(self, damping: float) -> float:
        """Return by how much the length of the step falls with the damping, as a share of the length."""
        step = self._coordinates(damping)
        return float(np.sum(step**2 / (self.values**2 + damping)) / np.sum(step**2))


def _length(vector: FloatArray) -> float:
    return math.sqrt(float(np.sum(vector * vector)))
