"""Launchers that pass the points of a sweep to other machines: `slurm` and `dask`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

from omegaconf import DictConfig

from topo_exp.about import PROGRAM
from topo_exp.compose.composition import plain_mapping
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
from topo_exp.sweeps.values import literal, plain
from topo_exp.sweeps.watch import Display

if TYPE_CHECKING:
    from distributed import Client

PLUGIN_MODULE = "hydra_plugins.topo_exp"
"""Module under which configuration files name the launchers; Hydra accepts only modules below `hydra_plugins`."""
LauncherChoice: TypeAlias = str | Mapping[str, Mapping[str, object]]
"""A launcher by its name, or its name with settings."""


class PointLauncher(ABC):
    """Launch the points of a sweep as jobs that take them from its directory."""

    @abstractmethod
    def check(self) -> None:
        """Raise if points cannot be launched; called before they are checked.

        Raises:
            MissingDependencyError: Programs or packages are not installed.
        """

    def connected(self) -> AbstractContextManager[None]:
        """Connect to the machines within a block, which begins when all points have been checked."""
        return nullcontext()

    @abstractmethod
    def launch(
        self, composer: PointComposer, points: Sequence[CheckedPoint], sweep: SweepDirectory, options: SweepOptions
    ) -> str:
        """Launch the points of a sweep that are not done.

        Args:
            composer: The points.
            points: The same, checked.
            sweep: Directory of the sweep.
            options: Of the sweep.

        Returns:
            Lines about the jobs, to be printed.

        Raises:
            RunError: Jobs are refused, or a run failed.
        """


class SlurmPoints(PointLauncher):
    """Submit points to Slurm.

    Args:
        settings: As conf/hydra/launcher/slurm.yaml lists them.
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        """Check the settings."""
        # YAML reads time=60 as a number
        texts = {name: str(settings[name]) for name in ("time", "mem") if isinstance(settings.get(name), int)}
        self._settings = read_slurm_options({**settings, **texts})

    def check(self) -> None:
        """Raise if Slurm is not there."""
        require_slurm()

    def launch(
        self, composer: PointComposer, points: Sequence[CheckedPoint], sweep: SweepDirectory, options: SweepOptions
    ) -> str:
        """Submit the points; the text says how to follow them."""
        states = sweep.ledger.states([point.key for point in composer.space]).values()
        left = [state for state in states if state.state not in ("done", "failed")]
        if not left:
            return f"{sweep.path.name}: every point is done or has failed; nothing was submitted"
        submission = submit(
            sweep.path,
            self._settings,
            program_folder=store_points(composer, sweep),
            points=len(left),
            at_a_time=options.n_jobs,
        )
        return (
            f"submitted: {len(left)} points in {submission.tasks} tasks of Slurm, job {', '.join(submission.jobs)}\n"
            f"follow them: {PROGRAM} status {quoted(str(sweep.path))} --watch\n"
            f"end them:    scancel {' '.join(submission.jobs)}"
        )


class DaskPoints(PointLauncher):
    """Run points as tasks of dask.distributed, and wait for them.

    Args:
        settings: As conf/hydra/launcher/dask.yaml lists them.
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        """Check the settings."""
        self._settings = read_dask_options(settings)
        self._client: Client | None = None

    def check(self) -> None:
        """Raise if Dask is not there."""
        require_dask(self._settings)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connect to the scheduler within the block, or make the cluster."""
        with connected(self._settings) as self._client:
            yield

    def launch(
        self, composer: PointComposer, points: Sequence[CheckedPoint], sweep: SweepDirectory, options: SweepOptions
    ) -> str:
        """Run the points."""
        assert self._client is not None
        code = store_points(composer, sweep)
        launcher = DaskLauncher(
            directory=sweep,
            jobs=stored_jobs(sweep),
            options=options,
            settings=self._settings,
            client=self._client,
            code=code,
            display=Display(live=all(point.options.progress for point in points)),
        )
        return completed(launcher.run, points, sweep, options)


def chosen_launcher(composed: DictConfig) -> PointLauncher | None:
    """Return the launcher that a composed configuration chooses; None for the one of this machine.

    Args:
        composed: The configuration, with its node `hydra`.

    Raises:
        ConfigError: It is another program's.
        ParameterError, UnknownNameError: A setting of the launcher is wrong.
    """
    node = plain_mapping(composed.hydra.launcher)
    target = node.pop("_target_")
    if target == f"{PLUGIN_MODULE}.Local":
        return None
    if target == f"{PLUGIN_MODULE}.Slurm":
        return SlurmPoints(node)
    if target == f"{PLUGIN_MODULE}.Dask":
        return DaskPoints(node)
    raise ConfigError(f"launcher: must be local, slurm, dask or a file based on one of them (got {target!r}).")


def launcher_words(launcher: LauncherChoice) -> list[str]:
    """Write the choice of a launcher as words of a command line; none for the default.

    Args:
        launcher: Its name, or one name with settings.

    Raises:
        ConfigError: It is not a name, or one name with settings.
    """
    if launcher == "local":
        return []
    if isinstance(launcher, str):
        return [f"hydra/launcher={launcher}"]
    if len(launcher) != 1 or not all(isinstance(each, Mapping) for each in launcher.values()):
        raise ConfigError(
            f"launcher: must be a name, or one name with settings (got {launcher!r}). "
            'Write {"slurm": {"time": 120}}.'
        )
    ((name, settings),) = launcher.items()
    values = [f"hydra.launcher.{key}={literal(plain(value, 'launcher'))}" for key, value in settings.items()]
    return [f"hydra/launcher={name}", *values]
