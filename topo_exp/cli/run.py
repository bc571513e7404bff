"""Run a model, or many, as Hydra composes them."""

from collections.abc import Sequence

from hydra._internal.callbacks import Callbacks  # Hydra's launchers need it, and it has no public place
from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import configure_log
from hydra.core.utils import run_job as run_hydra_job
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from topo_exp.cli.job import run_job
from topo_exp.cli.line import CommandLine
from topo_exp.compose.composition import CONFIG_NAME, compose, hydra_loader
from topo_exp.compose.mistakes import composition_errors
from topo_exp.compose.schema import SWEEP_NODE
from topo_exp.errors import ConfigError
from topo_exp.runner.outcome import Outcome


def run_models(words: list[str]) -> int:
    """Run the models that the words describe, or print the information that a flag requests.

    The configuration is composed once for a single run. `hydra.main` would compose it twice, and start before its
    settings about directories could be checked.

    Args:
        words: flags and settings.

    Returns:
        The exit code 0.

    Raises:
        TopoExpError: A single run failed or was refused, or at least one run of a sweep failed.
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
        composed = compose(words, line.directories, loader, is_sweep=is_sweep, config_name=name)
        if composed.hydra.mode == RunMode.MULTIRUN:
            from topo_exp.cli.sweep import run_sweep  # a single run does not load it

            run_sweep(composed, loader)
        else:
            _run_single(composed, loader).raise_error()
    return 0


def _words_of_sweep(words: Sequence[str]) -> list[str]:
    from topo_exp.cli.sweep import words_of_sweep

    return words_of_sweep(words)


def _words_of_run(words: Sequence[str]) -> list[str]:
    for word in words:
        if word.lstrip("+").startswith(f"{SWEEP_NODE}."):
            raise ConfigError(f"{SWEEP_NODE}: must stand in a command with -m (got {word!r}). Add -m, or leave it out.")
    return list(words)


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
