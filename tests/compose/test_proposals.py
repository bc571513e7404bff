"""What a search supplies next, and what it is told of runs, of its own and of other processes."""

import csv
import io
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("optuna", reason="not installed: optuna")

import topo_exp
from topo_exp.compose import searching
from topo_exp.compose.searching import Proposals, choose_search, has_all_trials
from topo_exp.compose.sweeping import PlannedSearch
from topo_exp.errors import RunError
from topo_exp.record.metrics import MetricRow, write_metrics
from topo_exp.record.run_yaml import write_record
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.job import Job
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.study import Study

ROWS = [(0.0, "m", 9.0), (0.0, "other", 1.0), (5.0, "m", 2.0)]


def describe(output: Path, **changes: Any) -> PlannedSearch:
    """Describe a search of three runs over a range of whole numbers."""
    settings: dict[str, Any] = {
        "metric": "m",
        "direction": "minimize",
        "n": 3,
        "sampler": "random",
        "cortex_density": {"integers": [3, 90]},
        "times": [0, 5],
        "analysis": [],
        "tracking": "none",
        "output_dir": str(output),
    }
    return topo_exp.search("tiny", **{**settings, **changes})


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlannedSearch:
    """Return the search."""
    monkeypatch.chdir(tmp_path)
    return describe(tmp_path / "Output")


def choose(planned: PlannedSearch, *, join: bool = True) -> Any:
    """Choose the directory of a command."""
    options = SweepOptions(join=join)
    return choose_search(planned._composer, planned._checked, planned.search, command="x", options=options)


def proposals(planned: PlannedSearch, directory: SweepDirectory, *, retries_failed: bool = False) -> Proposals:
    """Return what a process of the search supplies."""
    return Proposals(planned._composer, directory, planned.search, force=False, retries_failed=retries_failed)


def supplied(source: Proposals) -> Job:
    """Return the next point, of which there is one."""
    job = source.next()
    assert job is not None
    return job


def run_of(
    directory: SweepDirectory, key: str, *, rows: list[MetricRow], status: str = "done", ends: bool = True
) -> Path:
    """Write the run of a point."""
    lease = directory.ledger.acquire([key])
    assert lease is not None
    name = f"run_{key[:6]}"
    lease.set_run(name)
    write_metrics(directory.path / name / "metrics.csv", rows)
    write_record(directory.path / name, cast("Any", {"id": "a", "status": status}))
    if ends:
        lease.finish(name)
    return directory.path / name


def end(source: Proposals, job: Job, state: str) -> None:
    """Tell that a job has ended."""
    source.ended(cast("Any", SimpleNamespace(job=job, state=state)))


def trials(source: Proposals) -> list[tuple[str, float | None]]:
    """Return the states and values of the trials."""
    return [(trial.state, trial.value) for trial in Study(source.directory.path, source.search).trials()]


def test_a_search_supplies_as_many_points_as_it_has_runs(planned: PlannedSearch) -> None:
    """The first is in the middle of the range; each is in sweep.yaml when it is supplied, and has its label."""
    source = proposals(planned, choose(planned).directory)
    jobs = [supplied(source) for _ in range(3)]
    assert source.next() is None
    space = SweepDirectory.open(source.directory.path).manifest.space
    assert [point.key for point in space] == [job.key for job in jobs]
    assert [job.label for job in jobs] == [f"cortex_density={point['cortex_density']}" for point in space]
    assert trials(source) == [("running", None)] * 3
    assert not has_all_trials(source.directory, planned.search)


@pytest.mark.parametrize(
    ("state", "rows", "status", "found"),
    [
        ("done", ROWS, "done", ("done", 2.0)),  # the value at the last time
        ("elsewhere", ROWS[::-1], "done", ("done", 2.0)),
        ("done", ROWS, "killed", ("pruned", None)),
        ("done", [*ROWS, (6.0, "m", float("nan"))], "done", ("failed", None)),
        ("done", [(0.0, "m", float("-inf"))], "done", ("failed", None)),
        ("failed", ROWS, "failed", ("failed", None)),
        ("pruned", ROWS, "killed", ("pruned", None)),
        ("stopped", ROWS, "killed", ("running", None)),
    ],
)
def test_a_search_is_told_how_its_runs_ended(
    planned: PlannedSearch, state: str, rows: list[MetricRow], status: str, found: tuple[str, float | None]
) -> None:
    """A value counts if its run is finished and the value finite; a run that was stopped is left open."""
    source = proposals(planned, choose(planned).directory)
    job = supplied(source)
    run_of(source.directory, job.key, rows=rows, status=status)
    end(source, job, state)
    assert trials(source) == [found]


