"""The program: `python -m topo_exp`, also installed as `topo-exp`."""

import io
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from topo_exp.about import VERSION
from topo_exp.cli.words import COMMANDS, DONE, EXPLAIN, FAILED, FULL_ERROR, INTERRUPTED, MISTAKEN, exit_code
from topo_exp.errors import ConfigError, TopoExpError, described, nearest
from topo_exp.record.processes import collect_rarely


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after the program's name; those of this process if None.

    Returns:
        The exit code: 0 done, 1 a run failed, 2 the command line is mistaken, 130 Ctrl-C, 143 ended by SIGTERM.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        collect_rarely()
        _write_any_character()
    try:
        _check_encodable(words)
        return _dispatch(words)(words)
    except TopoExpError as error:
        code = exit_code(error)
        _print_error(_on_one_line(error) if code == MISTAKEN else error)
        return code
    except BrokenPipeError:  # the reading program, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        if arguments is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends: more of them change nothing
        _print_error("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last resort: one line with the place, the traceback if it is wanted
        if os.environ.get(FULL_ERROR):
            traceback.print_exc()
        _print_error(f"{described(error)}. {FULL_ERROR}=1 shows all of the traceback.")
        return FAILED
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else FAILED if error.code else DONE


def _write_any_character() -> None:
    """Let a terminal that lacks a character show its code instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _check_encodable(words: Sequence[str]) -> None:
    """Raise if a word has bytes that are not UTF-8, which Python keeps as lone surrogates; no record can hold them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                f"command line: must be in UTF-8 (got {os.fsencode(word)!r}). "
                "Set the terminal to UTF-8, or write the text in ASCII."
            ) from None


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
            f"{nearest(first, COMMANDS)} To run a model write model={shlex.quote(first)}."
        )
    from topo_exp.cli.run import run_models

    return run_models


def _print_version(words: Sequence[str]) -> int:
    print(f"topo-exp {VERSION}")
    return DONE


def _print_error(text: object) -> None:
    print(f"topo_exp: {text}", file=sys.stderr)


def _on_one_line(error: TopoExpError) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
