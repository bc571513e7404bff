"""Compiled kernels of the event-driven path; arrays in, arrays out.

What makes them fast is what they leave out. The weights of a projection are stored *by source unit*: a source unit's
weights onto all units that it reaches lie together in memory, row by row of the destination. Then only active source
units are read, and each adds `x_i * weights` into the response array, eight numbers at a time. Hebbian change needs a
source unit and a destination unit that are both active, so it takes the same route. Divisive L1 normalisation is a
scale factor per destination unit: with w = s v and total = sum(w), learning at rate a changes the total by
a y sum(x), and dividing by it divides s. It is folded into the weights when enough has gathered.

Layout (`Layout` in eventdriven.py makes it). Source units are taken in quads, two by two neighbours, because neighbours
tend to be active together and reach almost the same units. The destination units that a quad reaches are runs of
neighbours in rows. Runs are cut into vectors of eight and, at their ends, of four; for each vector in turn the weights
of the four members lie side by side, padded with zeros where a member does not reach. So the response to a whole quad
is loaded and stored once. Quads whose vectors lie alike relative to their first destination (all but those at an edge,
when densities are equal) share one list of offsets, so that the innermost loop is one flat pass over a list, without a
branch. A vector that ends beyond its run adds zeros to the units that follow, so arrays carry eight extra numbers.

Where all units share one kernel, the weights too are stored once per list.

Precision: weights and activities are float32. Responses to other sheets are products and sums in double precision, as
is all that is done per unit (thresholds, scales, totals); responses of a sheet to itself, computed once per settling
step, are products and sums in float32.

A call must not cost more than its work, so arrays travel as addresses in a table with one row per projection (columns:
`WEIGHTS` ...), which Python fills once. Whoever calls keeps the arrays alive.

All kernels live in this one module because numba's cache notices changes in a kernel's own file only; each has one
explicit signature, so that processes which fill the cache at the same time write the same thing.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from topo_exp.typing import FloatArray, IntArray

# columns of the address table, one row per projection
SOURCE = 0  # float32 (source units + 8,): activity as it arrived
RESPONSE = 1  # float64 (destination units + 8,): strength times response
SCALE = 2  # float64 (destination units,): s
WEIGHTS = 3  # float32: per quad its vectors of eight, then those of four, each for all four members
START = 4  # int64 (quads,): where in WEIGHTS a quad's begin
BASE = 5  # int32 (quads,): destination unit that offsets count from
LIST = 6  # int32 (quads,): which list of offsets is a quad's
LISTS = 7  # int32 (lists, 3): first entry, number of vectors of eight, of four
OFFSETS = 8  # int32 (entries,): first destination unit of a vector, from BASE
LANES = 9  # int32 (entries,): bit 8 m + n tells whether number n of member m's vector is a weight
PARTIAL = 10  # float32 (destination units + 8,): response in single precision; zeros between calls
GATE = 11  # float32 (destination units + 8,): rate y / s while learning, else zero
INPUT_SUM = 12  # float32 (destination units + 8,): sum of the active inputs in a unit's field
NEAR = 13  # int8 (destination units + 8,): whether a vector of eight that starts here holds a unit that learns
ACTIVE = 14  # int32 (quads,): list of active quads
INPUTS = 15  # float32 (quads, 4): activities of their members
TOTAL = 16  # float64 (destination units,): sum of the weights s v
# and plain numbers
N_SOURCE = 17
N_DEST = 18
SOURCE_COLUMNS = 19
N_LISTS = 20
N_OFFSETS = 21
GROUP = 22  # projections normalised together share this number, and are neighbours in the table; -1: not normalised
N_ACTIVE = 23  # how many of ACTIVE are valid
ARRIVED = 24  # whether RESPONSE is to be computed anew, from SOURCE
LATERAL = 25  # whether the source is the destination itself
N_ADDRESSES = 26

# columns of the table of real numbers, one row per projection
STRENGTH = 0
RATE = 1  # per connection
N_NUMBERS = 2

# entries of the address table of a sheet
ACTIVITY = 0  # float32 (units,)
DRIVE = 1  # float64 (units,): what arrived from other sheets
NET = 2  # float64 (units,): combined input
THRESHOLD = 3  # float64 (units,)
LEARNERS = 4  # int32 (units,): list of active units
UNITS = 5
ACTIVATIONS = 6
ECHO = 7  # whether to compute the lateral response to the last activity too
ZEROS = 8  # float64 (units,)
N_SHEET = 9

# entries of a sheet's transfer function
LOWER = 0
GAIN = 1
UPPER = 2
DIVISOR = 3  # constant of divisive gain control by the lateral projections, or 0 where they add
N_TRANSFER = 4

PADDING = 8
"""Numbers beyond the end of an array of destination units that kernels may touch."""

MEMBERS = np.zeros((16, 5), np.int64)
"""How many members of a quad are active, and which, by the bits that tell it."""

for _bits in range(16):
    _members = [member for member in range(4) if _bits >> member & 1]
    MEMBERS[_bits, : len(_members) + 1] = [len(_members), *_members]

TOGETHER = 4
"""Presentations that a sheet can settle to at once, so that its weights are read once for all of them."""

_CONTRACT = {"contract"}  # fused multiply-add; nothing that would hide NaN or depend on the order of compilation
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_helper = njit(fastmath=_CONTRACT, **_INSIDE)
_exact = njit(fastmath=False, **_INSIDE)  # rounds as written; what is not set would be the caller's
_Codegen = tuple[Any, Callable[..., Any]]


def _entry(signature: str) -> Callable[..., Any]:
    return njit(signature, nogil=True, fastmath=_CONTRACT, error_model="numpy", cache=True)


# ------------------------------------------------------------------------------------------ vectors of eight and four
def _vector(width: int) -> Any:
    return ir.VectorType(ir.FloatType(), width)


def _at(builder: Any, address: Any, width: int) -> Any:
    return builder.inttoptr(address, _vector(width).as_pointer())


def _splat(builder: Any, x: Any, width: int) -> Any:
    vector = ir.VectorType(x.type, width)
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, x, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width))


def _lanes_of(builder: Any, lanes: Any, member: int, width: int) -> Any:
    """Return the mask of one member's weights in a vector, from an entry of LANES."""
    bits = [1 << (8 * member + lane) for lane in range(width)]
    vector = ir.VectorType(lanes.type, width)
    mask = builder.and_(_splat(builder, lanes, width), ir.Constant(vector, bits))
    return builder.icmp_unsigned("!=", mask, ir.Constant(vector, [0] * width))


