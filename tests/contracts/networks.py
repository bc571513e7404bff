"""A small network with a place for everything, and what is held of every network."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet, SettlingCFSheet
from topo_exp.engine.patterns import Disk, Gaussian, GaussianCloud, Pattern, uniform_over
from topo_exp.engine.projection import CFProjection, Projection
from topo_exp.engine.projection_types import OneToOneProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import HalfRectify

Build = Callable[[str], Simulation]
"""Returns a network in "compiled" or "reference" engine."""

TOLERANCE = 2e-6
"""What single precision, 6e-8, may have grown to in five iterations of settling and learning."""


def box(radius: float, *, stretch: float = 1.0) -> BoundingBox:
    """Return bounds of this half-width, whose height is `stretch` times the width."""
    return BoundingBox(points=((-radius, -radius * stretch), (radius, radius * stretch)))


def spot(seed: int = 1, **changes: Any) -> Pattern:
    """Return an elongated Gaussian at a place and orientation of chance."""
    numbers = {
        "x": uniform_over(0.4, seed=seed),
        "y": uniform_over(0.4, seed=seed + 100),
        "orientation": uniform_over(3.0, seed=seed + 200),
        "size": 0.25,
        "aspect_ratio": 2.0,
    }
    return Gaussian(**{**numbers, **changes})


def weights(radius: float) -> dict[str, Any]:
    """Return what makes fields round, and noisy at the start."""
    return {
        "nominal_bounds": BoundingBox(radius=radius),
        "weights_generator": GaussianCloud(size=2 * radius),
        "cf_shape": Disk(smoothing=0.0),
    }


def network(
    *,
    retina: dict[str, Any] | None = None,
    cortex: dict[str, Any] | None = None,
    sheet: type[CFSheet] = SettlingCFSheet,
    projection: type[Projection] = CFProjection,
    afferent: dict[str, Any] | None = None,
    lateral: dict[str, Any] | None = None,
    inhibition: dict[str, Any] | None = None,
    more: Callable[[Simulation], None] = lambda sim: None,
) -> Build:
    """Return what builds a retina and a sheet V1 that settles by a lateral and an inhibitory projection.

    Each argument changes what is declared: keyword arguments of the sheets and projections, the class of V1 and of its
    afferent projection. `more` adds to what is built. Everything is declared anew for each network.
    """

    def build(engine: str) -> Simulation:
        sim = Simulation("small", engine=engine)
        seen = {"nominal_density": 10.0, "nominal_bounds": box(0.55), "input_generator": spot(), **fresh(retina)}
        sim.add(GeneratorSheet(name="Retina", **seen))
        settling = {"tsettle": 3} if issubclass(sheet, SettlingCFSheet) else {}
        own = {"nominal_density": 8.0, "output_fns": [HalfRectify()], **settling, **fresh(cortex)}
        sim.add(sheet(name="V1", **own))
        rate = {"learning_rate": 0.3} if issubclass(projection, CFProjection) else {}
        extent = {} if issubclass(projection, OneToOneProjection) else weights(0.3)
        first = {"delay": 0.05, "strength": 1.5, **rate, **extent, **fresh(afferent)}
        sim.connect("Retina", "V1", projection(name="Afferent", **first))
        for name, strength, radius, changes in (("Lateral", 0.5, 0.2, lateral), ("Inhibition", -0.6, 0.3, inhibition)):
            declared = {"strength": strength, "learning_rate": 0.2, **weights(radius), **fresh(changes)}
            sim.connect("V1", "V1", CFProjection(name=name, **declared))
        more(sim)
        return sim

    return build


def fresh(changes: dict[str, Any] | None) -> dict[str, Any]:
    """Return the changes, each that is given as a lambda without arguments made anew."""
    return {name: value() if _makes(value) else value for name, value in (changes or {}).items()}


def _makes(value: Any) -> bool:
    """Tell whether a value is a lambda without arguments."""
    if getattr(value, "__name__", "") != "<lambda>":
        return False
    return not inspect.signature(value).parameters


# --- what is held of every network ------------------------------------------------------------------------------------
def assert_engines_agree(build: Build, *, moments: tuple[float, ...] = (0.12, 1.12, 4.12, 5.0)) -> None:
    """Hold activity, thresholds and weights in single precision to those in reference precision, and both alive."""
    single, reference = build("compiled"), build("reference")
    alive = False
    for moment in moments:
        single.run(moment)
        reference.run(moment)
        alive |= _agree(single, reference, TOLERANCE)
    assert alive, "nothing was active: the network shows nothing"


def _agree(single: Simulation, reference: Simulation, tolerance: float) -> bool:
    """Hold two simulations to each other, and tell whether anything was active in them."""
    alive = False
    for name, sheet in reference.sheets.items():
        near(single[name].activity, sheet.activity, tolerance, f"{name}.activity")
        alive |= bool(sheet.activity.any()) and not sheet.is_generator
        if sheet.threshold is not None:
            near(single[name].threshold, sheet.threshold, tolerance, f"{name}.threshold")
        for p in sheet.projections.values():
            twin = single[name].projections[p.name]
            near(twin.weights, p.weights, tolerance, f"{p.path}.weights")
            near(twin.activity, p.activity, tolerance, f"{p.path}.activity")
    return alive


def near(found: Any, expected: Any, tolerance: float, what: str) -> None:
    """Hold `found` to `expected` within a tolerance, relative to the largest value."""
    assert found.shape == expected.shape, what
    assert np.isfinite(expected).all(), f"{what} is not finite"
    distance = np.abs(found - expected).max(initial=0)
    scale = max(np.abs(expected).max(initial=0), 1e-3)
    assert distance <= tolerance * scale, f"{what} differs by {distance / scale:.2g} relative to its maximum"


def differences(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> list[str]:
    """Return the names of what differs between two states in any bit."""
    assert a.keys() == b.keys(), a.keys() ^ b.keys()
    return [key for key in a if a[key].dtype != b[key].dtype or a[key].tobytes() != b[key].tobytes()]


def assert_restores(build: Build, *, moment: float = 2.4, until: float = 4.0) -> None:
    """Hold a network that takes over a stored state to the bits of the one that it was stored from."""
    first, second = build("compiled"), build("compiled")
    first.run(moment)
    stored = {key: np.array(value) for key, value in first.state().items()}
    assert not [key for key, value in stored.items() if value.dtype.hasobject]
    second.restore(stored)
    assert differences(stored, second.state()) == []
    for sim in (first, second):
        sim.run(until)
    assert differences(first.state(), second.state()) == []


def assert_frozen_leaves_no_trace(build: Build, *, moments: tuple[float, ...] = (0.0, 2.0), until: float = 4.0) -> None:
    """Hold a network that ran and was shown patterns while frozen to the bits of one that was left alone."""
    alone, looked = build("compiled"), build("compiled")
    alone.run(until)
    retinas = [name for name, sheet in looked.sheets.items() if sheet.is_generator]
    for moment in moments:
        looked.run(moment)
        before = looked.state()
        with looked.frozen():
            for afferent_only in (False, True):
                looked.respond({name: [Gaussian(size=0.4)] for name in retinas}, afferent_only=afferent_only)
        with looked.frozen():
            looked.run(looked.time + 1.5)
        assert differences(before, looked.state()) == []
    looked.run(until)
    assert differences(alone.state(), looked.state()) == []


def assert_script_rebuilds(build: Build, *, until: float = 3.0) -> None:
    """Hold the network that its own source builds to the same bits."""
    sim = build("compiled")
    names: dict[str, Any] = {}
    exec(sim.script_repr(), names)  # noqa: S102  # executing it is what the source is for
    for each in (sim, names["sim"]):
        each.run(until)
    assert differences(sim.state(), names["sim"].state()) == []


CONTRACTS = {
    "engines agree": assert_engines_agree,
    "a stored state goes on": assert_restores,
    "frozen leaves no trace": assert_frozen_leaves_no_trace,
    "its script rebuilds it": assert_script_rebuilds,
}
"""Every promise, by what it says; `pytest.mark.parametrize` over their names."""
