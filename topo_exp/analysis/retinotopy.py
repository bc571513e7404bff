"""Retinotopy: the positions of a sheet's units in the space of its input, as a grid and as numbers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from topo_exp.analysis.feature_maps import merged
from topo_exp.analysis.fields import afferent_projections, first_moments
from topo_exp.analysis.grids import cells_with_values
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.responses import measurable_sheets, plain_attributes, sheet_coordinates
from topo_exp.analysis.result import Result
from topo_exp.errors import ParameterError
from topo_exp.typing import BoolArray, FloatArray

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation


def retinotopic_map(sim: "Simulation", sheet: str | Iterable[str] | None = None) -> Result:
    """Find the centre of each unit's afferent field, draw the topographic grid, and measure its order.

    The centre of a unit is the centre of gravity of all its afferent weights together, each projection's times its
    strength, in sheet coordinates, which all sheets share: x_i = sum_p |s_p| sum_j |w_pij| x_pj / sum_p |s_p| sum_j
    |w_pij|. Afferent are projections from sheets made before the measured one (`fields.afferent_projections`).

    Args:
        sim: The simulation.
        sheet: Name of the sheet, or a list of names; None takes those with `measure_maps`. A sheet without afferent
            weights of its own, or with none but zeros, is left out.

    Returns:
        Result; maps `centre_x`, `centre_y` on (y, x), NaN for a unit without afferent weights, and
        `<projection>_centre_x`, `_y` where there are several projections; metrics `<Sheet>/retinotopy_...` with
        magnification, smoothness, folds, folded_fraction, coverage and displacement (see the functions of these names);
        figure `<Sheet>/retinotopy`. Empty for a model without such a sheet.

    Raises:
        UnknownNameError: A sheet that the simulation does not have.
    """
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    found: dict[str, Dataset] = {}
    metrics: dict[str, float] = {}
    figures: dict[str, Any] = {}
    for name in measurable_sheets(sim, sheet):
        projections = afferent_projections(sim, name)
        if not projections:
            continue
        moments = [np.stack(first_moments(p)) for p in projections]
        with np.errstate(invalid="ignore"):
            sums = np.asarray(sum(abs(p.strength) * m for p, m in zip(projections, moments, strict=True)))
            cx, cy = sums[:2] / sums[2]
            own = {p.name: m[:2] / m[2] for p, m in zip(projections, moments, strict=True)}
        if not np.isfinite(cx).any():
            continue
        variables: dict[str, Any] = {"centre_x": cx, "centre_y": cy}
        for projection, (x, y) in own.items() if len(own) > 1 else ():
            variables |= {f"{projection}_centre_x": x, f"{projection}_centre_y": y}
        boxes = np.array([p.src.bounds.lbrt() for p in projections])
        bounds = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        unit = {"units": "sheet coordinates of the input"}
        found[name] = Dataset(
            {key: (("y", "x"), values, unit) for key, values in variables.items()},
            coords=sheet_coordinates(sim[name]),
            attrs=plain_attributes({"sheet": name, "simulation_time": float(sim.time), "input_bounds_lbrt": bounds}),
        )
        numbers = order(cx, cy, sim[name].x, sim[name].y, bounds)
        metrics |= {f"{name}/retinotopy_{key}": value for key, value in numbers.items()}
        window = _window(cx, cy, sim[name].bounds.lbrt(), bounds)
        title = f"{name}: topographic grid, t = {sim.time:g}"
        figures[f"{name}/retinotopy"] = picture(
            "topographic_grid",
            cx,
            cy,
            window,
            title=title,
            source_spacing=1 / max(p.src.density for p in projections),
            region=sim[name].bounds.lbrt(),
        )
    return Result(metrics, merged(found), figures) if found else Result()


def order(
    cx: ArrayLike, cy: ArrayLike, x: ArrayLike, y: ArrayLike, bounds: tuple[float, float, float, float]
) -> dict[str, float]:
    """Return all numbers of a topographic grid by name.

    Args:
        cx: (rows, cols), x of each unit's position in the input's space; NaN for a unit without one.
        cy: (rows, cols), y of the same.
        x: (cols,), the units' own positions on their sheet.
        y: (rows,), the same.
        bounds: (left, bottom, right, top) of the input sheet.

    Returns:
        magnification, smoothness, folds, folded_fraction, coverage, displacement. A number of the grid's cells takes
        those whose four corners have a position; it is NaN where there is none.

    Raises:
        ParameterError: Cx and cy are not of one shape, (rows, cols) of y and x.
    """
    folded, whole = folds(cx, cy), cells_with_values(np.isfinite(np.add(*_grid(cx, cy))))
    cells = int(whole.sum())
    return {
        "magnification": magnification(cx, cy, x, y),
        "smoothness": smoothness(cx, cy),
        "folds": float(folded.sum()) if cells else float("nan"),
        "folded_fraction": float(folded.sum() / cells) if cells else float("nan"),
        "coverage": coverage(cx, cy, bounds),
        "displacement": displacement(cx, cy, x, y),
    }


def magnification(cx: ArrayLike, cy: ArrayLike, x: ArrayLike, y: ArrayLike) -> float:
    """Return the linear magnification: length on the sheet per length of input that it represents.

    M = sqrt(a / <|A|>), a being the area of the sheet between four neighbouring units, A that of the input between
    their four positions (signed, by the shoelace formula), <> the mean over all such cells.

    Arguments as for `order`; NaN where a grid has no area.

    References:
        Daniel, P. M. & Whitteridge, D. (1961), J Physiol 159:203-221, doi:10.1113/jphysiol.1961.sp006803, in mm of
        cortex per degree of visual field.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    areas = _areas(*_grid(cx, cy))
    area = np.nanmean(np.abs(areas)) if np.isfinite(areas).any() else 0.0
    own = abs((xs[-1] - xs[0]) * (ys[-1] - ys[0])) / max((xs.size - 1) * (ys.size - 1), 1)
    return float(np.sqrt(own / area)) if area > 0 else float("nan")


