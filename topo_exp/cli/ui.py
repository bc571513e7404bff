"""The command `ui`."""

from pathlib import Path

import click

from topo_exp.cli.words import COMMANDS
from topo_exp.runner.options import output_directory


@click.command("ui", short_help=COMMANDS["ui"])
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--port", default=5000, show_default=True, help="Port on 127.0.0.1; 0 for any that is free.")
def command(path: Path | None, port: int) -> None:
    """Serve MLflow's pages for the runs below PATH, by default the output directory, until Ctrl-C.

    Only this machine can reach them, at 127.0.0.1.
    """
    from topo_exp.view.ui import chart_pages, serve_pages

    def announce(address: str) -> None:
        print(f"{address}  (Ctrl-C ends it)")
        for experiment, page in chart_pages(address).items():
            print(f"  {experiment}: {page}")

    serve_pages(path or output_directory(), port=port, announce=announce)
