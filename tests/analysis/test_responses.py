"""Responses collected over all combinations of feature values."""

import inspect

import numpy as np
import pytest

from tests.analysis.fake_simulation import gabor_simulation
from topo_exp.analysis.features import Stimulus, frequency, orientation, phase
from topo_exp.analysis.maps import orientation_map
from topo_exp.analysis.responses import Cost, collect, measured_sheets, present
from topo_exp.engine.patterns import SineGrating
from topo_exp.errors import AnalysisError, UnknownNameError

FEATURES = [frequency([1.2, 2.4]), orientation(3), phase(5)]


def test_responses_are_labelled_by_feature_and_unit():
    """The axes are the features in order, then y and x, each with its values and unit."""
    sim = gabor_simulation(np.zeros((2, 4)))
    found = collect(sim, FEATURES, Stimulus(SineGrating, {"scale": 0.3}))["V1"]
    assert found.dims == ("frequency", "orientation", "phase", "y", "x")
    assert found.shape == (2, 3, 5, 2, 4)
    np.testing.assert_array_equal(found.x, sim["V1"].x)
    np.testing.assert_array_equal(found.frequency, [1.2, 2.4])
    assert found.orientation.attrs["period"] == pytest.approx(np.pi)
    assert found.attrs["pattern_scale"] == 0.3
    assert found.attrs["presentations"] == 30
    assert found.attrs["simulation_time"] == 7.0


def test_patterns_are_presented_as_features_are():
    """The options of `present` have the values of those of `collect`, if they are not given."""
    options, given = (inspect.signature(function).parameters for function in (present, collect))
    common = {name: option.default for name, option in options.items() if option.default is not inspect.Parameter.empty}
    assert common == {name: given[name].default for name in common}
    assert {"duration", "afferent_only", "batch"} <= set(common)


def test_each_combination_is_presented_in_its_place():
    """The element of one combination is the response to the pattern of just these values."""
    sim = gabor_simulation([[0.3, 1.0]])
    found = collect(sim, FEATURES, Stimulus(SineGrating))["V1"]
    picture = SineGrating(frequency=2.4, orientation=np.pi / 3, phase=2 * np.pi / 5)(sim["Retina"].x, sim["Retina"].y)
    expected = np.maximum(np.einsum("ijkl,kl->ij", sim.fields, picture), 0)
    np.testing.assert_allclose(found.values[1, 1, 1], expected)


@pytest.mark.parametrize("batch", [1, 7, 30, 100])
def test_batches_change_nothing(batch):
    """However many are presented at once, the responses are the same."""
    a, b = (gabor_simulation([[0.3, 1.0]]) for _ in range(2))
    one = collect(a, FEATURES, Stimulus(SineGrating))["V1"]
    many = collect(b, FEATURES, Stimulus(SineGrating), batch=batch)["V1"]
    np.testing.assert_array_equal(one, many)
    assert b.presented == 30
    assert max(b.calls) == min(batch, 30)


def test_progress_reports_done_total_and_remaining():
    """After each batch the callback is given the number of presentations done and the time left."""
    heard = []
    collect(gabor_simulation([[0.0]]), FEATURES, Stimulus(SineGrating), batch=12, progress=heard.append)
    assert [(cost.done, cost.total) for cost in heard] == [(12, 30), (24, 30), (30, 30)]
    assert heard[0].remaining == pytest.approx(heard[0].elapsed * 18 / 12)
    assert heard[-1].remaining == 0


def test_progress_can_be_read():
    """The text has the presentations done, their number, and the seconds left, unknown before the first batch."""
    assert str(Cost(36, 72, 2.0)) == "36/72, 2 s left"
    assert str(Cost(0, 72, 0.0)) == "0/72"


def test_a_map_reports_its_progress_more_than_once():
    """The 72 gratings of an orientation map are shown in several batches."""
    heard = []
    orientation_map(gabor_simulation([[0.0]]), progress=heard.append)
    assert [cost.done for cost in heard] == [17, 34, 51, 68, 72]


def test_responses_survive_netcdf(tmp_path):
    """Responses with all their attributes can be stored as NetCDF and come back equal."""
    xr = pytest.importorskip("xarray")
    found = collect(gabor_simulation([[0.3, 1.0]]), FEATURES, Stimulus(SineGrating, {"scale": 0.3}))["V1"]
    found.to_netcdf(tmp_path / "responses.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "responses.nc", engine="h5netcdf") as stored:
        xr.testing.assert_identical(stored.load(), found)


def test_sheets_are_found_or_refused():
    """Measured sheets are those with `measure_maps`; unknown names, generator sheets and none at all are refused."""
    sim = gabor_simulation([[0.0]])
    assert measured_sheets(sim) == ["V1"]
    with pytest.raises(UnknownNameError, match="V1"):
        measured_sheets(sim, "V2")
    with pytest.raises(AnalysisError, match="generator"):
        collect(sim, FEATURES, Stimulus(SineGrating), inputs=["V1"])
    sim["V1"].measure_maps = False
    with pytest.raises(AnalysisError, match="measure_maps"):
        collect(sim, FEATURES, Stimulus(SineGrating))


def test_equal_feature_names_are_refused():
    """Two features of one name would overwrite each other."""
    with pytest.raises(AnalysisError, match="differ"):
        collect(gabor_simulation([[0.0]]), [phase(), phase()], Stimulus(SineGrating))
