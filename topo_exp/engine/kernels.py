"""Compiled kernels of the event-driven path; arrays in, arrays out.

What makes them fast is what they leave out. The weights of a projection are stored *by source unit*: a source unit's
weights onto all units that it reaches lie together in memory, row by row of the destination. Then only active source
units are read, and each adds `x_i * weights` into the response array, eight numbers at a time. Hebbian change needs a
source unit and a destination unit that are both active, so it takes the same route. Divisive L1 normalisation is a
scale factor per destination unit: with w = s v and total = sum(w), learning at rate a changes the total by
a y sum(x), and dividing by it divides s. It is folded into the weights when enough has gathered.

Layout (`Layout` in eventdriven.py makes it). The destination units that a source unit reaches are runs of neighbours in
rows. Runs are cut into vectors of eight and, at their ends, of four, padded with zero weights. Source units whose
vectors lie alike relative to their first destination (all but those at an edge, when densities are equal) share one
list of offsets, so that the innermost loop is one flat pass over a list, without a branch. A vector that ends beyond
its run adds zeros to the units that follow, so response arrays carry eight extra numbers. Where all units share one
kernel, the weights too are stored once per list.

Precision: weights and activities are float32. Responses to other sheets add up in double precision, in
which all that is done per unit (thresholds, scales, totals) is done too. Responses of a sheet to itself, computed once
per settling step, add up in float32 over few source units at a time.

A call must not cost more than its work, so arrays travel as addresses in a table with one row per projection (columns:
`WEIGHTS` ...), which Python fills once. Whoever calls keeps the arrays alive.

All kernels live in this one module because numba's cache notices changes in a kernel's own file only; each has one
explicit signature, so that processes which fill the cache at the same time write the same thing.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

from topo_exp.typing import FloatArray, IntArray

# columns of the address table, one row per projection
WEIGHTS = 0  # float32: per source unit its vectors of eight, then those of four
START = 1  # int64 (source units,): where in WEIGHTS a unit's begin
BASE = 2  # int32 (source units,): destination unit that offsets count from
LIST = 3  # int32 (source units,): which list of offsets is a unit's
LISTS = 4  # int32 (lists, 3): first entry, number of vectors of eight, of four
OFFSETS = 5  # int32 (entries,): first destination unit of a vector, from BASE
LANES = 6  # int32 (entries,): how many numbers of a vector are weights
SOURCE = 7  # float32 (source units,): activity as it arrived
PARTIAL = 8  # float32 (destination units + 8,): response to one chunk; zeros between calls
RESPONSE = 9  # float64 (destination units + 8,): strength times response
GATE = 10  # float32 (destination units + 8,): rate y / s while learning, else zero
INPUT_SUM = 11  # float32 (destination units + 8,): sum of the active inputs in a unit's field
ACTIVE = 12  # int32 (source units,): list of active source units
SCALE = 13  # float64 (destination units,): s
TOTAL = 14  # float64 (destination units,): sum of the weights s v
# and plain numbers
N_SOURCE = 15
N_DEST = 16
N_LISTS = 17
N_OFFSETS = 18
GROUP = 19  # projections normalised together share this number, and are neighbours in the table; -1: not normalised
N_ACTIVE = 20  # how many of ACTIVE are valid
ARRIVED = 21  # whether RESPONSE is to be computed anew, from SOURCE
LATERAL = 22  # whether the source is the destination itself
NEAR = 23  # int8 (destination units + 8,): whether a vector of eight that starts here holds a unit that learns
FAR = 24  # whether the weights are too many for the cache of one core
N_ADDRESSES = 25

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

CHUNK = 64
"""Units of the sheet itself whose products are added up in single precision."""

FEW = 256
"""So few active units of the sheet itself are taken in one chunk, and in one pass with the activation."""

_CONTRACT = {"contract"}  # fused multiply-add; nothing that would hide NaN or depend on the order of compilation
_helper = njit(nogil=True, fastmath=_CONTRACT, error_model="numpy")
_exact = njit(
    nogil=True, error_model="numpy"
)  # rounds as written: the same whether a sheet settles in one call or many
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


def _first_lanes(builder: Any, n: Any, width: int) -> Any:
    lanes = ir.VectorType(n.type, width)
    return builder.icmp_signed("<", ir.Constant(lanes, list(range(width))), _splat(builder, n, width))


def _add_scaled_vector(width: int) -> Any:
    @intrinsic
    def add_scaled(typing: Any, y: int, x: int, a: float) -> _Codegen:
        """y[:width] += a x[:width], y and x being addresses."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            to, source = _at(builder, args[0], width), _at(builder, args[1], width)
            values = builder.load(source, align=4)
            product = builder.fmul(values, _splat(builder, args[2], width), flags=["contract"])
            builder.store(builder.fadd(builder.load(to, align=4), product, flags=["contract"]), to, align=4)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.float32), codegen

    return add_scaled


