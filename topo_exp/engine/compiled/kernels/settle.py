"""Activation of a sheet, by its input and by its own activity in turn."""

import numpy as np

from topo_exp.engine.compiled.kernels.active import list_quads, quads
from topo_exp.engine.compiled.kernels.jit import entry_point, exact, float32s, float64s, helper, int32s
from topo_exp.engine.compiled.kernels.respond import add_responses, respond_to_listed, respond_to_source, scatter
from topo_exp.engine.compiled.kernels.table import (
    ACTIVATIONS,
    ACTIVITY,
    ARRIVED,
    CLIPPED,
    DIVISOR,
    DRIVE,
    ECHO,
    GAIN,
    KIND,
    LATERAL,
    LISTS,
    LOWER,
    N_ACTIVE,
    N_LISTS,
    N_OFFSETS,
    NET,
    OFFSETS,
    PADDING,
    PARTIAL,
    SCALE,
    SOURCE,
    SOURCE_COLUMNS,
    STRENGTH,
    THRESHOLD,
    TOGETHER,
    UNITS,
    UPPER,
    WEIGHTS,
    ZEROS,
)
from topo_exp.engine.compiled.kernels.transfer import output
from topo_exp.engine.compiled.kernels.vectors import together4, together8
from topo_exp.typing import FloatArray, IntArray


@exact
def _output(net: float, threshold: float, transfer: FloatArray) -> float:
    """Return clip((net - threshold - LOWER) GAIN, 0, UPPER); NaN stays NaN."""
    value = (net - threshold - transfer[LOWER]) * transfer[GAIN]
    value = 0.0 if value < 0 else value
    return transfer[UPPER] if value > transfer[UPPER] else value


@exact
def _activate(sheet: IntArray, transfer: FloatArray, fields: IntArray) -> None:
    """Set ACTIVITY to f(DRIVE + L), or f(DRIVE / (max(L, 0) + DIVISOR)), with the SECOND responses L.

    f is `_output`, or `transfer.output` of another KIND.
    """
    n = sheet[UNITS]
    drive, net, threshold = float64s(sheet[DRIVE], n), float64s(sheet[NET], n), float64s(sheet[THRESHOLD], n)
    activity = float32s(sheet[ACTIVITY], n)
    if transfer[DIVISOR] > 0:
        add_responses(fields, np.int64(1), sheet[NET], sheet[ZEROS])
        for unit in range(n):
            net[unit] = drive[unit] / (max(net[unit], 0.0) + transfer[DIVISOR])
    else:
        add_responses(fields, np.int64(1), sheet[NET], sheet[DRIVE])
    if transfer[KIND] == CLIPPED:
        for unit in range(n):
            activity[unit] = np.float32(_output(net[unit], threshold[unit], transfer))
    else:
        for unit in range(n):
            activity[unit] = np.float32(output(net[unit], transfer))


@exact
def _activate_from_two(
    sheet: IntArray, transfer: FloatArray, one: IntArray, other: IntArray, strengths: tuple[float, float]
) -> None:
    """Set ACTIVITY as `_activate` does, bit for bit, from two lateral projections whose responses are in PARTIAL."""
    n = sheet[UNITS]
    drive, threshold = float64s(sheet[DRIVE], n), float64s(sheet[THRESHOLD], n)
    activity = float32s(sheet[ACTIVITY], n)
    scale1, scale2 = float64s(one[SCALE], n), float64s(other[SCALE], n)
    partial1, partial2 = float32s(one[PARTIAL], n + PADDING), float32s(other[PARTIAL], n + PADDING)
    for unit in range(n):
        net = drive[unit] + strengths[0] * scale1[unit] * partial1[unit]
        net += strengths[1] * scale2[unit] * partial2[unit]
        activity[unit] = np.float32(_output(net, threshold[unit], transfer))
    partial1[:] = 0
    partial2[:] = 0


@helper
def _two_lateral(transfer: FloatArray, fields: IntArray) -> tuple[int, int]:
    """Return the indices of a sheet's lateral projections if there are two, which add, and f is `_output`.

    Else return (-1, -1).
    """
    first, second, count = -1, -1, 0
    for p in range(len(fields)):
        if fields[p, LATERAL]:
            first, second = second, p
            count += 1
    if count != 2 or transfer[DIVISOR] > 0 or transfer[KIND] != CLIPPED:
        return -1, -1
    return first, second


@entry_point("void(int64[::1], float64[::1], int64[:, ::1], float64[:, ::1])")
def settle(sheet: IntArray, transfer: FloatArray, fields: IntArray, numbers: FloatArray) -> None:
    """Activate a sheet ACTIVATIONS times: first by its input, then by its input and its own previous activity.

    x_1 = f(sum of g W y over all projections), x_n = f(sum of g W y + sum of g W x_(n-1)), with strengths g; the sums
    are over afferent and lateral projections; `_activate` defines f. With ACTIVATIONS = 0 only DRIVE is computed.
    """
    for p in range(len(fields)):
        if fields[p, ARRIVED]:
            respond_to_source(fields[p], numbers[p])
    add_responses(fields, np.int64(0), sheet[DRIVE], sheet[ZEROS])
    if sheet[ACTIVATIONS] == 0:
        return
    _activate(sheet, transfer, fields)
    one, other = _two_lateral(transfer, fields)
    for n in range(1, sheet[ACTIVATIONS] + sheet[ECHO]):
        at_once = one >= 0 and n < sheet[ACTIVATIONS]
        listed = -1
        for p in range(len(fields)):
            if fields[p, LATERAL]:
                own_source = fields[p, SOURCE]
                fields[p, SOURCE] = sheet[ACTIVITY]
                if listed < 0:
                    list_quads(fields[p])
                    listed = p
                fields[p, N_ACTIVE] = fields[listed, N_ACTIVE]
                if at_once:
                    scatter(fields[p])
                else:
                    respond_to_listed(fields[p], numbers[p, STRENGTH])
                fields[p, SOURCE] = own_source
        if at_once:
            strengths = (numbers[one, STRENGTH], numbers[other, STRENGTH])
            _activate_from_two(sheet, transfer, fields[one], fields[other], strengths)
        elif n < sheet[ACTIVATIONS]:
            _activate(sheet, transfer, fields)


