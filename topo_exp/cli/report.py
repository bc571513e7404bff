"""The command `report`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import PATHS
from topo_exp.cli.words import COMMANDS
from topo_exp.runner.options import output_directory


@click.command("report", short_help=COMMANDS["report"])
@PATHS
@click.option("-o", "output", type=click.Path(path_type=Path), help="File to write, such as report.html.")
def command(paths: Sequence[Path], output: Path | None) -> None:
    """Write one page with the maps, curves and settings of the runs at or below PATHS, by default the output directory.

    The page is one file that needs no network. Without -o it is report.html in the directory of the sweep, where the
    end of a sweep, resume and sync write it too. Nothing that a record names is executed.
    """
    from topo_exp.after.report import make_report

    report = make_report(list(paths) or [output_directory()], output)
    for note in report.notes:
        print(note, file=sys.stderr)
    print(f"{report.runs} runs, {report.path.stat().st_size / 1e6:.1f} MB: {report.path}")
