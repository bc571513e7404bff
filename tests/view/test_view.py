"""MLflow shows everything that the run directories have, once."""

import json
import math
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.doubles import ended, finished_run, numbers, script
from tests.runner.test_run import wait_for
from topo_exp.analysis.result import Result
from topo_exp.errors import RecordError
from topo_exp.record.handle import load_run
from topo_exp.record.metrics import replace_metrics
from topo_exp.record.run_yaml import amend_record
from topo_exp.runner.spec import Setting
from topo_exp.testing import run_spec
from topo_exp.view.recorder import MlflowRecorder
from topo_exp.view.store import prepare_environment, store_of
from topo_exp.view.sync import require_sync, sync_runs

# libraries below MLflow, and its own modules, warn about each other as they are loaded
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

LONG = "x" * 7000
TIMES = (0.0, 0.05, 5.0)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """Remove MLflow's settings from the environment, and restore it after the test."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for name in (
        "MLFLOW_DISABLE_TELEMETRY",
        "DO_NOT_TRACK",
        "MLFLOW_ENABLE_ASYNC_LOGGING",
        "MLFLOW_HTTP_REQUEST_TIMEOUT",
    ):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    prepare_environment()


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """A directory with one run of maps and pictures, and a database made from it: making one takes seconds."""
    output = tmp_path_factory.mktemp("shared")
    finished_run(
        run_spec(
            output,
            times=TIMES,
            parameters={"rows": 4, "seed": 3, "layout": LONG},
            given={"rows": 4},
            command="python -m topo_exp model=fake rows=4",
            tag="first",
            sweep_id="pilot",
        )
    )
    return output


@pytest.fixture(scope="module")
def run(output):
    """The run in that directory."""
    (directory,) = output.glob("2*")
    return load_run(directory)


@pytest.fixture
def client(run):
    """A client of the shared database."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store_of(run.directory).tracking_uri)


def shown(client, run):
    """Return the runs that MLflow has of a run directory."""
    experiment = client.get_experiment_by_name(run.metadata["experiment"])
    return client.search_runs([experiment.experiment_id], f"tags.`topo_exp.id` = '{run.metadata['id']}'")


def contents(client, run):
    """Return everything that the view promises, as plain data, of the one run that MLflow has."""
    (found,) = shown(client, run)
    run_id = found.info.run_id
    metrics = {
        name: sorted((point.step, repr(point.value)) for point in client.get_metric_history(run_id, name))
        for name in found.data.metrics
    }
    images = sorted(file.path.split("+timestamp")[0] for file in client.list_artifacts(run_id, "images"))
    files = sorted(file.path for file in client.list_artifacts(run_id) if not file.is_dir)
    return {
        "name": found.info.run_name,
        "status": found.info.status,
        "params": found.data.params,
        "metrics": metrics,
        "images": images,
        "files": files,
        "start": found.info.start_time,
        "end": found.info.end_time,
    }


def test_a_run_is_shown_whole(run, client):
    """Parameters, metrics at each time, pictures by key and step, files and tags are there after one update."""
    ((_, filled),) = sync_runs([run.directory])
    assert str(filled) == "added: 3 parameters, 9 metric values, 3 pictures"
    has = contents(client, run)
    assert has["name"] == f"rows=4 · first · {run.directory.name}"
    assert has["status"] == "FINISHED"
    assert has["params"]["rows"] == "4"
    assert len(has["params"]["layout"]) <= 500
    assert has["metrics"]["time"] == [(0, "0.0"), (50, "0.05"), (5000, "5.0")]
    assert has["metrics"]["V1/activity_mean"] == sorted(
        (round(1000 * time), repr(value)) for time, value in run.metrics["V1/activity_mean"].items()
    )
    assert has["images"] == sorted(2 * [f"images/Figures~V1~activity+step+{step}" for step in (0, 50, 5000)])
    assert has["files"] == ["metrics.csv", "network.py", "run.log", "run.yaml"]
    (found,) = shown(client, run)
    tags = found.data.tags
    assert tags["topo_exp.directory"] == str(run.directory)
    assert tags["topo_exp.varied"] == "rows=4"
    assert (tags["topo_exp.tag"], tags["topo_exp.sweep"], tags["topo_exp.model"]) == ("first", "pilot", "fake")
    assert tags["mlflow.source.git.commit"] == run.metadata["code"]["topo_exp"]["commit"]
    assert tags["mlflow.loggedImages"] == "True"
    artifacts = Path(found.info.artifact_uri.removeprefix("file://"))
    assert artifacts.is_relative_to(run.directory.parent / "mlartifacts")


