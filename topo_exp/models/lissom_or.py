"""LISSOM's orientation map from a retina alone."""

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.models._inputs import number_of_patterns
from topo_exp.models._lissom import (
    AFFERENT_RADIUS,
    AFFERENT_RATE,
    add_v1,
    cloud_projection,
    connect_laterally,
    schedule_development,
    separated_gaussians,
)

LOWER, UPPER = 0.1, 0.65
"""Threshold of V1, and the input at which it saturates, at the start."""


class LissomOr(param.Parameterized):
    """LISSOM: an orientation map from oriented Gaussians on a retina, without an LGN.

    Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual Cortex, Springer, section 5.3; the
    Topographica example of the same name. Lateral excitation shrinks and thresholds rise by a schedule. Expected
    outcome: smooth orientation patches with linear zones and pinwheels; fields are single lobes, since there are no ON
    and OFF channels.
    """

    num_inputs = param.Integer(2, bounds=(1, None), doc="Gaussians shown at once per unit of area.")
    area = param.Number(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Side length of V1; 2.0 gives a V1 of 2.0 x 2.0."
    )
    retina_density = param.Number(
        24.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the retina per unit of length."
    )
    cortex_density = param.Number(
        48.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of V1 per unit of length."
    )
    scale = param.Number(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Brightness of the inputs.")
    aff_strength = param.Number(1.0, bounds=(0, None), doc="Strength of the afferent projection.")
    exc_strength = param.Number(0.9, bounds=(0, None), doc="Strength of lateral excitation.")
    inh_strength = param.Number(0.9, bounds=(0, None), doc="Strength of lateral inhibition.")
    input_seed = param.Integer(0, bounds=(0, None), doc="Seed of the places and orientations of the inputs.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("lissom_or")
        centres = self.area / 2.0 + 0.25
        number = number_of_patterns(self.num_inputs * self.area * self.area)
        sim.add(
            GeneratorSheet(
                name="Retina",
                nominal_density=self.retina_density,
                nominal_bounds=BoundingBox(radius=centres),
                input_generator=separated_gaussians(
                    number=number, radius=centres, scale=self.scale, seed=self.input_seed
                ),
            )
        )
        add_v1(sim, density=self.cortex_density, area=self.area, lower=LOWER, upper=UPPER)
        sim.connect(
            "Retina",
            "V1",
            cloud_projection(
                "Afferent", strength=self.aff_strength, rate=AFFERENT_RATE, radius=AFFERENT_RADIUS, delay=0.10
            ),
        )
        connect_laterally(sim, excitation=self.exc_strength, inhibition=self.inh_strength)
        schedule_development(sim, afferents=["Afferent"], lower=LOWER, upper=UPPER, num_inputs=self.num_inputs)
        return sim
