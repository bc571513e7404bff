"""A self-organising map of elongated stimuli on a torus: retinotopy and orientation columns."""

import math

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import DivisiveNormalizeL2, Hebbian
from topo_exp.engine.patterns import Gaussian, GaussianCloud, random_orientation, uniform_over
from topo_exp.engine.patterns_moving import Periodic
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import Interpolated
from topo_exp.engine.transfer import KernelMax

SCATTER = 0.3
"""Diameter of the cloud of weights with which a unit starts, at two standard deviations."""


class ObermayerPnas90(param.Parameterized):
    """The self-organising map of Obermayer, Ritter and Schulten: position and orientation on one sheet.

    Obermayer, Ritter & Schulten 1990, Proc Natl Acad Sci USA 87:8345, doi:10.1073/pnas.87.21.8345. In each iteration
    one elongated Gaussian appears on the retina, at a random place and orientation. The unit with the largest weighted
    sum wins, and all units add the input to their weights, in proportion to a Gaussian of their distance from the
    winner; then the squares of each unit's weights are made to sum to 1. Learning rate and radius of that Gaussian
    fall. Each unit sees the whole retina; retina and cortex have periodic boundaries.

    Expected outcome: a retinotopic map on which orientation varies smoothly except at pinwheels and fractures, all
    orientations in each patch of the size of a receptive field, and as many pinwheels of one sign as of the other.

    Size of the stimuli, learning rates and number of receptors are those of the Topographica example of the same name,
    whose cortex has open boundaries and which was never tested. The cortex of the paper has 256 x 256 units. On a torus
    a map that starts without order cannot unfold, so units start with coarse retinotopic order.
    """

    retina_density = param.Number(
        30.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Receptors per unit of length of the retina."
    )
    cortex_density = param.Number(
        48.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of V1 per unit of length; 256 in the paper."
    )
    length = param.Number(
        0.23,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Distance along a stimulus at which it falls to 1/e.",
    )
    width = param.Number(0.09, bounds=(0, None), inclusive_bounds=(False, True), doc="The same across a stimulus.")
    duration = param.Number(
        10000.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Iterations over which rate and radius fall."
    )
    rate_0 = param.Number(0.09, bounds=(0, None), doc="Learning rate at the start, of a whole field.")
    rate_end = param.Number(0.02, bounds=(0, None), doc="Learning rate from the end of the duration on.")
    radius_0 = param.Number(
        0.1, bounds=(0, None), inclusive_bounds=(False, True), doc="Radius of the neighbourhood at the start."
    )
    radius_middle = param.Number(
        0.04, bounds=(0, None), inclusive_bounds=(False, True), doc="The same after half of the duration."
    )
    radius_end = param.Number(
        0.015, bounds=(0, None), inclusive_bounds=(False, True), doc="The same from the end of the duration on."
    )
    input_seed = param.Integer(0, bounds=(0, None), doc="Added to the seeds of places and orientations.")
    weight_seed = param.Integer(0, bounds=(0, None), doc="Seed of the initial weights.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("obermayer_pnas90", seed=self.weight_seed)
        stimulus = Gaussian(
            x=uniform_over(0.5, seed=self.input_seed + 12),
            y=uniform_over(0.5, seed=self.input_seed + 34),
            orientation=random_orientation(seed=self.input_seed + 56),
            size=2 * self.width / math.sqrt(2.0),
            aspect_ratio=self.length / self.width,
        )
        retina = GeneratorSheet(
            name="Retina", nominal_density=self.retina_density, input_generator=Periodic(generator=stimulus)
        )
        sim.add(retina)
        radii = [self.radius_0, self.radius_middle, self.radius_end]
        neighbourhood = KernelMax(
            density=self.cortex_density,
            kernel_radius=Interpolated(times=[0.0, self.duration / 2, self.duration], values=radii),
            periodic=True,
        )
        sim.add(CFSheet(name="V1", nominal_density=self.cortex_density, output_fns=[neighbourhood]))
        receptors = retina.shape[0] * retina.shape[1]
        rates = [self.rate_0 * receptors, self.rate_end * receptors]  # each connection learns at rate_0 ... rate_end
        sim.connect(
            "Retina",
            "V1",
            CFProjection(
                name="Afferent",
                delay=0.1,
                nominal_bounds=BoundingBox(radius=1.0),
                weights_generator=Periodic(generator=GaussianCloud(size=SCATTER)),
                learning_fn=Hebbian(),
                learning_rate=Interpolated(times=[0.0, self.duration], values=rates),
                weights_output_fn=DivisiveNormalizeL2(),
            ),
        )
        return sim
