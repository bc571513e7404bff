"""Every recorded picture shows its quantity as it is to be read: on which axis, in which unit, over which range."""

import inspect

import numpy as np
import pytest

from tests.analysis.test_catalogue import RECORDED, recorded
from topo_exp.analysis import plots
from topo_exp.analysis.pictures import is_picture

SIZES = {"hypercolumn_distance", "full_saturation", "naka_rushton", "source_spacing", "region", "bounds", "limit"}
"""Options that are measured: other tests give them known values."""


def cyclic(label, period, last, *, first=0.0):
    """Return the options of a map of a cyclic feature in radians, whose tested values end at `last`."""
    return {"label": label, "units": "rad", "cyclic_range": period, "limits": (first, last)}


def linear(label, units, low, high):
    """Return the options of a map of a linear feature."""
    return {"label": label, "units": units, "cyclic_range": None, "limits": (low, high)}


def curve(xlabel, *, log=False, unit=""):
    """Return the options of a mean tuning curve; `unit` stands behind the value at half the response."""
    return {"xlabel": xlabel, "log": log, "unit": unit}


TURN = 2 * np.pi
SHOWN = {
    "activity": {"activity": ("activity", {})},
    "standard_gaussian": {"standard_gaussian": ("activity", {})},
    "orientation_map": {
        "orientation_preference": ("orientation", {}),
        "orientation": ("orientation", {}),
        "orientation_selectivity": ("selectivity", {}),
        "phase_preference": ("feature_map", cyclic("preferred phase", TURN, 2 / 3 * TURN)),
    },
    "retinotopy": {"retinotopy": ("topographic_grid", {})},
    "map_quality": {
        "spectrum": ("spectrum", {}),
        "pinwheels": ("orientation", {"pinwheels": True}),
        "contours": ("orientation_contours", {}),
        "orientation_polar": ("orientation_polar", {}),
        "local_homogeneity": ("feature_map", {"label": "local homogeneity", "limits": (0.0, 1.0)}),
        "orientation_histogram": (
            "histogram",
            {"xlabel": "preferred orientation (degrees)", "cyclic_range": np.pi},
        ),
    },
    "tuning": {
        "orientation_tuning": (
            "tuning_curves",
            {"xlabel": "orientation from the preferred one (degrees)", "period": 180.0, "legend": "contrast"},
        )
    },
    "contrast_response": {"contrast_response": ("tuning_curves", curve("contrast (%)", unit="%"))},
    "size_tuning": {"size_tuning": ("tuning_curves", curve("diameter (sheet units)"))},
    "spatial_frequency_tuning": {
        "spatial_frequency_tuning": ("tuning_curves", curve("spatial frequency (cycles per sheet unit)", log=True))
    },
    "full_field_response": {"full_field_response": ("tuning_curves", curve("luminance"))},
    "receptive_fields": {"receptive_fields_Retina": ("connection_fields", {"signed": True, "quantity": "correlation"})},
    "spatial_frequency_map": {
        "frequency_preference": ("feature_map", linear("preferred frequency", "cycles per sheet unit", 1.0, 6.0))
    },
    "line_map": {
        "lines_orientation": ("orientation", {}),
        "position_tolerance": ("feature_map", linear("fraction of positions", "", 0.0, 1.0)),
    },
    "position_map": {
        f"position_{axis}_preference": ("feature_map", linear(f"preferred position {axis}", "sheet units", -0.5, 0.5))
        for axis in "xy"
    },
    "ocular_dominance_map": {
        "ocularity_preference": ("feature_map", linear("preferred ocularity", "share of the right eye", 0.0, 1.0))
    },
    "disparity_map": {
        "disparity_preference": ("feature_map", cyclic("preferred disparity", TURN, TURN / 6, first=-TURN / 2))
    },
    "direction_map": {
        "direction_preference": ("feature_map", cyclic("preferred direction", TURN, 3 / 4 * TURN)),
        "speed_preference": ("feature_map", linear("preferred speed", "sheet units per step", 0.0, 4 / 48)),
    },
}
"""By analysis and name of the picture, the function that draws it and its options."""


@pytest.mark.parametrize("analysis", SHOWN)
def test_every_picture_is_asked_to_show_its_quantity(analysis):
    """Each picture is drawn by a function of `plots`, with the label, unit and range of its quantity."""
    pictures = {name.rpartition("/")[2]: drawing for name, drawing in recorded(analysis).figures.items()}
    assert all(is_picture(drawing) for drawing in pictures.values())
    found = {
        name: (drawing.args[0], {key: drawing.keywords[key] for key in sorted(drawing.keywords.keys() - SIZES)})
        for name, drawing in pictures.items()
    }
    for _, options in found.values():
        del options["title"]
    assert {name: function for name, (function, _) in found.items()} == {
        name: function for name, (function, _) in SHOWN[analysis].items()
    }
    for name, (_, options) in SHOWN[analysis].items():
        shown = found[name][1]
        limits = (options.pop("limits", None), shown.pop("limits", None)) if "limits" in options else (None, None)
        assert shown == options
        assert limits[1] == (None if limits[0] is None else pytest.approx(limits[0]))


@pytest.mark.parametrize("analysis", [name for name, shown in SHOWN.items() if "orientation_selectivity" in shown])
def test_selectivity_has_the_scale_of_its_map(analysis):
    """Colours of the orientation map are full at half of the value at which the bar of selectivity ends."""
    pictures = {name.rpartition("/")[2]: drawing.keywords for name, drawing in recorded(analysis).figures.items()}
    full = pictures["orientation"]["full_saturation"]
    assert full == 0.5
    assert pictures["orientation_selectivity"]["limit"] == 2 * full


@pytest.mark.parametrize("analysis", SHOWN)
def test_every_title_names_sheet_and_time(analysis):
    """A title begins with the sheet, if the picture is of one, and ends in the time of the simulation."""
    found = recorded(analysis)
    for name, drawing in found.figures.items():
        sheet, _, own = name.rpartition("/")
        title = drawing.keywords["title"]
        assert title.endswith(f", t = {found.maps.attrs['simulation_time']:g}")
        assert title.startswith(f"{sheet}: ") == bool(sheet and own)


def test_every_analysis_with_pictures_is_listed():
    """No analysis of the catalogue is left out, but the one over time, whose pictures have no single time."""
    assert set(RECORDED) - set(SHOWN) == {"development"}


@pytest.mark.parametrize("name", sorted({function for shown in SHOWN.values() for function, _ in shown.values()}))
def test_the_functions_that_draw_are_public(name):
    """Each is a documented function of `plots`, so that a user can draw the same from stored maps."""
    assert name in plots.__all__
    assert inspect.getdoc(getattr(plots, name))
