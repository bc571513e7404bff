"""Each analysis is called with its subject: the simulation, or maps."""

from functools import partial

import numpy as np
import pytest

from tests.doubles import finished_run, numbers
from tests.runner.test_run import failed, spec
from topo_exp.after.analyse import analyse_runs
from topo_exp.analysis.result import Result, of_maps, over_time
from topo_exp.errors import RecordError
from topo_exp.record.handle import load_run
from topo_exp.runner.measuring import Measuring, _takes_progress
from topo_exp.testing import FakeSimulation, draw_matrix, fake_analysis, run_spec


@of_maps
def contrast(maps, *, of="activity"):
    """Measure the map of one time."""
    if of not in maps:
        return Result()
    found = maps[of]["activity"]
    return Result({"V1/contrast": float(found.max() - found.min())}, (maps[of] * 2).assign_attrs(of=of))


@over_time
def drift(maps, *, of="activity"):
    """Compare the maps of all times."""
    if of not in maps:
        return {}
    found = maps[of]["activity"].mean(["y", "x"])
    results = {float(time): Result({"V1/drift": float(found.sel(time=time) - found[-1])}) for time in found["time"]}
    last = float(found["time"][-1])
    return {
        **results,
        last: Result(results[last].metrics, None, {"V1/drift": lambda: draw_matrix(np.eye(2), title="")}),
    }


ALL = {"drift": drift, "contrast": contrast, "activity": fake_analysis}


def build(run):
    """Build a simulation for stored states."""
    return FakeSimulation(rows=run.parameters["rows"])


def no_simulation(run):
    """Stand for a model that is no longer there."""
    raise AssertionError("a simulation was built")


def test_analyses_of_maps_are_given_those_of_their_time(tmp_path):
    """An analysis of maps finds the maps of the same time, wherever it stands among the analyses."""
    run = finished_run(spec(tmp_path, analyses=ALL))
    activity = run.maps["activity"]["activity"]
    expected = activity.max(["y", "x"]) - activity.min(["y", "x"])
    assert run.metrics["V1/contrast"].tolist() == expected.values.tolist()
    assert np.array_equal(run.maps["contrast"]["activity"], 2 * activity)


def test_analyses_over_time_are_recorded_at_each_time(tmp_path):
    """Metrics that an analysis over time adds to a time stand at that time, in the order of metrics.csv."""
    run = finished_run(spec(tmp_path, analyses=ALL))
    mean = run.metrics["V1/activity_mean"]
    assert run.metrics["V1/drift"].tolist() == (mean - mean.iloc[-1]).tolist()
    assert list(run.figures["V1/drift"]) == [10.0]
    rows = [line.split(",")[:2] for line in (run.directory / "metrics.csv").read_text().splitlines()[1:]]
    assert rows == sorted(rows, key=lambda row: (float(row[0]), row[1]))
    assert run.metadata["seconds"]["analysis"].keys() == ALL.keys()
    again = finished_run(spec(tmp_path, analyses=ALL))
    assert (again.directory / "metrics.csv").read_bytes() == (run.directory / "metrics.csv").read_bytes()


def test_analyses_of_maps_find_nothing_without_a_word(tmp_path):
    """Where there are no such maps, the run is as if they were not there."""
    run = finished_run(spec(tmp_path / "with", analyses={"numbers": numbers, "drift": drift, "contrast": contrast}))
    without = finished_run(spec(tmp_path / "without"))
    assert (run.directory / "metrics.csv").read_bytes() == (without.directory / "metrics.csv").read_bytes()
    assert run.metadata["warnings"] == run.metadata["errors"] == 0


def test_whoever_looks_at_maps_cannot_change_them(tmp_path):
    """Changes that an analysis makes to its maps are not recorded, and the next analysis does not see them."""

    @of_maps
    def vandal(maps):
        maps["activity"]["activity"][:] = 7.0
        return Result()

    analyses = {"activity": fake_analysis, "vandal": vandal, "contrast": contrast}
    run = finished_run(spec(tmp_path, analyses=analyses))
    assert not (run.maps["activity"]["activity"] == 7.0).any()
    assert run.metrics["V1/contrast"].iloc[-1] > 0


@over_time
def broken(maps):
    """Fail as a user's function may."""
    raise KeyError("no such map")


@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_an_analysis_over_time_that_fails_leaves_the_other_results(tmp_path, policy):
    """The error names the function; whether it ends the run is the user's choice."""
    described = spec(tmp_path, analyses={"numbers": numbers, "broken": broken}, on_analysis_error=policy)
    if policy == "fail":
        error, run = failed(described)
        assert "broken: failed over time (got KeyError: 'no such map', in " in str(error)
    else:
        run = finished_run(described)
        assert run.metadata["errors"] == 1
    assert list(run.metrics.index) == [0.0, 5.0, 10.0]
    assert "in broken" in (run.directory / "run.log").read_text()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (Result(), "must return a mapping of times to Results (got Result)"),
        ({7.0: Result()}, "must return analysis times (got 7.0, of [0.0, 5.0, 10.0])"),
        ({5.0: {"a": 1.0}}, "must return a Result, or a mapping of names to Results (got dict)"),
    ],
)
def test_an_analysis_over_time_that_returns_something_else_is_told(tmp_path, returned, message):
    """The error states the return value that is required."""
    error, _ = failed(spec(tmp_path, analyses={"odd": over_time(lambda maps: returned)}))
    assert message in str(error)


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (ValueError("too few."), f" (got ValueError: too few, in {__file__}, line "),
        (RecordError("x: must be y (got z). Do w."), f": x: must be y (got z). Do w. Raised in {__file__}, line "),
        (None, ": mine: an analysis must return a Result, or a mapping of names to Results (got int). End it with "),
    ],
)
def test_the_text_of_an_error_of_this_package_is_not_nested(tmp_path, raised, text):
    """It stands as it is, with its own remedy and the user's line; other exceptions stand in parentheses."""

    def mine(sim):
        if raised is not None:
            raise raised
        return 3

    error, _ = failed(spec(tmp_path, analyses={"mine": mine}))
    assert f"mine: failed at time 0{text}" in str(error)


