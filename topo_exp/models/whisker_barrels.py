"""LISSOM's map of whisker deflection in layer 2/3 of rat barrel cortex."""

import math

import numpy as np
import param
from numpy.typing import NDArray

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import SettlingCFSheet
from topo_exp.engine.mapping import NearestGridPoint
from topo_exp.engine.patterns import Noise, UniformNoise, Values, random_orientation, uniform_over
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import Quantity
from topo_exp.engine.transfer import PiecewiseLinear
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray


class Whiskers(Noise):
    """Activity of layer 4 while an edge moves across the whiskers.

    Whiskers stand on a grid of spacing 1. Those that lie behind the edge, on the side from which it has come, are
    deflected: whisker w in the direction d_w, drawn from the von Mises distribution whose mean is `orientation`, the
    direction of movement, with concentration kappa. Cells of a barrel answer their whisker by (1 + cos(d_w - p)) / 2, p
    being the cell's preferred direction (Wilson et al. 2010, equation 1). The p of a barrel's cells are evenly spaced
    over the circle, in rows from the top left one.
    """

    kappa = Quantity(3.0, bounds=(0, None), doc="Concentration of the whiskers' directions about that of movement.")
    cells = param.Integer(5, bounds=(1, None), doc="Cells of a barrel along each side.")

    def noise(self, values: Values, stream: np.random.RandomState, x: FloatArray, y: FloatArray) -> FloatArray:
        """Draw the direction of each whisker, and return the responses of all cells."""
        at_x, at_y = np.rint(x), np.rint(y)
        columns, rows = np.unique(at_x), np.unique(at_y)
        angle = values["orientation"]
        directions = stream.vonmises(angle, values["kappa"], (len(rows), len(columns)))
        ahead = math.cos(angle) * (columns - values["x"]) + math.sin(angle) * (rows - values["y"])[:, None]
        of_cell = np.ix_(np.searchsorted(rows, at_y), np.searchsorted(columns, at_x))
        tuned = 0.5 + 0.5 * np.cos(directions[of_cell] - self.preferred(x, y))
        return np.where(ahead[of_cell] <= 0, tuned, 0.0)

    def preferred(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the preferred direction of each cell in radians, (rows, columns), for unit columns x and rows y."""
        column = np.floor((x - np.rint(x) + 0.5) * self.cells).astype(int)
        row = np.floor((np.rint(y) + 0.5 - y) * self.cells).astype(int)
        return 2 * math.pi * (row[:, None] * self.cells + column) / self.cells**2


class WhiskerBarrels(param.Parameterized):
    """A map of whisker directions, aligned with the whiskers' places, in layer 2/3 of barrel cortex.

    Wilson, Law, Mitchinson, Prescott & Bednar 2010, PLoS ONE 5:e8778, doi:10.1371/journal.pone.0008778. Each barrel of
    layer 4 has the cells of one whisker, with all preferred directions in no particular order. Units of layer 2/3 above
    a barrel see that barrel alone, excite their neighbours, and inhibit units up to two barrels away; afferents and
    inhibition learn by the Hebb rule. An edge that moves in one direction deflects the whiskers behind it in about that
    direction, so that neighbouring whiskers are deflected together when the direction is that of one towards the other.

    Expected outcome: above each barrel a map of all directions in which units on the side of a neighbouring barrel
    prefer deflections towards it; the same in all barrels but those of the border, and only if the directions of the
    whiskers agree with the movement (kappa = 3, not 0).
    """

    whiskers = param.Integer(5, bounds=(1, None), doc="Whiskers, and barrels, along each side; an odd number.")
    barrel_density = param.Integer(5, bounds=(1, None), doc="Cells of layer 4 along each side of a barrel.")
    cortex_density = param.Integer(
        13, bounds=(3, None), doc="Units of layer 2/3 along each side of a barrel; 21 in the paper."
    )
    kappa = param.Number(3.0, bounds=(0, None), doc="Agreement of the whiskers' directions: 0 none, 3 in the paper.")
    scale = param.Number(0.25, bounds=(0, None), doc="Largest activity of layer 4.")
    lower = param.Number(0.1, doc="Threshold of layer 2/3.")
    upper = param.Number(0.65, doc="Input at which layer 2/3 saturates.")
    exc_strength = param.Number(1.0, bounds=(0, None), doc="Strength of excitation between neighbours.")
    inh_strength = param.Number(1.0, bounds=(0, None), doc="Strength of lateral inhibition.")
    learning_rate = param.Number(1.0, bounds=(0, None), doc="Learning rate of afferents and inhibition.")
    input_seed = param.Integer(0, bounds=(0, None), doc="Added to the seeds of the edges and of the whiskers.")
    weight_seed = param.Integer(101, bounds=(0, None), doc="Seed of the initial weights.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        if self.whiskers % 2 == 0:
            raise ParameterError(
                f"WhiskerBarrels.whiskers: must be odd, so that one barrel lies in the middle (got {self.whiskers}). "
                "Take one more or one less."
            )
        sim = Simulation("whisker_barrels", seed=self.weight_seed)
        bounds = BoundingBox(radius=self.whiskers / 2)
        edge = Whiskers(
            x=uniform_over(self.whiskers / 2, seed=self.input_seed + 73),
            y=uniform_over(self.whiskers / 2, seed=self.input_seed + 74),
            orientation=random_orientation(seed=self.input_seed + 64),
            kappa=self.kappa,
            cells=self.barrel_density,
            scale=self.scale,
            seed=self.input_seed + 25,
        )
        sim.add(
            GeneratorSheet(
                name="Layer4", nominal_density=self.barrel_density, nominal_bounds=bounds, input_generator=edge
            )
        )
        sim.add(
            SettlingCFSheet(
                name="Layer23",
                nominal_density=self.cortex_density,
                nominal_bounds=bounds,
                tsettle=9,
                output_fns=[PiecewiseLinear(lower=self.lower, upper=self.upper)],
            )
        )
        afferent = CFProjection(
            name="Afferent",
            nominal_bounds=BoundingBox(radius=0.5),
            coord_mapper=NearestGridPoint(spacing=1.0),
            weights_generator=UniformNoise(),
            learning_rate=self.learning_rate,
        )
        sim.connect("Layer4", "Layer23", afferent)
        for name, strength, radius, rate in (
            ("LateralExcitatory", self.exc_strength, 1.05 / self.cortex_density, 0.0),
            ("LateralInhibitory", -self.inh_strength, 2.0, self.learning_rate),
        ):
            lateral = CFProjection(
                name=name,
                strength=strength,
                nominal_bounds=BoundingBox(radius=radius),
                weights_generator=UniformNoise(),
                learning_rate=rate,
            )
            sim.connect("Layer23", "Layer23", lateral)
        return sim


def preferred_deflection(sim: Simulation) -> NDArray[np.complexfloating]:
    """Return the deflection that each unit of layer 2/3 prefers, from its afferent weights.

    Args:
        sim: A simulation of this model.

    Returns:
        (rows, columns), sum_c w_c exp(i p_c) with p_c the preferred direction of cell c and w_c its weight. Its
        argument is the preferred direction in radians, its absolute value the selectivity in [0, 1].
    """
    layer4, afferent = sim["Layer4"], sim["Layer23"].projections["Afferent"]
    assert isinstance(layer4, GeneratorSheet)
    assert isinstance(afferent, CFProjection)
    assert isinstance(layer4.input_generator, Whiskers)
    preferred = afferent.geometry.patches(layer4.input_generator.preferred(layer4.x, layer4.y))
    return (afferent.weights * np.exp(1j * preferred)).sum(axis=(1, 2)).reshape(sim["Layer23"].shape)


def alignment(sim: Simulation) -> float:
    """Return how well preferred deflections point from the centre of a barrel to the unit: 1 all, 0 unrelated.

    It is the mean cosine of the angle between the two, over all units further than 0.1 from their barrel's centre.
    """
    layer = sim["Layer23"]
    away = (layer.x - np.rint(layer.x)) + 1j * (layer.y - np.rint(layer.y))[:, None]
    turned = np.angle(preferred_deflection(sim)) - np.angle(away)
    return float(np.cos(turned)[np.abs(away) > 0.1].mean())
