"""The command `work`, which jobs of batch systems carry out."""

import os
from contextlib import nullcontext
from pathlib import Path

import click

from topo_exp.cli.words import COMMANDS, DONE
from topo_exp.errors import ConfigError
from topo_exp.record.layout import SWEEP_YAML


def require_own(sweep: Path) -> None:
    """Raise if a sweep belongs to another user: its directory holds the code that a job runs.

    Raises:
        ConfigError: It does.
    """
    owner = (sweep / SWEEP_YAML).stat().st_uid if (sweep / SWEEP_YAML).is_file() else None
    if owner is not None and hasattr(os, "getuid") and owner != os.getuid():
        raise ConfigError(
            f"{sweep}: must be your own sweep (got one of user {owner}), since the code in it is run. "
            "Read its code, then give its command yourself."
        )


@click.command("work", short_help=COMMANDS["work"])
@click.argument("sweep", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Points at a time.")
@click.option("--points", type=click.IntRange(min=1), help="Most points that are started. Default: all that are free.")
@click.option("--first", type=click.IntRange(min=0), default=0, help="Position of the point that is tried first.")
@click.option(
    "--watch-input",
    is_flag=True,
    help="Stop when the standard input ends; the process at its other end shows the runs in MLflow.",
)
def command(sweep: Path, jobs: int, points: int | None, first: int, watch_input: bool) -> int:
    """Run free points of SWEEP, the directory of a sweep that was launched by slurm or dask, in this job.

    Any number of jobs, on any machines that see the directory, share the points. One of them at a time shows all runs
    in MLflow. A signal by which a batch system asks a job to stop (SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGHUP) stops
    the runs, which write restart points first.
    """
    from topo_exp.compose.launching import PRELOAD
    from topo_exp.compose.stored import stored_jobs, stored_options, stored_tracking
    from topo_exp.sweeps.directory import SweepDirectory
    from topo_exp.sweeps.forkserver import Workers
    from topo_exp.sweeps.launch.work import Share, stop_at_end_of_input, warnings_as_termination, work_on
    from topo_exp.sweeps.local import require_success
    from topo_exp.view.sweep_recorder import shown_in_mlflow

    require_own(sweep)
    if watch_input:
        stop_at_end_of_input()
    with warnings_as_termination():
        directory = SweepDirectory.open(sweep)
        listed, options = stored_jobs(directory), stored_options(directory, jobs=jobs)
        workers, share = Workers(PRELOAD), Share(points, first)
        is_shown = stored_tracking(directory) == "mlflow" and not watch_input
        with shown_in_mlflow(sweep, runs=len(listed)) if is_shown else nullcontext():
            ends = work_on(directory, listed, options, workers=workers, share=share)
    print(require_success(ends))
    return DONE
