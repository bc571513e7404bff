"""Output functions that kernels compute, and the numbers by which they know them."""

from collections.abc import Callable

import numpy as np

from topo_exp.engine.checks import behaves_as, overridden
from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse, PiecewiseLinear
from topo_exp.engine.transfer_functions import (
    BinaryThreshold,
    GeneralizedLogistic,
    HalfRectifyAndPower,
    HalfRectifyAndSquare,
    Logistic,
    NakaRushton,
    Square,
)

CLIPPED = (HalfRectify, PiecewiseLinear)
OTHERS: dict[type, tuple[str, Callable[..., tuple[float, ...]]]] = {
    Logistic: ("LOGISTIC", lambda fn: (fn.r, fn.k)),
    GeneralizedLogistic: ("GENERALIZED_LOGISTIC", lambda fn: (fn.l, fn.u, fn.m, fn.r, fn.b)),
    HalfRectifyAndPower: ("POWER", lambda fn: (fn.t, fn.e)),
    HalfRectifyAndSquare: ("POWER", lambda fn: (fn.t, 2.0)),
    NakaRushton: ("NAKA_RUSHTON", lambda fn: (fn.c50, fn.e)),
    Square: ("SQUARE", lambda fn: ()),
    BinaryThreshold: ("BINARY", lambda fn: (fn.t,)),
}
"""By class its kind in the kernels' table, and its numbers in the order that is stated there."""


def is_known(fn: object) -> bool:
    """Return True if kernels compute an output function."""
    if isinstance(fn, HomeostaticResponse):
        return overridden(fn, HomeostaticResponse, ("apply", "adapt", "follow", "threshold")) is None
    return behaves_as(fn, *CLIPPED, *OTHERS)


def write(fn: object, transfer: np.ndarray) -> None:
    """Write an output function that is known, or None for the input itself, as the kernels read it."""
    compiled = kernels()
    transfer[compiled.LOWER], transfer[compiled.GAIN], transfer[compiled.UPPER] = 0.0, 1.0, np.inf
    transfer[compiled.KIND] = compiled.CLIPPED
    if fn is None:
        transfer[compiled.KIND] = compiled.IDENTITY
    elif isinstance(fn, PiecewiseLinear):
        transfer[compiled.LOWER], transfer[compiled.UPPER] = fn.lower, 1.0
        transfer[compiled.GAIN] = 1.0 / (fn.upper - fn.lower)
    for cls, (kind, numbers) in OTHERS.items():
        if isinstance(fn, cls):
            transfer[compiled.KIND] = getattr(compiled, kind)
            given = numbers(fn)
            transfer[compiled.NUMBERS : compiled.NUMBERS + len(given)] = given
