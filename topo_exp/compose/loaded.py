"""Load everything that a run needs when this module is imported, and compile the kernels if they are in no cache.

Only the process from which the runs of a sweep are forked imports it, so that each run starts with all of it in memory.
"""

import topo_exp.compose.points
import topo_exp.runner.run
import topo_exp.sweeps.worker
from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.simulation import Simulation

kernels()

__all__ = ["Simulation", "kernels", "topo_exp"]
