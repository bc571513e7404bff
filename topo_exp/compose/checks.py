"""Checks of settings that a run would otherwise meet only when it has begun."""

import os
from collections.abc import Mapping
from pathlib import Path

from topo_exp.errors import ConfigError
from topo_exp.sweeps.values import shown


def check_encodable(value: object, where: str = "") -> None:
    """Check that every text in settings can be written as UTF-8.

    Python represents a byte of the command line that is not UTF-8 by a lone surrogate, which no file can hold.

    Args:
        value: Settings, or a part of them.
        where: Name of the part.

    Raises:
        ConfigError: a text cannot be encoded.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"{where or 'command line'}: must be a text in UTF-8 (got {shown(as_bytes(value))}). "
                "Set the terminal to UTF-8, or write the text in ASCII."
            ) from error
    elif isinstance(value, Mapping):
        for name, item in value.items():
            check_encodable(name, where)
            check_encodable(item, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            check_encodable(item, where)


def as_bytes(text: str) -> bytes:
    """Return the bytes that a text with lone surrogates stands for."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace")


def check_output(directory: Path, option: str) -> None:
    """Check that a directory can be made and written to, without making it.

    Args:
        directory: Its absolute path.
        option: Name of the option that chose it.

    Raises:
        ConfigError: it cannot be a directory.
    """
    check_encodable(str(directory), option)
    reason = _obstacle(directory)
    if reason:
        raise ConfigError(
            f"{option}: must be a directory, or the path of a new one (got {shown(str(directory))}: {reason}). "
            f"Choose another {option}."
        )


def _obstacle(directory: Path) -> str:
    """Return the reason why a directory cannot be made or written to; empty if there is none."""
    if "\0" in str(directory):
        return "it has a null character"
    try:
        for path in (directory, *directory.parents):
            if path.exists():
                if not path.is_dir():
                    return f"{path} is a file"
                return "" if os.access(path, os.W_OK | os.X_OK) else f"{path} cannot be written to"
            if path.is_symlink():
                return f"{path} is a link to nothing"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""
