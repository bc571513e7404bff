"""Random fields: their theory is the anchor of the pinwheel count."""

import numpy as np
import pytest

from topo_exp.analysis.pinwheels import find_pinwheels, winding_numbers
from topo_exp.analysis.random_fields import ring_field, ring_field_density
from topo_exp.errors import ParameterError


@pytest.mark.parametrize(("width", "density"), [(1e-3, np.pi), (0.1, 3.17), (0.2, 3.27), (0.4, 3.67)])
def test_theory_gives_the_known_densities(width: float, density: float) -> None:
    """The closed form must give pi for an infinitely thin ring and the published 3.17, 3.27, 3.67 for wider ones."""
    assert ring_field_density(width) == pytest.approx(density, abs=5e-3)


@pytest.mark.parametrize("width", [0.1, 0.2, 0.4])
def test_pinwheel_density_of_a_random_field_is_that_of_theory(width: float) -> None:
    """Both counts must find pi <k^2>/k0^2 pinwheels per wavelength squared in a Gaussian random field."""
    n, wavelength = 512, 14
    z = ring_field((n, n), wavelength=wavelength, width=width, seed=3)
    centres = np.arange(n, dtype=float)
    hypercolumns = ((n - 1) / wavelength) ** 2  # 1332: the counting error is about 1.5 %
    assert len(find_pinwheels(z, centres, -centres)) / hypercolumns == pytest.approx(
        ring_field_density(width), rel=0.04
    )
    assert np.abs(winding_numbers(z)).sum() / hypercolumns == pytest.approx(ring_field_density(width), rel=0.04)


def test_the_spectrum_is_the_ring_that_was_asked_for() -> None:
    """The power in rings of |k| must have its mean and spread where wavelength and width put them."""
    n, wavelength, width = 512, 16, 0.15
    power = np.abs(np.fft.fft2(ring_field((n, n), wavelength=wavelength, width=width, seed=1))) ** 2
    k = wavelength * np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None, :])
    mean = np.average(k, weights=power)
    assert mean == pytest.approx(1.0, abs=0.01)
    assert np.sqrt(np.average((k - mean) ** 2, weights=power)) == pytest.approx(width, rel=0.05)


def test_equal_seeds_give_equal_fields() -> None:
    """A field must be a function of its arguments, and another seed another field."""
    first, again, other = (ring_field((20, 30), wavelength=8, seed=seed) for seed in (5, 5, 6))
    assert first.shape == (20, 30)
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("wrong", [{"wavelength": 1.0}, {"wavelength": 8, "width": 0}])
def test_impossible_fields_are_refused(wrong: dict[str, float]) -> None:
    """A wavelength that no grid shows, or a ring without width, must be refused."""
    with pytest.raises(ParameterError, match="must be >"):
        ring_field((8, 8), **wrong)
