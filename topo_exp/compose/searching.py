"""Searches: sweeps whose points are proposed while they run."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from topo_exp.compose.joining import Chosen, equal_sweeps, identity_of
from topo_exp.compose.launching import completed, job_of
from topo_exp.compose.points import CheckedPoint, PointComposer, code_of, make_sweep
from topo_exp.errors import RunError, nearest
from topo_exp.record.files import locked, path_errors, write_text
from topo_exp.record.layout import METRICS
from topo_exp.record.metrics import read_metrics
from topo_exp.record.run_yaml import read_record
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.job import Job, JobEnd
from topo_exp.sweeps.local import LocalLauncher
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.search import Search
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.study import Study, Trial
from topo_exp.sweeps.values import literal
from topo_exp.sweeps.watch import Display

TABLE = "search.csv"
"""File of a search's directory: one line for each trial."""


def choose_search(
    composer: PointComposer, probes: Sequence[CheckedPoint], search: Search, *, command: str, options: SweepOptions
) -> Chosen:
    """Join the unfinished search of an equal command, or make the directory of a new one.

    Args:
        composer: With the probes as its space; it takes over the identity of a search that is joined.
        probes: The same, checked.
        search: The search.
        command: The command that makes it again.
        options: Of the sweep.

    Raises:
        RecordError: The directory cannot be made or written.
    """
    output_dir = probes[0].options.output_dir
    with path_errors(output_dir, "output_dir"):
        output_dir.mkdir(parents=True, exist_ok=True)
    with locked(output_dir, waits=True):
        found = _unfinished(composer, probes, search) if options.join else None
        if found is None:
            made = make_sweep(composer, probes, command=command, options=options)
            first = Sweep.of([search.point(search.first)])
            made = made.rewritten(replace(made.manifest, space=first, description=search.data()))
            Study(made.path, search)
            return Chosen(made)
    composer.identity = identity_of(found.manifest)
    note = f"joining {found.path} ({len(Study(found.path, search).trials())} of {search.n} runs begun). "
    return Chosen(found, is_joined=True, note=f"{note}join=false starts another search.")


def _unfinished(composer: PointComposer, probes: Sequence[CheckedPoint], search: Search) -> SweepDirectory | None:
    """Return the latest search with the same description and code that has runs left; None if there is none."""
    for found in equal_sweeps(composer, probes, code_of(composer, probes)):
        if found.manifest.description == search.data() and not has_all_trials(found, search):
            return found
    return None


def has_all_trials(directory: SweepDirectory, search: Search) -> bool:
    """Return True if a search has had all of its trials, and their results are known."""
    trials = Study(directory.path, search).trials()
    return len(trials) >= search.n and all(trial.state != "running" for trial in trials)


def run_search(
    search: Search,
    composer: PointComposer,
    probes: Sequence[CheckedPoint],
    directory: SweepDirectory,
    options: SweepOptions,
    workers: Workers,
    *,
    retries_failed: bool = False,
    force: bool = False,
) -> str:
    """Run a search on this machine until it has had all of its runs.

    Args:
        search: The search.
        composer: With the probes as its space.
        probes: The same, checked.
        directory: Of the search.
        options: Of the sweep.
        workers: Starts the processes.
        retries_failed: Whether runs that have failed before are tried again.
        force: Whether to continue runs although code or versions have changed.

    Returns:
        Lines about the end, with the best run.

    Raises:
        RunError: A run failed, or no run has the metric.
        KeyboardInterrupt, SystemExit: A signal stopped the search.
    """
    proposals = Proposals(composer, directory, search, force=force, retries_failed=retries_failed)
    launcher = LocalLauncher(
        directory=directory,
        jobs=[],
        options=options,
        workers=workers,
        display=Display(live=all(probe.options.progress for probe in probes)),
        retries_failed=retries_failed,
        source=proposals,
    )

    def run() -> list[JobEnd]:
        try:
            return launcher.run()
        finally:
            proposals.write_table()

    text = completed(run, probes, directory, options)
    return f"{text}\n{proposals.best_line()}"


