"""Shapes with straight edges or closed outlines: rectangles, rings, half planes, bars that meet or cross.

Where a shape has `smoothing`, its value is 1 inside and exp(-d²/2s²) at the distance d from its edge, s = smoothing.
"""

import math

import numpy as np
import param

from topo_exp.engine.patterns import Pattern, Values, soft_edge
from topo_exp.engine.streams import Quantity
from topo_exp.typing import FloatArray


class Ring(Pattern):
    """An elliptic ring with soft edges: 1 where |r - size/2| <= thickness/2, r² = (px/aspect_ratio)² + py².

    References:
        Hegdé & Van Essen 2007, Cereb Cortex 17:1100, doi:10.1093/cercor/bhl020.
    """

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Diameter across, mid-way of the ring.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    thickness = Quantity(0.015, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.1, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        return ring(np.hypot(px / values["aspect_ratio"], py), values)


def ring(radius: FloatArray, values: Values) -> FloatArray:
    """Return the soft ring of diameter `size` and of a `thickness`, at distances `radius` from its centre."""
    return soft_edge(np.abs(radius - values["size"] / 2) - values["thickness"] / 2, values["smoothing"])


class RawRectangle(Pattern):
    """A rectangle with sharp edges: 1 where |px| <= size aspect_ratio / 2 and |py| <= size / 2, else 0.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Height of the rectangle.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Width over height.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return 1 inside and 0 outside."""
        half_width, half_height = values["size"] * values["aspect_ratio"] / 2, values["size"] / 2
        return ((np.abs(px) <= half_width) & (np.abs(py) <= half_height)).astype(np.float64)


class Rectangle(Pattern):
    """A rectangle with soft edges: the minimum of a soft horizontal and a soft vertical bar.

    With the bars' half-widths a = size aspect_ratio / 2 along px and b = size / 2 along py, the distances are |px| - a
    and |py| - b.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Height of the rectangle.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Width over height.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        half_width, half_height = values["size"] * values["aspect_ratio"] / 2, values["size"] / 2
        return _bar(px, py, half_width, half_height, values["smoothing"])


def _bar(along: FloatArray, across: FloatArray, length: float, width: float, smoothing: float) -> FloatArray:
    """Return a soft rectangle of half-length `length` and half-width `width` at coordinates from its centre."""
    return np.minimum(soft_edge(np.abs(along) - length, smoothing), soft_edge(np.abs(across) - width, smoothing))


class HalfPlane(Pattern):
    """A half plane with a soft edge along its orientation: 1 where py >= 0.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    smoothing = Quantity(0.02, bounds=(0, None), doc="Standard deviation of the edge; 0 for a sharp one.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        return soft_edge(-py, values["smoothing"])


class Sigmoid(Pattern):
    """A step from -1 to 1 across its orientation, tanh(slope py).

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    slope = Quantity(10.0, doc="Slope at the centre, per unit of sheet coordinates.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [-1, 1]."""
        return np.tanh(values["slope"] * py)


class AboutOrigin(Pattern):
    """A pattern that may ignore x and y, as the reference's library does for some classes; abstract."""

    about_origin = param.Boolean(
        True,
        doc="Draw about the origin of the sheet (of a field: about its unit) whatever x and y are, as the reference's "
        "library does; False draws about (x, y).",
    )

    def evaluate(self, values: Values, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the pattern with drawn `values` at columns `x` and rows `y`, (rows, columns)."""
        return super().evaluate({**values, "x": 0.0, "y": 0.0} if self.about_origin else values, x, y)


class Angle(AboutOrigin):
    """Two soft bars of length `size` that meet: the sides of an isosceles triangle, its axis across the orientation.

    The bars enclose `angle` with the axis py, one on each side; their vertex is at py = -(size/2) cos(angle), their
    ends at py = (size/2) cos(angle), so that the shape is centred along the axis.

    References:
        Hegdé & Van Essen 2007, Cereb Cortex 17:1100, doi:10.1093/cercor/bhl020.
    """

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Length of each bar.")
    angle = Quantity(math.pi / 4, doc="Angle in radians of each bar with the axis: half of what the two enclose.")
    thickness = Quantity(0.05, bounds=(0, None), doc="Width of the bars.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        half, sine, cosine = values["size"] / 2, math.sin(values["angle"]), math.cos(values["angle"])
        bars = []
        for side in (-1, 1):
            x = px - side * half * sine
            along, across = side * sine * x + cosine * py, cosine * x - side * sine * py
            bars.append(_bar(along, across, half, values["thickness"] / 2, values["smoothing"]))
        return np.maximum(*bars)


class Asterisk(AboutOrigin):
    """Soft bars of length size/2 that start at one point, in `parts` directions evenly spread over the circle.

    Bar k points at the angle π/2 + 2πk/parts from the orientation.

    References:
        Hegdé & Van Essen 2007, Cereb Cortex 17:1100, doi:10.1093/cercor/bhl020.
    """

    parts = param.Integer(3, bounds=(1, None), doc="Number of bars.")
    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Diameter of the whole.")
    thickness = Quantity(0.05, bounds=(0, None), doc="Width of the bars.")
    smoothing = Quantity(0.015, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        quarter, bars = values["size"] / 4, []
        for k in range(self.parts):
            sine, cosine = math.cos(2 * math.pi * k / self.parts), -math.sin(2 * math.pi * k / self.parts)
            along, across = cosine * px + sine * py, cosine * py - sine * px
            bars.append(_bar(along - quarter, across, quarter, values["thickness"] / 2, values["smoothing"]))
        return np.maximum.reduce(bars)