def test_showing_again_changes_nothing(run, client):
    """A second update finds everything there, also with nothing remembered from the first."""
    require_sync([run.directory])
    before = contents(client, run)
    ((_, filled),) = sync_runs([run.directory])
    assert str(filled) == "up to date"
    (found,) = shown(client, run)
    client.delete_tag(found.info.run_id, "topo_exp.signature")
    ((_, filled),) = sync_runs([run.directory])
    assert (filled.parameters, filled.metrics, filled.pictures) == (0, 0, 0)
    assert contents(client, run) == before


def test_an_interrupted_update_is_completed(run, client, monkeypatch):
    """Wherever updates are cut off, twice, the next one fills in the rest, without duplicates."""
    require_sync([run.directory])
    whole = contents(client, run)
    client.delete_run(shown(client, run)[0].info.run_id)
    store = "mlflow.store.artifact.local_artifact_repo.LocalArtifactRepository"
    for cut in (f"{store}.log_artifacts", "mlflow.MlflowClient.set_terminated"):
        with monkeypatch.context() as patch:

            def fail(*args, **kwargs):
                raise ConnectionError("cut off")

            patch.setattr(cut, fail)
            ((_, outcome),) = sync_runs([run.directory])
            assert isinstance(outcome, ConnectionError)
    require_sync([run.directory])
    assert contents(client, run) == whole


def test_the_picture_for_a_cell_is_shown_and_the_whole_one_is_kept(run, client):
    """The copy on the page is the square one without margins, byte for byte; a click opens the file of the run."""
    require_sync([run.directory])
    (found,) = shown(client, run)
    folder = Path(found.info.artifact_uri.removeprefix("file://")) / "images"
    small = {path.read_bytes() for path in folder.glob("*compressed*")}
    whole = {path.read_bytes() for path in set(folder.iterdir()) - set(folder.glob("*compressed*"))}
    assert small == {path.read_bytes() for path in run.directory.glob("cells/*.png")}
    assert whole == {path.read_bytes() for path in run.directory.glob("plots/*.png")}
    assert len(small) == len(whole) == 3


def test_half_a_picture_is_shown_anew(run, client):
    """A picture whose smaller copy is missing was cut off while being stored, and is stored again, once."""
    require_sync([run.directory])
    whole = contents(client, run)
    (found,) = shown(client, run)
    folder = Path(found.info.artifact_uri.removeprefix("file://")) / "images"
    next(folder.glob("*step+50+*compressed*")).unlink()
    client.delete_tag(found.info.run_id, "topo_exp.signature")
    ((_, filled),) = sync_runs([run.directory])
    assert filled.pictures == 1
    assert contents(client, run) == whole


def test_a_value_measured_again_is_added_and_no_run_is_deleted(run, client):
    """MLflow cannot forget a value: the new one is the latest of its step, in the same run, once."""
    changed = finished_run(
        run_spec(run.directory.parent, directory_name="changed", times=(0.0,), analyses={"numbers": numbers})
    )
    require_sync([changed.directory])
    (before,) = shown(client, changed)
    replace_metrics(changed.directory / "metrics.csv", [(0.0, "V1/mean", 7.0), (0.0, "V1/new", math.nan)])
    require_sync([changed.directory])
    require_sync([changed.directory])
    (after,) = shown(client, changed)
    assert after.info.run_id == before.info.run_id
    assert after.data.metrics["V1/mean"] == 7.0
    assert len(client.get_metric_history(after.info.run_id, "V1/mean")) == 2
    assert len(client.get_metric_history(after.info.run_id, "V1/new")) == 1


