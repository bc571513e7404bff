"""A run reports sheets without a compiled form that cost a notable share of its time."""

import pytest

from tests.doubles import finished_run, numbers
from topo_exp.runner.dense import DenseWatch
from topo_exp.testing import FakeForm, run_spec

DENSE = FakeForm(form="dense", reason="no compiled form of MyRule")


def run_log(tmp_path, monkeypatch, forms, seconds_per_iteration):
    """Return run.log of a run of a few slices, whose sheet V1 takes the given time."""
    monkeypatch.setattr("topo_exp.runner.dense.MEASURED_SECONDS", 0.02)
    sim = {"forms": forms, "seconds_per_iteration": seconds_per_iteration}
    run = finished_run(run_spec(tmp_path, sim=sim, parameters={}, given={}, analyses={"numbers": numbers}))
    return (run.directory / "run.log").read_text(), run


def test_a_costly_dense_sheet_is_reported_once_with_its_reason(tmp_path, monkeypatch):
    """The line names the sheet, its share of the time, the projection and the reason."""
    log, run = run_log(tmp_path, monkeypatch, [FakeForm(sheet="V2"), DENSE], 0.01)
    (line,) = [line for line in log.splitlines() if "dense" in line]
    assert "% of the simulating time in the dense form (V1.Afferent: no compiled form of MyRule)" in line
    assert "V2" not in line
    assert run.metadata["warnings"] == 0


def test_a_compiled_network_is_not_measured(tmp_path, monkeypatch):
    """Nothing is watched, and nothing is reported, where all forms are compiled."""
    monkeypatch.setattr(DenseWatch, "sheet", lambda self, name: pytest.fail("a sheet was measured"))
    log, _ = run_log(tmp_path, monkeypatch, [FakeForm()], 0.01)
    assert "dense" not in log


def test_a_cheap_dense_sheet_is_not_reported():
    """A sheet that takes no more than a tenth of the time is not worth a line."""
    watch = DenseWatch([DENSE])
    with watch.sheet("V1"):
        pass
    watch.add_total(1.0)
    assert watch.is_complete
    assert watch.report() == ""


def test_a_dense_sheet_has_the_reasons_of_its_projections_or_its_own():
    """Several dense projections are all named; the sheet's own reason stands where it has none."""
    forms = [
        FakeForm(sheet="V1", projection="A", form="dense", reason="a"),
        FakeForm(sheet="V1", projection="B", form="compiled", reason=""),
        FakeForm(sheet="V1", projection="C", form="dense", reason="c"),
        FakeForm(sheet="V1", projection="", form="dense", reason="its projections"),
        FakeForm(sheet="V2", projection="", form="dense", reason="own"),
    ]
    watch = DenseWatch(forms)
    assert watch.report() == ""
    watch._seconds = {"V1": 0.5, "V2": 0.25}
    watch.add_total(0.75)
    assert not watch.is_complete
    watch.add_total(0.25)
    assert watch.is_complete
    assert watch.report() == (
        "V1 takes 50 % of the simulating time in the dense form (V1.A: a; V1.C: c); "
        "V2 takes 25 % of the simulating time in the dense form (V2: own)"
    )


@pytest.mark.parametrize(("seconds", "is_reported"), [(0.09, False), (0.1, False), (0.11, True)])
def test_a_tenth_of_the_time_is_worth_a_line(seconds, is_reported):
    """A sheet is reported if it takes more than a tenth of the simulating time."""
    watch = DenseWatch([DENSE])
    watch._seconds = {"V1": seconds}
    watch.add_total(1.0)
    assert bool(watch.report()) == is_reported


def test_the_time_of_a_sheet_is_added_up(monkeypatch):
    """Pieces of a dense sheet's work are added, those of other sheets are not, also where one ends in an error."""
    now = iter([10.0, 10.5, 20.0, 20.25, 30.0, 31.0])
    monkeypatch.setattr("topo_exp.runner.dense.time.perf_counter", lambda: next(now))
    watch = DenseWatch([DENSE])
    with watch.sheet("V1"):
        pass
    with pytest.raises(ZeroDivisionError), watch.sheet("V1"):
        raise ZeroDivisionError
    with watch.sheet("V2"):
        pass
    assert watch._seconds == {"V1": 0.75}
