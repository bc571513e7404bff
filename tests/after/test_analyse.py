"""Analyses of kept states have the same results as analyses during the run."""

import pytest

from tests.doubles import finished_run, numbers
from topo_exp.after.analyse import analyse_runs
from topo_exp.analysis.result import Result
from topo_exp.errors import AnalysisError, RecordError, StateError
from topo_exp.record.handle import load_run
from topo_exp.record.run_yaml import amend_record
from topo_exp.testing import FakeSimulation, fake_analysis, run_spec


class StillSimulation(FakeSimulation):
    """A simulation that cannot be run."""

    def run(self, until):
        raise AssertionError("a step was simulated")


def build(run):
    """Build the simulation of a run from its record."""
    return StillSimulation(**{name: run.metadata["parameters"][name] for name in ("seed", "rows")})


def finished(output, **changes):
    """Carry out a run that keeps its states and measures nothing."""
    return finished_run(run_spec(output, **{"analyses": {}, "snapshot": "all", **changes}))


def test_an_analysis_afterwards_finds_what_it_would_have_found(tmp_path):
    """Metrics, maps and pictures from stored states are equal to those of a run that measured at once."""
    at_once = finished_run(run_spec(tmp_path / "at once", snapshot="all"))
    later = finished(tmp_path / "later")
    (done,) = analyse_runs(later.directory, {"activity": fake_analysis}, build=build)
    assert str(done) == "6 metric values, 3 maps, 3 pictures at 3 times"
    for pattern in ("metrics.csv", "maps/*", "plots/*"):
        for path in at_once.directory.glob(pattern):
            assert (later.directory / path.relative_to(at_once.directory)).read_bytes() == path.read_bytes()
    (entry,) = load_run(later.directory).metadata["analysed_later"]
    assert entry["times"] == [0.0, 5.0, 10.0]


def test_analysing_twice_changes_nothing(tmp_path):
    """Results that are there already are replaced, not repeated."""
    run = finished(tmp_path, analyses={"numbers": numbers})
    before = (run.directory / "metrics.csv").read_bytes()
    list(analyse_runs(run.directory, {"numbers": numbers}, build=build))
    assert (run.directory / "metrics.csv").read_bytes() == before


def test_every_run_below_a_path_is_analysed(tmp_path):
    """A directory of runs is analysed run by run; one with only its snapshot at its last time."""
    finished(tmp_path, directory_name="a")
    finished(tmp_path, directory_name="b", snapshot="last")
    done = list(analyse_runs(tmp_path, {"numbers": numbers}, build=build))
    assert [(each.directory.name, each.times) for each in done] == [("a", [0.0, 5.0, 10.0]), ("b", [10.0])]


@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_an_analysis_that_fails_leaves_the_other_results(tmp_path, policy):
    """The error names analysis and time, and earlier results stay."""

    def picky(sim):
        if sim.time == 5:
            raise ValueError("not at five")
        return Result(metrics={"picky": 1.0})

    run = finished(tmp_path)
    work = analyse_runs(run.directory, {"numbers": numbers, "picky": picky}, build=build, on_analysis_error=policy)
    if policy == "fail":
        with pytest.raises(
            AnalysisError, match=r"picky: failed at time 5 \(got ValueError: not at five, in .*, line [0-9]+\)"
        ):
            list(work)
        assert list(load_run(run.directory).metrics.index) == [0.0, 5.0]
    else:
        (done,) = work
        assert len(done.failures) == 1
        assert load_run(run.directory).metrics["picky"].notna().tolist() == [True, False, True]
    assert load_run(run.directory).metrics["V1/mean"].notna().all()


def test_runs_without_states_and_runs_that_go_on_are_refused(tmp_path):
    """Nothing is analysed unless everything asked for can be."""
    empty = finished(tmp_path, directory_name="empty", snapshot="none")
    with pytest.raises(RecordError, match="must have kept a state"):
        list(analyse_runs(empty.directory, {"numbers": numbers}, build=build))
    going_on = finished(tmp_path, directory_name="going on")
    amend_record(going_on.directory, lambda data: data.update(status="running"))
    with pytest.raises(RecordError, match="must be over"):
        list(analyse_runs(going_on.directory, {"numbers": numbers}, build=build))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RecordError, match="must hold a run"):
        list(analyse_runs(tmp_path / "nothing", {"numbers": numbers}, build=build))


def test_a_state_that_does_not_fit_is_refused(tmp_path):
    """The error says of which run and time."""
    run = finished(tmp_path)
    with pytest.raises(StateError, match=r"202611221137_fake, time 0: V1: activity must have shape \(9, 9\)"):
        list(analyse_runs(run.directory, {"numbers": numbers}, build=lambda run: StillSimulation(rows=9)))


def test_a_figure_that_fails_is_told_once_with_its_place(tmp_path, caplog):
    """The first failure is raised; it is not logged as well, and names the user's function, file and line."""

    def draw():
        raise ValueError("no colours left")

    def pale(sim):
        return Result(figures={"V1/pale": draw})

    run = finished(tmp_path)
    line = draw.__code__.co_firstlineno + 1
    with pytest.raises(AnalysisError) as raised:
        list(analyse_runs(run.directory, {"pale": pale}, build=build))
    expected = "figure 'V1/pale' could not be drawn by "
    place = f"draw (got ValueError: no colours left, in {__file__}, line {line})."
    assert str(raised.value).startswith(f"pale, time 0: {expected}")
    assert str(raised.value).endswith(place)
    logged = [record.getMessage().split(": ")[1] for record in caplog.records if record.levelname == "ERROR"]
    assert logged == ["pale, time 5", "pale, time 10"]