def _add_scaled_double(width: int) -> Any:
    @intrinsic
    def add_scaled(typing: Any, y: int, x: int, a: float) -> _Codegen:
        """y[:width] += a x[:width] in double precision, x being the address of floats."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            double = ir.VectorType(ir.DoubleType(), width)
            to = builder.inttoptr(args[0], double.as_pointer())
            values = builder.fpext(builder.load(_at(builder, args[1], width), align=4), double)
            product = builder.fmul(values, _splat(builder, args[2], width), flags=["contract"])
            builder.store(builder.fadd(builder.load(to, align=8), product, flags=["contract"]), to, align=8)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.float64), codegen

    return add_scaled


def _add_scaled_lanes(width: int) -> Any:
    @intrinsic
    def add_scaled(typing: Any, y: int, x: int, a: float, n: int) -> _Codegen:
        """y[:n] += a x[:n] with n <= width, y and x being addresses."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            to, source = _at(builder, args[0], width), _at(builder, args[1], width)
            old, values = builder.load(to, align=4), builder.load(source, align=4)
            product = builder.fmul(values, _splat(builder, args[2], width), flags=["contract"])
            new = builder.fadd(old, product, flags=["contract"])
            builder.store(builder.select(_first_lanes(builder, args[3], width), new, old), to, align=4)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.float32, types.int32), codegen

    return add_scaled


def _add_lanes(width: int) -> Any:
    @intrinsic
    def add(typing: Any, y: int, a: float, n: int) -> _Codegen:
        """y[:n] += a with n <= width, y being an address."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            to = _at(builder, args[0], width)
            old = builder.load(to, align=4)
            new = builder.fadd(old, _splat(builder, args[1], width))
            builder.store(builder.select(_first_lanes(builder, args[2], width), new, old), to, align=4)
            return context.get_dummy_value()

        return types.void(types.int64, types.float32, types.int32), codegen

    return add


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


_add_scaled8, _add_scaled4 = _add_scaled_vector(8), _add_scaled_vector(4)
_add_double8, _add_double4 = _add_scaled_double(8), _add_scaled_double(4)
_add_scaled_lanes8, _add_scaled_lanes4 = _add_scaled_lanes(8), _add_scaled_lanes(4)
_add_lanes8, _add_lanes4 = _add_lanes(8), _add_lanes(4)
_nonzero8 = _nonzero_vector(8)


@intrinsic
def _prefetch(typing: Any, address: int) -> _Codegen:
    """Bring what is at an address into the cache."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(32)
        pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(prefetch, [pointer, *(ir.Constant(word, n) for n in (0, 3, 1))])  # to read, keep, data
        return context.get_dummy_value()

    return types.void(types.int64), codegen


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
def _any_negative(activity: int, n: int) -> bool:
    values = _float32(activity, n)
    found = False
    for unit in range(n):
        found |= values[unit] < 0
    return found


