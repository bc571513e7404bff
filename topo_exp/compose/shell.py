"""Words for a shell, and the line that repeats a call of the program."""

import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from topo_exp.about import PROGRAM


def command_line(words: Sequence[str]) -> str:
    """Write the line for a shell that repeats a call of the program: in the same directory, with the same words.

    The line contains no line break. If the directory is gone, the call is made in the current one.
    """
    call = " ".join(quoted(word) for word in (*PROGRAM.split(), *words))
    return f"cd {quoted(str(Path.cwd()))}; {call}"


def quoted(word: str) -> str:
    """Quote a word for a shell, so that it stands on one line.

    Control characters need the form `$'...'` of bash and zsh.
    """
    if not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in word):
        return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)
    return "$'" + "".join(_escaped(letter) for letter in word) + "'"


def _escaped(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if unicodedata.category(letter) in ("Cc", "Zl", "Zp"):
        return "".join(f"\\{byte:03o}" for byte in letter.encode())
    return letter
