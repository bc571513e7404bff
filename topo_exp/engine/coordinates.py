"""Sheet coordinates, matrix coordinates, and where a connection field lies on its source sheet.

Sheet coordinates are continuous: x grows to the right, y upwards. Matrix coordinates are the rows and columns of an
activity array: row 0 is the top of the sheet. The conventions are those of Topographica (Bednar 2009,
doi:10.3389/neuro.11.008.2009), so that every unit, template and field agrees with published models cell by cell.
"""

import math
import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from topo_exp.errors import GeometryError
from topo_exp.typing import FloatArray, IntArray


@dataclass(frozen=True)
class BoundingBox:
    """A rectangle in sheet coordinates, given by its `radius` around the origin or by two opposite `points`."""

    left: float
    bottom: float
    right: float
    top: float

    def __init__(
        self, radius: float | None = None, *, points: tuple[tuple[float, float], tuple[float, float]] | None = None
    ) -> None:
        if (radius is None) == (points is None):
            raise GeometryError("BoundingBox: takes either a radius or two points (got both or neither). Give one.")
        if radius is not None:
            points = ((-radius, -radius), (radius, radius))
        assert points is not None
        (left, bottom), (right, top) = points
        for name, value in zip(("left", "bottom", "right", "top"), (left, bottom, right, top), strict=True):
            object.__setattr__(self, name, float(value))
        if not (self.right > self.left and self.top > self.bottom):
            raise GeometryError(
                f"BoundingBox: its area must be positive (got left={self.left}, bottom={self.bottom}, "
                f"right={self.right}, top={self.top}). Give a positive radius or area."
            )

    def lbrt(self) -> tuple[float, float, float, float]:
        """Return (left, bottom, right, top) in sheet coordinates."""
        return self.left, self.bottom, self.right, self.top

    def __repr__(self) -> str:
        if self.left == self.bottom == -self.right == -self.top:
            return f"BoundingBox(radius={self.right!r})"
        return f"BoundingBox(points=(({self.left!r}, {self.bottom!r}), ({self.right!r}, {self.top!r})))"


@dataclass(frozen=True)
class Grid:
    """The units of a sheet: their bounds, their density per unit of length, and where each one is.

    The nominal density is lowered to the true one, with which a whole number of units fits the width.
    """

    bounds: BoundingBox
    density: float
    shape: tuple[int, int]

    @classmethod
    def fit(cls, bounds: BoundingBox, nominal_density: float, *, where: str = "Sheet") -> "Grid":
        """Return the grid of whole units nearest to `nominal_density` on nominal `bounds`.

        The top and bottom bounds move so that the height, too, holds a whole number of units.
        """
        width = bounds.right - bounds.left
        height = bounds.top - bounds.bottom
        if (needed := nominal_density * width * nominal_density * height * 8) > machine_memory():
            raise GeometryError(
                f"{where}: its activity must fit into memory (got {nominal_density * height:g} x "
                f"{nominal_density * width:g} units, {needed * 1e-9:.3g} GB of {machine_memory() * 1e-9:.3g} GB). "
                "Lower the density or the area."
            )
        columns = int(nominal_density * width)
        if columns < 1:
            raise GeometryError(
                f"{where}: must be at least one unit wide (got nominal_density {nominal_density} x width {width:g} "
                f"= {nominal_density * width:g} units). Raise the density or the area."
            )
        density = columns / width
        rows = math.floor(height * density + 0.5)
        if rows < 1:
            raise GeometryError(
                f"{where}: must be at least one unit high (got {height * density:g} units). "
                "Raise the density or the area."
            )
        centre_y = bounds.bottom + height / 2
        half = rows / density / 2
        true_bounds = BoundingBox(points=((bounds.left, centre_y - half), (bounds.right, centre_y + half)))
        return cls(true_bounds, density, (rows, columns))

    @cached_property
    def x(self) -> FloatArray:
        """Unit centres along x, shape (columns,), ascending."""
        return np.round(self.bounds.left + (np.arange(self.shape[1]) + 0.5) / self.density, 10)

    @cached_property
    def y(self) -> FloatArray:
        """Unit centres along y, shape (rows,), descending: row 0 is the top."""
        return np.round(self.bounds.top - (np.arange(self.shape[0]) + 0.5) / self.density, 10)

    def sheet2matrix(self, x: float, y: float) -> tuple[float, float]:
        """Return the continuous (row, column) of a point in sheet coordinates."""
        return (self.bounds.top - y) * self.density, (x - self.bounds.left) * self.density

    def sheet2matrixidx(self, x: float, y: float) -> tuple[int, int]:
        """Return the (row, column) of the unit whose cell holds a point in sheet coordinates."""
        row, column = self.sheet2matrix(x, y)
        return math.floor(row), math.floor(column)

    def matrixidx2sheet(self, row: int, column: int) -> tuple[float, float]:
        """Return the centre (x, y) of a unit, in sheet coordinates."""
        return float(self.x[column]), float(self.y[row])


