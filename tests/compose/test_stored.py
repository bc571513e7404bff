"""The settings of points in the directory of a sweep: a job reads there what the command composed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import topo_exp
from tests.doubles import OWN_MODEL
from topo_exp.compose import stored
from topo_exp.compose.bridge import Settings
from topo_exp.compose.points import make_sweep
from topo_exp.compose.snapshot import CodeSnapshot
from topo_exp.compose.stored import (
    read_dask_options,
    read_slurm_options,
    store_points,
    stored_jobs,
    stored_options,
    stored_tracking,
)
from topo_exp.compose.sweeping import PlannedSweep
from topo_exp.errors import ConfigError, ParameterError, RecordError, UnknownNameError
from topo_exp.record.checked import write_checked
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.ledger import Lease
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.signature import is_signed


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> PlannedSweep:
    """Describe a sweep of a user's own model, function and analysis."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(OWN_MODEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TOPO_EXP_OUTPUT", raising=False)
        return topo_exp.sweep(
            "mine.py",
            size=[3, 4],
            before=["mine.py:settle"],
            analysis=["mine.py:look"],
            output_dir=str(folder.parent / "Output"),
            tracking="none",
            timestamp="202611221137",
            tag="größe's \n",
        )


@pytest.fixture
def planned(described: PlannedSweep, monkeypatch: pytest.MonkeyPatch) -> PlannedSweep:
    """Return the sweep, in the folder of its model; copies of the package are left out."""
    folder = described._checked[0].options.output_dir.parent / "own0"
    (folder / "mine.py").write_text(OWN_MODEL)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("topo_exp.compose.snapshot._copy_program", lambda package, target: target.mkdir(parents=True))
    monkeypatch.setattr("topo_exp.compose.snapshot.store_description", lambda source, folder: None)
    return described


@pytest.fixture
def sweep(planned: PlannedSweep) -> SweepDirectory:
    """Return the directory of the sweep, in which nothing is stored."""
    options = SweepOptions(n_jobs=2, timeout=60)
    return make_sweep(planned._composer, planned._checked, command="x", options=options)


