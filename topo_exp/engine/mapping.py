"""Coordinate mappers: where on the source sheet the connection field of a unit lies.

A mapper is called with the sheet coordinates x and y (rows, columns) of the destination's units, and returns the
coordinates on the source sheet on which their fields are centred: two arrays of the same shape. A plain function of a
user's own works like those declared here.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import param

from topo_exp.engine.checks import behaves_as, require_shape, require_signature
from topo_exp.engine.coordinates import Grid
from topo_exp.engine.streams import Real
from topo_exp.errors import GeometryError, ModelError
from topo_exp.typing import FloatArray

Mapper: TypeAlias = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


class Identity(param.Parameterized):
    """The same sheet coordinates, (x, y)."""

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return x and y."""
        return x, y


class Scaling(param.Parameterized):
    """Stretched, turned and shifted coordinates: (x', y') = R(orientation) (x_scale x, y_scale y) + (x_shift, y_shift).

    With a scale of 2, units look at an area that is twice as wide as their sheet.
    """

    x_scale = Real(1.0, doc="Factor of x.")
    y_scale = Real(1.0, doc="Factor of y.")
    orientation = Real(0.0, doc="Angle in radians by which the stretched sheet is turned, counter-clockwise.")
    x_shift = Real(0.0, doc="Added to x.")
    y_shift = Real(0.0, doc="Added to y.")

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates on the source sheet."""
        sine, cosine = math.sin(self.orientation), math.cos(self.orientation)
        x, y = self.x_scale * x, self.y_scale * y
        return cosine * x - sine * y + self.x_shift, sine * x + cosine * y + self.y_shift


class Magnification(param.Parameterized):
    """Cortical magnification that falls off with eccentricity: fields near the centre lie closer together.

    A unit at the distance r from the centre of its sheet looks in the same direction, at the eccentricity
    e = e2 (exp(r / (magnification e2)) - 1). So a step of the eccentricity de takes M(e) de on the destination, with
    M(e) = magnification / (1 + e/e2).

    References:
        Schwartz 1977, Biol Cybern 25:181, doi:10.1007/BF01885636.
        Horton & Hoyt 1991, Arch Ophthalmol 109:816, doi:10.1001/archopht.1991.01080060080030.
    """

    magnification = Real(
        1.0,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Length on the destination for a unit of length at the centre of the source.",
    )
    e2 = Real(
        0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Eccentricity with half of that magnification."
    )

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates on the source sheet."""
        radius = np.hypot(x, y)
        eccentricity = self.e2 * np.expm1(radius / (self.magnification * self.e2))
        limit = np.full_like(radius, 1 / self.magnification)
        factor = np.divide(eccentricity, radius, out=limit, where=radius > 0)
        return factor * x, factor * y


class ComplexLogarithm(param.Parameterized):
    """The monopole map of the visual field onto the cortex: x + iy = k ln(z + a), z = x' + iy' on the source.

    Angles around the point of view z = 0 become positions along y, the logarithm of eccentricities beyond a becomes the
    position along x; z = 0 lies at x = k ln(a).

    References:
        Schwartz 1977, Biol Cybern 25:181, doi:10.1007/BF01885636.
    """

    k = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length on the destination of one unit of ln.")
    a = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Eccentricity below which the map is linear.")

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates on the source sheet."""
        z = np.exp((x + 1j * y) / self.k) - self.a
        return z.real, z.imag


class Polar2Cartesian(param.Parameterized):
    """A sheet of polar coordinates that looks at a Cartesian one: (x', y') = (x cos y, x sin y).

    x is the radius, and y the angle.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the mappers of Topographica.
    """

    degrees = param.Boolean(False, doc="Whether the angle is in degrees rather than radians.")

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates on the source sheet."""
        angle = np.radians(y) if self.degrees else y
        return x * np.cos(angle), x * np.sin(angle)


class Cartesian2Polar(param.Parameterized):
    """A Cartesian sheet that looks at one of polar coordinates: (x', y') = ((x² + y²)^(1/2), angle of (x, y)).

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the mappers of Topographica.
    """

    degrees = param.Boolean(False, doc="Whether the angle is in degrees rather than radians.")

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates on the source sheet."""
        angle = np.arctan2(y, x)
        return np.hypot(x, y), np.degrees(angle) if self.degrees else angle


class NearestGridPoint(param.Parameterized):
    """The nearest point of a grid with a given spacing, (spacing round(x/spacing), spacing round(y/spacing)).

    All units around a point have the same field: modules such as barrels, each with inputs of its own.

    References:
        Wilson, Law, Mitchinson, Prescott & Bednar 2010, PLoS ONE 5:e8778, doi:10.1371/journal.pone.0008778: units of
        layer 2/3 and the barrel below them.
    """

    spacing = Real(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Distance of neighbouring points.")

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates on the source sheet."""
        return self.spacing * np.rint(x / self.spacing), self.spacing * np.rint(y / self.spacing)


class Chain(param.Parameterized):
    """Several mappers one after the other, the first one applied to the units' own coordinates."""

    mappers: Sequence[Mapper] = param.List([], doc="The mappers, in the order in which they are applied.")

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates on the source sheet."""
        for mapper in self.mappers:
            x, y = mapper(x, y)
        return x, y


def mapped(mapper: Any, destination: Grid, where: str) -> tuple[FloatArray, FloatArray] | None:
    """Return x and y (rows, columns) of the fields' centres on the source sheet, or None for `Identity`.

    Raises:
        ModelError: If the mapper cannot be called with x and y, or does not return two arrays of their shape.
        GeometryError: If a coordinate is not a finite number.
    """
    if behaves_as(mapper, Identity):
        return None
    require_signature(mapper, ("x", "y"), where)
    result = mapper(*(axis.copy() for axis in np.meshgrid(destination.x, destination.y)))
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ModelError(f"{where}: must return two arrays, x and y (got {type(result).__name__}). Return both.")
    x, y = (require_shape(axis, destination.shape, where, mapper).astype(np.float64) for axis in result)
    if not (np.isfinite(x) & np.isfinite(y)).all():
        raise GeometryError(
            f"{where}: must return finite coordinates (got {int((~np.isfinite(x) | ~np.isfinite(y)).sum())} units "
            "without). Restrict the sheet to where the mapper is defined."
        )
    return x, y
