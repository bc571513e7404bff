"""Maps over time, compared."""

import numpy as np
import pytest
import xarray as xr

from topo_exp.analysis.over_time import development
from topo_exp.errors import AnalysisError


def maps_over_time(*preferences, prefix="", maximum=1.0, **attributes):
    """Return the record of an orientation map over time: maps of one orientation each, of responding units."""
    values = np.stack([np.full((4, 5), p) for p in preferences])
    dims = ("time", f"{prefix}y", f"{prefix}x")
    return xr.Dataset(
        {
            f"{prefix}orientation_preference": (dims, values, {"period": np.pi}),
            f"{prefix}orientation_selectivity": (dims, np.full_like(values, 0.4)),
            f"{prefix}response_maximum": (dims, np.broadcast_to(maximum, values.shape).copy()),
        },
        coords={
            "time": np.arange(len(preferences)) * 100.0,
            f"{prefix}y": np.arange(4.0)[::-1],
            f"{prefix}x": np.arange(5.0),
        },
        attrs={**({} if prefix else {"sheet": "V1"}), **attributes},
    )


def test_similarity_to_final_and_previous():
    """A map turned by pi/4 everywhere is uncorrelated (0), by pi/2 opposite (-1), the final one is itself (1)."""
    found = development({"orientation_map": maps_over_time(np.pi / 2, np.pi / 4, 0.0)})
    assert list(found) == [0.0, 100.0, 200.0]
    assert [r.metrics["V1/similarity_to_final"] for r in found.values()] == pytest.approx([-1, 0, 1])
    previous = [r.metrics["V1/similarity_to_previous"] for r in found.values()]
    assert np.isnan(previous[0])
    assert previous[1:] == pytest.approx([0, 0])


def test_pictures_stand_at_the_last_time():
    """The strip of maps and the curve of similarity belong to the last time, and can be drawn."""
    found = development({"orientation_map": maps_over_time(0.3, 0.2, 0.1)})
    assert not found[0.0].figures
    assert set(found[200.0].figures) == {"V1/development", "V1/stability"}
    for draw in found[200.0].figures.values():
        assert draw().axes


def test_units_that_never_answer_say_nothing():
    """Their preference is a number without meaning, which makes no map similar to another."""
    silent = np.ones((3, 4, 5))
    silent[0, :2] = 0
    maps = maps_over_time(0.0, 0.0, 0.0, maximum=silent)
    maps["orientation_preference"][0, :2] = np.pi / 2
    found = development({"orientation_map": maps})
    assert found[0.0].metrics["V1/similarity_to_final"] == pytest.approx(1)
    wholly = development({"orientation_map": maps_over_time(0.0, 0.0, maximum=0.0)})
    assert np.isnan(wholly[0.0].metrics["V1/similarity_to_final"])


def test_several_sheets_are_told_apart():
    """Each sheet's map is compared with its own."""
    both = xr.merge([maps_over_time(0.1, 0.1, prefix="V1_"), maps_over_time(np.pi / 2, 0.0, prefix="V2_")])
    found = development({"orientation_map": both})[0.0].metrics
    assert found["V1/similarity_to_final"] == pytest.approx(1)
    assert found["V2/similarity_to_final"] == pytest.approx(-1)


def test_another_map_is_compared_under_a_name_of_its_own():
    """`of` chooses the map and `label` the names; a map before settling is drawn in the colours of its selectivity."""
    maps = {"afferent_map": maps_over_time(0.1, 0.2, afferent_only=1)}
    found = development(maps, of="afferent_map", label="afferent_")
    assert list(found[0.0].metrics) == ["V1/afferent_similarity_to_final", "V1/afferent_similarity_to_previous"]
    strip = found[100.0].figures["V1/afferent_development"]
    assert strip.keywords["full_saturation"] == pytest.approx(0.2)


@pytest.mark.parametrize("maps", [{}, {"orientation_map": maps_over_time(0.1)}], ids=["none", "one time"])
def test_where_nothing_develops_nothing_is_found(maps):
    """A model without an orientation map, and a run of a single time, give an empty answer."""
    assert development(maps) == {}


def test_maps_of_something_else_are_refused():
    """An analysis that has made maps, but not of this feature, is refused as a mistake."""
    with pytest.raises(AnalysisError, match="'direction_preference' over time from 'orientation_map'"):
        development({"orientation_map": maps_over_time(0.1, 0.2)}, feature="direction")
