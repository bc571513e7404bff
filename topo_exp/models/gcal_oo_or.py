"""The orientation-map example that most users of the field start from."""

import param

from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HomeostaticResponse
from topo_exp.models._onoff_v1 import OnOffV1


class GcalOoOr(OnOffV1):
    """GCAL: a robust orientation map from ON and OFF channels, gain control and homeostasis.

    The Topographica example of the same name, a simple form of Stevens, Law, Antolík & Bednar 2013, J Neurosci
    33:15747, doi:10.1523/JNEUROSCI.1037-13.2013. Expected outcome: a smooth orientation map that is selective in all
    places by iteration 10000, with a pinwheel density near pi for each hypercolumn.
    """

    scale = param.Number(0.7, bounds=(0, None), inclusive_bounds=(False, True), doc="Brightness of the inputs.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("gcal_oo_or")
        self.add_retina(sim, self.elongated_gaussians(scale=self.scale, seed=0))
        self.add_lgn(sim, strength=2.33, gain_control=True)
        self.add_v1(sim, response=HomeostaticResponse(), lgn_delay=0.05)
        return sim
