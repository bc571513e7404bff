"""Developmental simulations of cortical topographic maps, run in batches and recorded whole.

    sim = topo_exp.build("tiny", cortex_density=3)             a network
    sim.run(until=100)                                         developed for 100 iterations
    run = topo_exp.run("tiny", times=[0, 100], tag="first")    the same as a recorded run
    run = topo_exp.load_run("Output/202611221137_tiny")        a recorded run
    sweep = topo_exp.sweep("tiny", cortex_density=[3, 4])      many runs, checked; sweep.run() carries them out
    search = topo_exp.search("tiny", metric=..., ...)          runs with settings that are proposed one after another

Each public name is imported when it is first used, so that importing this package loads no large library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from topo_exp.about import VERSION
from topo_exp.errors import TopoExpError, nearest

if TYPE_CHECKING:
    from topo_exp import analysis
    from topo_exp.after.collate import collate
    from topo_exp.after.collate_maps import collate_maps
    from topo_exp.after.comparison import compare
    from topo_exp.after.figures import plot_sweep
    from topo_exp.after.map_figures import plot_maps
    from topo_exp.analysis.result import Result
    from topo_exp.compose.interface import build, run
    from topo_exp.compose.sweeping import load_sweep, search, sweep
    from topo_exp.engine.simulation import Simulation
    from topo_exp.record.handle import RunHandle, load_run
    from topo_exp.sweeps.space import Sweep

__all__ = [
    "Result",
    "RunHandle",
    "Simulation",
    "Sweep",
    "TopoExpError",
    "analysis",
    "build",
    "collate",
    "collate_maps",
    "compare",
    "load_run",
    "load_sweep",
    "plot_maps",
    "plot_sweep",
    "run",
    "search",
    "sweep",
]
__version__ = VERSION

_WHERE = {
    "Result": "topo_exp.analysis.result",
    "RunHandle": "topo_exp.record.handle",
    "Simulation": "topo_exp.engine.simulation",
    "Sweep": "topo_exp.sweeps.space",
    "build": "topo_exp.compose.interface",
    "collate": "topo_exp.after.collate",
    "collate_maps": "topo_exp.after.collate_maps",
    "compare": "topo_exp.after.comparison",
    "load_run": "topo_exp.record.handle",
    "load_sweep": "topo_exp.compose.sweeping",
    "plot_maps": "topo_exp.after.map_figures",
    "plot_sweep": "topo_exp.after.figures",
    "run": "topo_exp.compose.interface",
    "search": "topo_exp.compose.sweeping",
    "sweep": "topo_exp.compose.sweeping",
}


def __getattr__(name: str) -> Any:
    if name == "analysis":
        return import_module("topo_exp.analysis")
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}. {nearest(name, __all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
