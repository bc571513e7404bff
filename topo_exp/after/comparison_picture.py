"""The picture of a comparison: maps of two runs, and the difference of each pair."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.after.arrays import cyclic_difference
from topo_exp.after.comparison import period_of
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.record.files import write_bytes
from topo_exp.record.handle import RunHandle

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from topo_exp.analysis.plots_differences import MapPair

MOST_MAPS = 6
"""Maps in one picture."""


def difference_figure(a: RunHandle, b: RunHandle, *, time: float | None = None) -> Figure:
    """Draw the cyclic maps of two runs at one time, and the difference of each, the shorter way round.

    Runs without cyclic maps are shown with their other maps, and the plain difference. Maps of sheets with other
    numbers of units are drawn at one scale, without a difference. At most `MOST_MAPS` are drawn, in order of name.

    Args:
        a: The first run.
        b: The second run.
        time: Of the maps; the last that both runs have if None.

    Returns:
        The figure.

    Raises:
        UnknownNameError: One of the runs has no maps at that time.
        ConfigError: They have no map of one name.
    """
    from topo_exp.analysis.plots_differences import map_differences

    common = sorted({*a.times} & {*b.times})
    wanted = max(common, default=None) if time is None else time
    if wanted is None or wanted not in common:
        known = nearest(f"{time:g}", [f"{each:g}" for each in common]) if common and time is not None else ""
        raise UnknownNameError(f"time: must be an analysis time of both runs (got {time}). {known}".rstrip())
    pairs = list(_pairs(a, b, wanted))
    cyclic = [pair for pair in pairs if pair.period is not None]
    if not pairs:
        raise ConfigError(f"-o: needs a map of the same name in both runs at time {wanted:g} (got none). Leave it out.")
    with FigureStyle(dpi=300).use():
        figure: Figure = map_differences(
            (cyclic or pairs)[:MOST_MAPS], title=f"t = {wanted:g}", names=(a.directory.name, b.directory.name)
        )
    return figure


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the suffix of the path names.

    Raises:
        RecordError: The file cannot be written.
    """
    from topo_exp.analysis.plots_style import render

    write_bytes(path, render(figure, path.suffix.lstrip("."), title=path.stem))


def _pairs(a: RunHandle, b: RunHandle, time: float) -> Iterator[MapPair]:
    one, two = a.maps_at(time), b.maps_at(time)
    for analysis in sorted({*one} & {*two}):
        for name in map(str, one[analysis].data_vars):
            if name in two[analysis] and (pair := _pair(name, one[analysis][name], two[analysis][name])) is not None:
                yield pair


def _pair(name: str, one: xr.DataArray, two: xr.DataArray) -> MapPair | None:
    """Return two maps with their difference; None if they are no maps of sheets."""
    from topo_exp.analysis.plots_differences import MapPair

    if not _is_map(one) or not _is_map(two):
        return None
    first, second = (np.asarray(each.values, dtype=float) for each in (one, two))
    unit, period = str(one.attrs.get("units", "")), period_of(one.attrs)
    if unit == "rad":
        first, second, unit = np.degrees(first), np.degrees(second), "°"
        period = None if period is None else math.degrees(period)
    difference = None
    if first.shape == second.shape:
        difference = second - first if period is None else cyclic_difference(first, second, period)
    return MapPair(name, first, second, difference, _grid(one), _grid(two), unit, period)


def _is_map(found: xr.DataArray) -> bool:
    has_grid = all(str(dim) in found.coords for dim in found.dims)
    return found.ndim == 2 and found.dtype.kind in "fiu" and has_grid and min(found.shape) >= 2


def _grid(found: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the units of a map."""
    y, x = (np.asarray(found.coords[str(dim)].values, dtype=float) for dim in found.dims)
    return x, y
