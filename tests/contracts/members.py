"""What belongs to a family, and what is asked of every member's declaration."""

import inspect
from collections.abc import Iterable
from types import ModuleType

import param


def members(module: ModuleType, *, base: type = param.Parameterized, takes: str | None = None) -> dict[str, type]:
    """Return the public declared classes of a module below `base`, by name; with `takes`, those called with that."""
    found = {
        name: thing
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and thing.__module__ == module.__name__ and not name.startswith("_")
    }
    return {
        name: thing
        for name, thing in found.items()
        if issubclass(thing, base) and thing is not base and (takes is None or _call(thing) == takes)
    }


def _call(thing: type) -> str:
    """Return the names of the arguments that an object of this class is called with."""
    if "__call__" not in vars(thing):
        return ""
    return ", ".join(list(inspect.signature(vars(thing)["__call__"]).parameters)[1:])


def missing(family: Iterable[str], examples: Iterable[str]) -> list[str]:
    """Return what to add, for every member without an example and every example without a member."""
    add = [f"{name}: add an example of it to EXAMPLES" for name in sorted(set(family) - set(examples))]
    return add + [f"{name}: is no member (any more), take it out of EXAMPLES" for name in set(examples) - set(family)]


def assert_declared(cls: type, *, source: bool = False) -> None:
    """Hold a class to being declared: a sentence that says what it is, a doc for each parameter, a name that is free.

    With `source`, its docstring says where the equation comes from, by year and doi or number of the equation.
    """
    assert issubclass(cls, param.Parameterized)
    text = inspect.getdoc(cls)
    assert text, f"{cls.__name__} has no docstring"
    assert text.split("\n\n")[0].rstrip().endswith((".", ":")), f"{cls.__name__}: the docstring opens with a sentence"
    undocumented = [name for name in cls.param if name != "name" and not cls.param[name].doc]
    assert undocumented == [], f"{cls.__name__}: parameters without doc"
    if source:
        cited = any(mark in text for mark in ("doi:", "equation", "Theoretical"))
        assert cited, f"{cls.__name__}: the docstring says where the equation comes from"
