"""Launchers for Hydra's configuration that pass a sweep to other machines: `slurm` and `dask`."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from topo_exp.about import PROGRAM
from topo_exp.compose.launching import completed
from topo_exp.compose.points import CheckedPoint, PointComposer
from topo_exp.compose.shell import quoted
from topo_exp.compose.stored import read_dask_options, read_slurm_options, store_points, stored_jobs
from topo_exp.errors import ConfigError
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.launch.dask import DaskLauncher
from topo_exp.sweeps.launch.dask_cluster import connected, require_dask
from topo_exp.sweeps.launch.slurm import require_slurm, submit
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.watch import Display

if TYPE_CHECKING:
    from distributed import Client

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
        """Raise if points cannot be launched; called before they are checked."""
        raise NotImplementedError

    def connected(self) -> AbstractContextManager[None]:
        """Connect to the machines within a block, which begins when all points have been checked."""
        return nullcontext()

    def launch_points(
        self, composer: PointComposer, points: Sequence[CheckedPoint], sweep: SweepDirectory, options: SweepOptions
    ) -> None:
        """Launch the points of a sweep that are not done.

        Args:
            composer: The points.
            points: The same, checked.
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

    def launch_points(
        self, composer: PointComposer, points: Sequence[CheckedPoint], sweep: SweepDirectory, options: SweepOptions
    ) -> None:
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


class Dask(JobLauncher):
    """Run the points as tasks of dask.distributed, and wait for them.

    Args:
        **settings: As conf/hydra/launcher/dask.yaml lists them.
    """

    __module__ = PLUGIN_MODULE
    name = "dask"

    def __init__(self, **settings: object) -> None:
        """Check the settings."""
        self.settings = read_dask_options(_plain(settings))
        self._client: Client | None = None

    def check(self) -> None:
        """Raise if Dask is not there."""
        require_dask(self.settings)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connect to the scheduler within the block, or make the cluster."""
        with connected(self.settings) as self._client:
            yield

    def launch_points(
        self, composer: PointComposer, points: Sequence[CheckedPoint], sweep: SweepDirectory, options: SweepOptions
    ) -> None:
        """Run the points."""
        assert self._client is not None
        code = store_points(composer, sweep)
        launcher = DaskLauncher(
            directory=sweep,
            jobs=stored_jobs(sweep),
            options=options,
            settings=self.settings,
            client=self._client,
            code=code,
            display=Display(live=all(point.options.progress for point in points)),
        )
        print(completed(launcher.run, points, sweep, options), file=sys.stderr)


def _plain(settings: Mapping[str, Any], texts: Sequence[str] = ()) -> dict[str, Any]:
    """Return settings as plain data; those that YAML may read as numbers, such as time=60, as text."""
    data = {
        name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value for name, value in settings.items()
    }
    for name in texts:
        if isinstance(data.get(name), int):
            data[name] = str(data[name])
    return data
