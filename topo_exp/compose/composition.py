"""Compose settings with Hydra."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from topo_exp.compose.bridge import Settings
from topo_exp.compose.loading import user_path
from topo_exp.compose.mistakes import SEARCH_PATH, composition_errors
from topo_exp.compose.overrides import (
    as_written,
    for_hydra,
    names_set,
    parsed,
    refuse_values_to_sweep,
    vary,
    written_settings,
)
from topo_exp.compose.schema import conf_directory
from topo_exp.compose.shell import command_line
from topo_exp.compose.source import register_config_source
from topo_exp.errors import ConfigError
from topo_exp.runner.options import HIDDEN_OPTIONS
from topo_exp.sweeps.values import Value, literal, plain
from topo_exp.typing import Data

VERSION_BASE = "1.3"
CONFIG_NAME = "config"
SWEEPER = "hydra_plugins.topo_exp.Points"
"""The sweeper of this program; others do not report failed runs."""
OWN_LAUNCHERS = frozenset(f"hydra_plugins.topo_exp.{name}" for name in ("Local", "Slurm", "Dask"))
"""The launchers of this program, which are registered with Hydra only where sweeps are run by a command."""
ADDED_BY_SWEEP = HIDDEN_OPTIONS
"""Settings that a multirun adds to each of its runs; they are no part of a command that repeats the run."""

FIXED: dict[str, tuple[Value, str]] = {
    "run.dir": (".", "output_dir"),
    "sweep.dir": (".", "output_dir"),
    "sweep.subdir": (".", "dirname_prefix"),
    "output_subdir": (None, "output_dir"),
    "job.chdir": (False, "output_dir"),
    "runtime.output_dir": (None, "output_dir"),
}
"""Hydra's settings about directories, which the runner makes here: their values, and the option to use instead."""


@contextmanager
def hydra_loader() -> Iterator[ConfigLoader]:
    """Yield Hydra's loader of configurations, for the files of this package and the declarations of models."""
    register_config_source()
    with initialize_config_dir(str(conf_directory()), job_name="topo_exp", version_base=VERSION_BASE):
        yield GlobalHydra.instance().config_loader()


def compose(
    words: Sequence[str],
    directories: Sequence[Path],
    loader: ConfigLoader,
    *,
    is_sweep: bool = False,
    config_name: str = CONFIG_NAME,
) -> DictConfig:
    """Compose the configuration of a run or of a sweep, and check Hydra's own settings in it.

    Args:
        words: overrides as a user writes them.
        directories: further directories of configuration files.
        loader: from `hydra_loader`.
        is_sweep: Whether words may list values to sweep; otherwise only a file that sets `hydra.mode` allows that.
        config_name: The primary configuration.

    Returns:
        The configuration, with its node `hydra`, where `hydra.mode` says whether it is a sweep.

    Raises:
        ConfigError, UnknownNameError: the words cannot be composed, or set what the runner sets.
    """
    for directory in directories:
        if not user_path(str(directory), "--config-dir").is_dir():
            raise ConfigError(f"--config-dir: must be a directory (got {str(directory)!r}). Give the path of one.")
    overrides = with_search_path(for_hydra(words, group_test(directories)), directories)
    varies = any(vary(word) for word in overrides)
    if is_sweep:
        overrides.append("hydra.mode=MULTIRUN")  # for the jobs, too, whose launchers compose them again
    mode = RunMode.MULTIRUN if is_sweep or varies else RunMode.RUN

    def load(chosen: Sequence[str]) -> DictConfig:
        with composition_errors(directories):
            return loader.load_configuration(config_name, list(chosen), run_mode=mode)

    composed = _with_models_parameters(load, overrides)
    with composition_errors(directories):
        if not is_sweep and varies and composed.hydra.mode != RunMode.MULTIRUN:
            refuse_values_to_sweep(next(word for word in overrides if vary(word)))
        _check_hydra(composed)
        with open_dict(composed):
            composed.hydra.mode = composed.hydra.mode or RunMode.RUN
    return composed