def test_two_times_in_one_step_keep_both_values(run, client):
    """Steps are thousandths of an iteration, so that two closer times share one; each metric has a value for each."""
    close = finished_run(
        run_spec(run.directory.parent, directory_name="close", times=(0.0001, 0.0002), analyses={"numbers": numbers})
    )
    require_sync([close.directory])
    require_sync([close.directory])
    metrics = contents(client, close)["metrics"]
    assert metrics["time"] == [(0, "0.0001"), (0, "0.0002")]
    assert len(metrics["V1/mean"]) == 2


def test_the_step_is_the_iteration_where_all_times_are_whole(run, client):
    """A run at whole times has its times as steps, and a tag says so; any other has thousandths, and says that."""
    whole = finished_run(
        run_spec(run.directory.parent, directory_name="whole", times=(0.0, 3000.0), analyses={"numbers": numbers})
    )
    require_sync([whole.directory, run.directory])
    metrics = contents(client, whole)["metrics"]
    assert [step for step, _ in metrics["V1/mean"]] == [0, 3000]
    assert "time" not in metrics
    tags = {each.directory: shown(client, each)[0].data.tags for each in (whole, run)}
    assert tags[whole.directory]["topo_exp.steps_per_iteration"] == "1"
    assert tags[run.directory]["topo_exp.steps_per_iteration"] == "1000"


def test_what_failed_or_vanished_is_shown_so(run, client):
    """A failed run is FAILED; one whose process is gone without a word is KILLED."""
    described = run_spec(run.directory.parent, directory_name="gone", times=(0.0,), analyses={"numbers": numbers})
    gone = finished_run(described)
    amend_record(gone.directory, lambda data: data.update(status="failed"))
    require_sync([gone.directory])
    assert contents(client, gone)["status"] == "FAILED"
    amend_record(gone.directory, lambda data: data.update(status="running", ended=None))
    amend_record(gone.directory, lambda data: data["process"].update(start=-1))
    require_sync([gone.directory])
    assert contents(client, gone)["status"] == "KILLED"


def test_what_mlflow_cannot_take_is_told(run, monkeypatch):
    """An error of the store names the directory and the way to try again."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(RecordError, match="try again: python -m topo_exp sync"):
        require_sync([run.directory])


def test_the_store_is_the_one_that_the_environment_names_or_the_database_beside_the_runs(tmp_path, monkeypatch):
    """A database further up, which anybody may have made, is not used."""
    run = tmp_path / "Output" / "run"
    (tmp_path / "mlflow.db").write_bytes(b"of another user")
    assert store_of(run).database == tmp_path / "Output" / "mlflow.db"
    assert store_of(run).artifact_location == f"file://{tmp_path}/Output/mlartifacts"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert store_of(run).database == tmp_path / "other.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store_of(run).artifact_location is None
    assert store_of(run).database is None


LIVE = """if True:
    import sys, json
    from pathlib import Path
    from tests.doubles import finished_run
    from topo_exp.testing import run_spec
    from topo_exp.view.recorder import MlflowRecorder
    finished_run(run_spec(Path(sys.argv[1]), times=tuple(json.loads(sys.argv[2])), views=(MlflowRecorder,),
                     directory_name=sys.argv[4], sim={"seconds_per_iteration": float(sys.argv[3])}))
    print("mlflow" in sys.modules)