def _sum_of_products(builder: Any, weights: Any, x: Sequence[Any]) -> Any:
    """Return the sum of w x over weights and activities, in their order, leaving out no rounding but by multiply-add.

    The first product is rounded, so that members of activity zero, if they are there, change no bit.
    """
    total = None
    for values, activity in zip(weights, x, strict=True):
        factor = _splat(builder, activity, values.type.count)
        if total is None:
            total = builder.fmul(values, factor)
        else:
            total = builder.fadd(total, builder.fmul(values, factor, flags=["contract"]), flags=["contract"])
    return total


def _add_products(width: int, count: int, *, double: bool) -> Any:
    """Return a function that adds the products of one vector's weights with `count` members' activities."""

    @intrinsic
    def add(typing: Any, y: int, weights: int, members: tuple[int, ...], x: tuple[float, ...]) -> _Codegen:
        """y[:width] += sum of weights[m, :width] x_m over members m, y and weights being addresses."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            size = ir.Constant(ir.IntType(64), 4 * width)
            places = [builder.add(args[1], builder.mul(m, size)) for m in cgutils.unpack_tuple(builder, args[2])]
            values = [builder.load(_at(builder, place, width), align=4) for place in places]
            x, to = cgutils.unpack_tuple(builder, args[3]), _at(builder, args[0], width)
            if double:
                doubles = ir.VectorType(ir.DoubleType(), width)
                values = [builder.fpext(value, doubles) for value in values]
                x = [builder.fpext(activity, ir.DoubleType()) for activity in x]
                to = builder.inttoptr(args[0], doubles.as_pointer())
            total = _sum_of_products(builder, values, x)
            builder.store(builder.fadd(builder.load(to, align=4), total), to, align=4)
            return context.get_dummy_value()

        pair = types.UniTuple(types.int64, count), types.UniTuple(types.float32, count)
        return types.void(types.int64, types.int64, *pair), codegen

    return add


def _add_products_together(width: int) -> Any:
    """Return a function that adds the products of one vector's weights to the responses of several presentations."""

    @intrinsic
    def add(typing: Any, y: int, stride: int, weights: int, x: tuple[float, ...]) -> _Codegen:
        """y[p, :width] += sum of weights[m, :width] x[p, m] over members m, rows of y lying `stride` bytes apart."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            places = [builder.add(args[2], ir.Constant(ir.IntType(64), 4 * width * m)) for m in range(4)]
            values = [builder.load(_at(builder, place, width), align=4) for place in places]
            x, row = cgutils.unpack_tuple(builder, args[3]), args[0]
            for p in range(TOGETHER):
                to = _at(builder, row, width)
                total = _sum_of_products(builder, values, x[4 * p : 4 * p + 4])
                builder.store(builder.fadd(builder.load(to, align=4), total), to, align=4)
                row = builder.add(row, args[1])
            return context.get_dummy_value()

        quads = types.UniTuple(types.float32, 4 * TOGETHER)
        return types.void(types.int64, types.int64, types.int64, quads), codegen

    return add


def _learn_vector(width: int) -> Any:
    """Return a function that changes the weights of one vector of a quad."""

    @intrinsic
    def learn(typing: Any, weights: int, gate: int, sums: int, x: tuple[float, ...], lanes: int) -> _Codegen:
        """weights[m, n] += gate[n] x_m and sums[n] += x_m for the lanes n of each member m; arrays are addresses."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            gate, to_sum = builder.load(_at(builder, args[1], width), align=4), _at(builder, args[2], width)
            total = builder.load(to_sum, align=4)
            none = ir.Constant(_vector(width), [0.0] * width)
            for member, activity in enumerate(cgutils.unpack_tuple(builder, args[3])):
                address = builder.add(args[0], ir.Constant(ir.IntType(64), 4 * width * member))
                to = _at(builder, address, width)
                x = builder.select(_lanes_of(builder, args[4], member, width), _splat(builder, activity, width), none)
                product = builder.fmul(gate, x, flags=["contract"])
                builder.store(builder.fadd(builder.load(to, align=4), product, flags=["contract"]), to, align=4)
                total = builder.fadd(total, x)
            builder.store(total, to_sum, align=4)
            return context.get_dummy_value()

        quad = types.UniTuple(types.float32, 4)
        return types.void(types.int64, types.int64, types.int64, quad, types.int32), codegen

    return learn


