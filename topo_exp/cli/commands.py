"""The commands beside running: one click command for each name in `topo_exp.__main__.COMMANDS`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from topo_exp.__main__ import COMMANDS, DONE, FAILED, MISTAKEN
from topo_exp.compose.schema import output_directory
from topo_exp.errors import UnknownNameError

if TYPE_CHECKING:
    from topo_exp.compose.loading import LoadedModel
    from topo_exp.engine.simulation import Simulation
    from topo_exp.runner.handle import RunHandle

PATHS = click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))


def call(words: list[str]) -> int:
    """Carry out one command; what click complains of is the user's mistake."""
    try:
        result = commands.main(words, prog_name="python -m topo_exp", standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return MISTAKEN
    return result if isinstance(result, int) else DONE


@click.group()
def commands() -> None:
    """Run and record developmental simulations of cortical maps."""


@commands.command(short_help=COMMANDS["sync"])
@PATHS
def sync(paths: Sequence[Path]) -> int:
    """Fill in what MLflow lacks, from the run directories at or below PATHS, by default all of the output directory.

    Doing it again changes nothing; runs that are going on are left to their own processes.
    """
    from topo_exp.runner.mlflow_view import sync as fill_in

    failures = 0
    for directory, outcome in fill_in(_runs(paths)):
        if isinstance(outcome, Exception):
            failures += 1
            print(f"{directory.name}: not taken by MLflow (got {type(outcome).__name__}: {outcome})", file=sys.stderr)
        else:
            print(f"{directory.name}: {'goes on, and is looked after' if outcome is None else outcome}")
    return FAILED if failures else DONE


@commands.command(short_help=COMMANDS["ui"])
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--port", default=5000, show_default=True, help="Port on 127.0.0.1; 0 for any that is free.")
def ui(path: Path | None, port: int) -> None:
    """Serve MLflow's pages on the runs below PATH, by default the output directory, until Ctrl-C.

    They can be reached from this machine only, at 127.0.0.1.
    """
    from topo_exp.runner.mlflow_ui import chart_pages, serve

    def announce(address: str) -> None:
        print(f"{address}  (Ctrl-C ends it)")
        for experiment, page in chart_pages(address).items():
            print(f"  {experiment}: {page}")

    serve(path or output_directory(), port=port, announce=announce)


@commands.command(short_help=COMMANDS["analyse"])
@click.argument("words", nargs=-1, required=True)
@click.option("--config-dir", type=click.Path(path_type=Path), help="Directory with configuration files of your own.")
def analyse(words: Sequence[str], config_dir: Path | None) -> int:
    """Apply analyses to the states that finished runs have kept; no step is simulated.

    WORDS are run directories, or directories above them, and settings as for a run: analysis=[tuning]
    analysis.tuning.contrasts=[10,50] figure_formats=[pdf] on_analysis_error=continue. The results are added to the
    directories and to MLflow.
    """
    from topo_exp.compose.bridge import analysis_record, checked_options, make_analyses
    from topo_exp.compose.composition import compose_settings
    from topo_exp.runner.analyse import analyse as apply
    from topo_exp.runner.mlflow_view import sync as fill_in

    paths = [Path(word) for word in words if "=" not in word or Path(word).is_dir()]
    settings = [word for word in words if Path(word) not in paths]
    for path in paths:
        if not path.is_dir():
            raise UnknownNameError(f"PATH: must be a run directory, or a directory above some (got {str(path)!r}).")
    config = compose_settings(settings, [config_dir] if config_dir else []).config
    chosen = config.get("analysis") or {}
    options = checked_options(config)
    failures = 0
    for done in apply(
        paths,
        make_analyses(chosen),
        build=build_again,
        analysis_config=analysis_record(chosen),
        figure_formats=options["figure_formats"],
        on_analysis_error=options["on_analysis_error"],
        progress=options["progress"],
    ):
        failures += len(done.failures)
        print(f"{done.directory.name}: {done}", flush=True)
        if options["tracking"] == "mlflow":
            for _, outcome in fill_in([done.directory]):
                if isinstance(outcome, Exception):
                    print(f"{done.directory.name}: not taken by MLflow (got {outcome})", file=sys.stderr)
    return FAILED if failures else DONE


def build_again(run: "RunHandle") -> "Simulation":
    """Build the simulation of a recorded run, at time 0.

    A model of one's own is built from its file if that is still as it was, otherwise from the copy in the directory.
    """
    from topo_exp.compose.bridge import build_simulation, make_model
    from topo_exp.compose.schema import checked

    loaded = _recorded_model(run)
    values = checked(loaded.cls, run.parameters, where=loaded.label)
    return build_simulation(make_model(loaded, values), run.engine)


def _recorded_model(run: "RunHandle") -> "LoadedModel":
    from topo_exp.compose.loading import load_model, model_names

    recorded = run.metadata["model_source"]
    if recorded is None or (run.metadata["model"] in model_names() and Path(recorded).parent.name == "models"):
        return load_model(run.metadata["model"])
    original, copy = Path(recorded), run.directory / "provenance" / Path(recorded).name
    if original.is_file() and copy.is_file() and original.read_bytes() == copy.read_bytes():
        return load_model(original)
    print(f"{run.directory.name}: the model is built from its recorded copy, {copy}", file=sys.stderr)
    return load_model(copy)


def _runs(paths: Sequence[Path]) -> list[Path]:
    from topo_exp.runner.directory import find_runs

    where = list(paths) or [output_directory()]
    found = find_runs(where)
    if not found:
        raise UnknownNameError(f"PATHS: must hold a run, a directory with run.yaml (got {', '.join(map(str, where))}).")
    return found
