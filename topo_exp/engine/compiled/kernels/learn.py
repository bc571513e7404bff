"""Hebbian learning, divisive normalisation and homeostatic thresholds."""

import numpy as np

from topo_exp.engine.compiled.kernels.active import any_negative, list_active, list_quads, quads
from topo_exp.engine.compiled.kernels.jit import entry_point, float32s, float64s, helper, int8s, int32s
from topo_exp.engine.compiled.kernels.table import (
    ACTIVE,
    ACTIVITY,
    GATE,
    GROUP,
    INPUT_SUM,
    INPUTS,
    LANES,
    LEARNERS,
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
    SOURCE,
    TOTAL,
    UNITS,
    WEIGHTS,
)
from topo_exp.engine.compiled.kernels.vectors import learn4, learn8
from topo_exp.typing import FloatArray, IntArray


@helper
def _learn(field: IntArray, rate: float, activity: int, learners: int, n_learners: int) -> None:
    """Apply the Hebb rule to one projection: v += rate y x / s and TOTAL += rate y sum(x), for the learners."""
    n_dest = field[N_DEST]
    list_quads(field)
    n_quads = field[N_ACTIVE]
    active, inputs = int32s(field[ACTIVE], n_quads), float32s(field[INPUTS], 4 * n_quads)
    start, base, list_of = quads(field)
    lists, offsets = int32s(field[LISTS], 3 * field[N_LISTS]), int32s(field[OFFSETS], field[N_OFFSETS])
    lanes = int32s(field[LANES], field[N_OFFSETS])
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
    for n in range(n_learners):
        total[units[n]] += rate * y[units[n]] * sums[units[n]]


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


@entry_point("float64(int64[::1], int64[:, ::1], float64[:, ::1])")
def learn(sheet: IntArray, fields: IntArray, numbers: FloatArray) -> float:
    """Apply the Hebb rule to the projections of a sheet, then normalise those in a GROUP, for the active units.

    Returns the least scale. Where an activity is negative, returns -1 and changes nothing, because sums of absolute
    weights are not linear then.
    """
    n_units, n_fields = sheet[UNITS], len(fields)
    if any_negative(sheet[ACTIVITY], n_units):
        return -1.0
    for p in range(n_fields):
        if numbers[p, RATE] != 0 and any_negative(fields[p, SOURCE], fields[p, N_SOURCE]):
            return -1.0
    count = list_active(sheet[ACTIVITY], n_units, sheet[LEARNERS])
    for p in range(n_fields):
        if numbers[p, RATE] != 0:
            _learn(fields[p], numbers[p, RATE], sheet[ACTIVITY], sheet[LEARNERS], count)
    smallest = 1.0
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
