"""The network of a recording that is no model of the package."""

from topo_exp.engine.cortex import NeighborhoodMask
from topo_exp.engine.simulation import Simulation
from topo_exp.models.lissom_or import LissomOr


def lissom_or_with_mask(*, cortex_density: float = 24.0) -> Simulation:
    """Return lissom_or whose V1 settles only in the neighbourhood of active units, as in one recording."""
    sim = LissomOr(cortex_density=cortex_density).build()
    sim["V1"].mask_fn = NeighborhoodMask(radius=0.05)
    return sim
