"""Pictures of several runs fill their page: no text is cut or covered, and nothing is wide and empty."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.analysis.drawn import FIELD, PREFERENCE, SELECTIVITY, X, Y, empty_bands, unreadable
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.plots_differences import MapPair, map_differences
from topo_exp.analysis.plots_grids import GridAxis, GridMap, map_grid
from topo_exp.analysis.plots_groups import Group, group_means
from topo_exp.typing import FloatArray

NUMBERS = Group([1.0, 2.0, 4.0], [0.1, 0.5, 0.3], [0.0, 0.4, np.nan], [0.2, 0.7, np.nan])
DEGREES = np.degrees(PREFERENCE)
TURNED = np.degrees(np.angle(FIELD * np.exp(0.5j)) / 2 % np.pi)


def grid(
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    unit: str = "",
    missing: bool = False,
    selectivity: FloatArray | None = None,
) -> Figure:
    """Return a grid of maps, one of which may be missing."""
    found: dict[tuple[int, int], GridMap | str] = {
        (row, column): GridMap(DEGREES if unit else SELECTIVITY, X, Y, selectivity)
        for row in range(len(rows))
        for column in range(len(columns))
    }
    if missing:
        found[0, 0] = "no run"
    return map_grid(
        found,
        rows=GridAxis("contrast" if any(rows) else "", rows),
        columns=GridAxis("seed" if any(columns) else "", columns),
        title="V1: maps, t = 5",
        label="orientation" if unit else "rate",
        unit=unit,
        period=180.0 if unit else None,
    )


def differences(count: int, *, period: float | None) -> Figure:
    """Return the picture of that many maps of two runs."""
    pair = (DEGREES, TURNED, TURNED - DEGREES) if period else (SELECTIVITY, SELECTIVITY / 2, -SELECTIVITY / 2)
    unit = "°" if period else ""
    pairs = [MapPair(f"V1/map{i}", *pair, (X, Y), (X, Y), unit, period) for i in range(count)]
    return map_differences(pairs, title="Maps at t = 5", names=("contrast=10", "contrast=20"))


FIGURES: dict[str, Callable[[], Figure]] = {
    "groups": lambda: group_means({"one": NUMBERS}, title="T", xlabel="x", ylabel="y", legend="size", note="mean"),
    "one map": lambda: grid(("",), ("",)),
    "row": lambda: grid(("",), ("1", "2", "3")),
    "column": lambda: grid(("10", "20", "30"), ("",)),
    "table": lambda: grid(("10", "20", "100"), ("1", "2", "3", "4"), missing=True),
    "orientation": lambda: grid(("10", "20"), ("1", "2", "3"), unit="°"),
    "row of orientation": lambda: grid(("",), ("1", "2"), unit="°"),
    "row of orientation and selectivity": lambda: grid(("",), ("1", "2"), unit="°", selectivity=SELECTIVITY),
    "difference": lambda: differences(1, period=None),
    "differences of orientation": lambda: differences(2, period=180.0),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("options", [{}, {"width": "120mm"}, {"width": "60mm"}, {"font_size": 9}])
def test_a_picture_of_several_runs_fills_its_page(name: str, options: dict[str, object]) -> None:
    """No text is cut or covered, nothing touches the edge, and little is empty; widths are in inches at 7 points."""
    style = FigureStyle.from_options(options)
    with style.use():
        figure = FIGURES[name]()
        assert unreadable(figure) == []
        empty = {side: width * 7 / style.font_size for side, width in empty_bands(figure).items()}
    assert min(empty[side] for side in ("left", "right", "top", "bottom")) > 0.02
    widest = {"rows": 0.2, "top": 0.125, "bottom": 0.13, "left": 0.11, "right": 0.35, "columns": 0.36}
    assert {side: width for side, width in empty.items() if width > widest[side]} == {}
