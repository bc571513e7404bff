"""A network as Python source, which `sim.script_repr()` returns.

The source names every class and function by its module. A module of a user's own that Python does not find by name is
loaded from the path of its file.
"""

import functools
import importlib.util
import inspect
from collections.abc import Sequence
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import param

from topo_exp.engine.coordinates import BoundingBox
from topo_exp.engine.network import Network
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.sheet import Sheet
from topo_exp.errors import ModelError

_LOADER = '''
def load_module(name, path):
    """Load a module from its file."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
'''


class _Source:
    """Turns values into source, and collects the modules that the source needs."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.loads: dict[str, str] = {}

    def of(self, value: Any, indent: int = 0) -> str:
        """Return an expression whose value equals `value`."""
        if isinstance(value, param.Parameterized):
            return self._of_parameterized(value, indent)
        if isinstance(value, BoundingBox):
            return f"{self._name(BoundingBox)}{repr(value).removeprefix('BoundingBox')}"
        if isinstance(value, list | tuple):
            return self._of_sequence(value, indent)
        if isinstance(value, np.ndarray):
            self.imports.add("numpy")
            return f"numpy.array({value.tolist()!r})"
        if isinstance(value, np.generic):
            return repr(value.item())
        if isinstance(value, functools.partial):
            self.imports.add("functools")
            parts = [self.of(value.func), *(self.of(a) for a in value.args)]
            parts += [f"{key}={self.of(item)}" for key, item in value.keywords.items()]
            return f"functools.partial({', '.join(parts)})"
        if callable(value):
            return self._name(value)
        return repr(value)

    def _of_parameterized(self, value: param.Parameterized, indent: int) -> str:
        defaults = {name: parameter.default for name, parameter in type(value).param.objects("existing").items()}
        changed = {
            name: getattr(value, name)
            for name in type(value).param
            if name != "name" and not _equal(getattr(value, name), defaults[name])
        }
        given = [f"name={value.name!r}"] if _is_known_by_name(value) else []
        given += [f"{name}={self.of(item, indent + 4)}" for name, item in changed.items()]
        return f"{self._name(type(value))}({_joined(given, indent)})"

    def _of_sequence(self, value: list[Any] | tuple[Any, ...], indent: int) -> str:
        items = [self.of(item, indent + 4) for item in value]
        if isinstance(value, tuple):
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        return f"[{_joined(items, indent)}]"

    def _name(self, thing: Any) -> str:
        """Return the qualified name of a class or function, and add its module to those that the script loads."""
        name, module = getattr(thing, "__qualname__", ""), inspect.getmodule(thing)
        if module is None or not name or "<" in name:
            raise ModelError(
                f"script_repr: must be able to name every function (got {thing!r}, which has no name of its own). "
                "Define it at the top level of a module."
            )
        self._need(module)
        return f"{module.__name__}.{name}"

    def _need(self, module: ModuleType) -> None:
        try:
            found = importlib.util.find_spec(module.__name__)
        except ValueError:  # the spec of a module that was run or loaded by hand is unset
            found = None
        path = getattr(module, "__file__", None)
        if (found is None or found.origin != path) and path:
            self.loads[module.__name__] = path
        elif module.__name__ != "builtins":
            self.imports.add(module.__name__)


def script_of(
    network: Network, kind: type, *, engine: str, actions: Sequence[tuple[Fraction, object]], time: float
) -> str:
    """Return Python source that, executed, builds the same network with the same parameters as `sim`.

    Args:
        network: The network.
        kind: Class of the simulation.
        engine: Its implementation.
        actions: Scheduled actions with their times.
        time: The time reached, for the docstring of the source.

    Raises:
        ModelError: If a function or class has no name in a module.
    """
    source = _Source()
    body = [f"sim = {source._name(kind)}({network.name!r}, seed={network.seed!r}, engine={engine!r})", ""]
    body += [f"sim.add({source.of(sheet)})" for sheet in network.sheets.values()]
    body.append("")
    for projection in network.connected:
        call = f"sim.connect({projection.src.name!r}, {projection.dest.name!r}, {source.of(projection)})"
        body.append(call)
    if actions:
        body.append("")
    for when, action in actions:
        body.append(f"sim.schedule({float(when)!r}, {source.of(action)})")
    head = [f'"""The network {network.name!r} as it was at time {time:g}."""', ""]
    imports = set(source.imports)
    if source.loads:
        imports |= {"importlib.util", "sys"}
    head += [f"import {module}" for module in sorted(imports)]
    if source.loads:
        head.append(_LOADER)
        roots = {name.split(".")[0]: path for name, path in source.loads.items()}
        head += [f"{name} = load_module({name!r}, {path!r})" for name, path in sorted(roots.items())]
    return "\n".join([*head, "", *body]) + "\n"


def _joined(items: list[str], indent: int) -> str:
    line = ", ".join(items)
    if len(line) + indent <= 90 and "\n" not in line:
        return line
    pad = " " * (indent + 4)
    return "\n" + "".join(f"{pad}{item},\n" for item in items) + " " * indent


def _is_known_by_name(value: param.Parameterized) -> bool:
    """Return True if a name has a meaning or was given; param generates class name and number for all others."""
    if isinstance(value, Sheet | Projection) or getattr(value, "time_dependent", False):
        return True
    generated = type(value).__name__
    return not (value.name.startswith(generated) and value.name[len(generated) :].isdigit())


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, param.Parameterized) and type(a) is type(b):
        return all(_equal(getattr(a, name), getattr(b, name)) for name in a.param if name != "name")
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return a is b
    return type(a) is type(b) and bool(a == b)
