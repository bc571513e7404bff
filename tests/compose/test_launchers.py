"""Launchers of other machines: what they are given, what they say, and in which order a sweep calls them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from omegaconf import OmegaConf

import topo_exp
from topo_exp.compose import launchers, sweeping
from topo_exp.compose.launchers import DaskPoints, PointLauncher, SlurmPoints, chosen_launcher, launcher_words
from topo_exp.compose.points import CheckedPoint, PointComposer, make_sweep
from topo_exp.compose.schema import conf_directory
from topo_exp.compose.sweeping import PlannedSweep
from topo_exp.errors import ConfigError
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.options import SweepOptions


def node(name: str, **changes: object) -> dict[str, object]:
    """Return the settings of a launcher as its file lists them."""
    text = (conf_directory() / "hydra" / "launcher" / f"{name}.yaml").read_text(encoding="utf-8")
    settings = cast("dict[str, object]", OmegaConf.to_container(OmegaConf.create(text)))
    settings.pop("defaults", None)
    return {**settings, **changes}


def without_target(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings without the class that they choose."""
    return {name: value for name, value in settings.items() if name != "_target_"}


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlannedSweep:
    """Return a sweep of three points; nothing is stored."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    monkeypatch.setattr(launchers, "store_points", lambda composer, sweep: sweep.path / "program")
    return topo_exp.sweep("tiny", cortex_density=[3, 4, 5], analysis=[], tracking="none", progress=False)


def made(planned: PlannedSweep) -> SweepDirectory:
    """Make the directory of a sweep."""
    return make_sweep(planned._composer, planned._checked, command="x")


def test_points_that_are_left_are_submitted(planned: PlannedSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Done and failed points are not; the text has the jobs, and how to follow and end them."""
    given: list[Any] = []

    def submit(path: Path, settings: object, **others: object) -> object:
        given.append((path, settings, others))
        return SimpleNamespace(tasks=2, jobs=["17", "18"])

    monkeypatch.setattr(launchers, "submit", submit)
    sweep, launcher = made(planned), SlurmPoints(without_target(node("slurm", time=60, mem=500)))
    first, second, third = (point.key for point in planned.space)
    options = SweepOptions(n_jobs=7)
    for key in (first, second):
        lease = sweep.ledger.acquire([key])
        assert lease is not None
        lease.finish("run") if key == first else lease.fail("for a reason")
    text = launcher.launch(planned._composer, planned._checked, sweep, options)
    ((path, settings, others),) = given
    assert path == sweep.path
    assert (settings.time, settings.mem) == ("60", "500"), "YAML reads them as numbers"
    assert others == {"program_folder": sweep.path / "program", "points": 1, "at_a_time": 7}
    assert text.splitlines() == [
        "submitted: 1 points in 2 tasks of Slurm, job 17, 18",
        f"follow them: python -m topo_exp status {sweep.path} --watch",
        "end them:    scancel 17 18",
    ]
    lease = sweep.ledger.acquire([third])
    assert lease is not None
    lease.finish("run")
    text = launcher.launch(planned._composer, planned._checked, sweep, options)
    assert text == f"{sweep.path.name}: every point is done or has failed; nothing was submitted"
    assert len(given) == 1


