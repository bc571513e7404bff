"""The command `compare`."""

from pathlib import Path

import click

from topo_exp.cli.commands import run_at
from topo_exp.cli.words import COMMANDS, DONE, FAILED


@click.command("compare", short_help=COMMANDS["compare"])
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("-o", "output", type=click.Path(path_type=Path), help="Picture to write: .png, .pdf or .svg.")
@click.option("--time", type=float, help="Analysis time of the picture; by default the last one of both runs.")
def command(a: Path, b: Path, output: Path | None, time: float | None) -> int:
    """Show what differs between the runs A and B, and the first time at which their results diverge.

    Settings, seeds, code, versions and hosts are compared as they are recorded; states, maps and metrics value by
    value, cyclic maps the shorter way round. -o draws the cyclic maps of both runs and their difference.

    The exit code is 0 if all results are equal, 1 if not, 2 for a mistake in the command.
    """
    from topo_exp.after.comparison import compare
    from topo_exp.after.comparison_picture import difference_figure, save_picture
    from topo_exp.after.figures import require_target

    one, two = run_at(a, "compare A"), run_at(b, "compare B")
    if output is not None:
        require_target(output)
        picture = difference_figure(one, two, time=time)
        save_picture(picture, output)
    found = compare(one, two)
    print(found)
    if output is not None:
        print(f"picture: {output}")
    return DONE if found.is_equal else FAILED
