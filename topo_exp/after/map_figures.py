"""Figures of the maps of many runs: in rows and columns of two settings, or of one setting and time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from topo_exp.after.collate import ordered
from topo_exp.after.figures import axis_label, cell_text
from topo_exp.after.report_maps import MapSearch, stored_map
from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.record.layout import map_path
from topo_exp.record.maps import StoredMaps

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from topo_exp.analysis.plots_grids import GridMap

MOST_CELLS = 400
"""Cells of one figure."""
NO_RUN, NO_TIME, NO_MAP = "no run", "no such time", "no map"
"""Why a cell has no map."""


def map_cells(
    table: pd.DataFrame, *, map: str, x: str, y: str | None = None, time: float | None = None
) -> pd.DataFrame:
    """Choose the map of each cell of a grid.

    Of several runs in a cell, the first counts that has the map at that time, in order of the other settings that vary,
    ascending: the run with the lowest seed.

    Args:
        table: As `collate` returns it, not in the long form; rows to leave out are removed before.
        map: `<Sheet>/<map>`, such as "V1/orientation_preference".
        x: Column of the table whose values are the columns of the grid: a setting, or `time`.
        y: The same for rows; None for one row.
        time: Analysis time of all maps; the last time of the table if None. Not with `time` as `x` or `y`.

    Returns:
        The table behind the figure, a row for each cell, by row and column: `y` (if there is one), `x`, `time`,
        `run`, the other settings that vary, `replicates` (runs of the table in this cell), `missing` (empty, or why
        there is no map), `analysis`, `variable`, `file` (the NetCDF file with the map).

    Raises:
        UnknownNameError: There is no such column, time or map.
        ConfigError: `x` and `y` are equal, `time` is given twice, or there are too many cells.
    """
    import pandas as pd

    axes = [name for name in (y, x) if name is not None]
    _require(table, axes, time)
    if time is None and "time" not in axes:
        time = float(table["time"].max())
    values = [ordered(table[name].dropna() if name == "time" else table[name]) for name in axes]
    lengths = [len(each) for each in values]
    if math.prod(lengths) > MOST_CELLS:
        raise ConfigError(
            f"x, y: must give at most {MOST_CELLS} cells (got {' x '.join(str(n) for n in lengths)}). "
            "Choose rows with query."
        )
    others = [name for name in table.attrs.get("varying", []) if name not in axes and name != "times"]
    search = MapSearch()
    found = [_cell(table, dict(zip(axes, key, strict=True)), others, map, time, search) for key in product(*values)]
    cells = pd.DataFrame(found)
    if not (cells["missing"] == "").any():
        raise UnknownNameError(f"map: must be a map of some run at that time (got {map!r}). {_known(table, map, time)}")
    return cells[[*axes, *(["time"] if "time" not in axes else []), "run", *others, *_LAST]]


_LAST = ("replicates", "missing", "analysis", "variable", "file")


def plot_maps(
    table: pd.DataFrame,
    *,
    map: str,
    x: str,
    y: str | None = None,
    time: float | None = None,
    title: str = "",
    style: FigureStyle | None = None,
) -> Figure:
    """Draw one map of many runs in rows and columns of two settings, or of one setting and time.

        table = topo_exp.collate("Output/202611221137_gcal_sweep,contrast,input_seed")
        figure = topo_exp.plot_maps(table, map="V1/orientation_preference", x="contrast", y="input_seed", time=1000)
        figure.savefig("maps.pdf")

    All maps have one scale of colour and one of length. Cyclic maps have cyclic colours; `<Sheet>/orientation`, or the
    name of another feature, shows preference as hue and selectivity as saturation. A cell without a map is a dashed
    frame with the reason.

    Args:
        table: As `collate` returns it; rows to leave out are removed before.
        map: `<Sheet>/<map>`, as the runs' own pictures are called.
        x: Column whose values are the columns of the grid: a setting, or `time`.
        y: The same for rows; None for one row.
        time: Analysis time of all maps; the last time of the table if None.
        title: Of the figure; the map and the time by default.
        style: Size, resolution and font.

    Returns:
        The figure, which knows nothing of pyplot. `map_cells` returns the table behind it.

    Raises:
        UnknownNameError: There is no such column or map.
        ConfigError: See `map_cells`; or the maps of the cells have different units.
        RecordError: A file is damaged.
    """
    return draw_cells(
        map_cells(table, map=map, x=x, y=y, time=time), table, map=map, x=x, y=y, title=title, style=style
    )


def draw_cells(
    cells: pd.DataFrame,
    table: pd.DataFrame,
    *,
    map: str,
    x: str,
    y: str | None = None,
    title: str = "",
    style: FigureStyle | None = None,
) -> Figure:
    """Draw the figure of cells that `map_cells` has chosen from a table; the arguments are those of `plot_maps`."""
    from topo_exp.analysis.plots_grids import GridAxis, map_grid

    across, down = ordered(cells[x]), [None] if y is None else ordered(cells[y])
    drawn: dict[tuple[int, int], GridMap | str] = {}
    units: dict[tuple[str, float | None], str] = {}
    for place, cell in enumerate(cells.to_dict("records")):
        where = divmod(place, len(across))
        drawn[where] = cell["missing"]
        if not cell["missing"]:
            read = _read(cell, is_faded=not map.endswith("_preference"))
            drawn[where] = read.map
            units.setdefault((read.unit, read.period), str(cell["run"]))
    if len(units) > 1:
        found = " and ".join(_unit_text(*each) for each in units)
        raise ConfigError(
            f"map: must have one unit and period in all cells (got {found}, in {' and '.join(units.values())}). "
            "Choose rows with query."
        )
    ((unit, period),) = units
    names = table.attrs.get("units", {})
    time = "" if "time" in (x, y) else f", t = {cells['time'].iloc[0]:g}"
    with (style or FigureStyle()).use():
        figure: Figure = map_grid(
            drawn,
            rows=GridAxis(
                "" if y is None else axis_label(y, names), tuple("" if y is None else cell_text(v) for v in down)
            ),
            columns=GridAxis(axis_label(x, names), tuple(cell_text(v) for v in across)),
            title=title or f"{map.replace('_', ' ')}{time}",
            label=map.rpartition("/")[2].replace("_", " "),
            unit=unit,
            period=period,
            note=chosen_note(cells, table, [name for name in (x, y) if name is not None]),
        )
    return figure


def chosen_note(cells: pd.DataFrame, table: pd.DataFrame, axes: Sequence[str]) -> str:
    """Say which of several runs are shown; empty if each cell has one run only."""
    shown = cells[cells["missing"] == ""]
    most = int(shown["replicates"].max())
    if most < 2:
        return ""
    others = [name for name in table.attrs.get("varying", []) if name in cells.columns and name not in axes]
    chosen = [f"{name} = {cell_text(shown[name].iloc[0])}" for name in others if shown[name].nunique(dropna=False) == 1]
    fewest = int(shown["replicates"].min())
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"one of {count} runs in each cell: {', '.join(chosen) or 'the first'}"


def _require(table: pd.DataFrame, axes: Sequence[str], time: float | None) -> None:
    """Check the words.

    Raises:
        UnknownNameError, ConfigError: See `map_cells`.
    """
    known = [name for name in table.columns if name in ("run", "status", "model", "time", "source")]
    known += [name for name in table.attrs.get("settings", table.columns) if name in table.columns]
    for role, name in zip(("x", "y"), reversed(axes), strict=False):
        if name not in known:
            raise UnknownNameError(f"{role}: must be a setting or the time (got {name!r}). {nearest(name, known)}")
    if len({*axes}) < len(axes):
        raise ConfigError(f"x, y: must be two columns (got {axes[0]!r} twice). Leave y out for one row.")
    if "time" in axes and time is not None:
        raise ConfigError(f"time: must not be given where it is an axis (got {time:g}). Choose times with query.")
    times = table["time"].dropna().unique()
    if not len(times):
        raise ConfigError("table: must have a row with an analysis time (got none). Choose other rows with query.")
    if time is not None and time not in times:
        known = [f"{each:g}" for each in sorted(times)]
        raise UnknownNameError(
            f"time: must be an analysis time of some run (got {time:g}). {nearest(f'{time:g}', known)}"
        )


def _cell(
    rows: pd.DataFrame, key: dict[str, object], others: Sequence[str], map: str, time: float | None, search: MapSearch
) -> dict[str, object]:
    """Return the entries of one cell: the run that is shown, or why there is none."""
    inside = rows
    for name, value in key.items():
        if name != "time":
            inside = inside[inside[name].isna()] if _is_missing(value) else inside[inside[name] == value]
    at = key.get("time", time)
    entry: dict[str, object] = {**key, "time": at, "run": "", "replicates": int(inside["directory"].nunique())}
    entry |= dict.fromkeys(others) | dict.fromkeys(("analysis", "variable", "file"), "")
    if inside.empty:
        return {**entry, "missing": NO_RUN}
    inside = inside[inside["time"] == at]
    if inside.empty:
        return {**entry, "missing": NO_TIME}
    for row in _sorted(inside, others).to_dict("records"):
        directory = Path(row["directory"])
        stored = StoredMaps(directory, float(row["time"]))
        found = search.find(stored, map, model=str(row.get("model")), is_drawn=True)
        if found is not None:
            file = str(map_path(directory, found[0], float(row["time"])))
            chosen = {"run": row["run"], "missing": "", "analysis": found[0], "variable": found[1], "file": file}
            return {**entry, **{name: row[name] for name in others}, **chosen}
    return {**entry, "missing": NO_MAP}


def _sorted(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Order rows by some columns, ascending, then by directory; values that have no order are compared as texts."""

    def comparable(column: pd.Series) -> pd.Series:
        return column.astype(str) if column.dtype == object else column

    return rows.sort_values([*names, "directory"], key=comparable)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


