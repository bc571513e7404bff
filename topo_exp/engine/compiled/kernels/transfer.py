"""Transfer functions beside clipped lines, for one unit; `engine.transfer_functions` has their equations."""

import math

from topo_exp.engine.compiled.kernels.jit import exact
from topo_exp.engine.compiled.kernels.table import (
    BINARY,
    GENERALIZED_LOGISTIC,
    IDENTITY,
    KIND,
    LOGISTIC,
    NAKA_RUSHTON,
    NUMBERS,
    POWER,
    SQUARE,
)
from topo_exp.typing import FloatArray


@exact
def _log_of_one_plus_exp(x: float) -> float:
    """Return ln(1 + exp(x)), without overflow."""
    return x if x > 700 else math.log1p(math.exp(x))


@exact
def _naka_rushton(x: float, c50: float, e: float) -> float:
    """Return r^e / (1 + r^e) for r = max(x, 0) / c50, without overflow."""
    ratio = x / c50
    if ratio < 0:
        return 0.0
    if ratio > 1:
        return 1 / (1 + (1 / ratio) ** e)
    power = ratio**e
    return power / (1 + power)


@exact
def output(x: float, transfer: FloatArray) -> float:
    """Return the activity for a combined input x; NaN stays NaN."""
    kind = transfer[KIND]
    a, b = transfer[NUMBERS], transfer[NUMBERS + 1]
    if kind == IDENTITY or x != x:
        return x
    if kind == LOGISTIC:
        return math.exp(-_log_of_one_plus_exp(-(a * x + b)))
    if kind == GENERALIZED_LOGISTIC:
        m, r, asymmetry = transfer[NUMBERS + 2], transfer[NUMBERS + 3], transfer[NUMBERS + 4]
        exponent = math.log(asymmetry) - r * (x - 2 * m)
        return a + b * math.exp(-_log_of_one_plus_exp(exponent) / asymmetry)
    if kind == POWER:
        return (x - a) ** b if x > a else 0.0
    if kind == NAKA_RUSHTON:
        return _naka_rushton(x, a, b)
    if kind == SQUARE:
        return x * x
    if kind == BINARY:
        return 1.0 if x > a else 0.0
    return math.nan
