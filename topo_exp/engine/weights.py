"""Initial weights: where a field has connections, and the weights that a pattern gives all fields of a projection."""

from fractions import Fraction

import numpy as np

from topo_exp.engine.coordinates import FieldGeometry, Grid, Template
from topo_exp.engine.patterns import Composite, GaussianCloud, Pattern, Sampler, UniformNoise
from topo_exp.engine.streams import NumberGenerator, Streams
from topo_exp.typing import BoolArray, FloatArray

_CHUNK_BYTES = 32 << 20


def mask_of_shape(shape: Pattern, template: Template) -> BoolArray:
    """Return where a field of this shape, sized to the template, has connections: (rows, columns)."""
    height, width = template.shape
    values = {name: value for name, value in shape.param.values().items() if name != "name"}
    values |= {"x": 0.0, "y": 0.0}
    if "size" in values:
        values["size"] = (height + width) / 2
    x, y = np.arange(width) - float(template.column_radius), float(template.row_radius) - np.arange(height)
    return type(shape)(**values)(x, y) >= 0.5


def draw_weights(
    pattern: Pattern, geometry: FieldGeometry, source: Grid, destination: Grid, streams: Streams, path: str
) -> FloatArray:
    """Draw the initial weights of all fields, (units, rows, columns), float32, zero off the source sheet.

    The pattern is centred on each unit. Chance is drawn unit by unit in row-major order: numbers that vary anew for
    each unit, noise for the cells on the sheet.
    """
    (height, width), (rows, columns) = geometry.template.shape, destination.shape
    corners = geometry.corners.reshape(rows, columns, 2)
    dx = np.stack([cells(source.x, corners[0, j, 1], width) - destination.x[j] for j in range(columns)])
    dy = np.stack([cells(source.y, corners[i, 0, 0], height) - destination.y[i] for i in range(rows)])
    if isinstance(pattern, Composite) or any(isinstance(v, NumberGenerator) for v in pattern.param.values().values()):
        return _draw_unit_by_unit(Sampler(pattern, streams, path), geometry, dx, dy)
    noisy = isinstance(pattern, UniformNoise | GaussianCloud)
    stream = streams.array(path, pattern.seed) if noisy else None
    weights = np.zeros((geometry.units, height, width), np.float32)
    step = max(1, _CHUNK_BYTES // (columns * height * width * 8))
    for first in range(0, rows, step):
        last = min(first + step, rows)
        chunk = slice(first * columns, last * columns)
        on_sheet = geometry.on_sheet[chunk]
        noise = np.zeros(on_sheet.shape)
        noise[on_sheet] = 1.0 if stream is None else stream.random_sample(np.count_nonzero(on_sheet))
        weights[chunk] = noise * _shape(pattern, dx, dy[first:last]) + (pattern.offset * on_sheet if noisy else 0.0)
    return weights


def _shape(pattern: Pattern, dx: FloatArray, dy: FloatArray) -> FloatArray | float:
    """Return the factor of the noise for all units of some rows, (units, rows, columns), or a number."""
    if isinstance(pattern, UniformNoise):
        return float(pattern.scale)
    envelope = pattern.envelope() if isinstance(pattern, GaussianCloud) else pattern
    values = {**envelope.param.values(), **({"offset": 0.0} if envelope is not pattern else {})}
    shape = envelope.evaluate(values, dx[None, :, None, :], dy[:, None, :, None])
    return shape.reshape(-1, dy.shape[1], dx.shape[1])


def _draw_unit_by_unit(sampler: Sampler, geometry: FieldGeometry, dx: FloatArray, dy: FloatArray) -> FloatArray:
    """Draw each field's weights by themselves, on the cells that lie on the sheet."""
    weights = np.zeros((geometry.units, dy.shape[1], dx.shape[1]), np.float32)
    for unit in range(geometry.units):
        row, column = divmod(unit, geometry.destination_shape[1])
        (r1, r2, c1, c2), (top, left) = geometry.slices[unit], geometry.offsets[unit]
        window = np.s_[top : top + r2 - r1, left : left + c2 - c1]
        x, y = dx[column, window[1]], dy[row, window[0]]
        weights[unit][window] = sampler.draw(Fraction(0), x, y).render(x, y)
    return weights


def cells(centres: FloatArray, first: int, count: int) -> FloatArray:
    """Return the coordinates of `count` cells from index `first` on, going on beyond both ends of the sheet."""
    step = (centres[-1] - centres[0]) / (len(centres) - 1) if len(centres) > 1 else 1.0
    index = np.arange(first, first + count)
    inside = np.clip(index, 0, len(centres) - 1)
    return centres[inside] + (index - inside) * step
