"""The command `analyse`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from topo_exp.cli.commands import runs_below
from topo_exp.cli.words import COMMANDS, DONE, FAILED
from topo_exp.compose.loading import user_path
from topo_exp.errors import ConfigError, UnknownNameError
from topo_exp.record.handle import RunHandle
from topo_exp.runner.spec import Analysis


@click.command("analyse", short_help=COMMANDS["analyse"])
@click.argument("words", nargs=-1, required=True)
@click.option("--config-dir", type=click.Path(path_type=Path), help="Directory with configuration files of your own.")
@click.option("--trust", is_flag=True, help="Run the model files of these runs without asking.")
def command(words: Sequence[str], config_dir: Path | None, trust: bool) -> int:
    """Apply analyses to the states that finished runs have kept; nothing is simulated.

    WORDS are run directories, or directories above them, and settings as for a run: analysis=[tuning]
    analysis.tuning.contrasts=[10,50] figure_formats=[pdf] on_analysis_error=continue. The results are added to the
    directories and to MLflow.

    To restore a state, the network is built by the model of the run. If that is a Python file of a user's own, analyse
    asks before it runs it, since it can do anything that you can: use --trust for runs of your own.
    """
    from topo_exp.after.analyse import analyse_runs
    from topo_exp.analysis.result import subject_of
    from topo_exp.compose.again import build_again
    from topo_exp.compose.bridge import analysis_record, make_analyses, make_options
    from topo_exp.compose.composition import compose_settings
    from topo_exp.view.sync import sync_runs

    paths, settings = _sorted(words)
    directories = runs_below(paths)
    config = compose_settings(settings, [config_dir] if config_dir else []).config
    chosen = config.get("analysis") or {}
    options = make_options(config)
    analyses: Mapping[str, Analysis] = make_analyses(chosen)
    if not trust and any(subject_of(analysis) == "simulation" for analysis in analyses.values()):
        _ask_for_trust([RunHandle(directory) for directory in directories])
    failures = 0
    for addition in analyse_runs(
        directories,
        analyses,
        build=partial(build_again, report=partial(print, file=sys.stderr)),
        analysis_config=analysis_record(chosen),
        figure_formats=options.figure_formats,
        style=options.figure,
        on_analysis_error=options.on_analysis_error,
        progress=options.progress,
    ):
        failures += len(addition.failures)
        print(f"{addition.directory.name}: {addition}", flush=True)
        if options.tracking == "mlflow":
            for _, outcome in sync_runs([addition.directory]):
                if isinstance(outcome, Exception):
                    print(f"{addition.directory.name}: not added to MLflow (got {outcome})", file=sys.stderr)
    return FAILED if failures else DONE


def _ask_for_trust(runs: Iterable[RunHandle]) -> None:
    """Ask whether the files that building the models executes may be run.

    Raises:
        ConfigError: the answer is no, or there is no terminal to ask.
    """
    from topo_exp.compose.again import code_of

    files = list(dict.fromkeys(file for run in runs if (file := code_of(run)) is not None))
    if not files:
        return
    listed = ", ".join(map(str, files))
    if sys.stdin is not None and sys.stdin.isatty():
        print(
            f"To build the recorded models, these files would be run:\n  {listed.replace(', ', chr(10) + '  ')}",
            file=sys.stderr,
        )
        if click.confirm("Do you trust their authors?", default=False, err=True):
            return
    raise ConfigError(
        f"analyse: must have your permission to run the models' files (got none for {listed}). "
        "Read them, then add --trust."
    )


def _sorted(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Separate paths from settings.

    Raises:
        UnknownNameError: there is no path, or one is no directory.
    """
    paths: list[str] = []
    settings: list[str] = []
    for word in words:
        path = user_path(word, "analyse PATH") if "=" not in word or "/" in word else Path(word)
        (paths if "=" not in word or path.is_dir() else settings).append(word)
    for text in paths:
        if not Path(text).expanduser().is_dir():
            raise UnknownNameError(
                f"analyse PATH: must be a run directory, or a directory above some (got {text!r}). Correct the path."
            )
    if not paths:
        raise UnknownNameError(
            f"analyse PATH: must be a run directory, or a directory above some (got only {' '.join(settings)!r}). "
            "Add the path."
        )
    return [Path(text).expanduser() for text in paths], settings
