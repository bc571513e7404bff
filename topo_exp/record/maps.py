"""Measured maps as NetCDF files, written whole and read when they are looked up."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.errors import RecordError
from topo_exp.record.checksums import read_checksums, require_unchanged
from topo_exp.record.files import write_bytes

if TYPE_CHECKING:
    import xarray as xr

OF_ONE_TIME = ("time", "simulation_time")
"""Attributes of maps that say when they were measured."""


def write_maps(path: Path, maps: xr.Dataset) -> None:
    """Write a Dataset as NetCDF.

    Args:
        path: File that is made or replaced.
        maps: The maps of one analysis at one time.

    Raises:
        TypeError, ValueError: NetCDF cannot store a value of the Dataset.
        RecordError: The file cannot be written.
    """
    # each variable in one chunk with a checksum, which HDF5 checks whenever it reads the variable; NaN is itself
    encoding: dict[Hashable, dict[str, object]] = {
        name: {"_FillValue": None, "fletcher32": True, "chunksizes": variable.shape}
        for name, variable in maps.variables.items()
        if variable.size and variable.ndim and variable.dtype.kind in "biufc"
    }
    # in memory: HDF5 crashes the process when a disk is full
    stored = bytes(maps.to_netcdf(engine="h5netcdf", encoding=encoding))
    write_bytes(path, stored)


class StoredMaps(Mapping[str, "xr.Dataset"]):
    """Give the Datasets of a run by name of the analysis, each read when it is first looked up.

    Args:
        directory: Of the run.
        time: Time of the maps; if None, the maps of all times are joined along a dimension `time`.
    """

    def __init__(self, directory: Path, time: float | None = None) -> None:
        self._time = time
        self._directory = directory
        self._checksums = read_checksums(directory)
        self._files: dict[str, dict[float, Path]] = {}
        for path in sorted((directory / "maps").glob("*_*.nc")):
            name, _, label = path.stem.rpartition("_")
            if time in (None, float(label)):
                self._files.setdefault(name, {})[float(label)] = path
        self._read: dict[str, xr.Dataset] = {}

    def __getitem__(self, name: str) -> xr.Dataset:
        files = self._files[name]
        if name not in self._read:
            self._read[name] = (
                _join({time: self._load(path) for time, path in files.items()})
                if self._time is None
                else self._load(files[self._time])
            )
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<maps of {', '.join(self._files) or 'nothing'}>"

    def _load(self, path: Path) -> xr.Dataset:
        """Read a file.

        Raises:
            RecordError: It is damaged.
        """
        import xarray as xr

        require_unchanged(path, self._directory, self._checksums)
        try:
            with xr.open_dataset(path, engine="h5netcdf") as stored:
                return stored.load()
        except Exception as error:  # HDF5's readers raise errors of many classes for a damaged file
            raise RecordError(f"{path}: must be a whole NetCDF file (got: {error}). It is damaged.") from error


def _join(datasets: Mapping[float, xr.Dataset]) -> xr.Dataset:
    import numpy as np
    import xarray as xr

    times = xr.DataArray(np.array(list(datasets), dtype=float), dims="time", name="time", attrs={"units": "iterations"})
    joined = xr.concat(
        list(datasets.values()),
        dim=times,
        join="outer",
        coords="minimal",
        compat="override",
        data_vars="all",
        combine_attrs="drop_conflicts",  # an attribute that differs between times does not describe all of them
    )
    for name in OF_ONE_TIME:
        joined.attrs.pop(name, None)
    return joined


def without_time(maps: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Return maps of one time as the analyses measured them, without the attributes that recording adds."""
    found = {}
    for name, stored in maps.items():
        found[name] = stored.copy()
        for attribute in ("analysis", "time"):
            found[name].attrs.pop(attribute, None)
    return found
