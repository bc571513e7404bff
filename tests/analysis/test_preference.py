"""Preferences and selectivities against curves whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import i0, i1

from topo_exp.analysis import preference as p
from topo_exp.errors import ParameterError, UnknownNameError


def curve(angles, centre, kappa, period=np.pi):
    return np.exp(kappa * (np.cos(2 * np.pi * (angles - centre) / period) - 1))


def even(n, period=np.pi):
    return np.arange(n) * period / n


def distance(a, b, period):
    d = np.abs(np.asarray(a) - b) % period
    return np.minimum(d, period - d)


@given(st.floats(0, 3.14), st.floats(0.1, 8.0), st.sampled_from([np.pi, 2 * np.pi, 180.0, 1.0]))
def test_cyclic_average_of_a_von_mises_curve(centre, kappa, period):
    """A von Mises curve, finely sampled, has its centre as preference and I1/I0 of its concentration as selectivity."""
    values = even(64, period)
    found = p.vector_average(curve(values, centre, kappa, period), values, period=period)
    assert distance(found.preference, centre, period) < 1e-9 * period
    assert found.selectivity == pytest.approx(i1(kappa) / i0(kappa), abs=1e-9)


RESPONSES = st.lists(st.just(0.0) | st.floats(1e-100, 10), min_size=2, max_size=12)
"""Responses whose products are normal numbers."""


@given(RESPONSES, st.floats(-20, 20), st.floats(0.1, 7))
def test_cyclic_average_turns_with_its_values(responses, turn, period):
    """Adding a constant to all values turns the preference by it and keeps the selectivity; silence has neither."""
    r, v = np.array(responses), even(len(responses), period)
    a, b = p.vector_average(r, v, period=period), p.vector_average(r, v + turn, period=period)
    assert b.selectivity == pytest.approx(a.selectivity, abs=1e-9, nan_ok=True)
    assert 0 <= b.preference < period or (not r.any() and np.isnan(b.preference))
    if a.selectivity > 1e-6:
        assert distance(b.preference, a.preference + turn, period) < 1e-6 * period


@pytest.mark.parametrize("method", ["vector_average", "maximum", "von_mises", "von_mises_two"])
def test_silent_flat_and_single_responses(method):
    """A silent unit has no preference; selectivity is 0 for a flat unit, near 1 for one that answers to one value."""
    values = even(8)
    r = np.zeros((8, 3))
    r[:, 1] = 1.0
    r[5, 2] = 2.0
    found = p.method_named(method)(r, values, period=np.pi)
    assert np.isnan(found.preference[0])
    assert np.isnan(found.selectivity[0])
    assert found.selectivity[1] == pytest.approx(0, abs=2e-3)  # a fitted concentration stays above 1e-3
    assert found.preference[2] == pytest.approx(values[5], abs=1e-6)
    assert found.selectivity[2] > 0.95


def test_linear_average_and_peak_share():
    """A linear feature's preference is the weighted mean; selectivity is the peak's share above the even share."""
    found = p.vector_average([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]], [10.0, 20.0, 40.0])
    np.testing.assert_allclose(found.preference, [17.5, np.nan])
    np.testing.assert_allclose(found.selectivity, [(3 * 3 / 4 - 1) / 2, np.nan])


def test_maximum_takes_the_first_of_equals():
    """The value of the largest response is preferred, the first one where several are equal."""
    found = p.maximum([[1.0, 2.0], [3.0, 2.0]], [0.1, 0.7])
    np.testing.assert_allclose(found.preference, [0.7, 0.1])
    np.testing.assert_allclose(found.selectivity, [0.5, 0.0])


def test_any_axis_gives_the_same():
    """The axis of the feature may stand anywhere."""
    rng = np.random.default_rng(1)
    r, values = rng.random((6, 4, 5)), even(6)
    a = p.vector_average(r, values, period=np.pi)
    b = p.vector_average(np.moveaxis(r, 0, 2), values, period=np.pi, axis=2)
    np.testing.assert_array_equal(a.preference, b.preference)
    np.testing.assert_array_equal(a.selectivity, b.selectivity)


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, np.pi),
    st.floats(0.1, 1.0),
    st.floats(0.01, 100),
    st.integers(8, 24),
    st.sampled_from([np.pi, 2 * np.pi]),
)
def test_one_peak_is_fitted_exactly(centre, sharpness, amplitude, n, period):
    """Responses that follow the curve give back its centre, concentration and amplitude, if it spans a few values."""
    kappa = 0.2 + sharpness * (n / 4) ** 2  # at sharpness 1 the peak's standard deviation is 0.64 of the spacing
    values = even(n, period)
    fit = p.fit_von_mises(amplitude * curve(values, centre, kappa, period), values, period=period)
    assert distance(fit.centre[0], centre, period) < 1e-5
    assert fit.concentration[0] == pytest.approx(kappa, rel=1e-3)
    assert fit.amplitude[0] == pytest.approx(amplitude, rel=1e-3)
    assert fit.residual < 1e-5


@pytest.mark.parametrize(("first", "second", "ratio"), [(0.5, 3.8, 0.6), (2.0, 5.0, 0.9), (6.1, 3.0, 0.3)])
def test_two_peaks_are_told_apart(first, second, ratio):
    """Two peaks on a direction circle come back in order of amplitude."""
    values = even(24, 2 * np.pi)
    r = curve(values, first, 4.0, 2 * np.pi) + ratio * curve(values, second, 6.0, 2 * np.pi)
    fit = p.fit_von_mises(r, values, period=2 * np.pi, n_peaks=2)
    np.testing.assert_allclose(fit.centre, [first, second], atol=1e-4)
    np.testing.assert_allclose(fit.amplitude, [1.0, ratio], rtol=1e-3)
    np.testing.assert_allclose(fit.concentration, [4.0, 6.0], rtol=1e-3)


def test_fit_of_a_whole_map_survives_noise():
    """With 5 % noise the fitted centres of a whole map stay within a tenth of a radian."""
    rng = np.random.default_rng(3)
    values, centres = even(12), rng.uniform(0, np.pi, (20, 30))
    r = curve(values[:, None, None], centres, 3.0) + 0.05 * rng.standard_normal((12, 20, 30))
    assert distance(p.von_mises(r, values, period=np.pi).preference, centres, np.pi).max() < 0.1


@pytest.mark.parametrize("kappa", [1.0, 2.0, 5.0])
def test_half_width_of_a_von_mises_curve(kappa):
    """The half width of a finely sampled von Mises curve is P arccos(1 - ln 2 / kappa) / 2 pi."""
    values = even(720)
    expected = np.pi * np.arccos(1 - np.log(2) / kappa) / (2 * np.pi)
    assert p.half_width(curve(values, 0.3, kappa), values, period=np.pi) == pytest.approx(expected, abs=1e-4)


def test_half_width_of_a_triangle_is_exact():
    """Linear flanks are interpolated exactly, also across the end of the period; flat and silent curves have none."""
    triangle = np.array([3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.0, 2.0])
    r = np.stack([triangle, np.roll(triangle, 3), np.ones(8), np.zeros(8)], axis=1)
    np.testing.assert_allclose(p.half_width(r, np.arange(8.0), period=8.0), [1.5, 1.5, np.nan, np.nan])


def test_half_width_of_a_curve_that_falls_at_one_value_only():
    """Where a single value lies below half, the flanks on its two sides are both found, at 2.5 and -0.5."""
    narrow_gap = np.array([4.0, 4.0, 4.0, 0.0])
    np.testing.assert_allclose(p.half_width(narrow_gap, np.arange(4.0), period=4.0), (2.5 + 0.5) / 2)


def test_wrap_never_returns_the_period():
    """A tiny negative angle wraps to 0, not to the period."""
    assert p.wrap(-1e-20, np.pi) == 0.0
    assert p.wrap(-0.5, np.pi) == pytest.approx(np.pi - 0.5)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: p.vector_average(np.ones((3, 2)), [0, 1]), "values"),
        (lambda: p.vector_average(np.ones(2), [0, 1], period=0), "period"),
        (lambda: p.fit_von_mises(np.ones(4), np.arange(4), period=4, n_peaks=2), "2 peak"),
        (lambda: p.fit_von_mises(np.ones(4), np.arange(4), period=None), "cyclic"),
        (lambda: p.fit_von_mises(np.ones(9), np.arange(9), period=9, n_peaks=3), "n_peaks"),
        (lambda: p.half_width(np.ones(4), [0, 1, 2, 4], period=8), "evenly"),
    ],
)
def test_impossible_requests_are_refused(call, named):
    """A request without an answer is refused by the name of the argument."""
    with pytest.raises(ParameterError, match=named):
        call()


def test_unknown_method_is_refused():
    """An unknown method is answered with the nearest name."""
    with pytest.raises(UnknownNameError, match="vector_average"):
        p.method_named("vector_averag")


METHODS = ["vector_average", "maximum", "von_mises", "von_mises_two"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [1e-6, 0.3, 1e4])
def test_weak_responses_count_as_strong_ones(method, factor):
    """Preference and selectivity depend on the shape of the tuning curve, not on its height."""
    values = even(8)
    r = np.stack([curve(values, 0.4, 2.0), curve(values, 2.0, 5.0)], axis=1)
    strong, weak = (p.method_named(method)(f * r, values, period=np.pi) for f in (1.0, factor))
    np.testing.assert_allclose(weak.preference, strong.preference, atol=1e-5)
    np.testing.assert_allclose(weak.selectivity, strong.selectivity, atol=1e-5)


@pytest.mark.parametrize("factor", [1e-9, 1.0, 50.0])
def test_peak_share_is_that_of_theory(factor):
    """n equal responses share 0, a single one 1, a peak of twice the others (2n/(n+1) - 1)/(n - 1); none have none."""
    r = factor * np.array([[1, 1, 2, 0, -1], [1, 0, 1, 0, -2], [1, 0, 1, 0, -1], [1, 0, 1, 0, -3]], float)
    np.testing.assert_allclose(p.peak_share(r), [0, 1, (2 * 4 / 5 - 1) / 3, np.nan, np.nan], atol=1e-12)
    np.testing.assert_allclose(p.peak_share(r[:1]), [1, 1, 1, np.nan, np.nan])


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8), st.floats(-3, 3))
def test_a_linear_preference_lies_among_the_values(responses, start):
    """A linear preference is between the smallest and the largest value, or there is none, with any inhibition."""
    values = start + np.arange(len(responses)) ** 1.5
    found = p.vector_average(responses, values)
    assert np.isnan(found.preference) == (max(responses) <= 0)
    assert np.isnan(found.preference) or values[0] <= found.preference <= values[-1]
    assert np.isnan(found.selectivity) or 0 <= found.selectivity <= 1


def test_inhibition_is_no_preference_for_a_linear_feature():
    """Responses below 0 weigh nothing: the preference is that of the values that excite the unit."""
    values = [1.0, 2.0, 4.0, 6.0]
    found = p.vector_average([1.0, 0.5, -0.4, -0.9], values)
    assert found.preference == pytest.approx((1 * 1 + 0.5 * 2) / 1.5)
    assert found == pytest.approx(p.vector_average([1.0, 0.5, 0.0, 0.0], values))
    assert p.vector_average([0.5, -1.0, -1.0, -1.0], values) == pytest.approx((1.0, 1.0))


def test_inhibition_points_to_the_opposite_of_a_cyclic_feature():
    """A response below 0 to one orientation counts as one above 0 to that at right angles."""
    found = p.vector_average([0.0, 0.0, 0.0, -2.0, 1.0, 0.0, 0.0, 0.0], even(8), period=np.pi)
    expected = p.vector_average([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0], even(8), period=np.pi)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("responses", [[0.0, 0.0, 0.0, 0.0], [-1.0, -2.0, -1.0, 0.0], [1.0, np.nan, 0.0, 2.0]])
@pytest.mark.parametrize("period", [None, np.pi])
@pytest.mark.parametrize("method", ["vector_average", "maximum"])
def test_without_a_response_there_is_no_preference(responses, period, method):
    """Silent, inhibited and broken units have neither preference nor selectivity."""
    found = p.method_named(method)(np.array(responses), even(4), period=period)
    assert np.isnan(found.preference)
    assert np.isnan(found.selectivity)
    assert not p.responding(np.array(responses))


def test_a_silent_unit_has_no_peak():
    """The fit of a silent unit has amplitude 0, and neither place nor width."""
    fit = p.fit_von_mises(np.zeros(6), even(6), period=np.pi)
    assert fit.amplitude == 0
    assert np.isnan([fit.concentration, fit.centre]).all()
    assert np.isnan(fit.residual)
