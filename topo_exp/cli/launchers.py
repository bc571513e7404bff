"""Launchers for Hydra's configuration that pass a sweep to other machines: `slurm` and `dask`."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from topo_exp.compose.launchers import PLUGIN_MODULE, DaskPoints, PointLauncher, SlurmPoints
from topo_exp.errors import ConfigError


def refuse_jobs(name: str) -> NoReturn:
    """Refuse the jobs of another sweeper.

    Raises:
        ConfigError: Always.
    """
    raise ConfigError(
        f"hydra/launcher: {name} must be used with hydra/sweeper=points (got another sweeper). "
        "Choose hydra/launcher=basic with it."
    )


class JobLauncher(Launcher):
    """Show a launcher of points to Hydra; the sweeper uses `points`.

    Attributes:
        points: The launcher.
    """

    name: str
    points: PointLauncher

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Receive Hydra's objects, which are not needed."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Refuse the jobs of another sweeper."""
        refuse_jobs(self.name)


class Slurm(JobLauncher):
    """Submit the points to Slurm.

    Args:
        **settings: As conf/hydra/launcher/slurm.yaml lists them.
    """

    __module__ = PLUGIN_MODULE
    name = "slurm"

    def __init__(self, **settings: object) -> None:
        """Check the settings."""
        self.points = SlurmPoints(_plain(settings))


class Dask(JobLauncher):
    """Run the points as tasks of dask.distributed, and wait for them.

    Args:
        **settings: As conf/hydra/launcher/dask.yaml lists them.
    """

    __module__ = PLUGIN_MODULE
    name = "dask"

    def __init__(self, **settings: object) -> None:
        """Check the settings."""
        self.points = DaskPoints(_plain(settings))


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as plain data."""
    return {
        name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value for name, value in settings.items()
    }
