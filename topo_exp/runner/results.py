"""Results of analyses, each part written to its place in a run directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from topo_exp.errors import AnalysisError
from topo_exp.record.layout import map_path, picture_path
from topo_exp.record.maps import write_maps
from topo_exp.record.metrics import MetricRow
from topo_exp.record.pictures import cell_of
from topo_exp.runner.drawing import PictureOrder

if TYPE_CHECKING:
    from topo_exp.analysis.figure_style import FigureStyle
    from topo_exp.analysis.result import Result


class ResultStore:
    """Write the maps of results, and turn their metrics into rows and their figures into orders.

    A name that two analyses use at one time is refused, since one value would be lost.

    Args:
        directory: Of the run.
        figure_formats: File formats of the pictures, as suffixes.
        style: Size, resolution and font of the pictures.
    """

    def __init__(self, directory: Path, *, figure_formats: Sequence[str], style: FigureStyle) -> None:
        self._directory = directory
        self._style = style
        self._formats = tuple(figure_formats)
        self._owners: dict[tuple[str, float, str], str] = {}

    def rows(self, name: str, time: float, result: Result) -> list[MetricRow]:
        """Return the metrics of a result as rows of metrics.csv.

        Raises:
            AnalysisError: Another analysis has a metric of the same name.
        """
        for metric in result.metrics:
            self._claim("metric", metric, time, name)
        return [(time, metric, value) for metric, value in result.metrics.items()]

    def write_maps(self, name: str, time: float, result: Result) -> None:
        """Write the maps of a result as NetCDF, if it has any.

        Raises:
            AnalysisError: NetCDF cannot store them, or another analysis has a file of the same name.
        """
        if result.maps is None:
            return
        path = map_path(self._directory, name, time)
        self._claim("map file", path.name, time, name)
        try:
            write_maps(path, result.maps.assign_attrs(analysis=name, time=time))
        except (TypeError, ValueError) as error:
            raise AnalysisError(
                f"{name}: maps must be storable as NetCDF (got: {error}). "
                "Use numbers and texts in variables, coordinates and attributes."
            ) from error

    def picture_orders(self, name: str, time: float, result: Result) -> list[PictureOrder]:
        """Return the figures of a result as orders for a `FigureWriter`.

        Raises:
            AnalysisError: Another analysis has a picture of the same name.
        """
        orders = []
        for figure, function in result.figures.items() if self._formats else ():
            paths = tuple(picture_path(self._directory, figure, time, suffix) for suffix in self._formats)
            self._claim("plot file", paths[0].stem, time, name)
            cell = cell_of(paths[0])
            source = f"{name}, time {time:g}"
            orders.append(PictureOrder(figure, function, paths, source=source, style=self._style, cell=cell))
        return orders

    def _claim(self, kind: str, name: str, time: float, analysis: str) -> None:
        owner = self._owners.setdefault((kind, time, name), analysis)
        if owner != analysis:
            raise AnalysisError(
                f"{analysis}: the {kind} {name!r} must be its own (got the same from {owner!r} at time {time:g}). "
                "Rename one of them."
            )
