"""Compose settings with Hydra, and say in a sentence what Hydra says in a page."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from topo_exp.compose.bridge import Settings
from topo_exp.compose.loading import model_names
from topo_exp.compose.overrides import as_written, command, for_hydra, keys, literal
from topo_exp.compose.schema import conf_directory
from topo_exp.compose.source import register
from topo_exp.errors import ConfigError, UnknownNameError, nearest

VERSION_BASE = "1.3"
CONFIG_NAME = "config"
ADDED_BY_SWEEP = ("sweep_id", "sweep_time")


def compose_settings(words: Sequence[str], directories: Sequence[Path] = ()) -> Settings:
    """Compose overrides as the command line does, without running anything.

    Arguments:
        words: overrides as a user writes them.
        directories: further directories of configuration files.

    Raises:
        ConfigError, UnknownNameError: the overrides cannot be composed.
    """
    register()
    overrides = for_hydra(words, group_test(directories))
    if directories:
        paths = [f"file://{Path(directory).absolute()}" for directory in directories]
        overrides.append(f"hydra.searchpath={literal(paths)}")
    with explained(directories), initialize_config_dir(str(conf_directory()), version_base=VERSION_BASE):
        return settings_of(compose(CONFIG_NAME, overrides=overrides, return_hydra_config=True))


def settings_of(composed: DictConfig, hydra_node: Any = None) -> Settings:
    """Take what the runner needs out of a composed configuration.

    Arguments:
        composed: the configuration, with its `hydra` node unless that comes by itself.
        hydra_node: Hydra's own settings, `HydraConfig.get()` in a job.

    Raises:
        ConfigError: a value is missing, or refers to one that is not there.
    """
    if hydra_node is None:
        hydra_node = composed["hydra"]
    with explained():
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        config = OmegaConf.to_container(task, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    words = as_written(OmegaConf.to_container(hydra_node.overrides.task))  # type: ignore[arg-type]
    words = [word for word in words if word.partition("=")[0] not in ADDED_BY_SWEEP]
    others = [word for word in words if word.partition("=")[0] != "model"]
    model = [f"model={literal(config['model'])}"] if "model" in config else []
    return Settings(
        config={str(key): value for key, value in config.items()},
        given=keys(words),
        command=command([*_directories(hydra_node), *model, *others]),
        texts={
            "config.yaml": OmegaConf.to_yaml(task),
            "overrides.yaml": OmegaConf.to_yaml(OmegaConf.create(words)),
            "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create({"hydra": hydra_node})),
        },
    )


@contextmanager
def explained(directories: Iterable[Path] = ()) -> Iterator[None]:
    """Turn Hydra's and OmegaConf's errors inside the block into short ones of ours."""
    try:
        yield
    except MissingConfigException as error:
        raise _missing(error, directories) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"configuration: {_sentence(error)}") from error


def group_test(directories: Sequence[Path]) -> Any:
    """Make the test of whether a key is a group of files in one of the directories, or beside our own groups."""
    places = [conf_directory(), *(Path(directory) for directory in directories)]
    return lambda key: any((place / key).is_dir() for place in places)


def _directories(hydra_node: DictConfig) -> list[str]:
    """Give the flags and overrides that make Hydra read the same further directories again."""
    sources = hydra_node.runtime.config_sources
    flags = [part for source in sources if source.provider == "command-line" for part in ("--config-dir", source.path)]
    if hydra_node.job.config_name not in (None, CONFIG_NAME):
        flags += ["--config-name", hydra_node.job.config_name]
    return flags + [word for word in hydra_node.overrides.hydra if word.startswith("hydra.searchpath=")]


def _missing(error: MissingConfigException, directories: Iterable[Path]) -> ConfigError | UnknownNameError:
    group, slash, name = (error.missing_cfg_file or "").partition("/")
    if not slash:
        return ConfigError(f"configuration: {_sentence(error)}")
    known = set(model_names()) if group == "model" else set()
    for place in (conf_directory(), *directories):
        known |= {path.stem for path in (Path(place) / group).glob("*.yaml")}
    own = {
        "analysis": "For a function of your own write path/to/file.py:function.",
        "model": "For a file of your own write model=path/to/file.py.",
    }
    return UnknownNameError(
        f"{group}: no such {group} (got {name!r}). {nearest(name, known) if known else ''} {own.get(group, '')}".strip()
    )


def _sentence(error: Exception) -> str:
    """Keep the part of a message that says what is wrong, on one line."""
    texts = [str(error), str(error.__cause__ or "")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    dropped = ("See https", "To append", "full_key:", "object_type=", "Set the environment")
    return " ".join(line for line in lines if line and not line.startswith(dropped))
