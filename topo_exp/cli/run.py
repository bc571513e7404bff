"""Run a model, or many, as Hydra composes them."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from topo_exp.cli.sweeper import register_sweeper
from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import (
    CONFIG_NAME,
    VERSION_BASE,
    compose_settings,
    composition_errors,
    group_test,
    settings_of,
)
from topo_exp.compose.overrides import for_hydra, literal
from topo_exp.compose.schema import SWEEP_NODE, conf_directory
from topo_exp.compose.source import register_config_source
from topo_exp.compose.space import base_words
from topo_exp.errors import ConfigError, TopoExpError
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.leased import run_leased

WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd")
"""Hydra's flags that are followed by a word of their own."""
INFO = ("--info", "-i")
INFO_CHOICES = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
DIRECTORY = ("--config-dir", "-cd")
OTHER_CONFIG = ("--config-name", "-cn", "--config-path", "-cp")
COMPLETION = ("--shell-completion", "-sc", "--hydra-help", "--experimental-rerun")


@dataclass(frozen=True)
class CommandLine:
    """The words of a command line, sorted.

    Args:
        flags: Flags of Hydra, with their values.
        overrides: Settings.
        directories: Further directories of configuration files, as `--config-dir` names them.
    """

    flags: list[str]
    overrides: list[str]
    directories: list[Path]

    @classmethod
    def read(cls, words: Sequence[str]) -> "CommandLine":
        """Separate flags from overrides, at any place; Hydra requires all flags first."""
        flags: list[str] = []
        overrides: list[str] = []
        directories = []
        rest = iter(words)
        previous = ""
        for word in rest:
            if not word.startswith("-"):
                is_value = previous in INFO and word in INFO_CHOICES
                (flags if is_value else overrides).append(word)
            else:
                flag, equal, value = word.partition("=")
                flags.append(word)
                if flag in WITH_VALUE and not equal:
                    value = next(rest, "")
                    flags.append(value)
                if flag in DIRECTORY:
                    directories.append(Path(value))
            previous = word
        return cls(flags, overrides, directories)

    def has(self, *flags: str) -> bool:
        """Return True if one of the flags is present."""
        return any(flag.partition("=")[0] in flags for flag in self.flags)


def run_models(words: list[str]) -> int:
    """Run the models that the words describe, or print the information that Hydra's flags request.

    Args:
        words: flags of Hydra and settings.

    Returns:
        The exit code 0.

    Raises:
        TopoExpError: a single run failed or was refused, or at least one run of a sweep failed.
    """
    register_config_source()
    register_sweeper()
    line = CommandLine.read(words)
    if line.has(*COMPLETION):  # these read the words themselves
        _run_hydra(words)
        return 0
    with composition_errors(line.directories):
        is_group = group_test(line.directories)
        is_sweep = line.has("-m", "--multirun") and not _other_sweeper(line.overrides)
        overrides = _sweep_overrides(line.overrides, is_group) if is_sweep else for_hydra(line.overrides, is_group)
        if not is_sweep:
            _refuse_sweep_words(line.overrides)
        if line.has("--cfg", "-c") and not line.has(*OTHER_CONFIG):
            make_spec(compose_settings(line.overrides, line.directories))  # refuse a mistaken configuration
        for outcome in _run_hydra([*line.flags, *overrides]):
            outcome.raise_error()
    return 0


def _other_sweeper(words: Sequence[str]) -> bool:
    """Return True if another sweeper than that of this program is chosen; it reads the words itself."""
    chosen = [word.partition("=")[2] for word in words if word.lstrip("+").startswith("hydra/sweeper=")]
    return bool(chosen) and chosen[-1] != "points"


def _sweep_overrides(words: Sequence[str], is_group: Callable[[str], bool]) -> list[str]:
    """Return the words for Hydra: those that do not vary as they are, and all of them as data for the sweeper.

    Hydra's own parser refuses the functions and entries of a sweep that it does not know.
    """
    text = json.dumps(list(words)).replace("$", r"\u0024")  # OmegaConf resolves references, also escaped ones
    return [*for_hydra(base_words(words), is_group), f"hydra.sweeper.words={literal(text)}"]


def _refuse_sweep_words(words: Sequence[str]) -> None:
    for word in words:
        if word.lstrip("+").startswith(f"{SWEEP_NODE}."):
            raise ConfigError(f"{SWEEP_NODE}: must stand in a command with -m (got {word!r}). Add -m, or leave it out.")


def run_job(config: DictConfig) -> Outcome:
    """Carry out the run that Hydra composed; this is the task of each job, in whichever process a launcher runs it.

    The end of the run is printed at once, since a launcher returns the outcomes of a sweep only when all are known.

    Args:
        config: The composed configuration.

    Returns:
        How the run ended.
    """
    from topo_exp.runner.run import execute

    try:
        settings = settings_of(config, HydraConfig.get())
        spec = make_spec(settings)
        directory, point = spec.options.sweep_dir, spec.options.sweep_point
        if directory is not None and point is not None:
            outcome = run_leased(SweepDirectory.open(directory), point, lambda: execute(spec))
        else:
            outcome = execute(spec)
    except TopoExpError as error:
        outcome = Outcome.of_error(error)
    if outcome.status == "done" and outcome.directory is not None:
        print(f"done: {_short(outcome.directory)}", flush=True)
    elif HydraConfig.get().mode == RunMode.MULTIRUN:
        print(f"topo_exp: {outcome.error}", file=sys.stderr, flush=True)
    return outcome


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _run_hydra(words: Sequence[str]) -> list[Outcome]:
    """Pass the words to Hydra, which reads them from `sys.argv`, and run the jobs that it composes.

    Returns:
        The outcome of a single run. Those of a sweep are returned to the sweeper, which reports them.

    Raises:
        ConfigError: Hydra refuses the combination of flags.
    """
    single: list[Outcome] = []
    has_started = False

    def task(config: DictConfig) -> Outcome:
        nonlocal has_started
        has_started = True
        outcome = run_job(config)
        if HydraConfig.get().mode == RunMode.RUN:
            single.append(outcome)  # Hydra discards the value that the task of a single run returns
        return outcome

    program = hydra.main(version_base=VERSION_BASE, config_path=str(conf_directory()), config_name=CONFIG_NAME)
    try:
        with _arguments(["topo-exp", *words]), _full_errors():
            program(task)()
    except ValueError as error:
        if has_started or isinstance(error, TopoExpError):
            raise
        raise ConfigError(f"command line: {error}") from error  # flags that Hydra does not accept together
    return single


@contextmanager
def _arguments(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _full_errors() -> Iterator[None]:
    """Make Hydra raise errors instead of printing them and exiting; print them, too, if HYDRA_FULL_ERROR was set."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    except Exception:
        if before == "1":
            traceback.print_exc()
        raise
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before
