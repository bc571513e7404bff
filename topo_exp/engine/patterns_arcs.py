"""Parts of circles: arcs, curves of constant length, and wedges."""

import math
from typing import ClassVar

import numpy as np

from topo_exp.engine.patterns import Pattern, Values, soft_edge
from topo_exp.engine.patterns_shapes import ring
from topo_exp.engine.streams import Quantity
from topo_exp.typing import FloatArray


class Arc(Pattern):
    """A part of a ring: the angles from 0 to `arc_length`, counter-clockwise from the orientation.

    A `Ring` where 0 <= φ <= arc_length, φ the angle of (px/aspect_ratio, py) in [0, 2π), else 0. The edges of the ring
    are soft, the ends of the arc are sharp.

    References:
        Hegdé & Van Essen 2007, Cereb Cortex 17:1100, doi:10.1093/cercor/bhl020.
    """

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Diameter of the circle.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    thickness = Quantity(0.015, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")
    arc_length = Quantity(math.pi, bounds=(0, None), doc="Length of the arc, in radians.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        x = px / values["aspect_ratio"]
        on_arc = np.mod(np.arctan2(py, x), 2 * math.pi) <= values["arc_length"]
        return ring(np.hypot(x, py), values) * on_arc


class ArcCentered(Pattern):
    """An arc symmetric about its orientation, mid-way between its two ends and its middle at the centre.

    With h = arc_length/2, it is the `Arc` of the angles -h to h of a circle whose centre lies at
    px = -(size/2)(1 + cos h)/2.

    References:
        Hegdé & Van Essen 2007, Cereb Cortex 17:1100, doi:10.1093/cercor/bhl020.
    """

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Diameter of the circle.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    thickness = Quantity(0.015, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")
    arc_length = Quantity(math.pi, bounds=(0, None), doc="Length of the arc, in radians.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        half = values["arc_length"] / 2
        x = (px + values["size"] / 2 * (1 + math.cos(half)) / 2) / values["aspect_ratio"]
        return ring(np.hypot(x, py), values) * (np.abs(np.arctan2(py, x)) <= half)


class Curve(Pattern):
    """A line of length `size` bent to an arc that touches the orientation's axis at the centre.

    Part of a circle of radius R = size / (2π |curvature|), the angles within ±π |curvature| of the point of contact; it
    opens towards py > 0 for a positive curvature. Curvature 0 is the straight line, 1 a whole circle. The edges are
    soft, the ends sharp; px is divided by the aspect ratio first.

    References:
        Hegdé & Van Essen 2007, Cereb Cortex 17:1100, doi:10.1093/cercor/bhl020.
    """

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Length along the curve.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    thickness = Quantity(0.05, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.015, bounds=(0, None), doc="Standard deviation of the edges; 0 for sharp ones.")
    curvature = Quantity(0.5, bounds=(-1, 1), doc="Part of a circle that the curve is, negative for the other side.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        x, bend, half = px / values["aspect_ratio"], abs(values["curvature"]), values["thickness"] / 2
        if bend == 0:
            return soft_edge(np.abs(py) - half, values["smoothing"]) * (np.abs(x) <= values["size"] / 2)
        radius = values["size"] / (2 * math.pi * bend)
        y = radius - math.copysign(1.0, values["curvature"]) * py
        on_arc = np.abs(np.arctan2(x, y)) <= math.pi * bend
        return soft_edge(np.abs(np.hypot(x, y) - radius) - half, values["smoothing"]) * on_arc


class Wedge(Pattern):
    """A sector that opens along its orientation: 1 where |φ| <= size/2, φ the angle of (px/aspect_ratio, py).

    `size` is an angle in radians, and so is the smoothing: outside the value is exp(-d²/2s²) at the angle d from the
    sector.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    size_is_extent: ClassVar[bool] = False

    size = Quantity(math.pi / 4, bounds=(0, None), doc="Angle of the sector, in radians.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Stretches the plane along px.")
    smoothing = Quantity(0.4, bounds=(0, None), doc="Standard deviation of the edges, in radians; 0 for sharp ones.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        angle = np.abs(np.arctan2(py, px / values["aspect_ratio"]))
        return soft_edge(angle - values["size"] / 2, values["smoothing"])
