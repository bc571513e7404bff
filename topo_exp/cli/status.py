"""The command `status`."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import PATHS
from topo_exp.cli.words import COMMANDS
from topo_exp.errors import UnknownNameError
from topo_exp.runner.options import output_directory
from topo_exp.sweeps.directory import find_sweeps
from topo_exp.sweeps.status import SweepStatus, read_status
from topo_exp.sweeps.watch import lines, table

WATCH_EVERY = 2.0
"""Seconds between two looks at the directories."""


@click.command("status", short_help=COMMANDS["status"])
@PATHS
@click.option("--watch", is_flag=True, help="Show it again and again until nothing runs or waits, or until Ctrl-C.")
def command(paths: Sequence[Path], watch: bool) -> None:
    """Show how far the sweeps at or below PATHS have come, by default all of the output directory.

    Everything is read from the directories, so it works from any machine that sees them. A run whose process has gone,
    or gives no sign of life, counts as interrupted.
    """
    places = list(paths) or [output_directory()]
    sweeps = find_sweeps(places)
    if not sweeps:
        raise UnknownNameError(
            f"PATHS: must hold a sweep, a directory with sweep.yaml (got {', '.join(map(str, places))})."
        )
    if watch and sys.stdout.isatty():
        _watch(sweeps)
        return
    while True:
        statuses = [read_status(path) for path in sweeps]
        print("\n".join(line for status in statuses for line in lines(status)), flush=True)
        if not watch or _are_over(statuses):
            return
        time.sleep(WATCH_EVERY)


def _watch(sweeps: Sequence[Path]) -> None:
    """Show one live table for each sweep."""
    from rich.console import Group
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        while True:
            statuses = [read_status(path) for path in sweeps]
            live.update(Group(*(table(status) for status in statuses)), refresh=True)
            if _are_over(statuses):
                return
            time.sleep(WATCH_EVERY)


def _are_over(statuses: Sequence[SweepStatus]) -> bool:
    return all(status.is_over for status in statuses)
