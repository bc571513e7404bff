"""The trials of a search, kept by Optuna in a file of the sweep that several processes share.

Optuna proposes values and judges runs; everything else is decided elsewhere. Processes that share a search need a file
system with locks.

References:
    Akiba, Sano, Yanase, Ohta, Koyama 2019, Optuna, doi:10.1145/3292500.3330701.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from topo_exp.errors import MissingDependencyError, RecordError
from topo_exp.record.files import file_lock
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.sampling import Distribution, Integers, LogUniform, OneOf, Uniform
from topo_exp.sweeps.search import Search
from topo_exp.sweeps.values import Value

if TYPE_CHECKING:
    import optuna
    from optuna.storages.journal import JournalFileOpenLock

JOURNAL = "search.journal"
"""File of the trials in the directory of a sweep."""
NAME = "search"

State = Literal["running", "done", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """One proposal.

    Attributes:
        number: Of the trial, from 0.
        point: The settings of its run.
        state: Of its run, as far as it was told.
        value: Of the metric; None without one.
    """

    number: int
    point: Point
    state: State
    value: float | None


class Study:
    """Propose points and take their results.

    Args:
        directory: Of the sweep.
        search: Description of the search.

    Raises:
        MissingDependencyError: Optuna, or a package that the sampler needs, is not installed.
        RecordError: The journal is damaged.
    """

    def __init__(self, directory: Path, search: Search) -> None:
        """Open the journal, which is made if there is none."""
        require_optuna()
        import optuna
        from optuna.storages.journal import JournalFileBackend

        self._search = search
        path = directory / JOURNAL
        try:
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(path), lock_obj=_lock(path)))
            is_new = not storage.get_all_studies()
            self._study = optuna.create_study(
                storage=storage,
                study_name=NAME,
                load_if_exists=True,
                direction=optuna.study.StudyDirection[search.direction.upper()],
                pruner=_pruner(search.pruner),
            )
        except (ValueError, KeyError, OSError) as error:
            raise RecordError(f"{path}: must be a journal of Optuna (got {error}). Restore the file.") from error
        # a process that continues must not propose the same points again
        self._study.sampler = _sampler(search.sampler, search.seed + len(self._study.get_trials(deepcopy=False)))
        self._distributions = {name: _for_optuna(each) for name, each in search.settings.items()}
        self._live: dict[int, optuna.trial.Trial] = {}
        self._reported: dict[int, set[int]] = {}
        if is_new:
            self._study.enqueue_trial({name: self._encoded(name, value) for name, value in search.first.items()})

    def trials(self) -> list[Trial]:
        """Return all trials, in order, without those that wait in the queue or whose proposal is not complete."""
        found = []
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.name != "WAITING" and self._is_complete(trial):
                state = _STATES[trial.state.name]
                value = trial.value if state == "done" else None
                found.append(Trial(trial.number, self._point(trial.params), state, value))
        return found

    def discard_incomplete(self) -> None:
        """End the trials of processes that died while they proposed a point. No other process may propose meanwhile."""
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING" and not self._is_complete(trial):
                self._study.tell(trial.number, state=_optunas("failed"))

    def ask(self) -> Trial:
        """Propose a point."""
        trial = self._study.ask(self._distributions)
        self._live[trial.number] = trial
        return Trial(trial.number, self._point(trial.params), "running", None)

    def tell(self, point: Point, *, state: State, value: float | None = None) -> None:
        """Record the end of a run for all trials of its point.

        A point that failed before and has a value now is a further trial, since Optuna never reopens one.

        Args:
            point: The settings of the run.
            state: How it ended.
            value: Of the metric, finite; None for a run without one.
        """
        same = [trial for trial in self.trials() if trial.point.key == point.key]
        for trial in same:
            if trial.state == "running":
                self._study.tell(trial.number, value, state=_optunas(state), skip_if_finished=True)
        if state == "done" and same and all(trial.state == "failed" for trial in same):
            params = {name: self._encoded(name, point[name]) for name in self._search.settings}
            from optuna.trial import create_trial

            again = create_trial(params=params, distributions=self._distributions, value=value)
            self._study.add_trial(again)

    def is_hopeless(self, trial: Trial, values: Mapping[int, float]) -> bool:
        """Report values of the metric of a run in progress, and return True if the pruner would stop it.

        Args:
            trial: Of the run.
            values: Position of an analysis time, from 1, -> value at it. Reported values are ignored, and so is a trial
                that another process has asked for.
        """
        live = self._live.get(trial.number)
        if live is None:
            return False
        reported = self._reported.setdefault(trial.number, set())
        for step, value in sorted(values.items()):
            if step not in reported and math.isfinite(value):
                live.report(value, step)
                reported.add(step)
        return bool(reported) and bool(live.should_prune())

    @property
    def best(self) -> Trial | None:
        """The best trial; None if none has a value."""
        sign = 1.0 if self._search.direction == "minimize" else -1.0
        valued = [(sign * trial.value, trial.number, trial) for trial in self.trials() if trial.value is not None]
        return min(valued)[2] if valued else None

    def _is_complete(self, trial: optuna.trial.FrozenTrial) -> bool:
        return set(trial.params) == set(self._search.settings)

    def _point(self, params: Mapping[str, object]) -> Point:
        return self._search.point({name: self._decoded(name, value) for name, value in params.items()})

    def _encoded(self, name: str, value: Value) -> object:
        """Return a value as Optuna stores it."""
        each = self._search.settings[name]
        return _scalar(each, value) if isinstance(each, OneOf) else value

    def _decoded(self, name: str, value: object) -> Value:
        each = self._search.settings[name]
        if isinstance(each, OneOf) and not _are_scalars(each):
            decoded: Value = json.loads(str(value))
            return decoded
        return value  # type: ignore[return-value]  # a scalar


_STATES: Mapping[str, State] = {"RUNNING": "running", "COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


def require_optuna() -> None:
    """Check that Optuna is there, and let it write only warnings.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError(
            "sweep.search: must find Optuna (got none). Install it: pip install 'topo-exp[optuna]'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _lock(path: Path) -> JournalFileOpenLock:
    """Return a lock for a journal that ends with its process; Optuna's own ones outlive a process that is killed."""
    from optuna.storages.journal import JournalFileOpenLock

    class Lock(JournalFileOpenLock):
        def acquire(self) -> bool:
            self._held = ExitStack()
            self._held.enter_context(file_lock(path.with_suffix(".lock")))
            return True

        def release(self) -> None:
            self._held.close()

    return Lock(str(path))


def _optunas(state: State) -> optuna.trial.TrialState:
    import optuna

    names = {ours: name for name, ours in _STATES.items()}
    return optuna.trial.TrialState[names[state]]


def _for_optuna(each: Distribution) -> optuna.distributions.BaseDistribution:
    import optuna

    if isinstance(each, Uniform | LogUniform):
        return optuna.distributions.FloatDistribution(each.low, each.high, log=isinstance(each, LogUniform))
    if isinstance(each, Integers):
        return optuna.distributions.IntDistribution(each.low, each.high)
    assert isinstance(each, OneOf)
    return optuna.distributions.CategoricalDistribution([_scalar(each, value) for value in each.values])


def _scalar(each: OneOf, value: Value) -> bool | int | float | str | None:
    """Return one of several values as Optuna stores it: as JSON, unless all of them are scalars."""
    if _are_scalars(each):
        assert not isinstance(value, list | dict)
        return value
    return json.dumps(value)


def _are_scalars(each: OneOf) -> bool:
    return all(value is None or isinstance(value, bool | int | float | str) for value in each.values)


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    from optuna import samplers

    make: Mapping[str, Callable[[], optuna.samplers.BaseSampler]] = {
        "tpe": lambda: samplers.TPESampler(seed=seed, constant_liar=True),  # for several runs at a time
        "random": lambda: samplers.RandomSampler(seed=seed),
        "qmc": lambda: samplers.QMCSampler(seed=seed, scramble=True),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed),
        "gp": lambda: samplers.GPSampler(seed=seed),
        "nsgaii": lambda: samplers.NSGAIISampler(seed=seed),
    }
    try:
        return make[name]()
    except ImportError as error:
        raise MissingDependencyError(
            f"sweep.search.sampler: {name} must find its package (got: {error}). Install it, or use tpe."
        ) from error


def _pruner(name: str) -> optuna.pruners.BasePruner:
    from optuna import pruners

    make: Mapping[str, Callable[[], optuna.pruners.BasePruner]] = {
        "none": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "halving": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }
    return make[name]()
