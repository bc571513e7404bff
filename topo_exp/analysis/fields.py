"""Connection fields: the weights of each unit as pictures, and their position on the source sheet."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from topo_exp.analysis.pictures import picture
from topo_exp.analysis.responses import measurable_sheets, plain_attributes, sheet_coordinates
from topo_exp.analysis.result import Result
from topo_exp.engine.projection import CFProjection
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from topo_exp.engine.sheet import Sheet
    from topo_exp.engine.simulation import Simulation


def connection_fields(
    sim: "Simulation", sheet: str | Iterable[str] | None = None, *, most: int = 24, normalize: str = "each"
) -> Result:
    """Draw the connection fields of every projection into the measured sheets.

    Of a sheet with more than `most` units along a side, every second, third ... unit is drawn. Where a sheet has two
    afferent projections from sheets whose names differ only in On and Off (LGNOn, LGNOff), the difference of the two,
    each times its strength, is drawn too: the unit's receptive field, bright and dark.

    Args:
        sim: The simulation.
        sheet: Name of the sheet, or a list of names; None takes those with `measure_maps`.
        most: Most fields drawn along a side.
        normalize: "each" divides every field in the picture by its largest absolute weight, "all" draws weights as they
            are.

    Returns:
        Result; `.figures` `<Sheet>/fields_<projection>`, and `.maps` with the weights drawn, `<Sheet>_<projection>` on
        (`<Sheet>_y`, `<Sheet>_x`, rows and columns of the uncropped field), zero off the source sheet. Fields about
        as large as their source sheet are drawn on that sheet, rather than relative to their units.

        Empty for a model without such a sheet.

    Raises:
        UnknownNameError: A sheet that the simulation does not have.
    """
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    figures: dict[str, Callable[[], Any]] = {}
    for name in measurable_sheets(sim, sheet):
        rows, cols = (every(count, most) for count in sim[name].shape)
        coordinates |= sheet_coordinates(sim[name], rows=rows, cols=cols, prefix=f"{name}_")
        for projection, weights in _shown(sim[name]):
            shown = weights.reshape(*sim[name].shape, *weights.shape[1:])[np.ix_(rows, cols)].astype(np.float32)
            dims = (f"{name}_y", f"{name}_x", f"{name}_{projection}_row", f"{name}_{projection}_column")
            variables[f"{name}_{projection}"] = (dims, shown, {"long_name": f"weights of {projection}", "units": "1"})
            figures[f"{name}/fields_{projection}"] = picture(
                "connection_fields",
                shown,
                bounds=bounds_of_shown(sim[name], rows, cols),
                normalize=normalize,
                title=f"{name}: fields of {projection}, t = {sim.time:g}",
            )
    if not variables:
        return Result()
    attributes = plain_attributes({"simulation_time": float(sim.time)})
    return Result(maps=Dataset(variables, coords=coordinates, attrs=attributes), figures=figures)


def every(count: int, most: int) -> np.ndarray:
    """Return the indices of at most `most` of `count` units in a row: every first, second, third ..., centred."""
    stride = -(-count // max(1, most))
    return np.arange(((count - 1) % stride) // 2, count, stride)


def afferent_projections(sim: "Simulation", sheet: str) -> list[CFProjection]:
    """Return the afferent projections of a sheet: with weights of their own, from a sheet made before it."""
    order = list(sim.sheets)
    return [
        projection
        for projection in sim[sheet].projections.values()
        if isinstance(projection, CFProjection) and order.index(projection.src.name) < order.index(sheet)
    ]


def on_off_pairs(sheet: "Sheet") -> Iterator[tuple[str, CFProjection, CFProjection]]:
    """Yield (name of the pair, ON projection, OFF projection) for projections from sheets that differ in On and Off."""
    plastic = [p for p in sheet.projections.values() if isinstance(p, CFProjection)]
    for on in plastic:
        for off in plastic:
            paired = "On" in on.src.name and on.src.name.replace("On", "Off") == off.src.name
            if paired and on.geometry.template == off.geometry.template:
                yield f"{on.src.name.replace('On', 'On-Off')}", on, off


def centre_of_gravity(projection: CFProjection) -> tuple[FloatArray, FloatArray]:
    """Return the centre of gravity of each unit's connection field, in coordinates of the source sheet.

    x_i = sum_j |w_ij| x_j / sum_j |w_ij|, likewise y, over the connections j of unit i, x_j being the centre of the
    source unit.

    Args:
        projection: With weights of its own for each unit.

    Returns:
        (x, y), each (rows, cols) of the destination; NaN for a unit all of whose weights are 0.
    """
    x, y, total = first_moments(projection)
    with np.errstate(invalid="ignore"):
        return x / total, y / total


def first_moments(projection: CFProjection) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return sum_j |w_ij| x_j, sum_j |w_ij| y_j and sum_j |w_ij| for each unit i, each (rows, cols)."""
    weights = np.abs(projection.weights)
    geometry, source = projection.geometry, projection.src
    left, _bottom, _right, top = source.bounds.lbrt()
    height, width = weights.shape[1:]
    rows = geometry.corners[:, :1] + np.arange(height)  # may lie off the sheet, where weights are 0
    cols = geometry.corners[:, 1:] + np.arange(width)
    by_row, by_column = weights.sum(axis=2, dtype=np.float64), weights.sum(axis=1, dtype=np.float64)
    x = (by_column * (left + (cols + 0.5) / source.density)).sum(axis=1)
    y = (by_row * (top - (rows + 0.5) / source.density)).sum(axis=1)
    shape = projection.dest.shape
    return x.reshape(shape), y.reshape(shape), by_row.sum(axis=1).reshape(shape)


def _shown(sheet: "Sheet") -> Iterator[tuple[str, FloatArray]]:
    seen = {name: _seen(p) for name, p in sheet.projections.items() if isinstance(p, CFProjection)}
    yield from seen.items()
    for name, on, off in on_off_pairs(sheet):
        yield name, on.strength * seen[on.name] - off.strength * seen[off.name]


def _seen(projection: CFProjection) -> FloatArray:
    """Return the weights on the template, or on the source sheet if that is hardly larger: (units, rows, cols)."""
    weights, (height, width) = projection.weights, projection.src.shape
    if weights.shape[1] < 0.75 * height or weights.shape[2] < 0.75 * width:
        return weights
    rows = np.arange(height) - projection.geometry.corners[:, :1]
    cols = np.arange(width) - projection.geometry.corners[:, 1:]
    on_template = ((rows >= 0) & (rows < weights.shape[1]))[:, :, None] & ((cols >= 0) & (cols < weights.shape[2]))[
        :, None
    ]
    rows, cols = rows.clip(0, weights.shape[1] - 1), cols.clip(0, weights.shape[2] - 1)
    units = np.arange(len(weights))[:, None, None]
    return np.where(on_template, weights[units, rows[:, :, None], cols[:, None, :]], 0)


def bounds_of_shown(sheet: "Sheet", rows: np.ndarray, cols: np.ndarray) -> tuple[float, float, float, float]:
    """Return the bounds of the sheet's area whose cells are centred on the shown units."""
    half = 0.5 / sheet.density * (rows[1] - rows[0] if len(rows) > 1 else cols[1] - cols[0] if len(cols) > 1 else 1)
    x, y = np.asarray(sheet.x)[cols], np.asarray(sheet.y)[rows]
    return float(x[0] - half), float(y[-1] - half), float(x[-1] + half), float(y[0] + half)
