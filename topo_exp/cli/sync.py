"""The command `sync`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import PATHS, runs_below
from topo_exp.cli.words import COMMANDS, DONE, FAILED
from topo_exp.runner.options import output_directory
from topo_exp.sweeps.directory import find_sweeps


@click.command("sync", short_help=COMMANDS["sync"])
@PATHS
def command(paths: Sequence[Path]) -> int:
    """Add missing entries to MLflow from the run directories at or below PATHS, by default all of the output directory.

    The pages of sweeps, report.html, are written anew where a run has changed since.
    A second call changes nothing. Runs that are still running are skipped: their own processes update MLflow.
    """
    from topo_exp.after.report import is_outdated, refresh_report
    from topo_exp.view.sync import sync_runs

    for sweep in find_sweeps(list(paths) or [output_directory()]):
        if is_outdated(sweep):
            page = refresh_report(sweep)
            print(page, file=sys.stderr if page.failure else sys.stdout)
    failures = 0
    for directory, outcome in sync_runs(runs_below(paths)):
        if isinstance(outcome, Exception):
            failures += 1
            print(f"{directory.name}: not added to MLflow (got {type(outcome).__name__}: {outcome})", file=sys.stderr)
        else:
            print(f"{directory.name}: {outcome or 'still running; its own process updates MLflow'}")
    return FAILED if failures else DONE
