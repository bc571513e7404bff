"""Compiled kernels of the event-driven form. They take arrays and change arrays; `cache.kernels` loads them.

They are fast because they skip work. The weights of a projection are stored *by source unit*: the weights of a source
unit onto all destination units that it reaches lie together in memory, row by row of the destination. So only active
source units are read, and each adds `x_i * weights` to the response array, eight numbers at a time. A Hebbian change
needs a source unit and a destination unit that are both active, so it visits the same weights. Divisive L1
normalisation is a scale factor per destination unit: with w = s v and total = sum(w), learning at rate a changes the
total by a y sum(x), and dividing by the total divides s. The scale is multiplied into the weights ("folded") after many
normalisations. Other linear rules change a weight by gain x - decay w - input_decay x w (`learning.LinearChange`): a
decay is a change of scale, the other two visit the weights of active source units. Where something is negative, sums of
absolute weights are computed anew from all weights, once after such a step.

Layout (made by `Layout`). Source units are taken in quads, two by two neighbours, because neighbours tend to be active
together and reach almost the same units. The destination units that a quad reaches are runs of neighbours in rows. Runs
are cut into vectors of eight and, at their ends, of four; for each vector in turn the weights of the four members lie
side by side, padded with zeros where a member does not reach. So the response to a whole quad is loaded and stored
once. Quads whose vectors lie alike relative to their first destination (all but those at an edge, when densities are
equal) share one list of offsets, so that the innermost loop is one pass over a list, without a branch. A vector that
ends beyond its run adds zeros to the units that follow, so arrays carry eight extra numbers. Where all units share one
kernel, the weights, too, are stored once per list.

Precision: weights and activities are float32. Responses to other sheets are products and sums in double precision, as
are all values per unit (thresholds, scales, totals); responses of a sheet to itself, computed once per settling step,
are products and sums in float32.

A call must not cost more than its work, so arrays are passed as addresses in a table with one row per projection
(`table` lists the columns), which Python fills once. The caller keeps the arrays alive.

numba's cache notices changes only in the file of the function that it stored, so `cache` names its directory by the
hash of all files of this package. Each function that Python calls has one explicit signature, so that processes that
fill the cache at the same time write the same content.
"""
