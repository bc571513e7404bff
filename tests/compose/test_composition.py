"""Composition: which model's parameters are composed, and which directories a command names again."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl as ConfigLoader
from omegaconf import DictConfig, OmegaConf

from topo_exp.compose.composition import SEARCH_PATH, _with_models_parameters, compose_point, directory_flags
from topo_exp.compose.space import base_words


@pytest.mark.parametrize(
    ("model", "overrides", "loaded", "final"),
    [
        ("tiny", [], [[]], "tiny"),
        ("gcal", [], [[], ["model=gcal"]], "gcal"),
        ("gcal", ["tag=x"], [["tag=x"], ["tag=x", "model=gcal"]], "gcal"),
        ("gcal", ["model=tiny"], [["model=tiny"]], "tiny"),
        ("gcal", ["~model"], [["~model"]], "gcal"),
        (None, [], [[]], None),
        (3, [], [[]], 3),
    ],
)
def test_a_model_that_a_file_names_brings_its_parameters(
    model: Any, overrides: list[str], loaded: list[list[str]], final: Any
) -> None:
    """Composition is repeated with a file's model; a model of the command line, or a deleted one, is left as it is."""
    calls: list[list[str]] = []

    def load(words: Sequence[str]) -> DictConfig:
        calls.append(list(words))
        chosen = words[-1].partition("=")[2] if words and words[-1].startswith("model=") else "tiny"
        return OmegaConf.create({"model": model, "hydra": {"runtime": {"choices": {"model": chosen}}}})

    assert _with_models_parameters(load, overrides).model == final
    assert calls == loaded


@pytest.mark.parametrize("model", ["tiny", "gcal"])
def test_a_run_of_a_sweep_is_composed_with_the_words_that_are_returned(model: str) -> None:
    """If a file chooses the model by its key, the word for the model is among them."""
    sweep, calls = OmegaConf.create({"a": 1}), []

    def load_sweep_config(given: DictConfig, words: list[str]) -> DictConfig:
        assert given is sweep
        calls.append(words)
        return OmegaConf.create({"model": model, "hydra": {"runtime": {"choices": {"model": words[-1][6:] or "tiny"}}}})

    loader = cast("ConfigLoader", SimpleNamespace(load_sweep_config=load_sweep_config))
    composed, words = compose_point(loader, sweep, ["a=2"])
    assert words == calls[-1] == ["a=2", *([] if model == "tiny" else ["model=gcal"])]
    assert composed.model == model


def source(provider: str, schema: str, path: str) -> dict[str, str]:
    """Return a source of configuration as Hydra lists it."""
    return {"provider": provider, "schema": schema, "path": path}


def test_a_command_names_the_directories_that_were_added() -> None:
    """Directories are given as such, other sources as Hydra's search path; what is there anyhow is not repeated."""
    builtin = source("main", "file", "/conf")
    added = [source("command-line", "file", "/a b"), source("command-line", "pkg", "mine.conf")]

    def node(sources: list[dict[str, str]], name: str | None = None) -> DictConfig:
        return OmegaConf.create({"runtime": {"config_sources": sources}, "job": {"config_name": name}})

    assert directory_flags(node([builtin])) == []
    assert directory_flags(node([builtin, added[0]])) == ["--config-dir", "/a b"]
    assert directory_flags(node([added[0]], "other")) == ["--config-dir", "/a b", "--config-name", "other"]
    *flags, path = directory_flags(node([builtin, *added]))
    assert flags == ["--config-dir", "/a b"]
    assert path.startswith(f"{SEARCH_PATH}=")
    assert "pkg://mine.conf" in path
    assert "/a b" not in path


def test_words_that_do_not_vary_are_found_without_listing_the_others() -> None:
    """Values of files and of endless ranges are not asked for, since nothing is varied yet."""
    words = ["tag=x", "model=glob(*)", "a=1,2", "b=range(3)", "~c", "hydra/launcher=basic", "d=[1,2]"]
    assert sorted(base_words(words)) == sorted(["tag=x", "~c", "hydra/launcher=basic", "d=[1,2]"])
