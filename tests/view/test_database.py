"""The database beside the runs is the user's own, made whole, and true about where its files are."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.doubles import ROOT, finished_run, numbers, script
from topo_exp.errors import RecordError
from topo_exp.record.archive import archive
from topo_exp.record.files import file_lock
from topo_exp.record.handle import load_run
from topo_exp.testing import run_spec
from topo_exp.view.database import prepare_database, require_database
from topo_exp.view.store import prepare_environment, sqlite_address, store_of
from topo_exp.view.sync import require_sync, sync_runs

# libraries below MLflow, and its own modules, warn about each other as they are loaded
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
ODD = "q?a=b pct%20x #é ü&c"
"""A directory's name that addresses take apart."""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """Remove MLflow's settings from the environment, and restore it after the test."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "MLFLOW_ENABLE_ASYNC_LOGGING"):
        monkeypatch.setenv(name, "1")
    prepare_environment()


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """An empty cache directory, without an earlier database to copy."""
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(directory))
    return directory


def small_run(output, name):
    """Return a finished run without maps and pictures."""
    return finished_run(run_spec(output, directory_name=name, times=(0.0,), analyses={"numbers": numbers}))


def addresses(output):
    """Return all addresses of files in a database."""
    with closing(sqlite3.connect(output / "mlflow.db")) as database:
        return [
            *(place for (place,) in database.execute("select artifact_location from experiments")),
            *(place for (place,) in database.execute("select artifact_uri from runs")),
        ]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory with an odd name, a run, and a database made by `sync`."""
    output = tmp_path_factory.mktemp("made") / ODD / "Output"
    run = small_run(output, "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        require_sync([run.directory])
    return output


@pytest.fixture
def moved(made, tmp_path):
    """The same directory, copied to another place."""
    return Path(shutil.copytree(made, tmp_path / "elsewhere"))


def test_the_database_is_beside_the_runs_whatever_the_path(made):
    """Characters that addresses give a meaning make no other file or directory, here or elsewhere."""
    assert sorted(path.name for path in made.iterdir()) == ["mlartifacts", "mlflow.db", "mlflow.db.lock", "run"]
    assert [path.name for path in made.parents[1].iterdir()] == [ODD]
    assert len(list(made.glob("mlartifacts/*/artifacts/run.yaml"))) == 1


def test_a_sync_after_a_move_notices_it_and_writes_to_the_new_place_only(made, moved):
    """All addresses are those of the new place, and a later change leaves the old place as it is."""
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    ((_, added),) = sync_runs([moved / "run"])
    assert f"moved from {made / 'run'}" in str(added)
    assert all(place.startswith((moved / "mlartifacts").as_uri()) for place in addresses(moved))
    (moved / "run" / "metrics.csv").write_text("time,name,value\n0.0,V1/new,1.0\n")
    require_sync([moved / "run"])
    (copy,) = moved.glob("mlartifacts/*/artifacts/metrics.csv")
    assert "V1/new" in copy.read_text()
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before
    ((_, added),) = sync_runs([moved / "run"])
    assert str(added) == "up to date"


def test_addresses_of_other_places_are_left_alone(moved):
    """An experiment that the user has made with files elsewhere keeps them there."""
    with closing(sqlite3.connect(moved / "mlflow.db")) as database, database:
        database.execute(
            "insert into experiments (name, artifact_location, lifecycle_stage, workspace) "
            "values ('mine', 's3://bucket/mlartifacts', 'active', 'default')"
        )
    prepare_database(store_of(moved / "run"))
    assert "s3://bucket/mlartifacts" in addresses(moved)


@pytest.mark.parametrize("name", ["mlflow.db", "mlartifacts"])
def test_files_of_another_user_are_refused(tmp_path, monkeypatch, name):
    """Whoever owns the database decides where files are written."""
    (tmp_path / name).mkdir() if name == "mlartifacts" else (tmp_path / name).write_bytes(b"x")
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(RecordError, match=f"{name}: must belong to you"):
        prepare_database(store_of(tmp_path / "run"))


@pytest.mark.parametrize("content", ["half", "text"])
def test_a_damaged_database_is_refused_with_the_way_out(tmp_path, content):
    """The message says which file to delete and how to make it again."""
    path = tmp_path / "mlflow.db"
    if content == "half":
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("create table experiments (experiment_id integer)")
    else:
        path.write_text("no database " * 100)
    with pytest.raises(RecordError, match=r"mlflow\.db: must be a whole MLflow database .*Delete it .* sync"):
        require_database(store_of(tmp_path / "run"))


MAKE = """if True:
    import sys
    from pathlib import Path
    from topo_exp.view.database import prepare_database
    from topo_exp.record.files import file_lock
    from topo_exp.view.store import store_of
    store = store_of(Path(sys.argv[1]) / "run")
    with file_lock(store.lock):
        prepare_database(store)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_database_whose_making_is_interrupted_is_made_by_the_next(tmp_path, number):
    """Nothing is left under its name, and the next process makes it, without leftovers."""
    process = script(MAKE, tmp_path)
    pattern = ".mlflow.db.*.tmp"
    until = time.monotonic() + 60
    while not any(path.stat().st_size > 50_000 for path in tmp_path.glob(pattern)):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert not (tmp_path / "mlflow.db").exists()
    store = store_of(tmp_path / "run")
    with file_lock(store.lock):
        prepare_database(store)
    require_database(store)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.lock"]