@dataclass(frozen=True)
class _Read:
    map: GridMap
    unit: str
    period: float | None


def _read(cell: dict[str, object], *, is_faded: bool) -> _Read:
    """Read the map of a cell, with its selectivity if that is shown as saturation."""
    from topo_exp.analysis.plots_grids import GridMap

    file, variable = Path(str(cell["file"])), str(cell["variable"])
    datasets = StoredMaps(file.parent.parent, float(str(cell["time"])))
    dataset = datasets[str(cell["analysis"])]
    found = dataset[variable]
    stored = stored_map(found)
    y, x = (_centres(found, str(dim)) for dim in found.dims)
    beside = f"{variable.removesuffix('_preference')}_selectivity"
    faded = is_faded and stored.period is not None and beside in dataset
    selectivity = np.asarray(dataset[beside].values, dtype=float) if faded else None
    return _Read(GridMap(stored.values, x, y, selectivity), stored.unit, stored.period)


def _centres(found: xr.DataArray, dim: str) -> np.ndarray:
    """Return the places of units along a dimension; those of a map without coordinates count units."""
    if dim in found.coords:
        return np.asarray(found.coords[dim].values, dtype=float)
    count = found.sizes[dim]
    return np.arange(count, dtype=float) if dim == found.dims[1] else np.arange(count, dtype=float)[::-1]


def _unit_text(unit: str, period: float | None) -> str:
    return f"{unit or 'no unit'}{'' if period is None else f', period {period:g}'}"


def _known(rows: pd.DataFrame, map: str, time: float | None) -> str:
    """Suggest the nearest of the maps of the first run that has some."""
    for row in rows.to_dict("records"):
        if row["time"] == time or (time is None and not math.isnan(row["time"])):
            datasets = StoredMaps(Path(row["directory"]), float(row["time"]))
            if known := sorted(set(_names(datasets))):
                return nearest(map, known)
    return "No run has maps at that time."


def _names(datasets: StoredMaps) -> Iterator[str]:
    """Yield the names of all maps of one time."""
    for dataset in datasets.values():
        for variable, found in dataset.data_vars.items():
            if found.ndim == 2 and found.dtype.kind in "fiu":
                sheet = dataset.attrs.get("sheet") or str(found.dims[0]).removesuffix("_y")
                yield f"{sheet}/{dataset.attrs.get('label', '')}{str(variable).removeprefix(f'{sheet}_')}"
