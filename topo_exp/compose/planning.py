"""The plan of a sweep, with an estimate from brief runs of each kind of point."""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from topo_exp.compose.bridge import make_spec
from topo_exp.compose.joining import sweep_to_join
from topo_exp.compose.points import CheckedPoint, PointComposer, sweep_directory_name
from topo_exp.record.files import path_errors
from topo_exp.runner.run import execute
from topo_exp.runner.spec import RunSpec
from topo_exp.sweeps.capacity import free_cores
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.plan import Cost, Plan

MOST_KINDS = 6
"""Kinds of runs that are tried; of more, as many spread over all."""
EARLY = 100
"""First iterations, in which activity and so the cost of an iteration still change."""
TRIED_SECONDS = 4.0
"""CPU seconds of simulation for each kind, at most; at least `EARLY` iterations, if a run has so many."""
MLFLOW_START, MLFLOW_RUN = 2.5, 0.7
"""CPU seconds of the process that shows a sweep in MLflow: at its start, and for each run."""


@dataclass(frozen=True)
class _Kind:
    """Measured cost of one kind of run."""

    early: float
    late: float
    fixed: Cost
    each_time: Cost

    def of(self, times: Sequence[float]) -> Cost:
        """Return the cost of a run with these analysis times."""
        iterations = max(times)
        simulating = self.early * min(iterations, EARLY) + self.late * max(0.0, iterations - EARLY)
        n = len(times)
        return Cost(
            main=self.fixed.main + n * self.each_time.main + simulating,
            drawing=self.fixed.drawing + n * self.each_time.drawing,
            memory=self.fixed.memory,
            disk=self.fixed.disk + n * self.each_time.disk,
        )


def make_plan(composer: PointComposer, points: Sequence[CheckedPoint], options: SweepOptions) -> Plan:
    """Plan a sweep: each kind of run is tried briefly in a temporary directory, in seconds.

    Runs are of one kind if they differ in seeds and times only.

    Args:
        composer: The points.
        points: The same, checked.
        options: Of the sweep.

    Raises:
        TopoExpError: A trial failed; the sweep would, too.
    """
    joined = sweep_to_join(composer, points, options)
    states = {} if joined is None else joined.ledger.states([point.point.key for point in points])
    left = [point for point in points if point.point.key not in states or states[point.point.key].state != "done"]
    kinds: dict[object, list[CheckedPoint]] = {}
    for point in left:
        kinds.setdefault(_kind(point), []).append(point)
    tried = list(kinds)[:: max(1, -(-len(kinds) // MOST_KINDS))]
    measured: dict[object, _Kind] = {}
    for kind in kinds:
        if kind in tried:
            last = _measured(composer, kinds[kind][0])
        measured[kind] = last
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shown = [point for point in left if point.options.tracking == "mlflow"]
    return Plan(
        varying={name: list(values) for name, values in composer.space.varying.items()},
        constant=dict(composer.space.constant),
        names=[point.directory_name for point in points],
        done=len(points) - len(left),
        directory=sweep_directory_name(points, composer.space) if joined is None else joined.path.name,
        costs=[measured[_kind(point)].of(point.options.times) for point in left],
        measured=(len(tried), len(kinds)),
        jobs=min(options.n_jobs or free_cores(0), max(1, len(left))),
        cores=cores,
        fixed=MLFLOW_START + MLFLOW_RUN * len(shown) if shown else 0.0,
    )


def _kind(point: CheckedPoint) -> object:
    """Return a value that is equal for points whose runs cost about the same, but for the number of times."""
    parameters = {name: value for name, value in point.parameters.items() if "seed" not in name}
    settings = {name: repr(value) for name, value in point.point.items() if "seed" not in name}
    for name in ("times", "tag"):
        settings.pop(name, None)
    return point.model, repr(sorted(parameters.items())), repr(sorted(settings.items()))


def _measured(composer: PointComposer, point: CheckedPoint) -> _Kind:
    """Try a run: some iterations, then runs with one and with two analysis times, both within the early iterations."""
    spec = make_spec(composer.settings(point.point))
    early, late = _iterations(spec)
    first = min(EARLY - 1.0, *spec.options.times)
    with tempfile.TemporaryDirectory(prefix="topo_exp_plan_") as folder:
        two = _run_cost(spec, Path(folder) / "two", (first, first + 1))
        one = _run_cost(spec, Path(folder) / "one", (first,))
    each = Cost(
        main=max(0.0, two.main - one.main - early),
        drawing=max(0.0, two.drawing - one.drawing),
        memory=0.0,
        disk=max(0.0, two.disk - one.disk),
    )
    fixed = Cost(
        main=max(0.0, one.main - each.main - early * first),
        drawing=max(0.0, one.drawing - each.drawing),
        memory=one.memory,
        disk=max(0.0, one.disk - each.disk),
    )
    return _Kind(early, late, fixed, each)


def _iterations(spec: RunSpec) -> tuple[float, float]:
    """Return CPU seconds of an iteration at the beginning, and after `EARLY` iterations."""
    sim, last = spec.build(), max(spec.options.times)
    sim.run(1)  # lays out the network
    early = min(EARLY, max(1, int(last) - 1))
    began = time.process_time()
    sim.run(1 + early)
    mean = (time.process_time() - began) / early
    reached = 1 + early
    began, begun_at = time.process_time(), reached
    while reached + 20 <= last and time.process_time() - began < TRIED_SECONDS:
        reached += 20
        sim.run(reached)
    late = (time.process_time() - began) / (reached - begun_at) if reached > begun_at else mean
    return mean, late


def _run_cost(spec: RunSpec, output: Path, times: tuple[float, ...]) -> Cost:
    """Return the cost of a run with these times; CPU seconds of processes that it starts are those of drawing."""
    with path_errors(output):
        output.mkdir()
    options = replace(spec.options, output_dir=output, metadata_dir=None, times=times, progress=False)
    before = os.times()
    outcome = execute(replace(spec, options=options, views=()))
    outcome.raise_error()
    after = os.times()
    assert outcome.directory is not None
    unit = 1024 if sys.platform.startswith("linux") else 1  # of ru_maxrss
    return Cost(
        main=after.user + after.system - before.user - before.system,
        drawing=after.children_user + after.children_system - before.children_user - before.children_system,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        disk=sum(path.stat().st_blocks * 512 for path in outcome.directory.rglob("*") if path.is_file()),
    )
