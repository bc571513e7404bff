"""Checks of functions and classes that users give: arguments, shape of the result, methods that are overridden.

Each message names the sheet or projection, the function and the rule. Exceptions that a function raises itself are not
caught.
"""

import inspect
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from topo_exp.errors import ModelError
from topo_exp.typing import FloatArray


def require_signature(fn: Any, arguments: tuple[str, ...], where: str) -> None:
    """Raise ModelError unless `fn` can be called with these arguments; without an inspectable signature it passes."""
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
    """Return the result of a function as an array; ModelError unless it holds real numbers in this shape."""
    array = np.asarray(result)
    if array.shape != shape or array.dtype.kind not in "fiub":
        found = "None" if result is None else f"an array of {array.dtype} of shape {array.shape}"
        raise ModelError(
            f"{where}: {name_of(fn)} must return an array of real numbers of shape {shape} (got {found}). "
            "Return one number for each."
        )
    return array


def name_of(fn: object) -> str:
    """Return a name for a function in a message."""
    return getattr(fn, "__name__", None) or type(fn).__name__


def overridden(thing: object, base: type, names: Iterable[str]) -> str | None:
    """Return the first of some methods of `base` that an instance of a subclass defines anew, or None.

    A subclass that adds parameters or other methods behaves as `base` does. Functions that were set on the instance
    count, too.
    """
    kind = type(thing)
    if kind is not base or any(name in vars(thing) for name in names):
        for name in names:
            if name in vars(thing) or getattr(kind, name) is not getattr(base, name):
                return name
    return None


def behaves_as(fn: object, *kinds: type, call: str = "__call__") -> bool:
    """Return True if a function is of one of some kinds, or of a subclass that does not redefine its call."""
    if type(fn) in kinds and call not in vars(fn):
        return True
    for kind in kinds:  # noqa: SIM110 - any() takes twice as long, and this is called in each iteration
        if isinstance(fn, kind) and overridden(fn, kind, (call,)) is None:
            return True
    return False


@cache
def defined_with_call(kind: type, *names: str) -> bool:
    """Return True if a class that defines one of some methods defines its call there, or in a base of it.

    Methods that say in another form what a call computes hold for a subclass only if it does not redefine the call.
    """
    kinds = kind.__mro__
    first = next((i for i, base in enumerate(kinds) if any(name in vars(base) for name in names)), None)
    return first is not None and not any("__call__" in vars(base) for base in kinds[:first])
