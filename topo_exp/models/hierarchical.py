"""Three areas above two retinas, with feedback: an example of a network that is no map."""

import param

from topo_exp.engine.actions import ChangeBounds
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import KeepWeights
from topo_exp.engine.patterns import Line, UniformNoise, random_orientation, uniform_over
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import REFERENCE_SEED, Simulation
from topo_exp.engine.transfer import PiecewiseLinear

FIELD_RADIUS = 0.1
CONNECTIONS = (
    ("LeftRetina", "V1", "AfferentLeft"),
    ("RightRetina", "V1", "AfferentRight"),
    ("LeftRetina", "V2", "AfferentLeft"),
    ("RightRetina", "V2", "AfferentRight"),
    ("V1", "V2", "AfferentV1"),
    ("V3", "V2", "FeedbackFromV3"),
    ("V2", "V3", "Afferent"),
)
"""Source, destination and name of each projection, in the order in which initial weights are drawn."""


class Hierarchical(param.Parameterized):
    """Three areas, V1, V2 and V3, that see lines on two retinas of different shape; V3 feeds back to V2.

    The Topographica example of the same name, which shows how networks of several areas are built. Weights stay as they
    are drawn. Every connection takes half an iteration, so that activity of one presentation reaches V3 while the next
    one is shown; at `shrink_at` the fields of V1 on the left retina shrink to half. Expected outcome: responses of all
    areas follow the lines; nothing is learnt.
    """

    retina_density = param.Number(
        20.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the retinas per unit of length."
    )
    cortex_density = param.Number(
        10.0,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Units of V1 and V2 per unit of length; V3 has half as many.",
    )
    input_seed = param.Integer(0, bounds=(0, None), doc="Added to the seeds of the lines.")
    weight_seed = param.Integer(
        None, allow_None=True, bounds=(0, None), doc="Seed of the weights; None takes the published stream."
    )
    delay = param.Number(
        0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Time that activity takes through each projection."
    )
    shrink_at = param.Number(
        10.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Iteration after which fields of V1 shrink."
    )

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("hierarchical", seed=REFERENCE_SEED if self.weight_seed is None else self.weight_seed)
        self._add_retina(sim, "LeftRetina", seeds=(12, 34, 56), half=(0.75, 0.5))
        self._add_retina(sim, "RightRetina", seeds=(100, 200, 300), half=(0.5, 0.75))
        for name, density, bounds in (
            ("V1", self.cortex_density, BoundingBox(radius=0.5)),
            ("V2", self.cortex_density, BoundingBox(points=((-0.4, -0.4), (0.4, 0.6)))),
            ("V3", self.cortex_density / 2, BoundingBox(radius=0.5)),
        ):
            response = PiecewiseLinear(lower=0.0, upper=1.0)
            sim.add(CFSheet(name=name, nominal_density=density, nominal_bounds=bounds, output_fns=[response]))
        for source, dest, name in CONNECTIONS:
            projection = CFProjection(
                name=name,
                delay=self.delay,
                weights_generator=UniformNoise(),
                weights_output_fn=KeepWeights(),
                nominal_bounds=BoundingBox(radius=FIELD_RADIUS),
            )
            sim.connect(source, dest, projection)
        sim.schedule(self.shrink_at, ChangeBounds(path="V1/AfferentLeft", bounds=BoundingBox(radius=FIELD_RADIUS / 2)))
        return sim

    def _add_retina(
        self, sim: Simulation, name: str, *, seeds: tuple[int, int, int], half: tuple[float, float]
    ) -> None:
        """Add a retina of that half-width and half-height, which shows a line at a random place."""
        x, y, orientation = (self.input_seed + seed for seed in seeds)
        sim.add(
            GeneratorSheet(
                name=name,
                nominal_density=self.retina_density,
                nominal_bounds=BoundingBox(points=((-half[0], -half[1]), half)),
                phase=0.25,
                input_generator=Line(
                    x=uniform_over(0.5, seed=x),
                    y=uniform_over(0.5, seed=y),
                    orientation=random_orientation(seed=orientation),
                    thickness=0.02,
                    smoothing=0.05,
                ),
            )
        )
