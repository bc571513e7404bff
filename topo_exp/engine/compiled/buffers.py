"""The arrays of one projection that compiled kernels work on."""

import numpy as np

from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.compiled.layout import Layout
from topo_exp.engine.coordinates import FieldGeometry
from topo_exp.engine.events import Activity
from topo_exp.engine.learning import LinearChange
from topo_exp.engine.presentation import Shown
from topo_exp.typing import FloatArray

FAINT = 8e-9
"""A Gaussian is not drawn where it is fainter than this."""


def aligned(size: int, dtype: type = np.float32) -> np.ndarray:
    """Return zeros that start on a cache line."""
    raw: np.ndarray = np.zeros(size + 64 // np.dtype(dtype).itemsize, dtype)
    first = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[first : first + size]


class Coefficients:
    """The coefficients of one projection's change of weights in a step.

    Args:
        units: Number of destination units.
    """

    def __init__(self, units: int) -> None:
        self._gains = aligned(units, np.float64)
        self._decays = aligned(units, np.float64)
        self._input_decays = aligned(units + kernels().PADDING)
        self._units = units

    def load(self, change: LinearChange, row: np.ndarray) -> None:
        """Copy the coefficients of a change, and write their addresses into the projection's row of the table."""
        compiled = kernels()
        self._gains[:] = change.gain
        self._decays[:] = 0.0 if change.decay is None else change.decay
        row[compiled.GAINS], row[compiled.DECAYS] = self._gains.ctypes.data, self._decays.ctypes.data
        row[compiled.INPUT_DECAYS] = 0
        if change.input_decay is not None:
            self._input_decays[: self._units] = change.input_decay
            row[compiled.INPUT_DECAYS] = self._input_decays.ctypes.data


class Buffers:
    """The arrays of one projection, and their addresses in the order of the kernels' table.

    Args:
        geometry: Where each field lies on the source sheet.
        layout: Where each weight is stored.
        learns: Whether to make the arrays that learning needs.
    """

    def __init__(self, geometry: FieldGeometry, layout: Layout, *, learns: bool) -> None:
        compiled = kernels()
        self.layout = layout
        n_source, n_dest = geometry.source_shape[0] * geometry.source_shape[1], geometry.units
        n_quads, padded = len(layout.start), n_dest + compiled.PADDING
        self.weights = aligned(layout.size)
        self.source = aligned(n_source + compiled.PADDING)[:n_source].reshape(geometry.source_shape)
        self.response = aligned(padded, np.float64)[:n_dest]
        self.scale = np.ones(n_dest)
        self.total = np.zeros(n_dest)
        self.view = self.response.reshape(geometry.destination_shape)
        self.loaded: Activity | None = None
        """The input of which `source` is a copy."""
        self.answered: Activity | None = None
        """The input to which `response` is the response."""
        self._arrays = {
            compiled.SOURCE: self.source,
            compiled.RESPONSE: self.response,
            compiled.SCALE: self.scale,
            compiled.WEIGHTS: self.weights,
            compiled.START: layout.start,
            compiled.BASE: layout.base,
            compiled.LIST: layout.list_of,
            compiled.LISTS: layout.lists,
            compiled.OFFSETS: layout.offsets,
            compiled.LANES: layout.lanes,
            compiled.PARTIAL: aligned(padded),
            compiled.ACTIVE: np.zeros(n_quads, np.int32),
            compiled.INPUTS: np.zeros((n_quads, 4), np.float32),
            compiled.TOTAL: self.total,
        }
        if learns:
            self._arrays[compiled.GATE] = aligned(padded)
            self._arrays[compiled.INPUT_SUM] = aligned(padded)
            self._arrays[compiled.NEAR] = np.zeros(padded, np.int8)
        self.row = np.zeros((1, compiled.N_ADDRESSES), np.int64)
        for column, array in self._arrays.items():
            self.row[0, column] = array.ctypes.data
        self.row[0, compiled.N_SOURCE], self.row[0, compiled.N_DEST] = n_source, n_dest
        self.row[0, compiled.SOURCE_COLUMNS] = geometry.source_shape[1]
        self.row[0, compiled.N_LISTS], self.row[0, compiled.N_OFFSETS] = len(layout.lists), len(layout.offsets)

    def convert(self, templates: FloatArray, factors: FloatArray, *, pack: bool) -> None:
        """Copy weights from templates into these buffers, or back.

        Args:
            templates: (units, rows, columns).
            factors: (units,), by which weights are multiplied on the way back.
            pack: True to copy from the templates, False to copy to them.
        """
        layout = self.layout
        if pack:  # the padding between weights must be zero; 0 x NaN may have put NaN there
            self.weights[:] = 0
        kernels().convert(
            self.row, layout.columns, layout.template_row, layout.template_column, templates, pack, factors
        )

    def load(self, activity: Activity) -> None:
        """Copy a source activity, unless it is the one that was copied last."""
        if activity is not self.loaded:
            self.source[:] = single(activity)
            self.loaded = activity

    def respond(self, activity: Activity) -> FloatArray:
        """Return the response of each destination unit (rows, columns) to a source activity, without strength.

        The response to the last input, which is held here, stays.
        """
        held = self.response.copy()
        self.loaded = None
        self.source[:] = single(activity)
        numbers = np.zeros((1, kernels().N_NUMBERS))
        numbers[0, kernels().STRENGTH] = 1.0
        kernels().respond(self.row, numbers)
        response = self.view.copy()
        self.response[:] = held
        return response

    def learn(self, activity: FloatArray, rate: float, change: LinearChange | None, *, signed: bool) -> float:
        """Apply a learning rule to the source activity that is loaded, without normalisation.

        Args:
            activity: Activity of the destination, (rows, columns), float32.
            rate: Rate of a connection, not zero.
            change: The coefficients of the change; None for the Hebb rule.
            signed: Whether to compute sums anew, since something may be negative.

        Returns:
            The least scale; or -1, where nothing was changed because it must be `signed`.
        """
        compiled = kernels()
        listed, numbers = np.zeros(activity.size, np.int32), np.zeros((1, compiled.N_NUMBERS))
        sheet, row = np.zeros(compiled.N_SHEET, np.int64), self.row.copy()
        sheet[compiled.ACTIVITY], sheet[compiled.LEARNERS] = activity.ctypes.data, listed.ctypes.data
        sheet[compiled.UNITS], row[0, compiled.GROUP], numbers[0, compiled.RATE] = activity.size, -1, rate
        sheet[compiled.SIGNED] = signed
        coefficients = Coefficients(activity.size)
        if change is not None:
            coefficients.load(change, row[0])
        return compiled.learn(sheet, row, numbers)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of their layout."""
        return self.weights.nbytes + self.layout.nbytes


def single(activity: Activity) -> FloatArray:
    """Return an activity to be read in single precision; Gaussians are evaluated only where they are not faint."""
    if not isinstance(activity, Shown):
        return activity
    if activity.single is None:
        gaussians, grid = activity.gaussians, activity.grid
        picture = np.empty(grid.shape, np.float32)
        if gaussians is None or not kernels().draw_gaussians(picture, grid.x, grid.y, gaussians, FAINT):
            picture = np.asarray(activity).astype(np.float32)
        activity.single = picture
    return activity.single
