"""The commands beside running: each is a click command of the name that `topo_exp.__main__.COMMANDS` lists."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from topo_exp.__main__ import COMMANDS, DONE, FAILED, MISTAKEN
from topo_exp.compose.schema import output_directory
from topo_exp.errors import UnknownNameError


def call(words: list[str]) -> int:
    """Carry out one command; click's own complaints are mistakes of the user."""
    try:
        result = _group.main(words, prog_name="python -m topo_exp", standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return MISTAKEN
    return result if isinstance(result, int) else DONE


@click.group()
def _group() -> None:
    """Run and record developmental simulations of cortical maps."""


@_group.command(help=COMMANDS["sync"])
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def sync(paths: tuple[Path, ...]) -> int:
    """Fill in what MLflow lacks, from run directories."""
    from topo_exp.runner.mlflow_view import sync as fill_in

    failures = 0
    for directory, outcome in fill_in(run_directories(paths)):
        if isinstance(outcome, Exception):
            failures += 1
            print(f"{directory.name}: not taken by MLflow (got {type(outcome).__name__}: {outcome})", file=sys.stderr)
        else:
            print(f"{directory.name}: {'still running, followed by its own process' if outcome is None else outcome}")
    return FAILED if failures else DONE


def run_directories(paths: Iterable[Path]) -> list[Path]:
    """Find the run directories at or below paths; below the output directory if there are none.

    Raises:
        UnknownNameError: a path is not there, or holds no run.
    """
    found: dict[Path, None] = {}
    for path in list(paths) or [output_directory(None)]:
        if not path.is_dir():
            raise UnknownNameError(f"PATH: must be a run directory or a directory of runs (got {str(path)!r}).")
        runs = sorted(record.parent for record in path.rglob("run.yaml"))
        if not runs:
            raise UnknownNameError(f"PATH: must hold a run, a directory with run.yaml (got {str(path)!r}).")
        found.update(dict.fromkeys(runs))
    return list(found)
