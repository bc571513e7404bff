"""Patterns drawn cell by cell or dot by dot, beside `UniformNoise` and `GaussianCloud`: normal, binary, dots."""

import numpy as np
import param

from topo_exp.engine.patterns import Noise, Values
from topo_exp.engine.streams import Quantity
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray


class NormalNoise(Noise):
    """Noise of the normal distribution: mean + deviation z, z of density exp(-z²/2)/(2π)^(1/2), for each cell.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    mean = Quantity(0.0, doc="Mean of the values.")
    deviation = Quantity(1.0, bounds=(0, None), doc="Standard deviation of the values.")

    def noise(self, values: Values, stream: np.random.RandomState, x: FloatArray, y: FloatArray) -> FloatArray:
        """Draw one number for each cell."""
        return stream.normal(values["mean"], values["deviation"], (len(y), len(x)))


class BinaryNoise(Noise):
    """Cells that are 1 with probability `on_probability`, and 0 otherwise.

    References:
        Bednar 2009, Front Neuroinform 3:8, doi:10.3389/neuro.11.008.2009: the pattern library of Topographica.
    """

    on_probability = Quantity(0.5, bounds=(0, 1), doc="Probability of 1 in each cell.")

    def noise(self, values: Values, stream: np.random.RandomState, x: FloatArray, y: FloatArray) -> FloatArray:
        """Draw 0 or 1 for each cell."""
        return (stream.uniform(0, 1, (len(y), len(x))) < values["on_probability"]).astype(np.float64)


class RandomDotStereogram(Noise):
    """One eye's half of a random-dot stereogram: square dots, black (0) or white (1) by chance, on grey (1/2).

    n = dotdensity A / dotsize² dots lie uniformly in a rectangle of area A that reaches a dot's size beyond the sheet
    on all sides; later ones hide earlier ones. All are moved by (xdisparity, ydisparity); those that leave the
    rectangle on one side enter it on the other. Two generator sheets of the same shape whose patterns have the same
    `seed` show the same dots at each presentation: give the eyes disparities of opposite sign.

    References:
        Julesz 1960, Bell Syst Tech J 39:1125, doi:10.1002/j.1538-7305.1960.tb03954.x.
    """

    dotsize = Quantity(0.1, bounds=(0, None), inclusive_bounds=(False, True), doc="Edge of each dot.")
    dotdensity = Quantity(0.5, bounds=(0, None), doc="Area of all dots together over that of the sheet.")
    xdisparity = Quantity(0.0, doc="Shift of all dots along x, in sheet coordinates.")
    ydisparity = Quantity(0.0, doc="Shift of all dots along y, in sheet coordinates.")
    seed = param.Parameter(500, doc="Seed of the dots, a stream of this pattern's own: the same for both eyes.")

    def noise(self, values: Values, stream: np.random.RandomState, x: FloatArray, y: FloatArray) -> FloatArray:
        """Draw all dots."""
        if self.seed is None:
            raise ParameterError(
                "RandomDotStereogram.seed: must be a number, the same for both eyes (got None: the shared stream). "
                "Give one."
            )
        size = values["dotsize"]
        left, right, bottom, top = x.min() - size, x.max() + size, y.min() - size, y.max() + size
        count = round(values["dotdensity"] * (right - left) * (top - bottom) / size**2)
        drawn = stream.uniform(0, 1, (count, 3))
        column = left + np.mod(drawn[:, 0] * (right - left) + values["xdisparity"], right - left)
        row = bottom + np.mod(drawn[:, 1] * (top - bottom) + values["ydisparity"], top - bottom)
        picture = np.full((len(y), len(x)), 0.5)
        for dot_x, dot_y, colour in zip(column, row, drawn[:, 2] < 0.5, strict=True):
            covered = np.ix_(np.abs(y - dot_y) <= size / 2, np.abs(x - dot_x) <= size / 2)
            picture[covered] = float(colour)
        return picture