def _nonzero_vector(width: int) -> Any:
    @intrinsic
    def nonzero(typing: Any, x: int) -> _Codegen:
        """Bit n tells whether x[n] is not zero (NaN is not), x being an address."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = builder.load(_at(builder, args[0], width), align=4)
            bits = builder.fcmp_unordered("!=", values, ir.Constant(_vector(width), [0.0] * width))
            return builder.zext(builder.bitcast(bits, ir.IntType(width)), ir.IntType(64))

        return types.int64(types.int64), codegen

    return nonzero


_together8, _together4 = _add_products_together(8), _add_products_together(4)
_learn8, _learn4 = _learn_vector(8), _learn_vector(4)
_nonzero8 = _nonzero_vector(8)


@intrinsic
def _lowest_bit(typing: Any, bits: int) -> _Codegen:
    """Position of the lowest bit that is set; bits must not be zero."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


def _pointer_to(type_: Any) -> Any:
    @intrinsic
    def pointer(typing: Any, address: int) -> _Codegen:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(type_)(types.int64), codegen

    return pointer


_float32_pointer = _pointer_to(types.float32)
_float64_pointer = _pointer_to(types.float64)
_int8_pointer = _pointer_to(types.int8)
_int32_pointer = _pointer_to(types.int32)
_int64_pointer = _pointer_to(types.int64)


@_helper
def _float32(address: int, n: int) -> np.ndarray:
    return carray(_float32_pointer(address), (n,))


@_helper
def _float64(address: int, n: int) -> np.ndarray:
    return carray(_float64_pointer(address), (n,))


@_helper
def _int8(address: int, n: int) -> np.ndarray:
    return carray(_int8_pointer(address), (n,))


@_helper
def _int32(address: int, n: int) -> np.ndarray:
    return carray(_int32_pointer(address), (n,))


@_helper
def _int64(address: int, n: int) -> np.ndarray:
    return carray(_int64_pointer(address), (n,))


# ------------------------------------------------------------------------------------------------ the active units
@_helper
def _list_active(activity: int, n: int, active: int) -> int:
    """List the units of nonzero activity in ascending order; return how many there are."""
    units = _int32(active, n)
    values = _float32(activity, n)
    count = 0
    whole = n // 8 * 8
    for first in range(0, whole, 8):
        bits = _nonzero8(activity + 4 * first)
        while bits != 0:
            units[count] = first + _lowest_bit(bits)
            count += 1
            bits &= bits - 1
    for unit in range(whole, n):
        if values[unit] != 0:
            units[count] = unit
            count += 1
    return count


@_helper
def _list_quads(field: IntArray) -> None:
    """List the quads of the source that have an active member, with the activities of their members."""
    n_source, columns = field[N_SOURCE], field[SOURCE_COLUMNS]
    rows = n_source // columns
    quads_per_row = (columns + 1) // 2
    n_quads = (rows + 1) // 2 * quads_per_row
    source, active = _float32(field[SOURCE], n_source), _int32(field[ACTIVE], n_quads)
    inputs = _float32(field[INPUTS], 4 * n_quads)
    count = 0
    for row in range(0, rows, 2):
        below = row + 1 < rows
        for first in range(0, columns, 8):
            at = row * columns + first
            bits = _nonzero8(field[SOURCE] + 4 * at)
            if below:
                bits |= _nonzero8(field[SOURCE] + 4 * (at + columns))
            if first + 8 > columns:
                bits &= (1 << (columns - first)) - 1
            bits = (bits | bits >> 1) & 0x55
            while bits != 0:
                column = first + _lowest_bit(bits)
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


