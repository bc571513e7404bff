"""The command `work`, which jobs of batch systems carry out."""

from contextlib import nullcontext
from pathlib import Path

import click

from topo_exp.cli.trust import TRUST, user_permission
from topo_exp.cli.words import COMMANDS, DONE


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
@TRUST
def command(sweep: Path, jobs: int, points: int | None, first: int, watch_input: bool, trust: bool) -> int:
    """Run free points of SWEEP, the directory of a sweep that was launched by slurm or dask, in this job.

    Any number of jobs, on any machines that see the directory, share the points. One of them at a time shows all runs
    in MLflow. A signal by which a batch system asks a job to stop (SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGHUP) stops
    the runs, which write restart points first.

    The directory holds the code that runs. If you have not started the sweep on this account, or the code has changed
    since, it runs with your permission only: --trust, or yes on a terminal.
    """
    from topo_exp.compose.launching import PRELOAD
    from topo_exp.compose.stored import stored_jobs, stored_options, stored_tracking
    from topo_exp.compose.trust import sweep_code
    from topo_exp.record.files import locked
    from topo_exp.sweeps.directory import SweepDirectory
    from topo_exp.sweeps.forkserver import Workers
    from topo_exp.sweeps.job import require_success
    from topo_exp.sweeps.launch.work import Share, stop_at_end_of_input, warnings_as_termination, work_on
    from topo_exp.view.sweep_recorder import shown_in_mlflow

    directory = SweepDirectory.open(sweep)
    with locked(directory.path, waits=True):  # points that are being added are not signed yet
        code = [] if trust else sweep_code(directory)
    user_permission(trust=trust)(directory.path.name, code)
    if watch_input:
        stop_at_end_of_input()
    with warnings_as_termination():
        listed, options = stored_jobs(directory), stored_options(directory, jobs=jobs)
        workers, share = Workers(PRELOAD), Share(points, first)
        is_shown = stored_tracking(directory) == "mlflow" and not watch_input
        with shown_in_mlflow(sweep, runs=len(listed)) if is_shown else nullcontext():
            ends = work_on(directory, listed, options, workers=workers, share=share)
    print(require_success(ends))
    return DONE
