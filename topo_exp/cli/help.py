"""Show what can be written on the command line, without loading what a run needs."""

import inspect
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import param
import yaml  # type: ignore[import-untyped]  # it ships no type information

from topo_exp.__main__ import COMMANDS
from topo_exp.compose.loading import LoadedModel, load_model, model_summaries
from topo_exp.compose.schema import GROUPS, RunOptions, conf_directory, declared, is_plain, plain, rule

USAGE = """\
Usage: python -m topo_exp [model=NAME] [parameter=value ...] [option=value ...]
       python -m topo_exp -m parameter=1,2,3 ...     one run for each combination
       python -m topo_exp COMMAND ...                see python -m topo_exp COMMAND --help
       python -m topo_exp model=NAME --help          the parameters of a model

       python -m topo_exp cortex_density=3
       python -m topo_exp model=som_retinotopy times=[0,100,1000] tag=first"""

FLAGS = """\
Flags of Hydra: -m, --multirun; --cfg job (show the settings, run nothing); --config-dir DIR (your own
configuration files); --shell-completion install=bash; --hydra-help (all of them)."""


UNBROKEN = "\N{NO-BREAK SPACE}"


def show(words: Sequence[str]) -> int:
    """Print the help for the command line as a whole, or for the model that the words name."""
    asked = [word.partition("=")[2] for word in words if word.lstrip("+").startswith("model=")]
    print("\n".join(model_help(load_model(asked[-1].strip("'\""))) if asked else general_help()))
    return 0


def general_help() -> Iterator[str]:
    """Write the help for the command line as a whole, line by line."""
    default = _default_choices().get("model", "")
    yield USAGE
    yield from _section("Models", _entries(model_summaries()))
    yield from _section("Commands", _entries(COMMANDS))
    yield from _section("Choices", _entries(GROUPS))
    yield from _section("Options of a run", _declarations(RunOptions))
    yield from _parameters(load_model(default))
    yield ""
    yield FLAGS


def model_help(model: LoadedModel) -> Iterator[str]:
    """Write the help for one model, line by line."""
    yield f"{model.name}: " + inspect.cleandoc(vars(model.cls).get("__doc__") or "no description")
    yield from _parameters(model)
    yield ""
    yield "Options of a run: python -m topo_exp --help"


def _parameters(model: LoadedModel) -> Iterator[str]:
    yield from _section(f"Parameters of the model {model.name}", _declarations(model.cls))


def _declarations(cls: type[param.Parameterized]) -> Iterator[str]:
    for name, declaration in declared(cls).items():
        if (declaration.precedence or 0) >= 0:
            limits = f"[{rule(declaration)}]" if type(declaration) is not param.Parameter else ""
            limits = limits.replace(" ", UNBROKEN) if len(limits) < 40 else limits
            yield from _entry(f"{name}={_default(declaration)}", f"{_doc(declaration)} {limits}".strip())


def _doc(declaration: param.Parameter) -> str:
    text = " ".join((declaration.doc or "").split())
    return text if text.endswith((".", "?", "!")) or not text else text + "."


def _default(declaration: param.Parameter) -> str:
    value: Any = declaration.default
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple) and is_plain(value):
        return "[" + ",".join(str(item) for item in value) + "]"
    return str(plain(value))


def _entries(texts: Any) -> Iterator[str]:
    for name, text in texts.items():
        yield from _entry(name, text)


def _entry(head: str, text: str) -> list[str]:
    """Set one entry: the text beside a short head, below a long one."""
    indent, column = "  ", 26
    width = min(shutil.get_terminal_size((100, 24)).columns, 110)
    lines = textwrap.wrap(text, max(width - column, 30), break_long_words=False, break_on_hyphens=False) or [""]
    lines = [line.replace(UNBROKEN, " ") for line in lines]
    if len(indent + head) < column:
        lines[0] = (indent + head).ljust(column) + lines[0]
        rest = lines[1:]
        return [lines[0].rstrip(), *(" " * column + line for line in rest)]
    return [indent + head, *(" " * column + line for line in lines)]


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    yield from lines


def _default_choices() -> dict[str, Any]:
    """Read what is chosen by default from the configuration, the only place that says it."""
    text = (conf_directory() / "config.yaml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["defaults"]
    return {str(key): value for entry in entries if isinstance(entry, dict) for key, value in entry.items()}
