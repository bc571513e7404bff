"""Command-line words in Hydra's grammar: parsed, rewritten so that Hydra accepts them, and written.

Hydra refuses an unknown name and advises `+name`, which it then accepts with any name. Here names and values are
checked after composition, against the declarations, where the message can suggest the nearest name, and where
experiment files are checked too. `for_hydra` rewrites the words so that Hydra leaves these checks to the code after it.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import param
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from topo_exp.about import PROGRAM
from topo_exp.compose.schema import GROUPS
from topo_exp.errors import ConfigError
from topo_exp.runner.options import OPTIONS
from topo_exp.typing import Data

TEXTS = frozenset({"model", *(name for name, declaration in OPTIONS.items() if isinstance(declaration, param.String))})
"""Keys whose value is a text: a value that Hydra's grammar cannot read is taken literally."""

REPLACED_SETTINGS = {
    "hydra.run.dir": "output_dir",
    "hydra.sweep.dir": "output_dir",
    "hydra.sweep.subdir": "dirname_prefix",
    "hydra.output_subdir": "output_dir",
    "hydra.job.chdir": "output_dir",
}
"""Settings of Hydra about directories, which the runner makes here, and the option to use instead."""

_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_KEYWORDS = frozenset({"null", "true", "false", "nan", "inf"})


def for_hydra(words: Iterable[str], is_group: Callable[[str], bool]) -> list[str]:
    """Rewrite overrides so that Hydra composes them with any name.

    `name=value`, `+name=value` and `++name=value` all become `++name=value` (set, or add), except for groups, which all
    become `group=choice`, and for Hydra's own settings and deletions (`~name`), which stay. Texts that Hydra's grammar
    cannot read are quoted: a path with parentheses, an accent.

    Args:
        words: overrides as the user wrote them.
        is_group: returns True for a key that is a group of configuration files, beside those in `schema.GROUPS`.

    Returns:
        The rewritten overrides.

    Raises:
        ConfigError: a word is no override, or one of Hydra's settings that would make directories.
    """
    rewritten = []
    for word in words:
        override = parsed(word)
        key = override.key_or_group
        if key in REPLACED_SETTINGS:
            raise ConfigError(
                f"{key}: directories of runs are made by topo_exp (got {word!r}). "
                f"Use {REPLACED_SETTINGS[key]}=... instead."
            )
        _check_choice(override)
        if override.is_delete() or key.startswith("hydra.") or override.package is not None:
            rewritten.append(str(override.input_line))
            continue
        prefix = "" if key in GROUPS or "/" in key or is_group(key) else "++"
        rewritten.append(prefix + str(override.input_line).lstrip("+"))
    return rewritten


def _check_choice(override: Override) -> None:
    """Raise for a value that cannot be a choice, and for two functions of one name."""
    group = override.key_or_group
    if group not in GROUPS or override.is_delete() or override.is_sweep_override():
        return
    value = override.value()
    names = value if isinstance(value, list) and group != "model" else [value]
    if not all(isinstance(name, str) for name in names) and not (value is None and group == "experiment"):
        kind = "a name or a path" if group == "model" else "a name or a list of names"
        raise ConfigError(f"{group}: must be {kind} (got {override.input_line!r}). See --help.")
    functions = [name.rpartition(":")[2] for name in names if isinstance(name, str) and ":" in name]
    for name in functions:
        if functions.count(name) > 1:
            raise ConfigError(
                f"{group}: functions must have different names (got {name!r} twice). Give one of them another name."
            )


def as_written(words: Iterable[str]) -> list[str]:
    """Remove the prefixes that `for_hydra` adds, for records and commands."""
    return [word.lstrip("+") for word in words]


def parsed(word: str) -> Override:
    """Parse one override, after quoting its value if it can only be a text.

    Raises:
        ConfigError: the word is no override.
    """
    key, equal, value = word.partition("=")
    if not key.lstrip("+~") or (not equal and not word.startswith("~")):
        raise ConfigError(f"command line: each word must be name=value or a known command (got {word!r}). See --help.")
    parser = OverridesParser.create()
    if key.lstrip("+") == "model" and Path(value).is_file():
        return parser.parse_override(f"{key}={literal(value)}")
    try:
        return parser.parse_override(word)
    except HydraException as error:
        if key.lstrip("+") in TEXTS and value[:1] not in ("'", '"') and "," not in value:
            return parser.parse_override(f"{key}={literal(value)}")
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"command line: must follow Hydra's grammar (got {word!r}: {reason}). "
            "Put quotes round texts with special characters: \"name='text'\"."
        ) from error


def written_settings(words: Iterable[str]) -> dict[str, Data]:
    """Return the names that overrides set, in their order, with the value of each choice of files as it is written.

    Composition replaces a choice, such as `analysis=[default]`, by the contents of the files. A list of one name is the
    same choice as the name alone.

    Args:
        words: Overrides; the last one of a name counts.
    """
    values: dict[str, Data] = {}
    for word in words:
        name, _, text = word.lstrip("+").partition("=")
        if word.startswith("~"):
            continue
        value: Data = text
        if name in GROUPS:
            choice = parsed(word).value()
            value = choice[0] if isinstance(choice, list) and len(choice) == 1 else choice
        values.setdefault(name, None)
        values[name] = value
    return values


def literal(value: object) -> str:
    """Write plain data so that Hydra's grammar, and after it OmegaConf, reads the same data.

    Raises:
        ConfigError: the value is not plain.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        if _BARE.fullmatch(value) and value.lower() not in _KEYWORDS:
            return value
        # `\` before `${` keeps OmegaConf from taking it for a reference
        escaped = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", value)
        return QuotedString(escaped, Quote.single).with_quotes()
    if isinstance(value, list | tuple):
        return "[" + ",".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}:{literal(item)}" for key, item in value.items()) + "}"
    raise ConfigError(
        f"command line: can hold numbers, texts, lists and mappings only (got a {type(value).__name__}). "
        "Set it in the model's file."
    )


def _key(key: object) -> str:
    """Write the key of a mapping; the grammar allows no quotes here."""
    if isinstance(key, str) and _BARE.fullmatch(key) and key.lower() not in _KEYWORDS:
        return key
    raise ConfigError(f"command line: a key must be a word (got {key!r}). Set it in the model's file.")


def command_line(words: Sequence[str]) -> str:
    """Write the command line that passes these words to the program, safe to paste into a shell."""
    return shlex.join([*PROGRAM.split(), *words])
