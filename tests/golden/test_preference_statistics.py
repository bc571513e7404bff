"""Preferences and selectivities of recorded distributions are those that the reference's statistics found in them."""

import json

import numpy as np
import pytest

from topo_exp.analysis.preference import maximum, vector_average, von_mises
from topo_exp.analysis.preference_fits import (
    reference_bimodal_peaks,
    reference_bimodal_von_mises,
    reference_maximum,
    reference_von_mises,
)

EXACT = 1e-15
"""Sums over at most 24 responses in another order; preferences are relative to the range of the values."""

NOISE_IN_PREFERENCE = 5e-4
NOISE_IN_SELECTIVITY = 6e-3
"""The reference adds random numbers up to 0.001 to responses of 0.3 to 2 before it fits them, other ones for each fit.

What it recorded for one and for two peaks of distribution 2 is one fit with two such additions: it differs by 3.2e-4 of
the period, and by 3.3e-3 in selectivity.
"""


class Distribution:
    """One recorded distribution, and the statistics that were found in it."""

    def __init__(self, recording, index):
        about = json.loads(str(recording[f"{index}__about_json"]))
        self.values, self.responses = recording[f"{index}__values"], recording[f"{index}__responses"]
        self.range, self.period = about["range"], about["range"] if about["cyclic"] else None
        self.found = about["found"]

    def apply(self, function):
        """Return the result of a function of responses, values and period."""
        return function(self.responses, self.values, period=self.period)

    def assert_equals(self, preference, statistic, mode="", *, tolerance=(EXACT, EXACT)):
        """Hold a preference to the recorded one, relative to the range of the values and on the circle if cyclic."""
        recorded = self.found[statistic][mode]
        distance = (preference.preference - recorded["preference"]) / self.range
        if self.period is not None:
            distance = np.mod(distance + 0.5, 1) - 0.5
        assert abs(distance) <= tolerance[0]
        assert abs(preference.selectivity - recorded["selectivity"]) <= tolerance[1]


@pytest.fixture(params=range(24))
def distribution(golden, request):
    """Each recorded distribution."""
    return Distribution(golden("preference_statistics"), request.param)


def test_weighted_averages_are_the_recorded_ones(distribution):
    """The vector average is the reference's weighted average, of cyclic and linear features, to rounding."""
    distribution.assert_equals(distribution.apply(vector_average), "DSF_WeightedAverage")


def test_maxima_are_the_recorded_ones(distribution):
    """The reference's maximum is ours with the selectivity of the average; for linear features both are the same."""
    found = distribution.apply(reference_maximum)
    distribution.assert_equals(found, "DSF_MaxValue")
    ours = distribution.apply(maximum)
    assert ours.preference == found.preference
    if distribution.period is None:
        assert ours.selectivity == pytest.approx(found.selectivity, abs=EXACT)


def test_peaks_are_the_recorded_ones(distribution):
    """Both peaks of each distribution, and their selectivities, are those that the reference took."""
    found = distribution.apply(reference_bimodal_peaks)
    distribution.assert_equals(found.first, "DSF_BimodalPeaks")
    distribution.assert_equals(found.second, "DSF_BimodalPeaks", "Mode2")


def test_fits_are_the_recorded_ones(distribution):
    """One and two von Mises peaks are accepted, refused and found as the reference did, to the noise that it adds."""
    if distribution.period is None:
        assert "DSF_VonMisesFit" not in distribution.found
        return
    tolerance = (NOISE_IN_PREFERENCE, NOISE_IN_SELECTIVITY)
    one, two = distribution.apply(reference_von_mises), distribution.apply(reference_bimodal_von_mises)
    for found, statistic, mode in (
        (one, "DSF_VonMisesFit", ""),
        (two.first, "DSF_BimodalVonMisesFit", ""),
        (two.second, "DSF_BimodalVonMisesFit", "Mode2"),
    ):
        recorded = distribution.found[statistic][mode]
        assert (found.selectivity == 0) == (recorded["selectivity"] == 0)
        distribution.assert_equals(found, statistic, mode, tolerance=tolerance)


def test_our_fit_agrees_where_the_reference_accepts(distribution):
    """Where the reference accepts a fit, our own von Mises fit prefers the same value."""
    if distribution.period is None or distribution.found["DSF_VonMisesFit"][""]["selectivity"] == 0:
        return
    ours = distribution.apply(von_mises)
    recorded = distribution.found["DSF_VonMisesFit"][""]["preference"]
    distance = np.mod((ours.preference - recorded) / distribution.period + 0.5, 1) - 0.5
    assert abs(distance) <= NOISE_IN_PREFERENCE
