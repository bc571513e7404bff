"""The options that measurements share: one value inside, keyword arguments outside."""

import inspect
import pickle
import sys

import numpy as np
import pytest

from tests.analysis.fake_simulation import gabor_simulation
from topo_exp import analysis
from topo_exp.analysis.maps import orientation_map
from topo_exp.analysis.presentation import PREFERRING, SHOWING, Presentation, measurement
from topo_exp.analysis.result import Result
from topo_exp.compose.bridge import make_analyses, reference
from topo_exp.errors import ParameterError, UnknownNameError

MEASUREMENTS = {name: getattr(analysis, name) for name in analysis._WHERE if hasattr(getattr(analysis, name), "of")}


def test_all_measurements_share_their_options():
    """Maps, tunings, quality and receptive fields are measurements of one kind."""
    assert set(MEASUREMENTS) == {
        "contrast_response",
        "direction_map",
        "disparity_map",
        "feature_map",
        "full_field_response",
        "line_map",
        "map_quality",
        "ocular_dominance_map",
        "orientation_map",
        "orientation_map_gaussians",
        "orientation_tuning",
        "position_map",
        "receptive_fields",
        "size_tuning",
        "spatial_frequency_map",
        "spatial_frequency_tuning",
    }


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_option_stands_in_the_signature(name):
    """The signature lists the shared options one by one, so that help shows them and others can be refused."""
    parameters = inspect.signature(MEASUREMENTS[name]).parameters
    assert next(iter(parameters)) == "sim"
    assert {"sheet", "inputs", "duration", "afferent_only", "progress"} <= set(parameters)
    assert "shown" not in parameters
    assert not any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters.values())
    assert MEASUREMENTS[name].__doc__
    assert MEASUREMENTS[name].__name__ == name
    assert pickle.loads(pickle.dumps(MEASUREMENTS[name])) is MEASUREMENTS[name]  # noqa: S301  pickled in this line


def test_options_are_those_that_matter():
    """A measurement has no option that would do nothing: contrasts set the scale, tuning has no preference."""
    options = {name: set(inspect.signature(measure).parameters) for name, measure in MEASUREMENTS.items()}
    assert "scale" not in options["contrast_response"]
    assert {"method", "units"}.isdisjoint(options["contrast_response"])
    assert {"scale", *PREFERRING} <= options["orientation_map"]
    assert set(SHOWING) <= options["receptive_fields"]
    assert set(PREFERRING) - options["ocular_dominance_map"] == {"method"}
    assert set(PREFERRING) - options["map_quality"] == {"selectivity_multiplier"}
    assert set(PREFERRING) - options["feature_map"] == {"scale"}
    assert set(SHOWING) - options["size_tuning"] == {"scale"}


@measurement("inputs", "scale", "duration", scale=0.4)
def seen(sim, shown, *, own=1):
    """Return the options as they arrive."""
    del sim
    seen.last = shown, own
    return Result()


def test_options_arrive_as_one_value():
    """Options given, the measurement's own default, and those of Presentation are put together, in this order."""
    seen(None, "V1", duration=2.0, own=3)
    assert seen.last == (Presentation(sheet="V1", duration=2.0, scale=0.4), 3)
    seen(None, scale=0.5, sheet=["V1"], inputs="Retina")
    assert seen.last == (Presentation(sheet=["V1"], scale=0.5, inputs="Retina"), 1)
    seen(None)
    assert seen.last == (Presentation(scale=0.4), 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: seen(None, afferent_only=True),  # an option of Presentation, but not of this measurement
        lambda: seen(None, nonsense=1),
        lambda: seen(None, "V1", 1),
        seen,
    ],
)
def test_other_options_are_refused_as_by_any_function(call):
    """Names that the signature lacks raise TypeError with the measurement's name."""
    with pytest.raises(TypeError, match=r"seen\(\)"):
        call()


def test_the_command_line_sets_and_refuses_options_by_name():
    """`analysis.NAME.OPTION` reaches the measurement; an unknown one is refused with the nearest before the run."""
    chosen = make_analyses({"map": {"_target_": "topo_exp.analysis.maps.orientation_map", "scale": 0.5, "phases": 2}})
    found = chosen["map"](gabor_simulation(np.zeros((1, 1))))
    assert found.maps.attrs["pattern_scale"] == 0.5
    for wrong in ("scael", "shown"):
        with pytest.raises(UnknownNameError, match=rf"got '{wrong}'"):
            make_analyses({"map": {"_target_": "topo_exp.analysis.maps.orientation_map", wrong: 0.5}})


