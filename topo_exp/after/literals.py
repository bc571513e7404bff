"""Literals in text that other programs wrote, read without executing any of it."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from topo_exp.errors import RecordError
from topo_exp.record.run_yaml import yaml_data
from topo_exp.typing import Data

LONGEST = 100_000
"""Characters of a text that is read; Python's own parser needs a stack in proportion to the nesting of its input."""


def literal(text: str) -> Data:
    """Return the value of a literal: JSON, or a number, text, list, tuple, set or dict as Python writes it.

    Raises:
        RecordError: The text is no literal.
    """
    with _refused(text, "a literal"):
        try:
            return yaml_data(json.loads(text))
        except ValueError:
            return yaml_data(ast.literal_eval(text.strip()))


def called(text: str, name: str) -> tuple[list[Data], dict[str, Data]] | None:
    """Return the arguments of the first call of a function in a text, without calling it.

    Args:
        text: Of a command.
        name: Of the function.

    Returns:
        Values by position and by keyword; None if the text does not call it. An argument that is no literal, such as
        the name of a function, becomes its text.

    Raises:
        RecordError: The call cannot be parsed.
    """
    found = re.search(rf"(?<![\w.]){re.escape(name)}\(", text[:LONGEST])
    if found is None:
        return None
    end = _closing(text, found.end() - 1)
    snippet = text[found.start() : end]
    with _refused(snippet, f"a call of {name}"):
        node = ast.parse(snippet, mode="eval").body
        if not isinstance(node, ast.Call):
            raise ValueError("something else")
        keywords = {word.arg: _value(word.value) for word in node.keywords if word.arg is not None}
        return [_value(each) for each in node.args], keywords


def _value(node: ast.expr) -> Data:
    try:
        return yaml_data(ast.literal_eval(node))
    except ValueError:
        return ast.unparse(node)


def _closing(text: str, start: int) -> int:
    """Return the place after the bracket that closes the one at `start`; the end of the text if there is none."""
    depth, quote, place = 0, "", start
    while place < min(len(text), LONGEST):
        letter = text[place]
        if quote:
            if letter == "\\":
                place += 1
            elif letter == quote:
                quote = ""
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
            if depth == 0:
                return place + 1
        place += 1
    return len(text)


@contextmanager
def _refused(text: str, what: str) -> Iterator[None]:
    """Turn every error of Python's parser into one of records."""
    if len(text) > LONGEST:
        raise RecordError(f"must be {what} of at most {LONGEST} characters (got {len(text)})")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the texts of old programs
            yield
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise RecordError(f"must be {what} (got {text[:60]!r})") from error
