"""A picture of means with their confidence, for groups of replicates such as runs with other seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from topo_exp.analysis.figure_style import current_style
from topo_exp.analysis.plots_axes import CELL, canvas, em, label_axes, place, round_ticks, write_title
from topo_exp.analysis.plots_style import styled
from topo_exp.errors import ParameterError

MOST_NAMED = 10
"""Groups that the legend names; the colour cycle has as many."""


@dataclass(frozen=True)
class Group:
    """One curve: a mean for each value on the horizontal axis.

    Attributes:
        x: Numbers, rising; or texts, which are set side by side in this order.
        mean: (n,).
        low: Lower end of the confidence interval, (n,); NaN where there is one replicate only.
        high: Upper end.
    """

    x: Sequence[float] | Sequence[str]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@styled
def group_means(
    groups: Mapping[str, Group], *, title: str, xlabel: str, ylabel: str, legend: str = "", note: str = ""
) -> Figure:
    """Draw the mean of each group as a line with a band, or as points with bars where the horizontal axis has texts.

    Args:
        groups: By name.
        title: Subject.
        xlabel: The quantity on the horizontal axis and its unit.
        ylabel: The same of the vertical axis.
        legend: The quantity that the names of the groups give; heads the legend.
        note: Meaning of the band, such as "mean, 95 % confidence, n = 8"; written below the legend.

    Returns:
        The figure, in one journal column.

    Raises:
        ParameterError: There is no group, or numbers and texts are mixed.
    """
    if not groups:
        raise ParameterError("group_means.groups: must hold a group (got none). Pass {name: Group(...)}.")
    texts = list(dict.fromkeys(value for group in groups.values() for value in group.x if isinstance(value, str)))
    if texts and any(not isinstance(value, str) for group in groups.values() for value in group.x):
        raise ParameterError("group_means.groups: must have numbers or texts on the horizontal axis (got both).")
    figure, axes = _axes(title, xlabel, ylabel)
    for index, (name, group) in enumerate(groups.items()):
        at = np.array([texts.index(value) if isinstance(value, str) else value for value in group.x], dtype=np.float64)
        mean, low, high = (np.asarray(values, dtype=np.float64) for values in (group.mean, group.low, group.high))
        if texts:
            at = at + 0.6 * ((index + 0.5) / len(groups) - 0.5)
            errors = np.nan_to_num(np.stack([mean - low, high - mean]))
            axes.errorbar(at, mean, yerr=errors, fmt="o", markersize=3 * em(), capsize=2 * em(), label=name or "_")
        else:
            (line,) = axes.plot(at, mean, marker="o", markersize=2.2 * em(), label=name or "_")
            axes.fill_between(at, low, high, color=line.get_color(), alpha=0.25, linewidth=0)
    if texts:
        axes.set_xlim(-0.5, len(texts) - 0.5)
        axes.set_xticks(range(len(texts)), texts)
    else:
        _numeric_ticks(axes, groups)
    _explain(axes, groups, legend, note)
    return figure


def _axes(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    if current_style().is_cell:
        figure, _ = canvas("groups", CELL, CELL)
        return figure, place(figure, 0.32, 0.2, CELL - 0.47, CELL - 0.26)
    column = current_style().column
    height = column * 2.3 / 3.35
    left, below, above = 0.6 * em(), 0.40 * em(), 0.26 * em()
    figure, _ = canvas("groups", column, height)
    axes = place(figure, left, below, column - left - 0.12 * em(), height - below - above)
    write_title(axes, title, room=column - left)
    label_axes(axes, xlabel, ylabel, below=0.27, beside=0.47)
    return figure, axes


def _numeric_ticks(axes: Axes, groups: Mapping[str, Group]) -> None:
    """Put round ticks over the range of the groups, with a small margin."""
    values = np.array([value for group in groups.values() for value in group.x], dtype=np.float64)
    if values.size:
        low, high = float(values.min()), float(values.max())
        margin = 0.03 * (high - low) or 1.0
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(FixedLocator(round_ticks(low, high, most=5)))


def _explain(axes: Axes, groups: Mapping[str, Group], legend: str, note: str) -> None:
    """Name the groups, and say what is drawn."""
    if current_style().is_cell or not (legend or note):
        return
    handles, names = axes.get_legend_handles_labels()
    named = [(handle, name) for handle, name in zip(handles, names, strict=True) if not name.startswith("_")]
    heading = "\n".join(text for text in (note, legend) if text)
    axes.legend(
        [handle for handle, _ in named[:MOST_NAMED]],
        [name for _, name in named[:MOST_NAMED]],
        loc="best",
        title=heading,
        title_fontsize="small",
        alignment="left",
        ncols=1 if len(named) <= 4 else 2,
    )
