"""Launchers for Hydra's configuration that pass a sweep to other machines: `hydra/launcher=slurm`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from topo_exp.about import PROGRAM
from topo_exp.compose.points import PointComposer
from topo_exp.compose.shell import quoted
from topo_exp.compose.stored import read_slurm_options, store_points
from topo_exp.errors import ConfigError
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.launch.slurm import require_slurm, submit
from topo_exp.sweeps.options import SweepOptions

PLUGIN_MODULE = "hydra_plugins.topo_exp"
"""Module in which Hydra finds plugins; Hydra accepts only modules below `hydra_plugins`."""


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
    """Launch points as jobs that take them from the directory of the sweep."""

    name: str

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Receive Hydra's objects, which are not needed."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Refuse the jobs of another sweeper."""
        refuse_jobs(self.name)

    def check(self) -> None:
        """Raise if points cannot be launched; called before anything is written."""
        raise NotImplementedError

    def launch_points(self, composer: PointComposer, sweep: SweepDirectory, options: SweepOptions) -> None:
        """Launch the points of a sweep that are not done.

        Args:
            composer: The points, which have been checked.
            sweep: Directory of the sweep.
            options: Of the sweep.
        """
        raise NotImplementedError


class Slurm(JobLauncher):
    """Submit the points to Slurm.

    Args:
        **settings: As conf/hydra/launcher/slurm.yaml lists them.
    """

    __module__ = PLUGIN_MODULE
    name = "slurm"

    def __init__(self, **settings: object) -> None:
        """Check the settings."""
        self.settings = read_slurm_options(_plain(settings, ("time", "mem")))

    def check(self) -> None:
        """Raise if Slurm is not there."""
        require_slurm()

    def launch_points(self, composer: PointComposer, sweep: SweepDirectory, options: SweepOptions) -> None:
        """Submit the points, and say how to follow them."""
        states = sweep.ledger.states([point.key for point in composer.space]).values()
        left = [state for state in states if state.state not in ("done", "failed")]
        if not left:
            print(f"{sweep.path.name}: every point is done or has failed; nothing was submitted", file=sys.stderr)
            return
        submission = submit(
            sweep.path,
            self.settings,
            program_folder=store_points(composer, sweep),
            points=len(left),
            at_a_time=options.n_jobs,
        )
        jobs = ", ".join(submission.jobs)
        print(f"submitted: {len(left)} points in {submission.tasks} tasks of Slurm, job {jobs}")
        print(f"follow them: {PROGRAM} status {quoted(str(sweep.path))} --watch")
        print(f"end them:    scancel {' '.join(submission.jobs)}")


def _plain(settings: Mapping[str, Any], texts: Sequence[str] = ()) -> dict[str, Any]:
    """Return settings as plain data; those that YAML may read as numbers, such as time=60, as text."""
    data = {
        name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value for name, value in settings.items()
    }
    for name in texts:
        if isinstance(data.get(name), int):
            data[name] = str(data[name])
    return data
