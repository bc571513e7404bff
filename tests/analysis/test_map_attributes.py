"""Every recorded map can be read without this package: its units and coordinates stand beside the values."""

import re

import numpy as np
import pytest

from tests.analysis.test_catalogue import RECORDED, recorded
from tests.analysis.test_fields import small_network
from topo_exp.analysis.fields import connection_fields
from topo_exp.analysis.responses import sheet_coordinates

UNITS = {
    r"\w*selectivity|suppression_index|local_homogeneity|position_tolerance": "1",
    r"spectrum_\w+|pinwheel|pinwheel_sign|luminance|\w+Weights|LGNOn-Off": "1",
    r"(orientation|phase|direction|disparity)_preference|preference|half_width": "rad",
    r"orientation|offset": "rad",
    r"position(_x|_y)?_preference|preferred_size|size": "sheet units",
    r"frequency_preference|preferred_frequency|frequency": "cycles per sheet unit",
    r"speed_preference": "sheet units per step",
    r"ocularity_preference": "share of the right eye",
    r"activity|response|response_maximum|\w+_response|\w+_tuning": "activity",
    r"receptive_field_\w+": "brightness",
    r"bandwidth": "octaves",
    r"c50|contrast": "%",
    r"wavenumber": "cycles per map",
    r"centre_[xy]": "sheet coordinates of the input",
    r"x|y|pinwheel_[xy]": "sheet coordinates",
}
"""Unit of a map or coordinate by its name, without the name of the sheet."""
PERIODS = {"orientation": np.pi, "phase": 2 * np.pi, "direction": 2 * np.pi, "disparity": 2 * np.pi}
"""Periods of the cyclic features."""


def variables(maps):
    """Return maps and coordinates by their names without that of the sheet, but for those that only number things."""
    found = {str(name): variable for name, variable in maps.variables.items()}
    bare = {re.sub(r"^(Retina|LGNOn|LGNOff|V1)_", "", name): variable for name, variable in found.items()}
    return {name: variable for name, variable in bare.items() if not name.endswith(("_row", "_column"))}


def unit_of(name):
    """Return the unit that a name stands for."""
    (unit,) = {unit for pattern, unit in UNITS.items() if re.fullmatch(pattern, name)}
    return unit


@pytest.mark.parametrize("analysis", [*(name for name in RECORDED if name != "development"), "fields"])
def test_every_map_states_its_unit(analysis):
    """Maps and coordinates have the unit of the quantity that they are named after, cyclic ones their period."""
    maps = connection_fields(small_network()).maps if analysis == "fields" else recorded(analysis).maps
    assert {name: variable.attrs.get("units") for name, variable in variables(maps).items()} == {
        name: unit_of(name) for name in variables(maps)
    }
    plain = {dim for dim in maps.dims if not str(dim).endswith(("_row", "_column"))}
    assert plain == set(maps.dims) & set(maps.coords), "a dimension without its coordinate"
    for feature, period in PERIODS.items():
        if f"{feature}_preference" in maps:
            assert maps[f"{feature}_preference"].attrs["period"] == pytest.approx(period)
    assert "simulation_time" in maps.attrs


def test_the_coordinates_of_some_units_are_theirs():
    """Rows and columns are chosen alike in both coordinates, which carry the prefix of the sheet."""
    sheet = small_network()["V1"]
    found = sheet_coordinates(sheet, rows=np.array([1, 3]), cols=slice(2, 5), prefix="V1_")
    assert list(found) == ["V1_y", "V1_x"]
    for axis, places in (("y", sheet.y[[1, 3]]), ("x", sheet.x[2:5])):
        dimension, values, attributes = found[f"V1_{axis}"]
        assert dimension == f"V1_{axis}"
        np.testing.assert_array_equal(values, places)
        assert attributes["long_name"].startswith(axis)
