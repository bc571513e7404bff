"""Sums and scales of all stored weights of a projection."""

import numpy as np

from topo_exp.engine.compiled.kernels.active import quads
from topo_exp.engine.compiled.kernels.jit import entry_point, float32s, float64s, helper, int32s
from topo_exp.engine.compiled.kernels.table import (
    LISTS,
    N_DEST,
    N_LISTS,
    N_OFFSETS,
    OFFSETS,
    SCALE,
    TOTAL,
    WEIGHTS,
)
from topo_exp.typing import FloatArray, IntArray


@helper
def walk(field: IntArray, sums: FloatArray, factors: FloatArray, step: int) -> None:
    """Add |v| of each destination unit to sums (step 0), multiply v by its factor (step 1), or add v² (step 2).

    Both arrays have PADDING more numbers than there are units: the numbers beside the weights are zeros, which take
    part.
    """
    start, base, list_of = quads(field)
    lists, offsets = int32s(field[LISTS], 3 * field[N_LISTS]), int32s(field[OFFSETS], field[N_OFFSETS])
    for quad in range(len(start)):
        weight = field[WEIGHTS] + 4 * start[quad]
        first, eights, fours = lists[3 * list_of[quad]], lists[3 * list_of[quad] + 1], lists[3 * list_of[quad] + 2]
        for entry in range(first, first + eights + fours):
            width = 8 if entry < first + eights else 4
            to = base[quad] + offsets[entry]
            total, factor = sums[to : to + width], factors[to : to + width]
            for _ in range(4):
                values = float32s(weight, width)
                for lane in range(width):
                    if step == 0:
                        total[lane] += abs(values[lane])
                    elif step == 2:
                        total[lane] += np.float64(values[lane]) * np.float64(values[lane])
                    else:
                        values[lane] = np.float32(values[lane] * factor[lane])
                weight += 4 * width


@helper
def sum_up(field: IntArray, sums: FloatArray) -> None:
    """Set TOTAL to the sum of the absolute weights s |v| of each destination unit.

    sums: (destination units + PADDING,) zeros, which are overwritten.
    """
    n_dest = field[N_DEST]
    scale, total = float64s(field[SCALE], n_dest), float64s(field[TOTAL], n_dest)
    walk(field, sums, sums, np.int64(0))
    for unit in range(n_dest):
        total[unit] = scale[unit] * sums[unit]


@entry_point("void(int64[:, ::1], float64[::1], float64[::1])")
def fold(fields: IntArray, sums: FloatArray, factors: FloatArray) -> None:
    """Multiply the scale of one projection into its weights so that they sum to TOTAL; set the scale to one.

    sums, factors: (destination units + PADDING,) zeros and ones, which are overwritten.
    """
    field = fields[0]
    n_dest = field[N_DEST]
    scale, total = float64s(field[SCALE], n_dest), float64s(field[TOTAL], n_dest)
    walk(field, sums, factors, np.int64(0))
    for unit in range(n_dest):
        factors[unit] = total[unit] / sums[unit] if sums[unit] > 0 else scale[unit]
    walk(field, sums, factors, np.int64(1))
    scale[:] = 1.0


@entry_point("void(int64[:, ::1], float64[::1])")
def add_up(fields: IntArray, sums: FloatArray) -> None:
    """Set TOTAL to the sum of the weights s v of each destination unit of one projection.

    sums: (destination units + PADDING,) zeros, which are overwritten.
    """
    sum_up(fields[0], sums)


@entry_point("void(int64[:, ::1], float64[::1])")
def add_squares(fields: IntArray, sums: FloatArray) -> None:
    """Set sums to the sum of the squares v² of each destination unit of one projection, without its scale.

    sums: (destination units + PADDING,) zeros.
    """
    walk(fields[0], sums, sums, np.int64(2))
