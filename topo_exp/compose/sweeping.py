"""Sweeps in Python: the same as on the command line, for notebooks and scripts."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import param
from omegaconf import DictConfig

from topo_exp.compose.composition import compose, group_test, hydra_loader
from topo_exp.compose.joining import choose_sweep, resume_sweep
from topo_exp.compose.launching import PRELOAD, run_locally
from topo_exp.compose.loading import load_model
from topo_exp.compose.planning import make_plan
from topo_exp.compose.points import PointComposer, read_sweep_options
from topo_exp.compose.schema import declared
from topo_exp.compose.shell import command_line
from topo_exp.compose.space import space_of
from topo_exp.record.handle import RunHandle
from topo_exp.runner.options import OPTIONS
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.options import SWEEP_OPTIONS, SweepOptions
from topo_exp.sweeps.plan import Plan
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.status import SweepStatus, read_status
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
        resume_sweep(self.directory, options, force=force, trust=trust, skips_failed=skip_failed)
        return StartedSweep(self.directory)


class PlannedSweep:
    """A sweep whose points are checked, and which `run` carries out; made by `sweep`.

    Args:
        composer: The points.
        options: Of the sweep.
        command: The command line of an equal sweep.
    """

    def __init__(self, composer: PointComposer, options: SweepOptions, command: str) -> None:
        """Check all points."""
        self._composer = composer
        self._options = options
        self._command = command
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
        """Run all points side by side, each in a process of its own, and wait for them.

        Returns:
            The sweep with its runs.

        Raises:
            RunError: A run failed; the others are complete, and `load_sweep` finds them.
            KeyboardInterrupt: The sweep was stopped.
        """
        workers = Workers(PRELOAD)
        chosen = choose_sweep(self._composer, self._checked, command=self._command, options=self._options)
        if chosen.note:
            sys.stderr.write(f"{chosen.note}\n")
        run_locally(
            self._composer,
            self._checked,
            chosen.directory,
            self._options,
            workers,
            retries_failed=chosen.retries_failed,
        )
        return StartedSweep(chosen.directory.path)


def sweep(
    model: str | Path,
    /,
    *,
    space: Sweep | None = None,
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
    directories = [] if config_dir is None else [Path(config_dir)]

    def composed(overrides: Sequence[str]) -> DictConfig:
        with hydra_loader() as loader:
            return compose(overrides, directories, loader)

    composer = PointComposer(space=whole, compose=composed, is_group=group_test(directories), config_dirs=directories)
    return PlannedSweep(composer, options, _command(whole))


def load_sweep(path: Path | str) -> StartedSweep:
    """Return a sweep that was started, whether it has ended or not.

    Args:
        path: Its directory.

    Raises:
        ConfigError, RecordError: It is no directory of a sweep, or cannot be read.
    """
    return StartedSweep(path)


def _command(space: Sweep) -> str:
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
    return command_line(["-m", *words])
