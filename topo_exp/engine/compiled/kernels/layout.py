"""The vectors of a layout, and weights copied from and to templates."""

import numpy as np

from topo_exp.engine.compiled.kernels.active import quads
from topo_exp.engine.compiled.kernels.jit import entry_point, float32s, int32s
from topo_exp.engine.compiled.kernels.table import LANES, LISTS, N_LISTS, N_OFFSETS, OFFSETS, SOURCE_COLUMNS, WEIGHTS
from topo_exp.typing import FloatArray, IntArray


@entry_point("int64(int32[:, :, ::1], int32[::1], int32[:, :, :, ::1], int64, int32[:, ::1], int32[::1], int32[::1])")
def list_vectors(
    row_classes: IntArray,
    row_counts: IntArray,
    column_classes: IntArray,
    columns: int,
    lists: IntArray,
    offsets: IntArray,
    lanes: IntArray,
) -> int:
    """Cut the runs of every pair of a row class and a column class into vectors; return the number of entries.

    row_classes (classes, rows, 2): the template row in which each destination row sees the upper and the lower
    members of a quad, -1 for none; row_counts: number of rows. column_classes (classes, 2, template rows, 2):
    first destination column and number of columns of a run, of the left and the right members.
    If `offsets` is too short, nothing is written into it: a first call counts, a second one writes.
    """
    entry = 0
    for row_class in range(len(row_classes)):
        for column_class in range(len(column_classes)):
            this = lists[row_class * len(column_classes) + column_class]
            this[0] = entry
            for width in (8, 4):
                before = entry
                for row in range(row_counts[row_class]):
                    low, high = columns, 0
                    for member in range(4):
                        k = row_classes[row_class, row, member // 2]
                        if k >= 0:
                            first, length = column_classes[column_class, member % 2, k]
                            if length > 0:
                                low, high = min(low, first), max(high, first + length)
                    length = max(high - low, 0)
                    eights = (length + 3) // 8
                    for n in range(eights if width == 8 else length - 8 * eights > 0):
                        if entry < len(offsets):
                            begin = low + (8 * n if width == 8 else 8 * eights)
                            offsets[entry] = row * columns + begin
                            lanes[entry] = 0
                            for member in range(4):
                                k = row_classes[row_class, row, member // 2]
                                if k >= 0:
                                    first, length = column_classes[column_class, member % 2, k]
                                    for lane in range(width):
                                        if first <= begin + lane < first + length:
                                            lanes[entry] |= 1 << (8 * member + lane)
                        entry += 1
                this[1 if width == 8 else 2] = entry - before
    return entry


@entry_point("void(int64[:, ::1], int64, int32[::1], int32[::1], float32[:, :, ::1], boolean, float64[::1])")
def convert(
    fields: IntArray,
    columns: int,
    template_row: IntArray,
    template_column: IntArray,
    templates: FloatArray,
    pack: bool,
    factors: FloatArray,
) -> None:
    """Copy the weights of one projection from templates (destination unit, rows, columns), or back with their factors.

    `columns` are those of the destination sheet; destination row R sees source row p as row p + template_row[R] of its
    template, and so for columns. A single template stands for all units.
    """
    field = fields[0]
    start, base, list_of = quads(field)
    lists, offsets = int32s(field[LISTS], 3 * field[N_LISTS]), int32s(field[OFFSETS], field[N_OFFSETS])
    lanes = int32s(field[LANES], field[N_OFFSETS])
    quads_per_row = (field[SOURCE_COLUMNS] + 1) // 2
    for quad in range(len(start)):
        quad_row, quad_column = divmod(quad, quads_per_row)
        weight = field[WEIGHTS] + 4 * start[quad]
        first, eights, fours = lists[3 * list_of[quad] : 3 * list_of[quad] + 3]
        for entry in range(first, first + eights + fours):
            width = 8 if entry < first + eights else 4
            values = float32s(weight, 4 * width)
            dest = base[quad] + offsets[entry]
            dest_row, dest_column = divmod(dest, columns)
            for member in range(4):
                k = 2 * quad_row + member // 2 + template_row[dest_row]
                for lane in range(width):
                    if lanes[entry] >> (8 * member + lane) & 1:
                        at = 2 * quad_column + member % 2 + template_column[dest_column + lane]
                        if pack:
                            values[width * member + lane] = templates[min(dest + lane, len(templates) - 1), k, at]
                        else:
                            value = values[width * member + lane] * factors[dest + lane]
                            templates[dest + lane, k, at] = np.float32(value)
            weight += 16 * width
