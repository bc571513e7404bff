"""The maps of many runs as one Dataset over what varies, of which only the parts that are used are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.after.collate import collate, ordered
from topo_exp.errors import ConfigError, MissingDependencyError, UnknownNameError, nearest
from topo_exp.record.handle import RunHandle

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from topo_exp.typing import FloatArray


def collate_maps(
    paths: Iterable[Path | str] | Path | str, *, analysis: str | None = None, query: str | None = None
) -> xr.Dataset:
    """Return the maps of one analysis in many runs, over the settings that vary and time.

        maps = topo_exp.collate_maps("Output/202611221137_gcal_sweep,contrast", analysis="orientation.V1")
        maps.orientation_preference.sel(contrast=20, time=1000).plot()

    Nothing is read before it is used, and one run and time at a time: dask arrays, with one chunk for each.

    Args:
        paths: Directories of runs or sweeps, or directories above some.
        analysis: Name of the maps, as `run.maps` lists them; None if the runs have one kind only.
        query: Which runs and times, as for `collate`.

    Returns:
        A Dataset with a dimension for each setting that varies, with its values in ascending order, then `time`
        (iterations) and the dimensions of the maps. NaN where a run is missing or has not reached a time. Maps without
        missing values, such as those of whole numbers, are stored as floating-point numbers.

    Raises:
        MissingDependencyError: dask is not installed.
        UnknownNameError: There are no such maps.
        ConfigError: The maps differ in shape, or two runs have the same settings: choose with `query`.
        RecordError: A file is damaged; raised when it is read.
    """
    try:
        import dask.array
    except ImportError as error:
        raise MissingDependencyError(
            "collate_maps: must find dask (got none). Install it: pip install 'topo-exp[dask]'."
        ) from error
    import xarray as xr

    table = collate(paths, query=query, imported=False)
    table = table[table["time"].notna()]
    names = [name for name in table.attrs["varying"] if name != "times" and table[name].nunique(dropna=False) > 1]
    values = {name: ordered(table[name]) for name in names}
    values["time"] = sorted(table["time"].unique())
    places = _places(table, names)
    chosen, (first, at) = _chosen_analysis(places, analysis)
    like = RunHandle(first).maps_at(at)[chosen]

    def variable(name: str) -> xr.DataArray:
        one = like[name]
        blocks = {
            key: dask.array.from_delayed(
                dask.delayed(_read)(place, time, chosen, name, one.shape), shape=one.shape, dtype=float
            )
            for key, (place, time) in places.items()
        }
        empty = dask.array.full(one.shape, float("nan"))
        return xr.DataArray(
            _stacked(blocks, list(values.values()), (), empty), dims=(*values, *one.dims), attrs=one.attrs
        )

    kept = [str(name) for name, each in like.data_vars.items() if each.dtype.kind in "biuf"]
    dataset = xr.Dataset({name: variable(name) for name in kept}, coords={**like.coords, **values})
    dataset.attrs = {"analysis": chosen, "notes": table.attrs["notes"]}
    dataset["time"].attrs["units"] = "iterations"
    return dataset


def _places(table: pd.DataFrame, names: Sequence[str]) -> dict[tuple[object, ...], tuple[Path, float]]:
    """Return directory and time for each combination of settings and time.

    Raises:
        UnknownNameError: There is none.
        ConfigError: Two runs have the same settings.
    """
    places: dict[tuple[object, ...], tuple[Path, float]] = {}
    for row in table[[*names, "time", "directory"]].itertuples(index=False, name=None):
        key, directory = row[:-1], Path(row[-1])
        earlier = places.setdefault(key, (directory, row[-2]))
        if earlier[0] != directory:
            raise ConfigError(
                f"collate_maps: runs must differ in their settings (got {earlier[0].name} and {directory.name}, which "
                "do not). Give the path of one sweep, or choose with query."
            )
    if not places:
        raise UnknownNameError("collate_maps: must find an analysis time of some run (got none). Correct the query.")
    return places


def _chosen_analysis(
    places: Mapping[tuple[object, ...], tuple[Path, float]], analysis: str | None
) -> tuple[str, tuple[Path, float]]:
    """Return the name of the maps, and the first run and time that has them.

    Raises:
        UnknownNameError: No run has them, or the name is needed.
    """
    known: set[str] = set()
    for place, time in places.values():
        found = RunHandle(place).maps_at(time)
        if analysis in found or (analysis is None and len(found) == 1):
            return analysis or next(iter(found)), (place, time)
        known |= set(found)
    if analysis is None:
        raise UnknownNameError(f"analysis: must be given (got none). Known are: {', '.join(sorted(known)) or 'none'}.")
    raise UnknownNameError(
        f"analysis: must be the name of maps (got {analysis!r}). " + (nearest(analysis, known) if known else "")
    )


def _read(place: Path, time: float, analysis: str, name: str, shape: tuple[int, ...]) -> FloatArray:
    """Read one map; NaN if the run has none at this time.

    Raises:
        ConfigError: It has another shape.
    """
    import numpy as np

    maps = RunHandle(place).maps_at(time)
    if analysis not in maps:
        return np.full(shape, np.nan)
    values = np.asarray(maps[analysis][name].values, dtype=float)
    if values.shape != shape:
        raise ConfigError(
            f"collate_maps: maps must have one shape (got {values.shape} in {place.name}, and {shape}). Choose runs of "
            "one size with query."
        )
    return values


def _stacked(
    blocks: Mapping[tuple[object, ...], object],
    values: Sequence[Sequence[object]],
    key: tuple[object, ...],
    empty: object,
) -> object:
    """Stack the blocks along all combinations of values, the last changing fastest."""
    import dask.array

    if len(key) == len(values):
        return blocks.get(key, empty)
    return dask.array.stack([_stacked(blocks, values, (*key, value), empty) for value in values[len(key)]])
