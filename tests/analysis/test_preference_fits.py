"""The reference's definitions of preference: on curves whose answer is known; the recorded ones are in tests/golden."""

import math

import numpy as np
import pytest

from topo_exp.analysis import preference as p
from topo_exp.analysis import preference_fits as f
from topo_exp.errors import ParameterError


def curve(values, centre, kappa, period=math.pi):
    """A von Mises peak of height 1."""
    return np.exp(kappa * (np.cos(2 * np.pi * (values - centre) / period) - 1))


def even(n, period=math.pi):
    """Values spread evenly over a period."""
    return np.arange(n) * period / n


@pytest.mark.parametrize("centre", [0.0, 0.4, 1.5, 3.1])
@pytest.mark.parametrize("kappa", [0.3, 2.0, 10.0])
def test_a_von_mises_curve_is_found_again(centre, kappa):
    """The centre is the preference, and the logarithm of the concentration the selectivity."""
    values = even(16)
    found = f.reference_von_mises(curve(values, centre, kappa), values, period=math.pi)
    assert abs(math.remainder(found.preference - centre, math.pi)) < 1e-3
    assert found.selectivity == pytest.approx(math.log1p(kappa) / math.log1p((0.206 + 0.614 * 16) ** 2), rel=5e-3)


def test_both_von_mises_fits_prefer_the_same():
    """Where the reference's fit is accepted, ours finds the same peak."""
    values, random = even(18), np.random.default_rng(3)
    curves = np.stack([curve(values, random.uniform(0, 3), random.uniform(0.5, 8)) for _ in range(20)], axis=1)
    curves += 0.02 * random.random(curves.shape)
    theirs, ours = (fit(curves, values, period=math.pi) for fit in (f.reference_von_mises, p.von_mises))
    assert (theirs.selectivity > 0).all()
    distance = np.abs(np.remainder(theirs.preference - ours.preference + math.pi / 2, math.pi) - math.pi / 2)
    assert distance.max() < 1e-3


@pytest.mark.parametrize(
    "responses", [np.zeros(8), np.full(8, 0.7), 0.7 + 1e-5 * np.arange(8), [0.1, 0.5, 0.2, 0.1]], ids=str
)
def test_curves_without_a_mode_are_refused(responses):
    """Silent, flat and too few responses have preference and selectivity 0, in both fits."""
    values = even(len(responses))
    two = f.reference_bimodal_von_mises(responses, values, period=math.pi)
    for found in (f.reference_von_mises(responses, values, period=math.pi), two.first, two.second):
        assert (found.preference, found.selectivity) == (0, 0)


def ended(monkeypatch, *, amplitude=1.0, kappa=2.0, converged=True):
    """Let the least-squares search end in a given way, at a peak at a third of the half circle."""
    found = np.array([amplitude, kappa, math.pi / 3])
    monkeypatch.setattr(f, "minimise_squares", lambda residual, slopes, start: (found, converged))
    monkeypatch.setattr(f, "_noise", np.zeros)


@pytest.mark.parametrize(
    ("end", "accepted"),
    [
        ({}, True),
        ({"kappa": 0.01}, True),
        ({"converged": False}, False),
        ({"kappa": 0.0}, False),  # no angle is better than another one
        ({"kappa": -0.01}, False),
        ({"amplitude": 0.0}, False),  # neither is a concentration
    ],
)
def test_a_fit_is_accepted_by_how_its_search_ended(monkeypatch, end, accepted):
    """It must have converged, at kappa > 0, and determine all its parameters."""
    ended(monkeypatch, **end)
    values, kappa = even(12, 180.0), end.get("kappa", 2.0)
    found = f.reference_von_mises(curve(values, 60.0, kappa or 2.0, 180.0), values, period=180.0)
    assert found.preference == (pytest.approx(60) if accepted else 0)
    selectivity = math.log1p(kappa) / math.log1p((0.206 + 0.614 * 12) ** 2)
    assert found.selectivity == pytest.approx(selectivity if accepted else 0)


@pytest.mark.parametrize(("variance", "accepted"), [(0.4999, True), (0.5001, False)])
def test_a_fit_is_accepted_if_the_variance_of_its_angle_is_at_most_a_half(monkeypatch, variance, accepted):
    """The variance is the mean square residual over the sum of the squared slopes of the peak by its angle."""
    ended(monkeypatch)
    values = even(12)  # symmetric around the peak, so that slopes by height and concentration do not matter
    peak = curve(values, math.pi / 3, 2.0)
    slopes = 4 * peak * np.sin(2 * (values - math.pi / 3))
    mean_square = variance * (slopes**2).sum()
    residuals = math.sqrt(mean_square * (12 - 3) / 12)
    found = f.reference_von_mises(peak + residuals * np.cos(np.pi * np.arange(12)), values, period=math.pi)
    assert found.preference == (pytest.approx(math.pi / 3) if accepted else 0)


