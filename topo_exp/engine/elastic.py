"""The elastic net: a sheet whose units are points in a space of features, and move towards the cells of its inputs."""

from fractions import Fraction
from typing import Any, TypeGuard

import numpy as np
import param

from topo_exp.engine.cortex import CFSheet
from topo_exp.engine.learning import reciprocal
from topo_exp.engine.moment import Moment
from topo_exp.engine.projection import CFProjection
from topo_exp.engine.projection_base import Projection
from topo_exp.engine.sheet import Sheet
from topo_exp.engine.streams import Quantity, Real, Streams
from topo_exp.errors import ModelError, ParameterError
from topo_exp.typing import FloatArray, IntArray, State, read_only_copy

LARGEST_STEP = 0.25
"""Largest product of beta and K: beyond it a unit is moved past the mean of its neighbours by more than its distance
from them, and the net oscillates with growing amplitude."""


class ElasticNet(CFSheet):
    """A sheet of units that are the points of an elastic net, drawn to the cells of the sheets that it looks at.

    An input cell i stands at x_i = (x, y, features of its sheet); unit j is the point y_j of the same space. In each
    iteration all points move at once, with K = `distance_scale` and n the neighbours above, below and beside a unit:

        w_ij = exp(-|x_i - y_j|²/2K²) / sum_p exp(-|x_i - y_p|²/2K²)
        Δy_j = alpha sum_i a_i w_ij (x_i - y_j) + beta K sum_n (y_n - y_j)

    a_i is the activity of the cell, so that cells that are silent do not draw. The w_ij become the weights of the
    projection from the cell's sheet: strengths that sum to 1 over all units that a cell is connected to. Learning
    rules, rates and normalisations of those projections are not used; projections from the sheet to itself learn as on
    other sheets. Points start at the places of their units, with the mean features of the input sheets, moved by
    chance.

    References:
        Durbin & Willshaw 1987, Nature 326:689, doi:10.1038/326689a0.
        Goodhill & Willshaw 1990, Network 1:41, doi:10.1088/0954-898X_1_1_004: two eyes.
    """

    alpha = Real(0.2, bounds=(0, None), doc="Strength alpha of the attraction by cells.")
    beta = Real(0.25, bounds=(0, None), doc="Strength beta of the tension between neighbours.")
    distance_scale = Quantity(
        0.2,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="K, distance over which cells attract points; lower it slowly. beta K must not exceed 1/4.",
    )
    features = param.Dict(
        {}, doc="Coordinates of the cells of each input sheet beyond x and y, a tuple of numbers by name of the sheet."
    )
    jitter = Real(0.1, bounds=(0, None), doc="Width of the interval from which points are moved at the start.")
    seed = param.Integer(None, bounds=(0, None), doc="Seed of those moves; None draws from the simulation's stream.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        lengths = {len(features) for features in self.features.values()}
        if len(lengths) > 1:
            raise ParameterError(
                f"{self.name}.features: must give all sheets the same number of coordinates (got {self.features!r}). "
                "Add zeros."
            )
        self._dimensions = 2 + (lengths.pop() if lengths else 0)
        self._points: FloatArray = np.zeros((self.shape[0] * self.shape[1], self._dimensions))
        self._first_scale: float
        """K at time 0; set when the sheet becomes part of a network."""
        self._layouts: dict[str, _Layout] = {}

    @property
    def points(self) -> FloatArray:
        """The points y_j, (rows, columns, 2 + features), read-only; assign to move them."""
        return read_only_copy(self._points.reshape(*self.shape, self._dimensions))

    @points.setter
    def points(self, points: FloatArray) -> None:
        self._points = np.array(points, np.float64).reshape(self._points.shape)

    def attach(self, streams: Streams) -> None:
        """Become part of a network, and draw the points at which the net starts."""
        super().attach(streams)
        scale = streams.number(f"{self.name}.distance_scale", self.distance_scale)
        self._first_scale = scale(Fraction(0)) if callable(scale) else scale
        x, y = np.meshgrid(self.x, self.y)
        self._points[:, 0], self._points[:, 1] = x.ravel(), y.ravel()
        if self.features:
            self._points[:, 2:] = np.mean(list(self.features.values()), axis=0)
        random = streams.array(f"{self.name}.points", self.seed)
        self._points += self.jitter * (random.uniform(0, 1, self._points.shape) - 0.5)

    def add_projection(self, projection: Projection) -> None:
        """Add an incoming projection, whose weights follow from the points unless it comes from this sheet.

        Raises:
            ModelError: If it is to be normalised together with others.
        """
        if projection.norm_group:
            raise ModelError(
                f"{projection.path}.norm_group: must be left out on an ElasticNet (got {projection.norm_group!r}), "
                "whose weights are normalised over its units. Leave it out."
            )
        super().add_projection(projection)
        if self._is_afferent(projection):
            self._layouts[projection.name] = layout = _Layout(projection)
            cells = self._cells(projection.src)
            projection.weights = layout.templates(layout.strengths(cells, self._points, self._first_scale))

    def learn(self, moment: Moment) -> None:
        """Move all points, and set the weights of the afferent projections to the strengths that moved them.

        Raises:
            ParameterError: If the tension is too large for steps of one iteration.
        """
        if not (moment.plastic and self.plastic):
            return
        scale = moment.of(self.name).number("distance_scale", self.distance_scale)
        if not (scale > 0 and self.beta * scale <= LARGEST_STEP):
            raise ParameterError(
                f"{self.name}.distance_scale: must be > 0 and at most {LARGEST_STEP} / beta (got {scale:g} with beta "
                f"{self.beta:g} at time {float(moment.now):g}). Lower distance_scale or beta."
            )
        force = self.beta * scale * _tension(self._points.reshape(*self.shape, -1)).reshape(self._points.shape)
        for projection in self.projections.values():
            if self._is_afferent(projection) and projection.input is not None:
                cells, layout = self._cells(projection.src), self._layouts[projection.name]
                strengths = layout.strengths(cells, self._points, scale)
                drawing = strengths * np.asarray(projection.input, np.float64).ravel()[:, None]
                force += self.alpha * (drawing.T @ cells - drawing.sum(axis=0)[:, None] * self._points)
                projection.weights = layout.templates(strengths)
            elif not self._is_afferent(projection):
                projection.learn(self.activity, moment)
                projection.normalize(self.activity.ravel().nonzero()[0])
        self._points = self._points + force

    def _is_afferent(self, projection: Projection) -> TypeGuard[CFProjection]:
        return isinstance(projection, CFProjection) and projection.src is not self

    def _cells(self, source: Sheet) -> FloatArray:
        """Return the places of the cells of a sheet in the space of features, (cells, 2 + features)."""
        x, y = np.meshgrid(source.x, source.y)
        cells = np.zeros((x.size, self._dimensions))
        cells[:, 0], cells[:, 1] = x.ravel(), y.ravel()
        cells[:, 2:] = self.features.get(source.name, 0.0)
        return cells

    def state(self) -> State:
        """Return the state of a sheet, and the points."""
        return {**super().state(), "points": self._points.copy()}

    def restore(self, state: State) -> None:
        """Set this sheet to a stored state."""
        super().restore(state)
        self.points = state["points"]


class _Layout:
    """Where the connections of one projection lie: in arrays (cells, units), and on templates."""

    def __init__(self, projection: Projection) -> None:
        mask = projection.mask
        self._shape = mask.shape
        cells = projection.src.shape[0] * projection.src.shape[1]
        numbers = projection.geometry.patches(np.arange(float(cells)).reshape(projection.src.shape))
        units = np.nonzero(mask)[0]
        self._place: IntArray = np.flatnonzero(mask)
        self._pair: IntArray = numbers[mask].astype(np.intp) * len(mask) + units
        self._is_connected = np.zeros((cells, len(mask)), bool)
        self._is_connected.flat[self._pair] = True
        self._is_full = bool(self._is_connected.all())

    def strengths(self, cells: FloatArray, points: FloatArray, scale: float) -> FloatArray:
        """Return w_ij for cells at `cells` and units at `points`, (cells, units); zero without a connection."""
        squares = (cells**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * cells @ points.T
        if not self._is_full:
            squares[~self._is_connected] = np.inf
        nearest = squares.min(axis=1, keepdims=True)
        squares -= np.where(np.isfinite(nearest), nearest, 0.0)
        squares /= -2 * scale**2
        strengths: FloatArray = np.exp(squares, out=squares)
        return strengths * reciprocal(strengths.sum(axis=1))[:, None]

    def templates(self, strengths: FloatArray) -> FloatArray:
        """Return strengths (cells, units) as weights on templates, (units, rows, columns), float32."""
        weights: FloatArray = np.zeros(self._shape, np.float32)
        weights.flat[self._place] = strengths.ravel()[self._pair]
        return weights


def _tension(net: FloatArray) -> FloatArray:
    """Return the sum of the differences to the neighbours of each point of a net, (rows, columns, dimensions)."""
    tension = np.zeros_like(net)
    for axis in (0, 1):
        step = np.diff(net, axis=axis)
        first, last = [slice(None)] * 2, [slice(None)] * 2
        first[axis], last[axis] = slice(None, -1), slice(1, None)
        tension[tuple(first)] += step
        tension[tuple(last)] -= step
    return tension
