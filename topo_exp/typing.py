"""Types that several parts share."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating]
"""An array of real numbers; the shape is told where it is used."""

IntArray: TypeAlias = NDArray[np.integer]
"""An array of whole numbers."""

BoolArray: TypeAlias = NDArray[np.bool_]
"""An array of truth values, such as a mask."""

State: TypeAlias = dict[str, NDArray]
"""Everything that a simulation is at one moment, by name; no object arrays, so it needs no pickle."""


def read_only(array: NDArray) -> NDArray:
    """Return a view of an array through which it cannot be changed."""
    view = array.view()
    view.flags.writeable = False
    return view


def read_only_copy(array: NDArray) -> NDArray:
    """Return a copy of an array that cannot be changed."""
    copy = np.array(array)
    copy.flags.writeable = False
    return copy
