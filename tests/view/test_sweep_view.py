"""A sweep in MLflow: one process shows all of its runs, and an entry for the sweep itself."""

import shutil
from pathlib import Path

import pytest

import topo_exp
from topo_exp.errors import RecordError
from topo_exp.record.run_yaml import amend_record
from topo_exp.view import sweep_recorder
from topo_exp.view.follow_sweep import SweepFollower
from topo_exp.view.store import store_of
from topo_exp.view.sync import require_sync
from topo_exp.view.view import MlflowView


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a sweep of two runs that MLflow does not show yet."""
    output = tmp_path_factory.mktemp("made")
    sweep = topo_exp.sweep(
        "tiny", cortex_density=[3, 4], times=[0, 1], analysis=[], tracking="none", output_dir=str(output)
    )
    return sweep.run().directory


@pytest.fixture
def sweep(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of that directory."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Path(shutil.copytree(made, tmp_path / made.name))


def entries_of(directory: Path) -> dict[str, dict[str, str]]:
    """Return the parameters of each entry in the store of a sweep, by its name."""
    client = MlflowView(store_of(directory / "run")).client
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = client.search_runs(experiments)
    assert {run.info.status for run in found} == {"FINISHED"}
    return {str(run.info.run_name): run.data.params for run in found}


def test_all_runs_and_the_sweep_are_shown_once(sweep: Path) -> None:
    """A follower adds each run and one entry with the settings of the sweep; a second one adds nothing."""
    for _ in range(2):
        assert SweepFollower(sweep).finish() == []
        shown = entries_of(sweep)
        assert len(shown) == 3
        entry = shown[f"sweep · {sweep.name}"]
        assert entry["times"] == "[0, 1]"
        assert "cortex_density" not in entry, "its values stand among those of the runs"


def test_sync_shows_the_sweep_with_its_page(sweep: Path) -> None:
    """`sync` of the runs also writes the entry of their sweep, with its description and its page as artifacts."""
    (sweep / "report.html").write_text("<p>page</p>")
    require_sync(path.parent for path in sorted(sweep.glob("*/run.yaml")))
    client = MlflowView(store_of(sweep / "run")).client
    (experiment,) = [each for each in client.search_experiments() if each.name == "tiny"]
    (entry,) = client.search_runs([experiment.experiment_id], "tags.`topo_exp.sweep_entry` != ''")
    assert {file.path for file in client.list_artifacts(entry.info.run_id)} == {"report.html", "sweep.yaml"}


def test_a_run_that_mlflow_refuses_is_named_and_the_others_are_shown(sweep: Path) -> None:
    """An error of one run is returned with its name; the next call tries it again."""
    first, _ = sorted(sweep.glob("*/run.yaml"))
    content = first.read_bytes()
    first.write_bytes(content[:100])
    follower = SweepFollower(sweep)
    (error,) = follower.update()
    assert first.parent.name in error
    first.write_bytes(content)
    assert follower.update() == []
    assert follower.finish() == []
    assert len(entries_of(sweep)) == 3


def test_a_run_in_progress_is_shown_running_and_completed_later(sweep: Path) -> None:
    """A run whose record says running is updated again when that changes."""
    first, _ = sorted(sweep.glob("*/run.yaml"))
    amend_record(first.parent, lambda data: data.update(status="killed"))
    follower = SweepFollower(sweep)
    assert follower.update() == []
    amend_record(first.parent, lambda data: data.update(status="done"))
    assert follower.finish() == []
    assert len(entries_of(sweep)) == 3


def test_a_store_that_is_away_fails_no_sweep(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If MLflow does not answer, the reason, the log and the command that tries again are printed."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with sweep_recorder.shown_in_mlflow(sweep, runs=2):
        pass
    message = capsys.readouterr().err
    assert "MLflow does not show all of this sweep" in message
    assert f"topo_exp sync {sweep}" in message
    assert (sweep / sweep_recorder.LOG).stat().st_size > 0


def test_a_damaged_description_is_refused_with_its_name(sweep: Path) -> None:
    """A sweep.yaml that is no mapping raises an error that names the file."""
    require_sync(path.parent for path in sorted(sweep.glob("*/run.yaml")))
    (sweep / "sweep.yaml").write_text("- nothing\n")
    with pytest.raises(RecordError, match=r"sweep\.yaml: must describe a sweep"):
        MlflowView(store_of(sweep / "run")).update_sweep(sweep)


def test_two_processes_may_show_the_same_sweep(sweep: Path) -> None:
    """If two commands share a sweep, the one that ends first takes nothing away from the other."""
    with sweep_recorder.shown_in_mlflow(sweep, runs=2), sweep_recorder.shown_in_mlflow(sweep, runs=2):
        pass
    assert len(entries_of(sweep)) == 3
    assert (sweep / sweep_recorder.LOG).read_bytes() == b""