@_helper
def _any_negative(activity: int, n: int) -> bool:
    values = _float32(activity, n)
    found = False
    for unit in range(n):
        found |= values[unit] < 0
    return found


# ---------------------------------------------------------------------------------------------------- the response
def _make_pass(count: int, *, double: bool) -> Any:
    """Return the innermost kernel, for quads with `count` active members."""
    add8, add4 = _add_products(8, count, double=double), _add_products(4, count, double=double)
    size = 8 if double else 4

    @_exact
    def over_list(
        to: int, weight: int, offsets: int, eights: int, fours: int, members: tuple[int, ...], x: tuple[float, ...]
    ) -> None:
        """Add the weights of some members, times their activities x, to a response; addresses and numbers."""
        entries = _int32(offsets, eights + fours)
        for n in range(eights):
            add8(to + size * entries[n], weight, members, x)
            weight += 128
        for n in range(eights, eights + fours):
            add4(to + size * entries[n], weight, members, x)
            weight += 64

    return over_list


def _make_scatter(*, double: bool) -> Any:
    one, two, three, four = (_make_pass(count, double=double) for count in (1, 2, 3, 4))
    column, size = (RESPONSE, 8) if double else (PARTIAL, 4)

    @_helper
    def scatter(field: IntArray) -> None:
        """Add the sum of v x over the active quads to PARTIAL, or in double precision to RESPONSE."""
        n_quads = field[N_ACTIVE]
        active, inputs = _int32(field[ACTIVE], n_quads), _float32(field[INPUTS], 4 * n_quads)
        start, base, list_of = _quads(field)
        lists = _int32(field[LISTS], 3 * field[N_LISTS])
        for n in range(n_quads):
            quad = active[n]
            entry, eights, fours = lists[3 * list_of[quad]], lists[3 * list_of[quad] + 1], lists[3 * list_of[quad] + 2]
            offsets = field[OFFSETS] + 4 * entry
            weight = field[WEIGHTS] + 4 * start[quad]
            to = field[column] + size * base[quad]
            x = inputs[4 * n : 4 * n + 4]
            m = MEMBERS[(x[0] != 0) | (x[1] != 0) << 1 | (x[2] != 0) << 2 | (x[3] != 0) << 3]
            if m[0] == 4:
                four(to, weight, offsets, eights, fours, (0, 1, 2, 3), (x[0], x[1], x[2], x[3]))
            elif m[0] == 2:
                two(to, weight, offsets, eights, fours, (m[1], m[2]), (x[m[1]], x[m[2]]))
            elif m[0] == 1:
                one(to, weight, offsets, eights, fours, (m[1],), (x[m[1]],))
            else:
                three(to, weight, offsets, eights, fours, (m[1], m[2], m[3]), (x[m[1]], x[m[2]], x[m[3]]))

    return scatter


