"""The difference of two arrays: how large it is, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 20
"""Elements that are compared at a time, so that large states need little memory beside their own."""


@dataclass(frozen=True)
class ArrayDifference:
    """The difference of two arrays.

    Attributes:
        text: The finding in words if the difference is no number; empty otherwise.
        size: Largest absolute difference.
        mean: Mean absolute difference, over the elements that have one.
        relative: `size` over the largest absolute value, or over the period.
        count: Elements that differ.
        total: All elements.
    """

    text: str = ""
    size: float = math.nan
    mean: float = math.nan
    relative: float = math.inf
    count: int = 0
    total: int = 0


def cyclic_difference(one: NDArray[Any], two: NDArray[Any], period: float) -> NDArray[np.float64]:
    """Return `two` - `one` the shorter way round, in [-period / 2, period / 2), of the same shape."""
    difference = np.asarray(two, dtype=np.float64) - np.asarray(one, dtype=np.float64)
    return (difference + period / 2) % period - period / 2


def array_difference(one: NDArray[Any], two: NDArray[Any], period: float | None = None) -> ArrayDifference | None:
    """Compare two arrays.

    Args:
        one: Any shape and kind.
        two: Any shape and kind.
        period: Of a cyclic quantity: its values 0 and `period` are equal.

    Returns:
        The difference; None if the arrays are equal. NaN equals NaN.
    """
    if one.shape != two.shape:
        return ArrayDifference(f"shape {one.shape} | {two.shape}")
    if one.dtype != two.dtype and not one.dtype.kind == two.dtype.kind == "U":  # texts of other lengths are texts
        return ArrayDifference(f"type {one.dtype} | {two.dtype}")
    if one.dtype.kind not in "biufc":
        return None if np.array_equal(one, two) else ArrayDifference("another text")
    count, lost, total, largest, scale = 0, 0, 0.0, 0.0, 0.0
    for a, b in _blocks(one, two):
        differs = ~((a == b) | ((a != a) & (b != b)))
        difference = np.zeros(a.shape)
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        x, y = a[differs].astype(wide), b[differs].astype(wide)
        with np.errstate(invalid="ignore"):  # infinite values
            difference[differs] = np.abs(y - x if period is None else cyclic_difference(x, y, period))
        if period is not None:
            differs &= difference != 0
        count += int(differs.sum())
        lost += int(np.isnan(difference).sum())
        total += float(np.nansum(difference))
        largest = max(largest, float(np.nanmax(difference, initial=0.0)))
        for each in (a, b):
            scale = max(scale, float(np.nanmax(np.abs(each.astype(wide)), initial=0.0)))
    if not count:
        return None
    if lost == count:
        return ArrayDifference(f"a value in one run only, at {lost} of {one.size}")
    measure = scale if period is None else period
    relative = math.inf if lost else largest / measure if measure else 0.0
    return ArrayDifference("", largest, total / max(1, one.size - lost), relative, count, one.size)


def _blocks(one: NDArray[Any], two: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    first, second = one.reshape(-1), two.reshape(-1)
    for start in range(0, first.size, BLOCK):
        yield first[start : start + BLOCK], second[start : start + BLOCK]
