"""The errors of the package.

Each class is a `TopoExpError` and also the builtin that it resembles, so that both kinds of `except` work. The text of
each error reads `where: rule (got value). Fix.`
"""

import difflib
from collections.abc import Iterable


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
