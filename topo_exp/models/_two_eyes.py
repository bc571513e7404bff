"""Inputs that two eyes see alike, but for brightness and place.

Both eyes draw the same numbers, from streams with the same seeds: what differs between them is derived from one number.
"""

from topo_exp.engine.patterns import Pattern
from topo_exp.engine.patterns_moving import Sweeper
from topo_exp.engine.streams import NumberGenerator, UniformRandom

EYES = ("Left", "Right")
DISPARITY_UNIT = 0.041665
"""The unit of `max_disparity`, in sheet coordinates: one cell of a retina of density 24."""


def brightness(eye: str, *, mean: float, variation: float, seed: int) -> NumberGenerator:
    """Return the brightness of an input to one eye: as far below the mean as it is above it for the other eye.

    With u uniform in [-1, 1] the left eye gets mean (1 + variation u), the right eye mean (1 - variation u).

    Args:
        eye: "Left" or "Right".
        mean: Of the brightness.
        variation: Between 0, both eyes see the same, and 1, an input may reach one eye alone.
        seed: Of u, the same for both eyes.
    """
    low, high = mean * (1.0 - variation), mean * (1.0 + variation)
    return UniformRandom(lbound=low, ubound=high, seed=seed) if eye == "Left" else _reflected(low, high, seed=seed)


def displaced(
    pattern: Pattern,
    *,
    eye: str,
    bound: float,
    seed: int,
    x: float | NumberGenerator = 0.0,
    y: float | NumberGenerator = 0.0,
) -> Pattern:
    """Return a pattern that the two eyes see at places which differ along x: a random disparity.

    With d uniform in [-bound, bound] it stands at x + d for the right eye and at x - d for the left one. Inputs that
    are kept apart keep the distance of their (x, y), so that both eyes accept the same ones.

    Args:
        pattern: The pattern; its place is relative to (x, y).
        eye: "Left" or "Right".
        bound: Largest displacement, half of the largest disparity, in sheet coordinates.
        seed: Of d, the same for both eyes.
        x: Place of the pattern without disparity.
        y: The same along y.
    """
    step = (
        UniformRandom(lbound=-bound, ubound=bound, seed=seed)
        if eye == "Right"
        else _reflected(-bound, bound, seed=seed)
    )
    return Sweeper(generator=pattern, x=x, y=y, step=step, speed=1.0, relative_motion_orientation=0.0)


def _reflected(low: float, high: float, *, seed: int) -> UniformRandom:
    """Return low + high - u for the u that is drawn from [low, high] with the same seed."""
    return UniformRandom(lbound=high, ubound=low, seed=seed)
