"""Types that several parts share."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating]
"""An array of real numbers; the shape is stated where it is used."""

IntArray: TypeAlias = NDArray[np.integer]
"""An array of whole numbers."""

BoolArray: TypeAlias = NDArray[np.bool_]
"""An array of truth values, such as a mask."""

State: TypeAlias = dict[str, NDArray]
"""The complete state of a simulation at one time, by name; no object arrays, so that it needs no pickle."""

Data: TypeAlias = "bool | int | float | str | Sequence[Data] | Mapping[str, Data] | None"
"""Plain data, as YAML and the command line hold them."""


def read_only(array: NDArray) -> NDArray:
    """Return a view of an array through which it cannot be changed."""
    view = array.view()
    view.setflags(write=False)
    return view


def read_only_copy(array: NDArray) -> NDArray:
    """Return a copy of an array that cannot be changed."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy
