"""Spectra: the ring is found where it was put."""

import numpy as np
import pytest

from topo_exp.analysis import spectrum
from topo_exp.analysis.least_squares import Minimum
from topo_exp.analysis.random_fields import ring_field
from topo_exp.analysis.spectrum import START_2013, Spectrum, _centroid, _fit, _start, map_spectrum, ring_shape
from topo_exp.errors import ParameterError


def random_map(n: int, hypercolumns: float, *, seed: int = 0, width: float = 0.1) -> np.ndarray:
    """Return preferences (n, n), cut from a larger random map so that its edges do not join."""
    z = ring_field((2 * n, 2 * n), wavelength=n / hypercolumns, width=width, seed=seed)
    return np.angle(z[:n, :n]) / 2 % np.pi


def centres(n: int, side: float = 1.0) -> np.ndarray:
    """Return n unit centres of a sheet of that side around 0."""
    return side * ((np.arange(n) + 0.5) / n - 0.5)


@pytest.mark.parametrize("hypercolumns", [3.0, 4.5, 6.0, 9.0])
def test_hypercolumn_distance_of_random_maps(hypercolumns: float) -> None:
    """The fit to exp(2 i theta) must find the wavelength of random maps within 4 %, over twelve of them."""
    x = centres(48, 1.5)
    found = [map_spectrum(random_map(48, hypercolumns, seed=s), x, -x) for s in range(12)]
    assert all(each.fitted for each in found)
    assert np.mean([each.hypercolumn_distance for each in found]) == pytest.approx(1.5 / hypercolumns, rel=0.04)


def test_scalar_form_finds_the_ring_at_its_lower_edge() -> None:
    """The 2013 form must find the wavenumber of GCAL-like maps about half a ring low, as that code did."""
    x = centres(49)
    found = [map_spectrum(random_map(49, 4.0, seed=s), x, -x, form="scalar") for s in range(12)]
    assert np.mean([each.peak for each in found]) == pytest.approx(4.0 - 0.4, abs=0.25)


@pytest.mark.parametrize(("n", "place", "broad"), [(24, 5, 2), (24, 20, 5), (10, 9, 1), (60, 12, 6)])
def test_a_fit_starts_at_the_ring_where_a_grid_of_rings_has_it(n: int, place: int, broad: int) -> None:
    """A ring of a position and width of the grid, over a curved background, is the start of the fit itself."""
    k = np.arange(1.0, n + 1)
    position, width = np.linspace(1, 0.75 * n, 32)[place], np.geomspace(0.5, max(n / 4, 1.0), 8)[broad]
    expected = (2.0, position, width, 0.3, -0.4 / n, 0.2 / n**2)
    found = _start(k, ring_shape(k, *expected))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


