"""The command `verify`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import PATHS, runs_below
from topo_exp.cli.words import COMMANDS, DONE, FAILED
from topo_exp.errors import RecordError
from topo_exp.record.handle import RunHandle


@click.command("verify", short_help=COMMANDS["verify"])
@PATHS
def command(paths: Sequence[Path]) -> int:
    """Compare the files of the runs at or below PATHS with the checksums that the runs left.

    The exit code is 0 if all files are unchanged since the runs ended.
    """
    failures = 0
    for directory in runs_below(paths):
        try:
            found = RunHandle(directory).verify()
        except RecordError as error:
            failures += 1
            print(f"topo_exp: {error}", file=sys.stderr)
            continue
        failures += bool(found)
        print("\n".join(f"{directory.name}: {line}" for line in found or ["unchanged"]))
    return FAILED if failures else DONE
