"""The network that the GCAL models share: a retina, ON and OFF channels of the LGN, and a settling V1.

Stevens, Law, Antolík & Bednar 2013, J Neurosci 33:15747, doi:10.1523/JNEUROSCI.1037-13.2013, Materials and Methods.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import SettlingCFSheet
from topo_exp.engine.patterns import (
    Disk,
    Gaussian,
    GaussianCloud,
    Pattern,
    SeparatedComposite,
    random_orientation,
    uniform_over,
)
from topo_exp.engine.patterns_gaussians import DifferenceOfGaussians
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.response import Divide
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse
from topo_exp.models._inputs import number_of_patterns

V1_AFFERENT_RADIUS = 0.27083
LGN_AFFERENT_RADIUS = 0.375
LGN_SURROUND_RADIUS = 0.25
POLARITIES = (("LGNOn", 1.0), ("LGNOff", -1.0))
ONE_EYE = ("",)
DISK = Disk(smoothing=0.0)
_POSITIVE: dict[str, Any] = {"bounds": (0, None), "inclusive_bounds": (False, True)}
_NOT_NEGATIVE: dict[str, Any] = {"bounds": (0.0, None)}


class OnOffV1(param.Parameterized):
    """The parameters that the GCAL models share, and the parts of the network that are built from them."""

    num_inputs = param.Integer(2, bounds=(1, None), doc="Gaussians shown at once per unit of area.")
    area = param.Number(1.0, **_POSITIVE, doc="Side length of V1; 2.0 gives a V1 of 2.0 x 2.0.")
    retina_density = param.Number(24.0, **_POSITIVE, doc="Units of the retina per unit of length.")
    lgn_density = param.Number(24.0, **_POSITIVE, doc="Units of the LGN sheets per unit of length.")
    cortex_density = param.Number(48.0, **_POSITIVE, doc="Units of V1 per unit of length.")
    aff_strength = param.Number(1.5, **_NOT_NEGATIVE, doc="Strength of the afferent projections to V1.")
    exc_strength = param.Number(1.7, **_NOT_NEGATIVE, doc="Strength of lateral excitation in V1.")
    inh_strength = param.Number(1.4, **_NOT_NEGATIVE, doc="Strength of lateral inhibition in V1.")
    aff_lr = param.Number(0.1, **_NOT_NEGATIVE, doc="Learning rate of the afferent projections to V1.")
    exc_lr = param.Number(0.0, **_NOT_NEGATIVE, doc="Learning rate of lateral excitation in V1.")
    inh_lr = param.Number(0.3, **_NOT_NEGATIVE, doc="Learning rate of lateral inhibition in V1.")

    def elongated_gaussians(self, *, scale: float, seed: int) -> Pattern:
        """Return the input of the models: oriented Gaussians of brightness `scale`, at random places."""
        radius = self.area / 2.0 + 0.25
        generators = [
            Gaussian(
                x=uniform_over(radius, seed=seed + 12 + i),
                y=uniform_over(radius, seed=seed + 35 + i),
                orientation=random_orientation(seed=seed + 21 + i),
                size=0.088388,
                aspect_ratio=4.66667,
                scale=scale,
            )
            for i in range(number_of_patterns(self.num_inputs * self.area * self.area))
        ]
        return SeparatedComposite(generators=list(generators), min_separation=0.0)

    def add_retina(self, sim: Simulation, input_generator: Pattern, *, eye: str = "") -> None:
        """Add the retina, or that of one eye, large enough for the fields of all LGN units."""
        radius = self.area / 2.0 + 0.25 + LGN_AFFERENT_RADIUS + 0.5
        sim.add(
            GeneratorSheet(
                name=f"{eye}Retina",
                nominal_density=self.retina_density,
                nominal_bounds=BoundingBox(radius=radius),
                input_generator=input_generator,
                period=1.0,
                phase=0.05,
            )
        )

    def add_lgn(self, sim: Simulation, *, strength: float, gain_control: bool, eyes: Sequence[str] = ONE_EYE) -> None:
        """Add the ON and OFF sheets of all eyes.

        Args:
            sim: With the retinas.
            strength: Of the projections from the retinas.
            gain_control: Whether a sheet's response is divided by that of its surroundings, pooled over all eyes.
            eyes: Before the names of their sheets.
        """
        settling = {"tsettle": 2, "strict_tsettle": 1} if gain_control else {"tsettle": 0, "strict_tsettle": 0}
        for eye, (polarity, _) in product(eyes, POLARITIES):
            sim.add(
                SettlingCFSheet(
                    name=f"{eye}{polarity}",
                    nominal_density=self.lgn_density,
                    nominal_bounds=BoundingBox(radius=self.area / 2.0 + 0.25 + 0.5),
                    output_fns=[HalfRectify()],
                    measure_maps=False,
                    settles_with=[f"{other}{polarity}" for other in eyes if gain_control and other != eye],
                    **settling,
                )
            )
        for eye, (polarity, sign) in product(eyes, POLARITIES):
            for other in eyes if gain_control else ():
                sim.connect(f"{other}{polarity}", f"{eye}{polarity}", _gain_control(other, strength=0.6 / len(eyes)))
            sim.connect(
                f"{eye}Retina",
                f"{eye}{polarity}",
                SharedWeightCFProjection(
                    name="Afferent",
                    delay=0.05,
                    strength=strength,
                    weights_generator=DifferenceOfGaussians(positive_size=0.07385, negative_size=0.29540, scale=sign),
                    nominal_bounds=BoundingBox(radius=LGN_AFFERENT_RADIUS),
                    cf_shape=DISK,
                    normalize_weights=False,
                ),
            )

    def add_v1(
        self, sim: Simulation, *, response: HomeostaticResponse, lgn_delay: float, eyes: Sequence[str] = ONE_EYE
    ) -> None:
        """Add V1 with its afferents, which are normalised jointly, and its lateral connections."""
        sim.add(
            SettlingCFSheet(
                name="V1",
                nominal_density=self.cortex_density,
                nominal_bounds=BoundingBox(radius=self.area / 2.0),
                tsettle=16,
                output_fns=[response],
            )
        )
        for sheet in (f"{eye}{polarity}" for eye in eyes for polarity, _ in POLARITIES):
            sim.connect(
                sheet,
                "V1",
                CFProjection(
                    name=f"{sheet}Afferent",
                    delay=lgn_delay,
                    strength=self.aff_strength,
                    learning_rate=self.aff_lr,
                    norm_group="Afferent",
                    nominal_bounds=BoundingBox(radius=V1_AFFERENT_RADIUS),
                    weights_generator=GaussianCloud(size=2 * V1_AFFERENT_RADIUS),
                    cf_shape=DISK,
                ),
            )
        for name, strength, rate, radius, weights in (
            ("LateralExcitatory", self.exc_strength, self.exc_lr, 0.104, Gaussian(size=0.05)),
            ("LateralInhibitory", -self.inh_strength, self.inh_lr, 0.22917, GaussianCloud(size=0.15)),
        ):
            sim.connect(
                "V1",
                "V1",
                CFProjection(
                    name=name,
                    delay=0.05,
                    strength=strength,
                    learning_rate=rate,
                    nominal_bounds=BoundingBox(radius=radius),
                    weights_generator=weights,
                    cf_shape=DISK,
                ),
            )


def _gain_control(eye: str, *, strength: float) -> SharedWeightCFProjection:
    """Return the projection by which the response to one eye divides that of an LGN sheet."""
    return SharedWeightCFProjection(
        name=f"{eye}LateralGC",
        delay=0.05,
        strength=strength,
        weights_generator=Gaussian(size=0.25),
        nominal_bounds=BoundingBox(radius=LGN_SURROUND_RADIUS),
        cf_shape=DISK,
        activity_group=0.6,
        combine=Divide(constant=0.11),
    )
