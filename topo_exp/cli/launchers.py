"""The launchers of this program as Hydra sees them: marks, since the sweeper launches the points itself."""

from collections.abc import Sequence
from typing import NoReturn

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from topo_exp.compose.launchers import PLUGIN_MODULE
from topo_exp.errors import ConfigError


class PointsLauncher(Launcher):
    """Mark in a configuration the launcher that `topo_exp.compose.launchers.chosen_launcher` makes of it.

    Args:
        **settings: Of the launcher, which are read from the configuration.
    """

    __module__ = PLUGIN_MODULE

    def __init__(self, **settings: object) -> None:
        """Accept the settings."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Receive Hydra's objects, which are not needed."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Refuse the jobs of another sweeper."""
        refuse_jobs(type(self).__name__.lower())


class Local(PointsLauncher):
    """Processes on this machine."""

    __module__ = PLUGIN_MODULE


class Slurm(PointsLauncher):
    """Jobs of Slurm."""

    __module__ = PLUGIN_MODULE


class Dask(PointsLauncher):
    """Tasks of dask.distributed."""

    __module__ = PLUGIN_MODULE


def refuse_jobs(name: str) -> NoReturn:
    """Refuse the jobs of another sweeper.

    Raises:
        ConfigError: Always.
    """
    raise ConfigError(
        f"hydra/launcher: {name} must be used with hydra/sweeper=points (got another sweeper). "
        "Choose hydra/launcher=basic with it."
    )
