"""Results are put where they belong, under names that are their own, or refused."""

import numpy as np
import pytest
import xarray as xr

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.result import Result
from topo_exp.errors import AnalysisError
from topo_exp.runner.results import ResultStore


@pytest.fixture
def store(tmp_path):
    """Return a store that draws every picture in two formats."""
    return ResultStore(tmp_path, figure_formats=("png", "pdf"), style=FigureStyle(dpi=99))


MAPS = xr.Dataset({"a": ("x", [1.0, 2.0])})


def test_metrics_become_rows_of_their_time(store):
    """Each metric is a row (time, name, value), in the order of the result."""
    found = store.rows("one", 5.0, Result({"b": 2.0, "a": 1.0}))
    assert found == [(5.0, "b", 2.0), (5.0, "a", 1.0)]


def test_maps_are_stored_with_their_analysis_and_time(store, tmp_path):
    """Maps are written as NetCDF under the name of the analysis, and the Dataset of the analysis is left as it was."""
    store.write_maps("one", 5.0, Result(maps=MAPS))
    store.write_maps("none", 5.0, Result())
    (path,) = (tmp_path / "maps").iterdir()
    assert path.name == "one_000005.00.nc"
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        xr.testing.assert_equal(stored.load(), MAPS)
        assert (stored.attrs["analysis"], stored.attrs["time"]) == ("one", 5.0)
    assert MAPS.attrs == {}


@pytest.mark.parametrize(
    "maps",
    [
        MAPS.assign_attrs(place=object()),
        MAPS.assign_attrs(places={"a": 1}),
        xr.Dataset({"a": ("x", np.array([object(), 1.0], dtype=object))}),
    ],
)
def test_maps_that_cannot_be_stored_are_an_error_of_their_analysis(store, maps):
    """What NetCDF cannot hold is refused by the name of the analysis, and not lost."""
    with pytest.raises(AnalysisError, match="one: maps must be storable as NetCDF") as caught:
        store.write_maps("one", 5.0, Result(maps=maps))
    assert isinstance(caught.value.__cause__, TypeError | ValueError)


def draw():
    """Stand for the function of a picture."""


def test_pictures_are_ordered_in_every_format(store, tmp_path):
    """An order names the figure, its function, its files, its source, and the style of the run."""
    (order,) = store.picture_orders("one", 5.0, Result(figures={"V1/map": draw}))
    assert (order.name, order.draw, order.source) == ("V1/map", draw, "one, time 5")
    assert [path.relative_to(tmp_path).as_posix() for path in order.paths] == [
        f"plots/000005.00_V1_map.{suffix}" for suffix in ("png", "pdf")
    ]
    assert order.style == FigureStyle(dpi=99)
    assert order.cell is not None
    assert order.cell.suffix == ".png"
    assert order.cell not in order.paths


def test_without_formats_nothing_is_ordered(tmp_path):
    """A run that draws no pictures orders none."""
    store = ResultStore(tmp_path, figure_formats=(), style=FigureStyle())
    assert store.picture_orders("one", 5.0, Result(figures={"V1/map": draw})) == []


CLAIMS = {
    "metric 'a'": lambda store, name, time: store.rows(name, time, Result({"a": 1.0})),
    "map file 'x_y_000005.00.nc'": lambda store, name, time: store.write_maps(
        "x_y" if name == "one" else "x/y", time, Result(maps=MAPS)
    ),
    "plot file '000005.00_V1_map'": lambda store, name, time: store.picture_orders(
        name, time, Result(figures={"V1/map" if name == "one" else "V1_map": draw})
    ),
}


@pytest.mark.parametrize("claimed", CLAIMS)
def test_a_name_belongs_to_one_analysis_at_a_time(store, claimed):
    """A metric or file that another analysis has at the same time is refused by both names, and only then."""
    claim = CLAIMS[claimed]
    claim(store, "one", 5.0)
    claim(store, "one", 5.0)
    claim(store, "two", 6.0)
    with pytest.raises(AnalysisError, match="must be its own") as caught:
        claim(store, "two", 5.0)
    assert claimed in str(caught.value)
    assert "at time 5)" in str(caught.value)
