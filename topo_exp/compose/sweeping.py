"""Sweeps in Python: the same as on the command line, for notebooks and scripts."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import param
from omegaconf import DictConfig

from topo_exp.compose.composition import compose, group_test, hydra_loader
from topo_exp.compose.joining import Chosen, choose_sweep
from topo_exp.compose.launchers import LauncherChoice, PointLauncher, chosen_launcher, launcher_words
from topo_exp.compose.launching import PRELOAD, run_locally
from topo_exp.compose.loading import load_model
from topo_exp.compose.planning import make_plan
from topo_exp.compose.points import PointComposer, read_sweep_options
from topo_exp.compose.resuming import resume_sweep
from topo_exp.compose.schema import declared
from topo_exp.compose.searching import choose_search, run_search
from topo_exp.compose.shell import command_line
from topo_exp.compose.space import space_of, values_by_name
from topo_exp.compose.trust import permission
from topo_exp.record.handle import RunHandle
from topo_exp.runner.options import OPTIONS
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.options import SWEEP_OPTIONS, SweepOptions
from topo_exp.sweeps.plan import Plan
from topo_exp.sweeps.search import ENTRY, Search
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.status import SweepStatus, read_status
from topo_exp.sweeps.study import Study, require_optuna
from topo_exp.sweeps.values import Value, literal


class StartedSweep:
    """Read a sweep from its directory.

    Args:
        path: The directory.

    Raises:
        ConfigError, RecordError: It is no directory of a sweep, or cannot be read.
    """

    def __init__(self, path: Path | str) -> None:
        """Read the description of the sweep."""
        self._sweep = SweepDirectory.open(Path(path))

    def __repr__(self) -> str:
        """Describe it on one line."""
        return f"<sweep {self.directory.name}: {self.status()}>"

    @property
    def directory(self) -> Path:
        """The directory of the sweep."""
        return self._sweep.path

    @property
    def space(self) -> Sweep:
        """The points."""
        return self._sweep.manifest.space

    @property
    def runs(self) -> list[RunHandle]:
        """The finished runs, in the order of the points."""
        names = [self._sweep.ledger.runs(point.key) for point in self.space]
        states = self._sweep.ledger.states([point.key for point in self.space])
        done = [state.state == "done" for state in states.values()]
        return [RunHandle(self.directory / runs[0]) for runs, is_done in zip(names, done, strict=True) if is_done]

    @property
    def best(self) -> RunHandle | None:
        """The run with the best value of a search's metric; None if none has one yet, or if it is no search."""
        search = self._sweep.manifest.search
        best = None if search is None else Study(self.directory, search).best
        if best is None:
            return None
        return RunHandle(self.directory / self._sweep.ledger.runs(best.point.key)[0])

    def status(self) -> SweepStatus:
        """Read how far the sweep has come."""
        return read_status(self.directory)

    def resume(
        self, *, force: bool = False, trust: bool = False, skip_failed: bool = False, **options: object
    ) -> "StartedSweep":
        """Run the points that are not done, each from its last restart point, and wait for them.

        Args:
            force: Whether code, versions and configuration files may have changed.
            trust: Whether code that may be another user's is executed.
            skip_failed: Whether failed points are left as they are.
            **options: `n_jobs`, `timeout`, `on_error`, in place of those of the sweep.

        Returns:
            The sweep.

        Raises:
            ConfigError, RecordError: The sweep cannot be continued; nothing was started.
            RunError: A run failed.
        """
        resume_sweep(self.directory, options, force=force, permit=permission(trust=trust), skips_failed=skip_failed)
        return StartedSweep(self.directory)


