"""Run a model, or many, as Hydra composes them."""

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from topo_exp.cli.sweeper import register as register_sweeper
from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import (
    CONFIG_NAME,
    VERSION_BASE,
    compose_settings,
    explained,
    group_test,
    settings_of,
)
from topo_exp.compose.overrides import for_hydra
from topo_exp.compose.schema import conf_directory
from topo_exp.compose.source import register
from topo_exp.errors import ConfigError, TopoExpError

WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd")
"""Hydra's flags that are followed by a word of their own."""
INFO = ("--info", "-i")
INFO_CHOICES = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
DIRECTORY = ("--config-dir", "-cd")
OTHER_CONFIG = ("--config-name", "-cn", "--config-path", "-cp")
COMPLETION = ("--shell-completion", "-sc", "--hydra-help", "--experimental-rerun")


@dataclass(frozen=True)
class CommandLine:
    """The words of a command line, sorted."""

    flags: list[str]
    overrides: list[str]
    directories: list[Path]

    @classmethod
    def read(cls, words: Sequence[str]) -> "CommandLine":
        """Tell flags from overrides, wherever they stand; Hydra wants all flags first."""
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
        """Tell whether one of the flags is there."""
        return any(flag.partition("=")[0] in flags for flag in self.flags)


def call(words: list[str]) -> int:
    """Run what the words describe, or show what Hydra's flags ask for."""
    register()
    register_sweeper()
    line = CommandLine.read(words)
    if line.has(*COMPLETION):  # these read the words themselves
        _hydra(words)
        return 0
    with explained(line.directories):
        overrides = for_hydra(line.overrides, group_test(line.directories))
        if line.has("--cfg", "-c") and not line.has(*OTHER_CONFIG):
            make_spec(compose_settings(line.overrides, line.directories))  # a mistake is no configuration to show
        _hydra([*line.flags, *overrides])
    return 0


def one_run(config: DictConfig) -> None:
    """Carry out the run that Hydra composed, and say where it is."""
    from topo_exp.runner.run import execute

    run = execute(make_spec(settings_of(config, HydraConfig.get())))
    print(f"done: {_short(run.directory)}", flush=True)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _hydra(words: Sequence[str]) -> None:
    """Give the words to Hydra, which reads them from `sys.argv`, and carry out what it composes.

    Raises:
        TopoExpError: of a single run. In a sweep it is told at once and handed to the sweeper, so that the other runs
            are started all the same.
    """
    failures = []
    started = False

    def task(config: DictConfig) -> dict[str, str] | None:
        nonlocal started
        started = True
        try:
            one_run(config)
        except TopoExpError as error:
            failures.append(error)  # Hydra would print a line of its own if it were raised here
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                print(f"topo_exp: {error}", file=sys.stderr, flush=True)
            return {"failed": str(error)}
        return None

    program = hydra.main(version_base=VERSION_BASE, config_path=str(conf_directory()), config_name=CONFIG_NAME)
    try:
        with _arguments(["topo-exp", *words]), _plain_errors():
            program(task)()
    except ValueError as error:
        if started or isinstance(error, TopoExpError):
            raise
        raise ConfigError(f"command line: {error}") from error  # flags that Hydra does not take together
    if failures:
        raise failures[0]


@contextmanager
def _arguments(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Let Hydra raise errors instead of printing them and exiting; with the user's HYDRA_FULL_ERROR show them, too."""
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
