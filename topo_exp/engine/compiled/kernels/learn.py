"""Learning by the Hebb rule and other linear rules, divisive normalisation and homeostatic thresholds."""

import numpy as np

from topo_exp.engine.compiled.kernels.active import any_negative, list_active, list_quads, quads
from topo_exp.engine.compiled.kernels.jit import entry_point, float32s, float64s, helper, int8s, int32s
from topo_exp.engine.compiled.kernels.table import (
    ACTIVE,
    ACTIVITY,
    DECAYS,
    GAINS,
    GATE,
    GROUP,
    INPUT_DECAYS,
    INPUT_SUM,
    INPUTS,
    LANES,
    LEARNERS,
    LEAST_KEPT,
    LISTS,
    N_ACTIVE,
    N_DEST,
    N_LISTS,
    N_OFFSETS,
    N_SOURCE,
    NEAR,
    OFFSETS,
    PADDING,
    RATE,
    SCALE,
    SIGNED,
    SOURCE,
    TOTAL,
    UNITS,
    WEIGHTS,
)
from topo_exp.engine.compiled.kernels.vectors import approach4, approach8, learn4, learn8
from topo_exp.engine.compiled.kernels.weights import sum_up, walk
from topo_exp.typing import FloatArray, IntArray


@helper
def _add_products(field: IntArray) -> None:
    """Add GATE x to the weights v, and x to INPUT_SUM, for active quads, in the vectors that start NEAR a learner."""
    n_dest, n_quads = field[N_DEST], field[N_ACTIVE]
    active, inputs = int32s(field[ACTIVE], n_quads), float32s(field[INPUTS], 4 * n_quads)
    start, base, list_of = quads(field)
    lists, offsets = int32s(field[LISTS], 3 * field[N_LISTS]), int32s(field[OFFSETS], field[N_OFFSETS])
    lanes, near = int32s(field[LANES], field[N_OFFSETS]), int8s(field[NEAR], n_dest + PADDING)
    for n in range(n_quads):
        quad = active[n]
        x = (inputs[4 * n], inputs[4 * n + 1], inputs[4 * n + 2], inputs[4 * n + 3])
        weight = field[WEIGHTS] + 4 * start[quad]
        entry = np.uint64(lists[3 * list_of[quad]])
        for _ in range(lists[3 * list_of[quad] + 1]):
            to = base[quad] + offsets[entry]
            if near[to]:
                learn8(weight, field[GATE] + 4 * to, field[INPUT_SUM] + 4 * to, x, lanes[entry])
            weight += 128
            entry += np.uint64(1)
        for _ in range(lists[3 * list_of[quad] + 2]):
            to = base[quad] + offsets[entry]
            if near[to]:
                learn4(weight, field[GATE] + 4 * to, field[INPUT_SUM] + 4 * to, x, lanes[entry])
            weight += 64
            entry += np.uint64(1)


@helper
def _approach(field: IntArray) -> None:
    """Add x (GATE - INPUT_DECAYS v) to the weights v, and to INPUT_SUM, for the active quads."""
    n_quads = field[N_ACTIVE]
    active, inputs = int32s(field[ACTIVE], n_quads), float32s(field[INPUTS], 4 * n_quads)
    start, base, list_of = quads(field)
    lists, offsets = int32s(field[LISTS], 3 * field[N_LISTS]), int32s(field[OFFSETS], field[N_OFFSETS])
    lanes = int32s(field[LANES], field[N_OFFSETS])
    gate, decay, sums = field[GATE], field[INPUT_DECAYS], field[INPUT_SUM]
    for n in range(n_quads):
        quad = active[n]
        x = (inputs[4 * n], inputs[4 * n + 1], inputs[4 * n + 2], inputs[4 * n + 3])
        weight = field[WEIGHTS] + 4 * start[quad]
        first, eights, fours = lists[3 * list_of[quad]], lists[3 * list_of[quad] + 1], lists[3 * list_of[quad] + 2]
        for entry in range(first, first + eights):
            to = 4 * (base[quad] + offsets[entry])
            approach8(weight, gate + to, decay + to, sums + to, x, lanes[entry])
            weight += 128
        for entry in range(first + eights, first + eights + fours):
            to = 4 * (base[quad] + offsets[entry])
            approach4(weight, gate + to, decay + to, sums + to, x, lanes[entry])
            weight += 64


