"""The network that the GCAL models share: a retina, ON and OFF channels of the LGN, and a settling V1.

Stevens, Law, Antolík & Bednar 2013, J Neurosci 33:15747, doi:10.1523/JNEUROSCI.1037-13.2013, Materials and Methods.
"""

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.patterns import (
    DifferenceOfGaussians,
    Disk,
    Gaussian,
    GaussianCloud,
    Pattern,
    SeparatedComposite,
    random_orientation,
    uniform_over,
)
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.response import Divide
from topo_exp.engine.sheet import GeneratorSheet, SettlingCFSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse

V1_AFFERENT_RADIUS = 0.27083
LGN_AFFERENT_RADIUS = 0.375
LGN_SURROUND_RADIUS = 0.25
DISK = Disk(smoothing=0.0)


def elongated_gaussians(*, area: float, num_inputs: int, scale: float, seed: int) -> Pattern:
    """Return the input of the models: `num_inputs` oriented Gaussians per unit of area, at random places."""
    radius = area / 2.0 + 0.25
    generators = [
        Gaussian(
            x=uniform_over(radius, seed=seed + 12 + i),
            y=uniform_over(radius, seed=seed + 35 + i),
            orientation=random_orientation(seed=seed + 21 + i),
            size=0.088388,
            aspect_ratio=4.66667,
            scale=scale,
        )
        for i in range(max(1, int(num_inputs * area * area)))
    ]
    return SeparatedComposite(generators=list(generators), min_separation=0.0)


def add_retina(sim: Simulation, *, area: float, density: float, input_generator: Pattern) -> None:
    """Add the retina, large enough for the fields of all LGN units."""
    radius = area / 2.0 + 0.25 + LGN_AFFERENT_RADIUS + 0.5
    sim.add(
        GeneratorSheet(
            name="Retina",
            nominal_density=density,
            nominal_bounds=BoundingBox(radius=radius),
            input_generator=input_generator,
            period=1.0,
            phase=0.05,
        )
    )


def add_lgn(sim: Simulation, *, area: float, density: float, strength: float, gain_control: bool) -> None:
    """Add the ON and OFF sheets, with divisive lateral inhibition where there is gain control."""
    settling = {"tsettle": 2, "strict_tsettle": 1} if gain_control else {"tsettle": 0, "strict_tsettle": 0}
    for sheet, sign in (("LGNOn", 1.0), ("LGNOff", -1.0)):
        sim.add(
            SettlingCFSheet(
                name=sheet,
                nominal_density=density,
                nominal_bounds=BoundingBox(radius=area / 2.0 + 0.25 + 0.5),
                output_fns=[HalfRectify()],
                measure_maps=False,
                **settling,
            )
        )
        if gain_control:
            sim.connect(
                sheet,
                sheet,
                SharedWeightCFProjection(
                    name="LateralGC",
                    delay=0.05,
                    strength=0.6,
                    weights_generator=Gaussian(size=0.25),
                    nominal_bounds=BoundingBox(radius=LGN_SURROUND_RADIUS),
                    cf_shape=DISK,
                    activity_group=0.6,
                    combine=Divide(constant=0.11),
                ),
            )
        sim.connect(
            "Retina",
            sheet,
            SharedWeightCFProjection(
                name="Afferent",
                delay=0.05,
                strength=strength,
                weights_generator=DifferenceOfGaussians(centre_size=0.07385, surround_size=0.29540, scale=sign),
                nominal_bounds=BoundingBox(radius=LGN_AFFERENT_RADIUS),
                cf_shape=DISK,
                normalize_weights=False,
            ),
        )


def add_v1(
    sim: Simulation,
    *,
    area: float,
    density: float,
    response: HomeostaticResponse,
    lgn_delay: float,
    aff_strength: float,
    exc_strength: float,
    inh_strength: float,
    aff_lr: float,
    exc_lr: float,
    inh_lr: float,
) -> None:
    """Add V1 with its afferents, which are normalised jointly, and its lateral connections."""
    sim.add(
        SettlingCFSheet(
            name="V1",
            nominal_density=density,
            nominal_bounds=BoundingBox(radius=area / 2.0),
            tsettle=16,
            output_fns=[response],
        )
    )
    for sheet in ("LGNOn", "LGNOff"):
        sim.connect(
            sheet,
            "V1",
            CFProjection(
                name=f"{sheet}Afferent",
                delay=lgn_delay,
                strength=aff_strength,
                learning_rate=aff_lr,
                norm_group="Afferent",
                nominal_bounds=BoundingBox(radius=V1_AFFERENT_RADIUS),
                weights_generator=GaussianCloud(size=2 * V1_AFFERENT_RADIUS),
                cf_shape=DISK,
            ),
        )
    sim.connect(
        "V1",
        "V1",
        CFProjection(
            name="LateralExcitatory",
            delay=0.05,
            strength=exc_strength,
            learning_rate=exc_lr,
            nominal_bounds=BoundingBox(radius=0.104),
            weights_generator=Gaussian(size=0.05),
            cf_shape=DISK,
        ),
    )
    sim.connect(
        "V1",
        "V1",
        CFProjection(
            name="LateralInhibitory",
            delay=0.05,
            strength=-inh_strength,
            learning_rate=inh_lr,
            nominal_bounds=BoundingBox(radius=0.22917),
            weights_generator=GaussianCloud(size=0.15),
            cf_shape=DISK,
        ),
    )