def test_points_are_tasks_of_the_cluster_that_is_connected(
    planned: PlannedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is made before, and ends after; the jobs are those that are stored."""
    events: list[object] = []

    @contextmanager
    def connected(settings: object) -> Iterator[str]:
        events.append("connected")
        yield "the client"
        events.append("closed")

    monkeypatch.setattr(launchers, "connected", connected)
    monkeypatch.setattr(launchers, "require_dask", lambda settings: events.append(settings.workers))
    monkeypatch.setattr(launchers, "stored_jobs", lambda sweep: ["the jobs"])
    monkeypatch.setattr(launchers, "DaskLauncher", lambda **given: SimpleNamespace(run=lambda: given))
    monkeypatch.setattr(launchers, "completed", lambda run, *others: (run(), others))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    sweep, options = made(planned), SweepOptions()
    launcher = DaskPoints(without_target(node("dask", workers=3)))
    launcher.check()
    with launcher.connected():
        given, others = cast("Any", launcher.launch(planned._composer, planned._checked, sweep, options))
    assert events == [3, "connected", "closed"]
    assert others == (planned._checked, sweep, options)
    assert not given.pop("display")._wants_table
    assert given.pop("settings").workers == 3
    assert given == {
        "directory": sweep,
        "jobs": ["the jobs"],
        "options": options,
        "client": "the client",
        "code": sweep.path / "program",
    }


@pytest.mark.parametrize(
    ("name", "kind"), [("local", type(None)), ("slurm", SlurmPoints), ("dask", DaskPoints), ("basic", ConfigError)]
)
def test_a_configuration_chooses_its_launcher(name: str, kind: type) -> None:
    """By the class that its file names; a launcher of Hydra's own is none."""
    settings = node(name) if name != "basic" else {"_target_": "hydra._internal.core_plugins.BasicLauncher"}
    composed = OmegaConf.create({"hydra": {"launcher": settings}})
    if kind is ConfigError:
        with pytest.raises(ConfigError, match=r"launcher: must be local, slurm, dask .*got 'hydra"):
            chosen_launcher(composed)
    else:
        assert type(chosen_launcher(composed)) is kind


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("local", []),
        ("slurm", ["hydra/launcher=slurm"]),
        ({"dask": {}}, ["hydra/launcher=dask"]),
        ({"dask": {"workers": 3}}, ["hydra/launcher=dask", "hydra.launcher.workers=3"]),
    ],
)
def test_the_choice_of_a_launcher_is_written_as_words(choice: Any, words: list[str]) -> None:
    """The default needs none."""
    assert launcher_words(choice) == words


@pytest.mark.parametrize("choice", [{}, {"slurm": {}, "dask": {}}, {"slurm": 3}])
def test_a_choice_that_is_not_one_launcher_is_refused(choice: Any) -> None:
    """It must be one name, with a mapping of settings."""
    with pytest.raises(ConfigError, match="launcher: must be a name, or one name with settings"):
        launcher_words(choice)


class Noting(PointLauncher):
    """A launcher that notes each call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def check(self) -> None:
        """Note the call."""
        self.calls.append("check")

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Note the block."""
        self.calls.append("connected")
        yield
        self.calls.append("closed")

    def launch(
        self, composer: PointComposer, points: Sequence[CheckedPoint], sweep: SweepDirectory, options: SweepOptions
    ) -> str:
        """Note the call."""
        self.calls.append(f"launch {len(points)} {options.n_jobs} {(sweep.path / 'sweep.yaml').exists()}")
        return "launched"


def test_a_sweep_is_launched_after_the_launcher_is_there(
    planned: PlannedSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written before; what the launcher says, and which sweep is joined, is printed."""
    launcher = Noting()
    sweep = PlannedSweep(planned._composer, SweepOptions(n_jobs=2), "the command", launcher)
    started = sweep.run()
    assert launcher.calls == ["check", "connected", "launch 3 2 True", "closed"]
    assert capsys.readouterr().err == "launched\n"
    assert list(started.space) == list(planned.space)
    assert repr(planned) == "<Sweep: 3 points, varying cortex_density (3)>"
    assert repr(started) == f"<sweep {started.directory.name}: {started.status()}>"
    assert started.best is None
    assert sweep.run().directory == started.directory
    assert capsys.readouterr().err.startswith(f"joining {started.directory} (nothing done yet)")


def test_a_sweep_that_is_resumed_is_returned(planned: PlannedSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options and permissions of the call."""
    given: list[Any] = []
    monkeypatch.setattr(sweeping, "resume_sweep", lambda *words, **options: given.append((words, options)))
    started = topo_exp.load_sweep(made(planned).path)
    again = started.resume(force=True, skip_failed=True, n_jobs=3)
    assert again.directory == started.directory
    (((directory, options), others),) = given
    assert (directory, options) == (started.directory, {"n_jobs": 3})
    assert (others["force"], others["skips_failed"]) == (True, True)
    with pytest.raises(ConfigError):
        others["permit"]("run", ["code.py"])
    started.resume(trust=True)
    given[1][1]["permit"]("run", ["code.py"])
    assert (given[1][1]["force"], given[1][1]["skips_failed"]) == (False, False)