def compose_point(loader: ConfigLoader, sweep: DictConfig, words: Sequence[str]) -> tuple[DictConfig, list[str]]:
    """Compose one run of a sweep.

    Args:
        loader: from `hydra_loader`.
        sweep: The configuration of the sweep.
        words: Overrides of the run, rewritten for Hydra.

    Returns:
        The configuration, and the overrides, with the model added if a file chooses it by the key `model`.

    Raises:
        ConfigError, UnknownNameError: it cannot be composed.
    """
    used: list[str] = []

    def load(chosen: Sequence[str]) -> DictConfig:
        used[:] = chosen
        with composition_errors():
            return loader.load_sweep_config(sweep, list(chosen))

    return _with_models_parameters(load, words), used


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
    with hydra_loader() as loader:
        return settings_of(compose(words, directories, loader))


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
    return command_line([*flags, *([] if model is None else [f"model={literal(plain(model, 'model'))}"]), *others])


def group_test(directories: Sequence[Path]) -> Callable[[str], bool]:
    """Return a function that returns True for a key that is a group of files, of the package or in a directory."""
    places = [conf_directory(), *(Path(directory) for directory in directories)]
    return lambda key: any((place / key).is_dir() for place in places)


def _with_models_parameters(load: Callable[[Sequence[str]], DictConfig], overrides: Sequence[str]) -> DictConfig:
    """Compose; compose again if a file sets the key `model`, which chooses no file and so brings no parameters.

    The command line has precedence over the file.
    """
    composed = load(overrides)
    chosen, model = composed.hydra.runtime.choices.get("model"), composed.get("model")
    if model == chosen or not isinstance(model, str) or any(word.startswith("~model") for word in overrides):
        return composed
    if "model" in names_set(overrides):
        composed.model = chosen
        return composed
    return load([*overrides, f"model={literal(model)}"])


def with_search_path(overrides: Sequence[str], directories: Sequence[Path]) -> list[str]:
    """Add directories to Hydra's search path, before those that the overrides add."""
    paths = [f"file://{Path(directory).absolute()}" for directory in directories]
    others = []
    for word in overrides:
        if word.lstrip("+").startswith(f"{SEARCH_PATH}="):
            value = parsed(word).value()
            paths += [str(getattr(item, "text", item)) for item in (value if isinstance(value, list) else [value])]
        else:
            others.append(word)
    return [*others, f"{SEARCH_PATH}={literal([*paths])}"] if paths else others


def _check_hydra(composed: DictConfig) -> None:
    """Raise if Hydra would make directories or files, or run a plugin that is not installed."""
    node = composed.hydra
    for name, (value, option) in FIXED.items():
        found = OmegaConf.select(node, name)
        if found != value:
            raise ConfigError(
                f"hydra.{name}: must stay {literal(value)}, since topo_exp makes the directories of runs "
                f"(got {found!r}). Use {option}=... instead."
            )
    for name in ("job_logging", "hydra_logging"):
        if node[name] is not None and node[name].get("handlers"):
            raise ConfigError(
                f"hydra.{name}: must have no handlers, since topo_exp writes the log (got "
                f"{', '.join(map(str, node[name].handlers))}). Leave it out; verbose=true shows the log."
            )
    target = node.sweeper.get("_target_") if isinstance(node.sweeper, DictConfig) else node.sweeper
    if target != SWEEPER:
        raise ConfigError(f"hydra/sweeper: must be points (got {target!r}). Leave it out.")
    launchers = {f"{cls.__module__}.{cls.__name__}" for cls in Plugins.instance().discover(Launcher)}
    target = node.launcher.get("_target_") if isinstance(node.launcher, DictConfig) else node.launcher
    if target not in {*launchers, *OWN_LAUNCHERS}:
        raise ConfigError(
            f"hydra.launcher: must be an installed launcher (got {target!r}). Choose one by name, hydra/launcher=local."
        )


def directory_flags(hydra_node: DictConfig) -> list[str]:
    """Return the flags and overrides that make Hydra read the same further directories again."""
    sources = [source for source in hydra_node.runtime.config_sources if "command-line" in source.provider]
    flags = [part for source in sources if source.schema == "file" for part in ("--config-dir", source.path)]
    others = [f"{source.schema}://{source.path}" for source in sources if source.schema != "file"]
    if hydra_node.job.config_name not in (None, CONFIG_NAME):
        flags += ["--config-name", hydra_node.job.config_name]
    return [*flags, f"{SEARCH_PATH}={literal([*others])}"] if others else flags
