"""Receptive fields by reverse correlation: the parts of the input that drive each unit."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import param

from topo_exp.analysis.feature_maps import result_of
from topo_exp.analysis.fields import bounds_of_shown, every
from topo_exp.analysis.pictures import picture
from topo_exp.analysis.presentation import SHOWING, Presentation, measurement
from topo_exp.analysis.responses import BATCH, Cost, input_sheets, plain_attributes, present, sheet_coordinates
from topo_exp.analysis.result import Result
from topo_exp.engine.patterns import Pattern
from topo_exp.engine.streams import Quantity
from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

if TYPE_CHECKING:
    from topo_exp.engine.sheet import Sheet
    from topo_exp.engine.simulation import Simulation


@measurement(*SHOWING)
def receptive_fields(
    sim: "Simulation",
    shown: Presentation,
    *,
    stimuli: Literal["noise", "spots"] = "noise",
    presentations: int = 2000,
    cell: int = 2,
    seed: int = 0,
    most: int = 12,
) -> Result:
    """Measure receptive fields by correlating responses with random images (noise), or with a spot at each place.

    With r_k the response to image s_k, the field of a unit is F(X) = sum_k r_k (s_k(X) - <s(X)>) / sum_k |r_k|, <>
    being the mean over all images: the response-triggered average, which for white noise is proportional to the
    weights of a linear unit. It is NaN for a unit that never responds. Noise has cells that are 0 or `scale` with equal
    chance; spots are one cell of `scale`, and one of 0, at each place in turn on a ground of scale / 2. Each input
    sheet is shown noise of its own; spots are shown on all at the same place.

    Args:
        sim: The simulation; its state is restored.
        shown: The shared options, each a keyword argument; see `topo_exp.analysis.maps`. `scale` is the brightest value
            of an image.
        stimuli: "noise" or "spots".
        presentations: Number of random images; spots need two for each place.
        cell: Side of a cell of the images, in units of the input sheet.
        seed: Of the random images.
        most: Most units along a side whose fields are kept; they are spread evenly.

    Returns:
        Result; maps `receptive_field_<input>` on (y, x of the units, y and x of the input sheet), in brightness;
        metrics `<Sheet>/receptive_field_radius_<input>`, the mean over responding units of `radius`, in sheet
        coordinates; figures of the fields, each around its unit's position.

    Raises:
        ParameterError: An unknown kind of stimuli, or impossible numbers.
        UnknownNameError: As `responses.collect`.
        AnalysisError: As `responses.collect`.

    References:
        Chichilnisky, E. J. (2001), Network 12:199-213, doi:10.1080/713663221.
    """
    from xarray import Dataset  # here, because xarray takes longer to load than the whole package

    if stimuli not in ("noise", "spots"):
        raise ParameterError(f"receptive_fields.stimuli: must be 'noise' or 'spots' (got {stimuli!r}). Choose one.")
    if presentations < 1 or cell < 1:
        raise ParameterError(
            f"receptive_fields: presentations and cell must be >= 1 (got {presentations}, {cell}). Choose larger ones."
        )
    scale = shown.scale
    names, sources = shown.sheets(sim), input_sheets(sim, shown.inputs)
    places = {name: tuple(every(count, most) for count in sim[name].shape) for name in names}
    sums = {name: _Sums() for name in names}
    images = _noise if stimuli == "noise" else _spots
    generators = {
        name: images(sim[name].shape, cell, presentations, np.random.default_rng([seed, i]))
        for i, name in enumerate(sources)
    }
    spots = min(2 * math.prod(_cells(sim[name].shape, cell)) for name in sources)
    total = presentations if stimuli == "noise" else spots
    with sim.frozen():
        began = time.perf_counter()
        for batch in _batches(generators):
            patterns = {
                name: [Pixels.on(sim[name], image, scale=scale) for image in given] for name, given in batch.items()
            }
            answers = present(sim, patterns, sheets=names, duration=shown.duration, afferent_only=shown.afferent_only)
            for name, (rows, cols) in places.items():
                sums[name].add(answers[name][:, rows][:, :, cols], {s: scale * image for s, image in batch.items()})
            shown.progress(Cost(sums[names[0]].count, total, time.perf_counter() - began))
    found: dict[str, Dataset] = {}
    for name, (rows, cols) in places.items():
        variables: dict[str, Any] = {}
        coordinates = sheet_coordinates(sim[name], rows=rows, cols=cols)
        for source, field in sums[name].fields().items():
            dims = ("y", "x", f"{source}_y", f"{source}_x")
            variables[f"receptive_field_{source}"] = (dims, field.astype(np.float32), {"units": "brightness"})
            coordinates |= sheet_coordinates(sim[source], prefix=f"{source}_")
        attributes = {"sheet": name, "stimuli": stimuli, "cell": cell, "pattern_scale": scale, "seed": seed}
        attributes |= {
            "presentations": sums[name].count,
            "afferent_only": shown.afferent_only,
            "simulation_time": sim.time,
        }
        found[name] = Dataset(variables, coords=coordinates, attrs=plain_attributes(attributes))

    def metrics(name: str, maps: "Dataset") -> dict[str, float]:
        del name
        return {
            f"receptive_field_radius_{s}": radius(maps[f"receptive_field_{s}"].values, sim[s].x, sim[s].y)
            for s in sources
        }

    def figures(name: str, maps: "Dataset") -> dict[str, Callable[[], Any]]:
        return {
            f"receptive_fields_{s}": picture(
                "connection_fields",
                _around(np.nan_to_num(maps[f"receptive_field_{s}"].values), maps["x"].values, maps["y"].values, sim[s]),
                bounds=bounds_of_shown(sim[name], *places[name]),
                signed=True,
                quantity="correlation",
                title=f"{name}: receptive fields in {s}, t = {sim.time:g}",
            )
            for s in sources
        }

    return result_of(found, metrics=metrics, figures=figures)


def radius(fields: FloatArray, x: FloatArray, y: FloatArray) -> float:
    """Return the mean root mean square radius of fields (rows, cols, h, w), weighted by their squares.

    R = sqrt(sum_X F(X)^2 |X - c|^2 / sum_X F(X)^2) with c the centre sum F^2 X / sum F^2, X at x (w,) and y (h,), over
    those places where |F| is at least a third of its largest value, so that noise beyond the field does not count. The
    mean is taken over fields that are neither NaN nor 0 everywhere; it is NaN if there are none. R is 0.85 s for a
    Gaussian field of width s.
    """
    power = _strong(np.asarray(fields, dtype=float).reshape(-1, len(y), len(x))) ** 2
    power = power[power.sum(axis=(1, 2)) > 0]
    if not len(power):
        return float("nan")
    power /= power.sum(axis=(1, 2), keepdims=True)
    by_x, by_y = power.sum(axis=1), power.sum(axis=2)
    variance = sum(
        weight @ (at**2) - (weight @ at) ** 2 for weight, at in ((by_x, np.asarray(x)), (by_y, np.asarray(y)))
    )
    return float(np.sqrt(np.maximum(variance, 0)).mean())


def _strong(fields: FloatArray) -> FloatArray:
    """Return fields (..., h, w) with values of less than a third of their largest absolute value set to 0."""
    size = np.abs(fields)
    return np.where(size >= size.max(axis=(-2, -1), keepdims=True) / 3, fields, 0.0)


def _around(fields: FloatArray, x: FloatArray, y: FloatArray, source: "Sheet") -> FloatArray:
    """Return a window of each field (rows, cols, h, w) around its unit at x (cols,) and y (rows,), 0 off the sheet.

    It reaches 1.5 times as far as the strong parts of nine tenths of the fields do.
    """
    rows = np.array([source.sheet2matrixidx(0.0, at)[0] for at in y])
    columns = np.array([source.sheet2matrixidx(at, 0.0)[1] for at in x])
    where = np.nonzero(_strong(fields))
    if not len(where[0]):
        return fields
    away = np.maximum(abs(where[2] - rows[where[0]]), abs(where[3] - columns[where[1]]))
    reach = min(int(1.5 * np.quantile(away, 0.9)) + 1, max(fields.shape[2:]))
    padded = np.pad(fields, ((0, 0), (0, 0), (reach, reach), (reach, reach)), constant_values=0.0)
    span = np.arange(2 * reach + 1)
    unit_row, unit_column = np.ogrid[: len(y), : len(x)]
    window = (rows[:, None] + span)[:, None, :, None], (columns[:, None] + span)[None, :, None, :]
    return padded[unit_row[..., None, None], unit_column[..., None, None], *window]


class Pixels(Pattern):
    """An image shown pixel by pixel on an input sheet, dark beyond its edges."""

    pixels = param.Array(np.zeros((1, 1)), doc="Values (rows, columns), row 0 at the top, before scale and offset.")
    density = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Pixels per unit of length.")

    @classmethod
    def on(cls, sheet: "Sheet", pixels: FloatArray, **options: float) -> "Pixels":
        """Return the pattern that shows on `sheet` an image of the sheet's own shape, one pixel to a unit."""
        left, bottom, right, top = sheet.bounds.lbrt()
        return cls(pixels=pixels, density=sheet.density, x=(left + right) / 2, y=(bottom + top) / 2, **options)

    def function(self, values: Mapping[str, float], px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the value of the pixel at each place."""
        rows, columns = self.pixels.shape
        row = np.floor(rows / 2 - py * values["density"]).astype(np.intp)
        column = np.floor(columns / 2 + px * values["density"]).astype(np.intp)
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        return np.where(inside, self.pixels[row.clip(0, rows - 1), column.clip(0, columns - 1)], 0.0)


class _Sums:
    """Sums over presentations, from which fields follow."""

    def __init__(self) -> None:
        """Start with no presentation."""
        self.count = 0
        self._products: dict[str, FloatArray] = {}
        self._images: dict[str, FloatArray] = {}
        self._responses: FloatArray | float = 0.0
        self._total: FloatArray | float = 0.0

    def add(self, responses: FloatArray, images: dict[str, FloatArray]) -> None:
        """Add the responses (n, rows, cols) to images (n, h, w) of each input sheet."""
        self.count += len(responses)
        self._responses = self._responses + responses.sum(axis=0)
        self._total = self._total + np.abs(responses).sum(axis=0)
        for name, image in images.items():
            self._products[name] = self._products.get(name, 0) + np.tensordot(responses, image, axes=(0, 0))
            self._images[name] = self._images.get(name, 0) + image.sum(axis=0)

    def fields(self) -> dict[str, FloatArray]:
        """Return the fields (rows, cols, h, w) in each input sheet; NaN for units that never responded."""
        total, responses = (np.asarray(a)[:, :, None, None] for a in (self._total, self._responses))
        found = {}
        for name, products in self._products.items():
            deviation = products - responses * (self._images[name] / self.count)
            found[name] = np.divide(deviation, total, out=np.full_like(deviation, np.nan), where=total > 0)
        return found


def _batches(generators: dict[str, Iterator[FloatArray]]) -> Iterator[dict[str, FloatArray]]:
    while True:
        taken = {name: list(_take(images, BATCH)) for name, images in generators.items()}
        if not all(taken.values()):
            return
        least = min(len(images) for images in taken.values())
        yield {name: np.stack(images[:least]) for name, images in taken.items()}


def _take(images: Iterator[FloatArray], count: int) -> Iterator[FloatArray]:
    for _, image in zip(range(count), images, strict=False):
        yield image


def _noise(shape: tuple[int, int], cell: int, count: int, random: np.random.Generator) -> Iterator[FloatArray]:
    for _ in range(count):
        yield _enlarged(random.integers(0, 2, _cells(shape, cell)).astype(float), shape, cell)


def _spots(shape: tuple[int, int], cell: int, count: int, random: np.random.Generator) -> Iterator[FloatArray]:
    for place in np.ndindex(*_cells(shape, cell)):
        for value in (1.0, 0.0):
            image = np.full(_cells(shape, cell), 0.5)
            image[place] = value
            yield _enlarged(image, shape, cell)


def _cells(shape: tuple[int, int], cell: int) -> tuple[int, int]:
    return -(-shape[0] // cell), -(-shape[1] // cell)


def _enlarged(image: FloatArray, shape: tuple[int, int], cell: int) -> FloatArray:
    return np.kron(image, np.ones((cell, cell)))[: shape[0], : shape[1]]
