"""The results that an analysis may return."""

from functools import partial

import numpy as np
import pytest
import xarray as xr

from topo_exp.analysis.result import Result, of_maps, over_time, subject_of
from topo_exp.errors import AnalysisError


def test_empty_result_is_false():
    """A Result without anything in it is false, so that a runner can skip it."""
    assert not Result()
    assert Result(metrics={"a": 1.0})
    assert Result(maps=xr.Dataset())


def test_metrics_become_plain_floats():
    """Numbers of any kind are kept as Python floats, NaN included."""
    result = Result(metrics={"V1/mean": np.float32(0.5), "n": np.int64(3), "none": float("nan")})
    assert [type(value) for value in result.metrics.values()] == [float, float, float]
    assert result.metrics["V1/mean"] == 0.5


@pytest.mark.parametrize("name", ["", "a//b", "/a", "a/", "a(b)", "50%", "a=b", 3, " a", "a "])
def test_illegal_names_are_refused(name):
    """A name that MLflow or a file system would refuse is refused at once."""
    with pytest.raises(AnalysisError, match="name must consist"):
        Result(metrics={name: 1.0})
    with pytest.raises(AnalysisError, match="name must consist"):
        Result(figures={name: lambda: None})


@pytest.mark.parametrize("value", [np.zeros(2), "high", None, float("inf"), 1j])
def test_values_that_are_no_number_are_refused(value):
    """A metric must be one real number, and the error names it."""
    with pytest.raises(AnalysisError, match=r"metrics\['V1/mean'\]"):
        Result(metrics={"V1/mean": value})


def test_maps_must_be_a_dataset():
    """A bare array as maps is refused with the way to label it."""
    with pytest.raises(AnalysisError, match=r"xarray\.Dataset"):
        Result(maps=np.zeros((2, 2)))


def test_figures_must_be_callable():
    """A figure already drawn is refused, because drawing may happen in another process."""
    with pytest.raises(AnalysisError, match="callable"):
        Result(figures={"map": np.zeros((2, 2))})


def test_an_analysis_says_what_it_looks_at():
    """The marks are found behind bound options; an unmarked function looks at the simulation."""

    def plain(sim):
        return Result()

    marked = {"maps": of_maps(lambda maps: Result()), "maps over time": over_time(lambda maps, of: {})}
    assert subject_of(plain) == subject_of(partial(plain)) == "simulation"
    for subject, analysis in marked.items():
        assert subject_of(analysis) == subject_of(partial(partial(analysis), of="x")) == subject
