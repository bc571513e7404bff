"""Maps over time, compared."""

import numpy as np
import pytest
import xarray as xr

from topo_exp.analysis.over_time import development
from topo_exp.errors import AnalysisError


def maps_over_time(*preferences, prefix=""):
    values = np.stack([np.full((4, 5), p) for p in preferences])
    dims = ("time", f"{prefix}y", f"{prefix}x")
    return xr.Dataset(
        {
            f"{prefix}orientation_preference": (dims, values, {"period": np.pi}),
            f"{prefix}orientation_selectivity": (dims, np.full_like(values, 0.4)),
        },
        coords={
            "time": np.arange(len(preferences)) * 100.0,
            f"{prefix}y": np.arange(4.0)[::-1],
            f"{prefix}x": np.arange(5.0),
        },
        attrs={} if prefix else {"sheet": "V1"},
    )


def test_similarity_to_final_and_previous():
    """A map turned by pi/4 everywhere is uncorrelated (0), by pi/2 opposite (-1), the final one is itself (1)."""
    found = development(maps_over_time(np.pi / 2, np.pi / 4, 0.0))
    assert list(found) == [0.0, 100.0, 200.0]
    assert [r.metrics["V1/similarity_to_final"] for r in found.values()] == pytest.approx([-1, 0, 1])
    previous = [r.metrics["V1/similarity_to_previous"] for r in found.values()]
    assert np.isnan(previous[0])
    assert previous[1:] == pytest.approx([0, 0])


def test_pictures_stand_at_the_last_time():
    """The strip of maps and the curve of similarity belong to the last time, and can be drawn."""
    found = development(maps_over_time(0.3, 0.2, 0.1))
    assert not found[0.0].figures
    assert set(found[200.0].figures) == {"V1/development", "V1/stability"}
    for draw in found[200.0].figures.values():
        assert draw().axes


def test_several_sheets_are_told_apart():
    """Each sheet's map is compared with its own."""
    both = xr.merge([maps_over_time(0.1, 0.1, prefix="V1_"), maps_over_time(np.pi / 2, 0.0, prefix="V2_")])
    found = development(both)[0.0].metrics
    assert found["V1/similarity_to_final"] == pytest.approx(1)
    assert found["V2/similarity_to_final"] == pytest.approx(-1)


def test_maps_without_time_are_refused():
    """One map alone, or none of that name, says nothing about development."""
    with pytest.raises(AnalysisError, match="over time"):
        development(maps_over_time(0.1).isel(time=0))
