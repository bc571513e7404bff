"""Analysis times: when the simulation is looked at."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

from topo_exp.errors import ParameterError

STANDARD_TIMES = (0.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 10000.0)
"""The analysis times that a single number for `times` multiplies."""

LONGEST = 1e12
"""Latest analysis time, in iterations: the smallest network takes months to reach it."""
SHORTEST = 1e-6
"""Shortest interval between two analysis times, in iterations."""
REACHABLE = f"each must be 0 or between {SHORTEST:g} and {LONGEST:g}"

FIX = "Write times=[0,100,1000], or times=0.1 for a tenth of the standard list."


def analysis_times(times: object) -> tuple[float, ...]:
    """Read the option `times`.

    Args:
        times: A list that increases, or a number that multiplies `STANDARD_TIMES`.

    Returns:
        The times, in iterations.

    Raises:
        ParameterError: It is something else.
    """
    if isinstance(times, int | float) and not isinstance(times, bool):
        if not (math.isfinite(times) and times > 0):
            raise ParameterError(f"times: a number must be > 0 and finite (got {_short(times)}). {FIX}")
        factor = Fraction(str(float(times)))  # as written, so that 0.7 gives 70 and not 69.99999999999999
        multiplied = [factor * int(time) for time in STANDARD_TIMES]
        if not multiplied[1] >= SHORTEST or not multiplied[-1] <= LONGEST:
            raise ParameterError(f"times: {REACHABLE} (got {_short(times)} times {STANDARD_TIMES[1]:g}). {FIX}")
        return tuple(float(time) for time in multiplied)
    if not isinstance(times, list | tuple) or not times:
        raise ParameterError(f"times: must be a list of numbers or one number (got {_short(times)}). {FIX}")
    for time in times:
        if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time) or time < 0:
            raise ParameterError(f"times: each must be a number >= 0 (got {_short(time)} in {_short(times)}). {FIX}")
        if time > LONGEST or 0 < time < SHORTEST:
            raise ParameterError(f"times: {REACHABLE} (got {_short(time)} in {_short(times)}). {FIX}")
    for earlier, later in itertools.pairwise(times):
        if not earlier < later:
            raise ParameterError(f"times: must increase (got {later} after {earlier}). {FIX}")
        if later - earlier < SHORTEST:
            raise ParameterError(f"times: must differ by {SHORTEST:g} at least (got {earlier} and {later}). {FIX}")
    return tuple(float(time) + 0.0 for time in times)  # -0.0 + 0.0 is 0.0


def _short(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
