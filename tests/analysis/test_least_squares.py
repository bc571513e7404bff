"""Least squares: minima that are known, and the same bits wherever arrays lie in memory."""

import numpy as np
import pytest

from topo_exp.analysis import least_squares
from topo_exp.analysis.least_squares import minimise_squares
from topo_exp.analysis.spectrum import ring_shape


def rosenbrock(a):
    """Return the residuals whose only minimum, 0, is at (1, 1), at the end of a curved valley."""
    return np.array([10 * (a[1] - a[0] ** 2), 1 - a[0]])


def rosenbrock_slopes(a):
    """Return the derivatives of `rosenbrock`."""
    return np.array([[-20 * a[0], 10.0], [-1.0, 0.0]])


@pytest.mark.parametrize("start", [(-1.2, 1.0), (6.39, -0.221), (0.0, 0.0), (1.0, 1.0), (1e4, -1e4)])
def test_the_end_of_a_curved_valley_is_found(start):
    """The minimum of Rosenbrock's function must be found from near and far."""
    found, converged = minimise_squares(rosenbrock, rosenbrock_slopes, np.array(start))
    assert converged
    assert found == pytest.approx([1.0, 1.0], rel=1e-7)


@pytest.mark.parametrize("factor", [1.0, 1e-6, 1e6])
def test_a_linear_problem_has_the_solution_of_the_normal_equations(factor):
    """For residuals that are linear, the minimum must be that of linear algebra, whatever the units of a parameter."""
    rng = np.random.default_rng(3)
    design, data = rng.normal(size=(9, 3)) * [1.0, factor, 1.0], rng.normal(size=9)
    found, converged = minimise_squares(lambda a: design @ a - data, lambda a: design, np.ones(3))
    assert converged
    assert found == pytest.approx(np.linalg.lstsq(design, data, rcond=None)[0], rel=1e-6)


def helical(a):
    """Return the residuals of the helical valley, whose minimum, 0, is at (1, 0, 0)."""
    turn = np.arctan2(a[1], a[0]) / (2 * np.pi)
    return np.array([10 * (a[2] - 10 * turn), 10 * (np.hypot(a[0], a[1]) - 1), a[2]])


def helical_slopes(a):
    """Return the derivatives of `helical`."""
    square = a[0] ** 2 + a[1] ** 2
    turn, length = 50 / np.pi / square, 10 / np.sqrt(square)
    return np.array([[turn * a[1] * 2, -turn * a[0] * 2, 10.0], [length * a[0], length * a[1], 0.0], [0.0, 0.0, 1.0]])


def freudenstein(a):
    """Return the residuals of Freudenstein and Roth, with a minimum of 0 at (5, 4) and a false one."""
    x, y = a
    return np.array([-13 + x + ((5 - y) * y - 2) * y, -29 + x + ((y + 1) * y - 14) * y])


def freudenstein_slopes(a):
    """Return the derivatives of `freudenstein`."""
    return np.array([[1, 10 * a[1] - 3 * a[1] ** 2 - 2], [1, 3 * a[1] ** 2 + 2 * a[1] - 14]])


U = np.arange(1.0, 16.0)
V, W = 16 - U, np.minimum(U, 16 - U)
BARD = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39])


def bard(a):
    """Return the residuals of Bard, a fraction of linear functions."""
    return BARD - (a[0] + U / (V * a[1] + W * a[2]))


def bard_slopes(a):
    """Return the derivatives of `bard`."""
    square = (V * a[1] + W * a[2]) ** 2
    return np.stack([-np.ones(15), U * V / square, U * W / square], axis=1)


T = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
KOWALIK = np.array([0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])


def kowalik(a):
    """Return the residuals of Kowalik and Osborne, a fraction of quadratic functions."""
    return KOWALIK - a[0] * (T**2 + T * a[1]) / (T**2 + T * a[2] + a[3])


def kowalik_slopes(a):
    """Return the derivatives of `kowalik`."""
    upper, lower = T**2 + T * a[1], T**2 + T * a[2] + a[3]
    return np.stack([-upper / lower, -a[0] * T / lower, a[0] * upper * T / lower**2, a[0] * upper / lower**2], axis=1)


PLACES = 45 + 5 * np.arange(1.0, 17.0)
MEYER = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]


def meyer(a):
    """Return the residuals of Meyer, an exponential that takes more than a hundred steps."""
    return a[0] * np.exp(a[1] / (PLACES + a[2])) - MEYER


def meyer_slopes(a):
    """Return the derivatives of `meyer`."""
    e = np.exp(a[1] / (PLACES + a[2]))
    return np.stack([e, a[0] * e / (PLACES + a[2]), -a[0] * a[1] * e / (PLACES + a[2]) ** 2], axis=1)


