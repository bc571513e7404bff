"""Names of run directories: made of the varied settings, legal on every file system, and injective."""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypeGuard

from topo_exp.errors import ConfigError
from topo_exp.typing import Data

Scalar: TypeAlias = bool | int | float | str | None

HASH_LENGTH = 10
SHORTEST_NAME = 40
"""Length for a date, a hash and some readable characters."""

# Characters that Windows, macOS or a shell treat specially; `,` `=` `~` are the separators of a name.
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.+-]+")
_WORDS = frozenset({"null", "true", "false", "nan", "inf", "-inf"})
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
_PLAIN = re.compile(r"[a-z][a-z0-9_.+-]*")
_LOOKS_LIKE_SUFFIX = re.compile(r".*-[0-9]+")
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def directory_name(
    model: str,
    given: Mapping[str, Data],
    *,
    timestamp: datetime,
    time_format: str = "%Y%m%d%H%M",
    prefix: str = "",
    tag: str | None = None,
    abbreviations: Mapping[str, str] | None = None,
    parameters: Collection[str] = (),
    enumerated: Collection[str] = (),
    max_length: int = 200,
) -> str:
    """Compose `<prefix><time>_<model>[_<tag>][,name=value...]`.

    Values are written so that they differ even where upper and lower case are the same file. Where that is not
    possible, or where the name has to be cut, the name ends in `~` and a hash of all given settings. So two different
    sets of settings of one model never have one name, if they use the same abbreviations.

    Args:
        model: name of the model.
        given: setting -> value, those that name the run; plain data. Values that are equal in Python (3 and 3.0) are
            one value here, except for truth values.
        timestamp: date in the name.
        time_format: format of the date, as for `datetime.strftime`.
        prefix: first part of the name.
        tag: the user's own word; left out here if it is among `given`.
        abbreviations: setting -> its short form, in the order of the name; settings that are not in it follow
            alphabetically. One map may serve several models: names that this model lacks are ignored.
        parameters: names of all parameters of the model; two of them may differ in letter case only.
        enumerated: parameters whose values come from a short list without two that differ in letter case only.
        max_length: the longest allowed name, in characters, at least `SHORTEST_NAME`.

    Returns:
        The name of a directory, of ASCII letters, digits and `_ . + - , = ~` only.

    Raises:
        ConfigError: two names have one abbreviation, or `max_length` is too small.
    """
    if max_length < SHORTEST_NAME:
        raise ConfigError(
            f"max_name_length: must be at least {SHORTEST_NAME} (got {max_length}). "
            "Use abbreviations in param_names to shorten names."
        )
    short = abbreviations or {}
    _check_abbreviations(short, parameters)
    exact = True
    head = sanitised(prefix + timestamp.strftime(time_format) + "_" + model)
    parts = [head + (f"_{sanitised(tag)}" if tag and "tag" not in given else "")]
    for name in ordered(given, short):
        key = short.get(name, name)
        text, faithful = value_text(given[name], any_case=name in enumerated)
        exact = exact and faithful and sanitised(key) == key and not _differs_in_case_only(key, parameters)
        parts.append(f"{sanitised(key)}={text}")
    text = ",".join(parts)
    if _WINDOWS_DEVICE.fullmatch(text):
        text = "_" + text
    if exact and len(text) <= max_length and not text.endswith("."):
        return text
    return text[: max_length - HASH_LENGTH - 1] + "~" + fingerprint([model, tag, dict(given)])


def ordered(names: Iterable[str], abbreviations: Mapping[str, str]) -> list[str]:
    """Sort settings: those with an abbreviation in the order of the map, then the others alphabetically."""
    order = {name: place for place, name in enumerate(abbreviations)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def value_text(value: object, *, any_case: bool = False) -> tuple[str, bool]:
    """Write a value as part of a name.

    Returns:
        The text, and whether no other value has the same text, letter case aside.
    """
    if isinstance(value, list | tuple):
        texts = [value_text(item) for item in value]
        is_faithful = len(value) > 1 and all(_is_scalar(item) and not isinstance(item, str) for item in value)
        return "_".join(text for text, _ in texts), is_faithful and all(faithful for _, faithful in texts)
    if isinstance(value, str):
        text = sanitised(value)
        return text, text == value and _is_plain(text.lower() if any_case else text)
    if _is_scalar(value):
        return _scalar_text(value), True
    return sanitised(canonical(value)), False


def sanitised(text: str) -> str:
    """Replace characters that a file system refuses, or treats specially, by `-`; accents are dropped first."""
    decomposed = unicodedata.normalize("NFKD", text)
    unaccented = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _ILLEGAL.sub("-", unaccented)


def fingerprint(data: object) -> str:
    """Hash plain data to a few characters; equal data have equal hashes, in every process and on every machine."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()[:HASH_LENGTH]


def canonical(data: object) -> str:
    """Write plain data as one text: mappings sorted, tuples as lists, whole floats as integers."""
    return json.dumps(_simplified(data), separators=(",", ":"))


def _simplified(data: object) -> object:
    if isinstance(data, Mapping):
        return {"map": sorted(([_simplified(key), _simplified(value)] for key, value in data.items()), key=json.dumps)}
    if isinstance(data, str) or data is None or isinstance(data, bool):
        return data
    if isinstance(data, Sequence):
        return [_simplified(item) for item in data]
    if isinstance(data, int | float):
        return {"number": _scalar_text(data)}
    return {"repr": repr(data)}


def _is_scalar(value: object) -> TypeGuard[Scalar]:
    return value is None or isinstance(value, bool | int | float | str)


def _scalar_text(value: Scalar) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 2**53:
        return str(int(value))
    return repr(value)


def _is_plain(text: str) -> bool:
    """Return True if a string can be written as it is: no number, no list of numbers, no ending like `-2`."""
    if not _PLAIN.fullmatch(text) or text.endswith(".") or _LOOKS_LIKE_SUFFIX.fullmatch(text):
        return False
    return not all(part in _WORDS or _NUMBER.fullmatch(part) for part in text.split("_"))


def _differs_in_case_only(key: str, parameters: Collection[str]) -> bool:
    return any(key != other and key.lower() == other.lower() for other in parameters)


def _check_abbreviations(abbreviations: Mapping[str, str], parameters: Collection[str]) -> None:
    taken: dict[str, str] = {}
    for name, short in abbreviations.items():
        if not isinstance(short, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", short):
            raise ConfigError(
                f"param_names.{name}: must be letters, digits, '_', '.' and '-' (got {short!r}). Choose another word."
            )
        for other in parameters:
            if other != name and other.lower() == short.lower():
                raise ConfigError(
                    f"param_names.{name}: must not be the name of another parameter (got {short!r}). "
                    "Choose another word."
                )
        other = taken.setdefault(short.lower(), name)
        if other != name:
            raise ConfigError(
                f"param_names.{name}: must differ from the abbreviation of {other} (got {short!r}). "
                "Choose another word."
            )
