"""The command `ui`."""

import sys
from pathlib import Path

import click

from topo_exp.cli.words import COMMANDS
from topo_exp.runner.options import output_directory


@click.command("ui", short_help=COMMANDS["ui"])
@click.argument("path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", default=5000, show_default=True, help="Port on 127.0.0.1; 0 for any that is free.")
def command(path: Path | None, port: int) -> None:
    """Serve MLflow's pages for the runs in PATH, by default the output directory, until Ctrl-C.

    Only this machine can reach them, at 127.0.0.1. The addresses of the saved views of each experiment, and of its
    latest sweeps, are printed as soon as they can be opened.
    """
    from topo_exp.view.ui import pages, serve_pages

    def announce(server: str) -> None:
        for page in pages(server):
            print(f"{page.title}: {page.address}")
        print(f"MLflow: {server}  (Ctrl-C ends it)", flush=True)

    def report(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    serve_pages(path or output_directory(), port=port, announce=announce, report=report)
