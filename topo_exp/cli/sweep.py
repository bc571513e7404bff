"""Run or plan a sweep as Hydra composes it."""

import json
from collections.abc import Sequence

from hydra._internal.callbacks import Callbacks  # Hydra's launchers need it, and it has no public place
from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext
from omegaconf import DictConfig

from topo_exp.cli.job import run_job
from topo_exp.cli.line import CommandLine
from topo_exp.cli.sweeper import Points, register_sweeper
from topo_exp.compose.composition import CONFIG_NAME, compose, hydra_loader
from topo_exp.compose.mistakes import composition_errors
from topo_exp.compose.overrides import refuse_split_values
from topo_exp.compose.space import base_words
from topo_exp.errors import ConfigError
from topo_exp.sweeps.plan import Plan
from topo_exp.sweeps.values import literal


def run_sweep(composed: DictConfig, loader: ConfigLoader) -> None:
    """Run the sweep of a composed configuration.

    Args:
        composed: The configuration.
        loader: With which it was composed.

    Raises:
        TopoExpError: The sweep cannot be run, or a run failed.
    """
    name = composed.hydra.job.config_name
    sweeper, callbacks = _sweeper(composed, loader)
    callbacks.on_multirun_start(config=composed, config_name=name)
    sweeper.sweep(arguments=list(composed.hydra.overrides.task))
    callbacks.on_multirun_end(config=composed, config_name=name)


def plan_models(words: list[str]) -> Plan:
    """Plan the sweep that the words describe; nothing is started.

    Args:
        words: Flags and settings, as for `run_models`; `-m` may be left out.

    Raises:
        TopoExpError: The words describe no sweep, or a point cannot be run.
    """
    line = CommandLine.read(words)
    if line.has("--cfg", "--info", "--hydra-help", "--shell-completion"):
        raise ConfigError("plan: must be followed by the words of a sweep (got a flag that prints something else).")
    with hydra_loader() as loader:
        chosen = words_of_sweep(line.overrides)
        name = line.flags.get("--config-name", CONFIG_NAME)
        composed = compose(chosen, line.directories, loader, is_sweep=True, config_name=name)
        sweeper, _ = _sweeper(composed, loader)
        if not isinstance(sweeper, Points):
            raise ConfigError("hydra/sweeper: must be points to plan a sweep (got another one). Leave it out.")
        return sweeper.plan(list(composed.hydra.overrides.task))


def words_of_sweep(words: Sequence[str]) -> list[str]:
    """Return the words that do not vary, and all of them as data for the sweeper.

    Hydra's own parser refuses the functions and entries of a sweep that it does not know.

    Args:
        words: As they were given.
    """
    refuse_split_values(words)
    if any(word.lstrip("+").startswith(("hydra/sweeper=", "hydra.sweeper=")) for word in words):
        return list(words)  # another sweeper takes no such data; composition refuses it
    text = json.dumps(list(words)).replace("$", r"\u0024")  # OmegaConf resolves references, also escaped ones
    return [*base_words(words), f"hydra.sweeper.words={literal(text)}"]


def _sweeper(composed: DictConfig, loader: ConfigLoader) -> tuple[Sweeper, Callbacks]:
    register_sweeper()
    with composition_errors():
        configure_log(composed.hydra.hydra_logging, composed.hydra.verbose)
        callbacks = Callbacks(composed)
        sweeper = Plugins.instance().instantiate_sweeper(
            config=composed,
            hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
            task_function=run_job,
        )
    return sweeper, callbacks
