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
