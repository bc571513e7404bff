"""The orientation-map example that most users of the field start from."""

import param

from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HomeostaticResponse
from topo_exp.models._onoff_v1 import add_lgn, add_retina, add_v1, elongated_gaussians

_POSITIVE = {"bounds": (0, None), "inclusive_bounds": (False, True)}
_NOT_NEGATIVE = {"bounds": (0.0, None)}


class GcalOoOr(param.Parameterized):
    """GCAL: a robust orientation map from ON and OFF channels, gain control and homeostasis.

    The Topographica example of the same name, a simple form of Stevens, Law, Antolík & Bednar 2013, J Neurosci
    33:15747, doi:10.1523/JNEUROSCI.1037-13.2013. Expected outcome: a smooth orientation map that is selective in all
    places by iteration 10000, with a pinwheel density near pi for each hypercolumn.
    """

    num_inputs = param.Integer(2, bounds=(1, None), doc="Gaussians shown at once per unit of area.")
    area = param.Number(1.0, **_POSITIVE, doc="Side length of V1; 2.0 gives a V1 of 2.0 x 2.0.")
    retina_density = param.Number(24.0, **_POSITIVE, doc="Units of the retina per unit of length.")
    lgn_density = param.Number(24.0, **_POSITIVE, doc="Units of the LGN sheets per unit of length.")
    cortex_density = param.Number(48.0, **_POSITIVE, doc="Units of V1 per unit of length.")
    scale = param.Number(0.7, **_POSITIVE, doc="Brightness of the inputs.")
    aff_strength = param.Number(1.5, **_NOT_NEGATIVE, doc="Strength of the afferent projections to V1.")
    exc_strength = param.Number(1.7, **_NOT_NEGATIVE, doc="Strength of lateral excitation in V1.")
    inh_strength = param.Number(1.4, **_NOT_NEGATIVE, doc="Strength of lateral inhibition in V1.")
    aff_lr = param.Number(0.1, **_NOT_NEGATIVE, doc="Learning rate of the afferent projections to V1.")
    exc_lr = param.Number(0.0, **_NOT_NEGATIVE, doc="Learning rate of lateral excitation in V1.")
    inh_lr = param.Number(0.3, **_NOT_NEGATIVE, doc="Learning rate of lateral inhibition in V1.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("gcal_oo_or")
        inputs = elongated_gaussians(area=self.area, num_inputs=self.num_inputs, scale=self.scale, seed=0)
        add_retina(sim, area=self.area, density=self.retina_density, input_generator=inputs)
        add_lgn(sim, area=self.area, density=self.lgn_density, strength=2.33, gain_control=True)
        add_v1(
            sim,
            area=self.area,
            density=self.cortex_density,
            response=HomeostaticResponse(),
            lgn_delay=0.05,
            aff_strength=self.aff_strength,
            exc_strength=self.exc_strength,
            inh_strength=self.inh_strength,
            aff_lr=self.aff_lr,
            exc_lr=self.exc_lr,
            inh_lr=self.inh_lr,
        )
        return sim
