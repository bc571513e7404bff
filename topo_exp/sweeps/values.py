"""Settings as plain data: convert them, write them as words, and compare them."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from topo_exp.errors import ConfigError

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""A value of a setting: a number, a text, a truth value, null, or a list or mapping of these."""

KEY_LENGTH = 16
"""Hexadecimal digits in a key: two of 10 000 points share one with a probability of 3e-12."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[./@-][A-Za-z0-9_]+)*")
_BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_KEYWORDS = frozenset({"null", "true", "false", "nan", "inf"})
_LARGEST_EXACT = 2**53


def plain(value: object, where: str) -> Value:
    """Convert to plain data: tuples, ranges and arrays to lists, NumPy's numbers to Python's, paths to texts.

    Args:
        value: The value.
        where: Its place, for the error.

    Returns:
        A copy, without any part shared with `value`.

    Raises:
        ConfigError: The value has a part that is not plain, or a mapping has a key that is not a word.
    """
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)  # drops subclasses, such as NumPy's float64
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, Mapping):
        return {_checked_key(key, where): plain(item, where) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item, where) for item in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return plain(value.tolist(), where)
    raise ConfigError(
        f"{where}: must be numbers, texts, truth values, null, or lists and mappings of these "
        f"(got a {type(value).__name__}). Set other objects in the model's file."
    )


def checked_name(name: object, where: str) -> str:
    """Return the name of a setting.

    Raises:
        ConfigError: No setting can have that name.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise ConfigError(
        f"{where}: must be the name of a setting (got {name!r}). "
        "Write a parameter, an option, a group or analysis.NAME.OPTION, without + or spaces."
    )


def literal(value: Value) -> str:
    """Write plain data in Hydra's grammar, so that Hydra and OmegaConf read the same data back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return value if _BARE.fullmatch(value) and value.lower() not in _KEYWORDS else _quoted(value)
    if isinstance(value, list):
        return "[" + ",".join(literal(item) for item in value) + "]"
    return "{" + ",".join(f"{key}:{literal(item)}" for key, item in value.items()) + "}"


def key_of(settings: Mapping[str, Value]) -> str:
    """Hash settings: equal for equal settings in any order, on every machine.

    Numbers that are equal have one key (3 and 3.0); a truth value is not a number.
    """
    return digest(sorted(f"{name}={identity(value)}" for name, value in settings.items()))


def digest(texts: Iterable[str]) -> str:
    """Hash a list of texts to `KEY_LENGTH` hexadecimal digits."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()[:KEY_LENGTH]


def same(first: Value, second: Value) -> bool:
    """Return True if two values are one: equal numbers are, a number and a truth value are not, nan and nan are."""
    return identity(first) == identity(second)


def identity(value: Value) -> str:
    """Write a value so that equal values, as `same` defines them, have one text."""
    return literal(_normal(value))


def shown(value: object) -> str:
    """Write a value for an error message, cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _normal(value: Value) -> Value:
    """Give equal values one form: whole numbers as integers, mappings sorted."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return int(value)
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, dict):
        return {key: _normal(value[key]) for key in sorted(value)}
    return value


def _quoted(text: str) -> str:
    """Put a text in single quotes; see Hydra's override grammar for the roles of the backslash."""
    # `\` before `${` keeps OmegaConf from reading a reference to another setting
    text = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    # a backslash is an escape only in a run of backslashes that ends at a quote: there each is doubled
    text = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", text)
    backslashes = len(text) - len(text.rstrip("\\"))
    return f"'{text}{backslashes * chr(92)}'"


def _checked_key(key: object, where: str) -> str:
    if isinstance(key, str) and _BARE.fullmatch(key) and key.lower() not in _KEYWORDS:
        return key
    raise ConfigError(
        f"{where}: a key of a mapping must be a word (got {key!r}), because Hydra has no quotes there. "
        "Set it in the model's file."
    )
