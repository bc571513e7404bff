"""An elastic net between two retinas: topography and ocular dominance stripes."""

import math

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.elastic import ElasticNet
from topo_exp.engine.patterns import Constant
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import ExponentialDecay

EYES = ("Left", "Right")


class GoodhillNetwork90(param.Parameterized):
    """The elastic net of Goodhill and Willshaw: a cortical sheet between the retinas of two eyes.

    Goodhill & Willshaw 1990, Network 1:41, doi:10.1088/0954-898X_1_1_004. The cells of either retina stand on a grid of
    spacing 2d = 1/retina_density, the retinas at the distance 2l = separation. Units of the cortex are points that
    start midway, near their own places. In each iteration all cells draw the points towards them over the distance K,
    neighbouring points draw each other, and K becomes smaller. All cells of an eye have the same activity throughout.

    Expected outcome: the map is topographic from the start. While K is larger than about l, all units stay binocular;
    below, the net bends towards one eye or the other, and stripes of monocular units form. Their width grows with the
    separation of the retinas relative to the spacing of the cells. If the cells of one eye draw less (left_activity),
    its stripes become narrower.

    alpha, K and the separation are those of the Topographica example of the same name. The example divides the tension
    between neighbours by 8 and has beta = 2; here it is the sum over four neighbours, times beta = 0.25.
    """

    retina_density = param.Number(
        20.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Cells of either retina per unit of length, 1/2d."
    )
    cortex_density = param.Number(
        40.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the cortex per unit of length."
    )
    separation = param.Number(0.2, bounds=(0, None), doc="Distance 2l of the retinas, in units of length.")
    alpha = param.Number(0.2, bounds=(0, None), doc="Strength of the attraction by retinal cells.")
    beta = param.Number(0.25, bounds=(0, None), doc="Strength of the tension between neighbours; beta k_0 <= 1/4.")
    k_0 = param.Number(0.2, bounds=(0, None), inclusive_bounds=(False, True), doc="K at the start, in units of length.")
    k_rate = param.Number(
        0.997, bounds=(0, 1), inclusive_bounds=(False, False), doc="Factor of K from one iteration to the next."
    )
    k_end = param.Number(
        0.02, bounds=(0, None), inclusive_bounds=(False, True), doc="K does not fall below this, in units of length."
    )
    jitter = param.Number(0.1, bounds=(0, None), doc="Units start within half of this from their places, on each axis.")
    left_activity = param.Number(1.0, bounds=(0, 1), doc="Activity of the left eye's cells; below 1 it is deprived.")
    right_activity = param.Number(1.0, bounds=(0, 1), doc="Activity of the right eye's cells; below 1 it is deprived.")
    seed = param.Integer(0, bounds=(0, None), doc="Seed of the places at which the units start.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("goodhill_network90")
        for eye, activity in zip(EYES, (self.left_activity, self.right_activity), strict=True):
            sim.add(
                GeneratorSheet(
                    name=f"{eye}Retina",
                    nominal_density=self.retina_density,
                    input_generator=Constant(scale=activity),
                )
            )
        half = self.separation / 2
        sim.add(
            ElasticNet(
                name="V1",
                nominal_density=self.cortex_density,
                alpha=self.alpha,
                beta=self.beta,
                distance_scale=ExponentialDecay(
                    start=self.k_0, time_constant=-1 / math.log(self.k_rate), minimum=self.k_end
                ),
                features={"LeftRetina": (-half,), "RightRetina": (half,)},
                jitter=self.jitter,
                seed=self.seed,
            )
        )
        for eye in EYES:
            afferent = CFProjection(name=f"{eye}Afferent", nominal_bounds=BoundingBox(radius=1.0))
            sim.connect(f"{eye}Retina", "V1", afferent)
        return sim
