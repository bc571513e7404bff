"""Hydra's multirun as sweeps are wanted here: everything checked before anything starts, and failures told."""

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
from topo_exp.compose.composition import group_test, settings_of
from topo_exp.compose.overrides import for_hydra
from topo_exp.compose.sweep import points, varied
from topo_exp.errors import RunError, TopoExpError

PLUGIN_MODULE = "hydra_plugins.topo_exp"
"""Where Hydra, which makes sweepers only from modules below `hydra_plugins`, is to find this one."""


def register() -> None:
    """Make the sweeper known to Hydra in this process; doing it again changes nothing.

    A package `hydra_plugins` that is really installed would be imported by every Hydra program in the environment. A
    module that exists only in this process concerns no one else.
    """
    plugins = Plugins.instance()  # imports what is installed below hydra_plugins, if anything is
    package, _, name = PLUGIN_MODULE.partition(".")
    module = sys.modules.setdefault(PLUGIN_MODULE, ModuleType(PLUGIN_MODULE))
    setattr(module, Points.__name__, Points)
    setattr(sys.modules.setdefault(package, ModuleType(package)), name, module)
    plugins.register(Points)


class Points(Sweeper):
    """Run all combinations of the values given.

    Hydra's own sweeper writes multirun.yaml into the working directory, checks no values, and tells of one failure.

    Arguments:
        params: values to sweep over that stand in a file, in Hydra's grammar for overrides.
    """

    __module__ = PLUGIN_MODULE

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = dict(params or {})
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Receive what Hydra has to give, before `sweep`."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[Any]:
        """Check all points, then launch them.

        Raises:
            ConfigError and its like: a point cannot be run; nothing was started.
            RunError: some runs failed; the others are complete.
        """
        assert self.hydra_context is not None
        assert self.launcher is not None
        assert self.config is not None
        sources = self.config.hydra.runtime.config_sources
        is_group = group_test([Path(source.path) for source in sources if source.schema == "file"])
        from_file = for_hydra([f"{key}={value}" for key, value in self.params.items()], is_group)
        listed = points([*from_file, *arguments], config_loader=self.hydra_context.config_loader)
        now = datetime.now()
        shared = [
            f"++sweep_id={now:%Y%m%d%H%M%S}_{uuid.uuid4().hex[:6]}",
            f"++sweep_time={now.isoformat(timespec='seconds')}",
        ]
        batch = [[*point, *shared] for point in listed]
        self.validate_batch_is_legal(batch)
        outcomes = list(self.launcher.launch(batch, initial_job_idx=0))
        _report(outcomes, varied(listed))
        return outcomes

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose and check every point.

        Raises:
            ConfigError and its like: the first mistake, with the point that has it.
        """
        assert self.hydra_context is not None
        for point, its_own in zip(batch, varied(batch), strict=True):
            composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(point))
            try:
                make_spec(settings_of(composed))
            except TopoExpError as error:
                raise type(error)(f"{error} In the run with {' '.join(its_own)}; none was started.") from error


def _report(outcomes: Sequence[Any], its_own: Sequence[Sequence[str]]) -> None:
    """Tell how a sweep ended.

    Raises:
        RunError: a run failed.
    """
    failed = []
    for outcome, words in zip(outcomes, its_own, strict=True):
        value = outcome.return_value  # raises what a job raised beyond its own failures
        if value is not None:
            failed.append(" ".join(words) + ": " + value["failed"])
    if failed:
        listed = "".join(f"\n  {line}" for line in failed)
        raise RunError(f"sweep: every run must end well (got {len(failed)} of {len(outcomes)} failed).{listed}")
    print(f"{len(outcomes)} runs done", file=sys.stderr)
