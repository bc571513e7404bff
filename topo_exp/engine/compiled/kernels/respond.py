"""The response of destination units to the active source units."""

from typing import Any

from topo_exp.engine.compiled.kernels.active import list_quads, quads
from topo_exp.engine.compiled.kernels.jit import entry_point, exact, float32s, float64s, helper, int32s
from topo_exp.engine.compiled.kernels.table import (
    ACTIVE,
    ADAPTS,
    AVERAGE,
    FACTOR,
    INPUTS,
    LATERAL,
    LISTS,
    MEMBERS,
    N_ACTIVE,
    N_DEST,
    N_LISTS,
    OFFSETS,
    PADDING,
    PARTIAL,
    RATE_FACTOR,
    RESPONSE,
    SCALE,
    SECOND,
    SMOOTHING,
    STRENGTH,
    TARGET,
    TARGET_RATE,
    WEIGHTS,
)
from topo_exp.engine.compiled.kernels.vectors import add_products
from topo_exp.typing import FloatArray, IntArray


def _make_pass(count: int, *, double: bool) -> Any:
    """Return the innermost function, for quads with `count` active members."""
    add8, add4 = add_products(8, count, double=double), add_products(4, count, double=double)
    size = 8 if double else 4

    @exact
    def over_list(
        to: int, weight: int, offsets: int, eights: int, fours: int, members: tuple[int, ...], x: tuple[float, ...]
    ) -> None:
        """Add the weights of some members, times their activities x, to a response; arrays are addresses."""
        entries = int32s(offsets, eights + fours)
        for n in range(eights):
            add8(to + size * entries[n], weight, members, x)
            weight += 128
        for n in range(eights, eights + fours):
            add4(to + size * entries[n], weight, members, x)
            weight += 64

    return over_list


def _make_scatter(*, double: bool) -> Any:
    """Return the function that adds the products of active quads to a response, in single or double precision."""
    one, two, three, four = (_make_pass(count, double=double) for count in (1, 2, 3, 4))
    column, size = (RESPONSE, 8) if double else (PARTIAL, 4)

    @helper
    def scatter(field: IntArray) -> None:
        """Add the sum of v x over the active quads to PARTIAL, or in double precision to RESPONSE."""
        n_quads = field[N_ACTIVE]
        active, inputs = int32s(field[ACTIVE], n_quads), float32s(field[INPUTS], 4 * n_quads)
        start, base, list_of = quads(field)
        lists = int32s(field[LISTS], 3 * field[N_LISTS])
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


scatter, scatter_exactly = _make_scatter(double=False), _make_scatter(double=True)


@exact
def respond_to_listed(field: IntArray, strength: float) -> None:
    """Set RESPONSE to strength * s * sum over the listed quads of v x."""
    n_dest = field[N_DEST]
    response, scale = float64s(field[RESPONSE], n_dest), float64s(field[SCALE], n_dest)
    if field[LATERAL]:
        scatter(field)
        partial = float32s(field[PARTIAL], n_dest + PADDING)
        for unit in range(n_dest):
            response[unit] = strength * scale[unit] * partial[unit]
        partial[:] = 0
    else:
        float64s(field[RESPONSE], n_dest + PADDING)[:] = 0
        scatter_exactly(field)
        for unit in range(n_dest):
            response[unit] *= strength * scale[unit]


@exact
def _scale(field: IntArray, numbers: FloatArray) -> None:
    """Multiply RESPONSE by FACTOR, after an update of factors and averages where ADAPTS is set."""
    n = field[N_DEST]
    response, factor = float64s(field[RESPONSE], n), float64s(field[FACTOR], n)
    if numbers[ADAPTS] != 0:
        average, rate_factor = float64s(field[AVERAGE], n), float64s(field[RATE_FACTOR], n)
        smoothing = numbers[SMOOTHING]
        for unit in range(n):
            if average[unit] != 0:
                factor[unit] = numbers[TARGET] / average[unit]
                rate_factor[unit] = numbers[TARGET_RATE] / average[unit]
            average[unit] = (1.0 - smoothing) * response[unit] + smoothing * average[unit]
    for unit in range(n):
        response[unit] *= factor[unit]


@helper
def respond_to_source(field: IntArray, numbers: FloatArray) -> None:
    """Set RESPONSE to the response to the activity in SOURCE, scaled by averages if the projection does so."""
    list_quads(field)
    respond_to_listed(field, numbers[STRENGTH])
    if field[AVERAGE] != 0:
        _scale(field, numbers)


@exact
def add_responses(fields: IntArray, second: int, total: int, start: int) -> None:
    """Set total to start + the sum of RESPONSE over the projections whose SECOND is `second`."""
    n = fields[0, N_DEST]
    totals, before = float64s(total, n), float64s(start, n)
    for unit in range(n):
        totals[unit] = before[unit]
    for p in range(len(fields)):
        if fields[p, SECOND] == second:
            response = float64s(fields[p, RESPONSE], n)
            for unit in range(n):
                totals[unit] += response[unit]


@entry_point("void(int64[:, ::1], float64[:, ::1])")
def respond(fields: IntArray, numbers: FloatArray) -> None:
    """Compute the response of each projection to its source's activity, into RESPONSE."""
    for p in range(len(fields)):
        respond_to_source(fields[p], numbers[p])