@dataclass
class Proposals:
    """Supply the points that a search proposes, and tell it their results: a `topo_exp.sweeps.job.Source`.

    Attributes:
        composer: Makes the settings of points.
        directory: Of the search.
        search: Its description.
        force: Whether to continue runs although code or versions have changed.
        retries_failed: Whether runs that have failed before are tried again.
    """

    composer: PointComposer
    directory: SweepDirectory
    search: Search
    force: bool
    retries_failed: bool
    _trials: dict[str, Trial] = field(default_factory=dict)
    """Trials that were supplied, by the key of the point."""
    _sizes: dict[str, int] = field(default_factory=dict)
    """Size of metrics.csv, by key, when it was read last."""

    def __post_init__(self) -> None:
        """Open the trials."""
        self._study = Study(self.directory.path, self.search)

    def next(self) -> Job | None:
        """Return the point of a trial that is not finished, of whatever process, or else of a new one."""
        with locked(self.directory.path, waits=True):
            trial = self._unfinished() or self._asked()
            if trial is None:
                return None
            self._add_point(trial)  # also of a process that died before it could do so
        self._trials[trial.point.key] = trial
        label = self.composer.space.label(trial.point)
        return job_of(self.composer, self.directory, trial.point, label, force=self.force)

    def is_hopeless(self, key: str) -> bool:
        """Return True if the pruner of the search would stop the run of a point at the times it has passed."""
        if self.search.pruner == "none":
            return False
        path = self._run(key) / METRICS
        size = path.stat().st_size if path.exists() else 0
        if size == self._sizes.get(key, 0):
            return False
        self._sizes[key] = size
        found = sorted((time, value) for time, name, value in read_metrics(path) if name == self.search.metric)
        return self._study.is_hopeless(self._trials[key], {step: value for step, (_, value) in enumerate(found, 1)})

    def ended(self, end: JobEnd) -> None:
        """Tell the study how a point has ended."""
        point = self._trials[end.job.key].point
        if end.state == "failed":
            self._study.tell(point, state="failed")
        elif end.state == "pruned":
            self._study.tell(point, state="pruned")
        elif end.state in ("done", "elsewhere"):
            self._tell_value(point.key)

    def write_table(self) -> None:
        """Write one line for each trial: its number, settings, state, value and run."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["trial", *self.search.settings, "state", self.search.metric, "run"])
        for trial in self._study.trials():
            settings = [literal(trial.point[name]) for name in self.search.settings]
            run = next(iter(self.directory.ledger.runs(trial.point.key)), "")
            writer.writerow([trial.number, *settings, trial.state, "" if trial.value is None else trial.value, run])
        write_text(self.directory.path / TABLE, text.getvalue())

    def best_line(self) -> str:
        """Write the best run on one line.

        Raises:
            RunError: There is none.
        """
        best = self._study.best
        if best is None:
            raise RunError(f"sweep.search: some run must have a value of {self.search.metric} (got none).")
        run = self._run(best.point.key)
        settings = str(best.point.only(self.search.settings))
        return f"best: {self.search.metric} = {best.value:g} with {settings}: {run}"

    def _unfinished(self) -> Trial | None:
        """Return a trial that this process has not supplied, and whose result is not known."""
        self._study.discard_incomplete()
        seen = set(self._trials)
        for trial in self._study.trials():
            is_open = trial.state == "running" or (trial.state == "failed" and self.retries_failed)
            if not is_open or trial.point.key in seen:
                continue
            seen.add(trial.point.key)
            (state,) = self.directory.ledger.states([trial.point.key]).values()
            if state.state == "done":  # by a process that could not tell it
                if trial.state == "running":
                    self._trials[trial.point.key] = trial
                    self._tell_value(trial.point.key)
                continue
            return trial
        return None

    def _asked(self) -> Trial | None:
        """Return a new trial whose point has no run yet; None if the search has had all of its trials."""
        while len(self._study.trials()) < self.search.n:
            trial = self._study.ask()
            key = trial.point.key
            (state,) = self.directory.ledger.states([key]).values()
            if state.state == "done":
                self._trials[key] = trial
                self._tell_value(key)
            elif state.state == "failed":
                self._study.tell(trial.point, state="failed")
            elif key not in self._trials:  # else its run is in progress, and will be told for this trial, too
                return trial
        return None

    def _add_point(self, trial: Trial) -> None:
        """Add the point of a trial to sweep.yaml, from which all else is read."""
        self.directory = SweepDirectory.open(self.directory.path)
        manifest = self.directory.manifest
        if all(point.key != trial.point.key for point in manifest.space):
            space = Sweep.of([*manifest.space, trial.point])
            self.directory = self.directory.rewritten(replace(manifest, space=space))

    def _tell_value(self, key: str) -> None:
        """Tell the study the value of the metric in a finished run."""
        run, point = self._run(key), self._trials[key].point
        rows = read_metrics(run / METRICS)
        values = {time: value for time, name, value in rows if name == self.search.metric}
        if not rows or not values:
            names = sorted({name for _, name, _ in rows})
            raise RunError(
                f"sweep.search.metric: must be a metric of the runs (got {self.search.metric!r}). "
                + (nearest(self.search.metric, names) if names else "They have none: choose analyses.")
            )
        value = values[max(values)]
        if _was_pruned(run):
            self._study.tell(point, state="pruned")
        elif math.isfinite(value):
            self._study.tell(point, state="done", value=value)
        else:
            self._study.tell(point, state="failed")

    def _run(self, key: str) -> Path:
        return self.directory.path / next(iter(self.directory.ledger.runs(key)), "")


def _was_pruned(run: Path) -> bool:
    """Return True for a run that its search has stopped: it counts as finished, and is not."""
    return read_record(run)["status"] != "done"
