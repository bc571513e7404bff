"""Call the click command of a name, and find the runs that a command is given."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from topo_exp.about import PROGRAM
from topo_exp.cli.words import DONE, MISTAKEN
from topo_exp.errors import UnknownNameError
from topo_exp.record.layout import find_runs
from topo_exp.runner.options import output_directory

PATHS = click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))


def command_named(name: str) -> click.Command:
    """Return the click command of a name in `words.COMMANDS`."""
    command: click.Command = import_module(f"topo_exp.cli.{name}").command
    return command


def run_command(words: list[str]) -> int:
    """Run one command.

    Args:
        words: its name and its arguments.

    Returns:
        The exit code; 2 if click refuses the arguments.
    """
    name, *arguments = words
    try:
        result = command_named(name).main(arguments, prog_name=f"{PROGRAM} {name}", standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return MISTAKEN
    return result if isinstance(result, int) else DONE


def runs_below(paths: Sequence[Path]) -> list[Path]:
    """Find the run directories at or below paths, by default below the output directory.

    Raises:
        UnknownNameError: There is none.
    """
    places = list(paths) or [output_directory()]
    found = find_runs(places)
    if not found:
        raise UnknownNameError(
            f"PATHS: must hold a run, a directory with run.yaml (got {', '.join(map(str, places))})."
        )
    return found
