"""The command `analyse`."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from topo_exp.cli.commands import may_hold_runs, runs_below
from topo_exp.cli.trust import TRUST, user_permission
from topo_exp.cli.words import COMMANDS, DONE, FAILED
from topo_exp.compose.loading import user_path
from topo_exp.errors import UnknownNameError
from topo_exp.record.handle import RunHandle
from topo_exp.runner.spec import Analysis


@click.command("analyse", short_help=COMMANDS["analyse"])
@click.argument("words", nargs=-1, required=True)
@click.option("--config-dir", type=click.Path(path_type=Path), help="Directory with configuration files of your own.")
@TRUST
def command(words: Sequence[str], config_dir: Path | None, trust: bool) -> int:
    """Apply analyses to the states that finished runs have kept; nothing is simulated.

    WORDS are run directories, or directories above them, and settings as for a run: analysis=[tuning]
    analysis.tuning.contrasts=[10,50] figure_formats=[pdf] on_analysis_error=continue. The results are added to the
    directories and to MLflow.

    To restore a state, the network is built by the model of the run. If that is a Python file other than your own
    unchanged one, it runs with your permission only, since it can do anything that you can: --trust, or yes on a
    terminal.
    """
    from topo_exp.after.analyse import analyse_runs
    from topo_exp.analysis.result import subject_of
    from topo_exp.compose.again import build_again
    from topo_exp.compose.bridge import analysis_record, make_analyses, make_options
    from topo_exp.compose.composition import compose_settings
    from topo_exp.compose.trust import model_code
    from topo_exp.view.sync import sync_runs

    paths, settings = _sorted(words)
    directories = runs_below(paths)
    config = compose_settings(settings, [config_dir] if config_dir else []).config
    chosen = config.get("analysis") or {}
    options = make_options(config)
    analyses: Mapping[str, Analysis] = make_analyses(chosen)
    if any(subject_of(analysis) == "simulation" for analysis in analyses.values()):
        code = {directory.name: model_code(RunHandle(directory)) for directory in directories}
        named = ", ".join(name for name, files in code.items() if files)
        user_permission(trust=trust)(named, list(dict.fromkeys(file for files in code.values() for file in files)))
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


def _sorted(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Separate paths from settings.

    Raises:
        UnknownNameError: there is no path, or one is no directory.
    """
    paths: list[str] = []
    settings: list[str] = []
    for word in words:
        path = user_path(word, "analyse PATH") if "=" not in word or "/" in word else Path(word)
        (paths if "=" not in word or may_hold_runs(path) else settings).append(word)
    for text in paths:
        if not may_hold_runs(Path(text).expanduser()):
            raise UnknownNameError(
                f"analyse PATH: must be a run directory, or a directory above some (got {text!r}). Correct the path."
            )
    if not paths:
        raise UnknownNameError(
            f"analyse PATH: must be a run directory, or a directory above some (got only {' '.join(settings)!r}). "
            "Add the path."
        )
    return [Path(text).expanduser() for text in paths], settings
