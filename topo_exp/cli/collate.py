"""The command `collate`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.commands import PATHS
from topo_exp.cli.words import COMMANDS
from topo_exp.runner.options import output_directory


@click.command("collate", short_help=COMMANDS["collate"])
@PATHS
@click.option("--query", help="Rows to keep, such as \"contrast > 20 and status == 'done'\".")
@click.option("--long", is_flag=True, help="One row for each metric, with its name and value.")
@click.option("-o", "output", type=click.Path(path_type=Path), help="File to write: table.csv or table.parquet.")
def command(paths: Sequence[Path], query: str | None, long: bool, output: Path | None) -> None:
    """Make one table of the runs at or below PATHS, by default all of the output directory.

    It has a row for each run and analysis time, and a column for each setting, those that vary first, and each metric.
    Without -o it is printed as CSV. With -o, a second file describes the columns: units, meaning, and what is missing.
    Runs that are not done are in the table, with their status, and are named on the error stream.
    """
    from topo_exp.after.collate import collate, write_table

    table = collate(list(paths) or [output_directory()], query=query, long=long)
    for note in table.attrs["notes"]:
        print(note, file=sys.stderr)
    if output is None:
        print(table.to_csv(index=False), end="")
        return
    written = write_table(table, output)
    print(f"{len(table)} rows of {table['run'].nunique()} runs: {', '.join(map(str, written))}")
