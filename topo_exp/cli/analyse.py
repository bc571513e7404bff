"""The command `analyse`."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from topo_exp.cli.words import COMMANDS, DONE, FAILED
from topo_exp.errors import UnknownNameError


@click.command("analyse", short_help=COMMANDS["analyse"])
@click.argument("words", nargs=-1, required=True)
@click.option("--config-dir", type=click.Path(path_type=Path), help="Directory with configuration files of your own.")
def command(words: Sequence[str], config_dir: Path | None) -> int:
    """Apply analyses to the states that finished runs have kept; nothing is simulated.

    WORDS are run directories, or directories above them, and settings as for a run: analysis=[tuning]
    analysis.tuning.contrasts=[10,50] figure_formats=[pdf] on_analysis_error=continue. The results are added to the
    directories and to MLflow.
    """
    from topo_exp.after.analyse import analyse_runs
    from topo_exp.compose.again import build_again
    from topo_exp.compose.bridge import analysis_record, make_analyses, make_options
    from topo_exp.compose.composition import compose_settings
    from topo_exp.view.sync import sync_runs

    paths, settings = _sorted(words)
    config = compose_settings(settings, [config_dir] if config_dir else []).config
    chosen = config.get("analysis") or {}
    options = make_options(config)
    failures = 0
    for addition in analyse_runs(
        paths,
        make_analyses(chosen),
        build=partial(build_again, report=partial(print, file=sys.stderr)),
        analysis_config=analysis_record(chosen),
        figure_formats=options.figure_formats,
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
        UnknownNameError: A path is no directory.
    """
    paths = [Path(word) for word in words if "=" not in word or Path(word).is_dir()]
    for path in paths:
        if not path.is_dir():
            raise UnknownNameError(f"PATH: must be a run directory, or a directory above some (got {str(path)!r}).")
    return paths, [word for word in words if Path(word) not in paths]
