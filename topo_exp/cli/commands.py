"""Call the click command of a name, and find the runs that a command is given."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from topo_exp.about import PROGRAM
from topo_exp.cli.words import DONE
from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import RUN_YAML, find_runs
from topo_exp.runner.options import output_directory
from topo_exp.sweeps.values import shown

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
        The exit code.

    Raises:
        ConfigError: click refuses the arguments.
    """
    name, *arguments = words
    try:
        result = command_named(name).main(arguments, prog_name=f"{PROGRAM} {name}", standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        raise ConfigError(_one_line(name, error)) from error
    return result if isinstance(result, int) else DONE


def _one_line(name: str, error: click.UsageError) -> str:
    """Write an error of click's in the form of all others."""
    text = shown((error.message if isinstance(error, click.BadParameter) else error.format_message()).rstrip("."))
    if isinstance(error, click.NoSuchOption):
        fix = nearest(error.option_name, options_of(name))
        return f"{name}: has no option of that name (got {error.option_name!r}). {fix}"
    if isinstance(error, click.MissingParameter):
        missing = error.param.human_readable_name if error.param is not None else "argument"
        return f"{name}: must be followed by {missing} (got nothing). See {PROGRAM} {name} --help."
    where = (
        f"{name} {error.param.human_readable_name}" if isinstance(error, click.BadParameter) and error.param else name
    )
    return f"{where}: must be of the form that --help describes (got {text}). See {PROGRAM} {name} --help."


def options_of(name: str) -> list[str]:
    """List the options of a command, in their long form."""
    return [text for param in command_named(name).params for text in param.opts if text.startswith("--")] + ["--help"]


def may_hold_runs(path: Path) -> bool:
    """Return True for a directory, and for the run.yaml of a run."""
    return path.is_dir() or (path.name == RUN_YAML and path.is_file())


def runs_below(paths: Sequence[Path]) -> list[Path]:
    """Find the run directories at or below paths, by default below the output directory.

    Raises:
        UnknownNameError: There is none.
    """
    places = list(paths) or [output_directory()]
    found = find_runs([place for place in places if may_hold_runs(place)])
    if not found:
        raise UnknownNameError(
            f"PATHS: must hold a run, a directory with run.yaml (got {', '.join(map(str, places))}). "
            "Give the path of one, or of a directory above some."
        )
    return found


def run_at(path: Path, where: str) -> RunHandle:
    """Open the run at a path, or the only one below it.

    Args:
        path: Of a run directory, its run.yaml, or a directory above one run.
        where: The argument, for errors.

    Raises:
        UnknownNameError: There is no run, or there are several.
    """
    directory = path.expanduser().parent if path.name == RUN_YAML else path.expanduser()
    found = find_runs(directory) if directory.is_dir() else []
    if len(found) != 1:
        several = f"{len(found)} runs" if found else "none" if directory.exists() else "nothing there"
        raise UnknownNameError(f"{where}: must be one run directory (got {str(path)!r}, {several}). Correct the path.")
    return RunHandle(found[0])
