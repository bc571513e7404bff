"""Networks of the recordings that are not models of the package: built from its parts, to show that those suffice."""

from topo_exp.engine.actions import ChangeBounds, SetParameter
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet, NeighborhoodMask, SettlingCFSheet
from topo_exp.engine.learning import KeepWeights
from topo_exp.engine.patterns import (
    Disk,
    Gaussian,
    GaussianCloud,
    Line,
    SeparatedComposite,
    UniformNoise,
    random_orientation,
    uniform_over,
)
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import PiecewiseLinear


def lissom_or(*, cortex_density: float = 32.0, neighborhood_mask: bool = False) -> Simulation:
    """Return LISSOM's orientation map without an LGN, with its scheduled changes up to iteration 500."""
    sim = Simulation("lissom_or")
    inputs = [
        Gaussian(
            x=uniform_over(0.75, seed=12 + i),
            y=uniform_over(0.75, seed=34 + i),
            orientation=random_orientation(seed=56 + i),
            size=0.088388,
            aspect_ratio=4.66667,
        )
        for i in range(2)
    ]
    sim.add(
        GeneratorSheet(
            name="Retina",
            nominal_density=24.0,
            nominal_bounds=BoundingBox(radius=0.75),
            input_generator=SeparatedComposite(generators=inputs, min_separation=2.2 * 0.27083),
        )
    )
    sim.add(
        SettlingCFSheet(
            name="V1",
            nominal_density=cortex_density,
            tsettle=9,
            output_fns=[PiecewiseLinear(lower=0.1, upper=0.65)],
            mask_fn=NeighborhoodMask(radius=0.05) if neighborhood_mask else None,
        )
    )
    for source, name, strength, rate, radius, delay in (
        ("Retina", "Afferent", 1.0, 0.9590, 0.27083, 0.10),
        ("V1", "LateralExcitatory", 0.9, 2.55528, 0.10417, 0.05),
        ("V1", "LateralInhibitory", -0.9, 1.80873, 0.22917, 0.05),
    ):
        projection = CFProjection(
            name=name,
            strength=strength,
            delay=delay,
            learning_rate=rate,
            nominal_bounds=BoundingBox(radius=radius),
            weights_generator=GaussianCloud(size=2 * radius),
            cf_shape=Disk(smoothing=0.0),
        )
        sim.connect(source, "V1", projection)
    for time, radius, rate, lower, upper in (
        (100, 0.0625, 0.12168, 0.11, 0.66),
        (250, 0.04375, 0.06084, 0.12, 0.67),
        (500, 0.035, 0.06084, 0.15, 0.68),
    ):
        sim.schedule(time, ChangeBounds(path="V1/LateralExcitatory", bounds=BoundingBox(radius=radius)))
        sim.schedule(time, RatePerConnection(rate))
        if time == 250:
            sim.schedule(time, SetParameter(path="V1/Afferent", parameter="learning_rate", value=0.6850))
        sim.schedule(time, SetParameter(path="V1/output_fns/0", parameter="lower", value=lower))
        sim.schedule(time, SetParameter(path="V1/output_fns/0", parameter="upper", value=upper))
    return sim


class RatePerConnection:
    """Sets the excitatory rate so that it is the given one for each connection of the field as it is then."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, sim: Simulation) -> None:
        """Set the rate."""
        projection = sim["V1"].projections["LateralExcitatory"]
        projection.learning_rate = self.rate * projection.n_units


def hierarchical() -> Simulation:
    """Return three areas above two retinas of different shape, with feedback, and a field that shrinks at 10."""
    sim = Simulation("hierarchical")
    for name, seeds, half in (
        ("LeftRetina", (12, 34, 56), (0.75, 0.5)),
        ("RightRetina", (100, 200, 300), (0.5, 0.75)),
    ):
        x, y, orientation = seeds
        line = Line(
            x=uniform_over(0.5, seed=x),
            y=uniform_over(0.5, seed=y),
            orientation=random_orientation(seed=orientation),
            thickness=0.02,
            smoothing=0.05,
        )
        bounds = BoundingBox(points=((-half[0], -half[1]), half))
        sim.add(GeneratorSheet(name=name, nominal_density=20, nominal_bounds=bounds, phase=0.25, input_generator=line))
    areas = {
        "V1": (10, BoundingBox(radius=0.5)),
        "V2": (10, BoundingBox(points=((-0.4, -0.4), (0.4, 0.6)))),
        "V3": (5, BoundingBox(radius=0.5)),
    }
    for name, (density, bounds) in areas.items():
        sim.add(
            CFSheet(
                name=name,
                nominal_density=density,
                nominal_bounds=bounds,
                output_fns=[PiecewiseLinear(lower=0.0, upper=1.0)],
            )
        )
    for source, dest, name in (
        ("LeftRetina", "V1", "AfferentLeft"),
        ("RightRetina", "V1", "AfferentRight"),
        ("LeftRetina", "V2", "AfferentLeft"),
        ("RightRetina", "V2", "AfferentRight"),
        ("V1", "V2", "AfferentV1"),
        ("V3", "V2", "FeedbackFromV3"),
        ("V2", "V3", "Afferent"),
    ):
        projection = CFProjection(
            name=name,
            delay=0.5,
            weights_generator=UniformNoise(),
            weights_output_fn=KeepWeights(),
            nominal_bounds=BoundingBox(radius=0.1),
        )
        sim.connect(source, dest, projection)
    sim.schedule(10, ChangeBounds(path="V1/AfferentLeft", bounds=BoundingBox(radius=0.05)))
    return sim
