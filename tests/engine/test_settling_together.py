"""Sheets that settle together: output that reaches some sheets before others."""

import numpy as np
import pytest

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet, SettlingCFSheet
from topo_exp.engine.patterns import Gaussian, uniform_over
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.transfer import PiecewiseLinear


def network(engine, *, together):
    """Return two sheets that excite each other, and a third that hears of both when they have settled."""
    sim = Simulation("pair", engine=engine)
    sim.add(GeneratorSheet(name="Retina", nominal_density=8, input_generator=Gaussian(x=uniform_over(0.4, seed=3))))
    for name, other in (("A", "B"), ("B", "A")):
        sim.add(
            SettlingCFSheet(
                name=name,
                nominal_density=8,
                tsettle=3,
                strict_tsettle=2,
                settles_with=[other] if together else [],
                output_fns=[PiecewiseLinear(lower=0.0, upper=4.0)],
            )
        )
    sim.add(CFSheet(name="C", nominal_density=8, output_fns=[PiecewiseLinear(lower=0.0, upper=4.0)]))
    for source, dest in (("Retina", "A"), ("A", "A"), ("B", "B"), ("A", "B"), ("B", "A"), ("A", "C"), ("B", "C")):
        name = f"From{source}"
        sim.connect(source, dest, CFProjection(name=name, nominal_bounds=BoundingBox(radius=0.2), learning_rate=0.1))
    return sim


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(("together", "heard"), [(True, 0.15), (False, 0.25)])
def test_a_sheet_that_settles_along_hears_every_activation(engine, together, heard):
    """B hears of A's first activation at once if A settles with it, else after the activations that A keeps back."""
    sim = network(engine, together=together)
    sim.run(heard - 0.01)
    assert not sim["B"].projections["FromA"].activity.any()
    sim.run(heard)
    assert sim["B"].projections["FromA"].activity.any()


@pytest.mark.parametrize("together", [True, False])
def test_other_sheets_hear_of_the_settled_activity_only(together):
    """C hears of A after strict_tsettle activations, whatever A settles with."""
    sim = network("compiled", together=together)
    sim.run(0.24)
    assert not sim["C"].activity.any()
    sim.run(0.25)
    assert sim["C"].activity.any()


def test_both_engines_agree():
    """Activity and weights of sheets that settle together are those of the reference precision."""
    fast, dense = (network(engine, together=True) for engine in ("compiled", "reference"))
    for sim in (fast, dense):
        sim.run(4)
    assert not fast.explain().dense
    for name in ("A", "B", "C"):
        assert dense[name].activity.any()
        np.testing.assert_allclose(fast[name].activity, dense[name].activity, atol=1e-5)
        for key, projection in dense[name].projections.items():
            np.testing.assert_allclose(fast[name].projections[key].weights, projection.weights, atol=1e-6)
