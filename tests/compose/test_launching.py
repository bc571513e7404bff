"""A point is run, or the run that an earlier attempt has left is continued."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.doubles import finished_run, numbers
from topo_exp.compose import launching
from topo_exp.compose.bridge import Settings
from topo_exp.compose.launching import continue_point, previous_run, run_leased_spec, run_point
from topo_exp.record.lease import leased
from topo_exp.record.run_yaml import amend_record
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.ledger import Lease, Ledger
from topo_exp.testing import run_spec


@pytest.fixture
def lease(tmp_path: Path) -> Lease:
    """Return the lease of a point."""
    found = Ledger(tmp_path / "points").acquire(["a"])
    assert found is not None
    return found


def test_a_run_is_noted_in_the_lease_of_its_point(tmp_path: Path, lease: Lease) -> None:
    """So that the next attempt finds its directory."""
    outcome = run_leased_spec(run_spec(tmp_path, analyses={"numbers": numbers}), lease, None)
    assert outcome.status == "done"
    assert outcome.directory is not None
    assert Ledger(tmp_path / "points").runs("a") == [outcome.directory.name]


def test_an_error_in_the_settings_is_the_outcome_of_the_point(lease: Lease) -> None:
    """The other points of the sweep go on."""
    settings = Settings(config={"model": "tiny", "cortex_density": -1}, given={}, command="", texts={})
    outcome = run_point(settings, lease, None, force=False, report=lambda progress: None)
    assert outcome.status == "refused"
    with pytest.raises(Exception, match="cortex_density"):
        outcome.raise_error()


def test_the_run_of_an_earlier_attempt_is_continued(
    tmp_path: Path, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its process has released it, and with the same wish to accept other code."""
    run = finished_run(run_spec(tmp_path, analyses={}))
    amend_record(run.directory, lambda data: data.update(status="killed"))
    given: list[Any] = []
    monkeypatch.setattr(
        launching, "continue_as", lambda spec, run, *, force: given.append((spec, run.directory, force)) or "continued"
    )
    spec = run_spec(tmp_path)
    for force in (True, False):
        outcome = cast("str", run_leased_spec(spec, lease, run.directory, force=force))
        assert (outcome, given[-1][1:]) == ("continued", (run.directory, force))
    given[-1][0].on_directory(Path("/a/the_run"))
    assert Ledger(tmp_path / "points").runs("a") == ["the_run"]


def test_a_process_that_still_writes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a time; then the run is continued, which fails if it is still held."""
    run = finished_run(run_spec(tmp_path, analyses={}))
    amend_record(run.directory, lambda data: data.update(status="killed"))
    clock = [100.0]
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += 10.0

    monkeypatch.setattr(launching, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    monkeypatch.setattr(launching, "continue_as", lambda *given, **how: Outcome("done", run.directory))
    continue_point(run_spec(tmp_path), run.directory, force=False)
    assert waited == []
    with leased(run.directory):
        continue_point(run_spec(tmp_path), run.directory, force=False)
    assert waited == [0.1] * 3


def test_a_finished_run_that_was_not_told_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its attempt was killed between the end of the run and the note; what it left half is deleted."""
    run = finished_run(run_spec(tmp_path, analyses={}))
    half = run.directory / ".a.nc.999999999.tmp"
    half.touch()
    monkeypatch.delattr(launching, "continue_as")
    outcome = continue_point(run_spec(tmp_path), run.directory, force=False)
    assert (outcome.status, outcome.directory) == ("done", run.directory)
    assert not half.exists()


def test_the_last_run_that_was_begun_is_the_previous_one(tmp_path: Path) -> None:
    """A first attempt has none; a directory without run.yaml was refused before it began."""
    ledger = Ledger(tmp_path / "points")
    directory = cast("SweepDirectory", SimpleNamespace(path=tmp_path, ledger=ledger))
    for name, is_begun, before in (("one", True, None), ("two", True, "one"), ("three", False, "two")):
        lease = ledger.acquire(["a"])
        assert lease is not None
        assert previous_run(directory, lease) == (None if before is None else tmp_path / before)
        lease.set_run(name)
        (tmp_path / name).mkdir()
        if is_begun:
            (tmp_path / name / "run.yaml").touch()
        lease.interrupt("stopped")
    lease = ledger.acquire(["a"])
    assert lease is not None
    assert previous_run(directory, lease) == tmp_path / "two"
    for name in ("one", "two"):
        (tmp_path / name / "run.yaml").unlink()
    assert previous_run(directory, lease) is None
