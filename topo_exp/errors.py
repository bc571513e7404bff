"""The errors of the package.

Each class is a `TopoExpError` and also the builtin that it resembles, so that both kinds of `except` work. The text of
each error reads `where: rule (got value). Fix.`
"""

import difflib
import os
import sysconfig
import traceback
from collections.abc import Iterable
from functools import cache


class TopoExpError(Exception):
    """Base class of all errors that this package raises deliberately."""


class ParameterError(TopoExpError, ValueError):
    """A parameter's value breaks its declared rule."""


class UnknownNameError(TopoExpError, LookupError):
    """A name that does not exist: of a parameter, sheet, projection, model or analysis."""


class GeometryError(TopoExpError, ValueError):
    """A sheet or connection field that cannot exist."""


class ModelError(TopoExpError, TypeError):
    """A model, or a function given to one, that does not have the required interface."""


class AnalysisError(TopoExpError, RuntimeError):
    """An analysis that failed, or did not return a Result."""


class NumericalError(TopoExpError, ArithmeticError):
    """A weight or an activity that is no longer a finite number."""


class StateError(TopoExpError, ValueError):
    """A stored state that does not fit the simulation it is restored into."""


class RecordError(TopoExpError, OSError):
    """A record of a run that cannot be written or read."""


class RunError(TopoExpError, RuntimeError):
    """A run that ended before its last time; its directory records the reason."""


class MissingDependencyError(TopoExpError, ImportError):
    """An optional dependency that is not installed."""


class ConfigError(TopoExpError, ValueError):
    """A configuration or command line that does not describe a run."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Suggest the nearest of the known names, as a sentence that completes an error message.

    Args:
        name: The unknown name.
        names: The known names.
    """
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(repr(match) for match in close) + "?"
    return "Known are: " + ", ".join(known) + "."


def described(error: BaseException) -> str:
    """Describe an exception in one line, with the last line of the user's own code that it passed through.

    Args:
        error: Any exception, such as one that a user's function raised.

    Returns:
        `ZeroDivisionError: division by zero, in /home/me/mine.py, line 7`; the place is that of the package or of a
        library if no code of the user's own is involved.
    """
    text = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split()).rstrip(".")
    place = users_line(error)
    if not place and (frames := traceback.extract_tb(error.__traceback__)):
        place = f"{frames[-1].filename}, line {frames[-1].lineno}"
    return f"{type(error).__name__}{': ' if text else ''}{text}{', in ' if place else ''}{place}"


def reason_of(error: BaseException) -> str:
    """Return the end of a sentence about something that failed, `drift: failed at time 5`, by an exception.

    Args:
        error: The exception. The text of an error of this package stands as it is, rule and remedy included.

    Returns:
        ` (got KeyError: 'V3', in /home/me/mine.py, line 7).`, or `: V1: must ... (got ...). Lower it. Raised in ...`
    """
    if not isinstance(error, TopoExpError):
        return f" (got {described(error)})."
    place = users_line(error)
    return f": {error}{f' Raised in {place}.' if place else ''}"


def users_line(error: BaseException) -> str:
    """Return the last line of the user's own code that an exception passed through: `/home/me/mine.py, line 7`.

    Args:
        error: Any exception.

    Returns:
        File and line; empty if no code of the user's own is involved.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else ""


def is_users(file: str) -> bool:
    """Return True for a file that belongs neither to this package nor to an installed library or Python itself."""
    return not file.startswith(("<frozen", *_folders_of_libraries()))


@cache
def _folders_of_libraries() -> tuple[str, ...]:
    """Return the folders of this package, of installed libraries and of Python; cached, since each module asks."""
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(os.path.join(folder, "") for folder in (os.path.dirname(__file__), *libraries) if folder)