PROBLEMS = {
    "Rosenbrock": (rosenbrock, rosenbrock_slopes, [(-1.2, 1.0), (-12.0, 10.0), (-120.0, 100.0)]),
    "Freudenstein": (freudenstein, freudenstein_slopes, [(0.5, -2.0), (5.0, -20.0), (50.0, -200.0)]),
    "helical": (helical, helical_slopes, [(-1.0, 0.0, 0.0), (0.5, -3.0, 1.0), (2.0, 3.0, 4.0)]),
    "Bard": (bard, bard_slopes, [(1.0, 1.0, 1.0), (10.0, 10.0, 10.0), (100.0, 100.0, 100.0)]),
    "Kowalik": (kowalik, kowalik_slopes, [(0.25, 0.39, 0.415, 0.39), (2.5, 3.9, 4.15, 3.9)]),
    "Meyer": (meyer, meyer_slopes, [(0.02, 4000.0, 250.0)]),
}
"""Problems of Moré, Garbow & Hillstrom (1981), ACM Trans Math Softw 7:17-41, doi:10.1145/355934.355936: residuals,
derivatives, and starts from which rounding does not decide how the search goes."""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # trial steps overflow, in both programs
@pytest.mark.parametrize(
    ("name", "start"), [(name, start) for name, (_, _, starts) in PROBLEMS.items() for start in starts]
)
def test_the_steps_are_those_of_minpack(name, start):
    """As many points as in MINPACK must be tried, since radius and damping follow the same rules."""
    from scipy.optimize import leastsq

    residual, slopes, _ = PROBLEMS[name]
    tried = []

    def counted(a):
        tried.append(a.copy())
        return residual(a)

    found, converged = minimise_squares(counted, slopes, np.array(start))
    expected, _, info, _, _ = leastsq(residual, start, Dfun=slopes, full_output=True, maxfev=least_squares.CALLS)
    assert converged
    assert len(tried) == info["nfev"]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_a_parameter_without_effect_keeps_its_value():
    """A column of zeros in the derivatives must neither stop the search nor move its parameter."""
    found, converged = minimise_squares(
        lambda a: np.array([a[0] - 2.0, 3 * a[0] - 6.0, 0.5]),
        lambda a: np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]]),
        np.array([0.0, 7.0]),
    )
    assert converged
    assert found == pytest.approx([2.0, 7.0])


@pytest.mark.parametrize(
    ("residual", "slopes"),
    [
        (lambda a: a * np.nan, lambda a: np.ones((1, 1))),
        (lambda a: a, lambda a: np.full((1, 1), np.nan)),
    ],
)
def test_what_is_not_a_number_does_not_converge(residual, slopes):
    """A search that meets NaN must say so."""
    assert not minimise_squares(residual, slopes, np.array([0.5])).converged


def test_no_more_points_are_tried_than_allowed(monkeypatch):
    """The search must end, not converged, after the allowed number of points."""
    monkeypatch.setattr(least_squares, "CALLS", 5)
    tried = []
    found = minimise_squares(lambda a: tried.append(0) or rosenbrock(a), rosenbrock_slopes, np.array([-1.2, 1.0]))
    assert not found.converged
    assert len(tried) == 5


def test_equal_data_have_equal_bits_wherever_they_lie():
    """Among many calls with other things in memory, all results must be equal to the last bit."""
    k = np.arange(1.0, 13.0)
    data = ring_shape(k, 0.03, 3.11, 0.1, 0.1, -0.02, 1e-3) + 1e-2 * np.cos(7 * k)

    def slopes(a):
        away = (k - a[1]) / a[2]
        ring = np.exp(-(away**2) / 2)
        slope = a[0] * ring * away / a[2]
        return np.stack([ring, slope, slope * away, np.ones_like(k), k, k**2], axis=1)

    start, rng, kept, found = np.array([0.03, 3.2, 0.5, 0.1, -0.02, 1e-3]), np.random.default_rng(0), [], set()
    for _ in range(60):
        found.add(minimise_squares(lambda a: ring_shape(k, *a) - data, slopes, start).parameters.tobytes())
        kept = [*kept[-20:], *(np.full(rng.integers(1, 400), -3.5) for _ in range(rng.integers(4)))]
    assert len(found) == 1


def test_a_search_ends_where_the_sum_is_stationary():
    """If the slopes of all residuals cancel at the start, that is the answer, and no step is tried."""
    tried = []

    def residual(at):
        tried.append(float(at[0]))
        return np.array([at[0] + 1, 1 - at[0]])

    found = minimise_squares(residual, lambda at: np.array([[1.0], [-1.0]]), np.array([0.0]))
    assert (found[0].tolist(), found[1]) == ([0.0], True)
    assert tried == [0.0]
