"""How do I add my own measurement at every analysis time?

Write a function of the simulation that returns a Result, and add it to the list of analyses:

    python -m topo_exp 'analysis=[default,examples/03_my_analysis.py:effective_connections]' 'times=[0,100,500]'
    python -m topo_exp 'analysis=[examples/03_my_analysis.py:spot_response]' 'analysis.spot_response.sizes=[0.1,0.3]'

Its keyword arguments are options on the command line, checked before the run starts. The simulation is frozen during
the call: its state is restored afterwards.
"""

import functools
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from topo_exp import Result, Simulation
from topo_exp.engine.patterns import Disk


def effective_connections(sim: Simulation, *, sheet: str = "V1") -> Result:
    """Compute the effective number of connections of each unit, (Σ|w|)² / Σw² over all incoming weights w.

    It equals the number of connections if all are equally strong, and 1 if a single one has all the strength.

    Args:
        sim: The frozen simulation.
        sheet: The sheet that is measured.

    Returns:
        The mean as a metric, the map, and a picture of it.
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
    """Present spots of several sizes at the centre of the retina, and measure the maximal response of each sheet.

    Args:
        sim: The frozen simulation.
        sizes: Diameters of the spots, in sheet coordinates.
        eye: Name of the input sheet.

    Returns:
        One metric for each sheet and size.
    """
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
    """Draw one value per unit.

    Pictures are drawn in another process while the run continues, so the function takes arrays, not the simulation.

    Args:
        values: One value for each unit, (rows, columns).
        time: Time of the measurement, in iterations.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(3, 2.6), layout="constrained")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(values, cmap="viridis"), ax=axes, label="effective connections")
    axes.set(title=f"time {time:g}", xticks=[], yticks=[])
    return figure
