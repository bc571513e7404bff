"""Initial weights: drawn for all units at once where that is the same as unit by unit."""

import numpy as np
import pytest

from tests.analysis.test_fields import small_network
from topo_exp.engine.patterns import Composite, Constant, Gaussian
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