@_helper
def _quads(field: IntArray) -> Any:
    """Return START, BASE and LIST as arrays."""
    columns = field[SOURCE_COLUMNS]
    n_quads = (field[N_SOURCE] // columns + 1) // 2 * ((columns + 1) // 2)
    return _int64(field[START], n_quads), _int32(field[BASE], n_quads), _int32(field[LIST], n_quads)


_scatter, _scatter_exactly = _make_scatter(double=False), _make_scatter(double=True)


@_exact
def _respond(field: IntArray, strength: float) -> None:
    """RESPONSE = strength * s * sum over the active quads of v x."""
    n_dest = field[N_DEST]
    response, scale = _float64(field[RESPONSE], n_dest), _float64(field[SCALE], n_dest)
    if field[LATERAL]:
        _scatter(field)
        partial = _float32(field[PARTIAL], n_dest + PADDING)
        for unit in range(n_dest):
            response[unit] = strength * scale[unit] * partial[unit]
        partial[:] = 0
    else:
        _float64(field[RESPONSE], n_dest + PADDING)[:] = 0
        _scatter_exactly(field)
        for unit in range(n_dest):
            response[unit] *= strength * scale[unit]


@_exact
def _add_responses(fields: IntArray, lateral: int, total: int, start: int) -> None:
    """total = start + sum of RESPONSE over the lateral projections, or over the others; all are addresses."""
    n = fields[0, N_DEST]
    totals, before = _float64(total, n), _float64(start, n)
    for unit in range(n):
        totals[unit] = before[unit]
    for p in range(len(fields)):
        if fields[p, LATERAL] == lateral:
            response = _float64(fields[p, RESPONSE], n)
            for unit in range(n):
                totals[unit] += response[unit]


@_exact
def _output(net: float, threshold: float, transfer: FloatArray) -> float:
    """Return clip((net - threshold - LOWER) GAIN, 0, UPPER); NaN stays NaN."""
    value = (net - threshold - transfer[LOWER]) * transfer[GAIN]
    value = 0.0 if value < 0 else value
    return transfer[UPPER] if value > transfer[UPPER] else value


@_exact
def _activate(sheet: IntArray, transfer: FloatArray, fields: IntArray) -> None:
    """ACTIVITY = f(DRIVE + L), or f(DRIVE / (max(L, 0) + DIVISOR)), L being the lateral responses, f `_output`."""
    n = sheet[UNITS]
    drive, net, threshold = _float64(sheet[DRIVE], n), _float64(sheet[NET], n), _float64(sheet[THRESHOLD], n)
    activity = _float32(sheet[ACTIVITY], n)
    if transfer[DIVISOR] > 0:
        _add_responses(fields, 1, sheet[NET], sheet[ZEROS])
        for unit in range(n):
            net[unit] = drive[unit] / (max(net[unit], 0.0) + transfer[DIVISOR])
    else:
        _add_responses(fields, 1, sheet[NET], sheet[DRIVE])
    for unit in range(n):
        activity[unit] = np.float32(_output(net[unit], threshold[unit], transfer))


@_exact
def _activate_from_two(
    sheet: IntArray, transfer: FloatArray, one: IntArray, other: IntArray, strengths: tuple[float, float]
) -> None:
    """Do what `_activate` does with the responses of two lateral projections in PARTIAL, to the same bits."""
    n = sheet[UNITS]
    drive, threshold = _float64(sheet[DRIVE], n), _float64(sheet[THRESHOLD], n)
    activity = _float32(sheet[ACTIVITY], n)
    scale1, scale2 = _float64(one[SCALE], n), _float64(other[SCALE], n)
    partial1, partial2 = _float32(one[PARTIAL], n + PADDING), _float32(other[PARTIAL], n + PADDING)
    for unit in range(n):
        net = drive[unit] + strengths[0] * scale1[unit] * partial1[unit]
        net += strengths[1] * scale2[unit] * partial2[unit]
        activity[unit] = np.float32(_output(net, threshold[unit], transfer))
    partial1[:] = 0
    partial2[:] = 0


@_helper
def _two_lateral(transfer: FloatArray, fields: IntArray) -> tuple[int, int]:
    """Return the two lateral projections of a sheet where there are two and they add, else (-1, -1)."""
    first, second, count = -1, -1, 0
    for p in range(len(fields)):
        if fields[p, LATERAL]:
            first, second = second, p
            count += 1
    if count != 2 or transfer[DIVISOR] > 0:
        return -1, -1
    return first, second


@_entry("void(int64[::1], float64[::1], int64[:, ::1], float64[:, ::1])")
def settle(sheet: IntArray, transfer: FloatArray, fields: IntArray, numbers: FloatArray) -> None:
    """Activate a sheet ACTIVATIONS times: first by what has arrived, then by its own previous activity as well.

    x_1 = f(sum of g W y over all projections), x_n = f(sum of g W y + sum of g W x_(n-1)), with strengths g; the sums
    are over afferent and lateral projections. `_activate` says what f is. With ACTIVATIONS = 0 only DRIVE is computed.
    """
    for p in range(len(fields)):
        if fields[p, ARRIVED]:
            _list_quads(fields[p])
            _respond(fields[p], numbers[p, STRENGTH])
    _add_responses(fields, 0, sheet[DRIVE], sheet[ZEROS])
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
                    _list_quads(fields[p])
                    listed = p
                fields[p, N_ACTIVE] = fields[listed, N_ACTIVE]
                if at_once:
                    _scatter(fields[p])
                else:
                    _respond(fields[p], numbers[p, STRENGTH])
                fields[p, SOURCE] = own_source
        if at_once:
            strengths = (numbers[one, STRENGTH], numbers[other, STRENGTH])
            _activate_from_two(sheet, transfer, fields[one], fields[other], strengths)
        elif n < sheet[ACTIVATIONS]:
            _activate(sheet, transfer, fields)


@_helper
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


@_exact
def _scatter_together(field: IntArray, active: IntArray, inputs: FloatArray, partial: int, stride: int) -> None:
    """Add v x, for the activities of TOGETHER presentations, to their rows of a response in single precision."""
    start, base, list_of = _quads(field)
    lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
    for quad in active:
        q = inputs[quad]
        x = (q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7], q[8], q[9], q[10], q[11], q[12], q[13], q[14], q[15])
        first, eights, fours = lists[3 * list_of[quad]], lists[3 * list_of[quad] + 1], lists[3 * list_of[quad] + 2]
        weight = field[WEIGHTS] + 4 * start[quad]
        to = partial + 4 * base[quad]
        for entry in range(first, first + eights):
            _together8(to + 4 * offsets[entry], stride, weight, x)
            weight += 128
        for entry in range(first + eights, first + eights + fours):
            _together4(to + 4 * offsets[entry], stride, weight, x)
            weight += 64