def smoothness(cx: ArrayLike, cy: ArrayLike) -> float:
    """Return the smoothness of positions from unit to unit: 1 for an even grid, about 0.2 for random positions.

    S = 1 - <|c_i - (c_left + c_right + c_above + c_below) / 4|> / <|c_i - c_neighbour|>, over all units inside the
    sheet's edge that have a position, as their four neighbours do: the distance of a unit from its neighbours' mean,
    relative to its distances from them. For independent normal positions S = 1 - sqrt(5/8) = 0.21.

    Arguments as for `order`; NaN for a grid without such a unit, or collapsed to a point.
    """
    c = np.add(*(part * unit for part, unit in zip(_grid(cx, cy), (1, 1j), strict=True)))
    inner = c[1:-1, 1:-1]
    neighbours = np.stack([c[:-2, 1:-1], c[2:, 1:-1], c[1:-1, :-2], c[1:-1, 2:]])
    off, distance = np.abs(inner - neighbours.mean(axis=0)), np.abs(inner - neighbours).mean(axis=0)
    valued = np.isfinite(off)
    if not valued.any() or not distance[valued].mean() > 0:
        return float("nan")
    return float(1 - off[valued].mean() / distance[valued].mean())


def folds(cx: ArrayLike, cy: ArrayLike) -> BoolArray:
    """Return True for the cells of the grid that are flipped or crossed.

    A cell is the quadrilateral of the positions of four neighbouring units. At each of its corners the two edges turn
    one way; a cell counts as folded if two or more of its four corners turn against the grid (two: its sides cross, as
    in a bow tie; three or four: it lies upside down). One such corner is a dent. The grid turns the way of the sum of
    its signed areas, so that a map that is mirrored as a whole has no folds.

    Arguments as for `order`; cells with a NaN corner count as not folded.

    Returns:
        (rows - 1, cols - 1), True for a folded cell.
    """
    x, y = _grid(cx, cy)
    corners = [_areas(x, y, turn) for turn in range(4)]
    whole = np.nansum(_areas(x, y))
    against = sum((np.sign(corner) == -np.sign(whole)).astype(int) for corner in corners)
    return np.asarray(against >= 2)


def coverage(cx: ArrayLike, cy: ArrayLike, bounds: tuple[float, float, float, float]) -> float:
    """Return the share of the input sheet's area that the grid spans: sum of |area| of its cells over that of `bounds`.

    Folded cells count with their area, so that a heavily folded grid may exceed 1. Arguments as for `order`; NaN for a
    grid without a cell.
    """
    left, bottom, right, top = bounds
    areas = np.abs(_areas(*_grid(cx, cy)))
    return float(np.nansum(areas) / ((right - left) * (top - bottom))) if np.isfinite(areas).any() else float("nan")


def displacement(cx: ArrayLike, cy: ArrayLike, x: ArrayLike, y: ArrayLike) -> float:
    """Return the mean distance <|c_i - r_i|> between a unit's position c in the input and its own r on its sheet.

    Arguments as for `order`; NaN if there is no position.
    """
    gx, gy = _grid(cx, cy)
    distance = np.hypot(gx - np.asarray(x, dtype=float)[None, :], gy - np.asarray(y, dtype=float)[:, None])
    return float(np.nanmean(distance)) if np.isfinite(distance).any() else float("nan")


def _window(cx: FloatArray, cy: FloatArray, own: tuple[float, ...], inputs: tuple[float, ...]) -> tuple[float, ...]:
    """Return the part of the input to show: the sheet's own bounds and all positions, within the input's bounds."""
    low = [np.nanmin([edge, np.nanmin(c)]) for edge, c in zip(own[:2], (cx, cy), strict=True)]
    high = [np.nanmax([edge, np.nanmax(c)]) for edge, c in zip(own[2:], (cx, cy), strict=True)]
    return (*np.maximum(low, inputs[:2]).tolist(), *np.minimum(high, inputs[2:]).tolist())


def _grid(cx: ArrayLike, cy: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(cx, dtype=float), np.asarray(cy, dtype=float)
    if x.shape != y.shape or x.ndim != 2:
        raise ParameterError(f"retinotopy: cx and cy must be (rows, cols) (got {x.shape} and {y.shape}). Align them.")
    return x, y


def _areas(x: FloatArray, y: FloatArray, corner: int | None = None) -> FloatArray:
    """Return the signed areas (rows - 1, cols - 1) of the grid's cells, or of the triangle at one corner of each.

    Counter-clockwise is positive; corners go round from the lower left one.
    """
    around = [np.s_[1:, :-1], np.s_[1:, 1:], np.s_[:-1, 1:], np.s_[:-1, :-1]]
    px, py = (np.stack([part[here] for here in around]) for part in (x, y))
    if corner is not None:
        pick = [(corner - 1) % 4, corner, (corner + 1) % 4]
        px, py = px[pick], py[pick]
    return np.asarray((px * np.roll(py, -1, axis=0) - py * np.roll(px, -1, axis=0)).sum(axis=0) / 2)
