"""Compose settings with Hydra, and shorten Hydra's error messages to one sentence."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from topo_exp.compose.bridge import Settings
from topo_exp.compose.loading import model_names
from topo_exp.compose.overrides import as_written, command_line, for_hydra, literal, written_settings
from topo_exp.compose.schema import conf_directory
from topo_exp.compose.source import register_config_source
from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.runner.options import HIDDEN_OPTIONS
from topo_exp.typing import Data

VERSION_BASE = "1.3"
CONFIG_NAME = "config"
ADDED_BY_SWEEP = HIDDEN_OPTIONS
"""Settings that a multirun adds to each of its runs; they are no part of a command that repeats the run."""


def compose_settings(words: Sequence[str], directories: Sequence[Path] = ()) -> Settings:
    """Compose overrides as the command line does, without running anything.

    Args:
        words: overrides as a user writes them.
        directories: further directories of configuration files.

    Returns:
        The composed settings.

    Raises:
        ConfigError, UnknownNameError: the overrides cannot be composed.
    """
    register_config_source()
    overrides = for_hydra(words, group_test(directories))
    if directories:
        paths = [f"file://{Path(directory).absolute()}" for directory in directories]
        overrides.append(f"hydra.searchpath={literal(paths)}")
    with composition_errors(directories), initialize_config_dir(str(conf_directory()), version_base=VERSION_BASE):
        return settings_of(compose(CONFIG_NAME, overrides=overrides, return_hydra_config=True))


def settings_of(composed: DictConfig, hydra_node: DictConfig | None = None) -> Settings:
    """Extract the settings of a run from a composed configuration.

    Args:
        composed: the configuration, with its `hydra` node unless `hydra_node` is given.
        hydra_node: Hydra's own settings, `HydraConfig.get()` in a job.

    Returns:
        The settings, as plain data.

    Raises:
        ConfigError: a value is missing, or refers to one that is not there.
    """
    if hydra_node is None:
        hydra_node = composed["hydra"]
    with composition_errors():
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        config = OmegaConf.to_container(task, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    words = as_written(OmegaConf.to_container(hydra_node.overrides.task))  # type: ignore[arg-type]
    words = [word for word in words if word.partition("=")[0] not in ADDED_BY_SWEEP]
    return Settings(
        config={str(key): value for key, value in config.items()},
        given=written_settings(words),
        command=run_command(words, config.get("model"), directory_flags(hydra_node)),
        texts={
            "config.yaml": OmegaConf.to_yaml(task),
            "overrides.yaml": OmegaConf.to_yaml(OmegaConf.create(words)),
            "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create({"hydra": hydra_node})),
        },
    )


def plain_mapping(node: DictConfig) -> dict[str, Data]:
    """Return a composed mapping as plain data."""
    with composition_errors():
        mapping = OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    assert isinstance(mapping, dict)
    return {str(name): value for name, value in mapping.items()}


def run_command(words: Sequence[str], model: object, flags: Sequence[str]) -> str:
    """Write the command that repeats a run.

    Args:
        words: Its settings as words.
        model: The chosen model; None if there is none.
        flags: Flags and words that make Hydra read the same directories, as `directory_flags` returns them.
    """
    others = [word for word in words if word.partition("=")[0] != "model"]
    return command_line([*flags, *([] if model is None else [f"model={literal(model)}"]), *others])


@contextmanager
def composition_errors(directories: Iterable[Path] = ()) -> Iterator[None]:
    """Turn errors of Hydra and OmegaConf within the block into a short ConfigError or UnknownNameError.

    Args:
        directories: further directories of configuration files, for the nearest name.

    Raises:
        ConfigError, UnknownNameError: the block raised an error of Hydra or OmegaConf.
    """
    try:
        yield
    except MissingConfigException as error:
        raise _missing(error, directories) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"configuration: {_sentence(error)}") from error


def group_test(directories: Sequence[Path]) -> Callable[[str], bool]:
    """Return a function that returns True for a key that is a group of files, of the package or in a directory."""
    places = [conf_directory(), *(Path(directory) for directory in directories)]
    return lambda key: any((place / key).is_dir() for place in places)


def directory_flags(hydra_node: DictConfig) -> list[str]:
    """Return the flags and overrides that make Hydra read the same further directories again."""
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
    """Return the part of a message that describes the mistake, on one line."""
    texts = [str(error), str(error.__cause__ or "")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    dropped = ("See https", "To append", "full_key:", "object_type=", "Set the environment")
    return " ".join(line for line in lines if line and not line.startswith(dropped))
