"""The command `plot`."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from topo_exp.cli.words import COMMANDS
from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.runner.options import output_directory

SETTINGS = ("x", "y", "hue", "confidence", "title")
"""Words of the command besides paths and `figure.NAME`."""


@click.command("plot", short_help=COMMANDS["plot"])
@click.argument("words", nargs=-1, required=True)
@click.option("--query", help="Rows to draw, such as \"contrast > 20 and status == 'done'\".")
@click.option("-o", "output", type=click.Path(path_type=Path), help="File to write: .pdf, .svg or .png.")
def command(words: Sequence[str], query: str | None, output: Path | None) -> None:
    """Draw a metric of the runs at or below the paths among WORDS, with confidence over replicates.

    x=contrast y=V1/orientation_selectivity_mean hue=gain_control among WORDS choose columns of the table that `collate`
    makes; x=time draws the development. Further words: confidence=0.95, title=..., and the style, such as
    figure.dpi=300 figure.width=85mm. The table behind the figure is written beside it as CSV.
    """
    from topo_exp.after.collate import collate
    from topo_exp.after.figures import plot_sweep, save_figure, summarise
    from topo_exp.analysis.figure_style import FigureStyle

    paths, given, figure = _read(words)
    for name in ("x", "y"):
        if name not in given:
            raise ConfigError(f"plot: must have {name}=COLUMN (got none). Run collate to see the columns.")
    style = FigureStyle.from_options({"dpi": 300.0, **figure})
    chosen = {name: str(given[name]) for name in ("x", "y", "hue") if name in given}
    confidence = given.get("confidence", 0.95)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise ConfigError(f"confidence: must be a number > 0 and < 1 (got {confidence!r}). Write confidence=0.95.")
    table = collate(paths or [output_directory()], query=query)
    for note in table.attrs["notes"]:
        print(note, file=sys.stderr)
    summary = summarise(table, confidence=confidence, **chosen)
    picture = plot_sweep(table, confidence=confidence, title=str(given.get("title", "")), style=style, **chosen)
    name = re.sub(r"[^\w.,-]+", "_", f"{chosen['y']},{chosen['x']}")
    written = save_figure(picture, summary, output or Path(f"{name}.pdf"), style=style)
    print(", ".join(map(str, written)))


def _read(words: Sequence[str]) -> tuple[list[Path], dict[str, object], dict[str, object]]:
    """Separate paths, settings and options of the style.

    Raises:
        ConfigError, UnknownNameError: A word is none of these.
    """
    from topo_exp.compose.overrides import parsed

    paths, given, figure = [], {}, {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or Path(word).exists():
            if not Path(word).exists():
                raise ConfigError(f"plot: must be given paths that exist (got {word!r}). Check the path.")
            paths.append(Path(word))
        elif name.startswith("figure."):
            figure[name.removeprefix("figure.")] = parsed(word).value()
        elif name in SETTINGS:
            given[name] = parsed(word).value() if name == "confidence" else text
        else:
            known = [*SETTINGS, "figure.dpi", "figure.width", "figure.font", "figure.font_size"]
            raise UnknownNameError(f"plot: has no setting of that name (got {name!r}). {nearest(name, known)}")
    return paths, given, figure