@helper
def _learn(field: IntArray, rate: float, activity: int, learners: int, n_learners: int) -> None:
    """Apply the Hebb rule to one projection: v += rate y x / s and TOTAL += rate y sum(x), for the learners."""
    n_dest = field[N_DEST]
    list_quads(field)
    y, units = float32s(activity, n_dest), int32s(learners, n_dest)
    scale, total = float64s(field[SCALE], n_dest), float64s(field[TOTAL], n_dest)
    gate, sums = float32s(field[GATE], n_dest + PADDING), float32s(field[INPUT_SUM], n_dest + PADDING)
    near = int8s(field[NEAR], n_dest + PADDING)
    gate[:] = 0
    sums[:] = 0
    near[:] = 0
    for n in range(n_learners):
        gate[units[n]] = np.float32(rate * y[units[n]] / scale[units[n]])
        near[max(units[n] - 7, 0) : units[n] + 1] = 1
    _add_products(field)
    for n in range(n_learners):
        total[units[n]] += rate * y[units[n]] * sums[units[n]]


@helper
def _decay(field: IntArray) -> float:
    """Multiply the scale and TOTAL of each unit by the share of its weights that it keeps; return the least scale."""
    n_dest = field[N_DEST]
    scale, total = float64s(field[SCALE], n_dest), float64s(field[TOTAL], n_dest)
    decays = float64s(field[DECAYS], n_dest)
    smallest = 1.0
    for unit in range(n_dest):
        kept = 1.0 - decays[unit]
        scale[unit] *= kept
        total[unit] *= kept
        smallest = min(smallest, scale[unit])
    return smallest


@helper
def _decay_stored(field: IntArray) -> None:
    """Multiply the stored weights by their scale and by the share that is kept, which may be negative or zero."""
    n_dest = field[N_DEST]
    scale, decays = float64s(field[SCALE], n_dest), float64s(field[DECAYS], n_dest)
    factors = np.ones(n_dest + PADDING)
    for unit in range(n_dest):
        factors[unit] = scale[unit] * (1.0 - decays[unit])
    walk(field, factors, factors, np.int64(1))
    scale[:] = 1.0


@helper
def _learn_linearly(field: IntArray, signed: bool) -> float:
    """Apply the linear rule of GAINS, DECAYS and INPUT_DECAYS to one projection; return the least scale."""
    n_dest = field[N_DEST]
    smallest = 1.0
    if signed:
        _decay_stored(field)
    else:
        smallest = _decay(field)
    list_quads(field)
    scale, total, gains = float64s(field[SCALE], n_dest), float64s(field[TOTAL], n_dest), float64s(field[GAINS], n_dest)
    gate, sums = float32s(field[GATE], n_dest + PADDING), float32s(field[INPUT_SUM], n_dest + PADDING)
    near = int8s(field[NEAR], n_dest + PADDING)
    gate[:] = 0
    sums[:] = 0
    near[:] = 0
    for unit in range(n_dest):
        if gains[unit] != 0:
            gate[unit] = np.float32(gains[unit] / scale[unit])
            near[max(unit - 7, 0) : unit + 1] = 1
    if field[INPUT_DECAYS] != 0:
        _approach(field)
        for unit in range(n_dest):
            total[unit] += scale[unit] * sums[unit]
    else:
        _add_products(field)
        for unit in range(n_dest):
            total[unit] += gains[unit] * sums[unit]
    return smallest


