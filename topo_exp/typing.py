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
