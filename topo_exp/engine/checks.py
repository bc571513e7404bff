"""What is asked of the functions that users give: how they are called, and the shape of what they return.

Each message names the sheet or projection, the function and what is expected. What a function itself raises passes
through as it is.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from topo_exp.errors import ModelError
from topo_exp.typing import FloatArray


def require_signature(fn: Any, arguments: tuple[str, ...], where: str) -> None:
    """Raise ModelError unless `fn` can be called with so many arguments; functions that do not tell are believed."""
    if not callable(fn):
        raise ModelError(f"{where}: must be a function f({', '.join(arguments)}) (got {fn!r}). Give one.")
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # some functions written in C
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise ModelError(
            f"{where}: must be callable as f({', '.join(arguments)}) (got {name_of(fn)}{signature}). "
            "Change its arguments."
        ) from None


def require_shape(result: Any, shape: tuple[int, ...], where: str, fn: Any) -> FloatArray:
    """Return what a function returned as an array; ModelError unless it holds real numbers in this shape."""
    array = np.asarray(result)
    if array.shape != shape or array.dtype.kind not in "fiub":
        found = "None" if result is None else f"an array of {array.dtype} of shape {array.shape}"
        raise ModelError(
            f"{where}: {name_of(fn)} must return an array of real numbers of shape {shape} (got {found}). "
            "Return one number for each."
        )
    return array


class CheckedRule:
    """A learning rule that must return weights like those that it was given."""

    def __init__(self, rule: Callable[..., Any], where: str) -> None:
        self.active_units_only = getattr(rule, "active_units_only", False)
        self._rule = rule
        self._where = where

    def __call__(self, weights: FloatArray, inputs: FloatArray, activity: FloatArray, rate: float) -> FloatArray:
        """Return the new weights, (units, rows, columns)."""
        shape = weights.shape
        return require_shape(self._rule(weights, inputs, activity, rate), shape, self._where, self._rule)


def name_of(fn: Any) -> str:
    """Return a name for a function in a message."""
    return getattr(fn, "__name__", None) or type(fn).__name__
