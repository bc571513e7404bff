"""Patterns that choose among others, or show another one somewhere else: selector, sweeper, translator, periodic."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np
import param

from topo_exp.engine.patterns import Frame, Gaussian, Pattern, Values
from topo_exp.engine.streams import Quantity, Real
from topo_exp.errors import ModelError
from topo_exp.typing import FloatArray


class Selector(Pattern):
    """One of several patterns in each presentation: number floor(index n) of n, by an `index` in [0, 1].

    With `index=UniformRandom(seed=...)` all have the same chance. Only the numbers of the chosen pattern are drawn.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    generators = param.List([], item_type=Pattern, doc="The patterns.")
    index = Quantity(0.0, bounds=(0, 1), doc="Which pattern, as a fraction of their number.")

    def components(self) -> dict[str, Pattern]:
        """Return the patterns in the order of their declaration."""
        return {f"generators[{i}]": pattern for i, pattern in enumerate(self.generators)}

    def chosen(self, values: Values) -> Sequence[int]:
        """Return the position of the one pattern to draw."""
        if not self.generators:
            raise ModelError("Selector.generators: must hold at least one pattern (got none). Give some.")
        count = len(self.generators)
        return [min(int(values["index"] * count), count - 1)]


class Sweeper(Pattern):
    """Another pattern, moved from its place by step × speed in a direction relative to the orientation.

    The pattern stands at (x, y) + step speed (cos d, sin d), d = orientation + relative_motion_orientation. Retinas
    that differ in `step` only show the moments of a movement side by side, as lagged inputs of a model of direction
    maps (Bednar & Miikkulainen 2003, Neurocomputing 52-54:473).

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    generator = param.ClassSelector(
        class_=Pattern, default=Gaussian(), instantiate=True, doc="The pattern; its place is relative to the sweeper's."
    )
    step = Quantity(1.0, doc="Steps of the movement from (x, y).")
    speed = Quantity(0.25, bounds=(0, None), doc="Length of a step, in sheet coordinates.")
    relative_motion_orientation = Quantity(
        math.pi / 2, doc="Direction of the movement from the orientation, counter-clockwise in radians."
    )

    def components(self) -> dict[str, Pattern]:
        """Return the pattern."""
        return {"generator": self.generator}

    def frame(self, values: Values, elapsed: float) -> Frame:
        """Return the place after the movement, and the orientation."""
        direction = values["orientation"] + values["relative_motion_orientation"]
        way = values["step"] * values["speed"]
        return (
            values["x"] + way * math.cos(direction),
            values["y"] + way * math.sin(direction),
            values["orientation"],
        )


class Translator(Pattern):
    """Another pattern that moves with time, in episodes of `reset_period`.

    All numbers, of this pattern and of the moving one, are those of the start of the episode, t0 = p floor(t/p) with
    p = reset_period. At the time t the pattern stands at (x, y) + speed (t - t0) (cos direction, sin direction). The
    numbers must be plain, or functions of the time such as `UniformRandom(time_dependent=True)`.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    holds_numbers: ClassVar[bool] = True

    generator = param.ClassSelector(
        class_=Pattern,
        default=Gaussian(),
        instantiate=True,
        doc="The pattern; its place is relative to the translator's.",
    )
    direction = Quantity(0.0, doc="Direction of the movement, counter-clockwise in radians.")
    speed = Quantity(1.0, bounds=(0, None), doc="Sheet coordinates per unit of time.")
    reset_period = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Time from one episode to the next.")

    def components(self) -> dict[str, Pattern]:
        """Return the pattern."""
        return {"generator": self.generator}

    def drawn_at(self, time: Fraction) -> Fraction:
        """Return the start of the episode."""
        period = Fraction(str(self.reset_period))
        return period * (time // period)

    def frame(self, values: Values, elapsed: float) -> Frame:
        """Return the place after the movement so far, and the orientation."""
        way, direction = values["speed"] * elapsed, values["direction"]
        return (
            values["x"] + way * math.cos(direction),
            values["y"] + way * math.sin(direction),
            values["orientation"],
        )


class Periodic(Pattern):
    """Another pattern on a torus: what leaves the sheet on one side enters it on the other.

    Its value f is the largest of the pattern g and its copies: f(x, y) = max_ij g(x + i width, y + j height), i and j
    from -1 to 1. The part of a pattern that reaches further than that beyond the sheet is cut off.

    References:
        Obermayer, Ritter & Schulten 1990, Proc Natl Acad Sci USA 87:8345, doi:10.1073/pnas.87.21.8345: inputs with
        periodic boundary conditions.
    """

    generator = param.ClassSelector(
        class_=Pattern, default=Gaussian(), instantiate=True, doc="The pattern; its place is relative to this one's."
    )
    width = Quantity(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Distance of copies along x: the sheet's width."
    )
    height = Quantity(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Distance of copies along y: the sheet's height."
    )

    def components(self) -> dict[str, Pattern]:
        """Return the pattern."""
        return {"generator": self.generator}

    def extended(self, values: Values, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the columns and rows of the sheet and of its eight copies."""
        width, height = values["width"], values["height"]
        return np.concatenate([x - width, x, x + width]), np.concatenate([y - height, y, y + height])

    def combined(self, pictures: Sequence[FloatArray]) -> FloatArray:
        """Return the largest value of the pattern and its copies."""
        rows, columns = pictures[0].shape
        return pictures[0].reshape(3, rows // 3, 3, columns // 3).max(axis=(0, 2))

    def takes_maximum(self) -> bool:
        """Return False: the parts are evaluated on other columns and rows than the sheet's."""
        return False
