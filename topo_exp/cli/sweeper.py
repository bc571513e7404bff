"""A sweeper for Hydra's multirun: it checks all points before it starts the first, and reports all failures."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from topo_exp.cli.launchers import Dask, Local, PointsLauncher, Slurm
from topo_exp.compose.composition import compose_point, directory_flags, group_test, plain_mapping
from topo_exp.compose.joining import Chosen, choose_sweep
from topo_exp.compose.launchers import PLUGIN_MODULE, PointLauncher, chosen_launcher
from topo_exp.compose.launching import PRELOAD, run_locally
from topo_exp.compose.mistakes import composition_errors
from topo_exp.compose.overrides import as_written
from topo_exp.compose.planning import make_plan
from topo_exp.compose.points import CheckedPoint, PointComposer, read_sweep_options
from topo_exp.compose.schema import SWEEP_NODE
from topo_exp.compose.searching import choose_search, run_search
from topo_exp.compose.shell import command_line
from topo_exp.compose.space import split_words
from topo_exp.errors import ConfigError, RunError
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.options import SWEEP_OPTIONS, SweepOptions
from topo_exp.sweeps.plan import Plan
from topo_exp.sweeps.search import ENTRY, Search
from topo_exp.sweeps.study import require_optuna


def register_sweeper() -> None:
    """Register the sweeper with Hydra in this process; a second call changes nothing.

    The module exists only in this process: an installed package `hydra_plugins` would be imported by every Hydra
    program in the environment.
    """
    plugins = Plugins.instance()  # imports installed modules below hydra_plugins, if there are any
    package, _, name = PLUGIN_MODULE.partition(".")
    module = sys.modules.setdefault(PLUGIN_MODULE, ModuleType(PLUGIN_MODULE))
    setattr(sys.modules.setdefault(package, ModuleType(package)), name, module)
    for plugin in (Points, Local, Slurm, Dask):
        setattr(module, plugin.__name__, plugin)
        plugins.register(plugin)


class Points(Sweeper):
    """Run the points of a space of settings.

    Hydra's own sweeper writes multirun.yaml into the working directory, knows only combinations of listed values,
    checks none of them, and reports only one failure.

    Args:
        params: Values to sweep over, from a configuration file, in Hydra's grammar for overrides.
        words: All words of the command line, as JSON; Hydra gets only those that do not vary.
    """

    __module__ = PLUGIN_MODULE

    def __init__(self, params: Mapping[str, Any] | None = None, words: str | None = None) -> None:
        """Keep the arguments until `sweep` is called."""
        self.params = dict(params or {})
        self.words: list[str] | None = None if words is None else json.loads(words)
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Receive Hydra's objects, before `sweep` is called."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[Outcome]:
        """Check all points, then launch them.

        Args:
            arguments: Words that do not vary, as Hydra has composed them; all words if `words` is not given.

        Returns:
            How each run ended, in the order of the points.

        Raises:
            ConfigError, UnknownNameError, ParameterError, ModelError: A point cannot be run; nothing was started.
            RunError: Some runs failed; the others are complete.
        """
        assert self.launcher is not None
        workers = Workers(PRELOAD) if isinstance(self.launcher, Local) else None  # loads while the points are checked
        launcher = self._chosen_launcher()
        if launcher is not None:
            launcher.check()
        options = self.options()
        composer, search = self.read(arguments)
        if search is not None:
            _require_searchable(workers, options)
        checked = composer.check()
        if options.review or options.budget:
            review_sweep(make_plan(composer, checked, options), options)
        if launcher is not None:
            with launcher.connected():
                directory = self._choose(composer, checked, arguments, options).directory
                text = launcher.launch(composer, checked, directory, options)
            print(text, file=sys.stderr)
            return []
        chosen = self._choose(composer, checked, arguments, options, search)
        directory = chosen.directory
        if search is not None and workers is not None:
            print(run_search(search, composer, checked, directory, options, workers), file=sys.stderr)
            return []
        if workers is not None:
            retries = chosen.retries_failed
            text = run_locally(composer, checked, directory, options, workers, retries_failed=retries)
            print(text, file=sys.stderr)
            return []
        batch = [composer.job_words(point, directory.path) for point in composer.space]
        # `return_value` raises any exception of a job other than the errors that an Outcome describes
        outcomes: list[Outcome] = [job.return_value for job in self.launcher.launch(batch, initial_job_idx=0)]
        _report(outcomes, [composer.space.label(point) for point in composer.space])
        return outcomes

    def plan(self, arguments: list[str]) -> Plan:
        """Check all points, and estimate the cost of the sweep; nothing is started.

        Args:
            arguments: As for `sweep`.

        Raises:
            ConfigError, UnknownNameError, ParameterError, ModelError: A point cannot be run, or the launcher has wrong
                settings; whether its programs are installed here does not matter.
        """
        self._chosen_launcher()
        composer, search = self.read(arguments)
        if search is not None:
            raise ConfigError(
                "plan: must be given points (got a search, which proposes them as it goes). Leave it out."
            )
        return make_plan(composer, composer.check(), self.options())

    def options(self) -> SweepOptions:
        """Read the options of the sweep from the composed configuration.

        Raises:
            ParameterError: A value is of the wrong kind or outside its bounds.
        """
        assert self.config is not None
        given = {name: self.config[name] for name in SWEEP_OPTIONS if name in self.config}
        return read_sweep_options(
            {name: plain_mapping(value) if isinstance(value, DictConfig) else value for name, value in given.items()}
        )

    def read(self, arguments: list[str]) -> tuple[PointComposer, Search | None]:
        """Read the words as a space, or as a search with its probes as the space; no point is checked.

        Raises:
            ConfigError, UnknownNameError: The words do not describe a space.
        """
        assert self.hydra_context is not None
        assert self.config is not None
        loader, config = self.hydra_context.config_loader, self.config
        from_file = [f"{key}={value}" for key, value in self.params.items()]
        given = arguments if self.words is None else self.words
        words = [word for word in (*from_file, *as_written(given)) if word.partition("=")[0] not in SWEEP_OPTIONS]
        with composition_errors():
            sorted_words = split_words(words, config_loader=loader)
        node = config.get(SWEEP_NODE)
        sources = config.hydra.runtime.config_sources
        described = None if node is None else plain_mapping(node)
        search = Search.from_data(sorted_words.data(described)) if described and ENTRY in described else None
        space = sorted_words.space(described) if search is None else search.probes
        if not len(space):
            raise ConfigError(
                f"sweep: must have at least one run (got {' '.join(as_written(given))!r}, which lists no values). "
                "Correct the range or the list."
            )
        composer = PointComposer(
            space=space,
            compose=lambda overrides: compose_point(loader, config, overrides)[0],
            is_group=group_test([Path(source.path) for source in sources if source.schema == "file"]),
            others=[word for word in sorted_words.others if not word.startswith("hydra")],
            config_dirs=[Path(source.path) for source in sources if "command-line" in source.provider],
        )
        return composer, search

    def _chosen_launcher(self) -> PointLauncher | None:
        """Return the launcher that passes points to other machines; None for one of this machine, or of Hydra's."""
        assert self.config is not None
        return chosen_launcher(self.config) if isinstance(self.launcher, PointsLauncher) else None

    def _choose(
        self,
        composer: PointComposer,
        points: Sequence[CheckedPoint],
        arguments: list[str],
        options: SweepOptions,
        search: Search | None = None,
    ) -> Chosen:
        """Join a sweep or search, and say so, or make one."""
        command = self._command(arguments)
        if search is None:
            chosen = choose_sweep(composer, points, command=command, options=options)
        else:
            chosen = choose_search(composer, points, search, command=command, options=options)
        if chosen.note:
            print(chosen.note, file=sys.stderr, flush=True)
        return chosen

    def _command(self, arguments: list[str]) -> str:
        assert self.config is not None
        given = arguments if self.words is None else self.words
        return command_line([*directory_flags(self.config.hydra), "-m", *as_written(given)])


