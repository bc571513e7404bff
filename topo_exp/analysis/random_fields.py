"""Random maps with known statistics: the reference for a map without structure beyond its spectrum."""

from __future__ import annotations

import math

import numpy as np

from topo_exp.analysis.grids import ComplexArray
from topo_exp.errors import ParameterError


def ring_field(
    shape: tuple[int, int], *, wavelength: float, width: float = 0.1, seed: int | np.random.Generator = 0
) -> ComplexArray:
    """Return a complex Gaussian random field whose spectrum is a ring: a random orientation map.

        z(x) = sum_k sqrt(P(|k|) / |k|) c_k exp(i k x),   P(k) = exp(-(k - k0)^2 / (2 width^2 k0^2)) for k > 0

    with c_k independent complex normal numbers, so that P is the power in a ring of radius k, all directions together.
    Its orientation preference is arg(z)/2 and its selectivity |z|. The field is periodic: its edges join.

    Args:
        shape: (rows, cols) in units.
        wavelength: 2 pi / k0 in units, at least 2.
        width: Relative width of the ring, above 0; 0.1 is a thin ring.
        seed: Number or generator; equal seeds give equal fields.

    Returns:
        z, complex128 (rows, cols), with <|z|^2> = 1 over the field.

    Raises:
        ParameterError: A wavelength below 2 units or a width that is not above 0.
    """
    if not wavelength >= 2:
        raise ParameterError(
            f"ring_field.wavelength: must be >= 2 units (got {wavelength}). A grid shows no shorter one."
        )
    if not width > 0:
        raise ParameterError(f"ring_field.width: must be > 0 (got {width}). 0.1 is a thin ring.")
    rng = np.random.default_rng(seed)
    k = wavelength * np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    k[0, 0] = 1.0
    amplitude = np.sqrt(np.exp(-((k - 1) ** 2) / (2 * width**2)) / k)
    amplitude[0, 0] = 0.0
    noise = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    z = np.fft.ifft2(amplitude * noise)
    return z / np.sqrt(np.mean(np.abs(z) ** 2))


def ring_field_density(width: float) -> float:
    """Return the pinwheel density that theory expects of `ring_field`.

        rho = pi <k^2> / k0^2,   <k^2> = integral of k^2 P(k) dk / integral of P(k) dk

    pinwheels per wavelength squared. For the truncated Gaussian P of relative width w,
    <k^2>/k0^2 = 1 + w^2 + w phi(1/w) / Phi(1/w), phi and Phi being the normal density and distribution:
    3.17 at w = 0.1, 3.27 at 0.2, 3.67 at 0.4.

    Args:
        width: w, above 0.

    Returns:
        rho; it tends to pi as the ring gets thin.

    Raises:
        ParameterError: The width is not above 0.

    References:
        Zeros of isotropic Gaussian random fields; Wolf, F. & Geisel, T. (1998), Nature 395:73-78, doi:10.1038/25736;
        Afgoustidis, A. (2015), J Math Neurosci 5, doi:10.1186/s13408-015-0022-9.
    """
    if not width > 0:
        raise ParameterError(f"ring_field_density.width: must be > 0 (got {width}). 0.1 is a thin ring.")
    edge = 1 / width
    density = math.exp(-(edge**2) / 2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1 + math.erf(edge / math.sqrt(2)))
    return math.pi * (1 + width**2 + width * density / below)
