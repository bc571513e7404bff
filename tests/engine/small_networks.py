"""Small networks that the event-driven path can take, of many shapes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet, SettlingCFSheet
from topo_exp.engine.learning import Hebbian
from topo_exp.engine.learning_rules import BCM, CPCA, Oja, Outstar, Trace
from topo_exp.engine.patterns import Composite, Disk, Gaussian, GaussianCloud, uniform_over
from topo_exp.engine.patterns_gaussians import DifferenceOfGaussians
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.response import Divide
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse, PiecewiseLinear
from topo_exp.engine.transfer_functions import Logistic

RULES: dict[str, Callable[[], object]] = {
    "Hebbian": Hebbian,
    "Oja": lambda: Oja(alpha=5.0),
    "CPCA": CPCA,
    "Outstar": Outstar,
    "BCM": lambda: BCM(t_init=0.05, smoothing=0.7),
    "Trace": lambda: Trace(rule=CPCA()),
}
"""Learning rules that are linear in inputs and weights."""


@dataclass(frozen=True)
class Network:
    """What varies between the networks; `small()` draws one, the defaults make a tiny GCAL."""

    width: float = 1.0
    height: float = 1.0
    retina_density: float = 8.0
    lgn_density: float = 8.0
    cortex_density: float = 10.0
    relays: int = 2
    gain_control: bool = True
    joint: bool = True
    afferent_radius: float = 0.3
    lateral_radii: tuple[float, ...] = (0.15, 0.3)
    lateral_strengths: tuple[float, ...] = (1.2, -1.0)
    lateral_rates: tuple[float, ...] = (0.0, 0.3)
    afferent_rate: float = 0.2
    square_fields: bool = False
    tsettle: int = 6
    output: str = "homeostatic"
    rule: str = "Hebbian"

    def build(self, engine: str) -> Simulation:
        """Return the network in "compiled" or "reference" engine."""
        sim = Simulation("network", engine=engine)
        spots = [
            Gaussian(
                x=uniform_over(0.5, seed=1 + i),
                y=uniform_over(0.5, seed=11 + i),
                orientation=uniform_over(3.0, seed=21 + i),
                size=0.2,
                aspect_ratio=3.0,
                scale=0.8,
            )
            for i in range(2)
        ]
        sim.add(
            GeneratorSheet(
                name="Retina",
                nominal_density=self.retina_density,
                nominal_bounds=self._bounds(0.4),
                input_generator=Composite(generators=spots),
            )
        )
        for i in range(self.relays):
            self._add_relay(sim, f"Relay{i}", sign=-1.0 if i % 2 else 1.0)
        sim.add(
            SettlingCFSheet(
                name="V1",
                nominal_density=self.cortex_density,
                nominal_bounds=self._bounds(0.0),
                tsettle=self.tsettle,
                output_fns=[
                    {
                        "homeostatic": HomeostaticResponse(t_init=0.05),
                        "rectified": HalfRectify(),
                        "linear": PiecewiseLinear(lower=0.05, upper=0.6),
                        "logistic": Logistic(r=6.0, k=-2.0),
                    }[self.output]
                ],
            )
        )
        for i in range(self.relays):
            name, group = f"Afferent{i}", "Afferent" if self.joint else None
            self._connect(sim, f"Relay{i}", name, 1.5, self.afferent_rate, self.afferent_radius, group)
        lateral = zip(self.lateral_strengths, self.lateral_rates, self.lateral_radii, strict=True)
        for i, (strength, rate, radius) in enumerate(lateral):
            self._connect(sim, "V1", f"Lateral{i}", strength, rate, radius, None)
        return sim

    def _bounds(self, margin: float) -> BoundingBox:
        x, y = self.width / 2 + margin, self.height / 2 + margin
        return BoundingBox(points=((-x, -y), (x, y)))

    def _add_relay(self, sim: Simulation, name: str, *, sign: float) -> None:
        settling = {"tsettle": 2, "strict_tsettle": 1} if self.gain_control else {"tsettle": 0, "strict_tsettle": 0}
        sim.add(
            SettlingCFSheet(
                name=name,
                nominal_density=self.lgn_density,
                nominal_bounds=self._bounds(0.2),
                output_fns=[HalfRectify()],
                measure_maps=False,
                **settling,
            )
        )
        sim.connect(
            "Retina",
            name,
            SharedWeightCFProjection(
                name="Afferent",
                strength=2.0 if self.gain_control else 6.0,
                weights_generator=DifferenceOfGaussians(positive_size=0.15, negative_size=0.5, scale=sign),
                nominal_bounds=BoundingBox(radius=0.35),
                cf_shape=Disk(smoothing=0.0),
                normalize_weights=False,
            ),
        )
        if self.gain_control:
            sim.connect(
                name,
                name,
                SharedWeightCFProjection(
                    name="Lateral",
                    strength=0.6,
                    weights_generator=Gaussian(size=0.25),
                    nominal_bounds=BoundingBox(radius=0.25),
                    activity_group=0.6,
                    combine=Divide(constant=0.11),
                ),
            )

    def _connect(
        self, sim: Simulation, src: str, name: str, strength: float, rate: float, radius: float, group: str | None
    ) -> None:
        sim.connect(
            src,
            "V1",
            CFProjection(
                name=name,
                strength=strength,
                learning_rate=rate,
                learning_fn=RULES[self.rule](),
                delay=0.05 if self.gain_control or src == "V1" else 0.10,
                weights_generator=GaussianCloud(size=2 * radius),
                nominal_bounds=BoundingBox(radius=radius),
                norm_group=group,
                **({} if self.square_fields else {"cf_shape": Disk(smoothing=0.0)}),
            ),
        )


@st.composite
def small(draw: st.DrawFn) -> Network:
    """Draw a network of at most a few hundred units."""
    laterals = draw(st.integers(1, 3))
    excitation = draw(st.one_of(st.just(0.0), st.floats(0.01, 1.2)))  # a unit of 1e-60 is silent in single precision
    strengths = (excitation, -draw(st.floats(0.1, 1.5)), 0.2)[:laterals]
    return Network(
        width=draw(st.sampled_from([0.6, 1.0, 1.3])),
        height=draw(st.sampled_from([0.6, 1.0, 1.3])),
        retina_density=draw(st.sampled_from([6.0, 8.0, 11.0])),
        lgn_density=draw(st.sampled_from([6.0, 8.0, 9.0])),
        cortex_density=draw(st.sampled_from([6.0, 10.0, 13.0])),
        relays=draw(st.integers(1, 3)),
        gain_control=draw(st.booleans()),
        joint=draw(st.booleans()),
        afferent_radius=draw(st.floats(0.2, 0.45)),
        lateral_radii=tuple(draw(st.floats(0.17, 0.7)) for _ in range(laterals)),
        lateral_strengths=strengths,
        lateral_rates=tuple(draw(st.sampled_from([0.0, 0.1, 1.0])) for _ in range(laterals)),
        afferent_rate=draw(st.sampled_from([0.0, 0.1, 1.0])),
        square_fields=draw(st.booleans()),
        tsettle=draw(st.integers(1, 9)),
        output=draw(st.sampled_from(["homeostatic", "rectified", "linear", "logistic"])),
        rule=draw(st.sampled_from(["Hebbian", *RULES])),
    )


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference, relative to the largest value."""
    return float(np.abs(a - b).max() / max(float(np.abs(b).max()), 1e-3))


