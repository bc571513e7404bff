"""Composition: which model's parameters are composed, and which directories a command names again."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl as ConfigLoader
from omegaconf import DictConfig, OmegaConf

from topo_exp.compose.composition import (
    FIXED,
    SEARCH_PATH,
    _with_models_parameters,
    compose,
    compose_point,
    directory_flags,
    group_test,
    hydra_loader,
    plain_mapping,
    run_command,
    settings_of,
    with_search_path,
)
from topo_exp.compose.space import base_words
from topo_exp.errors import ConfigError


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


def test_directories_come_before_those_of_the_words() -> None:
    """Each word of the search path is replaced by one word for all; without any there is none."""
    assert with_search_path(["a=1"], []) == ["a=1"]
    words = [f"{SEARCH_PATH}=[pkg://one,'file:///b c']", "a=1", f"+{SEARCH_PATH}=pkg://two"]
    *others, last = with_search_path(words, [Path("/mine")])
    assert others == ["a=1"]
    assert last == f"{SEARCH_PATH}=['file:///mine','pkg://one','file:///b c','pkg://two']"
    (last,) = with_search_path([], [Path("mine")])
    assert last == f"{SEARCH_PATH}=['file://{Path.cwd() / 'mine'}']"


@pytest.mark.parametrize(
    ("words", "model", "flags", "command"),
    [
        (["a=1"], "tiny", [], "python -m topo_exp model=tiny a=1"),
        (["model=x.py", "a=1"], "x.py", ["--flag", "/a b"], "python -m topo_exp --flag '/a b' model=x.py a=1"),
        (["~model", "a='b c'"], None, [], "python -m topo_exp ~model \"a='b c'\""),
        (["model_x=1"], "tiny", [], "python -m topo_exp model=tiny model_x=1"),
    ],
)
def test_a_run_is_repeated_by_its_command(words: list[str], model: Any, flags: list[str], command: str) -> None:
    """Flags first, then the model, which may come from a file, then the other words."""
    place, _, written = run_command(words, model, flags).partition("; ")
    assert shlex.split(place) == ["cd", str(Path.cwd())]
    assert shlex.split(written) == shlex.split(command)


def test_a_group_is_a_folder_of_the_package_or_of_the_user(tmp_path: Path) -> None:
    """A file of that name is none."""
    (tmp_path / "colours").mkdir()
    (tmp_path / "single").touch()
    is_group = group_test([tmp_path])
    assert [is_group(key) for key in ("analysis", "colours", "single", "nothing")] == [True, True, False, False]
    assert not group_test([])("colours")


def test_settings_are_those_of_the_user(tmp_path: Path) -> None:
    """What a sweep adds to its runs is in the configuration, and neither in the command nor among what was given."""
    with hydra_loader() as loader:
        composed = compose(["cortex_density=3", "+sweep_point=k", "tag=x"], [], loader)
        assert composed.hydra.mode.name == "RUN"
        found = settings_of(composed)
        assert settings_of(OmegaConf.masked_copy(composed, ["cortex_density"]), composed.hydra).config == {
            "cortex_density": 3
        }
    assert found.config["sweep_point"] == "k"
    assert "hydra" not in found.config
    assert dict(found.given) == {"cortex_density": "3", "tag": "x"}
    assert found.command.endswith("; python -m topo_exp model=tiny cortex_density=3 tag=x")
    assert found.texts["overrides.yaml"] == "- cortex_density=3\n- tag=x\n"
    assert OmegaConf.create(found.texts["config.yaml"])["cortex_density"] == 3
    assert list(cast("Any", OmegaConf.create(found.texts["hydra.yaml"]))) == ["hydra"]
    missing = OmegaConf.create({"a": "???", "hydra": composed.hydra})
    with pytest.raises(ConfigError, match="Missing"):
        settings_of(missing)
    with pytest.raises(ConfigError, match="Missing"):
        plain_mapping(OmegaConf.create({"a": "???"}))
    assert plain_mapping(OmegaConf.create({1: "${b}", "b": 2})) == {"1": 2, "b": 2}


def test_only_a_sweep_may_have_several_values() -> None:
    """Its configuration says that it is one; a wrong directory of configuration files is named."""
    with hydra_loader() as loader:
        swept = compose(["cortex_density=3,4"], [], loader, is_sweep=True)
        assert swept.hydra.mode.name == "MULTIRUN"
        with pytest.raises(ConfigError, match=r"cortex_density: must be one value \(got '3,4'\)"):
            compose(["tag=x", "cortex_density=3,4"], [], loader)
        assert compose(["cortex_density=3,4", "hydra.mode=MULTIRUN"], [], loader).hydra.mode.name == "MULTIRUN"
        with pytest.raises(ConfigError, match=r"--config-dir: must be a directory \(got '/nowhere'\)"):
            compose([], [Path("/nowhere")], loader)


WRONG = {"job.chdir": "true"}
"""Values of settings that are no text."""


@pytest.mark.parametrize(
    ("word", "message"),
    [
        *((f"hydra.{name}={WRONG.get(name, 'x')}", f"must stay .*Use {FIXED[name][1]}=") for name in FIXED),
        ("hydra/job_logging=default", r"hydra\.job_logging: must have no handlers"),
        ("hydra/hydra_logging=default", r"hydra\.hydra_logging: must have no handlers"),
        ("hydra.sweeper._target_=os.system", r"hydra/sweeper: must be points \(got 'os\.system'\)"),
        ("hydra.launcher._target_=os.system", r"hydra\.launcher: must be an installed launcher \(got 'os\.system'\)"),
    ],
)
def test_hydra_makes_no_files_and_runs_no_program_that_a_word_names(word: str, message: str) -> None:
    """Its settings of directories, logs, sweepers and launchers are those of this program."""
    with hydra_loader() as loader, pytest.raises(ConfigError, match=message):
        compose([word], [], loader)