"""


def test_a_run_is_followed_to_its_end(run, client):
    """A live run is shown as completely as one that is synced, and its own process never loads MLflow."""
    ((code, printed, errors),) = ended([script(LIVE, run.directory.parent, json.dumps(TIMES), 0, "live")])
    assert (code, printed.strip(), errors) == (0, "False", "")
    live = load_run(run.directory.parent / "live")
    has = contents(client, live)
    assert has["status"] == "FINISHED"
    assert len(has["images"]) == 6
    ((_, filled),) = sync_runs([live.directory])
    assert str(filled) == "up to date"


def test_a_killed_run_is_shown_killed(run, client):
    """After SIGKILL the follower shows everything that is recorded, sets KILLED, and ends."""
    process = script(LIVE, run.directory.parent, "[0.0, 5.0, 1e6]", 0.02, "killed")
    directory = run.directory.parent / "killed"
    wait_for(lambda: (directory / "snapshot.npz").exists() and "\n5.0," in (directory / "metrics.csv").read_text())
    process.send_signal(signal.SIGKILL)
    ended([process])
    killed = load_run(directory)
    wait_for(
        lambda: (
            client.get_experiment_by_name("fake") and [r for r in shown(client, killed) if r.info.status == "KILLED"]
        )
    )
    assert [step for step, _ in contents(client, killed)["metrics"]["V1/activity_mean"]] == [0, 5]


def test_a_run_without_a_working_mlflow_is_complete(tmp_path, monkeypatch, capsys):
    """A store that is away is reported once, with the command to try again, and costs the run nothing else."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    run = finished_run(run_spec(tmp_path, times=(0.0, 5.0), analyses={"numbers": numbers}, views=(MlflowRecorder,)))
    assert run.status == "done"
    assert run.metadata["errors"] == run.metadata["warnings"] == 0
    told = capsys.readouterr().err
    assert told.count("MLflow") == 1
    assert f"python -m topo_exp sync {run.directory}" in told


MANY = """if True:
    import sys, time
    from pathlib import Path
    from tests.doubles import finished_run, numbers
    from topo_exp.testing import run_spec
    from topo_exp.view.sync import require_sync
    run = finished_run(run_spec(Path(sys.argv[1]), analyses={"numbers": numbers}))
    time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
    require_sync([run.directory])
"""


@pytest.mark.parametrize("processes", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_many_processes_can_share_a_fresh_database(tmp_path, processes):
    """Several that open a database which does not exist yet all find a place in it."""
    import time

    started = time.time() + 2.0
    outcomes = ended([script(MANY, tmp_path, started) for _ in range(processes)])
    assert [code for code, _, _ in outcomes] == [0] * processes, outcomes
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select count(*) from runs").fetchone() == (processes,)
        points = database.execute("select count(*) from metrics").fetchone()
    database.close()
    assert points == (6 * processes,)


def test_a_lost_database_is_made_again(run, client, tmp_path, monkeypatch):
    """From the directories, a new database is made that is equal to the lost one."""
    from mlflow import MlflowClient

    require_sync([run.directory])
    before = contents(client, run)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'new.db'}")
    require_sync([run.directory])
    assert contents(MlflowClient(tracking_uri=store_of(run.directory).tracking_uri), run) == before


@pytest.mark.parametrize("name", ["V1/a b", "a.b-c_d", "9"])
def test_names_in_results_are_names_that_mlflow_takes(run, client, name):
    """Whatever Result accepts as a name, MLflow accepts as a metric."""
    experiment = client.get_experiment_by_name(run.metadata["experiment"])
    other = client.create_run(experiment.experiment_id)
    for metric, value in Result(metrics={name: 1.0}).metrics.items():
        client.log_metric(other.info.run_id, metric, value)
    assert client.get_run(other.info.run_id).data.metrics == {name: 1.0}


def test_settings_of_every_kind_are_parameters(run, client):
    """MLflow has the settings that name a run, its parameters, and the options of its analyses; nothing else."""
    settings = {
        "times": Setting("option", [0.0, 5.0], is_swept=True),
        "analysis.tuning.scale": Setting("analysis option", 0.5),
        "tag": Setting("option", "x"),
    }
    swept = finished_run(
        run_spec(
            run.directory.parent,
            directory_name="swept",
            times=(0.0,),
            analyses={"numbers": numbers},
            given={"times": [0.0, 5.0]},
            settings=settings,
        )
    )
    require_sync([swept.directory])
    (found,) = shown(client, swept)
    assert found.data.params == {"times": "[0.0, 5.0]", "rows": "4", "seed": "0", "analysis.tuning.scale": "0.5"}
