"""Command-line words in Hydra's grammar: parsed, rewritten so that Hydra accepts them, and written.

Hydra refuses an unknown name and advises `+name`, which it then accepts with any name. Here names and values are
checked after composition, against the declarations, where the message can suggest the nearest name, and where
experiment files are checked too. `for_hydra` rewrites the words so that Hydra leaves these checks to the code after it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import param
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from topo_exp.compose.schema import GROUPS
from topo_exp.errors import ConfigError
from topo_exp.runner.options import OPTIONS
from topo_exp.sweeps.values import literal, shown
from topo_exp.typing import Data

TEXTS = frozenset({"model", *(name for name, declaration in OPTIONS.items() if isinstance(declaration, param.String))})
"""Keys whose value is a text: a value that Hydra's grammar cannot read is taken literally."""

OPEN_SETTINGS = re.compile(r"hydra\.launcher\.(options|adapt)(\.|$)")
"""Settings of Hydra's node that hold names of another library's."""

_BRACKETS = {"[": "]", "{": "}", "(": ")"}


def for_hydra(words: Iterable[str], is_group: Callable[[str], bool]) -> list[str]:
    """Rewrite overrides so that Hydra composes them with any name.

    `name=value`, `+name=value` and `++name=value` all become `++name=value` (set, or add), except for groups, which all
    become `group=choice`, and for Hydra's own settings and deletions (`~name`), which stay; but the names in
    `hydra.launcher.options` may be any. Texts that Hydra's grammar
    cannot read are quoted: a path with parentheses, an accent.

    Args:
        words: overrides as the user wrote them.
        is_group: returns True for a key that is a group of configuration files, beside those in `schema.GROUPS`.

    Returns:
        The rewritten overrides.

    Raises:
        ConfigError: a word is no override.
    """
    words = list(words)
    refuse_split_values(words)
    rewritten = []
    for word in words:
        override = parsed(word)
        key = override.key_or_group
        _check_choice(override)
        is_own = key.startswith("hydra.") and not OPEN_SETTINGS.match(key)
        if override.is_delete() or is_own or override.package is not None:
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
    if key.lstrip("+") == "model" and _is_file(value):
        return parser.parse_override(f"{key}={literal(value)}")
    try:
        return parser.parse_override(word)
    except RecursionError as error:
        raise ConfigError(f"command line: has too many brackets (got {shown(word)}). Leave some out.") from error
    except HydraException as error:
        if key.lstrip("+") in TEXTS and value[:1] not in ("'", '"') and "," not in value:
            return parser.parse_override(f"{key}={literal(value)}")
        reason = str(error).splitlines()[0].partition(" expecting ")[0]  # names of tokens follow
        raise ConfigError(
            f"command line: must follow Hydra's grammar (got {shown(word)}: {reason[:200]}). "
            "Put quotes round texts with special characters: \"name='text'\"."
        ) from error


def _is_file(text: str) -> bool:
    """Return True for the path of a file; False, too, for a text that no path can be."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def names_set(words: Iterable[str]) -> list[str]:
    """List the names that overrides set, without `+`, each once, in their order."""
    return list(dict.fromkeys(word.lstrip("+").partition("=")[0] for word in words if not word.startswith("~")))


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
        values[name] = value
    return values


def vary(word: str) -> bool:
    """Return True if a word lists values to sweep."""
    return bool(parsed(word).is_sweep_override())


def refuse_values_to_sweep(word: str) -> None:
    """Raise the error for a word with values to sweep, in a command that has one run.

    Raises:
        ConfigError: always.
    """
    name, _, value = word.lstrip("+").partition("=")
    takes_list = isinstance(OPTIONS.get(name), param.List | param.ListSelector) or name in ("times", "analysis")
    if takes_list and "(" not in value:
        fix = f"Write '{name}=[{value}]' for a list, or add -m for one run with each value."
    elif name in TEXTS:
        fix = f"Add -m for one run with each value, or quote a text that has a comma: \"{name}='{value}'\"."
    else:
        fix = "Add -m for one run with each value."
    raise ConfigError(f"{name}: must be one value (got {value!r}). {fix}")


def refuse_split_values(words: Sequence[str]) -> None:
    """Raise if a shell has split a value in brackets at its blanks: `times=[0, 100]` without quotes.

    Raises:
        ConfigError: It has.
    """
    for place, word in enumerate(words[:-1]):
        if "=" not in word or "'" in word or '"' in word or not _open_brackets(word):
            continue
        joined = word
        for other in words[place + 1 :]:
            joined = f"{joined} {other}"
            if not _open_brackets(joined):
                name, _, value = joined.partition("=")
                raise ConfigError(
                    f"{name.lstrip('+')}: must be one word of the command line (got {word!r} and "
                    f"{words[place + 1]!r}). Write it without blanks, or quote it: '{name}={value}'."
                )


def _open_brackets(text: str) -> int:
    """Count the brackets that are not closed."""
    return sum(text.count(left) - text.count(right) for left, right in _BRACKETS.items())
