"""The numbers that a network is declared with: each has the range that its meaning asks for, and refuses others."""

import math
from typing import Any

import param
import pytest

from tests.contracts.test_families import DECLARED
from topo_exp.engine.streams import Real

SPREADS = (
    "a aspect_ratio b c50 constant density distance_scale dotsize e e2 height k magnification m negative_aspect_ratio "
    "negative_size nominal_density period positive_aspect_ratio positive_size reset_period size spacing target "
    "time_constant turning width x_shape y_shape delay a_init lbound ubound"
)
"""Extents, powers and factors that are divided by, and times that must pass: above 0."""
AMOUNTS = (
    "alpha arc_length beta decay_rate deviation dotdensity eta frequency jitter kernel_radius learning_rate "
    "mask_init_time min_separation radius rate seed sizecenter sizesurround smoothing speed strict_tsettle t_init "
    "target_lr thickness threshold tsettle unit_threshold"
)
"""Numbers of something, rates and widths that may vanish: 0 or above."""
FRACTIONS = "duty_cycle index on_probability trace_strength"
"""Parts of a whole: 0 to 1."""
COUNTS = "max_trials parts"
"""Numbers of which there is one at least."""
SIGNED = (
    "activity_group angle b_init direction input_threshold l lower mean negative_x negative_y offset offsetcenter "
    "offsetsurround orientation orientationcenter orientationsurround phase positive_x positive_y r "
    "relative_motion_orientation scale scalecenter scalesurround sigmoid_position sigmoid_slope slope step strength t "
    "target_activity u upper x x_scale x_shift xdisparity y y_scale y_shift ydisparity start minimum"
)
"""Places, angles, signed factors: any number."""

POSITIVE, NOT_NEGATIVE, SHARE, ANY = "above 0", "0 or above", "0 to 1", "any number"
RANGES = {
    **dict.fromkeys(SPREADS.split(), POSITIVE),
    **dict.fromkeys(AMOUNTS.split(), NOT_NEGATIVE),
    **dict.fromkeys(FRACTIONS.split(), SHARE),
    **dict.fromkeys(COUNTS.split(), "1 or above"),
    **dict.fromkeys(SIGNED.split(), ANY),
    "curvature": "-1 to 1",
    "mu": "between 0 and 1",
}
OWN = {
    "BCM.smoothing": SHARE,  # the share that the average keeps, not the width of an edge
    "ScaledCFProjection.smoothing": SHARE,
    "HomeostaticResponse.smoothing": SHARE,
    "Covariance.unit_threshold": ANY,
    "GeneralizedLogistic.m": ANY,  # a place on the axis of the input
    "GeneratorSheet.phase": NOT_NEGATIVE,  # a time
    "HomeostaticResponse.t_init": ANY,
    "Logistic.k": ANY,
    "UniformRandom.lbound": ANY,
    "UniformRandom.ubound": ANY,
    "UniformRandom.seed": ANY,
    "LogUniformRandom.seed": ANY,
    "Wedge.size": NOT_NEGATIVE,  # an angle
}
"""Parameters whose name means something else in their class."""
LIMITS = {
    POSITIVE: (0, math.inf, "()"),
    NOT_NEGATIVE: (0, math.inf, "[)"),
    SHARE: (0, 1, "[]"),
    "between 0 and 1": (0, 1, "()"),
    "1 or above": (1, math.inf, "[)"),
    "-1 to 1": (-1, 1, "[]"),
    ANY: (-math.inf, math.inf, "()"),
}
NUMBERS = [
    (cls, name)
    for cls in sorted(DECLARED, key=lambda cls: cls.__name__)
    for name in sorted(vars(cls))
    if isinstance(vars(cls)[name], param.Number | Real)
]


def accepts(declaration: param.Parameter, value: Any) -> bool:
    """Return True if a parameter takes a value."""
    try:
        declaration._validate(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("cls", "name"), NUMBERS, ids=lambda thing: getattr(thing, "__name__", thing))
def test_a_declared_number_has_the_range_of_its_meaning(cls, name):
    """Values just inside the range are accepted, values just outside it and the limits themselves as its kind says."""
    low, high, ends = LIMITS[OWN.get(f"{cls.__name__}.{name}") or RANGES[name]]
    declaration = vars(cls)[name]
    step = 1 if isinstance(declaration, param.Integer) else 1e-9
    if low == -math.inf:
        assert accepts(declaration, -1000)
    else:
        assert [accepts(declaration, low + i * step) for i in (-1, 0, 1)] == [False, ends[0] == "[", True]
    if high == math.inf:
        assert accepts(declaration, 1000)
    else:
        assert [accepts(declaration, high + i * step) for i in (-1, 0, 1)] == [True, ends[1] == "]", False]
    assert not accepts(declaration, "1")
