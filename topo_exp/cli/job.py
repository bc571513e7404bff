"""The job of one run, as Hydra or one of its launchers calls it."""

import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import settings_of
from topo_exp.errors import TopoExpError
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.run import execute
from topo_exp.runner.spec import RunSpec


def run_job(config: DictConfig) -> Outcome:
    """Carry out the run that Hydra composed; this is the task of each job, in whichever process a launcher runs it.

    The end of the run is printed at once, since a launcher returns the outcomes of a sweep only when all are known.

    Args:
        config: The composed configuration.

    Returns:
        How the run ended.
    """
    try:
        spec = make_spec(settings_of(config, HydraConfig.get()))
        is_point = spec.options.sweep_dir is not None and spec.options.sweep_point is not None
        outcome = _run_point(spec) if is_point else execute(spec)
    except TopoExpError as error:
        outcome = Outcome.of_error(error)
    if outcome.status == "done" and outcome.directory is not None:
        print(f"done: {_short(outcome.directory)}", flush=True)
    elif HydraConfig.get().mode == RunMode.MULTIRUN:
        print(f"topo_exp: {outcome.error}", file=sys.stderr, flush=True)
    return outcome


def _run_point(spec: RunSpec) -> Outcome:
    """Carry out a point of a sweep, as a job of a launcher of Hydra's."""
    from topo_exp.compose.launching import previous_run, run_leased_spec
    from topo_exp.sweeps.directory import SweepDirectory
    from topo_exp.sweeps.leased import run_leased

    directory, point = spec.options.sweep_dir, spec.options.sweep_point
    assert directory is not None
    assert point is not None
    sweep = SweepDirectory.open(directory)
    return run_leased(sweep, point, lambda lease: run_leased_spec(spec, lease, previous_run(sweep, lease)))


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
