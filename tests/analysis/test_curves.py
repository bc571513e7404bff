"""Numbers of curves: exact for straight pieces between the measured values."""

import numpy as np
import pytest

from topo_exp.analysis.curves import first_reach, full_width


@pytest.mark.parametrize(
    ("curve", "level", "expected"),
    [
        ([0, 4, 8], 1, 10.25),  # within the first interval
        ([0, 4, 8], 6, 11.5),
        ([0, 4, 8], 4, 11.0),
        ([4, 8, 0], 4, 10.0),  # at the first value
        ([6, 8, 9], 4, 10.0),
        ([0, 4, 3, 8], 3.5, 10.875),  # the first of several
        ([0, 4, 8], 8, 12.0),
        ([0, 4, 8], 9, np.nan),
        ([0, 4, 8], 0, np.nan),
        ([np.nan, 4, 8], 9, np.nan),
    ],
)
def test_a_level_is_reached_where_the_straight_line_between_two_values_reaches_it(curve, level, expected):
    """The first place counts; a curve that begins above the level reaches it at its first value; some never do."""
    values = 10.0 + np.arange(len(curve))
    curves = np.asarray(curve, dtype=float)[:, None]
    np.testing.assert_allclose(first_reach(curves, values, np.array([float(level)])), [expected])
    falling = first_reach(20 - curves, values, np.array([20.0 - level]), falling=True)
    if level > 0:
        np.testing.assert_allclose(falling, [expected])


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([0, 8, 0], 1.0), ([4, 8, 0], 1.5), ([0, 6, 8, 6, 0], 2 + 2 / 3), ([5, 8, 0], np.nan), ([0, 8, 5], np.nan)],
)
def test_the_width_at_half_height_is_that_of_the_triangle(curve, expected):
    """Half of the largest response has to be reached on both sides."""
    values = np.arange(float(len(curve)))
    np.testing.assert_allclose(full_width(np.asarray(curve, dtype=float)[:, None], values), [expected])