class PlannedSweep:
    """A sweep whose points are checked, and which `run` carries out; made by `sweep`.

    Args:
        composer: The points.
        options: Of the sweep.
        command: The command line of an equal sweep.
        launcher: Passes the points to other machines; None for processes on this one.
    """

    def __init__(
        self, composer: PointComposer, options: SweepOptions, command: str, launcher: PointLauncher | None = None
    ) -> None:
        """Check all points."""
        self._composer = composer
        self._options = options
        self._command = command
        self._launcher = launcher
        self._checked = composer.check()

    def __repr__(self) -> str:
        """Describe it on one line."""
        return repr(self.space)

    @property
    def space(self) -> Sweep:
        """The points."""
        return self._composer.space

    @property
    def names(self) -> list[str]:
        """Names of the run directories, in the order of the points."""
        return [each.directory_name for each in self._checked]

    def plan(self) -> Plan:
        """Estimate the cost of the sweep from brief trials of each kind of run; its `lines` are the text to print."""
        return make_plan(self._composer, self._checked, self._options)

    def run(self) -> StartedSweep:
        """Run all points side by side, each in a process of its own, and wait for them; `slurm` does not wait.

        Returns:
            The sweep with its runs.

        Raises:
            RunError: A run failed; the others are complete, and `load_sweep` finds them.
            MissingDependencyError: Programs or packages of the launcher are not installed.
            KeyboardInterrupt: The sweep was stopped.
        """
        if self._launcher is None:
            workers = Workers(PRELOAD)
            chosen = self._choose()
            run_locally(
                self._composer,
                self._checked,
                chosen.directory,
                self._options,
                workers,
                retries_failed=chosen.retries_failed,
            )
        else:
            self._launcher.check()
            with self._launcher.connected():
                chosen = self._choose()
                text = self._launcher.launch(self._composer, self._checked, chosen.directory, self._options)
            sys.stderr.write(f"{text}\n")
        return StartedSweep(chosen.directory.path)

    def _choose(self) -> Chosen:
        """Join an unfinished sweep of the same settings and say so, or make one."""
        chosen = choose_sweep(self._composer, self._checked, command=self._command, options=self._options)
        if chosen.note:
            sys.stderr.write(f"{chosen.note}\n")
        return chosen


def sweep(
    model: str | Path,
    /,
    *,
    space: Sweep | None = None,
    launcher: LauncherChoice = "local",
    config_dir: str | Path | None = None,
    **settings: object,
) -> PlannedSweep:
    """Describe many runs of a model, and check all of them; nothing is run or written.

        sweep = topo_exp.sweep("gcal", contrast=[15, 100], input_seed=range(8), times=[0, 1000])
        finished = sweep.run()
        finished.runs[0].metrics

    Args:
        model: Name of a model, or path of a file that defines one.
        space: Further points, such as `Sweep.zip(a=[1, 2], b=[3, 4])`, combined with all others.
        launcher: `local`, `slurm`, `dask` or a file of `hydra/launcher/`, by name; or the name with settings,
            {"slurm": {"time": "2:00:00", "mem": "2G"}}.
        config_dir: A directory with configuration files of your own.
        **settings: Parameters, options and `analysis`, each with one value or a list of values; those that take a
            list, such as `times`, with a list or a list of lists. Options of the sweep: `n_jobs`, `timeout`,
            `on_error`.

    Returns:
        The sweep.

    Raises:
        ConfigError, UnknownNameError, ParameterError, ModelError: A mistake in the arguments.
    """
    options = read_sweep_options({name: value for name, value in settings.items() if name in SWEEP_OPTIONS})
    given = {name: value for name, value in settings.items() if name not in SWEEP_OPTIONS}
    declarations: Mapping[str, param.Parameter] = {**OPTIONS, **declared(load_model(model).cls)}
    points = space_of({"model": str(model), **given}, declarations)
    whole = points if space is None else points * space
    words = launcher_words(launcher)
    chosen = _launcher(words, config_dir)
    return PlannedSweep(_composer(whole, config_dir), options, _command(whole, words), chosen)


class PlannedSearch:
    """A search whose ranges are checked, and which `run` carries out; made by `search`.

    Args:
        search: The search.
        composer: With the probes of the search as its space.
        options: Of the sweep.
    """

    def __init__(self, search: Search, composer: PointComposer, options: SweepOptions) -> None:
        """Check the ends of all ranges."""
        require_optuna()
        self.search = search
        self._composer = composer
        self._options = options
        self._checked = composer.check()

    def __repr__(self) -> str:
        """Describe it on one line."""
        return f"<search of {self.search.n} runs: {self.search.direction} {self.search.metric}>"

    def run(self) -> StartedSweep:
        """Run the search, several runs at a time, and wait for its end.

        Returns:
            The sweep, with its runs; `best` is the best one.

        Raises:
            RunError: A run failed, or none has the metric; the others are complete.
            KeyboardInterrupt: The search was stopped; the same call continues it.
        """
        workers, search = Workers(PRELOAD), self.search
        command = command_line(["-m", *_search_words(search)])
        chosen = choose_search(self._composer, self._checked, search, command=command, options=self._options)
        if chosen.note:
            sys.stderr.write(f"{chosen.note}\n")
        text = run_search(search, self._composer, self._checked, chosen.directory, self._options, workers)
        sys.stderr.write(f"{text}\n")
        return StartedSweep(chosen.directory.path)