@pytest.mark.parametrize(("rows", "advice"), [([(0.0, "mm", 1.0)], "Did you mean 'mm'"), ([], "They have none")])
def test_a_metric_that_runs_lack_is_refused(planned: PlannedSearch, rows: list[MetricRow], advice: str) -> None:
    """With the nearest that they have."""
    source = proposals(planned, choose(planned).directory)
    job = supplied(source)
    run_of(source.directory, job.key, rows=rows)
    with pytest.raises(RunError, match=rf"sweep\.search\.metric: must be a metric of the runs \(got 'm'\)\. {advice}"):
        end(source, job, "done")


def test_a_process_that_continues_supplies_what_is_open(planned: PlannedSearch) -> None:
    """First the trials that other processes left, each once; finished runs that were not told are told."""
    first = proposals(planned, choose(planned).directory)
    jobs = [supplied(first) for _ in range(2)]
    run_of(first.directory, jobs[0].key, rows=ROWS)
    second = proposals(planned, first.directory)
    assert supplied(second).key == jobs[1].key
    assert trials(second) == [("done", 2.0), ("running", None)]
    assert supplied(second).key not in {job.key for job in jobs}
    assert second.next() is None


@pytest.mark.parametrize("retries", [False, True])
def test_failed_runs_are_tried_again_if_asked(planned: PlannedSearch, retries: bool) -> None:
    """Otherwise only new trials are left."""
    first = proposals(planned, choose(planned).directory)
    jobs = [supplied(first) for _ in range(3)]
    for job in jobs:
        end(first, job, "failed")
    assert has_all_trials(first.directory, planned.search)
    second = proposals(planned, first.directory, retries_failed=retries)
    assert [supplied(second).key for _ in range(3 if retries else 0)] == [job.key for job in jobs if retries]
    assert second.next() is None


