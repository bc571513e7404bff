"""The program: `python -m topo_exp`, also installed as `topo-exp`."""

import os
import sys
from collections.abc import Callable, Sequence

from topo_exp.errors import (
    ConfigError,
    GeometryError,
    MissingDependencyError,
    ModelError,
    ParameterError,
    TopoExpError,
    UnknownNameError,
    nearest,
)

DONE, FAILED, MISTAKEN, INTERRUPTED = 0, 1, 2, 130
MISTAKES = (ConfigError, UnknownNameError, ParameterError, GeometryError, ModelError, MissingDependencyError)
"""What can be mended and tried again, as nothing was run."""

COMMANDS = {
    "sync": "Fill in what MLflow lacks, from run directories.",
    "ui": "Open MLflow's pages in a browser, on this machine only.",
    "analyse": "Apply analyses to the stored states of finished runs.",
}
"""What there is beside running: one function of the same name in `topo_exp.cli.commands` each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Arguments:
        arguments: the words after the program's name; those of this process if None.

    Returns:
        The exit code: 0 done, 1 a run failed, 2 the command line is mistaken, 130 Ctrl-C, 143 ended by SIGTERM.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)(words)
    except TopoExpError as error:
        _say(error)
        return exit_code(error)
    except BrokenPipeError:  # whoever was reading, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else FAILED if error.code else DONE


def exit_code(error: TopoExpError) -> int:
    """Tell a user's mistake from a run that failed."""
    return MISTAKEN if isinstance(error, MISTAKES) else FAILED


def _dispatch(words: Sequence[str]) -> Callable[[list[str]], int]:
    first = words[0] if words else ""
    if first in COMMANDS:
        from topo_exp.cli import commands

        return commands.call
    if first == "--version":
        return _version
    if {"--help", "-h"} & set(words):
        from topo_exp.cli import help

        return help.show
    if first and first[0] not in "-~+" and "=" not in first:
        raise ConfigError(
            f"command line: must start with a command or with name=value (got {first!r}). "
            f"{nearest(first, COMMANDS)} To run a model write model={first}."
        )
    from topo_exp.cli import run

    return run.call


def _version(words: Sequence[str]) -> int:
    import topo_exp

    print(f"topo-exp {topo_exp.__version__}")
    return DONE


def _say(what: object) -> None:
    print(f"topo_exp: {what}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
