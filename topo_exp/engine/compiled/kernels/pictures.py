"""Gaussians drawn on a grid."""

import math

import numpy as np

from topo_exp.engine.compiled.kernels.jit import entry_point
from topo_exp.typing import FloatArray


@entry_point("boolean(float32[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64)")
def draw_gaussians(picture: FloatArray, x: FloatArray, y: FloatArray, gaussians: FloatArray, cutoff: float) -> bool:
    """Draw the pointwise maximum of Gaussians and zero, each left out where it is under `cutoff`.

    Returns False and draws nothing if no scale is positive, for zero would then show, or if a number is not finite.

    Rows of `gaussians`: x, y, orientation, size, aspect ratio, scale, as in `patterns.Gaussian`. x must be evenly
    spaced.
    Along a row of the picture a Gaussian is exp of a square polynomial in x, so neighbours differ by a factor that
    itself changes by a constant factor: two multiplications per cell, outwards from the row's highest cell.
    """
    n_rows, n_columns = picture.shape
    positive = False
    for n in range(len(gaussians)):
        positive |= gaussians[n, 5] >= 0
        for number in gaussians[n]:
            if not math.isfinite(number):
                return False
    if not positive:
        return False
    picture[:] = 0
    step = (x[n_columns - 1] - x[0]) / (n_columns - 1) if n_columns > 1 else 1.0
    for n in range(len(gaussians)):
        scale = gaussians[n, 5]
        if not scale > cutoff:
            continue
        sine, cosine = math.sin(gaussians[n, 2]), math.cos(gaussians[n, 2])
        width = gaussians[n, 3] / 2
        along, across = 1 / (width * gaussians[n, 4]) ** 2, 1 / width**2
        a = cosine * cosine * along + sine * sine * across
        b = sine * cosine * (along - across)
        c = sine * sine * along + cosine * cosine * across
        limit = 2 * math.log(scale / cutoff)
        bend = math.exp(-a * step * step)
        for row in range(n_rows):
            dy = y[row] - gaussians[n, 1]
            room = a * limit - (a * c - b * b) * dy * dy
            if room <= 0:
                continue
            peak = gaussians[n, 0] - b * dy / a
            reach = math.sqrt(room) / a
            # bounded before conversion to whole numbers, whose range is smaller, and after it, for NaN
            first = max(math.ceil(min((peak - reach - x[0]) / step, n_columns)), 0)
            last = min(math.floor(min((peak + reach - x[0]) / step, n_columns)), n_columns - 1)
            if last < first:
                continue
            top = min(max(math.floor((peak - x[0]) / step + 0.5), first), last)
            dx = x[top] - gaussians[n, 0]
            highest = scale * math.exp(-0.5 * (a * dx * dx + 2 * b * dx * dy + c * dy * dy))
            slope = (a * dx + b * dy) * step
            value, ratio = highest, math.exp(-slope - 0.5 * a * step * step)
            for column in range(top, last + 1):
                picture[row, column] = max(picture[row, column], np.float32(value))
                value *= ratio
                ratio *= bend
            value, ratio = highest, math.exp(slope - 0.5 * a * step * step)
            for column in range(top, first - 1, -1):
                picture[row, column] = max(picture[row, column], np.float32(value))
                value *= ratio
                ratio *= bend
    return True
