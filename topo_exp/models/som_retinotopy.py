"""A self-organising map that unfolds into a retinotopic map."""

import math

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import EuclideanHebbian, KeepWeights
from topo_exp.engine.patterns import Gaussian, UniformNoise
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.response import EuclideanSimilarity
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import ExponentialDecay, UniformRandom
from topo_exp.engine.transfer import KernelMax


class SomRetinotopy(param.Parameterized):
    """A fully connected self-organising map (SOM) of retinal position.

    Follows the retinotopic simulation of Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual
    Cortex, section 3.4, with smaller sheets and a larger first radius, which converges more reliably. Expected
    outcome: the grid of receptive-field centres is folded at first and unfolds to cover the retina by iteration 10000.
    """

    retina_density = param.Number(
        10.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the retina per unit of length."
    )
    cortex_density = param.Number(
        10.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of V1 per unit of length."
    )
    input_seed = param.Integer(0, bounds=(0, None), doc="Seed of the positions of the inputs.")
    weight_seed = param.Integer(0, bounds=(0, None), doc="Seed of the initial weights.")
    radius_0 = param.Number(1.0, bounds=(0, None), doc="Radius of the neighbourhood at the start.")
    alpha_0 = param.Number(0.42, bounds=(0, None), doc="Learning rate at the start.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("som_retinotopy", seed=(67 + self.weight_seed, 89 + self.weight_seed))
        sim.add(
            GeneratorSheet(
                name="Retina",
                nominal_density=self.retina_density,
                input_generator=Gaussian(
                    x=self._position("xgen", self.input_seed + 12),
                    y=self._position("ygen", self.input_seed + 56),
                    size=2 * math.sqrt(2.0 * 0.1 * 24.0) / 24.0,
                ),
            )
        )
        neighbourhood = ExponentialDecay(start=self.radius_0, time_constant=40000 / 5.0, minimum=0.5 / 40)
        sim.add(
            CFSheet(
                name="V1",
                nominal_density=self.cortex_density,
                output_fns=[KernelMax(density=self.cortex_density, kernel_radius=neighbourhood)],
            )
        )
        sim.connect(
            "Retina",
            "V1",
            CFProjection(
                name="Afferent",
                delay=0.05,
                weights_generator=UniformNoise(),
                nominal_bounds=BoundingBox(radius=1.0),
                response_fn=EuclideanSimilarity(),
                learning_rate=ExponentialDecay(start=self.alpha_0, time_constant=40000 / 6.0),
                learning_fn=EuclideanHebbian(),
                weights_output_fn=KeepWeights(),
            ),
        )
        return sim

    @staticmethod
    def _position(name: str, seed: int) -> UniformRandom:
        return UniformRandom(name=name, lbound=-0.5, ubound=0.5, seed=seed, time_dependent=True)
