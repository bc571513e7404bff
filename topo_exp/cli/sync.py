"""The command `sync`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import PATHS, runs_below
from topo_exp.cli.words import COMMANDS, DONE, FAILED


@click.command("sync", short_help=COMMANDS["sync"])
@PATHS
def command(paths: Sequence[Path]) -> int:
    """Add missing entries to MLflow from the run directories at or below PATHS, by default all of the output directory.

    A second call changes nothing. Runs that are still running are skipped: their own processes update MLflow.
    """
    from topo_exp.view.sync import sync_runs

    failures = 0
    for directory, outcome in sync_runs(runs_below(paths)):
        if isinstance(outcome, Exception):
            failures += 1
            print(f"{directory.name}: not added to MLflow (got {type(outcome).__name__}: {outcome})", file=sys.stderr)
        else:
            print(f"{directory.name}: {outcome or 'still running; its own process updates MLflow'}")
    return FAILED if failures else DONE