def _spot() -> Gaussian:
    return Gaussian(x=uniform_over(0.5, seed=1), y=uniform_over(0.5, seed=2), size=0.3)


def _add_settling(sim: Simulation, name: str, output: Callable[..., object], **params: object) -> None:
    """Add a sheet that sees the retina and itself."""
    sim.add(SettlingCFSheet(name=name, nominal_density=9, output_fns=[output], **params))
    for src, strength in (("Retina", 1.0), (name, 0.4)):
        field = CFProjection(
            name=f"From{src}", strength=strength, learning_rate=0.2, nominal_bounds=BoundingBox(radius=0.3)
        )
        sim.connect(src, name, field)


def feedback(engine: str, *, lateral: float, others: float) -> Simulation:
    """Return two sheets that talk to each other with the delay `others`, the lower of which settles with `lateral`."""
    sim = Simulation("feedback", engine=engine)
    sim.add(GeneratorSheet(name="Retina", nominal_density=8, input_generator=_spot()))
    _add_settling(sim, "Low", HalfRectify(), tsettle=4, strict_tsettle=3)
    sim["Low"].projections["FromLow"].delay = lateral
    sim.add(CFSheet(name="High", nominal_density=9, output_fns=[HalfRectify()]))
    for src, dest in (("Low", "High"), ("High", "Low")):
        field = CFProjection(
            name=f"From{src}Too", strength=0.4, delay=others, learning_rate=0.1, nominal_bounds=BoundingBox(radius=0.2)
        )
        sim.connect(src, dest, field)
    return sim


def two_ways(engine: str) -> Simulation:
    """Return two sheets that send to a third one at the same time, of which the fast path takes the second only."""
    sim = Simulation("two ways", engine=engine)
    sim.add(GeneratorSheet(name="Retina", nominal_density=8, input_generator=_spot()))
    for name, output in (("Dense", lambda x: np.maximum(x, 0)), ("Fast", HalfRectify())):
        _add_settling(sim, name, output, tsettle=3, strict_tsettle=2)
    _add_settling(sim, "Third", HalfRectify(), tsettle=0)
    for name in ("Fast", "Dense"):
        sim.connect(name, "Third", CFProjection(name=f"From{name}", delay=0.4, nominal_bounds=BoundingBox(radius=0.2)))
    return sim
