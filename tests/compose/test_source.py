"""Configurations that Hydra is given from declarations."""

import pytest
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError

from topo_exp.compose.loading import model_names
from topo_exp.compose.source import DeclaredSource
from topo_exp.errors import UnknownNameError
from topo_exp.runner.options import OPTIONS


@pytest.fixture
def source() -> DeclaredSource:
    """Return the source."""
    return DeclaredSource(provider="ours", path=f"{DeclaredSource.scheme()}://")


@pytest.mark.parametrize(
    ("path", "is_config"),
    [
        *[("options", True), ("options.yaml", True), ("", False), ("config", False), ("other/options", False)],
        *[("model/tiny", True), ("model/tiny.yaml", True), ("model/a/b/mine.py", True), ("model/nothing", False)],
        *[("analysis/mine.py:look", True), ("analysis/a/mine.py:look", True), ("analysis/os.path.join", True)],
        *[("analysis/default", False), ("analysis/mine.py", False), ("analysis/mine.py:1x", False)],
        *[("analysis/:look", False), ("analysis/.look", False)],
    ],
)
def test_a_path_names_a_configuration_if_one_can_be_made(source: DeclaredSource, path: str, is_config: bool) -> None:
    """Models by name or file, functions by file or module; their targets are checked when they are loaded."""
    assert source.is_config(path) == is_config
    if not is_config and not path.startswith(("model", "analysis")):
        with pytest.raises(ConfigLoadError, match="no configuration of that name"):
            source.load_config(path)


def test_configurations_have_the_defaults_of_the_declarations(source: DeclaredSource) -> None:
    """Options and parameters stand at the top; an analysis under its name."""
    options, model = source.load_config("options"), source.load_config("model/tiny")
    analysis = source.load_config("analysis/a/mine.py:look")
    assert [each.header["package"] for each in (options, model, analysis)] == ["_global_", "_global_", "analysis"]
    assert {each.provider for each in (options, model, analysis)} == {"ours"}
    assert {each.path for each in (options, model, analysis)} == {"topo-exp://"}
    assert set(options.config) <= {*OPTIONS}
    assert dict(model.config)["model"] == "tiny"
    assert "cortex_density" in model.config
    assert dict(analysis.config) == {"look": {"_target_": "a/mine.py:look"}}
    with pytest.raises(UnknownNameError):
        source.load_config("model/nothing")


def test_groups_and_models_are_listed(source: DeclaredSource) -> None:
    """For tab completion and for messages."""
    assert source.available()
    groups, others = ("", "/", "model", "model/", "analysis"), ("hydra", "model/tiny", "modelX")
    assert [source.is_group(path) for path in (*groups, *others)] == [True] * 5 + [False] * 3
    assert source.list("", None) == source.list("", ObjectType.GROUP) == ["analysis", "model"]
    assert source.list("", ObjectType.CONFIG) == []
    assert source.list("model", None) == source.list("model/", ObjectType.CONFIG) == model_names()
    assert source.list("model", ObjectType.GROUP) == []
    assert source.list("analysis", None) == []