def test_a_users_own_measurement_is_recorded_by_its_own_file(tmp_path, monkeypatch):
    """A decorated function in a file of the user's is named by that file, not by the decorator's."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from topo_exp.analysis.presentation import measurement\n"
        "@measurement('scale')\ndef mine(sim, shown, *, own=1):\n    'Measure.'\n"
    )
    chosen = make_analyses({"mine": {"_target_": f"{file}:mine", "scale": 2.0, "own": 2}})
    assert reference(chosen["mine"].func) == f"{file}:mine"
    monkeypatch.delitem(sys.modules, chosen["mine"].func.__module__)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"method": "maximal"}, UnknownNameError, "maximum"),
        ({"units": "some"}, ParameterError, "'responding' or 'all'"),
        ({"duration": 0.0}, ParameterError, "duration: must be > 0"),
        ({"duration": float("nan")}, ParameterError, "duration: must be > 0"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_presented(options, error, text):
    """A method, a choice of units or a duration that cannot be is refused first."""
    sim = gabor_simulation(np.zeros((1, 1)))
    with pytest.raises(error, match=text):
        orientation_map(sim, **options)
    assert sim.presented == 0
    with pytest.raises(error, match=text):  # by the command line before a run is made
        make_analyses({"map": {"_target_": orientation_map, **options}})


COMMON = {
    "duration": 1,
    "afferent_only": False,
    "method": "vector_average",
    "selectivity_multiplier": 1,
    "units": "responding",
    "where_applicable": False,
    "settling_only": False,
    "periodic": False,
    "label": "",
    "stimuli": "noise",
}
"""Defaults that are the same wherever there is the option."""
DEFAULTS = {
    "contrast_response": {"contrasts": (0, 5, *range(10, 101, 10)), "orientations": 4, "phases": 8, "frequency": 2.4},
    "direction_map": {
        "directions": 8,
        "speeds": tuple(k / 48 for k in range(5)),
        "frequency": 2.4,
        "phases": 8,
        "scale": 0.3,
    },
    "disparity_map": {"disparities": 12, "frequency": 2.4, "orientations": 4, "phases": 12, "scale": 0.3},
    "feature_map": {},
    "full_field_response": {"luminances": (0, 0.2, 0.4, 0.6, 0.8, 1)},
    "line_map": {"orientations": 16, "positions": 25, "thickness": 0.01, "smoothing": 0.0125, "scale": 1},
    "map_quality": {
        "homogeneity_radius": 0.2,
        "frequencies": (2.4,),
        "orientations": 4,
        "phases": 18,
        "scale": 0.3,
    },
    "ocular_dominance_map": {"frequency": 2.4, "orientations": 4, "phases": 18, "scale": 0.3},
    "orientation_map": {"frequencies": (2.4,), "orientations": 4, "phases": 18, "scale": 0.3},
    "orientation_map_gaussians": {"orientations": 4, "size": 0.088388, "aspect_ratio": 4.66667, "scale": 1},
    "orientation_tuning": {"contrasts": (30, 60, 80, 90), "orientations": 12, "phases": 8, "frequency": 2.4},
    "position_map": {"size": 0.2, "scale": 1},
    "receptive_fields": {"presentations": 2000, "cell": 2, "seed": 0, "most": 12, "scale": 1},
    "size_tuning": {
        "sizes": (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1),
        "units": 3,
        "phases": 8,
        "frequency": 2.4,
        "contrast": 30,
    },
    "spatial_frequency_map": {
        "frequencies": tuple(1 + k / 2 for k in range(11)),
        "orientations": 4,
        "phases": 18,
        "scale": 0.3,
    },
    "spatial_frequency_tuning": {
        "frequencies": (0.6, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8),
        "orientations": 4,
        "phases": 18,
        "scale": 0.3,
    },
}
"""Numbers that each measurement presents if nothing else is asked for."""


def as_numbers(value):
    """Return a number, or several, for a comparison."""
    return pytest.approx(value) if isinstance(value, int | float | tuple) else value


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_defaults_are_those_that_results_were_published_with(name):
    """A map that is measured without options shows the documented stimuli: a change of them would change all maps."""
    empty = (None, inspect.Parameter.empty)
    parameters = inspect.signature(MEASUREMENTS[name]).parameters.values()
    found = {p.name: p.default for p in parameters if p.default not in empty and not callable(p.default)}
    common = {option: value for option, value in COMMON.items() if option in found}
    assert found == {option: as_numbers(value) for option, value in (common | DEFAULTS[name]).items()}
