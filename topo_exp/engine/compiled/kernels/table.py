"""Columns of the tables by which Python hands arrays and numbers to the kernels."""

import numpy as np

# columns of the address table, one row per projection
SOURCE = 0  # float32 (source units + 8,): activity as it arrived
RESPONSE = 1  # float64 (destination units + 8,): strength times response
SCALE = 2  # float64 (destination units,): s
WEIGHTS = 3  # float32: per quad its vectors of eight, then those of four, each for all four members
START = 4  # int64 (quads,): where in WEIGHTS a quad's weights begin
BASE = 5  # int32 (quads,): destination unit that offsets count from
LIST = 6  # int32 (quads,): index of the quad's list of offsets
LISTS = 7  # int32 (lists, 3): first entry, number of vectors of eight, of four
OFFSETS = 8  # int32 (entries,): first destination unit of a vector, from BASE
LANES = 9  # int32 (entries,): bit 8 m + n is set if number n of member m's vector is a weight
PARTIAL = 10  # float32 (destination units + 8,): response in single precision; zeros between calls
GATE = 11  # float32 (destination units + 8,): rate y / s while learning, else zero
INPUT_SUM = 12  # float32 (destination units + 8,): sum of the active inputs in a unit's field
NEAR = 13  # int8 (destination units + 8,): nonzero if a vector of eight that starts here holds a unit that learns
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
N_ACTIVE = 23  # number of valid entries of ACTIVE
ARRIVED = 24  # nonzero if RESPONSE must be computed from SOURCE
LATERAL = 25  # nonzero if the source is the destination itself
SECOND = 26  # 1 for responses that are added to, or divide, the sum of the others: the lateral or the dividing ones
# addresses that are zero for most projections
GAINS = 27  # float64 (destination units,): gains of the learning rule, unless it is the Hebb rule
DECAYS = 28  # float64 (destination units,): share of its weights that a unit loses
INPUT_DECAYS = 29  # float32 (destination units + 8,): the same of weights from inputs of 1, or zero
AVERAGE = 30  # float64 (destination units,): average response, if responses are scaled by it
FACTOR = 31  # float64 (destination units,): factor of the responses
RATE_FACTOR = 32  # float64 (destination units,): factor of the learning
N_ADDRESSES = 33

# columns of the table of real numbers, one row per projection
STRENGTH = 0
RATE = 1  # per connection
ADAPTS = 2  # nonzero if averages and factors of scaled responses change
TARGET = 3  # average of scaled responses
TARGET_RATE = 4  # the same for the factor of the learning
SMOOTHING = 5  # share of the old average
N_NUMBERS = 6

# entries of the address table of a sheet
ACTIVITY = 0  # float32 (units,)
DRIVE = 1  # float64 (units,): sum of the responses to other sheets
NET = 2  # float64 (units,): combined input
THRESHOLD = 3  # float64 (units,)
LEARNERS = 4  # int32 (units,): list of active units
UNITS = 5
ACTIVATIONS = 6
ECHO = 7  # 1 if the lateral response to the last activity is computed, too
ZEROS = 8  # float64 (units,)
SIGNED = 9  # nonzero if sums of weights must be computed anew after learning, since something may be negative
N_SHEET = 10

# entries of a sheet's transfer function
LOWER = 0
GAIN = 1
UPPER = 2
DIVISOR = 3  # constant of divisive gain control by some projections, or 0 where all add
KIND = 4  # which function; CLIPPED is that of LOWER, GAIN and UPPER
NUMBERS = 5  # first of the numbers of the other kinds
N_TRANSFER = 10

# kinds of transfer functions
CLIPPED = 0
IDENTITY = 1
LOGISTIC = 2  # r, k
GENERALIZED_LOGISTIC = 3  # l, u, m, r, b
POWER = 4  # t, e
NAKA_RUSHTON = 5  # c50, e
SQUARE = 6
BINARY = 7  # t

LEAST_KEPT = 1e-3
"""Share of its weights that a unit must keep in a step for which their scale can stand."""

PADDING = 8
"""Numbers beyond the end of an array of destination units that kernels may read and write."""

TOGETHER = 4
"""Presentations that a sheet can settle to in one call, which reads its weights once for all of them."""

MEMBERS = np.zeros((16, 5), np.int64)
"""Number of active members of a quad, then their indices; row b stands for the members whose bits are set in b."""

for _bits in range(16):
    _members = [member for member in range(4) if _bits >> member & 1]
    MEMBERS[_bits, : len(_members) + 1] = [len(_members), *_members]
