"""Figures of many runs: a metric against a setting or over time, mean and confidence over replicates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.record.files import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
"""Formats of figures on disk."""
CONFIDENCE = 0.95
"""Share of repetitions in which the interval holds the mean, if replicates are normally distributed."""


def summarise(
    table: pd.DataFrame, *, x: str, y: str, hue: str | None = None, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """Return mean and confidence interval of a metric for each value of a setting, or for each time.

    Rows that agree in `x` and `hue` are replicates, such as runs that differ by a seed. Unless `x` or `hue` is the
    time, only the last time of each run counts. Rows without a value of `y` are left out.

    Args:
        table: As `collate` returns it.
        x: Column for the horizontal axis: a setting, or `time`.
        y: Column of a metric.
        hue: Column by which curves are distinguished; None for one curve.
        confidence: Of the interval, in (0, 1): mean ± t s/√n with Student's t of n - 1 degrees of freedom.

    Returns:
        The table behind a figure: columns `hue` (if there is one), `x`, `mean`, `low`, `high`, `n`; `low` and `high`
        are NaN for a single replicate.

    Raises:
        UnknownNameError: There is no such column.
        ConfigError: The metric is no number, or no row has a value.
    """
    import pandas as pd
    from scipy.stats import t as student

    for role, name in (("x", x), ("y", y), ("hue", hue)):
        if name is not None and name not in table.columns:
            raise UnknownNameError(
                f"{role}: must be a column of the table (got {name!r}). {nearest(name, list(table.columns))}"
            )
    if not pd.api.types.is_numeric_dtype(table[y]):
        raise ConfigError(f"y: must be a column of numbers (got {y!r}). Choose a metric.")
    chosen = (
        table if "time" in (x, hue) else table[table["time"] == table.groupby("directory")["time"].transform("max")]
    )
    chosen = chosen[chosen[y].notna()]
    if chosen.empty:
        raise ConfigError(f"y: must have a value in some row (got {y!r}, which has none). Choose another metric.")
    keys = [name for name in (hue, x) if name is not None]
    rows = []
    for key, group in chosen.groupby(keys, sort=True, dropna=False):
        n, mean = len(group), float(group[y].mean())
        half = float(student.ppf((1 + confidence) / 2, n - 1) * group[y].std() / math.sqrt(n)) if n > 1 else math.nan
        rows.append((*key, mean, mean - half, mean + half, n))
    return pd.DataFrame(rows, columns=[*keys, "mean", "low", "high", "n"])


def plot_sweep(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    hue: str | None = None,
    confidence: float = CONFIDENCE,
    title: str = "",
    style: FigureStyle | None = None,
) -> Figure:
    """Draw a metric of many runs against a setting or over time, with confidence over replicates.

        table = topo_exp.collate("Output/202611221137_gcal_sweep,contrast,input_seed")
        figure = topo_exp.plot_sweep(table, x="contrast", y="V1/orientation_selectivity_mean", hue="gain_control")
        figure.savefig("selectivity.pdf")

    Args:
        table: As `collate` returns it; rows to leave out are removed before.
        x: Column for the horizontal axis: a setting, or `time`. Texts and truth values are set side by side.
        y: Column of a metric.
        hue: Column by which curves are distinguished.
        confidence: Of the band; see `summarise`, which returns the numbers that are drawn.
        title: Of the figure; the sheet by default.
        style: Size, resolution and font.

    Returns:
        The figure, which knows nothing of pyplot.

    Raises:
        UnknownNameError, ConfigError: The table lacks a column, or has no value to draw.
    """
    from topo_exp.analysis.plots_groups import Group, group_means

    summary = summarise(table, x=x, y=y, hue=hue, confidence=confidence)
    parts = (
        [("", summary)] if hue is None else [(cell_text(name), part) for name, part in summary.groupby(hue, sort=False)]
    )
    groups = {name: Group(_axis(part[x]), part["mean"], part["low"], part["high"]) for name, part in parts}
    counts = sorted(set(summary["n"]))
    replicates = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    note = f"mean, {100 * confidence:g} % confidence, {replicates}" if counts[-1] > 1 else ""
    units = table.attrs.get("units", {})
    with (style or FigureStyle()).use():
        return group_means(
            groups,
            title=title or y.rpartition("/")[0] or y,
            xlabel=axis_label(x, units),
            ylabel=axis_label(y.rpartition("/")[2], {y.rpartition("/")[2]: units.get(y, "")}),
            legend=hue or "",
            note=note,
        )


def save_figure(figure: Figure, summary: pd.DataFrame, path: Path, *, style: FigureStyle) -> list[Path]:
    """Write a figure, and the table behind it beside it as CSV.

    Args:
        figure: As `plot_sweep` returns it.
        summary: As `summarise` returns it.
        path: File to write; its suffix is the format.
        style: Whose resolution counts.

    Returns:
        The two files.

    Raises:
        ConfigError: The suffix is no format, or the directory does not exist.
        RecordError: A file cannot be written.
    """
    from topo_exp.analysis.plots_style import render

    require_target(path)
    beside = path.with_suffix(".csv")
    write_bytes(beside, summary.to_csv(index=False).encode())
    write_bytes(path, render(figure, path.suffix.lstrip("."), dpi=style.dpi, title=path.stem))
    return [path, beside]


def require_target(path: Path) -> None:
    """Raise if no figure can be written to a path.

    Raises:
        ConfigError: Its suffix is no format of figures, or its directory does not exist.
    """
    if path.suffix.lstrip(".") not in FORMATS:
        raise ConfigError(f"-o: must end in one of {', '.join('.' + each for each in FORMATS)} (got {str(path)!r}).")
    if not path.parent.is_dir():
        raise ConfigError(f"-o: must be in a directory that exists (got {str(path)!r}). Make {path.parent} first.")


def _axis(values: pd.Series) -> Sequence[float] | Sequence[str]:
    """Return values as numbers, or as texts if they are anything else."""
    import pandas as pd

    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return cast("Sequence[float]", values.tolist()) if is_number else [cell_text(value) for value in values]


def cell_text(value: object) -> str:
    """Return a value of the table as it is written in figures."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def axis_label(name: str, units: dict[str, str]) -> str:
    """Return the name of a column with its unit."""
    unit = units.get(name, "")
    return name.replace("_", " ") if unit in ("", "1") else f"{name.replace('_', ' ')} ({unit})"