@pytest.mark.parametrize("state", ["done", "failed", "running"])
def test_a_point_that_is_proposed_again_is_not_run_again(
    planned: PlannedSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Its trial has the result of the run that there is, or waits for it."""
    planned = describe(tmp_path / "Output", cortex_density=[3, 4])
    monkeypatch.setattr(Study, "_point", lambda self, params: planned.search.point({"cortex_density": 3}))
    source = proposals(planned, choose(planned).directory)
    job = supplied(source)
    if state == "running":
        assert source.next() is None
        assert trials(source) == [("running", None)] * 3
        run_of(source.directory, job.key, rows=ROWS)
        end(source, job, "done")
        assert trials(source) == [("done", 2.0)] * 3
        return
    if state == "done":
        run_of(source.directory, job.key, rows=ROWS)
    else:
        lease = source.directory.ledger.acquire([job.key])
        assert lease is not None
        lease.fail("for a reason")
    end(source, job, state)
    assert source.next() is None
    assert trials(source) == [("done", 2.0) if state == "done" else ("failed", None)] * 3


def test_the_pruner_is_asked_when_there_are_new_values(
    planned: PlannedSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the values of the metric in order of time; a search without a pruner stops no run."""
    asked: list[dict[int, float]] = []
    monkeypatch.setattr(Study, "is_hopeless", lambda self, trial, values: asked.append(dict(values)) or True)
    planned = describe(tmp_path / "Output", pruner="median")
    source = proposals(planned, choose(planned).directory)
    job = supplied(source)
    assert not source.is_hopeless(job.key), "no run has begun"
    path = run_of(source.directory, job.key, rows=ROWS[:1], ends=False)
    assert source.is_hopeless(job.key)
    assert not source.is_hopeless(job.key), "nothing is new"
    write_metrics(path / "metrics.csv", ROWS[::-1])
    assert source.is_hopeless(job.key)
    assert asked == [{1: 9.0}, {1: 9.0, 2: 2.0}]
    source.search = describe(tmp_path / "Output").search
    write_metrics(path / "metrics.csv", [])
    assert not source.is_hopeless(job.key)


def test_a_search_that_has_run_writes_its_table_and_names_the_best(
    planned: PlannedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher takes points from the search; the table is written also when it is stopped."""
    directory, given = choose(planned).directory, []

    def launcher(**arguments: Any) -> object:
        given.append(arguments)
        source = arguments["source"]
        job = supplied(source)
        run_of(directory, job.key, rows=ROWS)
        end(source, job, "done")
        return SimpleNamespace(run=list)

    monkeypatch.setattr(searching, "LocalLauncher", launcher)
    monkeypatch.setattr(searching, "completed", lambda run, *others: f"{run()} {len(others)}")
    options, workers = SweepOptions(), cast("Any", "workers")
    search = partial(
        searching.run_search,
        planned.search,
        planned._composer,
        planned._checked,
        directory,
        options,
        workers,
    )
    text = search(retries_failed=True, force=True)
    assert text.startswith("[] 3\nbest: m = 2 with cortex_density=")
    source = given[0].pop("source")
    assert (source.force, source.retries_failed) == (True, True)
    assert not given[0].pop("display")._wants_table
    assert given[0] == {
        "directory": directory,
        "jobs": [],
        "options": options,
        "workers": "workers",
        "retries_failed": True,
    }
    (directory.path / "search.csv").unlink()

    def interrupted() -> None:
        raise KeyboardInterrupt

    def stopping(**arguments: Any) -> object:
        source = arguments["source"]
        assert [arguments["retries_failed"], source.retries_failed, source.force] == [False] * 3
        return SimpleNamespace(run=interrupted)

    monkeypatch.setattr(searching, "LocalLauncher", stopping)
    with pytest.raises(KeyboardInterrupt):
        search()
    assert (directory.path / "search.csv").exists()


def test_a_search_without_optuna_is_refused_when_it_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is checked or written before."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(topo_exp.TopoExpError, match="pip install"):
        describe(tmp_path / "Output", cortex_density={"integers": [3, 90]})
    assert not (tmp_path / "Output").exists()


def test_options_of_the_sweep_are_no_settings_of_a_search(tmp_path: Path) -> None:
    """They hold for the launcher; all other settings are of the runs."""
    found = describe(tmp_path, n_jobs=3, timeout=7)
    assert (found._options.n_jobs, found._options.timeout) == (3, 7)
    assert not {"n_jobs", "timeout"} & {*found.search.constant, *found.search.settings}
    assert found.search.constant["times"] == [0, 5]
    assert list(found.search.settings) == ["cortex_density"]


def test_the_table_has_a_line_for_each_trial_and_the_best_is_named(planned: PlannedSearch) -> None:
    """Number, settings, state, value and run; the smallest value is best where it is minimised."""
    source = proposals(planned, choose(planned).directory)
    with pytest.raises(RunError, match="some run must have a value of m"):
        source.best_line()
    jobs = [supplied(source) for _ in range(3)]
    points = list(source.directory.manifest.space)
    for job, value in zip(jobs[:2], (3.0, 0.5), strict=True):
        run_of(source.directory, job.key, rows=[(0.0, "m", value)])
        end(source, job, "done")
    end(source, jobs[2], "failed")
    source.write_table()
    lines = list(csv.reader(io.StringIO((source.directory.path / "search.csv").read_text(encoding="utf-8"))))
    densities = [str(point["cortex_density"]) for point in points]
    names = [f"run_{job.key[:6]}" for job in jobs]
    assert lines == [
        ["trial", "cortex_density", "state", "m", "run"],
        ["0", densities[0], "done", "3.0", names[0]],
        ["1", densities[1], "done", "0.5", names[1]],
        ["2", densities[2], "failed", "", ""],
    ]
    place = source.directory.path / names[1]
    assert source.best_line() == f"best: m = 0.5 with cortex_density={densities[1]}: {place}"


def test_an_equal_command_joins_a_search_that_is_not_finished(planned: PlannedSearch, tmp_path: Path) -> None:
    """Another description, `join=false`, or a search that has had all runs, makes another search."""
    first = choose(planned)
    assert (first.is_joined, first.note) == (False, "")
    assert (first.directory.path / "search.journal").exists()
    assert [point["cortex_density"] for point in first.directory.manifest.space] == [
        planned.search.first["cortex_density"]
    ]
    again = describe(tmp_path / "Output")
    source = proposals(again, first.directory)
    supplied(source)
    joined = choose(again)
    assert (joined.directory.path, joined.is_joined) == (first.directory.path, True)
    assert joined.note == f"joining {first.directory.path} (1 of 3 runs begun). join=false starts another search."
    assert again._composer.identity.id == first.directory.manifest.id
    assert choose(describe(tmp_path / "Output"), join=False).directory.path != first.directory.path
    assert not choose(describe(tmp_path / "Output", n=4)).is_joined
    for path in {place.parent for place in (tmp_path / "Output").glob("*/sweep.yaml")}:
        source = proposals(planned, SweepDirectory.open(path))
        while (job := source.next()) is not None:
            end(source, job, "failed")
    assert has_all_trials(first.directory, planned.search)
    assert not choose(describe(tmp_path / "Output")).is_joined
    assert repr(planned) == "<search of 3 runs: minimize m>"
