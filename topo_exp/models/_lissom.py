"""The parts that the LISSOM models share: oriented inputs, a settling V1, and the schedule of its development.

Miikkulainen, Bednar, Choe & Sirosh 2005, Computational Maps in the Visual Cortex, Springer, section 5.3 and appendix A;
the numbers are those of the Topographica examples lissom_or and lissom_oo_or.
"""

from collections.abc import Sequence

from topo_exp.engine.actions import ChangeBounds, SetParameter, SetRatePerConnection
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet, SettlingCFSheet
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
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import PiecewiseLinear

AFFERENT_RADIUS = 0.27083
AFFERENT_RATE = 0.9590
LGN_AFFERENT_RADIUS = 0.375
MIN_SEPARATION = 2.2 * AFFERENT_RADIUS
INPUT_SIZE, INPUT_ASPECT_RATIO = 0.088388, 4.66667
LOWER, UPPER = 0.083, 0.633
"""Threshold of a V1 behind an LGN, and the input at which it saturates, at the start."""
SCHEDULED_INPUTS = 2
"""Gaussians in each input for which the times below hold; with more of them the network develops faster."""

SCHEDULE: tuple[tuple[int, float, float, float | None, int | None], ...] = (
    (100, 0.06250, 0.12168, None, None),
    (250, 0.04375, 0.06084, 0.6850, None),
    (500, 0.03500, 0.06084, None, None),
    (1000, 0.02800, 0.06084, 0.5480, 10),
    (1500, 0.02240, 0.06084, None, None),
    (2000, 0.01344, 0.06084, 0.4110, None),
    (2500, 0.00806, 0.06084, None, 11),
    (3250, 0.00484, 0.06084, None, 12),
    (4000, 0.00290, 0.06084, None, 13),
    (10000, 0.00174, 0.06084, 0.2055, None),
)
"""Time, radius of lateral excitation, its learning rate for one connection, afferent rate, settling steps."""

THRESHOLD_STEPS = (0.01, 0.02, 0.05, 0.08, 0.10, 0.10, 0.11, 0.12, 0.13, 0.14)
"""Increase of V1's lower threshold over the initial one, at each time of the schedule."""
SATURATION_STEPS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.11, 0.14, 0.17, 0.20, 0.23)
"""The same of the input at which V1's activity saturates."""


def separated_gaussians(*, number: int, radius: float, scale: float, seed: int) -> Pattern:
    """Return oriented Gaussians at random places, of which no two are nearer than 2.2 radii of an afferent field.

    Args:
        number: Of Gaussians.
        radius: Half-width of the square from which their centres are drawn, in sheet coordinates.
        scale: Brightness.
        seed: Added to the seeds of places and orientations.
    """
    generators = [
        Gaussian(
            x=uniform_over(radius, seed=seed + 12 + i),
            y=uniform_over(radius, seed=seed + 34 + i),
            orientation=random_orientation(seed=seed + 56 + i),
            size=INPUT_SIZE,
            aspect_ratio=INPUT_ASPECT_RATIO,
            scale=scale,
        )
        for i in range(number)
    ]
    return SeparatedComposite(generators=list(generators), min_separation=MIN_SEPARATION)


def add_channel(
    sim: Simulation,
    name: str,
    *,
    retina: str,
    sign: float,
    density: float,
    radius: float,
    strength: float,
    magnification: float = 1.0,
) -> None:
    """Add ON or OFF cells of an LGN, whose fields on a retina are differences of Gaussians.

    Args:
        sim: With the retina.
        name: Of the sheet.
        retina: Name of the retina.
        sign: 1 for ON cells, -1 for OFF cells.
        density: Units per unit of length.
        radius: Half-width of the sheet.
        strength: Of the projection from the retina.
        magnification: Factor of the size of the fields.
    """
    sim.add(
        CFSheet(
            name=name,
            nominal_density=density,
            nominal_bounds=BoundingBox(radius=radius),
            output_fns=[PiecewiseLinear(lower=0.0, upper=1.0)],
            measure_maps=False,
        )
    )
    centre, surround = 0.07385 * magnification, 0.29540 * magnification
    sim.connect(
        retina,
        name,
        SharedWeightCFProjection(
            name="Afferent",
            delay=0.05,
            strength=strength,
            weights_generator=DifferenceOfGaussians(positive_size=centre, negative_size=surround, scale=sign),
            nominal_bounds=BoundingBox(radius=LGN_AFFERENT_RADIUS * magnification),
            cf_shape=Disk(smoothing=0.0),
            normalize_weights=False,
        ),
    )


def add_v1(sim: Simulation, *, density: float, area: float, lower: float, upper: float) -> None:
    """Add V1, which settles nine times and responds between two thresholds."""
    sim.add(
        SettlingCFSheet(
            name="V1",
            nominal_density=density,
            nominal_bounds=BoundingBox(radius=area / 2.0),
            tsettle=9,
            output_fns=[PiecewiseLinear(lower=lower, upper=upper)],
        )
    )


def cloud_projection(
    name: str, *, strength: float, rate: float, radius: float, delay: float, norm_group: str | None = None
) -> CFProjection:
    """Return a projection with round fields of random weights, largest at the centre."""
    return CFProjection(
        name=name,
        strength=strength,
        delay=delay,
        learning_rate=rate,
        norm_group=norm_group,
        nominal_bounds=BoundingBox(radius=radius),
        weights_generator=GaussianCloud(size=2 * radius),
        cf_shape=Disk(smoothing=0.0),
    )


def connect_laterally(sim: Simulation, *, excitation: float, inhibition: float) -> None:
    """Connect V1 with itself, by short excitation and long inhibition, both of which learn."""
    for name, strength, rate, radius in (
        ("LateralExcitatory", excitation, 2.55528, 0.10417),
        ("LateralInhibitory", -inhibition, 1.80873, 0.22917),
    ):
        sim.connect("V1", "V1", cloud_projection(name, strength=strength, rate=rate, radius=radius, delay=0.05))


def schedule_development(
    sim: Simulation, *, afferents: Sequence[str], lower: float, upper: float, num_inputs: int
) -> None:
    """Schedule what changes as the map develops.

    The radius of lateral excitation shrinks, learning slows down, thresholds rise, and V1 settles longer. Changes of
    one time run in this order, after the last iteration before that time.

    Args:
        sim: With V1 and its projections.
        afferents: Names of V1's afferent projections, which share the afferent learning rate.
        lower: Initial threshold of V1.
        upper: Initial input at which V1 saturates.
        num_inputs: Gaussians in each input; times are in inverse proportion to it.
    """
    for (nominal, radius, excitatory, afferent, tsettle), raised, widened in zip(
        SCHEDULE, THRESHOLD_STEPS, SATURATION_STEPS, strict=True
    ):
        time = nominal * SCHEDULED_INPUTS / num_inputs
        sim.schedule(time, ChangeBounds(path="V1/LateralExcitatory", bounds=BoundingBox(radius=radius)))
        sim.schedule(time, SetRatePerConnection(path="V1/LateralExcitatory", rate=excitatory))
        if afferent is not None:
            for name in afferents:
                rate = afferent / len(afferents)
                sim.schedule(time, SetParameter(path=f"V1/{name}", parameter="learning_rate", value=rate))
        for parameter, value in (("lower", round(lower + raised, 3)), ("upper", round(upper + widened, 3))):
            sim.schedule(time, SetParameter(path="V1/output_fns/0", parameter=parameter, value=value))
        if tsettle is not None:
            sim.schedule(time, SetParameter(path="V1", parameter="tsettle", value=tsettle))