def settings_of_jobs(sweep: SweepDirectory, monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Return the settings with which the jobs of a sweep carry out their points."""
    tasks = cast("Callable[..., Any]", lambda settings, lease, previous: (settings, lease, previous))
    monkeypatch.setattr(stored, "point_task", tasks)
    monkeypatch.setattr(stored, "previous_run", lambda directory, lease: directory.path / "before")
    found = []
    for job in stored_jobs(sweep):
        lease = Lease(sweep.path, job.key, 1)
        settings, same, previous = cast("Any", job.make_task(lease))
        assert (same, previous) == (lease, sweep.path / "before")
        found.append(settings)
    return found


def test_a_job_has_the_settings_that_were_composed_with_copies_of_the_code(
    planned: PlannedSweep, sweep: SweepDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Model, functions and analyses are taken from the copies; all else is equal, in the order of the points."""
    assert store_points(planned._composer, sweep) == sweep.path / "code" / "program"
    copy = sweep.path / "code" / "files" / "0_own0" / "mine.py"
    assert copy.read_text() == OWN_MODEL
    assert [job.label for job in stored_jobs(sweep)] == ["size=3", "size=4"]
    for found, point in zip(settings_of_jobs(sweep, monkeypatch), planned.space, strict=True):
        composed = planned._composer.settings(point, sweep.path)
        analyses = cast("dict[str, dict[str, Any]]", composed.config["analysis"])
        assert found.config == {
            **composed.config,
            "model": str(copy),
            "before": [f"{copy}:settle"],
            "analysis": {name: {**entry, "_target_": f"{copy}:look"} for name, entry in analyses.items()},
        }
        assert list(analyses) == ["look"]
        assert (found.given, found.command, found.texts) == (composed.given, composed.command, composed.texts)
        assert set(found.texts) == {"config.yaml", "overrides.yaml", "hydra.yaml"}
        assert found.described_code == sweep.path / CodeSnapshot.of(sweep.path).described("mine.py")


def test_points_that_are_stored_keep_their_settings_and_code(
    planned: PlannedSweep, sweep: SweepDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the command was stopped and is given again, only what is missing is stored, whatever has changed since."""
    first, second = (sweep.path / "settings" / f"{point.key}.json" for point in planned.space)
    with monkeypatch.context() as patch:
        patch.setattr(stored, "write_checked", stopping_at(second))
        with pytest.raises(KeyboardInterrupt):
            store_points(planned._composer, sweep)
    before = first.read_bytes()
    assert not is_signed(sweep.path)
    Path("mine.py").write_text(OWN_MODEL.replace("Do nothing", "Do"))
    monkeypatch.setattr(planned._composer, "others", ["tracking=mlflow"])
    store_points(planned._composer, sweep)
    assert first.read_bytes() == before
    assert json.loads(second.read_text())["content"]["given"] != json.loads(before)["content"]["given"]
    assert (sweep.path / "code" / "files" / "0_own0" / "mine.py").read_text() == OWN_MODEL
    assert len(list((sweep.path / "code" / "files").iterdir())) == 2
    assert is_signed(sweep.path)


def stopping_at(last: Path) -> Callable[[Path, Any], None]:
    """Return a function that writes settings, and is interrupted before it writes those of one file."""

    def write(path: Path, content: Any) -> None:
        if path == last:
            raise KeyboardInterrupt
        write_checked(path, content)

    return write


def test_settings_that_were_changed_after_they_were_stored_are_refused(
    planned: PlannedSweep, sweep: SweepDirectory
) -> None:
    """They may be another user's: nothing is added to them, and nothing is signed."""
    store_points(planned._composer, sweep)
    next((sweep.path / "settings").iterdir()).unlink()
    with pytest.raises(ConfigError, match="must have been submitted by you, on this account"):
        store_points(planned._composer, sweep)
    assert not is_signed(sweep.path)


def test_a_sweep_that_was_moved_is_read_where_it_is(
    planned: PlannedSweep, sweep: SweepDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are made in the directory from which their settings are read."""
    store_points(planned._composer, sweep)
    moved = SweepDirectory.open(Path(shutil.move(sweep.path, tmp_path / "moved")))
    for settings in settings_of_jobs(moved, monkeypatch):
        assert settings.config["sweep_dir"] == str(tmp_path / "moved")
        assert settings.described_code is not None
        assert settings.described_code.is_relative_to(tmp_path / "moved" / "code")


def test_only_points_whose_settings_are_stored_are_jobs(planned: PlannedSweep, sweep: SweepDirectory) -> None:
    """A command that was stopped has stored some; without any, the sweep was never launched so."""
    with pytest.raises(ConfigError, match=r"must have been launched by slurm or dask \(got no folder settings\)"):
        stored_jobs(sweep)
    store_points(planned._composer, sweep)
    first, second = (point.key for point in planned.space)
    (sweep.path / "settings" / f"{first}.json").unlink()
    assert [job.key for job in stored_jobs(sweep)] == [second]
    assert stored_tracking(sweep) == "none"


def test_damaged_settings_are_refused(planned: PlannedSweep, sweep: SweepDirectory) -> None:
    """A point never runs with other settings than those that were stored."""
    store_points(planned._composer, sweep)
    path = sweep.path / "settings" / f"{next(iter(planned.space)).key}.json"
    path.write_text(path.read_text().replace('"size": 3', '"size": 5'))
    job = stored_jobs(sweep)[0]
    with pytest.raises(RecordError, match="must have its recorded checksum"):
        job.make_task(Lease(sweep.path, job.key, 1))


def test_the_options_of_a_sweep_hold_but_for_the_number_of_jobs(sweep: SweepDirectory) -> None:
    """Each job has its own number of points at a time."""
    assert stored_options(sweep, jobs=7) == SweepOptions(n_jobs=7, timeout=60)


@pytest.mark.parametrize("where", [{1: "a"}, {"x": [{"y": {2.5: "a"}}]}, {"x": ({True: 1},)}])
def test_a_key_that_json_would_change_is_refused(
    planned: PlannedSweep, sweep: SweepDirectory, monkeypatch: pytest.MonkeyPatch, where: dict[Any, Any]
) -> None:
    """JSON writes every key as text, so a job would have other settings; the error names the point and the key."""
    composer = planned._composer
    composed = composer.settings
    monkeypatch.setattr(
        composer,
        "settings",
        lambda point, path: Settings(
            config={**composed(point, path).config, "analysis": {"mine": where}}, given={}, command="", texts={}
        ),
    )
    with pytest.raises(ConfigError, match=r"size=3: names in mappings must be text \(got (1|2\.5|True)\)"):
        store_points(composer, sweep)
    assert list((sweep.path / "settings").iterdir()) == []


@pytest.mark.parametrize(("read", "wrong"), [(read_slurm_options, "cpus"), (read_dask_options, "workers")])
def test_settings_of_a_launcher_are_checked(read: Callable[[dict[str, object]], object], wrong: str) -> None:
    """Unknown names and wrong values are refused with the name of the launcher."""
    launcher = read.__name__.split("_")[1]
    with pytest.raises(UnknownNameError, match=rf"{launcher}.*'tme'"):
        read({"tme": 3})
    with pytest.raises(ParameterError, match=rf"{launcher}\.{wrong}: must be"):
        read({wrong: 0})
