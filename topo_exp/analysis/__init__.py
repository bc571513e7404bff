"""Measurements on a frozen simulation, and the numbers and pictures made from them.

Every name below is found when first used, so that importing this package loads neither scipy, xarray nor matplotlib:
`topo_exp.analysis.orientation_map(sim)`, `topo_exp.analysis.Result`.
"""

from importlib import import_module
from typing import Any

from topo_exp.errors import nearest

_WHERE = {
    "Result": "result",
    "orientation_map": "maps",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}. {nearest(name, _WHERE)}")


def __dir__() -> list[str]:
    return sorted([*_WHERE, *(name for name in globals() if name.startswith("__"))])
