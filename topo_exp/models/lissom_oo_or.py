"""LISSOM's orientation map from ON and OFF channels."""

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.models._inputs import number_of_patterns
from topo_exp.models._lissom import (
    AFFERENT_RADIUS,
    AFFERENT_RATE,
    LGN_AFFERENT_RADIUS,
    LOWER,
    UPPER,
    add_channel,
    add_v1,
    cloud_projection,
    connect_laterally,
    schedule_development,
    separated_gaussians,
)

CHANNELS = ("LGNOn", "LGNOff")


class LissomOoOr(param.Parameterized):
    """LISSOM: an orientation map from ON and OFF channels of an LGN without gain control.

    Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual Cortex, Springer, section 5.3; the
    Topographica example of the same name. Lateral excitation shrinks and thresholds rise by a schedule; there is no
    homeostasis. Expected outcome: a smooth orientation map that is selective nearly everywhere, whose fields have ON
    and OFF lobes; Stevens et al. 2013 call a model of this kind L when the schedule is left out.
    """

    num_inputs = param.Integer(2, bounds=(1, None), doc="Gaussians shown at once per unit of area.")
    area = param.Number(
        1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Side length of V1; 2.0 gives a V1 of 2.0 x 2.0."
    )
    retina_density = param.Number(
        24.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the retina per unit of length."
    )
    lgn_density = param.Number(
        24.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of the LGN sheets per unit of length."
    )
    cortex_density = param.Number(
        48.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Units of V1 per unit of length."
    )
    scale = param.Number(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Brightness of the inputs.")
    lgn_strength = param.Number(2.33, bounds=(0, None), doc="Strength of the projections from the retina to the LGN.")
    aff_strength = param.Number(1.0, bounds=(0, None), doc="Strength of the afferent projections to V1.")
    exc_strength = param.Number(0.9, bounds=(0, None), doc="Strength of lateral excitation.")
    inh_strength = param.Number(0.9, bounds=(0, None), doc="Strength of lateral inhibition.")
    input_seed = param.Integer(0, bounds=(0, None), doc="Seed of the places and orientations of the inputs.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("lissom_oo_or")
        centres = self.area / 2.0 + 0.25
        number = number_of_patterns(self.num_inputs * self.area * self.area)
        sim.add(
            GeneratorSheet(
                name="Retina",
                nominal_density=self.retina_density,
                nominal_bounds=BoundingBox(radius=centres + LGN_AFFERENT_RADIUS),
                input_generator=separated_gaussians(
                    number=number, radius=centres, scale=self.scale, seed=self.input_seed
                ),
            )
        )
        for sheet, sign in zip(CHANNELS, (1.0, -1.0), strict=True):
            add_channel(
                sim,
                sheet,
                retina="Retina",
                sign=sign,
                density=self.lgn_density,
                radius=centres,
                strength=self.lgn_strength,
            )
        add_v1(sim, density=self.cortex_density, area=self.area, lower=LOWER, upper=UPPER)
        for sheet in CHANNELS:
            projection = cloud_projection(
                f"{sheet}Afferent",
                strength=self.aff_strength,
                rate=AFFERENT_RATE / len(CHANNELS),
                radius=AFFERENT_RADIUS,
                delay=0.05,
                norm_group="Afferent",
            )
            sim.connect(sheet, "V1", projection)
        connect_laterally(sim, excitation=self.exc_strength, inhibition=self.inh_strength)
        afferents = [f"{sheet}Afferent" for sheet in CHANNELS]
        schedule_development(sim, afferents=afferents, lower=LOWER, upper=UPPER, num_inputs=self.num_inputs)
        return sim