# ---------------------------------------------------------------------------------------------------- the response
def _make_scatter(*, far: bool) -> Any:
    """Return the innermost kernel; with `far`, one that fetches the next unit's weights from memory meanwhile."""

    @_helper
    def scatter(field: IntArray, first: int, end: int) -> Any:
        """Add v x of source units number first ... end - 1 of ACTIVE to PARTIAL; return the range that it touched."""
        n_source = field[N_SOURCE]
        active, source = _int32(field[ACTIVE], n_source), _float32(field[SOURCE], n_source)
        start, base, list_of = (
            _int64(field[START], n_source),
            _int32(field[BASE], n_source),
            _int32(field[LIST], n_source),
        )
        lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
        low: Any = field[N_DEST]
        high: Any = 0
        last = field[N_ACTIVE] - 1
        for n in range(first, end):
            unit = active[n]
            x = source[unit]
            weight = field[WEIGHTS] + 4 * start[unit]
            to = field[PARTIAL] + 4 * base[unit]
            entry = np.uint64(lists[3 * list_of[unit]])
            eights, fours = lists[3 * list_of[unit] + 1], lists[3 * list_of[unit] + 2]
            low = min(low, np.int64(base[unit]))
            if far:
                ahead = field[WEIGHTS] + 4 * start[active[min(n + 1, last)]]
            for _ in range(eights):
                _add_scaled8(to + 4 * offsets[entry], weight, x)
                if far:
                    _prefetch(ahead)
                    ahead += 32
                weight += 32
                entry += np.uint64(1)
            if eights > 0:
                high = max(high, np.int64(base[unit] + offsets[entry - np.uint64(1)]))
            for _ in range(fours):
                _add_scaled4(to + 4 * offsets[entry], weight, x)
                weight += 16
                entry += np.uint64(1)
            if fours > 0:
                high = max(high, np.int64(base[unit] + offsets[entry - np.uint64(1)]))
        return low, high + 8

    return scatter


_scatter_near, _scatter_far = _make_scatter(far=False), _make_scatter(far=True)


@_helper
def _scatter(field: IntArray, first: int, end: int) -> Any:
    if field[FAR]:
        return _scatter_far(field, first, end)
    return _scatter_near(field, first, end)


@_exact
def _collect(field: IntArray, strength: float, low: int, high: int) -> None:
    """RESPONSE += strength * s * PARTIAL and PARTIAL = 0, for units low ... high - 1."""
    n = min(high, field[N_DEST]) - low
    response, scale = _float64(field[RESPONSE] + 8 * low, n), _float64(field[SCALE] + 8 * low, n)
    partial = _float32(field[PARTIAL] + 4 * low, n + PADDING)
    for unit in range(n):
        response[unit] += strength * scale[unit] * partial[unit]
    partial[:] = 0


@_helper
def _respond_exactly(field: IntArray, strength: float) -> None:
    """Do what `_respond` does, adding up in double precision."""
    n_source, n_dest = field[N_SOURCE], field[N_DEST]
    active, source = _int32(field[ACTIVE], n_source), _float32(field[SOURCE], n_source)
    start, base, list_of = _int64(field[START], n_source), _int32(field[BASE], n_source), _int32(field[LIST], n_source)
    lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
    _float64(field[RESPONSE], n_dest + PADDING)[:] = 0
    for n in range(field[N_ACTIVE]):
        unit = active[n]
        x = np.float64(source[unit])
        weight = field[WEIGHTS] + 4 * start[unit]
        to = field[RESPONSE] + 8 * base[unit]
        entry = np.uint64(lists[3 * list_of[unit]])
        for _ in range(lists[3 * list_of[unit] + 1]):
            _add_double8(to + 8 * offsets[entry], weight, x)
            weight += 32
            entry += np.uint64(1)
        for _ in range(lists[3 * list_of[unit] + 2]):
            _add_double4(to + 8 * offsets[entry], weight, x)
            weight += 16
            entry += np.uint64(1)
    response, scale = _float64(field[RESPONSE], n_dest), _float64(field[SCALE], n_dest)
    for unit in range(n_dest):
        response[unit] *= strength * scale[unit]


