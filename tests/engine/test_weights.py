"""Initial weights: drawn for all units at once where that is the same as unit by unit."""

import numpy as np
import pytest

from tests.analysis.test_fields import small_network
from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.patterns import Composite, Constant, Gaussian
from topo_exp.engine.projection import SharedWeightCFProjection
from topo_exp.engine.sheet import GeneratorSheet
from topo_exp.engine.simulation import Simulation
from topo_exp.engine.streams import UniformRandom


def weights_of(pattern):
    """Return the weights of the ON projection of a small network, (units, rows, columns)."""
    return small_network(pattern)["V1"].projections["LGNOnWeights"].weights


@pytest.mark.parametrize("size", [0.1, 0.25])
def test_a_pattern_of_parts_is_drawn_as_its_parts_are(size):
    """A composite of one part, and of two that are equal, must have the weights of the part at each unit."""
    part = weights_of(Gaussian(size=size))
    for parts in ([Gaussian(size=size)], [Gaussian(size=size), Gaussian(size=size)]):
        np.testing.assert_allclose(weights_of(Composite(generators=parts)), part, rtol=1e-6)


def test_numbers_that_vary_are_drawn_anew_for_each_unit():
    """Fields of a random orientation differ between units, those of a fixed one do not."""
    centre = small_network(Gaussian(size=0.1))["V1"].shape
    middle = centre[0] // 2 * centre[1] + centre[1] // 2
    fixed = weights_of(Gaussian(size=0.1, aspect_ratio=3.0, orientation=0.4))
    varied = weights_of(Gaussian(size=0.1, aspect_ratio=3.0, orientation=UniformRandom(lbound=0, ubound=np.pi)))
    np.testing.assert_allclose(fixed[middle], fixed[middle + 1], atol=1e-6)
    assert np.abs(varied[middle] - varied[middle + 1]).max() > 1e-3
    assert np.abs(weights_of(Constant())[middle] - weights_of(Constant())[middle + 1]).max() < 1e-6


def test_weights_are_normalised_as_initial_ones_once_only():
    """What has become of the weights since is not undone when a network is completed again."""
    projection = small_network(Gaussian(size=0.1))["V1"].projections["LGNOnWeights"]
    projection.finish()
    before = projection.weights.copy()
    projection.scale(np.arange(len(before)), np.full(len(before), 0.5))
    projection.finish()
    np.testing.assert_allclose(projection.weights, before / 2, rtol=1e-6)


@pytest.mark.parametrize("density", [10, 11])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.1, -0.2)])
def test_a_shared_kernel_is_the_pattern_about_its_own_centre(density, place):
    """On sheets with and without a unit in the middle, the kernel's cells are whole cells from the pattern's origin."""
    sim = Simulation("kernel")
    for name in ("Retina", "LGN"):
        sim.add((GeneratorSheet if name == "Retina" else CFSheet)(name=name, nominal_density=density))
    pattern = Gaussian(size=0.2, aspect_ratio=2.0, orientation=0.3, x=place[0], y=place[1])
    bounds = BoundingBox(radius=0.35)
    sim.connect("Retina", "LGN", SharedWeightCFProjection(weights_generator=pattern, nominal_bounds=bounds, name="all"))
    kernel = sim["LGN"].projections["all"].weights
    reach = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    expected = pattern(reach / sim["Retina"].density, -reach / sim["Retina"].density)
    inside = kernel > 0
    ratio = kernel[inside] / expected[inside]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
