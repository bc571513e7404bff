"""Analysis times can be reached, told apart and written into file names."""

import math
from pathlib import Path

import pytest

from topo_exp.errors import ParameterError
from topo_exp.record.layout import time_label
from topo_exp.runner.times import LONGEST, SHORTEST, STANDARD_TIMES, analysis_times


def test_minus_zero_is_zero():
    """The time -0.0 is written as 0.0."""
    (time,) = analysis_times([-0.0])
    assert math.copysign(1.0, time) == 1.0


@pytest.mark.parametrize("times", [[0, 1e18], [1e308], [0, 1e-300], 1e18, 1e305, 1e-300, 1e-9, 1e9])
def test_times_that_cannot_be_reached_are_refused(times):
    """The error states the range."""
    with pytest.raises(ParameterError, match=r"times: each must be 0 or between 1e-06 and 1e\+12 \(got "):
        analysis_times(times)


def test_a_multiple_of_the_standard_times_reaches_from_limit_to_limit():
    """The largest and the smallest multiple keep every time within the limits; one beyond them is refused."""
    largest, smallest = LONGEST / STANDARD_TIMES[-1], SHORTEST / STANDARD_TIMES[1]
    assert analysis_times(largest)[-1] == LONGEST
    assert analysis_times(smallest)[1] == pytest.approx(SHORTEST)
    for beyond in (largest * 1.01, smallest * 0.99):
        with pytest.raises(ParameterError, match="must be 0 or between"):
            analysis_times(beyond)


@pytest.mark.parametrize("times", [[100.0, 100.00000000000001], [0, 1, 1 + 1e-9]])
def test_times_that_can_hardly_be_told_apart_are_refused(times):
    """Two analysis times differ by a millionth of an iteration at least."""
    with pytest.raises(ParameterError, match="must differ by 1e-06 at least"):
        analysis_times(times)


@pytest.mark.parametrize("times", [[0, SHORTEST], [LONGEST - 1, LONGEST], [0.1, 0.3]])
def test_times_within_the_limits_are_accepted(times):
    """The limits themselves are accepted, and have labels that can be read back."""
    assert [float(time_label(time)) for time in analysis_times(times)] == times


@pytest.mark.parametrize("factor", [1, 1.0, 0.1, 3])
def test_a_number_multiplies_the_documented_times(factor):
    """times=1 gives the times of the user guide, which are those of published scripts, and times=k k times these."""
    standard = (0, 50, 100, 500, 1000, 2000, 3000, 4000, 5000, 10000)
    assert analysis_times(factor) == pytest.approx([factor * time for time in standard], abs=0)
    guide = (Path(__file__).parents[2] / "docs" / "user_guide.md").read_text()
    assert ", ".join(map(str, standard)) in guide
