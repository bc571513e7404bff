"""Presentations on generator sheets: drawings that become arrays when they are first read."""

import numpy as np
from numpy.typing import DTypeLike

from topo_exp.engine.coordinates import Grid
from topo_exp.engine.patterns import Drawing, drawing_of_gaussians
from topo_exp.typing import FloatArray, State, read_only


class Shown:
    """A presentation on a generator sheet, turned into an array when it is first read.

    Args:
        drawing: The drawn pattern.
        grid: Grid of the sheet.
    """

    def __init__(self, drawing: Drawing, grid: Grid) -> None:
        self.gaussians = drawing.gaussians
        self.shape = grid.shape
        self.grid = grid
        self.single: FloatArray | None = None
        """The picture in single precision, once the compiled implementation has drawn it."""
        self._drawing = drawing
        self._array: FloatArray | None = None

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self._array is None:
            self._array = read_only(self._drawing.render(self.grid.x, self.grid.y))
        return np.array(self._array, dtype, copy=copy)


def pack_activity(key: str, activity: "Shown | np.ndarray") -> State:
    """Return an activity as named arrays: its Gaussians if it consists of them only, else the array itself."""
    gaussians = getattr(activity, "gaussians", None)
    if gaussians is not None:
        return {f"{key}/gaussians": gaussians.copy()}
    return {f"{key}/array": np.array(activity)}


def unpack_activity(key: str, state: State, grid: Grid) -> "Shown | np.ndarray":
    """Return the activity that `pack_activity` stored."""
    if f"{key}/gaussians" in state:
        return Shown(drawing_of_gaussians(state[f"{key}/gaussians"]), grid)
    return np.array(state[f"{key}/array"])
