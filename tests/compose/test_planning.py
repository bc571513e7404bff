"""The plan of a sweep: what is tried, and that the costs of all runs follow from the trials."""

import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import topo_exp
from topo_exp.compose import planning
from topo_exp.runner.spec import RunSpec
from topo_exp.sweeps.plan import Cost, Plan
from topo_exp.testing import run_spec

EARLY, LATE = 0.5, 0.25
FIXED, EACH = Cost(main=7.0, drawing=2.0, memory=1e9, disk=4096.0), Cost(main=3.0, drawing=1.5, memory=0.0, disk=512.0)


def cost(times: Sequence[float], scale: float = 1.0) -> Cost:
    """Return what a run costs: a start, each time, and iterations, of which the first hundred have another price."""
    iterations, n = max(times), len(times)
    simulating = EARLY * min(iterations, 100) + LATE * max(0.0, iterations - 100)
    return Cost(
        main=scale * (FIXED.main + n * EACH.main + simulating),
        drawing=scale * (FIXED.drawing + n * EACH.drawing),
        memory=scale * FIXED.memory,
        disk=scale * (FIXED.disk + n * EACH.disk),
    )


@dataclass
class Trials:
    """Runs that were tried, by their density; each costs in proportion to it."""

    densities: list[float]
    times: list[tuple[float, ...]]

    def iterations(self, spec: RunSpec) -> tuple[float, float]:
        """Return the seconds of an iteration, early and late."""
        return EARLY * self._scale(spec), LATE * self._scale(spec)

    def run_cost(self, spec: RunSpec, output: Path, times: tuple[float, ...]) -> Cost:
        """Return the cost of a run."""
        self.densities.append(self._scale(spec))
        self.times.append(times)
        return cost(times, self._scale(spec))

    def _scale(self, spec: RunSpec) -> float:
        return float(cast("float", spec.parameters["cortex_density"]))


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Trials:
    """Replace trials by exact costs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    trials = Trials([], [])
    monkeypatch.setattr(planning, "_iterations", trials.iterations)
    monkeypatch.setattr(planning, "_run_cost", trials.run_cost)
    return trials


def plan(model: str = "tiny", **settings: object) -> Plan:
    """Plan a sweep."""
    return topo_exp.sweep(model, **{"analysis": [], "tracking": "none", "n_jobs": 1, **settings}).plan()


def test_the_cost_of_any_times_follows_from_two_trials(trials: Trials) -> None:
    """Where the cost is a start, a price of each time and two of iterations, the estimate is exact."""
    times = [[0], [0, 1], [5, 20, 100], [7, 101], [0, 50, 1000], [500, 2000]]
    found = plan(cortex_density=1, times=times)
    assert [(each.main, each.drawing, each.memory, each.disk) for each in found.costs] == [
        pytest.approx((each.main, each.drawing, each.memory, each.disk)) for each in map(cost, times)
    ]
    assert found.measured == (1, 1)


@pytest.mark.parametrize(
    ("times", "tried"),
    [([0, 5], {(0, 1), (0,)}), ([7, 20], {(7, 8), (7,)}), ([10_000], {(99, 100), (99,)}), ([99.5], {(99, 100), (99,)})],
)
def test_trials_are_brief_and_their_cost_is_exact(
    trials: Trials, times: list[float], tried: set[tuple[float, ...]]
) -> None:
    """They end within the early iterations, whose price is known, however late the first analysis time is."""
    (found,) = plan(cortex_density=1, times=times).costs
    assert set(trials.times) == tried
    assert found.main == pytest.approx(cost(times).main)


def test_a_trial_that_was_faster_by_chance_gives_no_negative_cost(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A difference of two trials below zero counts as zero."""
    monkeypatch.setattr(planning, "_run_cost", lambda spec, output, times: Cost(0.1 / len(times), 0.0, 5.0, 1.0))
    (found,) = plan(cortex_density=1, times=[5, 20]).costs
    assert found == Cost(main=EARLY * 20, drawing=0.0, memory=5.0, disk=1.0)


def test_runs_of_one_kind_are_tried_once(trials: Trials) -> None:
    """Seeds, times and tags change no cost; each other parameter does, and so do analyses."""
    found = plan(
        model="gcal", cortex_density=[8, 9], input_seed=[1, 2], tag=["a", "b"], times=[[0, 1], [0, 2]], contrast=30
    )
    assert found.measured == (2, 2)
    assert trials.densities == [8.0, 8.0, 9.0, 9.0]
    assert len(found.costs) == 16
    assert plan(cortex_density=2, engine=["compiled", "reference"]).measured == (2, 2)
    assert plan(cortex_density=2, analysis=[["default"], ["tuning"]]).measured == (2, 2)