@helper
def _by_quad(activity: FloatArray, columns: int, inputs: FloatArray, first: int) -> None:
    """Copy an activity into columns first ... first + 3 of `inputs` (quads, ...), a quad's members side by side."""
    rows, quads_per_row = len(activity) // columns, (columns + 1) // 2
    for row in range(rows):
        line = inputs[row // 2 * quads_per_row : (row // 2 + 1) * quads_per_row, first + row % 2 * 2 :]
        values = activity[row * columns : (row + 1) * columns]
        for n in range(columns // 2):
            line[n, 0] = values[2 * n]
            line[n, 1] = values[2 * n + 1]
        if columns % 2:
            line[quads_per_row - 1, 0] = values[columns - 1]


@exact
def _scatter_together(field: IntArray, active: IntArray, inputs: FloatArray, partial: int, stride: int) -> None:
    """Add v x, for the activities of TOGETHER presentations, to their rows of a response in single precision."""
    start, base, list_of = quads(field)
    lists, offsets = int32s(field[LISTS], 3 * field[N_LISTS]), int32s(field[OFFSETS], field[N_OFFSETS])
    for quad in active:
        q = inputs[quad]
        x = (q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7], q[8], q[9], q[10], q[11], q[12], q[13], q[14], q[15])
        first, eights, fours = lists[3 * list_of[quad]], lists[3 * list_of[quad] + 1], lists[3 * list_of[quad] + 2]
        weight = field[WEIGHTS] + 4 * start[quad]
        to = partial + 4 * base[quad]
        for entry in range(first, first + eights):
            together8(to + 4 * offsets[entry], stride, weight, x)
            weight += 128
        for entry in range(first + eights, first + eights + fours):
            together4(to + 4 * offsets[entry], stride, weight, x)
            weight += 64


@helper
def _list_any(inputs: FloatArray, active: IntArray) -> int:
    """List the rows of `inputs` (quads, members of all presentations) that hold a nonzero; return their number."""
    count = 0
    for quad in range(len(inputs)):
        some = False
        for member in range(inputs.shape[1]):
            some |= inputs[quad, member] != 0
        if some:
            active[count] = quad
            count += 1
    return count


@entry_point(
    "void(int64[::1], float64[::1], int64[:, ::1], float64[:, ::1], float64[:, ::1], float32[:, ::1],"
    "float32[:, :, ::1], float32[:, ::1], int32[::1])"
)
def settle_together(
    sheet: IntArray,
    transfer: FloatArray,
    fields: IntArray,
    numbers: FloatArray,
    drives: FloatArray,
    activities: FloatArray,
    partial: FloatArray,
    inputs: FloatArray,
    active: IntArray,
) -> None:
    """Settle a sheet to each of TOGETHER drives, as `settle` does, bit for bit; its two lateral projections must add.

    drives, activities: (TOGETHER, units). partial (2, TOGETHER, units + PADDING), inputs (quads, 4 TOGETHER): zeros,
    which are overwritten; active (quads,). The lateral projections have had no input before.
    """
    n = sheet[UNITS]
    one, other = _two_lateral(transfer, fields)
    laterals = (one, other)
    own = (fields[one, PARTIAL], fields[other, PARTIAL], sheet[DRIVE], sheet[ACTIVITY])
    strengths = (numbers[one, STRENGTH], numbers[other, STRENGTH])
    columns = fields[one, SOURCE_COLUMNS]
    row = 4 * (n + PADDING)
    partials, drive, activity = partial.ctypes.data, drives.ctypes.data, activities.ctypes.data
    for activation in range(sheet[ACTIVATIONS]):
        if activation > 0:
            count = _list_any(inputs, active)
            for p in range(2):
                address = np.int64(partials + TOGETHER * row * p)
                _scatter_together(fields[laterals[p]], active[:count], inputs, address, row)
        for presentation in range(TOGETHER):
            sheet[DRIVE], sheet[ACTIVITY] = drive + 8 * n * presentation, activity + 4 * n * presentation
            for p in range(2):
                fields[laterals[p], PARTIAL] = partials + row * (TOGETHER * p + presentation)
            _activate_from_two(sheet, transfer, fields[one], fields[other], strengths)
            _by_quad(activities[presentation], columns, inputs, 4 * presentation)
    fields[one, PARTIAL], fields[other, PARTIAL], sheet[DRIVE], sheet[ACTIVITY] = own
