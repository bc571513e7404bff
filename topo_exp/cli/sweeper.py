"""A sweeper for Hydra's multirun: it checks all points before it starts the first, and reports all failures."""

import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import compose_point, group_test, settings_of
from topo_exp.compose.mistakes import composition_errors
from topo_exp.compose.overrides import as_written, for_hydra, names_set
from topo_exp.compose.sweep import points, varied
from topo_exp.errors import ConfigError, RunError, TopoExpError
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.values import literal

PLUGIN_MODULE = "hydra_plugins.topo_exp"
"""Module in which Hydra finds this sweeper; Hydra accepts only modules below `hydra_plugins`."""


def register_sweeper() -> None:
    """Register the sweeper with Hydra in this process; a second call changes nothing.

    The module exists only in this process: an installed package `hydra_plugins` would be imported by every Hydra
    program in the environment.
    """
    plugins = Plugins.instance()  # imports installed modules below hydra_plugins, if there are any
    package, _, name = PLUGIN_MODULE.partition(".")
    module = sys.modules.setdefault(PLUGIN_MODULE, ModuleType(PLUGIN_MODULE))
    setattr(module, Points.__name__, Points)
    setattr(sys.modules.setdefault(package, ModuleType(package)), name, module)
    plugins.register(Points)


class Points(Sweeper):
    """Run all combinations of the given values.

    Hydra's own sweeper writes multirun.yaml into the working directory, checks no values, and reports only one failure.

    Args:
        params: values to sweep over, from a configuration file, in Hydra's grammar for overrides.
    """

    __module__ = PLUGIN_MODULE

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        """Keep the values; Hydra calls `setup` before `sweep`."""
        self.params = dict(params or {})
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
            arguments: overrides of the command line.

        Returns:
            How each run ended, in the order of the points.

        Raises:
            ConfigError, UnknownNameError, ParameterError, ModelError: a point cannot be run; nothing was started.
            RunError: some runs failed; the others are complete.
        """
        assert self.hydra_context is not None
        assert self.launcher is not None
        assert self.config is not None
        sources = self.config.hydra.runtime.config_sources
        is_group = group_test([Path(source.path) for source in sources if source.schema == "file"])
        from_file = for_hydra([f"{key}={value}" for key, value in self.params.items()], is_group)
        with composition_errors():
            listed = points([*from_file, *arguments], config_loader=self.hydra_context.config_loader)
        if not listed:
            raise ConfigError(
                f"sweep: must have at least one run (got {' '.join(as_written(arguments))!r}, which lists no values). "
                "Correct the range or the list."
            )
        differences = varied(listed)
        names = sorted({name for words in differences for name in names_set(words)})
        now = datetime.now()
        shared = [
            f"++sweep_id={now:%Y%m%d%H%M%S}_{uuid.uuid4().hex[:6]}",
            f"++sweep_time={now.isoformat(timespec='seconds')}",
            f"++sweep_names={literal([*names])}",
        ]
        batch = [[*point, *shared] for point in listed]
        batch = self._checked(batch)
        # `return_value` raises any exception of a job other than the errors that an Outcome describes
        outcomes: list[Outcome] = [job.return_value for job in self.launcher.launch(batch, initial_job_idx=0)]
        _report(outcomes, differences)
        return outcomes

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose and check every point.

        Args:
            batch: overrides of each point.

        Raises:
            ConfigError, UnknownNameError, ParameterError, ModelError: the first mistake, with its point.
        """
        self._checked(batch)

    def _checked(self, batch: Sequence[Sequence[str]]) -> list[list[str]]:
        """Compose and check every point; return its overrides, with the model if a file of the point chooses it."""
        assert self.hydra_context is not None
        assert self.config is not None
        complete = []
        for point, differing in zip(batch, varied(batch), strict=True):
            try:
                composed, words = compose_point(self.hydra_context.config_loader, self.config, point)
                make_spec(settings_of(composed))
            except TopoExpError as error:
                with_words = f" In the run with {' '.join(differing)}; none was started." if differing else ""
                raise type(error)(f"{error}{with_words}") from error
            complete.append(words)
        return complete


def _report(outcomes: Sequence[Outcome], differences: Sequence[Sequence[str]]) -> None:
    """Report how a sweep ended.

    Raises:
        RunError: a run failed.
    """
    failed = [
        f"{' '.join(words)}: {outcome.error}"
        for outcome, words in zip(outcomes, differences, strict=True)
        if outcome.status != "done"
    ]
    if failed:
        listed = "".join(f"\n  {line}" for line in failed)
        raise RunError(f"sweep: every run must end well (got {len(failed)} of {len(outcomes)} failed).{listed}")
    print(f"{len(outcomes)} runs done", file=sys.stderr)