@_exact
def _respond(field: IntArray, strength: float) -> None:
    """RESPONSE = strength * s * sum over the source units ACTIVE of v x."""
    if not field[LATERAL]:
        _respond_exactly(field, strength)
        return
    _float64(field[RESPONSE], field[N_DEST])[:] = 0
    chunk = FEW if field[N_ACTIVE] <= FEW else CHUNK
    for first in range(0, field[N_ACTIVE], chunk):
        low, high = _scatter(field, first, min(first + chunk, field[N_ACTIVE]))
        if low < high:
            _collect(field, strength, low, high)


@_exact
def _add_responses(fields: IntArray, lateral: int, total: int, start: int) -> None:
    """total = start + sum of RESPONSE over the lateral projections, or over the others; all are addresses."""
    n = fields[0, N_DEST]
    totals = _float64(total, n)
    before = start
    for p in range(len(fields)):
        if fields[p, LATERAL] == lateral:
            so_far, response = _float64(before, n), _float64(fields[p, RESPONSE], n)
            for unit in range(n):
                totals[unit] = so_far[unit] + response[unit]
            before = total
    if before != total:
        totals[:] = _float64(start, n)


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
    """Do what `_collect` of both lateral projections and `_activate` do, to the same bits, in one pass."""
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
    are over afferent and lateral projections. `_activate` says what f is.
    """
    for p in range(len(fields)):
        if fields[p, ARRIVED]:
            fields[p, N_ACTIVE] = _list_active(fields[p, SOURCE], fields[p, N_SOURCE], fields[p, ACTIVE])
            _respond(fields[p], numbers[p, STRENGTH])
    _add_responses(fields, 0, sheet[DRIVE], sheet[ZEROS])
    _activate(sheet, transfer, fields)
    one, other = _two_lateral(transfer, fields)
    for n in range(1, sheet[ACTIVATIONS] + sheet[ECHO]):
        count = _list_active(sheet[ACTIVITY], sheet[UNITS], sheet[LEARNERS])
        at_once = one >= 0 and count <= FEW and n < sheet[ACTIVATIONS]
        for p in range(len(fields)):
            if fields[p, LATERAL]:
                own_list, own_source = fields[p, ACTIVE], fields[p, SOURCE]
                fields[p, ACTIVE], fields[p, SOURCE] = sheet[LEARNERS], sheet[ACTIVITY]
                fields[p, N_ACTIVE] = count
                if at_once:
                    _scatter(fields[p], 0, count)
                else:
                    _respond(fields[p], numbers[p, STRENGTH])
                fields[p, ACTIVE], fields[p, SOURCE] = own_list, own_source
        if at_once:
            strengths = (numbers[one, STRENGTH], numbers[other, STRENGTH])
            _activate_from_two(sheet, transfer, fields[one], fields[other], strengths)
        elif n < sheet[ACTIVATIONS]:
            _activate(sheet, transfer, fields)


@_entry("void(int64[:, ::1], float64[:, ::1])")
def respond(fields: IntArray, numbers: FloatArray) -> None:
    """Compute the response of each projection to its source's activity, into RESPONSE."""
    for p in range(len(fields)):
        fields[p, N_ACTIVE] = _list_active(fields[p, SOURCE], fields[p, N_SOURCE], fields[p, ACTIVE])
        _respond(fields[p], numbers[p, STRENGTH])


