"""The program: `python -m topo_exp`, also installed as `topo-exp`."""

import os
import sys
from collections.abc import Callable, Sequence

from topo_exp.about import VERSION
from topo_exp.cli.words import COMMANDS, DONE, EXPLAIN, FAILED, INTERRUPTED, exit_code
from topo_exp.errors import ConfigError, TopoExpError, nearest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after the program's name; those of this process if None.

    Returns:
        The exit code: 0 done, 1 a run failed, 2 the command line is mistaken, 130 Ctrl-C, 143 ended by SIGTERM.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)(words)
    except TopoExpError as error:
        _print_error(error)
        return exit_code(error)
    except BrokenPipeError:  # the reading program, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        _print_error("interrupted")
        return INTERRUPTED
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else FAILED if error.code else DONE


def _dispatch(words: Sequence[str]) -> Callable[[list[str]], int]:
    first = words[0] if words else ""
    if first in COMMANDS:
        from topo_exp.cli.commands import run_command

        return run_command
    if first == "--version":
        return _print_version
    if {"--help", "-h"} & set(words):
        from topo_exp.cli.help import print_help

        return print_help
    if EXPLAIN in words:
        from topo_exp.cli.explain import print_forms

        return print_forms
    if first and first[0] not in "-~+" and "=" not in first:
        raise ConfigError(
            f"command line: must start with a command or with name=value (got {first!r}). "
            f"{nearest(first, COMMANDS)} To run a model write model={first}."
        )
    from topo_exp.cli.run import run_models

    return run_models


def _print_version(words: Sequence[str]) -> int:
    print(f"topo-exp {VERSION}")
    return DONE


def _print_error(text: object) -> None:
    print(f"topo_exp: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
