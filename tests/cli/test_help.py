"""The help of the program."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

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
    words = set(re.sub("[='\"]", " ", outcome.out).split())
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


@pytest.mark.parametrize("model", model_names())
def test_lines_of_the_help_can_be_pasted(program: Program, model: str) -> None:
    """Each setting is one word for a shell, and all together, pasted with their defaults, change nothing."""
    entries = [
        line[2:].partition("  ")[0]
        for text in (program(f"model={model}", "--help").out, program("--help").out.partition("Parameters of")[0])
        for line in text.splitlines()
        if re.match(r"  ['\"]?\w+=", line)
    ]
    words = [word for line in entries for word in shlex.split(line)]
    assert len(words) == len(entries)
    assert not [line for line in entries if re.search(r"[\[\]{}*?$]", re.sub(r"'[^']*'|\"[^\"]*\"", "", line))]
    options = {name for name, option in OPTIONS.items() if (option.precedence or 0) >= 0}
    known = {*options, *declared(load_model(model).cls)}
    assert {word.partition("=")[0] for word in words} >= known
    pasted = [word for word in words if word.partition("=")[0] in known and not word.endswith("=...")]
    shown, plain = (program("--cfg", "job", f"model={model}", *extra) for extra in (pasted, []))
    assert (shown.code, shown.err) == (0, "")
    assert OmegaConf.create(shown.out) == OmegaConf.create(plain.out)


def test_examples_in_the_help_are_quoted(program: Program) -> None:
    """Lists and mappings in examples stand in quotes, since a shell would replace their brackets."""
    text = program("--help").out
    assert "'times=[0,100,1000]'" in text
    assert "'param_names={cortex_density:cd,area:a}'" in text
    assert not re.search(r"(?<!['\"\w])[a-z_.]+=[\[{]", text)


def test_help_for_an_experiment_has_the_parameters_of_its_model(program: Program, tmp_path: Path) -> None:
    """A file that says `model: gcal` is described by the parameters of gcal."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nmodel: gcal\n")
    outcome = program("--help", "--config-dir", "conf", "experiment=mine")
    assert outcome.code == 0
    assert "Parameters of the model gcal:" in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(program: Program, command: str) -> None:
    """`COMMAND --help` lists its arguments."""
    outcome = program(command, "--help")
    assert outcome.code == 0
    assert f"Usage: python -m topo_exp {command}" in outcome.out


def test_the_version_is_told(program: Program) -> None:
    """`--version` prints it."""
    assert program("--version").out == f"topo-exp {__version__}\n"
