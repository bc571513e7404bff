"""The command `plot`."""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from topo_exp.cli.words import COMMANDS
from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.runner.options import output_directory

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from topo_exp.analysis.figure_style import FigureStyle

OF_CURVES, OF_MAPS = ("x", "y", "hue", "confidence", "title"), ("x", "y", "map", "time", "title")
"""Words of the command besides paths and `figure.NAME`: for curves, and for a grid of maps."""
NUMBERS = ("confidence", "time")
"""Those among them that are numbers."""


@click.command("plot", short_help=COMMANDS["plot"])
@click.argument("words", nargs=-1, required=True)
@click.option("--query", help="Rows to draw, such as \"contrast > 20 and status == 'done'\".")
@click.option("-o", "output", type=click.Path(path_type=Path), help="File to write: .pdf, .svg or .png.")
def command(words: Sequence[str], query: str | None, output: Path | None) -> None:
    """Draw a metric, or a map, of the runs at or below the paths among WORDS.

    x=contrast y=V1/orientation_selectivity_mean hue=gain_control choose columns of the table that `collate` makes, and
    draw the mean with confidence over replicates; x=time draws the development, confidence=0.95 sets the band.

    map=V1/orientation_preference x=contrast y=cortex_density time=1000 draws a map of each run, a setting in columns
    and one in rows; time may be one of both; without y= there is one row, without time= the last time is drawn. Of
    several runs in a cell the one with the lowest seed is shown; choose others with --query.

    Further words: title=..., and the style, such as figure.dpi=300 figure.width=85mm. The table behind the figure is
    written beside it as CSV.
    """
    from topo_exp.after.collate import collate
    from topo_exp.after.figures import require_target, save_figure
    from topo_exp.analysis.figure_style import FigureStyle

    paths, given, options = _read(words)
    style = FigureStyle.from_options({"dpi": 300.0, **options})
    is_grid = "map" in given
    _require(given, is_grid=is_grid)
    names = [str(given[name]) for name in (("map", "y", "x", "time") if is_grid else ("y", "x")) if name in given]
    target = output or Path(re.sub(r"[^\w.,-]+", "_", ",".join(names)) + ".pdf")
    require_target(target)
    table = collate(paths or [output_directory()], query=query, imported=False)
    for note in table.attrs["notes"]:
        print(note, file=sys.stderr)
    drawn = _maps(table, given, style) if is_grid else _curves(table, given, style)
    print(", ".join(map(str, save_figure(drawn.figure, drawn.behind, target, style=style))))


@dataclass(frozen=True)
class _Drawn:
    """A figure, and the table behind it."""

    figure: "Figure"
    behind: "pd.DataFrame"


def _curves(table: "pd.DataFrame", given: Mapping[str, object], style: "FigureStyle") -> _Drawn:
    from topo_exp.after.figures import CONFIDENCE, plot_sweep, summarise

    columns = {name: str(given[name]) for name in ("x", "y", "hue") if name in given}
    confidence = given.get("confidence", CONFIDENCE)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence < 1:
        raise ConfigError(f"confidence: must be a number > 0 and < 1 (got {confidence!r}). Write confidence=0.95.")
    summary = summarise(table, confidence=confidence, **columns)
    title = str(given.get("title", ""))
    return _Drawn(plot_sweep(table, confidence=confidence, title=title, style=style, **columns), summary)


def _maps(table: "pd.DataFrame", given: Mapping[str, object], style: "FigureStyle") -> _Drawn:
    from topo_exp.after.map_figures import draw_cells, map_cells

    columns = {name: str(given[name]) for name in ("map", "x", "y") if name in given}
    time = given.get("time")
    if time is not None and (isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time)):
        raise ConfigError(f"time: must be a number of iterations (got {time!r}). Write time=1000.")
    cells = map_cells(table, time=None if time is None else float(time), **columns)
    return _Drawn(draw_cells(cells, table, title=str(given.get("title", "")), style=style, **columns), cells)


def _require(given: Mapping[str, object], *, is_grid: bool) -> None:
    """Check that the words go together.

    Raises:
        ConfigError: A word is missing, or belongs to the other kind of figure.
    """
    for name in ("x",) if is_grid else ("x", "y"):
        if name not in given:
            raise ConfigError(f"plot: must have {name}=COLUMN (got none). Run collate to see the columns.")
    if strange := [name for name in given if name not in (OF_MAPS if is_grid else OF_CURVES)]:
        kind, other = ("a grid of maps", "a metric") if is_grid else ("a metric", "a grid of maps, which has map=NAME")
        raise ConfigError(f"plot: {strange[0]}= must go with {other} (got {kind}). Leave it out.")


def _read(words: Sequence[str]) -> tuple[list[Path], dict[str, object], dict[str, object]]:
    """Separate paths, settings and options of the style.

    Raises:
        ConfigError, UnknownNameError: A word is none of these.
    """
    from topo_exp.compose.overrides import parsed

    paths, given, figure = [], {}, {}
    settings = list(dict.fromkeys([*OF_CURVES, *OF_MAPS]))
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or Path(word).exists():
            if not Path(word).exists():
                raise ConfigError(f"plot: must be given paths that exist (got {word!r}). Check the path.")
            paths.append(Path(word))
        elif name.startswith("figure."):
            figure[name.removeprefix("figure.")] = parsed(word).value()
        elif name in settings:
            given[name] = parsed(word).value() if name in NUMBERS else text
        else:
            known = [*settings, "figure.dpi", "figure.width", "figure.font", "figure.font_size"]
            raise UnknownNameError(f"plot: has no setting of that name (got {name!r}). {nearest(name, known)}")
    return paths, given, figure
