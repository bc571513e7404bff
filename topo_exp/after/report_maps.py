"""The maps behind the pictures of many runs, in one byte for each unit, from which a page computes differences."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.errors import RecordError
from topo_exp.record.handle import RunHandle
from topo_exp.typing import Data, FloatArray

if TYPE_CHECKING:
    import xarray as xr

LEVELS = 255
"""Values of a byte that stand for numbers; the last one, 255, stands for a unit without a value."""
BUDGET = 3_000_000
"""Bytes of all maps of a page, before Base64."""


@dataclass(frozen=True)
class StoredMap:
    """A map of one run at one time.

    Attributes:
        values: In `unit`, (rows, columns).
        unit: Of the values; degrees instead of radians.
        period: Of a cyclic feature; None for any other.
    """

    values: FloatArray
    unit: str
    period: float | None


def find_map(datasets: Mapping[str, xr.Dataset], picture: str) -> tuple[str, str] | None:
    """Find the measured map that a picture shows.

    Args:
        datasets: The maps of one time, by name of the analysis.
        picture: Name of the picture, `<Sheet>/<map>`; `<Sheet>/<feature>` shows `<feature>_preference` and more. Where
            maps have an attribute `label`, it stands before the name of the map.

    Returns:
        Name of the analysis and of the map; None if the picture shows no map of a sheet, or several.

    Raises:
        RecordError: A file is damaged.
    """
    sheet, slash, name = picture.partition("/")
    for wanted in (name, f"{name}_preference") if slash else ():
        for analysis in datasets:
            dataset = datasets[analysis]
            label = str(dataset.attrs.get("label", ""))
            if not wanted.startswith(label):
                continue
            short = wanted.removeprefix(label)
            for variable, is_named in ((f"{sheet}_{short}", True), (short, dataset.attrs.get("sheet") == sheet)):
                found = dataset.get(variable) if is_named else None
                if found is not None and found.ndim == 2 and found.dtype.kind in "fiu":
                    return analysis, variable
    return None


def stored_map(found: xr.DataArray) -> StoredMap:
    """Return a measured map with unit and period, in degrees instead of radians."""
    values, unit = np.asarray(found.values, dtype=float), str(found.attrs.get("units", ""))
    period = float(found.attrs["period"]) if "period" in found.attrs else None
    if unit == "rad":
        values, unit, period = np.degrees(values), "°", None if period is None else math.degrees(period)
    return StoredMap(values, unit, period if period and math.isfinite(period) else None)


def maps_of_runs(
    runs: Iterable[tuple[int, RunHandle]],
    pictures: Iterable[str],
    times: list[float],
    *,
    budget: int = BUDGET,
    note: Callable[[str], object],
) -> dict[str, Data]:
    """Encode the maps behind the pictures of all runs.

    Args:
        runs: Number and handle of each run that has maps.
        pictures: Their names.
        times: All times of the page.
        budget: Largest sum of the sizes, in bytes; larger maps are thinned, every second or third unit.
        note: Receives a text for each run whose maps are damaged.

    Returns:
        By name of the picture: `unit`, `period` (None if not cyclic), `low`, `high` (values of the bytes 0 and 255, or
        254 for a map that is not cyclic), and `runs`: number of the run -> place of the time -> rows, columns, bytes in
        Base64.
    """
    names, search = list(pictures), MapSearch()
    found: dict[str, dict[tuple[int, int], StoredMap]] = {name: {} for name in names}
    for number, run in runs:
        try:
            for name, place, stored in _maps_of(run, names, times, search):
                found[name][number, place] = stored
        except RecordError as error:
            note(f"{run.directory.name}: its maps cannot be compared ({error})")
    total = sum(each.values.size for maps in found.values() for each in maps.values())
    stride = max(1, math.ceil(math.sqrt(total / budget)))
    return {name: _described(maps, stride) for name, maps in found.items() if maps}


class MapSearch:
    """Find the maps behind pictures in one run after another, without opening all files of each.

    A map is first looked for where an earlier run has it. A picture without a map in an earlier run of the same model
    and analyses has none in a later one, which saves opening the largest files.
    """

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, str]] = {}
        self._without: set[tuple[object, ...]] = set()

    def find(
        self, datasets: Mapping[str, xr.Dataset], picture: str, *, model: str, is_drawn: bool
    ) -> tuple[str, str] | None:
        """Return name of the analysis and of the map, as `find_map` does.

        Args:
            datasets: The maps of one time, by name of the analysis.
            picture: Name of the picture.
            model: Of the run.
            is_drawn: Whether the run has this picture.
        """
        analysis, variable = self._places.get(picture, ("", ""))
        if analysis in datasets and variable in datasets[analysis]:
            return analysis, variable
        kind = (picture, model, tuple(datasets), is_drawn)
        place = None if kind in self._without else find_map(datasets, picture)
        if place is None:
            self._without.add(kind)
        else:
            self._places[picture] = place
        return place


def _maps_of(
    run: RunHandle, names: list[str], times: list[float], search: MapSearch
) -> Iterator[tuple[str, int, StoredMap]]:
    """Yield the maps of a run, each with the name of its picture and the place of its time."""
    reached = [time for time in times if time in run.times]
    if not reached:
        return
    last = run.maps_at(reached[-1])
    model, drawn = run.metadata["model"], set(run.figures)
    places = {
        name: place
        for name in names
        if (place := search.find(last, name, model=model, is_drawn=name in drawn)) is not None
    }
    for time in reached:
        datasets = run.maps_at(time)
        for name, (analysis, variable) in places.items():
            if analysis in datasets and variable in datasets[analysis]:
                yield name, times.index(time), stored_map(datasets[analysis][variable])


def _described(maps: Mapping[tuple[int, int], StoredMap], stride: int) -> Data:
    first = next(iter(maps.values()))
    maps = {key: each for key, each in maps.items() if (each.unit, each.period) == (first.unit, first.period)}
    finite = [each.values[np.isfinite(each.values)] for each in maps.values()]
    low = 0.0 if first.period else min((float(each.min()) for each in finite if each.size), default=0.0)
    high = first.period or max((float(each.max()) for each in finite if each.size), default=1.0)
    runs: dict[str, dict[str, Data]] = {}
    for (number, place), each in maps.items():
        codes = quantised(each.values[::stride, ::stride], low, high, cyclic=first.period is not None)
        entry: Data = [codes.shape[0], codes.shape[1], base64.b64encode(codes.tobytes()).decode()]
        runs.setdefault(str(number), {})[str(place)] = entry
    return {"unit": first.unit, "period": first.period, "low": low, "high": high, "runs": runs}


def quantised(
    values: FloatArray, low: float, high: float, *, cyclic: bool
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Write values as bytes.

    Args:
        values: Any shape; NaN for a unit without a value.
        low: Value of the byte 0.
        high: Value of the byte 254; of 255 if cyclic, where it is the same as `low` and is written as 0.
        cyclic: Whether `high` and `low` are one value.

    Returns:
        Bytes of the same shape; 255 for a unit without a value.
    """
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    codes = np.round(share * LEVELS) % LEVELS if cyclic else np.clip(np.round(share * (LEVELS - 1)), 0, LEVELS - 1)
    return np.where(np.isfinite(values), codes, LEVELS).astype(np.uint8)
