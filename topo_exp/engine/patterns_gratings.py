"""Gratings: square, polar, spiral and hyperbolic ones, and patches of sine gratings that differ in orientation."""

import math
from typing import ClassVar

import numpy as np
import param

from topo_exp.engine.patterns import Pattern, Values, soft_edge
from topo_exp.engine.patterns_shapes import AboutOrigin
from topo_exp.engine.streams import Quantity
from topo_exp.typing import FloatArray


class SquareGrating(Pattern):
    """A square-wave grating, 1 where sin(2π frequency py + phase) > -sin(π(duty_cycle - 1/2)), else 0.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    frequency = Quantity(2.4, bounds=(0, None), doc="Cycles per unit of sheet coordinates.")
    phase = Quantity(0.0, doc="Phase in radians at the centre.")
    duty_cycle = Quantity(0.5, bounds=(0, 1), doc="Fraction of a period in which the value is 1.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return 0 or 1."""
        wave = np.sin(2 * math.pi * values["frequency"] * py + values["phase"])
        return (wave > -math.sin(math.pi * (values["duty_cycle"] - 0.5))).astype(np.float64)


def _nearest_multiple(distance: FloatArray, period: float) -> FloatArray:
    """Return how far each number is from the nearest multiple of a period, >= 0."""
    return np.abs(np.mod(distance + period / 2, period) - period / 2)


class ConcentricRings(Pattern):
    """Rings around the centre, `size` apart: soft bands of a thickness at the radii 0, size, 2 size ...

    The radius is r = ((px/aspect_ratio)² + py²)^(1/2).

    References:
        Gallant, Braun & Van Essen 1993, Science 259:100, doi:10.1126/science.8418487.
    """

    size_is_extent: ClassVar[bool] = False

    size = Quantity(0.4, bounds=(0, None), inclusive_bounds=(False, True), doc="Distance of neighbouring rings.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    thickness = Quantity(0.04, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        radius = np.hypot(px / values["aspect_ratio"], py)
        return soft_edge(_nearest_multiple(radius, values["size"]) - values["thickness"] / 2, values["smoothing"])


class HyperbolicGrating(Pattern):
    """Hyperbolas, `size` apart: soft bands of a thickness at |(px/aspect_ratio)² - py²|^(1/2) = 0, size, 2 size ...

    References:
        Gallant, Braun & Van Essen 1993, Science 259:100, doi:10.1126/science.8418487.
    """

    size_is_extent: ClassVar[bool] = False

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Distance of neighbouring hyperbolas.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    thickness = Quantity(0.05, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        coordinate = np.sqrt(np.abs((px / values["aspect_ratio"]) ** 2 - py**2))
        return soft_edge(_nearest_multiple(coordinate, values["size"]) - values["thickness"] / 2, values["smoothing"])


class RadialGrating(AboutOrigin):
    """Sectors around the centre, `parts` of them, the first along the orientation.

    A soft band 1 radian wide in the angle parts φ, φ being that of (px, py): 1 where |parts φ| <= 1/2 modulo 2π.

    References:
        Gallant, Braun & Van Essen 1993, Science 259:100, doi:10.1126/science.8418487.
    """

    parts = param.Integer(4, bounds=(1, None), doc="Number of sectors.")
    smoothing = Quantity(0.8, bounds=(0, None), doc="Standard deviation of the edges, in radians; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        angle = _nearest_multiple(self.parts * np.arctan2(py, px), 2 * math.pi)
        return soft_edge(angle - 0.5, values["smoothing"])


class Spiral(Pattern):
    """An Archimedean spiral r = turning φ: a soft band of a thickness around it.

    r and φ are those of (px/aspect_ratio, py); the distance from the spiral is measured along r.

    References:
        Gallant, Braun & Van Essen 1993, Science 259:100, doi:10.1126/science.8418487.
    """

    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    thickness = Quantity(0.02, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")
    turning = Quantity(
        0.05, bounds=(0, None), inclusive_bounds=(False, True), doc="Growth of the radius with the angle, per radian."
    )

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        x, turning = px / values["aspect_ratio"], values["turning"]
        distance = _nearest_multiple(np.hypot(x, py) - turning * np.arctan2(py, x), 2 * math.pi * turning)
        return soft_edge(distance - values["thickness"] / 2, values["smoothing"])


class SpiralGrating(AboutOrigin):
    """Archimedean spirals r = turning (φ + 2πk/parts), evenly spread: soft bands of a thickness around them.

    References:
        Gallant, Braun & Van Essen 1993, Science 259:100, doi:10.1126/science.8418487.
    """

    parts = param.Integer(2, bounds=(1, None), doc="Number of spirals.")
    thickness = Quantity(0.02, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")
    turning = Quantity(
        0.05, bounds=(0, None), inclusive_bounds=(False, True), doc="Growth of the radius with the angle, per radian."
    )

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        turning = values["turning"]
        along = np.hypot(px, py) - turning * np.arctan2(py, px)
        distance = _nearest_multiple(along, 2 * math.pi * turning / self.parts)
        return soft_edge(distance - values["thickness"] / 2, values["smoothing"])


class OrientationContrast(Pattern):
    """A disk of a sine grating within a ring of another one of the same frequency and phase.

    f = scalecenter D g_c + offsetcenter + scalesurround R g_s + offsetsurround, D the disk of diameter `sizecenter`, R
    the ring of diameter `sizesurround` and of a thickness, both with sharp edges, and g the gratings
    (1 + sin(2π frequency v + phase))/2, v across their own orientations. The pattern's orientation turns neither.

    References:
        Knierim & Van Essen 1992, J Neurophysiol 67:961, doi:10.1152/jn.1992.67.4.961.
    """

    frequency = Quantity(2.4, bounds=(0, None), doc="Cycles per unit of sheet coordinates.")
    phase = Quantity(0.0, doc="Phase in radians at the centre.")
    thickness = Quantity(0.5, bounds=(0, None), doc="Width of the ring.")
    sizecenter = Quantity(0.5, bounds=(0, None), doc="Diameter of the disk.")
    sizesurround = Quantity(1.0, bounds=(0, None), doc="Diameter of the ring, mid-way between its edges.")
    orientationcenter = Quantity(0.0, doc="Orientation of the disk's grating, counter-clockwise in radians.")
    orientationsurround = Quantity(0.0, doc="Orientation of the ring's grating, counter-clockwise in radians.")
    scalecenter = Quantity(1.0, doc="Factor of the disk's grating.")
    scalesurround = Quantity(1.0, doc="Factor of the ring's grating.")
    offsetcenter = Quantity(0.0, doc="Added everywhere, for the disk.")
    offsetsurround = Quantity(0.0, doc="Added everywhere, for the ring.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values."""
        radius = np.hypot(px, py)
        disk = radius <= values["sizecenter"] / 2
        band = np.abs(radius - values["sizesurround"] / 2) <= values["thickness"] / 2
        total = np.zeros_like(px)
        for where, mask in (("center", disk), ("surround", band)):
            turn = values[f"orientation{where}"] - values["orientation"]
            across = math.cos(turn) * py - math.sin(turn) * px
            grating = 0.5 + 0.5 * np.sin(2 * math.pi * values["frequency"] * across + values["phase"])
            total += values[f"scale{where}"] * mask * grating + values[f"offset{where}"]
        return total