def test_analysing_afterwards_finds_what_the_run_would_have_found(tmp_path):
    """Maps that the run has recorded do: no simulation is built, and no state need be kept."""
    at_once = finished_run(run_spec(tmp_path / "at once", analyses=ALL, snapshot="none"))
    later = finished_run(run_spec(tmp_path / "later", snapshot="none"))
    analyses = {"contrast": contrast, "drift": drift}
    (done,) = analyse_runs(later.directory, analyses, build=no_simulation)
    assert str(done) == "6 metric values, 3 maps, 1 pictures at 3 times"
    assert (later.directory / "metrics.csv").read_bytes() == (at_once.directory / "metrics.csv").read_bytes()
    found = load_run(later.directory)
    assert all(found.maps_at(time)["contrast"].identical(at_once.maps_at(time)["contrast"]) for time in found.times)


def test_analysing_afterwards_takes_maps_measured_then(tmp_path):
    """Maps measured from a kept state go before those that were there, and both are compared over time."""
    run = finished_run(run_spec(tmp_path))

    def doubled(sim):
        found = fake_analysis(sim)
        return Result(maps=found.maps * 2)

    list(analyse_runs(run.directory, {"contrast": contrast, "activity": doubled, "drift": drift}, build=build))
    found = load_run(run.directory)
    assert found.metrics["V1/contrast"].notna().tolist() == [False, False, True]
    activity = found.maps["activity"]["activity"]
    assert found.metrics["V1/contrast"].iloc[-1] == float(activity[-1].max() - activity[-1].min())
    assert found.metrics.loc[10.0, "V1/activity_mean"] == pytest.approx(float(activity[-1].mean()) / 2)
    assert found.metrics.loc[0.0, "V1/drift"] == pytest.approx(-float(activity[-1].mean()))


def test_progress_is_given_to_whoever_takes_it(tmp_path):
    """A function with a parameter `progress` that is callable by default is given one that listens."""
    given = []

    def silent(cost):
        given.append("its own")

    def measure(sim, *, progress=silent):
        progress("cost")
        return Result()

    def other(sim, *, progress=0.5):
        given.append(progress)
        return Result()

    finished_run(spec(tmp_path, times=(0.0,), analyses={"measure": measure, "other": other}))
    assert given == [0.5]


def test_no_formats_draw_no_pictures(tmp_path):
    """With figure_formats=[] a run records everything but pictures."""
    run = finished_run(run_spec(tmp_path, analyses={"activity": fake_analysis}, figure_formats=()))
    assert run.status == "done"
    assert not run.figures
    assert list(run.maps)


def test_maps_of_a_time_are_a_mapping(tmp_path):
    """An analysis of maps can list what there is: maps measured now before those that were recorded, each once."""
    import xarray as xr

    listed = []

    @of_maps
    def lists(maps):
        listed.append((list(maps), len(maps), float(maps["activity"]["a"])))
        with pytest.raises(KeyError):
            maps["other"]
        return Result()

    def measured(sim):
        return Result(maps=xr.Dataset({"a": 1.0}))

    stored = {name: xr.Dataset({"a": 2.0}) for name in ("activity", "before")}
    measuring = Measuring({"lists": lists, "activity": measured}, fail=pytest.fail)
    found = list(measuring.at(FakeSimulation(), 5.0, stored))
    assert listed == [(["activity", "before"], 2, 1.0)]
    assert [(name, time) for name, time, _ in found] == [("activity", 5.0), ("lists", 5.0)]
    skipped = list(measuring.by_analysis(FakeSimulation(), 5.0, stored, skip=["activity"]))
    assert [name for name, _ in skipped] == ["lists"]
    assert listed[1] == (["activity", "before"], 2, 2.0)


def test_analyses_are_told_apart_by_their_subject():
    """Those of the simulation and of maps are applied at each time, those over time afterwards."""
    both = Measuring({"drift": drift, "contrast": contrast, "numbers": numbers}, fail=pytest.fail)
    assert both.names_at == {"numbers", "contrast"}
    assert (both.needs_simulation, both.has_analyses_over_time) == (True, True)
    maps_only = Measuring({"contrast": contrast}, fail=pytest.fail)
    assert (maps_only.needs_simulation, maps_only.has_analyses_over_time) == (False, False)


@pytest.mark.parametrize(
    ("analysis", "takes"),
    [
        (lambda sim, progress=None: None, True),
        (lambda sim, progress=print: None, True),
        (lambda sim, progress=0.5: None, False),
        (lambda sim, progress: None, True),
        (lambda sim: None, False),
        (partial(lambda sim, progress=None: None, progress=print), False),
        (partial(lambda sim, other=0, progress=None: None, other=1), True),
        (dict, False),
    ],
)
def test_only_a_listener_takes_progress(analysis, takes):
    """A parameter `progress` without default, or callable or None by default, is one, unless the user has set it."""
    assert _takes_progress(analysis) == takes
