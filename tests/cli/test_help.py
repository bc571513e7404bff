"""The help of the program."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import Outcome
from topo_exp import __version__
from topo_exp.cli.words import COMMANDS
from topo_exp.compose.loading import load_model, model_names
from topo_exp.compose.schema import GROUPS, declared
from topo_exp.runner.options import OPTIONS

Program = Callable[..., Outcome]


def test_help_lists_models_commands_choices_and_options(program: Program) -> None:
    """`--help` has every name that can be written, with the default model's parameters; hidden options are hidden."""
    outcome = program("--help")
    assert outcome.code == 0
    words = set(outcome.out.replace("=", " ").split())
    shown = {name for name, option in OPTIONS.items() if (option.precedence or 0) >= 0}
    assert {*model_names(), *COMMANDS, *GROUPS, *shown, "cortex_density"} <= words
    assert "sweep_id" not in words
    assert max(map(len, outcome.out.splitlines())) <= 110


@pytest.mark.parametrize("model", model_names())
def test_help_for_a_model_lists_its_parameters(program: Program, model: str) -> None:
    """Each parameter stands with its default, its description and its bounds."""
    outcome = program(f"model={model}", "--help")
    assert outcome.code == 0
    text = " ".join(outcome.out.split())
    for name, declaration in declared(load_model(model).cls).items():
        assert f"{name}=" in text
        assert " ".join(declaration.doc.split()) in text
    assert "[a number" in text


def test_help_for_a_users_model(program: Program) -> None:
    """A file of one's own is described like the others."""
    outcome = program("--help", "model=mine.py")
    assert "A tiny network of my own." in outcome.out
    assert "size=3.0" in outcome.out
    assert "Units of V1 per unit of length. [a number >= 1 and <= 9]" in " ".join(outcome.out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(program: Program, command: str) -> None:
    """`COMMAND --help` lists its arguments."""
    outcome = program(command, "--help")
    assert outcome.code == 0
    assert f"Usage: python -m topo_exp {command}" in outcome.out


def test_the_version_is_told(program: Program) -> None:
    """`--version` prints it."""
    assert program("--version").out == f"topo-exp {__version__}\n"