# -------------------------------------------------------------------------------------------- learning and scaling
@_helper
def _learn(field: IntArray, rate: float, activity: int, learners: int, n_learners: int) -> None:
    """Hebbian change of one projection, v += rate y x / s, and TOTAL += rate y sum(x), for the learners."""
    n_source, n_dest = field[N_SOURCE], field[N_DEST]
    active, source = _int32(field[ACTIVE], n_source), _float32(field[SOURCE], n_source)
    start, base, list_of = _int64(field[START], n_source), _int32(field[BASE], n_source), _int32(field[LIST], n_source)
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
    for n in range(field[N_ACTIVE]):
        unit = active[n]
        x = source[unit]
        weight = field[WEIGHTS] + 4 * start[unit]
        entry = np.uint64(lists[3 * list_of[unit]])
        for _ in range(lists[3 * list_of[unit] + 1]):
            to = base[unit] + offsets[entry]
            if near[to]:
                _add_scaled_lanes8(weight, field[GATE] + 4 * to, x, lanes[entry])
                _add_lanes8(field[INPUT_SUM] + 4 * to, x, lanes[entry])
            weight += 32
            entry += np.uint64(1)
        for _ in range(lists[3 * list_of[unit] + 2]):
            to = base[unit] + offsets[entry]
            if near[to]:
                _add_scaled_lanes4(weight, field[GATE] + 4 * to, x, lanes[entry])
                _add_lanes4(field[INPUT_SUM] + 4 * to, x, lanes[entry])
            weight += 16
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
            fields[p, N_ACTIVE] = _list_active(fields[p, SOURCE], fields[p, N_SOURCE], fields[p, ACTIVE])
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
    """Add |v| of each destination unit to sums (step 0), or multiply v by its factor (step 1)."""
    n_source = field[N_SOURCE]
    start, base, list_of = _int64(field[START], n_source), _int32(field[BASE], n_source), _int32(field[LIST], n_source)
    lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
    lanes = _int32(field[LANES], field[N_OFFSETS])
    for unit in range(n_source):
        weight = field[WEIGHTS] + 4 * start[unit]
        first, eights, fours = lists[3 * list_of[unit] : 3 * list_of[unit] + 3]
        for n in range(eights + fours):
            values = _float32(weight, 8)
            to = base[unit] + offsets[first + n]
            for lane in range(lanes[first + n]):
                if step == 0:
                    sums[to + lane] += abs(values[lane])
                else:
                    values[lane] = np.float32(values[lane] * factors[to + lane])
            weight += 32 if n < eights else 16


@_entry("float64(int64[:, ::1], float32[::1], float64)")
def learn_alone(fields: IntArray, activity: FloatArray, rate: float) -> float:
    """Let one projection learn without normalising it; return -1, changing nothing, where an activity is negative."""
    n_dest = fields[0, N_DEST]
    learners = np.empty(n_dest, np.int32)
    for values in (activity, _float32(fields[0, SOURCE], fields[0, N_SOURCE])):
        if _any_negative(values.ctypes.data, len(values)):
            return -1.0
    count = _list_active(activity.ctypes.data, n_dest, learners.ctypes.data)
    fields[0, N_ACTIVE] = _list_active(fields[0, SOURCE], fields[0, N_SOURCE], fields[0, ACTIVE])
    _learn(fields[0], rate, activity.ctypes.data, learners.ctypes.data, count)
    return 0.0


@_entry("void(int64[:, ::1])")
def fold(fields: IntArray) -> None:
    """Multiply the scale of one projection into its weights so that they sum to TOTAL; set the scale to one."""
    field = fields[0]
    n_dest = field[N_DEST]
    scale, total = _float64(field[SCALE], n_dest), _float64(field[TOTAL], n_dest)
    sums = np.zeros(n_dest)
    for step in range(2):
        _walk(field, sums, scale, step)
        if step == 0:
            for unit in range(n_dest):
                if sums[unit] > 0:
                    scale[unit] = total[unit] / sums[unit]
    scale[:] = 1.0


@_entry("void(int64[:, ::1])")
def add_up(fields: IntArray) -> None:
    """TOTAL = sum of the weights s v of each destination unit of one projection."""
    field = fields[0]
    n_dest = field[N_DEST]
    scale, total = _float64(field[SCALE], n_dest), _float64(field[TOTAL], n_dest)
    total[:] = 0
    _walk(field, total, scale, 0)
    for unit in range(n_dest):
        total[unit] *= scale[unit]


