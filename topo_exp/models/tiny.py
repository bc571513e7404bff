"""A network small enough to try things on, with a learning rule of its own as a pattern for a user's."""

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import DivisiveNormalizeL1
from topo_exp.engine.patterns import Gaussian, UniformNoise, random_orientation, uniform_over
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import PiecewiseLinear
from topo_exp.typing import FloatArray


def sample_hebbian(weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
    """Increase each weight in proportion to the product of the unit's activity and its input.

    `weights` and `inputs` are (units, rows, columns), `activity` is (units,), `rate` is that of one connection. The
    plain Hebb rule (Dayan & Abbott 2001, Theoretical Neuroscience, equation 8.3); stable only with normalisation.
    """
    return weights + (rate * activity)[:, None, None] * inputs


class Tiny(param.Parameterized):
    """A tiny network for trying things out: one retina, one cortical sheet, a Hebb rule.

    After the Topographica example of the same name. Expected outcome: weights stay random-looking at first, then
    follow the elongated inputs; a run of 1000 iterations takes about a second.
    """

    retina_density = param.Number(
        24.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the retina per unit of length."
    )
    cortex_density = param.Number(
        5.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of V1 per unit of length."
    )

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("tiny")
        sim.add(
            GeneratorSheet(
                name="Retina",
                nominal_density=self.retina_density,
                nominal_bounds=BoundingBox(radius=0.6),
                input_generator=Gaussian(
                    x=uniform_over(0.8, seed=12),
                    y=uniform_over(0.8, seed=34),
                    orientation=random_orientation(seed=56),
                    size=2 * 0.3 * 1.5 / 7.0,
                    aspect_ratio=7.0 / 1.5,
                ),
            )
        )
        sim.add(
            CFSheet(
                name="V1",
                nominal_density=self.cortex_density,
                nominal_bounds=BoundingBox(radius=0.5),
                output_fns=[PiecewiseLinear(lower=0.0, upper=1.0)],
            )
        )
        sim.connect(
            "Retina",
            "V1",
            CFProjection(
                name="Afferent",
                delay=0.05,
                weights_generator=UniformNoise(),
                nominal_bounds=BoundingBox(radius=0.2),
                learning_rate=200.0,
                learning_fn=sample_hebbian,
                weights_output_fn=DivisiveNormalizeL1(single_precision=True),
            ),
        )
        return sim
