"""Values of one setting: lists, and the ranges that stand for lists.

A range is a mapping with one key: `{linspace: [0, 100, 5]}`, `{geomspace: [0.1, 10, 5]}`, `{range: [0, 8]}`.
"""

import decimal
from collections.abc import Callable, Iterable, Mapping, Set

from topo_exp.errors import ConfigError, nearest
from topo_exp.sweeps.values import Value, plain, shown

LARGEST = 1_000_000
"""Most values in a range, and most points in a space: more is a mistake."""


def linspace(start: float, stop: float, count: int, *, where: str = "linspace") -> list[Value]:
    """Return evenly spaced numbers, both ends included, as numpy.linspace does.

    Args:
        start: First number.
        stop: Last number.
        count: How many, at least 2.
        where: The place of the range, for errors.

    Raises:
        ConfigError: The numbers do not describe such a list.
    """
    import numpy as np

    _check_ends(start, stop, count, f"{where}: linspace", "linspace: [start, stop, count]")
    return [float(number) for number in np.linspace(start, stop, count)]


def geomspace(start: float, stop: float, count: int, *, where: str = "geomspace") -> list[Value]:
    """Return numbers with a constant ratio, both ends included exactly, as numpy.geomspace does.

    Args:
        start: First number, not 0.
        stop: Last number, of the same sign.
        count: How many, at least 2.
        where: The place of the range, for errors.

    Raises:
        ConfigError: The numbers do not describe such a list.
    """
    import numpy as np

    _check_ends(start, stop, count, f"{where}: geomspace", "geomspace: [start, stop, count]")
    if not start * stop > 0:
        raise ConfigError(
            f"{where}: geomspace must have ends of one sign, without 0 (got {start!r} and {stop!r}). "
            "Use linspace, or a list."
        )
    return [float(number) for number in np.geomspace(start, stop, count)]


def steps(start: float, stop: float, step: float = 1, *, where: str = "range") -> list[Value]:
    """Return numbers from `start` in steps, without `stop`, computed in decimals so that 0.1 steps do not drift.

    Args:
        start: First number.
        stop: End, not included.
        step: Distance, not 0.
        where: The place of the range, for errors.

    Raises:
        ConfigError: There is no number in the range, or too many.
    """
    if step == 0 or not (stop - start) / step > 0:
        raise ConfigError(
            f"{where}: range must lead from start towards stop (got start {start!r}, stop {stop!r}, step {step!r}). "
            "Write range: [start, stop] or range: [start, stop, step]; stop itself is not included."
        )
    if (stop - start) / step > LARGEST:
        raise ConfigError(
            f"{where}: range must have at most {LARGEST} values (got {(stop - start) / step:.3g}). Use a larger step."
        )
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        return list(range(start, stop, step))
    first, end, distance = (decimal.Decimal(repr(number)) for number in (start, stop, step))
    count = int(((end - first) / distance).to_integral_value(rounding=decimal.ROUND_CEILING))
    return [float(first + place * distance) for place in range(count)]


RANGES: Mapping[str, Callable[..., list[Value]]] = {"linspace": linspace, "geomspace": geomspace, "range": steps}
_ARGUMENTS: Mapping[str, tuple[tuple[int, ...], str]] = {
    "linspace": ((3,), "[start, stop, count]"),
    "geomspace": ((3,), "[start, stop, count]"),
    "range": ((1, 2, 3), "[start, stop] or [start, stop, step]"),
}


def values_of(given: object, where: str) -> list[Value]:
    """Read the values of one setting: a list of them, a range, or one value.

    Args:
        given: A list, tuple, array or other ordered iterable: its items are the values. A mapping with one key in
            `RANGES`: a range. A number, a text, a truth value or None: that one value.
        where: The setting's place, for errors.

    Raises:
        ConfigError: There are no values, or they are not plain data.
    """
    if isinstance(given, Mapping):
        return _range_of(given, where)
    if given is None or isinstance(given, str | bytes | bool | int | float):
        return [plain(given, where)]
    if isinstance(given, Set):
        raise ConfigError(f"{where}: values must have an order (got a {type(given).__name__}). Use a list.")
    if getattr(given, "shape", None) == () or not isinstance(given, Iterable):
        return [plain(given, where)]
    values = [plain(value, where) for value in given]
    if not values:
        raise ConfigError(f"{where}: must have at least one value (got an empty list). Put [] in a list: [[]].")
    return values


def _range_of(given: Mapping[object, object], where: str) -> list[Value]:
    """Compute the list that a mapping with one key stands for."""
    name = next(iter(given)) if len(given) == 1 else None
    if not isinstance(name, str) or name not in RANGES:
        hint = nearest(str(name), RANGES) if len(given) == 1 else "Known are: " + ", ".join(sorted(RANGES)) + "."
        more = " linspace and geomspace take the first and the last value, not exponents." if name == "logspace" else ""
        raise ConfigError(
            f"{where}: a mapping must name one kind of range (got {shown(dict(given))}). {hint}{more} "
            "A mapping that is a value itself stands in a list."
        )
    numbers, form = given[name], _ARGUMENTS[name]
    numbers = [numbers] if isinstance(numbers, int) else numbers
    arguments = list(numbers) if isinstance(numbers, Iterable) and not isinstance(numbers, str) else []
    if len(arguments) not in form[0] or not all(is_number(number) for number in arguments):
        raise ConfigError(f"{where}: {name} must have the form {name}: {form[1]} (got {shown(numbers)}). Use numbers.")
    if name == "range" and len(arguments) == 1:
        arguments = [0, *arguments]
    return RANGES[name](*arguments, where=where)


def is_number(value: object) -> bool:
    """Return True for a finite number that is not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _check_ends(start: object, stop: object, count: object, where: str, form: str) -> None:
    if not is_number(start) or not is_number(stop) or start == stop:
        raise ConfigError(f"{where} must have two different numbers as ends (got {start!r} and {stop!r}). Use {form}.")
    if not isinstance(count, int) or isinstance(count, bool) or not 2 <= count <= LARGEST:
        raise ConfigError(f"{where} must have a count from 2 to {LARGEST} (got {count!r}). Use {form}.")