def search(
    model: str | Path,
    /,
    *,
    metric: str,
    direction: str,
    n: int,
    sampler: str = "tpe",
    pruner: str = "none",
    seed: int = 0,
    config_dir: str | Path | None = None,
    **settings: object,
) -> PlannedSearch:
    """Describe a search for the settings with the best value of a metric; nothing is run or written.

        search = topo_exp.search("gcal", metric="V1/orientation_selectivity_mean", direction="maximize", n=40,
                                 aff_strength={"uniform": [0.5, 2.0]}, times=[0, 1000, 5000], pruner="median")
        search.run().best.parameters

    Args:
        model: Name of a model, or path of a file that defines one.
        metric: Name of a metric; its value at the last analysis time counts.
        direction: `minimize` or `maximize`.
        n: Number of runs.
        sampler: How points are proposed: `tpe`, `random`, `qmc`, `cmaes`, `gp` or `nsgaii`, as in Optuna.
        pruner: How runs without prospects are stopped at their analysis times: `none`, `median`, `halving` or
            `hyperband`, as in Optuna.
        seed: Of the sampler.
        config_dir: A directory with configuration files of your own.
        **settings: As for `sweep`; a mapping such as {"log_uniform": [0.1, 10]}, {"uniform": ...}, {"integers": ...},
            {"one_of": ...} or a list says from which values are proposed.

    Returns:
        The search.

    Raises:
        MissingDependencyError: Optuna is not installed.
        ConfigError, UnknownNameError, ParameterError, ModelError: A mistake in the arguments.
    """
    options = read_sweep_options({name: value for name, value in settings.items() if name in SWEEP_OPTIONS})
    given = {name: value for name, value in settings.items() if name not in SWEEP_OPTIONS}
    declarations: Mapping[str, param.Parameter] = {**OPTIONS, **declared(load_model(model).cls)}
    entry = {"metric": metric, "direction": direction, "n": n, "sampler": sampler, "pruner": pruner, "seed": seed}
    found = Search.from_data({"settings": values_by_name({"model": str(model), **given}, declarations), ENTRY: entry})
    return PlannedSearch(found, _composer(found.probes, config_dir), options)


def _composer(space: Sweep, config_dir: str | Path | None) -> PointComposer:
    directories = _directories(config_dir)

    def composed(overrides: Sequence[str]) -> DictConfig:
        with hydra_loader() as loader:
            return compose(overrides, directories, loader)

    return PointComposer(space=space, compose=composed, is_group=group_test(directories), config_dirs=directories)


def _search_words(search: Search) -> list[str]:
    """Write a search as words of a command line."""
    words = [f"{name}={literal(value)}" for name, value in search.constant.items()]
    for name, each in search.settings.items():
        ((kind, arguments),) = each.data().items()
        assert isinstance(arguments, list)
        words.append(f"{name}={kind}({','.join(literal(value) for value in arguments)})")
    return [*words, f"sweep.{ENTRY}={literal(search.data()[ENTRY])}"]


def load_sweep(path: Path | str) -> StartedSweep:
    """Return a sweep that was started, whether it has ended or not.

    Args:
        path: Its directory.

    Raises:
        ConfigError, RecordError: It is no directory of a sweep, or cannot be read.
    """
    return StartedSweep(path)


def _launcher(words: Sequence[str], config_dir: str | Path | None) -> PointLauncher | None:
    """Return the launcher that words choose; None for this machine's.

    Raises:
        ConfigError, ParameterError, UnknownNameError: There is none of this name, or its settings are wrong.
    """
    if not words:
        return None
    with hydra_loader() as loader:
        return chosen_launcher(compose(words, _directories(config_dir), loader, is_sweep=True))


def _directories(config_dir: str | Path | None) -> list[Path]:
    return [] if config_dir is None else [Path(config_dir)]


def _command(space: Sweep, launcher: Sequence[str]) -> str:
    """Write the command line of an equal sweep, as far as it is a product of lists; else with its points in full."""
    words = [f"{name}={literal(value)}" for name, value in space.constant.items()]
    size = 1
    for values in space.varying.values():
        size *= len(values)
    if size == len(space):
        words += [f"{name}={','.join(literal(value) for value in values)}" for name, values in space.varying.items()]
    else:
        listed: list[Value] = [dict(point.only(space.varying.keys())) for point in space]
        words.append(f"sweep.points={literal(listed)}")
    return command_line(["-m", *words, *launcher])
