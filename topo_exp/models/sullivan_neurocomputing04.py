"""Complex cells that learn by a temporal trace which simple cells belong together."""

import math

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import EuclideanHebbian, KeepWeights
from topo_exp.engine.learning_rules import Trace
from topo_exp.engine.mapping import NearestGridPoint
from topo_exp.engine.patterns import Frame, Line, UniformNoise, Values
from topo_exp.engine.patterns_gaussians import Gabor
from topo_exp.engine.patterns_moving import Translator
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import ExponentialDecay, UniformRandom
from topo_exp.engine.transfer import KernelMax, PiecewiseLinear

FIELD_RADIUS = 0.125
"""Half-width of the field of a simple cell: five receptors."""
FIELD_SIZE, FIELD_ASPECT_RATIO, FIELD_FREQUENCY = 0.08, 3.0, 6.0
"""Width, length over width, and spatial frequency of that field."""
LINE_THICKNESS, LINE_SMOOTHING = 0.01, 0.0125


class Crossing(Translator):
    """Another pattern that crosses the sheet at right angles to its orientation, once in each `reset_period`."""

    def frame(self, values: Values, elapsed: float) -> Frame:
        """Return the place on the way from one side of the sheet to the opposite one, and the orientation."""
        way, direction = values["speed"] * elapsed - 0.5, values["orientation"] + math.pi / 2
        return way * math.cos(direction), way * math.sin(direction), values["orientation"]


class SullivanNeurocomputing04(param.Parameterized):
    """The model of Sullivan and de Sa: complex cells from simple cells, by a trace rule in a self-organising map.

    Sullivan & de Sa 2004, Neurocomputing 58-60:827. A line crosses the retina at
    right angles to its orientation, 1.2 receptors in each iteration; then a line of another orientation does. Simple
    cells have oriented fields that do not learn: Gabor functions of eight orientations, all at each place. The complex
    layer is a self-organising map of their activity. The unit with the largest weighted sum wins, and units move their
    weights towards the input in proportion to a trace of their activity (Földiák 1991, Neural Comput 3:194,
    doi:10.1162/neco.1991.3.2.194), so that a unit that has won for one place of a line learns the next places, too.

    Expected outcome: complex units prefer one orientation, and neighbours similar ones; they answer a line of that
    orientation at many places, while units that learn without a trace (trace_strength=1) answer it at few.

    Speed and trace strength are those of the Topographica example of the same name, which was never tested, and which
    says that the paper leaves sizes of the sheets, learning rates and the thickness of the line open. There, simple
    cells compete by a neighbourhood function and have random orientations; here a threshold makes them selective, for
    without one every line excites simple cells of all orientations, and no complex unit can become selective. Complex
    units see all simple cells.
    """

    retina_density = param.Number(
        40.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Receptors per unit of length."
    )
    simple_density = param.Number(
        14.0,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Simple cells of one orientation, per unit of length.",
    )
    simple_orientations = param.Integer(8, bounds=(2, None), doc="Orientations of simple cells.")
    cortex_density = param.Number(
        16.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Complex cells per unit of length."
    )
    speed = param.Number(
        0.03, bounds=(0, 1), inclusive_bounds=(False, True), doc="Way of a line per iteration, in sheet coordinates."
    )
    trace_strength = param.Number(
        0.2, bounds=(0, 1), inclusive_bounds=(False, True), doc="Share of present activity in the trace; 1: no trace."
    )
    threshold = param.Number(0.3, bounds=(0, 0.7), doc="Input of a simple cell below which it is silent.")
    rate_0 = param.Number(0.3, bounds=(0, 1), doc="Learning rate of the complex layer at the start.")
    rate_end = param.Number(0.02, bounds=(0, 1), doc="The rate does not fall below this.")
    radius_0 = param.Number(0.25, bounds=(0, None), doc="Radius of its neighbourhood at the start.")
    radius_end = param.Number(
        0.05, bounds=(0, None), inclusive_bounds=(False, True), doc="The radius does not fall below this."
    )
    time_constant = param.Number(
        4000.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Of the decay of rate and radius, in iterations."
    )
    input_seed = param.Integer(0, bounds=(0, None), doc="Added to the seed of the lines' orientations.")
    weight_seed = param.Integer(0, bounds=(0, None), doc="Seed of the initial weights of the complex layer.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("sullivan_neurocomputing04", seed=self.weight_seed)
        turn = UniformRandom(name="turn", lbound=0.0, ubound=2 * math.pi, seed=self.input_seed, time_dependent=True)
        line = Crossing(
            generator=Line(thickness=LINE_THICKNESS, smoothing=LINE_SMOOTHING),
            orientation=turn,
            speed=self.speed,
            reset_period=math.ceil(1 / self.speed),
        )
        sim.add(GeneratorSheet(name="Retina", nominal_density=self.retina_density, input_generator=line))
        radius = ExponentialDecay(start=self.radius_0, time_constant=self.time_constant, minimum=self.radius_end)
        neighbourhood = KernelMax(density=self.cortex_density, kernel_radius=radius)
        sim.add(CFSheet(name="Complex", nominal_density=self.cortex_density, output_fns=[neighbourhood]))
        for i in range(self.simple_orientations):
            self._add_simple_cells(sim, f"Simple{i}", math.pi * i / self.simple_orientations)
        return sim

    def _add_simple_cells(self, sim: Simulation, name: str, orientation: float) -> None:
        """Add the simple cells of one orientation, and connect them to the complex layer."""
        sim.add(
            CFSheet(
                name=name,
                nominal_density=self.simple_density,
                output_fns=[PiecewiseLinear(lower=self.threshold, upper=self.threshold + 0.5)],
                measure_maps=False,
            )
        )
        field = Gabor(
            orientation=orientation, frequency=FIELD_FREQUENCY, size=FIELD_SIZE, aspect_ratio=FIELD_ASPECT_RATIO
        )
        sim.connect(
            "Retina",
            name,
            SharedWeightCFProjection(
                name="Afferent", delay=0.05, nominal_bounds=BoundingBox(radius=FIELD_RADIUS), weights_generator=field
            ),
        )
        afferent = CFProjection(
            name=f"{name}Afferent",
            delay=0.05,
            nominal_bounds=BoundingBox(radius=0.5),
            coord_mapper=NearestGridPoint(spacing=1.0),  # the middle of the sheet: all units see the same cells
            weights_generator=UniformNoise(scale=0.1),
            learning_fn=Trace(rule=EuclideanHebbian(), trace_strength=self.trace_strength),
            learning_rate=ExponentialDecay(start=self.rate_0, time_constant=self.time_constant, minimum=self.rate_end),
            weights_output_fn=KeepWeights(),
        )
        sim.connect(name, "Complex", afferent)
