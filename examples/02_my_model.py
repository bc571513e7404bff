"""How do I run a model of my own, with a learning rule of my own?

Write a class with parameters and a method `build`, in a file of its own, and name the file:

    python -m topo_exp model=examples/02_my_model.py --help
    python -m topo_exp model=examples/02_my_model.py orientation_spread=0.2 'times=[0,100,1000]'
    python -m topo_exp -m model=examples/02_my_model.py orientation_spread=0.1,0.5,1.5 'times=[0,1000]'

All parameters stand on the command line, with their bounds; nothing has to be registered.
"""

import math

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import KeepWeights
from topo_exp.engine.patterns import Gaussian, UniformNoise
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import UniformRandom
from topo_exp.typing import FloatArray


def oja(weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
    """Let each unit find the principal component of its inputs, Δw = rate y (x - y w).

    Oja 1982, J. Math. Biol. 15:267, doi:10.1007/BF00275687, equation 3. `weights` and `inputs` are (units, rows,
    columns), `activity` is (units,); the rule keeps the length of each unit's weights near 1, so that nothing has to
    normalise them.
    """
    y = activity[:, None, None]
    return weights + rate * y * (inputs - y * weights)


class PreferredOrientation(param.Parameterized):
    """A sheet of linear units that all come to prefer the orientation that the inputs have most often.

    Expected outcome: every receptive field becomes a bar in the direction `orientation`, the sharper the smaller
    `orientation_spread` is.
    """

    cortex_density = param.Number(6.0, bounds=(1, 50), doc="Units of V1 per unit of length.")
    orientation = param.Number(math.pi / 4, bounds=(0, math.pi), doc="Mean orientation of the inputs, in radians.")
    orientation_spread = param.Number(0.3, bounds=(0, math.pi), doc="Width of the range of orientations, in radians.")
    learning_rate = param.Number(1.0, bounds=(0, None), doc="Rate of the projection; each connection gets its share.")
    seed = param.Integer(1, bounds=(0, None), doc="Seed of the inputs and of the initial weights.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("preferred_orientation", seed=(self.seed, self.seed + 1))
        low, high = (self.orientation + side * self.orientation_spread / 2 for side in (-1, 1))
        sim.add(
            GeneratorSheet(
                name="Retina",
                nominal_density=24.0,
                nominal_bounds=BoundingBox(radius=0.75),
                input_generator=Gaussian(
                    x=UniformRandom(lbound=-0.6, ubound=0.6, seed=self.seed + 2),
                    y=UniformRandom(lbound=-0.6, ubound=0.6, seed=self.seed + 3),
                    orientation=UniformRandom(lbound=low, ubound=high, seed=self.seed + 4),
                    size=0.1,
                    aspect_ratio=4.0,
                ),
            )
        )
        sim.add(CFSheet(name="V1", nominal_density=self.cortex_density, nominal_bounds=BoundingBox(radius=0.5)))
        sim.connect(
            "Retina",
            "V1",
            CFProjection(
                name="Afferent",
                delay=0.05,
                weights_generator=UniformNoise(scale=0.05),
                nominal_bounds=BoundingBox(radius=0.25),
                learning_rate=self.learning_rate,
                learning_fn=oja,
                weights_output_fn=KeepWeights(),
            ),
        )
        return sim
