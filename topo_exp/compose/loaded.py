"""Load everything that a run needs when this module is imported, and compile the kernels if they are in no cache.

Only the process from which the runs of a sweep are forked imports it, so that each run starts with all of it in memory.
"""

import signal

import h5netcdf
import xarray

import topo_exp.compose.points
import topo_exp.runner.run
import topo_exp.sweeps.worker
from topo_exp.engine.compiled.cache import kernels
from topo_exp.engine.simulation import Simulation
from topo_exp.runner.describe import installed_versions, package_checksums
from topo_exp.runner.provenance import installed_packages

for read_once in (kernels, installed_packages, installed_versions, package_checksums):
    read_once()

# A batch system sends SIGTERM to all processes of a job. This one must outlive the runs that it has forked, to report
# their ends; it ends with the process that started it. `worker.work` undoes this in each run.
signal.signal(signal.SIGTERM, signal.SIG_IGN)

__all__ = ["Simulation", "h5netcdf", "kernels", "topo_exp", "xarray"]
