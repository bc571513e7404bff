"""The Python interface."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import param
import pytest

import topo_exp
from topo_exp.analysis.result import subject_of
from topo_exp.analysis.stability import similarity_index
from topo_exp.compose.interface import specify
from topo_exp.errors import ConfigError

QUICK = {"times": [0, 1], "analysis": [], "tracking": "none"}


class Mine(param.Parameterized):
    """A model that is in no file of its own."""

    density = param.Number(3.0, bounds=(1, 9))

    def build(self) -> topo_exp.Simulation:
        """Build the tiny network."""
        return topo_exp.build("tiny", cortex_density=self.density)


def hook(sim: topo_exp.Simulation) -> None:
    """Stand for a function of the user's own that is called before a run."""


def measure(sim: topo_exp.Simulation) -> topo_exp.Result:
    """Stand for an analysis of the user's own."""
    return topo_exp.Result(metrics={"time": sim.time})


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where nothing is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)


def test_a_network_is_built_with_its_parameters() -> None:
    """`build` takes the parameters of the model and returns the simulation at time 0."""
    sim = topo_exp.build("tiny", cortex_density=3)
    assert sim.time == 0
    assert sim["V1"].shape == (3, 3)
    assert topo_exp.build(Mine, density=4)["V1"].shape == (4, 4)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"cortex_densty": 3}, topo_exp.TopoExpError),
        ({"cortex_density": -1}, ValueError),
        ({"cortex_density": "x"}, ValueError),
        ({"times": [0]}, LookupError),
    ],
)
def test_a_network_is_not_built_from_mistakes(parameters: dict[str, Any], error: type[Exception]) -> None:
    """Names and values are checked as on the command line."""
    with pytest.raises(error):
        topo_exp.build("tiny", **parameters)


def test_a_run_is_recorded_and_found_again() -> None:
    """`run` returns a handle to its directory, and `load_run` gives the same one later."""
    run = topo_exp.run("tiny", cortex_density=3, tag="mine", timestamp="2026-11-22T11:37", **QUICK)
    assert run.directory == Path.cwd() / "Output" / "202611221137_tiny_mine,cortex_density=3"
    assert run.status == "done"
    assert topo_exp.load_run(run.directory).parameters == run.parameters


def test_python_and_command_line_describe_the_same_run() -> None:
    """Overrides as words and as arguments make one description, but for the record of how they were written."""
    from topo_exp.compose.bridge import make_spec
    from topo_exp.compose.composition import compose_settings

    words = ["model=tiny", "analysis=[]", "times=[0,1]", "tag='a b'", "cortex_density=3", "timestamp='202611221137'"]
    shell = make_spec(compose_settings(words))
    script = specify("tiny", analysis=[], times=[0, 1], tag="a b", cortex_density=3, timestamp="202611221137")
    for name in ("model", "parameters", "given", "settings", "options", "directory_name", "command", "seeds"):
        assert getattr(shell, name) == getattr(script, name), name
    assert shell.config.keys() == script.config.keys()


def test_functions_are_recorded_by_module_and_name() -> None:
    """In the command and in the configuration, as they would be written on the command line."""
    spec = specify("tiny", analysis=[measure], before=[hook])
    assert f"'analysis=[{__name__}.measure]' 'before=[{__name__}.hook]'" in spec.command
    assert f"before:\n- {__name__}.hook\n" in spec.config["config.yaml"]


def test_a_text_that_no_file_can_hold_is_refused() -> None:
    """Half of a surrogate pair cannot be written to a record."""
    with pytest.raises(ConfigError, match="tag: must be a text in UTF-8"):
        specify("tiny", tag="a\udcff")


def test_recorded_settings_can_be_read_in_any_script(tmp_path: Path) -> None:
    """Texts stand in the configuration files as they were given, not as numbers of characters."""
    spec = specify("tiny", tag="Größe", output_dir=str(tmp_path))
    assert "Größe" in spec.config["config.yaml"]
    assert "Größe" in spec.config["overrides.yaml"]


def test_what_python_users_have_at_hand_is_accepted(tmp_path: Path) -> None:
    """Arrays, NumPy's numbers, paths, tuples and functions need no conversion."""
    spec = specify(
        "tiny",
        times=np.array([0, 10]),
        cortex_density=np.float64(3),
        retina_density=np.int64(24),
        output_dir=tmp_path,
        analysis=["default", measure],
        before=(measure,),
    )
    assert spec.options.times == (0.0, 10.0)
    assert spec.options.output_dir == tmp_path
    assert list(spec.analyses)[-1] == "measure"
    assert spec.analysis_config["measure"] == {"_target_": f"{__name__}.measure"}
    assert "cortex_density=3.0 retina_density=24" in spec.command


