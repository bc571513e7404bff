"""Run a model, or many, as Hydra composes them."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.callbacks import Callbacks  # Hydra's launchers need it, and it has no public place
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log
from hydra.core.utils import run_job as run_hydra_job
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from topo_exp.cli.line import CommandLine
from topo_exp.cli.sweeper import Points, register_sweeper
from topo_exp.compose.bridge import make_spec
from topo_exp.compose.composition import CONFIG_NAME, compose, hydra_loader, settings_of
from topo_exp.compose.launching import previous_run, run_leased_spec
from topo_exp.compose.mistakes import composition_errors
from topo_exp.compose.overrides import refuse_split_values
from topo_exp.compose.schema import SWEEP_NODE
from topo_exp.compose.space import base_words
from topo_exp.errors import ConfigError, TopoExpError
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.leased import run_leased
from topo_exp.sweeps.plan import Plan
from topo_exp.sweeps.values import literal


def run_models(words: list[str]) -> int:
    """Run the models that the words describe, or print the information that a flag requests.

    The configuration is composed once for a single run. `hydra.main` would compose it twice, and start before its
    settings about directories could be checked.

    Args:
        words: flags and settings.

    Returns:
        The exit code 0.

    Raises:
        TopoExpError: a single run failed or was refused, or at least one run of a sweep failed.
    """
    line = CommandLine.read(words)
    if line.has("--shell-completion"):
        from topo_exp.cli.completion import complete

        return complete(line)
    if line.has("--cfg", "--info", "--hydra-help"):
        from topo_exp.cli.config import print_information

        return print_information(line)
    name = line.flags.get("--config-name", CONFIG_NAME)
    is_sweep = line.has("--multirun")
    words = _words_of_sweep(line.overrides) if is_sweep else _words_of_run(line.overrides)
    with hydra_loader() as loader:
        register_sweeper()
        composed = compose(words, line.directories, loader, is_sweep=is_sweep, config_name=name)
        is_sweep = composed.hydra.mode == RunMode.MULTIRUN
        outcomes = _run_sweep(composed, loader) if is_sweep else [_run_single(composed, loader)]
    for outcome in outcomes:
        outcome.raise_error()
    return 0


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
        register_sweeper()
        chosen = _words_of_sweep(line.overrides)
        name = line.flags.get("--config-name", CONFIG_NAME)
        composed = compose(chosen, line.directories, loader, is_sweep=True, config_name=name)
        sweeper, _ = _sweeper(composed, loader)
        if not isinstance(sweeper, Points):
            raise ConfigError("hydra/sweeper: must be points to plan a sweep (got another one). Leave it out.")
        return sweeper.plan(list(composed.hydra.overrides.task))


def _words_of_sweep(words: Sequence[str]) -> list[str]:
    """Return the words that do not vary, and all of them as data for the sweeper.

    Hydra's own parser refuses the functions and entries of a sweep that it does not know.
    """
    refuse_split_values(words)
    if any(word.lstrip("+").startswith("hydra/sweeper=") for word in words):
        return list(words)  # another sweeper takes no such data; composition refuses it
    text = json.dumps(list(words)).replace("$", r"\u0024")  # OmegaConf resolves references, also escaped ones
    return [*base_words(words), f"hydra.sweeper.words={literal(text)}"]


def _words_of_run(words: Sequence[str]) -> list[str]:
    for word in words:
        if word.lstrip("+").startswith(f"{SWEEP_NODE}."):
            raise ConfigError(f"{SWEEP_NODE}: must stand in a command with -m (got {word!r}). Add -m, or leave it out.")
    return list(words)


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
        spec = make_spec(settings_of(config, HydraConfig.get()))
        directory, point = spec.options.sweep_dir, spec.options.sweep_point
        if directory is not None and point is not None:
            sweep = SweepDirectory.open(directory)
            outcome = run_leased(sweep, point, lambda lease: run_leased_spec(spec, lease, previous_run(sweep, lease)))
        else:
            outcome = execute(spec)
    except TopoExpError as error:
        outcome = Outcome.of_error(error)
    if outcome.status == "done" and outcome.directory is not None:
        print(f"done: {_short(outcome.directory)}", flush=True)
    elif HydraConfig.get().mode == RunMode.MULTIRUN:
        print(f"topo_exp: {outcome.error}", file=sys.stderr, flush=True)
    return outcome


def _run_single(composed: DictConfig, loader: ConfigLoader) -> Outcome:
    name = composed.hydra.job.config_name
    with composition_errors():
        configure_log(composed.hydra.hydra_logging, composed.hydra.verbose)
        callbacks = Callbacks(composed)
    callbacks.on_run_start(config=composed, config_name=name)
    result = run_hydra_job(
        task_function=run_job,
        config=composed,
        job_dir_key="hydra.run.dir",
        job_subdir_key=None,
        hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
    )
    callbacks.on_run_end(config=composed, config_name=name, job_return=result)
    outcome: Outcome = result.return_value
    return outcome


def _run_sweep(composed: DictConfig, loader: ConfigLoader) -> list[Outcome]:
    """Pass the sweep to the sweeper, which reports its outcomes and raises if one of them is a failure."""
    name = composed.hydra.job.config_name
    sweeper, callbacks = _sweeper(composed, loader)
    callbacks.on_multirun_start(config=composed, config_name=name)
    sweeper.sweep(arguments=list(composed.hydra.overrides.task))
    callbacks.on_multirun_end(config=composed, config_name=name)
    return []


def _sweeper(composed: DictConfig, loader: ConfigLoader) -> tuple[Sweeper, Callbacks]:
    with composition_errors():
        configure_log(composed.hydra.hydra_logging, composed.hydra.verbose)
        callbacks = Callbacks(composed)
        sweeper = Plugins.instance().instantiate_sweeper(
            config=composed,
            hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
            task_function=run_job,
        )
    return sweeper, callbacks


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
