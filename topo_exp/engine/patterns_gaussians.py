"""Patterns made of Gaussians: differences of them, those on a logarithmic scale, and Gabor functions."""

import math
from typing import ClassVar

import numpy as np

from topo_exp.engine.patterns import Pattern, Values
from topo_exp.engine.streams import Quantity
from topo_exp.typing import FloatArray


class Gabor(Pattern):
    """Half a cosine grating under a Gaussian: cos(2π frequency py + phase) exp(-px²/2a² - py²/2b²) / 2.

    b = size/2 and a = b aspect_ratio are the widths of the envelope.

    References:
        Daugman 1985, J Opt Soc Am A 2:1160, doi:10.1364/JOSAA.2.001160.
    """

    size = Quantity(0.25, bounds=(0, None), inclusive_bounds=(False, True), doc="Twice the envelope's width b.")
    aspect_ratio = Quantity(2.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length a over width b.")
    frequency = Quantity(2.0, bounds=(0, None), doc="Cycles per unit of sheet coordinates.")
    phase = Quantity(0.0, doc="Phase in radians at the centre.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [-1/2, 1/2]."""
        width = values["size"] / 2
        envelope = np.exp(-0.5 * (px / (width * values["aspect_ratio"])) ** 2 - 0.5 * (py / width) ** 2)
        return 0.5 * np.cos(2 * math.pi * values["frequency"] * py + values["phase"]) * envelope


class LogGaussian(Pattern):
    """A Gaussian of the logarithm of the distance along two axes, so that its flanks fall off unequally.

    f = exp(-ln²(1 + u/m)/2s² - ln²(1 + v/m)/2t²) where u > -m and v > -m, else 0; f is divided by its largest value on
    the cells that it is evaluated on. (u, v) is (x/aspect_ratio, y)/size turned by the orientation: the axes are
    stretched first and turned then. m = exp(size)/10, s = x_shape², t = y_shape². The peak is at (x, y).

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    size_is_extent: ClassVar[bool] = False

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Unit of length along v.")
    aspect_ratio = Quantity(
        0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Unit of length along u, in `size`s."
    )
    x_shape = Quantity(0.8, bounds=(0, None), inclusive_bounds=(False, True), doc="Root of the width s of the tail.")
    y_shape = Quantity(0.35, bounds=(0, None), inclusive_bounds=(False, True), doc="Root of the width t of the tail.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values in [0, 1]."""
        sine, cosine = math.sin(values["orientation"]), math.cos(values["orientation"])
        x = (cosine * px - sine * py) / (values["size"] * values["aspect_ratio"])
        y = (sine * px + cosine * py) / values["size"]
        reach = math.exp(values["size"]) / 10
        exponent = np.zeros_like(px)
        inside = np.ones_like(px, bool)
        for axis, shape in ((cosine * x + sine * y, "x_shape"), (cosine * y - sine * x, "y_shape")):
            ratio = 1 + axis / reach
            inside &= ratio > 0
            exponent -= 0.5 * (np.log(np.where(ratio > 0, ratio, 1.0)) / values[shape] ** 2) ** 2
        result = np.where(inside, np.exp(exponent), 0.0)
        largest = result.max((-2, -1), keepdims=True)
        return np.divide(result, largest, out=np.zeros_like(result), where=largest > 0)


class DifferenceOfGaussians(Pattern):
    """A positive minus a negative Gaussian, each of sum 1 over the cells that it is evaluated on.

    P / ΣP - N / ΣN with P = exp(-px²/2a² - py²/2b²), b = size positive_size / 2, a = b positive_aspect_ratio, around
    (x + positive_x, y + positive_y); N likewise. `scale=-1` exchanges centre and surround.

    References:
        Rodieck 1965, Vision Research 5:583, doi:10.1016/0042-6989(65)90033-7.
    """

    size_is_extent: ClassVar[bool] = False

    size = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Factor of both Gaussians' sizes.")
    positive_size = Quantity(
        0.07385, bounds=(0, None), inclusive_bounds=(False, True), doc="Twice the positive Gaussian's width b."
    )
    positive_aspect_ratio = Quantity(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="The positive Gaussian's length over width."
    )
    positive_x = Quantity(0.0, doc="Place of the positive Gaussian along x, relative to x.")
    positive_y = Quantity(0.0, doc="Place of the positive Gaussian along y, relative to y.")
    negative_size = Quantity(
        0.29540, bounds=(0, None), inclusive_bounds=(False, True), doc="Twice the negative Gaussian's width b."
    )
    negative_aspect_ratio = Quantity(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="The negative Gaussian's length over width."
    )
    negative_x = Quantity(0.0, doc="Place of the negative Gaussian along x, relative to x.")
    negative_y = Quantity(0.0, doc="Place of the negative Gaussian along y, relative to y.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the difference of the two normalised Gaussians."""
        return _difference(values, px, py, np.ones_like(px))

    def kernel(self, x: FloatArray, y: FloatArray, mask: FloatArray) -> FloatArray:
        """Return the difference of the two Gaussians, each normalised within the mask."""
        values = self.param.values()
        sine, cosine = math.sin(self.orientation), math.cos(self.orientation)
        dx, dy = np.meshgrid(x - self.x, y - self.y)
        px, py = sine * dy + cosine * dx, cosine * dy - sine * dx
        return self.scale * _difference(values, px, py, mask) + self.offset * mask


def _difference(values: Values, px: FloatArray, py: FloatArray, mask: FloatArray) -> FloatArray:
    sine, cosine = math.sin(values["orientation"]), math.cos(values["orientation"])

    def normalised(which: str) -> FloatArray:
        width = values["size"] * values[f"{which}_size"] / 2
        x, y = values[f"{which}_x"], values[f"{which}_y"]
        along, across = px - (sine * y + cosine * x), py - (cosine * y - sine * x)
        length = width * values[f"{which}_aspect_ratio"]
        gaussian = np.exp(-0.5 * (along / length) ** 2 - 0.5 * (across / width) ** 2) * mask
        return gaussian / gaussian.sum((-2, -1), keepdims=True)

    return normalised("positive") - normalised("negative")


class SigmoidedDoG(Pattern):
    """A difference of Gaussians times a sigmoid, so that one side of a line is the negative of the other.

    (P / ΣP - N / ΣN) tanh(sigmoid_slope v) with P and N upright Gaussians around (x, y), as in `DifferenceOfGaussians`,
    and v the distance from a line at a right angle to the orientation. The conventions are those of the reference: the
    orientation turns the line only, and the line passes through (x + sigmoid_position, 0).

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    size_is_extent: ClassVar[bool] = False

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Factor of both Gaussians' sizes.")
    positive_size = Quantity(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Twice the positive Gaussian's width."
    )
    positive_aspect_ratio = Quantity(
        2.0, bounds=(0, None), inclusive_bounds=(False, True), doc="The positive Gaussian's length over width."
    )
    negative_size = Quantity(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Twice the negative Gaussian's width."
    )
    negative_aspect_ratio = Quantity(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="The negative Gaussian's length over width."
    )
    sigmoid_slope = Quantity(10.0, doc="Slope of the sigmoid, per unit of sheet coordinates.")
    sigmoid_position = Quantity(0.05, doc="Place of the sigmoid's line along x, relative to x.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the difference of the normalised Gaussians times the sigmoid."""
        sine, cosine = math.sin(values["orientation"]), math.cos(values["orientation"])
        upright = {**dict.fromkeys(("positive_x", "positive_y", "negative_x", "negative_y"), 0.0), **values}
        upright["orientation"] = 0.0
        dx, dy = cosine * px - sine * py, sine * px + cosine * py
        distance = cosine * values["sigmoid_position"] - sine * values["y"] - px
        return _difference(upright, dx, dy, np.ones_like(px)) * np.tanh(values["sigmoid_slope"] * distance)
