"""Whatever a network is made of, both engines compute the same, and states, scripts and measurements are exact."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts import functions
from tests.contracts.networks import CONTRACTS, Build, box, network, spot, weights
from topo_exp.engine.actions import ChangeBounds, SetParameter, ShowPattern
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet, NeighborhoodMask, SettlingCFSheet
from topo_exp.engine.learning import EuclideanHebbian, KeepWeights
from topo_exp.engine.learning_rules import BCM, CPCA, Oja, Outstar
from topo_exp.engine.patterns import Composite, Constant, Disk, Gaussian, GaussianCloud, UniformNoise, uniform_over
from topo_exp.engine.projection import CFProjection, SharedWeightCFProjection
from topo_exp.engine.projection_types import LeakyCFProjection, ScaledCFProjection
from topo_exp.engine.response import Add, Divide, EuclideanSimilarity
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import ExponentialDecay, UniformRandom
from topo_exp.engine.transfer import HalfRectify, HomeostaticResponse, PiecewiseLinear

More = Callable[[Simulation], None]


def actions(*scheduled: tuple[float, Any]) -> More:
    """Return what schedules actions."""

    def more(sim: Simulation) -> None:
        for time, action in scheduled:
            sim.schedule(time, action)

    return more


def changed(path: str, parameter: str, *values: Any, first: float = 2.0) -> Build:
    """Return a network in which a parameter takes other values, from a moment on, one iteration after another."""
    steps = [(first + i, SetParameter(path=path, parameter=parameter, value=value)) for i, value in enumerate(values)]
    output = {"output_fns": lambda: [HomeostaticResponse(t_init=0.05)]} if parameter in THRESHOLDS else {}
    if parameter in ("lower", "upper"):
        output = {"output_fns": lambda: [PiecewiseLinear(lower=0.05, upper=1.0)]}
    return network(cortex=output, more=actions(*steps))


THRESHOLDS = ("t_init", "target_activity", "smoothing")


def second_retina(sim: Simulation) -> None:
    """Add a retina of another shape, density and rhythm, that V1 sees too, and normalises together with the first."""
    sim.add(
        GeneratorSheet(
            name="Retina2",
            nominal_density=7.0,
            nominal_bounds=box(0.6, stretch=0.8),
            input_generator=spot(seed=9),
            phase=0.15,
        )
    )
    projection = CFProjection(name="Afferent2", delay=0.05, learning_rate=0.3, norm_group="both", **weights(0.4))
    sim.connect("Retina2", "V1", projection)


def second_retina_that_narrows(sim: Simulation) -> None:
    """Add a retina as above, whose fields shrink at 3."""
    second_retina(sim)
    sim.schedule(3, ChangeBounds(path="V1/Afferent2", bounds=box(0.25)))


def second_area(*, forth: float = 0.5, back: float = 0.5, **settling: int) -> More:
    """Return what adds a sheet above V1, of other density, that feeds back."""

    def more(sim: Simulation) -> None:
        bounds = box(0.5, stretch=0.6)
        sheet = SettlingCFSheet if settling else CFSheet
        sim.add(sheet(name="V2", nominal_density=6.0, nominal_bounds=bounds, output_fns=[HalfRectify()], **settling))
        up = CFProjection(name="Up", delay=forth, learning_rate=0.3, strength=1.5, **weights(0.3))
        down = CFProjection(name="Down", delay=back, learning_rate=0.1, strength=0.3, **weights(0.4))
        sim.connect("V1", "V2", up)
        sim.connect("V2", "V1", down)
        if settling:
            sim.connect("V2", "V2", CFProjection(name="Lateral", strength=-0.3, **weights(0.4)))

    return more


def one_more(**declared: Any) -> More:
    """Return what adds a second projection from the retina to V1."""

    def more(sim: Simulation) -> None:
        sim.connect("Retina", "V1", CFProjection(name="Second", **declared))

    return more


def kernel_between(sim: Simulation) -> None:
    """Add a relay with one kernel for all, divided by its own neighbourhood."""
    sim.add(SettlingCFSheet(name="LGN", nominal_density=9.0, tsettle=2, strict_tsettle=1, output_fns=[HalfRectify()]))
    kernel = {"nominal_bounds": BoundingBox(radius=0.25), "weights_generator": Gaussian(size=0.2)}
    sim.connect("Retina", "LGN", SharedWeightCFProjection(name="Afferent", strength=1.5, **kernel))
    divide = {"activity_group": 0.6, "combine": Divide(constant=0.2)}
    sim.connect("LGN", "LGN", SharedWeightCFProjection(name="Lateral", strength=0.5, **kernel, **divide))
    sim.connect("LGN", "V1", CFProjection(name="Relayed", delay=0.05, learning_rate=0.3, **weights(0.3)))


SIGNED: dict[str, Any] = {"weights_generator": lambda: UniformNoise(offset=-0.4)}
WIDE: dict[str, Any] = {"nominal_bounds": BoundingBox(radius=0.4)}
JOINT: dict[str, Any] = {"norm_group": "both"}

NETWORKS: dict[str, Build] = {
    "nothing special": network(),
    # functions of a user's own
    "own learning rule": network(afferent={"learning_fn": functions.oja}),
    "own rule, lateral": network(inhibition={"learning_fn": functions.oja, "learning_rate": 0.5}),
    "own rule that turns weights negative": network(afferent={"learning_fn": functions.anti_hebbian}),
    "own rule that changes silent units": network(lateral={"learning_fn": functions.decay_everywhere}),
    "own response": network(afferent={"response_fn": functions.squared}),
    "own output function": network(cortex={"output_fns": [functions.soft]}),
    "own output function, in place": network(cortex={"output_fns": [functions.in_place]}),
    "own adaptive function": network(cortex={"output_fns": lambda: [functions.Fatigue()]}),
    "own adaptive function, drawing": network(
        cortex={"output_fns": lambda: [functions.Fatigue(share=UniformRandom(seed=3, lbound=0.5))]}
    ),
    "two output functions": network(cortex={"output_fns": lambda: [HomeostaticResponse(t_init=0.02), functions.soft]}),
    "no output function": network(cortex={"output_fns": []}),
    "own combination": network(inhibition={"combine": functions.modulate, "activity_group": 0.7}),
    "own combination that hands on its argument": network(
        inhibition={"combine": functions.replace, "activity_group": 0.1}, cortex={"output_fns": [functions.in_place]}
    ),
    "own normalisation": network(afferent={"weights_output_fn": functions.to_unit_length}),
    "own normalisation that fills corners": network(
        afferent={"weights_output_fn": functions.to_zero_mean, **SIGNED, "learning_fn": functions.oja}
    ),
    "everything a user's own": network(
        cortex={"output_fns": lambda: [functions.Fatigue(), functions.soft]},
        afferent={
            "learning_fn": functions.oja,
            "response_fn": functions.city_block,
            "weights_output_fn": functions.to_unit_length,
        },
        inhibition={"combine": functions.modulate, "activity_group": 0.9},
    ),
    # parts with a compiled form on sheets without one, and sheets of other kinds
    "linear rules on a dense sheet": network(
        cortex={"output_fns": [functions.soft]},
        afferent={"learning_fn": CPCA()},
        lateral={"learning_fn": Outstar(), "weights_output_fn": KeepWeights()},
        inhibition={"learning_fn": lambda: BCM(t_init=0.1, smoothing=0.5)},
    ),
    "a rule that decays, not normalised, on a dense sheet": network(
        cortex={"output_fns": [functions.soft]},
        afferent={"learning_fn": Oja(alpha=2.0), "weights_output_fn": KeepWeights()},
    ),
    "scaled, on a dense sheet": network(
        cortex={"output_fns": [functions.soft]},
        projection=ScaledCFProjection,
        afferent={"smoothing": 0.5, "target": 0.3, "norm_group": "both"},
        inhibition={"norm_group": "both"},
    ),
    "scaled, on a sheet that is activated once": network(sheet=CFSheet, projection=ScaledCFProjection),
    "leaky, with a mask": network(
        projection=LeakyCFProjection,
        cortex={"mask_fn": NeighborhoodMask(threshold=0.05), "mask_init_time": 1},
    ),
    "scaled, with a mask": network(
        projection=ScaledCFProjection,
        cortex={"mask_fn": NeighborhoodMask(threshold=0.05), "mask_init_time": 1},
    ),
    "scaled, with a rate that varies": network(
        projection=ScaledCFProjection, afferent={"learning_rate": lambda: UniformRandom(seed=3)}
    ),
    # signs, density, masks
    "signed weights": network(afferent=SIGNED),
    "signed weights, lateral": network(inhibition=SIGNED),
    "signed weights, not normalised": network(lateral={**SIGNED, "weights_output_fn": KeepWeights()}),
    "negative weights": network(inhibition={"weights_generator": lambda: GaussianCloud(size=0.6, scale=-1.0)}),
    "dense activity": network(cortex={"output_fns": [functions.identity]}),
    "negative source": network(retina={"input_generator": lambda: UniformNoise(scale=2.0, offset=-1.0, seed=5)}),
    "everything active": network(
        retina={"input_generator": lambda: UniformNoise(seed=5)},
        cortex={"output_fns": lambda: [PiecewiseLinear(lower=-1.0, upper=2.0)]},
    ),
    "nothing learned": network(cortex={"plastic": False}),
    "neighbourhood mask": network(cortex={"mask_fn": NeighborhoodMask(threshold=0.05), "mask_init_time": 1}),
    "neighbourhood mask of a user's own": network(
        cortex={"mask_fn": functions.WideMask(threshold=0.05, radius=0.2), "mask_init_time": 2}
    ),
    "fields with a hole": network(
        lateral={"cf_shape": functions.Ring(radius=1.0), "weights_generator": UniformNoise(), **WIDE}
    ),
    # geometry
    "wide sheets": network(
        retina={"nominal_bounds": box(0.8, stretch=0.5)}, cortex={"nominal_bounds": box(0.6, stretch=0.5)}
    ),
    "high sheets": network(
        retina={"nominal_bounds": box(0.45, stretch=1.5)}, cortex={"nominal_bounds": box(0.4, stretch=1.4)}
    ),
    "a sheet off the centre": network(cortex={"nominal_bounds": BoundingBox(points=((-0.2, -0.4), (0.5, 0.3)))}),
    "a coarse retina": network(retina={"nominal_density": 5.0}),
    "a fine retina": network(retina={"nominal_density": 13.3}, cortex={"nominal_density": 6.7}),
    "square fields": network(afferent={"cf_shape": Constant()}),
    "fields larger than the sheet": network(lateral={"nominal_bounds": BoundingBox(radius=1.2)}),
    "fields of three cells": network(lateral={"nominal_bounds": BoundingBox(radius=0.13)}),
    "one unit": network(
        cortex={"nominal_density": 1.0}, lateral={"nominal_bounds": box(0.5)}, inhibition={"nominal_bounds": box(0.5)}
    ),
    "one row": network(cortex={"nominal_bounds": box(0.5, stretch=0.1)}),
    "one column": network(cortex={"nominal_bounds": box(0.07, stretch=7.0)}),
    "a retina of one column": network(
        retina={"nominal_bounds": box(0.05, stretch=10.0), "nominal_density": 10.0}, cortex={"nominal_bounds": box(0.2)}
    ),
    # fields that shrink
    "shrinking fields": network(more=actions((3, ChangeBounds(path="V1/Inhibition", bounds=BoundingBox(radius=0.2))))),
    "shrinking twice": network(
        lateral={"nominal_bounds": BoundingBox(radius=0.4)},
        more=actions(
            (1, ChangeBounds(path="V1/Lateral", bounds=BoundingBox(radius=0.3))),
            (3, ChangeBounds(path="V1/Lateral", bounds=BoundingBox(radius=0.15))),
        ),
    ),
    "shrinking beyond the sheet": network(
        lateral={"nominal_bounds": BoundingBox(radius=1.6)},
        more=actions(
            (1, ChangeBounds(path="V1/Lateral", bounds=BoundingBox(radius=1.4))),
            (2, ChangeBounds(path="V1/Lateral", bounds=BoundingBox(radius=1.2))),
            (3, ChangeBounds(path="V1/Lateral", bounds=BoundingBox(radius=0.9))),
        ),
    ),
    "shrinking with an own rule": network(
        afferent={"learning_fn": functions.oja},
        more=actions((3, ChangeBounds(path="V1/Afferent", bounds=BoundingBox(radius=0.2)))),
    ),
    "shrinking in a joint group": network(
        afferent=JOINT,
        more=second_retina_that_narrows,
    ),
    # parameters that change
    "strength changes": changed("V1/Inhibition", "strength", -0.3, 0.0, 0.2),
    "learning rate changes": changed("V1/Afferent", "learning_rate", 0.0, 0.7),
    "learning rate begins to decay": changed("V1/Afferent", "learning_rate", ExponentialDecay(time_constant=5.0)),
    "learning rate is drawn": network(afferent={"learning_rate": UniformRandom(seed=8, lbound=0.1)}),
    "learning rate is drawn before input arrives": network(
        afferent={"delay": 1.5}, lateral={"learning_rate": UniformRandom(seed=8)}, more=one_more(**weights(0.2))
    ),
    "learning rule changes": changed("V1/Afferent", "learning_fn", functions.oja, EuclideanHebbian()),
    "response changes": changed("V1/Afferent", "response_fn", functions.squared, EuclideanSimilarity()),
    "normalisation changes": changed("V1/Lateral", "weights_output_fn", functions.to_unit_length, KeepWeights()),
    "settling changes": changed("V1", "tsettle", 5, 1, 0),
    "settling changes within an iteration": changed("V1", "tsettle", 1, 6, first=2.12),
    "settling ends early": changed("V1", "tsettle", 1, first=2.18),
    "plasticity changes": changed("V1", "plastic", False, True),
    "delay changes": changed("V1/Afferent", "delay", 0.1, 0.2),
    "delay changes to one that no clock expected": changed("V1/Lateral", "delay", 0.03, 0.013),
    "the rhythm of the input changes": changed("Retina", "period", 0.45, 1.3),
    "thresholds change": changed("V1/output_fns/0", "target_activity", 0.3, 0.01),
    "smoothing changes": changed("V1/output_fns/0", "smoothing", 0.5),
    "slope changes": changed("V1/output_fns/0", "upper", 0.5, 2.0),
    "rates change together": network(more=actions((2, functions.swap_signs))),
    "the pattern changes": network(more=actions((2, ShowPattern(sheet="Retina", pattern=UniformNoise(seed=2))))),
    "noise changes": network(
        retina={"input_generator": lambda: UniformNoise(seed=1)},
        more=actions((2, ShowPattern(sheet="Retina", pattern=UniformNoise(seed=2)))),
    ),
    # what arrives from where, and when
    "two retinas": network(afferent=JOINT, more=second_retina),
    "two projections": network(more=one_more(delay=0.05, learning_rate=0.2, **weights(0.2))),
    "two projections, of which one inhibits": network(more=one_more(delay=0.05, strength=-0.5, **weights(0.2))),
    "two projections of other delays": network(more=one_more(delay=0.1, learning_rate=0.2, **weights(0.2))),
    "a kernel for all": network(more=kernel_between),
    "delay 0.03": network(afferent={"delay": 0.03}),
    "lateral delay 0.03": network(lateral={"delay": 0.03}, inhibition={"delay": 0.03}),
    "lateral delays differ": network(lateral={"delay": 0.03}, inhibition={"delay": 0.07}),
    "lateral delays of 0.5": network(lateral={"delay": 0.5}, inhibition={"delay": 0.5}),
    "lateral delays of 1.5": network(lateral={"delay": 1.5}, inhibition={"delay": 1.5}),
    "delay 1.5": network(afferent={"delay": 1.5}),
    "delay of a third": network(afferent={"delay": 1 / 3}, retina={"phase": 1 / 7}),
    "many inputs in an iteration": network(retina={"period": 0.07}),
    "settling is heard": network(cortex={"strict_tsettle": 1}, more=second_area(forth=0.03)),
    "settling is never heard": network(cortex={"strict_tsettle": 5}, more=second_area()),
    "feedback": network(more=second_area()),
    "feedback at once": network(more=second_area(forth=0.05, back=0.05)),
    "feedback between settling sheets": network(
        cortex={"strict_tsettle": 2}, more=second_area(forth=0.04, back=0.07, tsettle=2, strict_tsettle=1)
    ),
    "no settling": network(cortex={"tsettle": 0}),
    "a sheet that does not settle": network(sheet=CFSheet),
    "a sheet that does not settle, with delays": network(
        sheet=CFSheet, lateral={"delay": 0.3}, inhibition={"delay": 0.5}
    ),
    "several patterns": network(
        retina={"input_generator": lambda: Composite(generators=[spot(1), spot(2, scale=0.5), spot(3, scale=-0.5)])}
    ),
    "adding patterns": network(
        retina={"input_generator": lambda: Composite(generators=[spot(1), Disk(x=uniform_over(0.3, seed=2), size=0.2)])}
    ),
    "divided by a part": network(
        afferent={"combine": Add()},
        inhibition={"strength": 0.5, "combine": Divide(constant=0.5), "activity_group": 0.9},
    ),
    "divided by its neighbours": network(
        lateral={"combine": Divide(constant=0.5), "activity_group": 0.9},
        inhibition={"strength": 0.5, "combine": Divide(constant=0.5), "activity_group": 0.9},
    ),
}


CASES = [
    pytest.param(
        contract,
        name,
        id=f"{name}-{contract}",
    )
    for name in NETWORKS
    for contract in CONTRACTS
]


@pytest.mark.parametrize(("contract", "name"), CASES)
def test_every_network_keeps_every_promise(contract, name):
    """Single and reference precision agree to 2e-6; states, measurements and scripts change no bit."""
    CONTRACTS[contract](NETWORKS[name])


DENSE = (
    "everything a user's own",
    "own learning rule",
    "own adaptive function",
    "neighbourhood mask",
    "two output functions",
)


def test_both_paths_take_part():
    """Most of these networks are computed event by event, and some are not: comparing them compares the two paths."""
    sheets = {}
    for name in NETWORKS:
        if name != "own combination":
            sim = NETWORKS[name]("compiled")
            sim.start()
            sheets[name] = not sim.explain()[0].is_dense
    assert sheets["nothing special"]
    assert not any(sheets[name] for name in DENSE)
    assert sum(sheets.values()) > 0.5 * len(sheets)