@pytest.mark.parametrize("analysis", ["default", ["default"]])
def test_one_analysis_needs_no_list(analysis: Any) -> None:
    """A single name does for a list of one."""
    assert specify("tiny", analysis=analysis).analyses.keys() == specify("tiny").analyses.keys()


def test_words_of_the_command_line_can_be_added() -> None:
    """`overrides` sets anything that has no argument of its own."""
    spec = specify("tiny", overrides=["analysis.fields=null", "tag=x"])
    assert "fields" not in spec.analyses
    assert spec.options.tag == "x"
    assert spec.command.endswith("analysis.fields=null tag=x")


def test_a_class_is_run_without_a_file() -> None:
    """A notebook's own class is a model."""
    spec = specify(Mine, density=4, timestamp="202611221137")
    assert spec.directory_name == "202611221137_Mine,density=4"
    assert spec.build()["V1"].shape == (4, 4)


@pytest.mark.parametrize(
    "arguments",
    [
        {"cortex_densty": 3},
        {"cortex_density": -1},
        {"times": [3, 2]},
        {"analysis": ["defalt"]},
        {"analysis": [lambda sim: None]},
        {"overrides": ["tag"]},
        {"before": [3]},
        {"param_names": {"a b": object()}},
    ],
)
def test_a_mistake_leaves_nothing_behind(arguments: dict[str, Any], tmp_path: Path) -> None:
    """Mistakes that the command line refuses raise here, before a directory is made."""
    with pytest.raises(topo_exp.TopoExpError):
        topo_exp.run("tiny", **arguments)
    assert not list(tmp_path.iterdir())


def test_own_configuration_files_are_found(tmp_path: Path) -> None:
    """`config_dir` adds a directory of experiments, analyses and groups."""
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "small.yaml").write_text("# @package _global_\ncortex_density: 3\ntag: small\n")
    spec = specify("tiny", config_dir="mine", overrides=["experiment=small"], timestamp="202611221137")
    assert spec.directory_name == "202611221137_tiny_small,cortex_density=3"
    assert "--config-dir mine" in spec.command


def test_an_experiment_is_chosen_by_name() -> None:
    """An experiment file sets everything that is not given otherwise."""
    spec = specify("tiny", experiment="tiny_sizes", cortex_density=3)
    assert (spec.options.times, spec.options.tag, dict(spec.given)) == (
        (0.0, 100.0, 500.0),
        "sizes",
        {"cortex_density": 3},
    )
    assert "experiment=tiny_sizes" in spec.command


@pytest.mark.parametrize("tag", ["${", "${x}", "it's", "a: b", "größe", "\\"])
def test_any_text_can_be_given(tag: str) -> None:
    """A text from Python is taken as it is, and the command repeats it."""
    spec = specify("tiny", analysis=[], tag=tag)
    assert spec.options.tag == tag
    words = shlex.split(spec.command)[3:]
    again = specify("tiny", analysis=[], overrides=[word for word in words if word.startswith("tag=")])
    assert again.options.tag == tag


def test_map_quality_shares_the_measurement_of_the_default_analysis() -> None:
    """`default` and `map_quality` together measure the orientation map once, and use it twice."""
    analyses = specify("gcal_oo_or", analysis=["default", "map_quality"]).analyses
    subjects = {name: subject_of(analysis) for name, analysis in analyses.items()}
    assert list(analyses).count("orientation_map") == 1
    assert [name for name, subject in subjects.items() if subject != "simulation"] == ["development", "map_quality"]
    assert list(specify("gcal_oo_or", analysis=["map_quality"]).analyses) == [
        "orientation_map",
        "map_quality",
        "development",
    ]


def test_a_run_says_how_its_orientation_map_developed(tmp_path: Path) -> None:
    """Similarity to the final map stands at every time, the strip of maps at the last."""
    run = topo_exp.run(
        "gcal_oo_or",
        **dict.fromkeys(("cortex_density", "lgn_density", "retina_density"), 12),
        times=[0, 2.5],
        analysis=["map_quality"],
        overrides=["analysis.orientation_map.phases=4", "analysis.map_quality=null"],
        output_dir=tmp_path,
        tracking="none",
    )
    maps = run.maps["orientation_map"]
    preferences = maps["orientation_preference"].where(maps["response_maximum"] > 0)
    expected = similarity_index(preferences[0], preferences[1])
    assert run.metrics["V1/similarity_to_final"].tolist() == [expected, 1.0]
    assert list(run.figures["V1/development"]) == list(run.figures["V1/stability"]) == [2.5]
