"""How kernels are compiled, and how they turn an address of the table into an array."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

CONTRACT = {"contract"}
"""Fused multiply-add is allowed; nothing that would hide NaN or depend on the order of compilation."""

_INSIDE = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

helper = njit(fastmath=CONTRACT, **_INSIDE)
"""Compiles a function that only kernels call, when the first one does.

It is compiled once for each combination of argument types, and a constant is a type of its own: `np.int64(1)` is not.
"""


exact = njit(fastmath=False, **_INSIDE)
"""Compiles a function that rounds as it is written, even where its caller allows more."""

Codegen = tuple[Any, Callable[..., Any]]
"""An intrinsic's signature, and the function that writes its instructions."""


def entry_point(signature: str) -> Callable[..., Any]:
    """Return the decorator that compiles a function that Python calls, with one signature, and stores the result."""
    return njit(signature, nogil=True, fastmath=CONTRACT, error_model="numpy", cache=True)


def _pointer_to(type_: Any) -> Any:
    @intrinsic
    def pointer(typing: Any, address: int) -> Codegen:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(type_)(types.int64), codegen

    return pointer


_float32_pointer = _pointer_to(types.float32)
_float64_pointer = _pointer_to(types.float64)
_int8_pointer = _pointer_to(types.int8)
_int32_pointer = _pointer_to(types.int32)
_int64_pointer = _pointer_to(types.int64)


@helper
def float32s(address: int, n: int) -> np.ndarray:
    """Return the `n` float32 numbers at an address, as an array."""
    return carray(_float32_pointer(address), (n,))


@helper
def float64s(address: int, n: int) -> np.ndarray:
    """Return the `n` float64 numbers at an address, as an array."""
    return carray(_float64_pointer(address), (n,))


@helper
def int8s(address: int, n: int) -> np.ndarray:
    """Return the `n` int8 numbers at an address, as an array."""
    return carray(_int8_pointer(address), (n,))


@helper
def int32s(address: int, n: int) -> np.ndarray:
    """Return the `n` int32 numbers at an address, as an array."""
    return carray(_int32_pointer(address), (n,))


@helper
def int64s(address: int, n: int) -> np.ndarray:
    """Return the `n` int64 numbers at an address, as an array."""
    return carray(_int64_pointer(address), (n,))
