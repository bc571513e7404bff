"""Preferred orientation, and tolerance for the place of a line: how complex a cell's responses are."""

import math
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.analysis import features as feature
from topo_exp.analysis.feature_maps import full_saturation, preferences, result_of
from topo_exp.analysis.features import Feature, Parameters, Stimulus
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.presentation import PREFERRING, Presentation, measurement
from topo_exp.analysis.result import Result
from topo_exp.engine.patterns import Line
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from xarray import DataArray, Dataset

    from topo_exp.engine.simulation import Simulation

MIDDLE = 0.75
"""Share of a sheet's width over which lines are shown; nearer to the edge they meet fewer cells."""


@measurement(*PREFERRING, scale=1.0)
def line_map(
    sim: "Simulation",
    shown: Presentation,
    *,
    orientations: int = 16,
    positions: int = 25,
    thickness: float = 0.01,
    smoothing: float = 0.0125,
) -> Result:
    """Measure orientation preference, and tolerance for position, with single lines.

    A simple cell answers a line of its orientation at one place, a complex cell at many. With r_p the responses to a
    line at the positions p, at the orientation with the largest response, position tolerance is the fraction of
    positions with r_p >= max_q r_q / 2.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`.
        orientations: Their number, evenly spread over [0, pi).
        positions: Number of places of each line, evenly spread at right angles to it, over the middle three quarters
            of the narrowest measured sheet; at least 2.
        thickness: Of the lines, in sheet coordinates.
        smoothing: Standard deviation of their edges.

    Returns:
        Result; maps of orientation as in `orientation_map`, `position_preference` (sheet units from the middle, at
        right angles to the line), `position_selectivity`, and `position_tolerance` in [0, 1], NaN for a unit without
        any response above 0.

    Raises:
        ParameterError: Fewer than 2 positions.

    References:
        Hubel, D. H. & Wiesel, T. N. (1962), J Physiol 160:106-154, doi:10.1113/jphysiol.1962.sp006837: complex cells.
    """
    if positions < 2:
        raise ParameterError(f"line_map.positions: must be at least 2 (got {positions}). 25 is the default.")
    reach = MIDDLE / 2 * min(_width(sim, name) for name in shown.sheets(sim))
    places = Feature.spanning("position", -reach, reach, steps=positions, unit="sheet units", modify=_across)
    stimulus = Stimulus(Line, {"thickness": thickness, "smoothing": smoothing, "scale": shown.scale})
    found = {}
    for name, responses in shown.responses(sim, [feature.orientation(orientations), places], stimulus).items():
        maps = preferences(
            responses, method=shown.method, selectivity_multiplier=shown.selectivity_multiplier, units=shown.units
        )
        found[name] = maps.assign(position_tolerance=_described(responses))
    return result_of(found, metrics=_metrics, figures=lambda sheet, maps: _figures(sheet, maps, float(sim.time)))


def position_tolerance(responses: FloatArray) -> FloatArray:
    """Return the fraction of positions at which a unit answers its best orientation with half its maximum or more.

    Args:
        responses: (orientations, positions, ...), to a line of each orientation at each position.

    Returns:
        (...), between 1 / positions and 1; NaN for a unit without a response above 0, or with one that is NaN.
    """
    best = responses.max(axis=1).argmax(axis=0)
    tuning = np.take_along_axis(responses, best[None, None], axis=0)[0]
    largest = tuning.max(axis=0)
    fraction = (tuning >= largest / 2).mean(axis=0)
    return np.where(largest > 0, fraction, np.nan)


def _across(parameters: Parameters, value: float, sheet: str) -> Parameters:
    """Move a line by `value` at right angles to its orientation."""
    del sheet
    angle = parameters.get("orientation", 0.0) + math.pi / 2
    return {**parameters, "x": value * math.cos(angle), "y": value * math.sin(angle)}


def _width(sim: "Simulation", name: str) -> float:
    left, bottom, right, top = sim[name].bounds.lbrt()
    return float(min(right - left, top - bottom))


def _described(responses: "DataArray") -> "tuple[tuple[str, str], FloatArray, dict[str, str]]":
    attributes = {"long_name": "fraction of positions with half the largest response or more", "units": "1"}
    return ("y", "x"), position_tolerance(np.asarray(responses.values, dtype=float)), attributes


def _metrics(sheet: str, maps: "Dataset") -> dict[str, float]:
    del sheet
    names = {"lines_orientation_selectivity_mean": "orientation_selectivity"}
    names |= {"position_tolerance_mean": "position_tolerance"}
    return {metric: float(maps[name].mean()) for metric, name in names.items()}


def _figures(sheet: str, maps: "Dataset", time: float) -> "dict[str, Callable[[], Any]]":
    grid = maps["x"].values, maps["y"].values
    selectivity = maps["orientation_selectivity"].values
    return {
        "lines_orientation": picture(
            "orientation",
            maps["orientation_preference"].values,
            selectivity,
            *grid,
            title=f"{sheet}: orientation of lines, t = {time:g}",
            full_saturation=full_saturation(selectivity, maps.attrs),
        ),
        "position_tolerance": picture(
            "feature_map",
            maps["position_tolerance"].values,
            *grid,
            title=f"{sheet}: position tolerance, t = {time:g}",
            label="fraction of positions",
            units="",
            cyclic_range=None,
            limits=(0.0, 1.0),
        ),
    }
