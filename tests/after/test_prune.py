"""Pruning: shown before it is done, never anything that an unfinished run needs, and records that stay true."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import topo_exp
from topo_exp.__main__ import main
from topo_exp.after.prune import age, last_sign, prune, removals
from topo_exp.errors import ConfigError
from topo_exp.record.run_yaml import amend_record, read_record
from topo_exp.runner.run import execute
from topo_exp.testing import fake_analysis, run_spec


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run with pictures and the states of three times."""
    folder = tmp_path_factory.mktemp("original")
    spec = run_spec(folder, times=(0.0, 1.0, 2.0), analyses={"activity": fake_analysis}, snapshot="all")
    directory = execute(spec).directory
    assert directory is not None
    return directory


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    """Return a copy of that run, from which files can be deleted."""
    return Path(shutil.copytree(original, tmp_path / original.name))


def files(directory: Path) -> set[str]:
    """Return the names of all files of a run, without leases."""
    found = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".lease.")}


def test_pictures_go_and_the_rest_stays(run: Path) -> None:
    """Only plots and cells are deleted; the record lists them, and the run verifies."""
    before = files(run)
    ((removal,), kept) = removals([run.parent], "pictures")
    assert kept == []
    prune(removal)
    gone = before - files(run)
    assert gone
    assert all(name.startswith(("plots/", "cells/")) for name in gone)
    assert set(read_record(run)["pruned"]) == gone
    assert topo_exp.load_run(run).verify() == []


def test_the_last_state_stays(run: Path) -> None:
    """Of three states the first two are deleted, and the last can still be read."""
    ((removal,), _) = removals([run], "states")
    prune(removal)
    handle = topo_exp.load_run(run)
    assert list(handle.checkpoints()) == [2.0]
    assert handle.state(2.0)
    assert handle.verify() == []
    assert removals([run], "states") == ([], [])


@pytest.mark.parametrize("status", ["failed", "killed"])
def test_only_runs_that_cannot_be_continued_are_deleted_whole(run: Path, status: str) -> None:
    """A failed or killed run without a restart point goes; one with a restart point is kept, and said to be."""
    other = Path(shutil.copytree(run, run.with_name("other")))
    for directory in (run, other):
        amend_record(directory, lambda data: data.update(status=status))
    (other / "restart").mkdir(exist_ok=True)
    from topo_exp.record.restart import write_restart_point

    write_restart_point(other, 1.0, topo_exp.load_run(other).state(1.0))
    ((removal,), (line,)) = removals([run.parent], "failed")
    assert removal.paths == (run,)
    assert line == "other: kept, `resume` can continue it"
    prune(removal)
    assert not run.exists()
    assert other.exists()


def test_finished_runs_are_no_failures(run: Path) -> None:
    """`failed` leaves a run alone that is done; pictures and states of unfinished runs stay."""
    assert removals([run], "failed") == ([], [])
    amend_record(run, lambda data: data.update(status="killed"))
    assert removals([run], "pictures") == ([], [])
    assert removals([run], "states") == ([], [])


def test_a_run_in_progress_is_left_alone(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No rule takes anything of a run that a process is writing."""
    monkeypatch.setattr("topo_exp.after.prune.is_leased", lambda directory: True)
    for rule in ("pictures", "states", "failed"):
        assert removals([run], rule) == ([], [f"{run.name}: kept, a process is writing it"])


def test_nothing_is_deleted_without_yes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command lists the files with their size; with --yes it deletes them."""
    before = files(run)
    assert main(["prune", "pictures", str(run)]) == 0
    assert files(run) == before
    out = capsys.readouterr().out
    assert f"would delete {run.name}: " in out
    assert "add --yes to delete them" in out
    assert main(["prune", "pictures", str(run), "--yes"]) == 0
    assert files(run) < before


def test_an_unknown_rule_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest rule is named."""
    with pytest.raises(ConfigError, match="Did you mean 'pictures'"):
        removals([run], "picture")
    assert main(["prune", "everything", str(run)]) == 2
    assert "must be given a rule" in capsys.readouterr().err


def ended(directory: Path, hours: float, **more: object) -> None:
    """Let the record of a run say that it ended so long ago; the dates of its files stay those of today."""
    at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
    amend_record(directory, lambda data: data.update({"ended": at, **more}))


@pytest.mark.parametrize(
    ("hours", "older_than", "taken"), [(23, "1d", 0), (25, "1d", 1), (25, "1.5d", 0), (169, "1w", 1)]
)
@pytest.mark.parametrize("rule", ["pictures", "states", "failed"])
def test_an_age_limits_every_rule(run: Path, rule: str, hours: float, older_than: str, taken: int) -> None:
    """A run counts from its recorded end: younger ones are left out of each rule, older ones are taken."""
    ended(run, hours, **({"status": "failed"} if rule == "failed" else {}))
    assert len(removals([run], rule, older_than=age(older_than))[0]) == taken


def test_a_killed_run_counts_from_its_last_sign_of_life(run: Path) -> None:
    """Without a recorded end the last heartbeat or analysis time counts, and before the first one the start."""
    old, older = ((datetime.now(UTC) - timedelta(days=days)).isoformat() for days in (2, 9))
    amend_record(
        run, lambda data: data.update(ended=None, started=older, heartbeat={"at": old, "time": 1.0}, recorded=[])
    )
    assert last_sign(read_record(run)) == datetime.fromisoformat(old)
    amend_record(run, lambda data: data.pop("heartbeat"))
    assert last_sign(read_record(run)) == datetime.fromisoformat(older)
    amend_record(run, lambda data: data.update(recorded=[{"time": 1.0, "at": old}]))
    assert last_sign(read_record(run)) == datetime.fromisoformat(old)


@pytest.mark.parametrize("text", ["30", "30m", "d", "-1d", "0d", "1 month", "1e400d", "99999999999w", "nan d", ""])
def test_an_age_without_a_unit_is_refused(run: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Numbers without a unit, other units and ages that are none end with exit code 2, and nothing is listed."""
    assert main(["prune", "pictures", str(run), f"--older-than={text}"]) == 2
    captured = capsys.readouterr()
    assert "--older-than: must be a number > 0 with the unit h, d or w" in captured.err
    assert captured.out == ""


def test_the_command_shows_old_runs_only(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two runs the one that ended long ago is listed, and with --yes it alone loses its pictures."""
    other = Path(shutil.copytree(run, run.with_name("other")))
    ended(other, 24 * 40)
    before = files(run)
    assert main(["prune", "pictures", str(run.parent), "--older-than", "30d"]) == 0
    out = capsys.readouterr().out
    assert "would delete other: " in out
    assert run.name not in out
    assert main(["prune", "pictures", str(run.parent), "--older-than", "30d", "--yes"]) == 0
    assert files(run) == before
    assert files(other) < before
