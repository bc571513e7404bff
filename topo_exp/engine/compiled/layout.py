"""The layout of connection fields by source unit, for the kernels."""

import numpy as np

from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.coordinates import FieldGeometry
from topo_exp.typing import BoolArray, IntArray


class Layout:
    """Which destination units each quad of source units reaches, as vectors of eight and four; see `kernels`.

    Args:
        geometry: Where each field lies on the source sheet.
        mask: Where a field has connections, (template rows, template columns).
        shared: Whether all units share one kernel, so that weights are stored once for each list.
    """

    def __init__(self, geometry: FieldGeometry, mask: BoolArray, *, shared: bool = False) -> None:
        rows, columns = geometry.destination_shape
        height, width = mask.shape
        corners = geometry.corners.reshape(rows, columns, 2)
        self.columns = columns
        self.template_row = np.ascontiguousarray(-corners[:, 0, 0], np.int32)
        self.template_column = np.ascontiguousarray(-corners[0, :, 1], np.int32)

        seen = _seen(geometry.source_shape[0], self.template_row, height)
        reached: BoolArray = np.any(seen >= 0, axis=1)
        row_first = reached.argmax(axis=1)
        codes = (seen[:, 0] + 1) * (height + 1) + seen[:, 1] + 1
        row_classes, row_class = np.unique(_sequences(codes, reached), axis=0, return_inverse=True)
        counts = (row_classes >= 0).sum(axis=1).astype(np.int32)
        pairs = np.stack(np.divmod(np.maximum(row_classes, 0), height + 1), axis=2).astype(np.int32) - 1

        seen = _seen(geometry.source_shape[1], self.template_column, width)
        runs, column_first = self._runs(mask, seen)
        patterns = runs.reshape(len(runs), -1)
        if shared:  # equal lists then share their weights, which depend on the template's columns
            columns_seen = _sequences(seen.reshape(-1, columns), seen.reshape(-1, columns) >= 0)
            patterns = np.hstack([patterns, columns_seen.reshape(len(runs), -1)])
        _, representative, column_class = np.unique(patterns, axis=0, return_index=True, return_inverse=True)
        column_classes = np.ascontiguousarray(runs[representative])

        self.lists = np.zeros((len(row_classes) * len(column_classes), 3), np.int32)
        none = np.zeros(0, np.int32)
        compiled = kernels()
        size = compiled.list_vectors(pairs, counts, column_classes, columns, self.lists, none, none)
        self.offsets, self.lanes = np.zeros(size, np.int32), np.zeros(size, np.int32)
        compiled.list_vectors(pairs, counts, column_classes, columns, self.lists, self.offsets, self.lanes)
        self.list_of = (row_class[:, None] * len(column_classes) + column_class).astype(np.int32).ravel()
        self.base = (row_first[:, None] * columns + column_first).astype(np.int32).ravel()
        sizes = 32 * self.lists[:, 1].astype(np.int64) + 16 * self.lists[:, 2]
        sizes = sizes if shared else sizes[self.list_of]
        start = np.cumsum(sizes) - sizes
        self.start = start[self.list_of] if shared else start
        self.size = int(sizes.sum())

    @staticmethod
    def _runs(mask: BoolArray, seen: IntArray) -> tuple[IntArray, IntArray]:
        """Return the runs of destination columns that each quad column reaches.

        Args:
            mask: Where a field has connections, (template rows, template columns).
            seen: Column of its template at which each destination column sees each source column, -1 for none.

        Returns:
            (first, length) by quad column, member (left, right) and template row; and by quad column the destination
            column that `first` counts from.
        """
        sees = np.moveaxis(mask[:, seen], 0, 2) & (seen >= 0)[:, :, None]
        first, length = sees.argmax(axis=3), sees.sum(axis=3)
        some = length > 0
        lowest = np.where(some, first, seen.shape[2]).min(axis=(1, 2))
        column_first = np.where(some.any(axis=(1, 2)), lowest, 0)
        runs = np.stack([np.where(some, first - column_first[:, None, None], 0), length], axis=3)
        return runs.astype(np.int32), column_first

    @property
    def nbytes(self) -> int:
        """Bytes of the lists."""
        arrays = (self.offsets, self.lanes, self.lists, self.list_of, self.base, self.start)
        return sum(array.nbytes for array in arrays)


def _seen(size: int, first: IntArray, extent: int) -> IntArray:
    """Return the cell of its template at which each destination sees each of `size` source cells, two by two.

    Destination n sees cell i at i + first[n] if that is within the template's `extent`; -1 stands for none. The shape
    is (half the cells, 2, destinations).
    """
    seen = np.arange(size + size % 2)[:, None] + first
    seen[(seen < 0) | (seen >= extent)] = -1
    seen[size:] = -1
    return seen.reshape(-1, 2, len(first))


def _sequences(values: IntArray, valid: BoolArray) -> IntArray:
    """Return the valid values of each row in turn, padded with -1 to equal lengths."""
    order = np.argsort(~valid, axis=1, kind="stable")
    sorted_values = np.take_along_axis(np.where(valid, values, -1), order, axis=1)
    return np.ascontiguousarray(sorted_values[:, : max(int(valid.sum(axis=1).max()), 1)], np.int32)


def has_runs(mask: BoolArray) -> bool:
    """Return True if no row of a field's mask has a hole."""
    rises = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1) == 1
    return bool((rises.sum(axis=1) <= 1).all())


def is_separable(geometry: FieldGeometry) -> bool:
    """Return True if fields lie in rows and columns that ascend as those of their units do."""
    corners = geometry.corners.reshape(*geometry.destination_shape, 2)
    separable = (corners[:, :1, 0] == corners[:, :, 0]).all() and (corners[:1, :, 1] == corners[:, :, 1]).all()
    ascending = (np.diff(corners[:, 0, 0]) >= 0).all() and (np.diff(corners[0, :, 1]) >= 0).all()
    return bool(separable and ascending)