@_entry("void(int64[::1], float64[::1], int64[:, ::1], float64[:, ::1], float64[:, ::1], float32[:, ::1])")
def settle_together(
    sheet: IntArray,
    transfer: FloatArray,
    fields: IntArray,
    numbers: FloatArray,
    drives: FloatArray,
    activities: FloatArray,
) -> None:
    """Do what `settle` does, to the same bits, with each of TOGETHER drives; two lateral projections must add.

    drives, activities: (TOGETHER, units). Nothing has come through the lateral projections before.
    """
    n = sheet[UNITS]
    one, other = _two_lateral(transfer, fields)
    laterals = (fields[one].copy(), fields[other].copy())
    strengths = (numbers[one, STRENGTH], numbers[other, STRENGTH])
    columns = laterals[0][SOURCE_COLUMNS]
    partial = np.zeros((2, TOGETHER, n + PADDING), np.float32)
    inputs = np.zeros(((n // columns + 1) // 2 * ((columns + 1) // 2), 4 * TOGETHER), np.float32)
    active = np.empty(len(inputs), np.int32)
    own = sheet.copy()
    for activation in range(sheet[ACTIVATIONS]):
        if activation > 0:
            count = 0
            for quad in range(len(inputs)):
                if inputs[quad].any():
                    active[count] = quad
                    count += 1
            for p in range(2):
                _scatter_together(laterals[p], active[:count], inputs, partial[p].ctypes.data, 4 * (n + PADDING))
        for presentation in range(TOGETHER):
            own[DRIVE], own[ACTIVITY] = drives[presentation].ctypes.data, activities[presentation].ctypes.data
            for p in range(2):
                laterals[p][PARTIAL] = partial[p, presentation].ctypes.data
            _activate_from_two(own, transfer, laterals[0], laterals[1], strengths)
            _by_quad(activities[presentation], columns, inputs, 4 * presentation)


@_entry("void(int64[:, ::1], float64[:, ::1])")
def respond(fields: IntArray, numbers: FloatArray) -> None:
    """Compute the response of each projection to its source's activity, into RESPONSE."""
    for p in range(len(fields)):
        _list_quads(fields[p])
        _respond(fields[p], numbers[p, STRENGTH])


# -------------------------------------------------------------------------------------------- learning and scaling
@_helper
def _learn(field: IntArray, rate: float, activity: int, learners: int, n_learners: int) -> None:
    """Hebbian change of one projection, v += rate y x / s, and TOTAL += rate y sum(x), for the learners."""
    n_dest = field[N_DEST]
    _list_quads(field)
    n_quads = field[N_ACTIVE]
    active, inputs = _int32(field[ACTIVE], n_quads), _float32(field[INPUTS], 4 * n_quads)
    start, base, list_of = _quads(field)
    lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
    lanes = _int32(field[LANES], field[N_OFFSETS])
    y, units = _float32(activity, n_dest), _int32(learners, n_dest)
    scale, total = _float64(field[SCALE], n_dest), _float64(field[TOTAL], n_dest)
    gate, sums = _float32(field[GATE], n_dest + PADDING), _float32(field[INPUT_SUM], n_dest + PADDING)
    near = _int8(field[NEAR], n_dest + PADDING)
    gate[:] = 0
    sums[:] = 0
    near[:] = 0
    for n in range(n_learners):
        gate[units[n]] = np.float32(rate * y[units[n]] / scale[units[n]])
        near[max(units[n] - 7, 0) : units[n] + 1] = 1
    for n in range(n_quads):
        quad = active[n]
        x = (inputs[4 * n], inputs[4 * n + 1], inputs[4 * n + 2], inputs[4 * n + 3])
        weight = field[WEIGHTS] + 4 * start[quad]
        entry = np.uint64(lists[3 * list_of[quad]])
        for _ in range(lists[3 * list_of[quad] + 1]):
            to = base[quad] + offsets[entry]
            if near[to]:
                _learn8(weight, field[GATE] + 4 * to, field[INPUT_SUM] + 4 * to, x, lanes[entry])
            weight += 128
            entry += np.uint64(1)
        for _ in range(lists[3 * list_of[quad] + 2]):
            to = base[quad] + offsets[entry]
            if near[to]:
                _learn4(weight, field[GATE] + 4 * to, field[INPUT_SUM] + 4 * to, x, lanes[entry])
            weight += 64
            entry += np.uint64(1)
    for n in range(n_learners):
        total[units[n]] += rate * y[units[n]] * sums[units[n]]


@_helper
def _normalise(fields: IntArray, first: int, end: int, learners: int, n_learners: int) -> float:
    """Divide the weights of each learner by their sum over projections first ... end - 1; return the least scale."""
    n_dest = fields[first, N_DEST]
    units = _int32(learners, n_dest)
    smallest = 1.0
    for n in range(n_learners):
        unit = units[n]
        joint = 0.0
        for p in range(first, end):
            joint += _float64(fields[p, TOTAL], n_dest)[unit]
        if joint > 0:
            for p in range(first, end):
                scale = _float64(fields[p, SCALE], n_dest)
                scale[unit] /= joint
                _float64(fields[p, TOTAL], n_dest)[unit] /= joint
                smallest = min(smallest, scale[unit])
    return smallest


@_entry("float64(int64[::1], int64[:, ::1], float64[:, ::1])")
def learn(sheet: IntArray, fields: IntArray, numbers: FloatArray) -> float:
    """Let every projection of a sheet learn, then normalise, for the active units.

    Returns the least scale, or -1, nothing being changed, where an activity is negative: the sums are not linear then.
    """
    n_units, n_fields = sheet[UNITS], len(fields)
    if _any_negative(sheet[ACTIVITY], n_units):
        return -1.0
    for p in range(n_fields):
        if numbers[p, RATE] != 0 and _any_negative(fields[p, SOURCE], fields[p, N_SOURCE]):
            return -1.0
    count = _list_active(sheet[ACTIVITY], n_units, sheet[LEARNERS])
    for p in range(n_fields):
        if numbers[p, RATE] != 0:
            _learn(fields[p], numbers[p, RATE], sheet[ACTIVITY], sheet[LEARNERS], count)
    smallest = 1.0
    first = 0
    while first < n_fields:
        end = first + 1
        if fields[first, GROUP] >= 0:
            while end < n_fields and fields[end, GROUP] == fields[first, GROUP]:
                end += 1
            smallest = min(smallest, _normalise(fields, first, end, sheet[LEARNERS], count))
        first = end
    return smallest


@_helper
def _walk(field: IntArray, sums: FloatArray, factors: FloatArray, step: int) -> None:
    """Add |v| of each destination unit to sums (step 0), or multiply v by its factor (step 1).

    Both arrays have PADDING more numbers than there are units: what is beside the weights is zero and may join in.
    """
    start, base, list_of = _quads(field)
    lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
    for quad in range(len(start)):
        weight = field[WEIGHTS] + 4 * start[quad]
        first, eights, fours = lists[3 * list_of[quad]], lists[3 * list_of[quad] + 1], lists[3 * list_of[quad] + 2]
        for entry in range(first, first + eights + fours):
            width = 8 if entry < first + eights else 4
            to = base[quad] + offsets[entry]
            total, factor = sums[to : to + width], factors[to : to + width]
            for _ in range(4):
                values = _float32(weight, width)
                for lane in range(width):
                    if step == 0:
                        total[lane] += abs(values[lane])
                    else:
                        values[lane] = np.float32(values[lane] * factor[lane])
                weight += 4 * width


@_entry("float64(int64[:, ::1], float32[::1], float64)")
def learn_alone(fields: IntArray, activity: FloatArray, rate: float) -> float:
    """Let one projection learn without normalising it; return -1, changing nothing, where an activity is negative."""
    n_dest = fields[0, N_DEST]
    learners = np.empty(n_dest, np.int32)
    for values in (activity, _float32(fields[0, SOURCE], fields[0, N_SOURCE])):
        if _any_negative(values.ctypes.data, len(values)):
            return -1.0
    count = _list_active(activity.ctypes.data, n_dest, learners.ctypes.data)
    _learn(fields[0], rate, np.int64(activity.ctypes.data), np.int64(learners.ctypes.data), count)
    return 0.0


@_entry("void(int64[:, ::1])")
def fold(fields: IntArray) -> None:
    """Multiply the scale of one projection into its weights so that they sum to TOTAL; set the scale to one."""
    field = fields[0]
    n_dest = field[N_DEST]
    scale, total = _float64(field[SCALE], n_dest), _float64(field[TOTAL], n_dest)
    sums, factors = np.zeros(n_dest + PADDING), np.ones(n_dest + PADDING)
    _walk(field, sums, factors, 0)
    for unit in range(n_dest):
        factors[unit] = total[unit] / sums[unit] if sums[unit] > 0 else scale[unit]
    _walk(field, sums, factors, 1)
    scale[:] = 1.0


@_entry("void(int64[:, ::1])")
def add_up(fields: IntArray) -> None:
    """TOTAL = sum of the weights s v of each destination unit of one projection."""
    field = fields[0]
    n_dest = field[N_DEST]
    scale, total = _float64(field[SCALE], n_dest), _float64(field[TOTAL], n_dest)
    sums = np.zeros(n_dest + PADDING)
    _walk(field, sums, sums, 0)
    for unit in range(n_dest):
        total[unit] = scale[unit] * sums[unit]


@_entry("void(float64[::1], float64[::1], float32[::1], float64[::1])")
def adapt(threshold: FloatArray, average: FloatArray, previous: FloatArray, constants: FloatArray) -> None:
    """y = (1 - smoothing) x + smoothing y, threshold += rate (y - target); constants are smoothing, rate, target."""
    smoothing, rate, target = constants[0], constants[1], constants[2]
    for unit in range(len(threshold)):
        average[unit] = (1.0 - smoothing) * previous[unit] + smoothing * average[unit]
        threshold[unit] += rate * (average[unit] - target)


# ---------------------------------------------------------------------------------- layout, from and to templates
@_entry("int64(int32[:, :, ::1], int32[::1], int32[:, :, :, ::1], int64, int32[:, ::1], int32[::1], int32[::1])")
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

    row_classes (classes, rows, 2): as which template row each destination row in turn sees the upper and the lower
    members of a quad, -1 for none; row_counts: how many rows there are. column_classes (classes, 2, template rows, 2):
    first destination column and number of columns of a run, of the left and the right members.
    With `offsets` too short nothing is written into it: a first call counts, a second one writes.
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


@_entry("void(int64[:, ::1], int64, int32[::1], int32[::1], float32[:, :, ::1], boolean, float64[::1])")
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
    start, base, list_of = _quads(field)
    lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
    lanes = _int32(field[LANES], field[N_OFFSETS])
    quads_per_row = (field[SOURCE_COLUMNS] + 1) // 2
    for quad in range(len(start)):
        quad_row, quad_column = divmod(quad, quads_per_row)
        weight = field[WEIGHTS] + 4 * start[quad]
        first, eights, fours = lists[3 * list_of[quad] : 3 * list_of[quad] + 3]
        for entry in range(first, first + eights + fours):
            width = 8 if entry < first + eights else 4
            values = _float32(weight, 4 * width)
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


# ----------------------------------------------------------------------------------------------------- the pictures
@_entry("boolean(float32[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64)")
def draw_gaussians(picture: FloatArray, x: FloatArray, y: FloatArray, gaussians: FloatArray, cutoff: float) -> bool:
    """Pointwise maximum of Gaussians and zero, each left out where it is under `cutoff`; return whether it is drawn.

    It is not where zero would show, all scales being negative, nor where a number is not finite: nothing would.

    Rows of `gaussians`: x, y, orientation, size, aspect ratio, scale, as `patterns.Gaussian` has them. x must be evenly
    spaced.
    Along a row of the picture a Gaussian is exp of a square polynomial in x, so neighbours differ by a factor that
    itself changes by a constant factor: two multiplications per cell, outwards from the row's highest cell.
    """
    n_rows, n_columns = picture.shape
    positive = False
    for n in range(len(gaussians)):
        positive |= gaussians[n, 5] >= 0
        for number in gaussians[n]:
            if not math.isfinite(number):
                return False
    if not positive:
        return False
    picture[:] = 0
    step = (x[n_columns - 1] - x[0]) / (n_columns - 1) if n_columns > 1 else 1.0
    for n in range(len(gaussians)):
        scale = gaussians[n, 5]
        if not scale > cutoff:
            continue
        sine, cosine = math.sin(gaussians[n, 2]), math.cos(gaussians[n, 2])
        width = gaussians[n, 3] / 2
        along, across = 1 / (width * gaussians[n, 4]) ** 2, 1 / width**2
        a = cosine * cosine * along + sine * sine * across
        b = sine * cosine * (along - across)
        c = sine * sine * along + cosine * cosine * across
        limit = 2 * math.log(scale / cutoff)
        bend = math.exp(-a * step * step)
        for row in range(n_rows):
            dy = y[row] - gaussians[n, 1]
            room = a * limit - (a * c - b * b) * dy * dy
            if room <= 0:
                continue
            peak = gaussians[n, 0] - b * dy / a
            reach = math.sqrt(room) / a
            # cut off before they become whole numbers, which do not go as far; and after, for NaN
            first = max(math.ceil(min((peak - reach - x[0]) / step, n_columns)), 0)
            last = min(math.floor(min((peak + reach - x[0]) / step, n_columns)), n_columns - 1)
            if last < first:
                continue
            top = min(max(math.floor((peak - x[0]) / step + 0.5), first), last)
            dx = x[top] - gaussians[n, 0]
            highest = scale * math.exp(-0.5 * (a * dx * dx + 2 * b * dx * dy + c * dy * dy))
            slope = (a * dx + b * dy) * step
            value, ratio = highest, math.exp(-slope - 0.5 * a * step * step)
            for column in range(top, last + 1):
                picture[row, column] = max(picture[row, column], np.float32(value))
                value *= ratio
                ratio *= bend
            value, ratio = highest, math.exp(slope - 0.5 * a * step * step)
            for column in range(top, first - 1, -1):
                picture[row, column] = max(picture[row, column], np.float32(value))
                value *= ratio
                ratio *= bend
    return True
