"""GCAL with two eyes: maps of ocular dominance, orientation and disparity."""

import param

from topo_exp.engine.patterns import Gaussian, Pattern, SeparatedComposite, random_orientation, uniform_over
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HomeostaticResponse
from topo_exp.models._inputs import number_of_patterns
from topo_exp.models._onoff_v1 import V1_AFFERENT_RADIUS, OnOffV1
from topo_exp.models._two_eyes import DISPARITY_UNIT, EYES, brightness, displaced


class GcalOd(OnOffV1):
    """GCAL with two eyes, whose inputs differ in brightness and, with `max_disparity`, in place.

    The Topographica example of the same name, which extends Stevens, Law, Antolík & Bednar 2013, J Neurosci 33:15747,
    doi:10.1523/JNEUROSCI.1037-13.2013. Gain control pools both eyes, as in the LGN. A V1 unit gets input from ON and
    OFF cells of both eyes, normalised jointly, so that the eyes compete. Expected outcome: an orientation map as that
    of gcal_oo_or, and in the same V1 patches that prefer one eye, the more so the larger `dim_fraction` is.
    """

    dim_fraction = param.Number(
        0.7,
        bounds=(0, 1),
        doc="Fraction by which brightness differs between the eyes: 0 not at all, 1 up to all of it.",
    )
    max_disparity = param.Number(
        0.0, bounds=(0, None), doc="Largest difference of an input's place between the eyes, in units of 1/24; 0 none."
    )
    input_seed = param.Integer(500, bounds=(0, None), doc="Seed of the inputs.")

    def build(self) -> Simulation:
        """Return the network at time 0."""
        sim = Simulation("gcal_od")
        for eye in EYES:
            self.add_retina(sim, self._inputs(eye), eye=eye)
        self.add_lgn(sim, strength=2.33, gain_control=True, eyes=EYES)
        self.add_v1(sim, response=HomeostaticResponse(), lgn_delay=0.05, eyes=EYES)
        return sim

    def _inputs(self, eye: str) -> Pattern:
        """Return the oriented Gaussians that one eye sees, no two of them nearer than 2.2 radii of a V1 field."""
        radius = self.area / 2.0 + 0.25
        radius_x = radius - 0.05 if self.max_disparity else radius
        generators = [
            displaced(
                Gaussian(
                    orientation=random_orientation(seed=seed + 3),
                    size=0.088388,
                    aspect_ratio=4.66667,
                    scale=brightness(eye, mean=1.0, variation=self.dim_fraction, seed=seed + 5),
                ),
                eye=eye,
                bound=self.max_disparity * DISPARITY_UNIT / 2.0,
                seed=seed + 1,
                x=uniform_over(radius_x, seed=seed),
                y=uniform_over(radius, seed=seed + 2),
            )
            for seed in self._seeds()
        ]
        return SeparatedComposite(generators=generators, min_separation=2.2 * V1_AFFERENT_RADIUS)

    def _seeds(self) -> range:
        """Return the first of the six seeds of each Gaussian."""
        number = number_of_patterns(self.num_inputs * self.area * self.area)
        return range(self.input_seed, self.input_seed + 6 * number, 6)
