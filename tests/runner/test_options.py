"""An option is declared once."""

from dataclasses import fields
from pathlib import Path

import param
import pytest

from tests.doubles import finished_run, numbers
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.errors import ConfigError, ParameterError, UnknownNameError
from topo_exp.runner.options import HIDDEN_OPTIONS, OPTIONS, RunOptions, recorded_options
from topo_exp.testing import run_spec

AT_TOP_LEVEL = {"times", "tag", "experiment_name", "sweep_id", "sweep_point"}
"""Options that run.yaml has beside its entry `options`."""


def test_help_check_and_spec_have_the_same_options():
    """The table of declarations has exactly the fields of the typed options."""
    assert list(OPTIONS) == [each.name for each in fields(RunOptions)]


@pytest.mark.parametrize("name", OPTIONS)
def test_the_default_of_the_declaration_is_that_of_the_field(name):
    """Options that are read from defaults equal options that are made without arguments."""
    assert getattr(RunOptions.read({name: OPTIONS[name].default}), name) == getattr(RunOptions(), name)


UNSET = {
    "times": 1.0,
    "max_name_length": 200,
    "dirname_prefix": "",
    "name_time_format": "%Y%m%d%H%M",
    "script_repr": "first",
    "snapshot": "last",
    "checkpoint_every": 10.0,
    "figure_formats": ["png"],
    "figure": {"dpi": 150.0, "width": 85.0, "font": "DejaVu Sans", "font_size": 7.0},
    "progress": True,
    "verbose": False,
    "before": [],
    "after": [],
    "tracking": "mlflow",
    "on_analysis_error": "fail",
    "sweep_names": [],
}
"""Values of options that are not set, where there is one."""
CHOICES = {
    "script_repr": ["first", "last", "all", "none"],
    "snapshot": ["last", "all", "none"],
    "figure_formats": ["png", "pdf", "svg", "eps", "tif", "jpg", "webp"],
    "compress_metadata": [None, "tar.gz", "zip"],
    "tracking": ["mlflow", "none"],
    "engine": [None, "compiled", "reference"],
    "on_analysis_error": ["fail", "continue"],
}
RECORDED = {
    *("script_repr", "snapshot", "checkpoint_every", "figure_formats", "figure", "metadata_dir", "compress_metadata"),
    *("before", "after", "tracking", "engine", "on_analysis_error"),
}
"""Options that say what a run keeps: run.yaml lists them under `options`."""


def test_a_run_without_options_is_the_documented_one():
    """Defaults, choices and limits are part of what users rely on: scripts leave options out."""
    assert {name: option.default for name, option in OPTIONS.items() if option.default is not None} == UNSET
    assert {name: list(option.objects) for name, option in OPTIONS.items() if hasattr(option, "objects")} == CHOICES
    limits = {name: option.bounds for name, option in OPTIONS.items() if isinstance(option, param.Number)}
    assert limits == {"max_name_length": (40, 240), "checkpoint_every": (0, None)}
    assert set(recorded_options(RunOptions())) == RECORDED
    assert {"sweep_id", "sweep_time", "sweep_names", "sweep_dir", "sweep_point"} == HIDDEN_OPTIONS


def test_the_record_has_the_options(tmp_path):
    """run.yaml lists the recorded options with their values."""
    run = finished_run(
        run_spec(tmp_path, analyses={"numbers": numbers}, snapshot="all", metadata_dir=tmp_path / "kept")
    )
    recorded = run.metadata["options"]
    assert set(recorded) == set(recorded_options(RunOptions()))
    assert not set(recorded) & {*AT_TOP_LEVEL, *HIDDEN_OPTIONS}
    assert (recorded["snapshot"], recorded["metadata_dir"]) == ("all", str(tmp_path / "kept"))


def test_values_are_read_into_their_types(monkeypatch):
    """Directories are absolute paths, lists are tuples, a number multiplies the standard times."""
    monkeypatch.setenv("HOME", "/home/me")
    options = RunOptions.read({"metadata_dir": "~/kept", "figure_formats": ["pdf"], "times": 0.1})
    assert options.metadata_dir == Path("/home/me/kept")
    assert options.figure_formats == ("pdf",)
    assert options.times[-1] == 1000.0


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [(None, None, "Output"), (None, "theirs", "theirs"), ("mine", "theirs", "mine"), ("~/mine", None, "/home/me/mine")],
)
def test_run_directories_are_made_where_asked(tmp_path, monkeypatch, option, environment, expected):
    """The option goes before TOPO_EXP_OUTPUT, and that before Output; each is absolute."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("TOPO_EXP_OUTPUT", raising=False)
    if environment:
        monkeypatch.setenv("TOPO_EXP_OUTPUT", environment)
    assert RunOptions.read({"output_dir": option}).output_dir == tmp_path / expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, {}),
        ({"cortex_density": "cd", "area": 2}, {"cortex_density": "cd", "area": "2"}),
        (["area", "cortex_density"], {"area": "area", "cortex_density": "cortex_density"}),
        (("area",), {"area": "area"}),
    ],
)
def test_abbreviations_are_read_in_their_order(names, expected):
    """A mapping gives short names, a list the order alone."""
    found = RunOptions.read({"param_names": names}).param_names
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize("names", ["cd", 3, [3], ["area", 3]])
def test_other_abbreviations_are_refused(names):
    """A text or a number is no list of names."""
    with pytest.raises(ConfigError, match="param_names: must be a mapping or a list of names"):
        RunOptions.read({"param_names": names})


def test_the_style_of_pictures_is_read_and_recorded():
    """Options of the style become a FigureStyle, and run.yaml lists them so that they make the same style again."""
    options = RunOptions.read({"figure": {"dpi": 300, "width": "6cm"}})
    assert options.figure == FigureStyle(dpi=300, width=60)
    assert FigureStyle.from_options(recorded_options(options)["figure"]) == options.figure


@pytest.mark.parametrize(
    ("style", "error", "text"),
    [({"dip": 300}, UnknownNameError, "Did you mean 'dpi'"), ({"width": "wide"}, ParameterError, "must be a length")],
)
def test_a_wrong_style_is_refused(style, error, text):
    """An unknown option of the style gets a suggestion, a wrong value its rule."""
    with pytest.raises(error, match=text):
        RunOptions.read({"figure": style})
