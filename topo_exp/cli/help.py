"""Print the help of the command line, without loading the libraries that a run needs."""

import inspect
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import param
import yaml  # type: ignore[import-untyped]  # it ships no type information

from topo_exp.cli.words import COMMANDS
from topo_exp.compose.loading import LoadedModel, load_model, model_summaries
from topo_exp.compose.schema import GROUPS, conf_directory, declared, is_plain, rule
from topo_exp.compose.shell import quoted
from topo_exp.runner.options import OPTIONS
from topo_exp.sweeps.options import SWEEP_OPTIONS
from topo_exp.sweeps.values import literal, plain

USAGE = """\
Usage: python -m topo_exp [model=NAME] [parameter=value ...] [option=value ...]
       python -m topo_exp -m parameter=1,2,3 ...     one run for each combination
       python -m topo_exp COMMAND ...                see python -m topo_exp COMMAND --help
       python -m topo_exp model=NAME --help          the parameters of a model
       python -m topo_exp model=NAME --explain       the compiled or dense form of each projection

       python -m topo_exp cortex_density=3
       python -m topo_exp model=som_retinotopy 'times=[0,100,1000]' tag=first

Lines of this page can be pasted; brackets and braces are quoted, since a shell would replace them."""

FLAGS = """\
Flags of Hydra: -m, --multirun; --cfg job (show the settings, run nothing); --config-dir DIR (your own
configuration files); --shell-completion install=bash; --hydra-help (all of them)."""


_EXAMPLE = re.compile(r"(?<!['\w])[A-Za-z_][\w.]*=(?:\[[^\]\s]*\]|\{[^}\s]*\})")
"""A setting in a text, with a value that a shell would replace."""
_PLAIN_TEXT = re.compile(r"[A-Za-z%_./-][A-Za-z0-9%_./-]*|")
"""Texts that neither a shell nor Hydra's grammar reads in another way."""
UNBROKEN = "\N{NO-BREAK SPACE}"


def print_help(words: Sequence[str]) -> int:
    """Print the help of the command line, or of the model that the words name."""
    models = [word.partition("=")[2].strip("'\"") for word in words if word.lstrip("+").startswith("model=")]
    if not models and any(word.lstrip("+").startswith("experiment=") for word in words):
        from topo_exp.cli.line import CommandLine
        from topo_exp.compose.composition import compose_settings

        line = CommandLine.read([word for word in words if word not in ("--help", "-h")])
        models = [compose_settings(line.overrides, line.directories).config["model"]]
    print("\n".join(model_help(load_model(models[-1])) if models else general_help()))
    return 0


def general_help() -> Iterator[str]:
    """Yield the lines of the help of the command line."""
    default = _default_choices().get("model", "")
    yield USAGE
    yield from _section("Models", _entries(model_summaries()))
    yield from _section("Commands", _entries(COMMANDS))
    yield from _section("Choices", _entries({name: _with_quotes(text) for name, text in GROUPS.items()}))
    yield from _section("Options of a run", _declarations(OPTIONS))
    yield from _section("Options of a sweep, with -m", _declarations(SWEEP_OPTIONS))
    yield from _parameters(load_model(default))
    yield ""
    yield FLAGS


def model_help(model: LoadedModel) -> Iterator[str]:
    """Yield the lines of the help of one model."""
    yield f"{model.name}: " + inspect.cleandoc(vars(model.cls).get("__doc__") or "no description")
    yield from _parameters(model)
    yield ""
    yield "Options of a run: python -m topo_exp --help"


def _parameters(model: LoadedModel) -> Iterator[str]:
    yield from _section(f"Parameters of the model {model.name}", _declarations(declared(model.cls)))


def _declarations(declarations: Mapping[str, param.Parameter]) -> Iterator[str]:
    for name, declaration in declarations.items():
        if (declaration.precedence or 0) >= 0:
            limits = f"[{rule(declaration)}]" if type(declaration) is not param.Parameter else ""
            limits = limits.replace(" ", UNBROKEN) if len(limits) < 40 else limits
            yield from _entry(_pasted(name, declaration.default), f"{_doc(declaration)} {limits}".strip())


def _doc(declaration: param.Parameter) -> str:
    text = _with_quotes(" ".join((declaration.doc or "").split()))
    return text if text.endswith((".", "?", "!")) or not text else text + "."


def _with_quotes(text: str) -> str:
    """Quote the examples in a text that a shell would change."""
    return _EXAMPLE.sub(lambda found: quoted(found[0]), text)


def _pasted(name: str, default: Any) -> str:
    """Write a setting and its default as one word for a shell; `name=...` if the default cannot be written."""
    if isinstance(default, str) and _PLAIN_TEXT.fullmatch(default):
        return f"{name}={default}"
    return quoted(f"{name}={literal(plain(default, name))}") if is_plain(default) else f"{name}=..."


def _entries(texts: Mapping[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        yield from _entry(name, text)


def _entry(head: str, text: str) -> list[str]:
    """Return the lines of one entry: the text beside a short head, or below a long one."""
    indent, column = "  ", 26
    width = min(shutil.get_terminal_size((100, 24)).columns, 110)
    lines = textwrap.wrap(text, max(width - column, 30), break_long_words=False, break_on_hyphens=False) or [""]
    lines = [line.replace(UNBROKEN, " ") for line in lines]
    if len(indent + head) <= column - 2:
        lines[0] = (indent + head).ljust(column) + lines[0]
        rest = lines[1:]
        return [lines[0].rstrip(), *(" " * column + line for line in rest)]
    return [indent + head, *(" " * column + line for line in lines)]


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    yield from lines


def _default_choices() -> dict[str, Any]:
    """Read the default choices from the configuration, the only place that has them."""
    text = (conf_directory() / "config.yaml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["defaults"]
    return {str(key): value for entry in entries if isinstance(entry, dict) for key, value in entry.items()}
