"""The command `resume`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import PATHS, runs_below
from topo_exp.cli.words import COMMANDS, DONE, FAILED
from topo_exp.errors import ConfigError, RecordError, TopoExpError
from topo_exp.record.handle import RunHandle
from topo_exp.runner.outcome import Outcome

FORCE = click.option("--force", is_flag=True, help="Continue although code or versions have changed.")
TRUST = click.option("--trust", is_flag=True, help="Run the model files and functions that the records name.")


@click.command("resume", short_help=COMMANDS["resume"])
@PATHS
@FORCE
@TRUST
@click.option("--skip-failed", is_flag=True, help="Leave failed runs as they are.")
def command(paths: Sequence[Path], force: bool, trust: bool, skip_failed: bool) -> int:
    """Continue the runs at or below PATHS that are not done, each from its last restart point.

    A continued run has the same results, to the last bit, as one without a break. Finished runs are skipped. A run is
    refused if its code or the versions of its libraries have changed, unless --force is given.
    """
    failures = 0
    for directory in runs_below(paths):
        run = RunHandle(directory)
        if run.status == "done" or (run.status == "failed" and skip_failed):
            print(f"{directory.name}: {run.status}, not resumed", flush=True)
            continue
        try:
            outcome = continued(run, force=force, trust=trust)
            outcome.raise_error()
        except TopoExpError as error:
            failures += 1
            print(f"topo_exp: {error}", file=sys.stderr, flush=True)
        else:
            print(f"{directory.name}: {outcome.status}", flush=True)
    return FAILED if failures else DONE


def continued(run: RunHandle, *, force: bool, trust: bool, times: Sequence[float] | None = None) -> Outcome:
    """Continue one run.

    Args:
        run: The run.
        force: Whether changed code and versions are accepted.
        trust: Whether code that may be another user's is executed.
        times: Analysis times of a finished run that is extended; None to continue a run that is not done.

    Raises:
        ConfigError: Code must be trusted, or code or versions have changed.
        RecordError: Another process is running it.
    """
    from topo_exp.compose.resumption import continue_as, recorded_code, recorded_spec, require_same_code

    _require_no_process(run)
    require_same_code(run, force=force)
    if not trust and (code := recorded_code(run, may_differ=force)):
        raise ConfigError(
            f"{run.directory.name}: code of the record must be trusted before it is run (got {', '.join(code)}). "
            "Read it, then add --trust."
        )
    return continue_as(recorded_spec(run, times=times), run, force=force, is_extension=times is not None)


def _require_no_process(run: RunHandle) -> None:
    """Raise if the process of a run is known to be running; the lease of the directory decides in all other cases."""
    process = run.metadata["process"]
    if run.status == "running":
        from topo_exp.record.lease import is_leased

        if is_leased(run.directory):
            raise RecordError(
                f"{run.directory.name}: must be free (got process {process['pid']} on {process['host']}, which is "
                "running it). Wait for its end, or stop that process."
            )