def plainly_scalar(preference: np.ndarray) -> np.ndarray:
    """Return the radial amplitudes of the 2013 form of an odd square map, written as a loop over rings."""
    n = len(preference)
    amplitude = np.abs(np.fft.fftshift(np.fft.fft2(preference / np.pi - 0.5)))
    amplitude = (amplitude - amplitude.min()) / (amplitude.max() - amplitude.min())
    row, col = np.mgrid[-(n // 2) : n // 2 + 1, -(n // 2) : n // 2 + 1]
    distance = np.sqrt(row**2 + col**2)
    rings = [(distance >= k) & ((distance < k + 1) | (k == n // 2)) for k in range(n // 2 + 1)]
    return np.array([amplitude[ring].mean() for ring in rings])


def test_scalar_form_is_that_of_2013() -> None:
    """Rings, rescaling and fit must be those described for the code of 2013: the same curve fit of the same numbers."""
    from scipy.optimize import curve_fit

    theta, x = random_map(49, 4.0, seed=3), centres(49)
    found = map_spectrum(theta, x, -x, form="scalar")
    assert found.k.tolist() == list(range(25))
    assert found.amplitude == pytest.approx(plainly_scalar(theta))
    expected, _ = curve_fit(ring_shape, found.k, found.amplitude, START_2013, maxfev=10_000)
    assert found.peak == pytest.approx(expected[1], rel=1e-5)
    assert found.hypercolumn_distance == pytest.approx(1 / expected[1], rel=1e-5)


def test_a_steady_turn_is_one_line_in_the_plane() -> None:
    """exp(2 i theta) turning 6 times along x and twice down must be one point at kx = 6, ky = -2 (ky points up)."""
    x = centres(40)
    theta = np.pi * (6 * x[None, :] + 2 * x[:, None]) % np.pi
    found = map_spectrum(theta, x, -x)
    row, col = np.unravel_index(found.plane.argmax(), found.plane.shape)
    left, right, bottom, top = found.extent
    assert left + (col + 0.5) * (right - left) / 40 == pytest.approx(6)
    assert top - (row + 0.5) * (top - bottom) / 40 == pytest.approx(-2)
    assert found.plane.max() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("n", [40, 41])
def test_the_plane_has_zero_in_its_middle_and_rows_that_fall(n: int) -> None:
    """The centre of the plane's extent and its rows must be placed alike for even and odd maps."""
    x = centres(n)
    theta = np.pi * 3 * -x[:, None] * np.ones(n) % np.pi  # turns upwards
    found = map_spectrum(theta, x, -x)
    row, col = np.unravel_index(found.plane.argmax(), found.plane.shape)
    left, right, bottom, top = found.extent
    assert left + (col + 0.5) * (right - left) / n == pytest.approx(0)
    assert top - (row + 0.5) * (top - bottom) / n == pytest.approx(3)


def test_oblong_maps_have_the_wavelength_of_their_hypercolumns() -> None:
    """The distance must come out in sheet units for any shape and unit of length."""
    z = ring_field((120, 120), wavelength=10, width=0.1, seed=1)[:40, :70]
    found = map_spectrum(np.angle(z) / 2 % np.pi, np.arange(70) * 0.02, -np.arange(40) * 0.02)
    assert found.side == pytest.approx(1.4)
    assert found.hypercolumn_distance == pytest.approx(0.2, rel=0.08)


def test_the_fit_recovers_its_own_shape() -> None:
    """Data of the very shape of eq. 7 must give back the coefficients."""
    k = np.arange(1.0, 25.0)
    truth = np.array([0.3, 6.2, 1.1, 0.1, -0.004, 5e-5])
    coefficients = _fit(k, ring_shape(k, *truth), form="polar")
    assert coefficients == pytest.approx(truth, rel=1e-8)


@pytest.mark.parametrize("form", ["polar", "scalar"])
def test_a_uniform_map_has_no_hypercolumns(form: str) -> None:
    """A map without structure must give NaN rather than fail: a silent sheet is a result."""
    x = centres(24)
    found = map_spectrum(np.zeros((24, 24)), x, -x, form=form)
    assert isinstance(found, Spectrum)
    assert np.isnan(found.peak)
    assert np.isnan(found.hypercolumn_distance)
    assert not found.fitted


@pytest.mark.parametrize("side", [1.0, 2.5])
@pytest.mark.parametrize("cycles", [1, 2, 3])
@pytest.mark.parametrize("n", [8, 10, 20])
def test_few_cycles_or_units_have_their_wavelength(n: int, cycles: int, side: float) -> None:
    """Whole cycles along a side of a map of few units must give exactly their length, with nothing fitted."""
    x = centres(n, side)
    stripes = np.broadcast_to(np.pi * cycles * x / side % np.pi, (n, n))
    for theta in (stripes, stripes.T):
        found = map_spectrum(theta, x, -x)
        assert not found.fitted
        assert np.isnan(found.coefficients).all()
        assert found.peak == pytest.approx(cycles)
        assert found.hypercolumn_distance == pytest.approx(side / cycles)


@pytest.mark.parametrize(("n", "fitted"), [(12, False), (13, False), (14, True)])
def test_a_fit_needs_seven_rings(n: int, fitted: bool) -> None:
    """Six coefficients need seven rings, which maps of 14 units along a side have."""
    x = centres(n)
    assert map_spectrum(random_map(n, 3.0, seed=1), x, -x).fitted is fitted


def test_the_centroid_is_weighted_by_the_power_of_the_strongest_ring_and_its_neighbours() -> None:
    """Amplitudes 2 at k = 2, 1 at k = 3 and any at k = 4 must give 11 / 5, however many points each has."""
    distance = np.array([[0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0]])
    plane = np.array([[9.0, 0.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.5]])
    assert _centroid(distance, plane, nyquist=4.0) == pytest.approx(2.2)
    assert _centroid(distance, plane, nyquist=2.0) == pytest.approx(2.0)
    assert np.isnan(_centroid(distance, np.where(distance == 0, 9.0, 0.0), nyquist=4.0))


def test_few_hypercolumns_have_about_their_distance() -> None:
    """Maps of one to three hypercolumns at any angle must give their distance within 15 %, on average."""
    x = centres(20)
    for cycles in (1.4, 2.0, 2.5, 3.0):
        found = []
        for angle in np.linspace(0, np.pi, 9):
            theta = np.pi * cycles * (np.cos(angle) * x[None, :] - np.sin(angle) * x[:, None]) % np.pi
            found.append(map_spectrum(theta, x, -x).hypercolumn_distance)
        assert np.mean(found) == pytest.approx(1 / cycles, rel=0.15), cycles


K = np.arange(1.0, 25.0)
RING = np.array([0.3, 6.2, 1.1, 0.1, -0.004, 5e-5])


@pytest.mark.parametrize(
    ("wrong", "accepted"),
    [
        ({}, True),
        ({0: -0.3}, False),  # a gap in place of a ring
        ({0: 0.0}, False),  # no ring
        ({1: 0.9}, False),  # a ring below the first wavenumber
        ({1: 24.1}, False),  # a ring beyond the last one
        ({1: 1.1}, True),
        ({1: 23.9}, True),
    ],
)
def test_a_fit_is_accepted_only_as_a_ring_within_the_spectrum(
    monkeypatch: pytest.MonkeyPatch, wrong: dict, accepted: bool
) -> None:
    """A fit of no positive height, or outside the wavenumbers, must not be taken for the ring of a map."""
    coefficients = RING.copy()
    coefficients[list(wrong)] = list(wrong.values())
    monkeypatch.setattr(spectrum, "minimise_squares", lambda *_: Minimum(coefficients.copy(), converged=True))
    found = _fit(K, ring_shape(K, *RING), form="polar")
    assert found.tolist() == coefficients.tolist() if accepted else np.isnan(found).all()


@pytest.mark.parametrize(("n", "accepted"), [(6, False), (7, True)])
def test_nothing_is_fitted_to_few_or_equal_amplitudes(n: int, accepted: bool) -> None:
    """Six amplitudes do not determine six coefficients and a check; equal ones have no ring."""
    k = np.arange(1.0, n + 1)
    assert np.isfinite(_fit(k, ring_shape(k, 1, 3, 1, 0.1, 0, 0), form="polar")).all() == accepted
    assert np.isnan(_fit(K, np.full(K.shape, 0.2), form="polar")).all()


@pytest.mark.parametrize("fitted", [True, False])
def test_a_fit_that_did_not_converge_is_not_reported_as_fitted(monkeypatch: pytest.MonkeyPatch, fitted: bool) -> None:
    """Where the solver gives up, the peak must be the centroid, with no coefficients and `fitted` False."""
    found = np.array([0.3, 5.5, -1.1, 0.1, 0.0, 0.0])
    monkeypatch.setattr(spectrum, "minimise_squares", lambda *_: Minimum(found, converged=fitted))
    x = centres(40)
    measured = map_spectrum(random_map(40, 4.0, seed=2), x, -x)
    assert measured.fitted is fitted
    assert np.isfinite(measured.coefficients).all() == fitted
    assert measured.peak == pytest.approx(5.5 if fitted else 4.0, rel=0.1)
    if fitted:
        assert measured.coefficients[2] == 1.1  # a width has no sign
    found[4] = np.nan
    assert not map_spectrum(random_map(40, 4.0, seed=2), x, -x).fitted


def test_missing_units_leave_the_ring_where_it_is() -> None:
    """A hole of NaN in a map must not move its ring, nor lower a single line of its plane."""
    n, cycles = 40, 5
    x = centres(n)
    theta = np.broadcast_to(np.pi * cycles * x % np.pi, (n, n)).copy()
    theta[10:20, 5:15] = np.nan
    found = map_spectrum(theta, x, -x)
    assert found.hypercolumn_distance == pytest.approx(1 / cycles, rel=0.02)
    assert found.plane.max() == pytest.approx(1.0, abs=0.02)
    assert np.isnan(map_spectrum(np.full((n, n), np.nan), x, -x).peak)


@pytest.mark.parametrize("form", ["polar", "scalar"])
def test_a_hole_in_a_uniform_map_has_no_hypercolumns(form: str) -> None:
    """The mean is that of the units with a value, so that the border of the hole is no step."""
    x = (np.arange(24) + 0.5) / 24
    theta = np.where(np.hypot(x - 0.4, (x - 0.6)[:, None]) < 0.2, np.nan, 0.7)
    found = map_spectrum(theta, x, x[::-1], form=form)
    plane = found.plane.copy()
    plane[12, 12] = 0.0  # of the mean
    np.testing.assert_allclose(plane, 0, atol=1e-12)
    assert bool(found.plane[12, 12] > 0.5) is (form == "scalar")
    assert not found.fitted


@pytest.mark.parametrize(
    ("wrong", "message"), [({"form": "vector"}, "'polar' or 'scalar'"), ({"x": np.arange(5.0)}, "must fit the map")]
)
def test_wrong_arguments_are_refused(wrong: dict, message: str) -> None:
    """Unknown forms and coordinates of another map must be refused."""
    arguments = {"preference": np.zeros((4, 4)), "x": np.arange(4.0), "y": -np.arange(4.0)} | wrong
    with pytest.raises(ParameterError, match=message):
        map_spectrum(**arguments)