@dataclass(frozen=True)
class Template:
    """The uncropped field of a projection on its source sheet: odd in both directions, in cells of the source."""

    row_radius: int
    column_radius: int

    @classmethod
    def fit(cls, bounds: BoundingBox, source: Grid, *, min_radius: int = 1) -> "Template":
        """Return the template for a field of nominal `bounds`, centred on a unit near the middle of `source`."""
        rows, columns = source.shape
        centre_row, centre_column = rows // 2, columns // 2
        x, y = source.matrixidx2sheet(centre_row, centre_column)
        right = math.floor((x + bounds.right - source.bounds.left) * source.density + 0.5)
        bottom = math.floor((source.bounds.top - (y + bounds.bottom)) * source.density + 0.5)
        return cls(max(bottom - centre_row - 1, min_radius), max(right - centre_column - 1, min_radius))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the template."""
        return 2 * self.row_radius + 1, 2 * self.column_radius + 1

    def is_smaller_than(self, other: "Template") -> bool:
        """Return True if this template lies inside `other` about the same centre, and has fewer rows or columns."""
        return self.row_radius <= other.row_radius and self.column_radius <= other.column_radius and self != other


@dataclass(frozen=True)
class FieldGeometry:
    """Where the connection field of every destination unit lies on the source sheet.

    All arrays have one row for each destination unit, row-major over the destination sheet.
    """

    template: Template
    source_shape: tuple[int, int]
    destination_shape: tuple[int, int]
    corners: IntArray
    """(units, 2): row and column of the source cell under the template's top left cell; may lie off the sheet."""
    centres: tuple[FloatArray, FloatArray] | None = None
    """x and y (rows, columns) of the fields' centres on the source sheet; None where they are those of the units."""

    @classmethod
    def lay(
        cls,
        template: Template,
        source: Grid,
        destination: Grid,
        *,
        centres: tuple[FloatArray, FloatArray] | None = None,
        where: str = "CFProjection",
        may_miss: bool = False,
    ) -> "FieldGeometry":
        """Centre a template on the place of each destination unit on the source sheet.

        Args:
            template: The uncropped field.
            source: Grid of the source sheet.
            destination: Grid of the destination sheet.
            centres: x and y, (rows, columns) of the destination; by default the sheet coordinates of the units.
            where: Name of the projection in messages.
            may_miss: Whether fields that do not overlap the source sheet are left without connections.

        Raises:
            GeometryError: If a field does not overlap the source sheet, unless it may; or if none does.
        """
        across, up = centres or (destination.x[None, :], destination.y[:, None])
        corners = np.empty((*destination.shape, 2), np.intp)
        corners[..., 0] = np.floor((source.bounds.top - up) * source.density).astype(np.intp) - template.row_radius
        corners[..., 1] = (
            np.floor((across - source.bounds.left) * source.density).astype(np.intp) - template.column_radius
        )
        if may_miss:  # fields far off the sheet are moved next to it
            corners = np.clip(corners, [-side for side in template.shape], source.shape)
        geometry = cls(template, source.shape, destination.shape, corners.reshape(-1, 2), centres)
        r1, r2, c1, c2 = geometry.slices.T
        empty = np.flatnonzero((r2 <= r1) | (c2 <= c1))
        if empty.size and (not may_miss or empty.size == geometry.units):
            row, column = divmod(int(empty[0]), destination.shape[1])
            x, y = destination.matrixidx2sheet(row, column)
            raise GeometryError(
                f"{where}: every field must overlap the source sheet (the field of the unit at ({x:g}, {y:g}) "
                f"misses its bounds {source.bounds.lbrt()}). Enlarge the source sheet or the field."
            )
        return geometry

    @property
    def units(self) -> int:
        """Number of destination units."""
        return self.destination_shape[0] * self.destination_shape[1]

    @cached_property
    def slices(self) -> IntArray:
        """(units, 4): first row, end row, first column, end column of each field, cropped to the source sheet."""
        height, width = self.template.shape
        rows, columns = self.source_shape
        row, column = self.corners.T
        down = (np.clip(row, 0, rows), np.clip(row + height, 0, rows))
        return np.stack([*down, np.clip(column, 0, columns), np.clip(column + width, 0, columns)], axis=1)

    @cached_property
    def offsets(self) -> IntArray:
        """(units, 2): the template's row and column at which each cropped field starts."""
        return self.slices[:, [0, 2]] - self.corners

    @cached_property
    def on_sheet(self) -> np.ndarray:
        """(units, rows, columns): whether each template cell of each field lies on the source sheet."""
        height, width = self.template.shape
        rows, columns = self.source_shape
        row = self.corners[:, :1] + np.arange(height)
        column = self.corners[:, 1:] + np.arange(width)
        return ((row >= 0) & (row < rows))[:, :, None] & ((column >= 0) & (column < columns))[:, None, :]

    @cached_property
    def gather_index(self) -> IntArray:
        """(units, rows, columns): flat index of each template cell in the source sheet padded by the template."""
        height, width = self.template.shape
        padded_width = self.source_shape[1] + 2 * width
        row = self.corners[:, :1] + height + np.arange(height)
        column = self.corners[:, 1:] + width + np.arange(width)
        return row[:, :, None] * padded_width + column[:, None, :]

    def release(self) -> None:
        """Free the large arrays; they are computed again when they are next used."""
        for name in ("on_sheet", "gather_index", "frames"):
            self.__dict__.pop(name, None)

    @cached_property
    def windows(self) -> tuple[tuple[tuple[int, int, int, int], IntArray], ...]:
        """The distinct parts of the template that lie on the sheet, each with the units of which it is the field.

        Each is (first row, end row, first column, end column) within the template; units are in ascending order.
        """
        rows, columns = self.offsets.T
        r1, r2, c1, c2 = self.slices.T
        parts = np.stack([rows, rows + r2 - r1, columns, columns + c2 - c1], axis=1)
        distinct, which = np.unique(parts, axis=0, return_inverse=True)
        first, end, left, right = distinct.T.tolist()
        units = (np.flatnonzero(which.ravel() == i) for i in range(len(distinct)))
        return tuple(zip(zip(first, end, left, right, strict=True), units, strict=True))

    @cached_property
    def frames(self) -> "Frames":
        """The smallest rectangles of one shape that hold the part of each field that lies on the sheet."""
        r1, r2, c1, c2 = self.slices.T
        height, width = int((r2 - r1).max()), int((c2 - c1).max())
        rows, columns = self.source_shape
        corners = np.stack([np.minimum(r1, rows - height), np.minimum(c1, columns - width)], axis=1)
        return Frames.lay((height, width), corners, self)

    def patches(self, source: FloatArray) -> FloatArray:
        """Return the source activity under each field, (units, rows, columns), zero off the sheet."""
        if len(self.windows) == 1 and self.frames.shape == self.template.shape:  # no field is cropped
            return source.ravel().take(self.frames.source)
        return self._padded(source).ravel().take(self.gather_index)

    def _padded(self, source: FloatArray) -> FloatArray:
        """Return the source activity within a border of zeros as wide as the template."""
        (height, width), (rows, columns) = self.template.shape, self.source_shape
        padded = np.zeros((rows + 2 * height, columns + 2 * width), source.dtype)
        padded[height : height + rows, width : width + columns] = source
        return padded

    def respond_to_kernel(self, source: FloatArray, kernel: FloatArray) -> FloatArray:
        """Return the sum of source activity times one kernel at each field, cropped at the sheet, (rows, columns)."""
        if self.centres is not None:
            return np.tensordot(self.patches(source), kernel, 2).reshape(self.destination_shape)
        height, width = self.template.shape
        padded = self._padded(source)
        rows = self.corners[:: self.destination_shape[1], 0] + height
        columns = self.corners[: self.destination_shape[1], 1] + width
        total = np.zeros(self.destination_shape, np.result_type(source, kernel))
        for row, column in np.argwhere(kernel):
            total += kernel[row, column] * padded[np.ix_(rows + row, columns + column)]
        return total


