"""Print the configuration instead of running it: `--cfg`, and Hydra's own pages of information."""

import inspect
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import hydra
from omegaconf import DictConfig

from topo_exp.cli.line import CommandLine
from topo_exp.cli.sweeper import register_sweeper
from topo_exp.cli.words import DONE, FULL_ERROR
from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import (
    CONFIG_NAME,
    VERSION_BASE,
    compose,
    hydra_loader,
    settings_of,
    with_search_path,
)
from topo_exp.compose.mistakes import composition_errors
from topo_exp.compose.overrides import for_hydra
from topo_exp.compose.schema import conf_directory, is_plain, plain
from topo_exp.compose.source import register_config_source
from topo_exp.record.run_yaml import dump_yaml
from topo_exp.runner.options import HIDDEN_OPTIONS
from topo_exp.runner.spec import RunSpec
from topo_exp.typing import Data


def print_information(line: CommandLine) -> int:
    """Print what the flag of a command line requests.

    Args:
        line: With one of `--cfg`, `--info` and `--hydra-help`.

    Returns:
        The exit code 0.

    Raises:
        TopoExpError: the settings describe no run.
    """
    if line.has("--cfg"):
        with hydra_loader() as loader:
            name = line.flags.get("--config-name", CONFIG_NAME)
            settings = settings_of(compose(line.overrides, line.directories, loader, config_name=name))
        spec = make_spec(settings)  # refuse a mistaken configuration
        if line.flags["--cfg"] == "job" and not line.has("--package"):
            print(dump_yaml(settings_in_force(settings.config, spec)), end="")
            return DONE
    run_hydra(line)
    return DONE


def settings_in_force(config: Mapping[str, Data], spec: RunSpec) -> dict[str, Data]:
    """Return the settings of a run with the times, and all options of the analyses, as the run has them.

    Args:
        config: The composed settings.
        spec: The run that they describe.
    """
    shown = {name: value for name, value in config.items() if name not in HIDDEN_OPTIONS}
    analyses = {name: _with_defaults(spec, name) for name in spec.analyses}
    return {**shown, **spec.parameters, "times": list(spec.options.times), "analysis": analyses}


def _with_defaults(spec: RunSpec, name: str) -> Data:
    """Return the entry of an analysis, with the defaults of all options that were not set."""
    entry = spec.analysis_config[name]
    assert isinstance(entry, dict)
    function = getattr(spec.analyses[name], "func", spec.analyses[name])
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except ValueError:  # some functions written in C have none
        return entry
    defaults = {
        each.name: plain(each.default)
        for each in parameters
        if each.default is not inspect.Parameter.empty and each.name != "progress" and is_plain(each.default)
    }
    return {**entry, **{option: value for option, value in defaults.items() if option not in entry}}


def run_hydra(line: CommandLine) -> None:
    """Pass a command line to Hydra's own program, which prints the information that its flags request.

    Args:
        line: Its overrides are settings, except those after `--shell-completion`, which Hydra takes as they are.
    """
    register_config_source()
    register_sweeper()
    overrides = line.overrides
    if not line.has("--shell-completion"):
        overrides = with_search_path(for_hydra(overrides, lambda _: False), line.directories)
    program = hydra.main(version_base=VERSION_BASE, config_path=str(conf_directory()), config_name=CONFIG_NAME)
    with composition_errors(line.directories), _arguments(["topo-exp", *line.hydras, *overrides]), _full_errors():
        program(_run_nothing)()


def _run_nothing(config: DictConfig) -> None:
    raise AssertionError("a flag that prints information does not start a run")


@contextmanager
def _arguments(words: Sequence[str]) -> Iterator[None]:
    """Set the words that Hydra reads."""
    before = sys.argv
    sys.argv = list(words)
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _full_errors() -> Iterator[None]:
    """Make Hydra raise errors instead of printing them and exiting."""
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FULL_ERROR]
        else:
            os.environ[FULL_ERROR] = before
