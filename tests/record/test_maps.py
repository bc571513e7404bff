"""Maps of a run: joined over time, read once, and with nothing added or lost."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from topo_exp.record.layout import map_path
from topo_exp.record.maps import StoredMaps, without_time, write_maps


def measured(size: int, value: float, **attributes: object) -> xr.Dataset:
    """Return maps of one time, with a NaN, a whole number, a text, and no value at all."""
    values = np.full((size, 2), value, dtype=np.float32)
    values[0, 0] = np.nan
    return xr.Dataset(
        {"a": (("y", "x"), values), "n": size, "empty": ("none", np.empty(0)), "units": ("x", ["one", "two"])},
        coords={"y": np.arange(size) / 10},
        attrs={"sheet": "V1", **attributes},
    )


def test_maps_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Values, types, coordinates and attributes come back, NaN and empty arrays too."""
    maps = measured(3, 0.1, time=2.0)
    write_maps(map_path(tmp_path, "name_with_bars", 2.0), maps)
    stored = StoredMaps(tmp_path, 2.0)
    assert list(stored) == ["name_with_bars"]
    back = stored["name_with_bars"]
    xr.testing.assert_identical(back, maps)
    assert back["a"].dtype == np.float32
    assert "_FillValue" not in back["a"].encoding


def test_maps_are_joined_over_time(tmp_path: Path) -> None:
    """The times are in order with their unit; where a time has fewer coordinates, its values are NaN."""
    for time, size in ((10.0, 3), (2.0, 2)):
        write_maps(map_path(tmp_path, "a", time), measured(size, time, time=time, simulation_time=time))
    joined = StoredMaps(tmp_path)["a"]
    assert joined["time"].values.tolist() == [2.0, 10.0]
    assert joined["time"].attrs == {"units": "iterations"}
    assert joined.attrs == {"sheet": "V1"}
    assert joined["a"].sel(x=1).values.tolist()[1] == [10.0, 10.0, 10.0]
    assert np.isnan(joined["a"].values).tolist() == [
        [[True, False], [False, False], [True, True]],
        [[True, False], [False, False], [False, False]],
    ]
    assert joined["n"].values.tolist() == [2, 3]


def test_maps_of_one_time_are_those_of_that_time_only(tmp_path: Path) -> None:
    """Another analysis or time is no key, and a file of another name is no map."""
    write_maps(map_path(tmp_path, "a", 1.0), measured(2, 1.0))
    write_maps(map_path(tmp_path, "b", 2.0), measured(2, 2.0))
    (tmp_path / "maps" / "notes.nc").touch()
    stored = StoredMaps(tmp_path, 1.0)
    assert (list(stored), len(stored), "a" in stored, "b" in stored) == (["a"], 1, True, False)
    assert list(StoredMaps(tmp_path)) == ["a", "b"]
    with pytest.raises(KeyError):
        stored["b"]
    assert repr(StoredMaps(tmp_path)) == "<maps of a, b>"
    assert repr(StoredMaps(tmp_path / "elsewhere")) == "<maps of nothing>"


def test_maps_are_read_when_they_are_first_looked_up(tmp_path: Path) -> None:
    """Afterwards the file is not read again."""
    path = map_path(tmp_path, "a", 1.0)
    write_maps(path, measured(2, 1.0))
    stored = StoredMaps(tmp_path)
    first = stored["a"]
    path.unlink()
    assert stored["a"] is first


def test_what_recording_adds_can_be_taken_away(tmp_path: Path) -> None:
    """Analyses of maps get them as they were measured, and cannot change the stored ones."""
    stored = {"a": measured(2, 1.0, analysis="a", time=1.0)}
    (found,) = without_time(stored).values()
    xr.testing.assert_identical(found, measured(2, 1.0))
    assert stored["a"].attrs == {"sheet": "V1", "analysis": "a", "time": 1.0}
