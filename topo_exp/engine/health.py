"""Checks of a running network: numbers that are not finite, activity that carries no information."""

import numpy as np

from topo_exp.engine.network import Network
from topo_exp.errors import NumericalError
from topo_exp.typing import FloatArray


def require_finite(network: Network, time: float) -> None:
    """Raise NumericalError unless all activities and weights are finite numbers.

    Args:
        network: The network.
        time: The time reached, for the message.
    """
    for sheet in network.sheets.values():
        _require_finite(f"{sheet.name}.activity", sheet.activity, time)
    for projection in network.projections:
        _require_finite(f"{projection.path}.weights", projection.weights, time)


def _require_finite(where: str, values: FloatArray, time: float) -> None:
    if not np.isfinite(values.sum()):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise NumericalError(
                f"{where}: must be finite numbers (got {bad} of {values.size} that are not, at time {time:g})."
                " Lower strengths or learning rates."
            )


def diagnoses(network: Network) -> dict[str, str]:
    """Return a warning by sheet for silent and saturated activity."""
    found = {}
    for sheet in network.cortical:
        activity = sheet.activity
        if not activity.any():
            found[sheet.name] = "silent: no unit is active"
        elif activity.min() == activity.max() or np.mean(activity == activity.max()) > 0.5:
            found[sheet.name] = f"saturated: most units have the same activity {activity.max():g}"
    return found
