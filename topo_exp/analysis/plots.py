"""Pictures of maps, sheets and numbers, made for print: `plots.orientation`, `plots.activity`, ... and `plots.save`.

Every function is module-level, takes arrays and keyword options, and returns a matplotlib Figure that knows nothing of
pyplot; with `functools.partial` it makes an entry of `Result.figures` that can be sent to another process to be drawn.
"""

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.plots_axes import Frames
from topo_exp.analysis.plots_curves import histogram, metric_curve, spectrum, tuning_curves
from topo_exp.analysis.plots_maps import (
    development,
    feature_map,
    mark_pinwheels,
    orientation,
    orientation_contours,
    orientation_polar,
    selectivity,
)
from topo_exp.analysis.plots_sheets import activity, connection_fields, topographic_grid
from topo_exp.analysis.plots_style import STYLE, render, save, styled

__all__ = [
    "STYLE",
    "FigureStyle",
    "Frames",
    "activity",
    "connection_fields",
    "development",
    "feature_map",
    "histogram",
    "mark_pinwheels",
    "metric_curve",
    "orientation",
    "orientation_contours",
    "orientation_polar",
    "render",
    "save",
    "selectivity",
    "spectrum",
    "styled",
    "topographic_grid",
    "tuning_curves",
]