@_entry("void(float64[::1], float64[::1], float32[::1], float64[::1])")
def adapt(threshold: FloatArray, average: FloatArray, previous: FloatArray, constants: FloatArray) -> None:
    """y = (1 - smoothing) x + smoothing y, threshold += rate (y - target); constants are smoothing, rate, target."""
    smoothing, rate, target = constants[0], constants[1], constants[2]
    for unit in range(len(threshold)):
        average[unit] = (1.0 - smoothing) * previous[unit] + smoothing * average[unit]
        threshold[unit] += rate * (average[unit] - target)


# ---------------------------------------------------------------------------------- layout, from and to templates
@_entry("int64(int32[:, ::1], int32[::1], int32[:, :, ::1], int64, int32[:, ::1], int32[::1], int32[::1])")
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

    row_classes (classes, rows): template row of each destination row in turn; row_counts: how many there are.
    column_classes (classes, template rows, 2): first destination column, and number of columns, of a run.
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
                    first, length = column_classes[column_class, row_classes[row_class, row]]
                    eights = (length + 3) // 8
                    for n in range(eights if width == 8 else length - 8 * eights > 0):
                        if entry < len(offsets):
                            done = 8 * n if width == 8 else 8 * eights
                            offsets[entry] = row * columns + first + done
                            lanes[entry] = min(width, length - done)
                        entry += 1
                this[1 if width == 8 else 2] = entry - before
    return entry


@_entry("void(int64[:, ::1], int64[::1], int32[::1], int32[::1], float32[:, :, ::1], boolean, float64[::1])")
def convert(
    fields: IntArray,
    columns: IntArray,
    template_row: IntArray,
    template_column: IntArray,
    templates: FloatArray,
    pack: bool,
    factors: FloatArray,
) -> None:
    """Copy the weights of one projection from templates (destination unit, rows, columns), or back with their factors.

    `columns` are those of the source and of the destination sheet; destination row R sees source row p as row
    p + template_row[R] of its template, and so for columns. A single template stands for all units.
    """
    field = fields[0]
    n_source = field[N_SOURCE]
    start, base, list_of = _int64(field[START], n_source), _int32(field[BASE], n_source), _int32(field[LIST], n_source)
    lists, offsets = _int32(field[LISTS], 3 * field[N_LISTS]), _int32(field[OFFSETS], field[N_OFFSETS])
    lanes = _int32(field[LANES], field[N_OFFSETS])
    for unit in range(n_source):
        row, column = divmod(unit, columns[0])
        weight = field[WEIGHTS] + 4 * start[unit]
        first, eights, fours = lists[3 * list_of[unit] : 3 * list_of[unit] + 3]
        for n in range(eights + fours):
            values = _float32(weight, 8)
            dest = base[unit] + offsets[first + n]
            dest_row, dest_column = divmod(dest, columns[1])
            k = row + template_row[dest_row]
            for lane in range(lanes[first + n]):
                at = column + template_column[dest_column + lane]
                if pack:
                    values[lane] = templates[min(dest + lane, len(templates) - 1), k, at]
                else:
                    templates[dest + lane, k, at] = np.float32(values[lane] * factors[dest + lane])
            weight += 32 if n < eights else 16


# ----------------------------------------------------------------------------------------------------- the pictures
@_entry("void(float32[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64)")
def draw_gaussians(picture: FloatArray, x: FloatArray, y: FloatArray, gaussians: FloatArray, cutoff: float) -> None:
    """Pointwise maximum of Gaussians and zero, each left out where it is under `cutoff`.

    Rows of `gaussians`: x, y, orientation, size, aspect ratio, scale, as `patterns.Gaussian` has them. x must be evenly
    spaced.
    Along a row of the picture a Gaussian is exp of a square polynomial in x, so neighbours differ by a factor that
    itself changes by a constant factor: two multiplications per cell, outwards from the row's highest cell.
    """
    n_rows, n_columns = picture.shape
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
            first = max(math.ceil((peak - reach - x[0]) / step), 0)
            last = min(math.floor((peak + reach - x[0]) / step), n_columns - 1)
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