def test_a_limit_of_file_size_leaves_no_database_behind(tmp_path):
    """The error is reported, and without the limit the same directory works."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    limited = subprocess.run(
        [sys.executable, "-c", MAKE, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert limited.returncode == 1
    assert "Error" in limited.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db.lock"]


def made_in(directory):
    """Return the names and columns of the tables of a database that is made in a directory, and the rows of each."""
    directory.mkdir()
    prepare_database(store_of(directory / "run"))
    return tables_in(directory)


def tables_in(directory):
    """Return the names and columns of the tables of the database in a directory, and the rows of each."""
    with closing(sqlite3.connect(directory / "mlflow.db")) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        columns = {name: database.execute(f"pragma table_info({name})").fetchall() for name in names}
        return columns, {name: database.execute(f"select * from {name}").fetchall() for name in names}


@pytest.fixture(scope="module")
def first_cache(tmp_path_factory):
    """A directory with a database that MLflow has made, in `first`, and the cache that keeps it, in `cache`."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        prepare_environment()
        made_in(folder / "first")
    return folder


@pytest.fixture
def kept(first_cache, cache):
    """The database that is kept in the cache directory; that of which it is a copy is in the directory `first`."""
    shutil.copytree(first_cache / "cache", cache, dirs_exist_ok=True)
    (path,) = cache.glob("topo_exp/mlflow-*.db")
    return path


@pytest.fixture
def made_by_mlflow(monkeypatch):
    """The addresses of the databases that MLflow makes meanwhile."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    asked, make = [], SqlAlchemyStore.__init__

    def noted(self, address, *rest):
        asked.append(address)
        make(self, address, *rest)

    monkeypatch.setattr(SqlAlchemyStore, "__init__", noted)
    return asked


@pytest.mark.usefixtures("kept")
def test_a_second_database_is_a_copy_of_the_first_empty_one(tmp_path, first_cache, made_by_mlflow):
    """It has the same tables and rows, and its addresses are those of its own place."""
    first, second = tables_in(first_cache / "first"), made_in(tmp_path / "second")
    assert made_by_mlflow == []
    assert second[0] == first[0]
    assert str(second[1]) == str(first[1]).replace(str(first_cache / "first"), str(tmp_path / "second"))
    assert addresses(tmp_path / "second") == [f"{(tmp_path / 'second' / 'mlartifacts').as_uri()}/0"]


def test_an_experiment_of_a_run_is_not_in_the_copies(tmp_path):
    """The database is kept while it is empty."""
    require_sync([small_run(tmp_path / "first", "run").directory])
    _, rows = made_in(tmp_path / "second")
    assert len(rows["experiments"]) == 1
    assert not rows["runs"]


@pytest.mark.parametrize("damage", ["cut", "text", "another user's", "directory"])
def test_a_kept_database_that_cannot_be_used_is_made_anew(
    tmp_path, first_cache, kept, monkeypatch, made_by_mlflow, damage
):
    """It costs time, and nothing else; the next one is kept instead where that is possible."""
    if damage == "cut":
        kept.write_bytes(kept.read_bytes()[: kept.stat().st_size // 2])
    elif damage == "text":
        kept.write_text("no database " * 100)
    elif damage == "directory":
        kept.unlink()
        kept.mkdir()
    else:
        owner = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    second = made_in(tmp_path / "second")
    assert len(made_by_mlflow) == 1
    assert second[0] == tables_in(first_cache / "first")[0]


def test_a_cache_that_cannot_be_written_is_no_hindrance(tmp_path, cache):
    """The database is made as MLflow makes it."""
    (cache / "topo_exp").write_text("in the way")
    assert made_in(tmp_path / "first")[1]["experiments"]


@pytest.mark.usefixtures("kept")
def test_links_in_a_run_directory_are_not_followed(made, tmp_path):
    """Neither `sync` nor an archive copies a file that a link of a run directory leads to."""
    run = load_run(shutil.copytree(made / "run", tmp_path / "Output" / "run")).directory
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "000000.00_secret.png").write_bytes(b"secret")
    (run / "run.log").unlink()
    (run / "run.log").symlink_to(tmp_path / "secret.txt")
    (run / "plots").symlink_to(tmp_path / "pictures")
    require_sync([run])
    packed = [archive(run, tmp_path / "kept", form) for form in (None, "tar.gz", "zip")]
    assert all(path.exists() for path in packed)
    assert not (packed[0] / "run.log").exists()
    shutil.unpack_archive(packed[1], tmp_path / "tar")
    shutil.unpack_archive(packed[2], tmp_path / "zip")
    for place in (tmp_path / "Output" / "mlartifacts", tmp_path / "kept", tmp_path / "tar", tmp_path / "zip"):
        kept = [path for path in place.rglob("*") if path.is_file() and path.suffix not in (".gz", ".zip")]
        assert kept
        assert not [path for path in kept if b"secret" in path.read_bytes()]


def test_a_run_described_by_a_link_is_refused(made, tmp_path):
    """Its contents would be those of another place."""
    run = Path(shutil.copytree(made / "run", tmp_path / "run"))
    (run / "run.yaml").rename(tmp_path / "other.yaml")
    (run / "run.yaml").symlink_to(tmp_path / "other.yaml")
    ((_, error),) = sync_runs([run])
    assert isinstance(error, RecordError)
    assert "must be a file (got a link)" in str(error)


def test_an_address_keeps_every_character():
    """The address of a SQLite file is read back as the same path."""
    from sqlalchemy.engine import make_url

    path = Path("/tmp") / ODD / "mlflow.db"
    assert make_url(sqlite_address(path)).database == str(path)