@helper
def _may_reverse(field: IntArray) -> bool:
    """Return True if a linear rule may make a weight negative, or leaves so little that scales cannot stand for it."""
    if field[GAINS] == 0:
        return False
    n_dest = field[N_DEST]
    gains, decays = float64s(field[GAINS], n_dest), float64s(field[DECAYS], n_dest)
    found = False
    for unit in range(n_dest):
        found |= gains[unit] < 0 or 1.0 - decays[unit] < LEAST_KEPT
    if field[INPUT_DECAYS] != 0:
        inputs, shares = float32s(field[SOURCE], field[N_SOURCE]), float32s(field[INPUT_DECAYS], n_dest)
        found |= inputs.max() * shares.max() > 1.0 or shares.min() < 0
    return found


@helper
def _normalise(fields: IntArray, first: int, end: int, learners: int, n_learners: int) -> float:
    """Divide the weights of each learner by their sum over projections first ... end - 1; return the least scale."""
    n_dest = fields[first, N_DEST]
    units = int32s(learners, n_dest)
    smallest = 1.0
    for n in range(n_learners):
        unit = units[n]
        joint = 0.0
        for p in range(first, end):
            joint += float64s(fields[p, TOTAL], n_dest)[unit]
        if joint > 0:
            for p in range(first, end):
                scale = float64s(fields[p, SCALE], n_dest)
                scale[unit] /= joint
                float64s(fields[p, TOTAL], n_dest)[unit] /= joint
                smallest = min(smallest, scale[unit])
    return smallest


@helper
def _is_linear_sum(sheet: IntArray, fields: IntArray, numbers: FloatArray) -> bool:
    """Return True if sums of absolute weights follow from those before: nothing is, or may become, negative."""
    if any_negative(sheet[ACTIVITY], sheet[UNITS]):
        return False
    for p in range(len(fields)):
        learns = numbers[p, RATE] != 0
        if learns and (any_negative(fields[p, SOURCE], fields[p, N_SOURCE]) or _may_reverse(fields[p])):
            return False
    return True


@entry_point("float64(int64[::1], int64[:, ::1], float64[:, ::1])")
def learn(sheet: IntArray, fields: IntArray, numbers: FloatArray) -> float:
    """Apply the learning rules to the projections of a sheet, then normalise those in a GROUP, for the active units.

    Returns the least scale. With SIGNED, sums of absolute weights are computed anew. Without, it returns -1 and changes
    nothing where something is or may become negative, because the sums are not linear then.
    """
    n_fields = len(fields)
    signed = sheet[SIGNED] != 0
    if not signed and not _is_linear_sum(sheet, fields, numbers):
        return -1.0
    count = list_active(sheet[ACTIVITY], sheet[UNITS], sheet[LEARNERS])
    smallest = 1.0
    for p in range(n_fields):
        if numbers[p, RATE] != 0:
            if fields[p, GAINS] != 0:
                smallest = min(smallest, _learn_linearly(fields[p], signed))
            else:
                _learn(fields[p], numbers[p, RATE], sheet[ACTIVITY], sheet[LEARNERS], count)
            if signed:
                sum_up(fields[p], np.zeros(fields[p, N_DEST] + PADDING))
    first = np.int64(0)
    while first < n_fields:
        end = first + 1
        if fields[first, GROUP] >= 0:
            while end < n_fields and fields[end, GROUP] == fields[first, GROUP]:
                end += 1
            smallest = min(smallest, _normalise(fields, first, end, sheet[LEARNERS], count))
        first = end
    return smallest


@entry_point("void(float64[::1], float64[::1], float32[::1], float64[::1])")
def adapt(threshold: FloatArray, average: FloatArray, previous: FloatArray, constants: FloatArray) -> None:
    """Update y = (1 - smoothing) x + smoothing y and threshold += rate (y - target).

    constants: smoothing, rate, target.
    """
    smoothing, rate, target = constants[0], constants[1], constants[2]
    for unit in range(len(threshold)):
        average[unit] = (1.0 - smoothing) * previous[unit] + smoothing * average[unit]
        threshold[unit] += rate * (average[unit] - target)
