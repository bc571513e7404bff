"""Similarity of a map to another one, or to itself at other times."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray


def cyclic_difference(first: ArrayLike, second: ArrayLike, *, period: float = np.pi) -> FloatArray:
    """Return the distance between two cyclic values along the shorter way round.

        d = min(|a - b| mod p, p - |a - b| mod p)

    Args:
        first: a, in the unit of `period`.
        second: b, an array that broadcasts with a.
        period: p, above 0; pi for orientation, 2 pi for phase or direction.

    Returns:
        d in [0, period/2], in the unit of `period`, of the broadcast shape.

    Raises:
        ParameterError: The period is not above 0.
    """
    if not period > 0:
        raise ParameterError(f"cyclic_difference.period: must be > 0 (got {period}). Orientation has pi.")
    d = np.abs(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)) % period
    return np.minimum(d, period - d)


def similarity_index(first: ArrayLike, second: ArrayLike, *, period: float = np.pi) -> float:
    """Return the similarity of two maps of a cyclic preference.

        SI = 1 - 4 <d>,   d = cyclic difference of the preferences, expressed on [0, 1), so that d <= 1/2

    Args:
        first: Preferences, in the unit of `period`.
        second: Preferences of the same units, of equal shape. Units that are NaN in either map are left out.
        period: pi for orientation.

    Returns:
        SI: 1 for identical maps, 0 expected for unrelated ones (<d> = 1/4), -1 when all units differ by half a
        period; NaN when no unit has both values.

    Raises:
        ParameterError: The shapes differ.

    References:
        Stevens, J.-L. R., Law, J. S., Antolik, J. & Bednar, J. A. (2013), J Neurosci 33:15747-15766, eq. 1,
        doi:10.1523/JNEUROSCI.1037-13.2013; after Chapman, B., Stryker, M. P. & Bonhoeffer, T. (1996), J Neurosci
        16:6443-6453, doi:10.1523/JNEUROSCI.16-20-06443.1996.
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape:
        raise ParameterError(f"similarity_index: maps must have equal shapes (got {a.shape} and {b.shape}).")
    d = cyclic_difference(a, b, period=period) / period
    d = d[np.isfinite(d)]
    return 1.0 - 4.0 * float(d.mean()) if d.size else np.nan


def stability(maps: Sequence[ArrayLike], *, reference: ArrayLike | None = None, period: float = np.pi) -> FloatArray:
    """Return the similarity of each map of a development to its final map.

    Args:
        maps: Preferences in order of time, equal shapes, in the unit of `period`.
        reference: The map to compare with; None stands for the last of `maps`.
        period: pi for orientation.

    Returns:
        SI of each map to the reference, (len(maps),), see `similarity_index`; empty for no maps.

    Raises:
        ParameterError: The shapes differ.

    References:
        The stability index of Stevens et al. (2013), J Neurosci 33:15747-15766, eq. 1,
        doi:10.1523/JNEUROSCI.1037-13.2013.
    """
    if not len(maps):
        return np.zeros(0)
    final = maps[-1] if reference is None else reference
    return np.array([similarity_index(each, final, period=period) for each in maps])


def change(maps: Sequence[ArrayLike], *, period: float = np.pi) -> FloatArray:
    """Return the similarity of each map of a development to the map before it.

    Args:
        maps: Preferences in order of time, equal shapes, in the unit of `period`.
        period: pi for orientation.

    Returns:
        SI of each map to its predecessor, (len(maps),), see `similarity_index`; the first is NaN.

    Raises:
        ParameterError: The shapes differ.
    """
    later = [similarity_index(new, old, period=period) for old, new in itertools.pairwise(maps)]
    return np.array([np.nan, *later]) if len(maps) else np.zeros(0)
