"""Completion of words by the Tab key: Hydra's, with commands, and with the files of `--config-dir`."""

import os
import shlex

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.completion_plugin import DefaultCompletionPlugin

from topo_exp.cli.config import run_hydra
from topo_exp.cli.line import CommandLine
from topo_exp.cli.words import COMMANDS, DONE
from topo_exp.compose.composition import CONFIG_NAME, compose, hydra_loader, with_search_path
from topo_exp.compose.mistakes import composition_errors
from topo_exp.errors import ConfigError, TopoExpError
from topo_exp.sweeps.values import literal

ACTIONS = ("install", "uninstall", "query")
PLAN = "plan"
SHELLS = ("bash", "zsh", "fish")


def complete(line: CommandLine) -> int:
    """Install completion for a shell, or print the completions of the line in the variable COMP_LINE.

    Args:
        line: With `--shell-completion`, and `install=SHELL`, `uninstall=SHELL` or `query=SHELL`.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: There is another word.
    """
    action, _, shell = line.overrides[0].partition("=") if len(line.overrides) == 1 else ("", "", "")
    if action not in ACTIONS or shell not in SHELLS:
        raise ConfigError(
            f"--shell-completion: must be followed by one of {', '.join(ACTIONS)} with one of {', '.join(SHELLS)} "
            f"(got {' '.join(line.overrides) or 'nothing'}). Write --shell-completion install=bash."
        )
    if action != "query" or "COMP_LINE" not in os.environ:
        run_hydra(line)
        return DONE
    print(" ".join(completions(os.environ["COMP_LINE"])))
    return DONE


def completions(text: str) -> list[str]:
    """Return the completions of the last word of a line that is being typed.

    Args:
        text: The line, with the name of the program.
    """
    words, begun = _typed(DefaultCompletionPlugin.strip_python_or_app_name(text).removeprefix("-m topo_exp"))
    if words and words[0] == PLAN and not begun.startswith("-"):
        words = words[1:]  # settings follow, as for the sweep itself
    if words and words[0] in COMMANDS:
        from topo_exp.cli.commands import options_of

        return sorted(name for name in options_of(words[0]) if begun.startswith("-") and name.startswith(begun))
    commands = [] if words else [name for name in COMMANDS if name.startswith(begun)]
    if begun.startswith("-"):
        return []
    try:
        line = CommandLine.read(words)
    except TopoExpError:  # a word before this one is a mistake
        return commands
    if words and words[-1] in ("--config-dir", "-cd"):
        return []  # the shell completes directories
    overrides = with_search_path([word for word in line.overrides if "=" in word], line.directories)
    try:
        with composition_errors(line.directories), hydra_loader() as loader:
            overrides += _model_of_files(line, loader)
            plugin = DefaultCompletionPlugin(loader)
            found = plugin._query(CONFIG_NAME, " ".join([*overrides, begun]) + ("" if begun else " "))
    except TopoExpError:  # of a word or a file; an error would appear within the line that is being typed
        return commands
    return sorted({*found, *commands})


def _typed(text: str) -> tuple[list[str], str]:
    """Split a line as the shell does; return the words before the last one, without quotes, and the last, if begun."""
    try:
        words = shlex.split(text)
    except ValueError:  # a quote is still open
        words = text.split()
    return (words[:-1], words[-1]) if words and not text[-1].isspace() else (words, "")


def _model_of_files(line: CommandLine, loader: ConfigLoader) -> list[str]:
    """Return the word for the model that an experiment file chooses by the key `model`, if there is one."""
    if not any(word.lstrip("+").startswith("experiment=") for word in line.overrides):
        return []
    try:
        model = compose(line.overrides, line.directories, loader).get("model")
    except TopoExpError:
        return []
    return [f"model={literal(model)}"] if isinstance(model, str) else []
