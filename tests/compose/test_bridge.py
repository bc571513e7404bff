"""From composed settings to the description of a run."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from topo_exp.analysis.result import Result, of_maps, over_time, subject_of
from topo_exp.compose.bridge import Settings, make_spec
from topo_exp.engine.simulation import Simulation
from topo_exp.errors import ConfigError, ModelError, ParameterError, UnknownNameError
from topo_exp.runner.spec import RunSpec, Setting


def measure(sim: Simulation, *, scale: float = 1.0) -> Result:
    """Stand for an analysis."""
    return Result(metrics={"scale": scale})


@of_maps
def look(maps: Any, *, of: str = "measured", scale: float = 1.0) -> Result:
    """Stand for an analysis of maps."""
    return Result()


@over_time
def look_back(maps: Any, *, of: str = "measured") -> dict[float, Result]:
    """Stand for an analysis over time."""
    return {}


def with_progress(sim: Simulation, *, progress: Any = print) -> Result:
    """Stand for a measurement that reports its progress."""
    return Result()


def setup(sim: Simulation) -> None:
    """Stand for a function of `before`."""


def spec_of(config: Mapping[str, Any], *, given: tuple[str, ...] = ()) -> RunSpec:
    """Make the description of a run of `tiny`."""
    composed = {"model": "tiny", "timestamp": "2026-11-22T11:37", **config}
    return make_spec(
        Settings(config=composed, given=dict.fromkeys(given), command="command", texts={"config.yaml": ""})
    )


def test_a_model_alone_makes_a_run() -> None:
    """Every option has a default."""
    spec = spec_of({})
    assert spec.model == "tiny"
    assert spec.options.times[-1] == 10000
    assert dict(spec.given) == {}
    assert set(spec.parameters) == {"retina_density", "cortex_density"}
    assert spec.directory_name == "202611221137_tiny"
    assert isinstance(spec.build(), Simulation)


def test_given_parameters_are_those_named_or_changed() -> None:
    """A parameter counts as given if the user named it, or if a file gave it another value than the default."""
    config = {"cortex_density": 5.0, "retina_density": 12}
    assert dict(spec_of(config).given) == {"retina_density": 12}
    assert dict(spec_of(config, given=("cortex_density",)).given) == {"cortex_density": 5.0, "retina_density": 12}
    assert spec_of(config, given=("cortex_density",)).directory_name == (
        "202611221137_tiny,cortex_density=5,retina_density=12"
    )


def test_every_setting_is_recorded_with_its_kind(tmp_path: Path) -> None:
    """Parameters, options, analyses, their options and the experiment; what is swept is marked."""
    config = {
        "cortex_density": 5,
        "retina_density": 12,
        "times": [0, 1],
        "before": [setup],
        "analysis": {"mine": {"_target_": measure, "scale": 2.0}},
        "sweep_names": ["cortex_density", "analysis.mine.scale", "tag"],
        "tag": "x",
    }
    given: dict[str, Any] = {
        "model": "tiny",
        "cortex_density": "5",
        "times": "[0,1]",
        "tag": "x",
        "before": "[a.py:setup]",
        "analysis": ["mine"],
        "analysis.mine": "{scale:2}",
        "analysis.mine.scale": "2",
        "analysis.mine.none": "3",
        "experiment": "one",
        "figure_style@x": "y",
        "hydra/launcher": "slurm",
        "hydra.verbose": "true",
        "sweep_names": "[]",
    }
    spec = make_spec(Settings(config={"model": "tiny", **config}, given=given, command="", texts={}))
    assert spec.settings == {
        "cortex_density": Setting("parameter", 5, is_swept=True),
        "retina_density": Setting("parameter", 12),
        "times": Setting("option", [0, 1]),
        "tag": Setting("option", "x", is_swept=True),
        "before": Setting("option", ["tests.compose.test_bridge.setup"]),
        "analysis": Setting("analysis", ["mine"]),
        "analysis.mine": Setting("analysis", {"_target_": "tests.compose.test_bridge.measure", "scale": 2.0}),
        "analysis.mine.scale": Setting("analysis option", 2.0, is_swept=True),
        "analysis.mine.none": Setting("analysis option", None),
        "experiment": Setting("experiment", "one"),
        "figure_style@x": Setting("other", "y"),
    }


@pytest.mark.parametrize(
    ("file", "swept", "is_setting"),
    [
        ("a/mine.py", ["model"], True),
        ("mine.py", ["model"], False),
        ("a/mine.py", [], False),
        ("tiny", ["model"], False),
    ],
)
def test_files_of_one_name_in_several_folders_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, swept: list[str], is_setting: bool
) -> None:
    """A model that varies is a setting if its name alone does not say which file it is."""
    monkeypatch.chdir(tmp_path)
    if file.endswith(".py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("from topo_exp.models.tiny import Tiny\n\nclass Mine(Tiny):\n    pass\n")
    config = {"model": file, "sweep_names": swept}
    spec = make_spec(Settings(config=config, given={"model": file}, command="", texts={}))
    assert ("model" in spec.settings) == is_setting


def test_parameters_reach_the_simulation() -> None:
    """The network is built with the values in force."""
    assert spec_of({"cortex_density": 3}).build()["V1"].shape == (3, 3)


def test_engine_reaches_the_simulation() -> None:
    """The option of the engine is set on the simulation, and is no parameter of the model."""
    spec = spec_of({"engine": "reference"})
    assert spec.build().engine == "reference"
    assert "engine" not in spec.parameters


def test_seeds_are_listed() -> None:
    """Whole-number parameters named seed, or ending in _seed, are the seeds of the run."""
    spec = spec_of({"model": "som_retinotopy", "input_seed": 3})
    assert dict(spec.seeds) == {"input_seed": 3, "weight_seed": 0}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"retina_density": "r"}, "202611221137_tiny,r=12,cortex_density=3"),
        (["retina_density", "cortex_density"], "202611221137_tiny,retina_density=12,cortex_density=3"),
        (None, "202611221137_tiny,cortex_density=3,retina_density=12"),
    ],
)
def test_parameters_are_named_in_the_users_order(names: Any, expected: str) -> None:
    """`param_names` abbreviates and orders."""
    spec = spec_of({"cortex_density": 3, "retina_density": 12, "param_names": names})
    assert spec.directory_name == expected


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("202611221138", "20261122113800"),
        ("20261122", "20261122000000"),
        ("20261122113859", "20261122113859"),
        ("2026-11-22 11:39", "20261122113900"),
        ("2026-11-22T11:39:07", "20261122113907"),
    ],
)
def test_a_timestamp_is_read_in_the_usual_forms(timestamp: str, expected: str) -> None:
    """A group of runs can share its date."""
    spec = spec_of({"timestamp": timestamp, "name_time_format": "%Y%m%d%H%M%S"})
    assert spec.directory_name == f"{expected}_tiny"


@pytest.mark.parametrize("timestamp", ["2026112211", "20261322", "tomorrow"])
def test_a_timestamp_that_is_no_date_is_refused(timestamp: str) -> None:
    """Neither another number of digits nor a month that there is not."""
    with pytest.raises(ParameterError, match="timestamp: must be a date"):
        spec_of({"timestamp": timestamp})


def test_analyses_are_bound_to_their_options() -> None:
    """An analysis is called with the simulation alone; its options are recorded as plain data."""
    entry = {"_target_": f"{__name__}.measure", "scale": 3}
    spec = spec_of({"analysis": {"mine": entry, "off": None}})
    assert list(spec.analyses) == ["mine"]
    result = spec.analyses["mine"](spec.build())
    assert isinstance(result, Result)
    assert result.metrics == {"scale": 3.0}
    assert spec.analysis_config == {"mine": entry}


def test_analyses_of_maps_are_bound_and_told_apart() -> None:
    """Their marks survive, and their source may be any chosen analysis, switched off or of several results."""
    entries = {
        "measured": {"_target_": measure},
        "off": None,
        "at": {"_target_": look, "of": "measured.V1"},
        "over": {"_target_": look_back, "of": "off"},
    }
    analyses = spec_of({"analysis": entries}).analyses
    assert {name: subject_of(analysis) for name, analysis in analyses.items()} == {
        "measured": "simulation",
        "at": "maps",
        "over": "maps over time",
    }


def test_functions_can_be_given_as_they_are() -> None:
    """In Python, a function need not be written as a reference, and is recorded as one."""
    spec = spec_of({"analysis": {"mine": {"_target_": measure}}, "before": [setup], "after": [f"{__name__}.setup"]})
    assert spec.analysis_config["mine"]["_target_"] == f"{__name__}.measure"
    assert spec.before == spec.after == (setup,)


def test_a_run_is_kept_where_the_option_or_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option goes first, then TOPO_EXP_OUTPUT, then Output below the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    assert spec_of({}).options.output_dir == tmp_path / "Output"
    monkeypatch.setenv("TOPO_EXP_OUTPUT", str(tmp_path / "environment"))
    assert spec_of({}).options.output_dir == tmp_path / "environment"
    assert spec_of({"output_dir": "here"}).options.output_dir == tmp_path / "here"


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"cortex_densty": 3}, UnknownNameError, "Did you mean 'cortex_density'"),
        ({"sed": 3}, UnknownNameError, "sed: must be a parameter of model tiny or an option"),
        ({"seed": 3}, UnknownNameError, "seed: must be a parameter of model tiny"),
        ({"name": "x"}, UnknownNameError, "name: must be a parameter"),
        ({"cortex_density": -1}, ParameterError, r"Tiny.cortex_density: must be a number > 0 \(got -1\)"),
        ({"cortex_density": 0}, ParameterError, "must be a number > 0"),
        ({"cortex_density": "banana"}, ParameterError, "got 'banana'"),
        ({"cortex_density": [3]}, ParameterError, "must be a number"),
        ({"times": [5, 1]}, ParameterError, "times: must increase"),
        ({"script_repr": "frist"}, ParameterError, "script_repr: must be one of first, last, all, none"),
        ({"tracking": "mlfow"}, ParameterError, "tracking: must be one of mlflow, none"),
        ({"progress": "maybe"}, ParameterError, "progress: must be true or false"),
        ({"max_name_length": 3}, ParameterError, "max_name_length: must be a whole number >= 40"),
        ({"figure_formats": "png"}, ParameterError, "figure_formats: must be a list of values from png"),
        ({"timestamp": "yesterday"}, ParameterError, "timestamp: must be a date"),
        ({"param_names": 3}, ConfigError, "param_names: must be a mapping or a list"),
        ({"before": "x"}, ConfigError, "before: must be a list of functions"),
        ({"before": ["os.path.nothing"]}, UnknownNameError, "before: no such function"),
        ({"before": [f"{__name__}.test_seeds_are_listed"]}, ConfigError, "before: must be callable with a simulation"),
        ({"analysis": ["default"]}, ConfigError, "analysis: must be a list of names"),
        ({"analysis": {"mine": {"scale": 3}}}, UnknownNameError, "no analysis of that name was chosen"),
        ({"analysis": {"mine": {"_target_": measure, "scal": 3}}}, UnknownNameError, "Did you mean 'scale'"),
        ({"analysis": {"mine": {"_target_": look, "scal": 3}}}, UnknownNameError, r"look\(maps.*Did you mean 'scale'"),
        (
            {"analysis": {"measured": {"_target_": measure}, "mine": {"_target_": look_back, "of": "measurd"}}},
            UnknownNameError,
            r"analysis\.mine\.of: must be the name of a chosen analysis \(got 'measurd'\)\. Did you mean 'measured'",
        ),
        ({"analysis": {"mine": {"_target_": with_progress, "progress": True}}}, UnknownNameError, "no such option"),
        ({"analysis": {"a b": {"_target_": measure}}}, ConfigError, "a name must be letters"),
        ({"experiment": {"x": 1}}, ConfigError, "experiment: must be the name of a file"),
        ({"model": "tniy"}, UnknownNameError, "Did you mean 'tiny'"),
    ],
)
def test_what_does_not_describe_a_run_is_refused(config: dict[str, Any], error: type[Exception], message: str) -> None:
    """Each mistake is refused by name, with the rule and the value."""
    with pytest.raises(error, match=message):
        spec_of(config)


def test_what_a_model_says_about_its_parameters_together_is_told(tmp_path: Path) -> None:
    """A class may refuse a combination of parameters, each of which is fine by itself."""
    file = tmp_path / "mine.py"
    file.write_text(
        textwrap.dedent("""
            import param
            class Mine(param.Parameterized):
                low = param.Number(0)
                high = param.Number(1)
                def __init__(self, **parameters):
                    super().__init__(**parameters)
                    if self.low > self.high:
                        raise ValueError("low must not exceed high")
                def build(self):
                    return None
        """)
    )
    with pytest.raises(ParameterError, match=r"Mine: .*low=2.*low must not exceed high"):
        spec_of({"model": str(file), "low": 2})
    with pytest.raises(ModelError, match=r"Mine.build: must return a Simulation \(got NoneType\)"):
        spec_of({"model": str(file)}).build()
