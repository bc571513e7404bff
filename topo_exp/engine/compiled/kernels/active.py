"""Lists of active units and quads."""

from typing import Any

import numpy as np

from topo_exp.engine.compiled.kernels.jit import float32s, helper, int32s, int64s
from topo_exp.engine.compiled.kernels.table import (
    ACTIVE,
    BASE,
    INPUTS,
    LIST,
    N_ACTIVE,
    N_SOURCE,
    SOURCE,
    SOURCE_COLUMNS,
    START,
)
from topo_exp.engine.compiled.kernels.vectors import lowest_bit, nonzero8
from topo_exp.typing import IntArray


@helper
def quads(field: IntArray) -> Any:
    """Return START, BASE and LIST as arrays."""
    columns = field[SOURCE_COLUMNS]
    n_quads = (field[N_SOURCE] // columns + 1) // 2 * ((columns + 1) // 2)
    return int64s(field[START], n_quads), int32s(field[BASE], n_quads), int32s(field[LIST], n_quads)


@helper
def list_active(activity: int, n: int, active: int) -> int:
    """List the units of nonzero activity in ascending order, and return their number."""
    units = int32s(active, n)
    values = float32s(activity, n)
    count = 0
    whole = n // 8 * 8
    for first in range(0, whole, 8):
        bits = nonzero8(activity + 4 * first)
        while bits != 0:
            units[count] = first + lowest_bit(bits)
            count += 1
            bits &= bits - 1
    for unit in range(whole, n):
        if values[unit] != 0:
            units[count] = unit
            count += 1
    return count


@helper
def list_quads(field: IntArray) -> None:
    """List the quads of the source that have an active member, with the activities of their members."""
    n_source, columns = field[N_SOURCE], field[SOURCE_COLUMNS]
    rows = n_source // columns
    quads_per_row = (columns + 1) // 2
    n_quads = (rows + 1) // 2 * quads_per_row
    source, active = float32s(field[SOURCE], n_source), int32s(field[ACTIVE], n_quads)
    inputs = float32s(field[INPUTS], 4 * n_quads)
    count = 0
    for row in range(0, rows, 2):
        below = row + 1 < rows
        for first in range(0, columns, 8):
            at = row * columns + first
            bits = nonzero8(field[SOURCE] + 4 * at)
            if below:
                bits |= nonzero8(field[SOURCE] + 4 * (at + columns))
            if first + 8 > columns:
                bits &= (1 << (columns - first)) - 1
            bits = (bits | bits >> 1) & 0x55
            while bits != 0:
                column = first + lowest_bit(bits)
                bits &= bits - 1
                active[count] = row // 2 * quads_per_row + column // 2
                unit = row * columns + column
                right = column + 1 < columns
                inputs[4 * count] = source[unit]
                inputs[4 * count + 1] = source[unit + 1] if right else np.float32(0.0)
                inputs[4 * count + 2] = source[unit + columns] if below else np.float32(0.0)
                inputs[4 * count + 3] = source[unit + columns + 1] if below and right else np.float32(0.0)
                count += 1
    field[N_ACTIVE] = count


@helper
def any_negative(activity: int, n: int) -> bool:
    """Return True if one of the `n` activities at an address is below zero."""
    values = float32s(activity, n)
    found = False
    for unit in range(n):
        found |= values[unit] < 0
    return found
