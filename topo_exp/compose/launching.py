"""Carry out the points of a sweep: in processes on this machine, or as the job of another launcher."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from topo_exp.compose.bridge import Settings, make_spec
from topo_exp.compose.points import CheckedPoint, PointComposer
from topo_exp.compose.resumption import continue_as
from topo_exp.errors import TopoExpError
from topo_exp.record.files import delete_leftovers
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import RUN_YAML
from topo_exp.record.lease import is_leased
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.progress import Progress
from topo_exp.runner.spec import RunSpec
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.job import Job, JobEnd, require_success
from topo_exp.sweeps.ledger import Lease
from topo_exp.sweeps.local import LocalLauncher
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.watch import Display
from topo_exp.sweeps.worker import Task
from topo_exp.view.sweep_recorder import shown_in_mlflow

PRELOAD = "topo_exp.compose.loaded"
"""Module that loads everything that `run_point` needs."""

PATIENCE_WITH_PREVIOUS = 30.0
"""Seconds to wait until the process of an earlier attempt has stopped."""


def run_locally(
    composer: PointComposer,
    points: Sequence[CheckedPoint],
    directory: SweepDirectory,
    options: SweepOptions,
    workers: Workers,
    *,
    retries_failed: bool = False,
    force: bool = False,
) -> str:
    """Run the points of a sweep side by side, each in a process of its own, and show them in MLflow.

    Args:
        composer: The points.
        points: The same, checked.
        directory: Of the sweep.
        options: Of the sweep.
        workers: Starts the processes.
        retries_failed: Whether points that have failed before are tried again.
        force: Whether to continue runs although code or versions have changed.

    Returns:
        One line about a sweep that ended well.

    Raises:
        RunError: A run failed; the others are complete.
        KeyboardInterrupt, SystemExit: A signal stopped the sweep.
    """
    launcher = LocalLauncher(
        directory=directory,
        jobs=local_jobs(composer, directory, force=force),
        options=options,
        workers=workers,
        display=Display(live=all(point.options.progress for point in points)),
        retries_failed=retries_failed,
    )
    return completed(launcher.run, points, directory, options)


def completed(
    run: Callable[[], list[JobEnd]], points: Sequence[CheckedPoint], directory: SweepDirectory, options: SweepOptions
) -> str:
    """Run a launcher until its points have ended, show them in MLflow meanwhile, and write the page of the sweep.

    Args:
        run: Runs the launcher; returns how each point ended.
        points: The points.
        directory: Of the sweep.
        options: Of the sweep.

    Returns:
        One line about a sweep that ended well.

    Raises:
        RunError: A run failed, or the launcher was stopped before all had ended.
        KeyboardInterrupt, SystemExit: A signal stopped the sweep.
    """
    is_shown = any(point.options.tracking == "mlflow" for point in points)
    with shown_in_mlflow(directory.path, runs=len(points)) if is_shown else nullcontext():
        ends = run()
        if options.report:
            _write_page(directory, is_silent=not any(point.options.progress for point in points))
        return require_success(ends)


def _write_page(directory: SweepDirectory, *, is_silent: bool) -> None:
    """Write the page of a sweep, before MLflow is shown its last state; say where it is, or why there is none."""
    from topo_exp.after.report import refresh_report

    page = refresh_report(directory.path)
    if page.failure or not is_silent:
        sys.stderr.write(f"{page}\n")


def local_jobs(composer: PointComposer, directory: SweepDirectory, *, force: bool = False) -> list[Job]:
    """Return the points of a sweep as jobs for the local launcher.

    Args:
        composer: The points.
        directory: Of the sweep.
        force: Whether to continue runs although code or versions have changed.
    """
    label = composer.space.label
    return [job_of(composer, directory, point, label(point), force=force) for point in composer.space]


def job_of(composer: PointComposer, directory: SweepDirectory, point: Point, label: str, *, force: bool = False) -> Job:
    """Return one point as a job for the local launcher; other arguments as for `local_jobs`.

    Args:
        composer: Makes its settings.
        directory: Of the sweep.
        point: The point.
        label: The settings that distinguish it.
        force: Whether to continue its run although code or versions have changed.
    """

    def make_task(lease: Lease) -> Task:
        settings = composer.settings(point, directory.path)
        return point_task(settings, lease, previous_run(directory, lease), force=force)

    return Job(point.key, label, make_task)


def point_task(settings: Settings, lease: Lease, previous: Path | None, *, force: bool = False) -> Task:
    """Return the task of a worker that carries out a point; the arguments are those of `run_point`."""
    return partial(_task, settings, lease, previous, force)


def _task(
    settings: Settings, lease: Lease, previous: Path | None, force: bool, report: Callable[[Progress], object]
) -> Outcome:
    """Call `run_point` with its arguments in order, as a task of the local launcher."""
    return run_point(settings, lease, previous, force=force, report=report)


def run_point(
    settings: Settings, lease: Lease, previous: Path | None, *, force: bool, report: Callable[[Progress], object]
) -> Outcome:
    """Carry out the run of a point, in whichever process; the process that runs the sweep shows it in MLflow.

    Args:
        settings: Of the point, as `PointComposer.settings` makes them for a sweep's directory.
        lease: The right to work on it; it is told the run directory.
        previous: Directory of the run that an earlier attempt has left, which is continued; None to begin.
        force: Whether to continue it although code or versions have changed.
        report: Receives the progress of the run.

    Returns:
        How the run ended.
    """
    try:
        return run_leased_spec(replace(make_spec(settings), on_progress=report, views=()), lease, previous, force=force)
    except TopoExpError as error:
        return Outcome.of_error(error)


def run_leased_spec(spec: RunSpec, lease: Lease, previous: Path | None, *, force: bool = False) -> Outcome:
    """Carry out a run as the holder of a point's lease; see `run_point`.

    Raises:
        ConfigError, RecordError: The run of an earlier attempt cannot be continued.
    """
    from topo_exp.runner.run import execute

    spec = replace(spec, on_directory=lambda directory: lease.set_run(directory.name))
    return execute(spec) if previous is None else continue_point(spec, previous, force=force)


def continue_point(spec: RunSpec, previous: Path, *, force: bool) -> Outcome:
    """Continue the run that an earlier attempt at a point has left.

    Its process may still be writing its last restart point, if it was stopped a moment ago.

    Args:
        spec: The run.
        previous: Its directory.
        force: Whether to continue it although code or versions have changed.

    Raises:
        ConfigError: Code or versions have changed.
        RecordError: Another process runs it, or its directory cannot be read.
    """
    until = time.monotonic() + PATIENCE_WITH_PREVIOUS
    while is_leased(previous) and time.monotonic() < until:
        time.sleep(0.1)
    run = RunHandle(previous)
    if run.status == "done":  # its attempt was killed before it could say so
        delete_leftovers(previous)
        return Outcome("done", previous)
    return continue_as(spec, run, force=force)


def previous_run(directory: SweepDirectory, lease: Lease) -> Path | None:
    """Return the directory of the run that the attempts before a lease have left; None if there is none to continue."""
    if lease.attempt == 1:
        return None
    places = (directory.path / name for name in directory.ledger.runs(lease.key))
    return next((place for place in places if (place / RUN_YAML).is_file()), None)