@pytest.mark.parametrize(("n", "is_fitted"), [(4, False), (5, True), (8, True), (9, True)])
def test_a_peak_needs_five_values_and_two_need_nine(monkeypatch, n, is_fitted):
    """With fewer values nothing is fitted, or only one peak."""
    asked = []

    def search(residual, slopes, start):
        asked.append(len(start) // 3)
        return np.array([1.0, 2.0, 1.0, 1.0, 2.0, 2.5][: len(start)]), True

    monkeypatch.setattr(f, "minimise_squares", search)
    f.reference_bimodal_von_mises(curve(even(n), 1.0, 2.0), even(n), period=math.pi)
    assert asked == [1] * is_fitted + [2] * (n >= 9)


@pytest.mark.parametrize("turn", [0.0, 0.8, 1.6, 2.4])
def test_two_peaks_are_found_where_there_are_two(turn):
    """Of two peaks, wherever they lie, the more selective one comes first."""
    values = even(24)
    wide, narrow = (0.5 + turn) % math.pi, (1.9 + turn) % math.pi
    both = curve(values, wide, 3.0) + 0.8 * curve(values, narrow, 9.0) + 0.02 * np.sin(18 * (values - turn))
    two = f.reference_bimodal_von_mises(both, values, period=math.pi)
    assert two.first.preference == pytest.approx(narrow, abs=0.05)
    assert two.second.preference == pytest.approx(wide, abs=0.05)
    assert two.first.selectivity > two.second.selectivity > 0


def test_one_peak_stays_one():
    """The second one then has the selectivity 0."""
    values = even(24)
    found = f.reference_bimodal_von_mises(curve(values, 0.5, 3.0), values, period=math.pi)
    assert found.first.preference == pytest.approx(0.5, abs=0.05)
    assert found.second.selectivity == pytest.approx(0, abs=1e-9)


def test_the_maximum_has_the_selectivity_of_the_average():
    """The preference is that of the largest response, the selectivity that of the resultant."""
    responses, values = np.random.default_rng(4).random((9, 5)), even(9)
    found = f.reference_maximum(responses, values, period=math.pi)
    np.testing.assert_array_equal(found.preference, values[responses.argmax(axis=0)])
    np.testing.assert_array_equal(found.selectivity, p.vector_average(responses, values, period=math.pi).selectivity)


def test_the_second_peak_lies_beyond_the_flanks():
    """A shoulder of the first peak is no second one, whose selectivity then is 0; silent units prefer nothing."""
    values = np.arange(8.0)
    one = f.reference_bimodal_peaks([0.1, 0.3, 0.9, 0.8, 0.5, 0.3, 0.2, 0.1], values)
    assert (one.first.preference, one.second.preference, one.second.selectivity) == (2, 2, 0)
    two = f.reference_bimodal_peaks([0.1, 0.3, 0.9, 0.2, 0.1, 0.6, 0.2, 0.1], values)
    assert (two.first.preference, two.second.preference) == (2, 5)
    assert two.second.selectivity == pytest.approx((8 * 0.6 / 2.5 - 1) / 7)
    silent = f.reference_bimodal_peaks(np.zeros(8), values + 3)
    assert np.isnan(silent.first.preference)
    assert (silent.second.preference, silent.second.selectivity) == (0, 0)
    flat = f.reference_bimodal_peaks(np.ones(8), values + 3)
    assert (flat.second.preference, flat.second.selectivity) == (3, 0)


def test_any_axis_and_shape_gives_the_same():
    """The axis of the feature may stand anywhere, and units in any shape."""
    values, random = even(12), np.random.default_rng(5)
    responses = random.random((12, 2, 3)) + curve(values, 1.0, 2.0)[:, None, None]
    for fn in (f.reference_maximum, f.reference_von_mises, f.reference_bimodal_peaks, f.reference_bimodal_von_mises):
        first = fn(responses, values, period=math.pi)
        moved = fn(np.moveaxis(responses, 0, 1), values, period=math.pi, axis=1)
        single = fn(responses[:, 1, 2], values, period=math.pi)
        a, b, c = (np.array(found) for found in (first, moved, single))
        assert a.shape[-2:] == (2, 3)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a[..., 1, 2], c)


def test_equal_responses_have_equal_bits_wherever_they_lie():
    """Among many calls with other things in memory, all fits of a noisy curve must be equal to the last bit."""
    values, random = even(12), np.random.default_rng(6)
    noisy = curve(values, 1.0, 2.0) + 0.3 * random.random(12)
    kept, found = [], set()
    for _ in range(30):
        found.add(np.array(f.reference_bimodal_von_mises(noisy.copy(), values, period=math.pi)).tobytes())
        kept = [*kept[-20:], *(np.full(random.integers(1, 400), -3.5) for _ in range(random.integers(4)))]
    assert len(found) == 1


def test_mistakes_are_named():
    """A linear feature, or values that do not match the responses, are refused."""
    with pytest.raises(ParameterError, match=r"period: must be > 0"):
        f.reference_von_mises(np.ones(6), even(6))
    with pytest.raises(ParameterError, match=r"values: must be one-dimensional"):
        f.reference_von_mises(np.ones(6), even(7), period=math.pi)
