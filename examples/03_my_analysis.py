"""How do I measure something of my own at every analysis time?

Write a function of the simulation that returns a Result, and name it beside the others:

    python -m topo_exp 'analysis=[default,examples/03_my_analysis.py:effective_connections]' 'times=[0,100,500]'
    python -m topo_exp 'analysis=[examples/03_my_analysis.py:spot_response]' 'analysis.spot_response.sizes=[0.1,0.3]'

Its keyword arguments are options on the command line, checked before the run starts. The simulation stands still
meanwhile: whatever the function does to it is undone.
"""

import functools
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from topo_exp import Result, Simulation
from topo_exp.engine.patterns import Disk


def effective_connections(sim: Simulation, *, sheet: str = "V1") -> Result:
    """Count the connections that matter to each unit: (Σ|w|)² / Σw² over all its incoming ones.

    It is their number where all are equally strong, and 1 where a single one has all the strength.
    """
    target = sim[sheet]
    fields = [projection.weights.reshape(target.activity.size, -1) for projection in target.projections.values()]
    weights = np.abs(np.concatenate(fields, axis=1))
    effective = (weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)).reshape(target.shape)
    return Result(
        metrics={f"{sheet}/effective_connections": float(effective.mean())},
        maps=xr.Dataset(
            {"effective_connections": (("y", "x"), effective)}, coords={"y": ("y", target.y), "x": ("x", target.x)}
        ),
        figures={f"{sheet}/effective_connections": functools.partial(draw, effective, time=sim.time)},
    )


def spot_response(sim: Simulation, *, sizes: Sequence[float] = (0.1, 0.2, 0.4), eye: str = "Retina") -> Result:
    """Show spots of several sizes at the centre of the retina, and tell how strongly each sheet responds."""
    responses = sim.respond({eye: [Disk(size=size) for size in sizes]}, duration=1.0)
    return Result(
        metrics={
            f"{sheet}/response_to_spot_{size:g}": float(response.max())
            for sheet in responses
            if sheet != eye
            for size, response in zip(sizes, responses[sheet], strict=True)
        }
    )


def draw(values: np.ndarray, *, time: float) -> Figure:
    """Draw one value per unit. Pictures are drawn beside the run, so this takes arrays and no simulation."""
    figure = Figure(figsize=(3, 2.6), layout="constrained")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(values, cmap="viridis"), ax=axes, label="effective connections")
    axes.set(title=f"time {time:g}", xticks=[], yticks=[])
    return figure