@pytest.mark.parametrize(("kinds", "tried"), [(6, 6), (7, 4), (12, 6), (13, 5)])
def test_of_many_kinds_some_are_tried_that_are_spread_over_all(trials: Trials, kinds: int, tried: int) -> None:
    """Never more than six; a kind that is not tried costs what the tried one before it costs."""
    found = plan(cortex_density=list(range(2, 2 + kinds)), times=[0, 10])
    assert found.measured == (tried, kinds)
    step = -(-kinds // 6)
    assert trials.densities[::2] == [float(2 + number) for number in range(0, kinds, step)]
    expected = [cost([0, 10], 2 + number - number % step) for number in range(kinds)]
    assert [each.main for each in found.costs] == pytest.approx([each.main for each in expected])


def test_runs_that_are_done_cost_nothing(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed and waiting ones are left; the directory is that of the sweep that the command joins."""
    planned = topo_exp.sweep("tiny", analysis=[], tracking="none", cortex_density=[2, 3, 4, 5], n_jobs=8)
    words = ["done", "failed", "waiting"]
    states = {point.key: SimpleNamespace(state=word) for point, word in zip(planned.space, words, strict=False)}
    joined = SimpleNamespace(path=Path("/a/joined"), ledger=SimpleNamespace(states=lambda keys: states))
    monkeypatch.setattr(planning, "sweep_to_join", lambda *given: joined)
    found = planned.plan()
    assert (found.done, len(found.names), found.directory) == (1, 4, "joined")
    assert trials.densities[::2] == [3.0, 4.0, 5.0]
    assert (len(found.costs), found.jobs) == (3, 3)
    states.update({point.key: SimpleNamespace(state="done") for point in planned.space})
    assert (planned.plan().costs, planned.plan().jobs, planned.plan().measured) == ([], 1, (0, 0))


def test_the_plan_has_the_settings_the_jobs_and_the_cost_of_mlflow(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `n_jobs`, as many as cores are free; the process that shows runs in MLflow costs by their number."""
    monkeypatch.setattr(planning, "free_cores", lambda used: 2 - used)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 2, 3}, raising=False)
    found = plan(cortex_density=[2, 3, 4], tracking="mlflow", n_jobs=None)
    assert found.varying == {"cortex_density": [2, 3, 4]}
    assert found.constant == {"model": "tiny", "analysis": [], "tracking": "mlflow"}
    assert found.directory.endswith("_tiny_sweep,cortex_density")
    assert (found.done, found.jobs, found.cores) == (0, 2, 3)
    assert found.fixed == pytest.approx(2.5 + 3 * 0.7)
    assert plan(cortex_density=[2, 3]).fixed == 0.0
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert plan(cortex_density=2).cores == 1


class TimedSimulation:
    """A simulation whose iterations take known times: one that lays it out, then early ones, then late ones."""

    def __init__(self, clock: list[float], late: float) -> None:
        self.clock = clock
        self.late = late
        self.time = 0

    def run(self, until: int) -> None:
        """Advance the time, and the clock."""
        for iteration in range(self.time, until):
            self.clock[0] += 50.0 if iteration == 0 else EARLY if iteration <= 100 else self.late
        self.time = until


@pytest.mark.parametrize(
    ("last", "late", "found", "reached"),
    [
        (1000, 0.125, (EARLY, 0.125), 141),  # after 40 iterations, 5 s are over
        (1000, 0.001, (EARLY, 0.001), 981),
        (141, 0.125, (EARLY, 0.125), 141),
        (120, 0.125, (EARLY, EARLY), 101),  # too few for late ones
        (11, 0.125, (EARLY, EARLY), 11),
        (1, 0.125, (EARLY, EARLY), 2),
        (0, 0.125, (EARLY, EARLY), 2),
    ],
)
def test_iterations_are_timed_apart_from_the_layout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, last: int, late: float, found: tuple[float, float], reached: int
) -> None:
    """The mean of up to a hundred early ones, and of as many late ones as four seconds hold."""
    clock = [1000.0]
    sim = TimedSimulation(clock, late)
    monkeypatch.setattr(planning, "time", SimpleNamespace(process_time=lambda: clock[0]))
    spec = replace(run_spec(tmp_path, times=(0.0, float(last))), build=cast("Any", lambda: sim))
    assert planning._iterations(spec) == pytest.approx(found)
    assert sim.time == reached


def test_the_cost_of_a_trial_is_that_of_its_processes_and_its_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CPU time counts with that of the system, and of processes that were started; disk space in whole blocks."""
    times = iter([os.times_result((1.0, 2.0, 4.0, 8.0, 0.0)), os.times_result((11.0, 22.0, 44.0, 88.0, 0.0))])
    monkeypatch.setattr(planning.os, "times", lambda: next(times))
    spec = run_spec(tmp_path / "elsewhere", times=(0.0, 50.0), metadata_dir=tmp_path / "kept", analyses={})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = planning._run_cost(spec, tmp_path / "trial", (2.0, 3.0))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (run,) = (topo_exp.load_run(path) for path in (tmp_path / "trial").iterdir())
    assert run.times == (2.0, 3.0)
    assert (found.main, found.drawing) == (30.0, 120.0)
    assert before <= found.memory <= after
    files = [path for path in run.directory.rglob("*") if path.is_file()]
    assert found.disk == sum(path.stat().st_blocks * 512 for path in files) > 0
    assert sorted(os.listdir(tmp_path)) == ["trial"]


def test_a_trial_that_fails_ends_the_plan(tmp_path: Path) -> None:
    """The sweep would fail, too."""
    spec = run_spec(tmp_path, sim={"breaks_at": 2})
    with pytest.raises(topo_exp.TopoExpError, match="must be finite"):
        planning._run_cost(spec, tmp_path / "trial", (5.0,))