def _require_searchable(workers: Workers | None, options: SweepOptions) -> None:
    """Raise if a search cannot be run as it is wanted.

    Raises:
        ConfigError, MissingDependencyError: It cannot.
    """
    require_optuna()
    if workers is None:
        raise ConfigError(
            "sweep.search: must be run by hydra/launcher=local (got another). Its command may be given on several "
            "machines that see output_dir: they share the search."
        )
    if options.review or options.budget:
        raise ConfigError("sweep.search: must be run without review and budget (got one): its points are not known.")


def review_sweep(plan: Plan, options: SweepOptions) -> None:
    """Print a plan, check the budget, and ask whether to start, if that is wanted.

    Args:
        plan: Of the sweep.
        options: Of the sweep.

    Raises:
        ConfigError: The budget is too small, there is no terminal to ask on, or the answer is no.
    """
    print("\n".join(plan.lines()), file=sys.stderr, flush=True)
    plan.require_within(options.budget)
    if not options.review:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            "review: must be answered on a terminal (got none). Use the command plan, then start without review=true."
        )
    sys.stderr.write("Start? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError("review: must be answered with yes to start the sweep (got no). Nothing was started.")


def _report(outcomes: Sequence[Outcome], labels: Sequence[str]) -> None:
    """Report how a sweep ended.

    Raises:
        RunError: a run failed.
    """
    failed = [
        f"{label}: {outcome.error}" for outcome, label in zip(outcomes, labels, strict=True) if outcome.status != "done"
    ]
    if failed:
        listed = "".join(f"\n  {line}" for line in failed)
        raise RunError(f"sweep: every run must end well (got {len(failed)} of {len(outcomes)} failed).{listed}")
    print(f"{len(outcomes)} runs done", file=sys.stderr)