@dataclass(frozen=True)
class Frames:
    """For each unit a rectangle of the source sheet that holds its field, all of one shape and wholly on the sheet.

    Arrays (units, rows, columns) on frames hold the same as those on the template, without the cells off the sheet.
    """

    shape: tuple[int, int]
    geometry: FieldGeometry
    source: IntArray
    """(units, rows, columns): flat index of each cell in the source sheet."""
    cells: IntArray
    """Flat indices of the cells that lie on the template, among those of all frames."""
    places: IntArray
    """Flat indices of the same cells among those of all units' templates."""

    @classmethod
    def lay(cls, shape: tuple[int, int], corners: IntArray, geometry: FieldGeometry) -> "Frames":
        """Lay frames of a shape, whose first cells are at `corners` (units, 2) of the source sheet."""
        (height, width), (_, columns) = geometry.template.shape, geometry.source_shape
        row, column = corners[:, :1] + np.arange(shape[0]), corners[:, 1:] + np.arange(shape[1])
        source = row[:, :, None] * columns + column[:, None, :]
        row, column = row - geometry.corners[:, :1], column - geometry.corners[:, 1:]
        inside = ((row >= 0) & (row < height))[:, :, None] & ((column >= 0) & (column < width))[:, None, :]
        first = np.arange(geometry.units)[:, None, None] * (height * width)
        places = first + row[:, :, None] * width + column[:, None, :]
        return cls(shape, geometry, source, np.flatnonzero(inside), places[inside])

    def patches(self, source: FloatArray) -> FloatArray:
        """Return the source activity under each frame, (units, rows, columns), which may be a read-only view."""
        if self.shape == source.shape:  # each unit sees the whole sheet; np.broadcast_to takes ten times as long
            source = np.ascontiguousarray(source)
            shape, strides = (self.geometry.units, *self.shape), (0, *source.strides)
            return np.ndarray(shape, source.dtype, buffer=source, strides=strides)
        return source.ravel().take(self.source)

    def pack(self, templates: NDArray) -> NDArray:
        """Return an array on templates, (units, rows, columns), as one on frames, zero beside the template."""
        packed = np.zeros((self.geometry.units, *self.shape), templates.dtype)
        packed.reshape(-1)[self.cells] = templates.reshape(-1)[self.places]
        return packed

    def unpack(self, packed: NDArray, into: NDArray | None = None) -> NDArray:
        """Return an array on frames as one on templates, zero off the sheet.

        Args:
            packed: The array, (units, rows, columns).
            into: An array on templates that is zero off the sheet, to be filled; None for a new one.
        """
        if into is None:
            into = np.zeros((self.geometry.units, *self.geometry.template.shape), packed.dtype)
        flat = packed.reshape(-1)
        into.reshape(-1)[self.places] = flat if len(self.cells) == flat.size else flat[self.cells]
        return into


def machine_memory() -> int:
    """Return the machine's memory in bytes, or 4 exabytes on systems where it cannot be read."""
    if {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(os.sysconf_names):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 1 << 62
