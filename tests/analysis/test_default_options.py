"""Options of analyses: where a command leaves them out, another default would silently be another measurement."""

import inspect
from typing import Any

import pytest

from topo_exp import analysis

PRESENTATION = {"inputs": None, "duration": 1.0, "afferent_only": False, "sheet": None}
"""How inputs are shown: for one iteration, with settling, on all input sheets."""
PREFERENCE = {"method": "vector_average", "selectivity_multiplier": 1.0, "units": "responding"}
GRATING = {"scale": 0.3, "frequency": 2.4, "orientations": 4, "phases": 18}
"""Gratings of the reference's measurements: faint, of 2.4 cycles per unit of sheet coordinates."""
LINEAR_FREQUENCIES = tuple(n / 2 for n in range(2, 13))
OCTAVES_AROUND_2_4 = (0.6, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8)
"""Half octaves, from two octaves below 2.4 to one and a half above it."""
SEVERAL_FREQUENCIES = {name: value for name, value in GRATING.items() if name != "frequency"}
TUNING = {**PRESENTATION, "frequency": 2.4, "phases": 8}

DEFAULTS: dict[str, dict[str, Any]] = {
    "activity": {"numbers": "none"},
    "connection_fields": {"sheet": None, "most": 24, "normalize": "each"},
    "contrast_response": {
        **TUNING,
        "orientations": 4,
        "mean_luminance": None,
        "contrasts": (0.0, 5.0, *(10.0 * n for n in range(1, 11))),
    },
    "development": {"of": "orientation_map", "feature": "orientation", "label": "", "units": None},
    "direction_map": {
        **PRESENTATION,
        **PREFERENCE,
        **{name: value for name, value in GRATING.items() if name != "orientations"},
        "directions": 8,
        "phases": 8,
        "speeds": tuple(n / 48 for n in range(5)),
        "where_applicable": False,
    },
    "disparity_map": {**PRESENTATION, **PREFERENCE, **GRATING, "phases": 12, "disparities": 12},
    "feature_map": {**PRESENTATION, **PREFERENCE, "reported": None, "label": ""},
    "full_field_response": {**PRESENTATION, "luminances": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)},
    "line_map": {
        **PRESENTATION,
        **PREFERENCE,
        "orientations": 16,
        "positions": 25,
        "thickness": 0.01,
        "smoothing": 0.0125,
        "scale": 1.0,
    },
    "map_quality": {
        **PRESENTATION,
        **SEVERAL_FREQUENCIES,
        "frequencies": (2.4,),
        "homogeneity_radius": 0.2,
        "settling_only": False,
        "method": "vector_average",
        "units": "responding",
    },
    "ocular_dominance_map": {
        **PRESENTATION,
        **GRATING,
        "selectivity_multiplier": 1.0,
        "units": "responding",
        "where_applicable": False,
    },
    "orientation_map": {
        **PRESENTATION,
        **PREFERENCE,
        **SEVERAL_FREQUENCIES,
        "frequencies": (2.4,),
        "settling_only": False,
    },
    "orientation_map_gaussians": {
        **PRESENTATION,
        **PREFERENCE,
        "orientations": 4,
        "positions": None,
        "size": 0.088388,
        "aspect_ratio": 4.66667,
        "periodic": False,
        "scale": 1.0,
    },
    "orientation_quality": {"of": "orientation_map", "homogeneity_radius": 0.2, "label": "", "units": None},
    "orientation_tuning": {
        **TUNING,
        "orientations": 12,
        "mean_luminance": None,
        "contrasts": (30.0, 60.0, 80.0, 90.0),
    },
    "position_map": {**PRESENTATION, **PREFERENCE, "positions": None, "size": 0.2, "scale": 1.0},
    "receptive_fields": {
        **PRESENTATION,
        "stimuli": "noise",
        "presentations": 2000,
        "cell": 2,
        "seed": 0,
        "most": 12,
        "scale": 1.0,
    },
    "retinotopic_map": {"sheet": None},
    "size_tuning": {
        **TUNING,
        "contrast": 30.0,
        "units": 3,
        "sizes": (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0),
    },
    "spatial_frequency_map": {
        **PRESENTATION,
        **PREFERENCE,
        **SEVERAL_FREQUENCIES,
        "frequencies": LINEAR_FREQUENCIES,
    },
    "spatial_frequency_tuning": {**PRESENTATION, **SEVERAL_FREQUENCIES, "frequencies": OCTAVES_AROUND_2_4},
    "standard_gaussian": {
        "orientation": pytest.approx(0.785398163),
        "aspect_ratio": 4.7,
        "size": 0.155,
        "scale": 1.0,
        "duration": 1.0,
        "numbers": "measured",
    },
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_analysis_measures_as_it_always_has(name: str) -> None:
    """The options that a command leaves out have the values of the table, and there are no others."""
    options = inspect.signature(getattr(analysis, name)).parameters.values()
    found = {each.name: each.default for each in options if each.default is not each.empty}
    found.pop("progress", None)
    assert found == DEFAULTS[name]


def test_every_analysis_is_in_the_table() -> None:
    """An analysis that is added comes with its defaults."""
    functions = [name for name in dir(analysis) if inspect.isfunction(getattr(analysis, name))]
    assert sorted(name for name in functions if not name.startswith("_")) == sorted(DEFAULTS)
