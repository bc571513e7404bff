"""Patterns over a sheet: images that a retina presents, and the shapes of initial weights.

A pattern is a declaration. Its numbers may be `UniformRandom` or other number generators; a simulation then draws
them anew for each presentation (`Sampler`). With plain numbers a pattern can be called with coordinates.

In every pattern (x, y) is the centre in sheet coordinates, `orientation` is counter-clockwise in radians, and with
px = sin(o)(Y - y) + cos(o)(X - x), py = cos(o)(Y - y) - sin(o)(X - x) the value is scale f(px, py) + offset.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache, reduce
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple

import numpy as np
import param

from topo_exp.engine.checks import require_shape
from topo_exp.engine.streams import NumberGenerator, Quantity, Streams, UniformRandom
from topo_exp.errors import ModelError, ParameterError
from topo_exp.typing import FloatArray

Values = Mapping[str, float]
Frame = tuple[float, float, float]
Render = Callable[[FloatArray, FloatArray], FloatArray]
"""f(x, y) -> the drawn pattern at columns x and rows y of a sheet, (rows, columns)."""


class Pattern(param.Parameterized):
    """A pattern at a place, of some orientation, brightness and offset."""

    x = Quantity(0.0, doc="Centre along x, in sheet coordinates.")
    y = Quantity(0.0, doc="Centre along y, in sheet coordinates.")
    orientation = Quantity(0.0, doc="Orientation, counter-clockwise in radians.")
    scale = Quantity(1.0, doc="Factor of the pattern's values.")
    offset = Quantity(0.0, doc="Added to the pattern's values.")

    holds_numbers: ClassVar[bool] = False
    """Whether `drawn_at` is earlier than the presentation, so that numbers must be functions of the time."""

    size_is_extent: ClassVar[bool] = True
    """Whether a parameter `size` is the pattern's extent: as a `cf_shape` it then gets the size of the field."""

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Evaluate the pattern, whose numbers must all be plain, at columns `x` and rows `y`.

        Returns an array (rows, columns) of float64. Raises ParameterError where a number is still a generator.
        """
        generators = [name for name, value in self.param.values().items() if isinstance(value, NumberGenerator)]
        if generators:
            raise ParameterError(
                f"{type(self).__name__}.{generators[0]}: must be a plain number to evaluate the pattern "
                f"(got {getattr(self, generators[0])!r}). Give numbers, or let a simulation draw them."
            )
        sampler = Sampler(self, Streams(0), "pattern")
        return sampler.draw(Fraction(0), np.asarray(x, np.float64), np.asarray(y, np.float64)).render(x, y)

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the values at rotated coordinates relative to the centre, before scale and offset."""
        raise ModelError(f"{type(self).__name__}.function: must be defined by every pattern. Define it.")

    def kernel(self, x: FloatArray, y: FloatArray, mask: FloatArray) -> FloatArray:
        """Return the pattern, whose numbers are plain, as a kernel within a mask (rows, columns)."""
        return self(x, y) * mask

    def components(self) -> "dict[str, Pattern]":
        """Return the patterns that this one is made of, each with numbers of its own; none for most patterns.

        The keys name their places in this declaration, and with them the random streams of their numbers.
        """
        return {}

    def chosen(self, values: Values) -> Sequence[int]:
        """Return the positions among `components()` of those to draw, for this pattern's drawn `values`: all."""
        return range(len(self.components()))

    def frame(self, values: Values, elapsed: float) -> Frame:
        """Return the origin and the orientation that the numbers of the parts refer to.

        Args:
            values: The drawn numbers of this pattern.
            elapsed: Time since `drawn_at` of the present presentation.

        Returns:
            x, y and orientation, in the coordinates in which this pattern stands.
        """
        return values["x"], values["y"], values["orientation"]

    def drawn_at(self, time: Fraction) -> Fraction:
        """Return the time at which the numbers of a presentation are drawn: that of the presentation."""
        return time

    def extended(self, values: Values, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the columns and rows at which the parts are evaluated, for columns `x` and rows `y`: the same.

        A pattern that returns others brings the pictures back to the shape of `x` and `y` in `combined`.
        """
        return x, y

    def combined(self, pictures: Sequence[FloatArray]) -> FloatArray:
        """Return the values of all drawn parts, at least one, on top of each other: those of the first."""
        return pictures[0]

    def takes_maximum(self) -> bool:
        """Return True if `combined` returns the maximum of its pictures."""
        return True

    def evaluate(self, values: Values, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the pattern with drawn `values` at columns `x` and rows `y`, (rows, columns).

        With leading axes, `x` (..., 1, columns) and `y` (..., rows, 1), it returns one array for each of them.
        """
        px, py = _rotated(x, y, values["x"], values["y"], values["orientation"])
        function = require_shape(self.function(values, px, py), px.shape, f"{type(self).__name__}", self.function)
        return values["scale"] * function + values["offset"]


def _rotated(x: FloatArray, y: FloatArray, x0: float, y0: float, orientation: float) -> tuple[FloatArray, FloatArray]:
    """Return coordinates relative to a centre, along and across an orientation; see `Pattern.evaluate` for shapes."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    dx, dy = x - x0, y - y0
    if y.ndim == 1:
        dy = dy[:, None]
    sine, cosine = math.sin(orientation), math.cos(orientation)
    return sine * dy + cosine * dx, cosine * dy - sine * dx


class Constant(Pattern):
    """The same value everywhere."""

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return ones."""
        return np.ones_like(px)


class Gaussian(Pattern):
    """An elongated Gaussian: exp(-px²/2a² - py²/2b²), b = size/2, a = b aspect_ratio."""

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Twice the width b across.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length a over width b.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the Gaussian's values, 1 at its centre."""
        return _gaussian(values["size"], values["aspect_ratio"], px, py)


def _gaussian(size: float, aspect_ratio: float, px: FloatArray, py: FloatArray) -> FloatArray:
    """Return a Gaussian's values at rotated coordinates, which are not changed and broadcast together."""
    width = size / 2
    along, across = px / (width * aspect_ratio), py / width
    exponent: FloatArray = np.square(along, out=along) + np.square(across, out=across)
    exponent *= -0.5
    return np.exp(exponent, out=exponent)


class SineGrating(Pattern):
    """A sinusoidal grating, (1 + sin(2π frequency py + phase)) / 2, whose bars run along its orientation."""

    frequency = Quantity(2.4, bounds=(0, None), doc="Cycles per unit of sheet coordinates.")
    phase = Quantity(0.0, doc="Phase in radians at the centre.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the grating's values in [0, 1]."""
        return 0.5 + 0.5 * np.sin(2 * math.pi * values["frequency"] * py + values["phase"])


class Disk(Pattern):
    """An ellipse of value 1 with an edge that falls off as a Gaussian of the distance to it."""

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Diameter across.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")
    smoothing = Quantity(0.1, bounds=(0, None), doc="Standard deviation of the edge; 0 for a sharp one.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return 1 inside the disk and exp(-d²/2s²) at the distance d outside."""
        distance = np.hypot(px / values["aspect_ratio"], py) - values["size"] / 2
        return soft_edge(distance, values["smoothing"])


class Line(Pattern):
    """An endless bar along its orientation."""

    thickness = Quantity(0.006, bounds=(0, None), doc="Width of the part of value 1.")
    smoothing = Quantity(0.05, bounds=(0, None), doc="Standard deviation of the edge; 0 for a sharp one.")

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return 1 on the bar and exp(-d²/2s²) at the distance d from it."""
        return soft_edge(np.abs(py) - values["thickness"] / 2, values["smoothing"])


class Noise(Pattern):
    """A pattern drawn anew, cell by cell, for each field or presentation; abstract."""

    seed = param.Parameter(
        None, doc="Seed of a stream that this pattern has to itself; None takes the simulation's shared one."
    )

    def noise(self, values: Values, stream: np.random.RandomState, x: FloatArray, y: FloatArray) -> FloatArray:
        """Draw the values, before scale and offset, at columns `x` and rows `y`: (rows, columns)."""
        raise ModelError(f"{type(self).__name__}.noise: must be defined by every pattern of noise. Define it.")


class UniformNoise(Noise):
    """Noise, uniform in [0, 1), drawn anew for each field or presentation."""

    def noise(self, values: Values, stream: np.random.RandomState, x: FloatArray, y: FloatArray) -> FloatArray:
        """Draw one number for each cell."""
        return stream.uniform(0, 1, (len(y), len(x)))


class GaussianCloud(Noise):
    """Uniform noise in [0, 1) under a Gaussian envelope."""

    size = Quantity(0.5, bounds=(0, None), inclusive_bounds=(False, True), doc="Twice the envelope's width.")
    aspect_ratio = Quantity(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length over width.")

    def noise(self, values: Values, stream: np.random.RandomState, x: FloatArray, y: FloatArray) -> FloatArray:
        """Draw one number for each cell, and multiply it with the envelope there."""
        drawn = stream.uniform(0, 1, (len(y), len(x)))
        return drawn * self.envelope().evaluate({**values, "scale": 1.0, "offset": 0.0}, x, y)

    def envelope(self) -> Gaussian:
        """Return the Gaussian that the noise is multiplied with."""
        names = ("x", "y", "orientation", "scale", "offset", "size", "aspect_ratio")
        return Gaussian(**{name: getattr(self, name) for name in names})


class Composite(Pattern):
    """Several patterns on top of each other, moved and turned together by its own x, y and orientation."""

    OPERATORS: ClassVar[dict[str, np.ufunc]] = {
        "max": np.maximum,
        "add": np.add,
        "min": np.minimum,
        "multiply": np.multiply,
        "subtract": np.subtract,
    }

    generators = param.List([], item_type=Pattern, doc="The patterns.")
    operator = param.Selector(default="max", objects=list(OPERATORS), doc="How their values combine at each point.")

    def components(self) -> dict[str, Pattern]:
        """Return the patterns in the order of their declaration."""
        return {f"generators[{i}]": pattern for i, pattern in enumerate(self.generators)}

    def combined(self, pictures: Sequence[FloatArray]) -> FloatArray:
        """Return the values combined by the operator, from the first pattern to the last."""
        return reduce(self.OPERATORS[self.operator], pictures)

    def takes_maximum(self) -> bool:
        """Return True if the operator is the maximum."""
        return self.operator == "max"


class SeparatedComposite(Composite):
    """Several patterns whose centres are kept apart by redrawing those that come too near to an earlier one."""

    min_separation = param.Number(0.0, bounds=(0, None), doc="Least distance between any two centres.")
    max_trials = param.Integer(50, bounds=(1, None), doc="A pattern that finds no place in so many draws is left out.")


class Drawing(NamedTuple):
    """One presentation of a pattern: all its numbers are drawn."""

    render: Render
    gaussians: FloatArray | None = None
    """(n, 6) x, y, orientation, size, aspect ratio, scale, where the drawing is the maximum of Gaussians only."""


class Sampler:
    """Draws a declared pattern's numbers, presentation by presentation, from the streams of one simulation.

    The declaration is read when the sampler is made.
    """

    def __init__(self, pattern: Pattern, streams: Streams, path: str, *, holds_numbers: bool = False) -> None:
        """Prepare the streams of all numbers of a pattern.

        Args:
            pattern: The declaration.
            streams: The streams of the simulation.
            path: Owner of the numbers: it precedes their names in the names of their streams.
            holds_numbers: Whether a pattern around this one draws numbers for more than one presentation.

        Raises:
            ModelError: If composites are to be kept apart.
            ParameterError: If a number is to keep its value, and its generator draws anew each time.
        """
        self.pattern = pattern
        holds_numbers = holds_numbers or pattern.holds_numbers
        if holds_numbers:
            _require_functions_of_time(pattern, path)
        self._streams = streams
        self._path = path
        kind: Any = type(pattern)
        numbers = {name: streams.number(f"{path}.{name}", getattr(pattern, name)) for name in _quantities(kind)}
        self._constants = {name: number for name, number in numbers.items() if not callable(number)}
        self._varying = [(name, number) for name, number in numbers.items() if callable(number)]
        self._children = [
            Sampler(child, streams, f"{path}.{where}", holds_numbers=holds_numbers)
            for where, child in pattern.components().items()
        ]
        self._is_compound = kind.components is not Pattern.components
        self._all = range(len(self._children)) if kind.chosen is Pattern.chosen else None
        """Positions of the parts to draw, or None if they vary."""
        self._separation = pattern.min_separation if isinstance(pattern, SeparatedComposite) else 0.0
        if self._separation > 0 and any(isinstance(child.pattern, Composite) for child in self._children):
            raise ModelError(
                f"{path}.generators: must each have one centre to be kept apart (got a composite). "
                "Give single patterns, or min_separation=0."
            )
        self._only_gaussians = self._gives_only_gaussians()

    def _gives_only_gaussians(self) -> bool:
        """Return True if each drawing is the maximum of Gaussians, and no other is ever drawn."""
        pattern, constants = self.pattern, self._constants
        if constants.get("offset") != 0:
            return False
        if not self._children:
            return type(pattern) is Gaussian
        greatest = pattern.takes_maximum() and constants.get("scale") == 1
        return greatest and all(child._only_gaussians for child in self._children)

    def values(self, time: Fraction) -> dict[str, float]:
        """Return the pattern's own numbers for one presentation."""
        values = self._constants.copy()
        time = self.pattern.drawn_at(time)
        for name, number in self._varying:
            values[name] = number(time)
        return values

    def draw(self, time: Fraction, x: FloatArray, y: FloatArray) -> Drawing:
        """Draw one presentation on a sheet with columns `x` and rows `y`; noise is drawn at once, for that sheet."""
        values = self.values(time)
        if self._only_gaussians:
            return drawing_of_gaussians(np.array(self._gaussians(values, time), np.float64))
        return Drawing(self._render(values, time, x, y))

    def _gaussians(self, values: Values, time: Fraction) -> list[tuple[float, ...]]:
        """Return the rows of `Drawing.gaussians` for the pattern's own `values`, drawing those of its parts."""
        if not self._children:
            return [_gaussian_row(values)]
        drawn_at = self.pattern.drawn_at(time)
        return [row for child, own in self._placed(values, time) for row in child._gaussians(own, drawn_at)]

    def _render(self, values: Values, time: Fraction, x: FloatArray, y: FloatArray) -> Render:
        """Return a function that evaluates the pattern with its own `values`; noise is drawn now."""
        pattern = self.pattern
        if self._is_compound:
            drawn_at = pattern.drawn_at(time)
            x, y = pattern.extended(values, x, y)
            parts = [child._render(own, drawn_at, x, y) for child, own in self._placed(values, time)]
            return _combined(parts, pattern, values)
        if not isinstance(pattern, Noise):
            return lambda x, y: pattern.evaluate(values, x, y)
        noise = pattern.noise(values, self._streams.array(self._path, pattern.seed), x, y)
        picture = values["scale"] * noise + values["offset"]
        return lambda _x, _y: picture

    def _placed(self, values: Values, time: Fraction) -> Iterator[tuple["Sampler", Values]]:
        """Draw the numbers of one part after the other, leaving out those that find no place away from the others."""
        centres: list[tuple[float, float]] = []
        drawn_at = self.pattern.drawn_at(time)
        elapsed = 0.0 if drawn_at is time else float(time - drawn_at)
        frame = self.pattern.frame(values, elapsed)
        for index in self.pattern.chosen(values) if self._all is None else self._all:
            child = self._children[index]
            own = child.values(drawn_at)
            if self._separation == 0 or self._find_place(child, own, drawn_at, centres):
                yield child, _moved(own, frame)

    def _find_place(
        self, child: "Sampler", values: dict[str, float], time: Fraction, centres: list[tuple[float, float]]
    ) -> bool:
        """Redraw x then y until they keep their distance from all `centres`; return True, and add them, if they do."""
        redrawn = [(name, number) for name, number in child._varying if name in ("x", "y")]
        for _trial in range(self.pattern.max_trials):
            centre = values["x"], values["y"]
            if all(math.dist(centre, other) >= self._separation for other in centres):
                centres.append(centre)
                return True
            for name, number in redrawn:
                values[name] = number(time)
        return False


def _require_functions_of_time(pattern: Pattern, path: str) -> None:
    """Raise ParameterError if a number of a pattern is the next one of a stream whenever it is drawn."""
    for name, value in pattern.param.values().items():
        if type(value) is UniformRandom and not value.time_dependent:
            raise ParameterError(
                f"{path}.{name}: must be plain or a function of time, because it keeps its value for a while "
                f"(got {value!r}, which is drawn anew each time). Give it a name and time_dependent=True."
            )


def _combined(parts: Sequence[Render], pattern: Pattern, values: Values) -> Render:
    """Return what evaluates the parts of a pattern on top of each other, with the scale and offset in `values`."""

    def render(x: FloatArray, y: FloatArray) -> FloatArray:
        pictures = [part(*pattern.extended(values, x, y)) for part in parts]
        total = pattern.combined(pictures) if pictures else np.zeros((len(y), len(x)))
        return values["scale"] * total + values["offset"]

    return render


def _moved(values: dict[str, float], frame: Frame) -> Values:
    """Return the numbers of a part, given relative to a frame, in the coordinates in which the frame stands."""
    if not any(frame):
        return values
    x, y, orientation = frame
    sine, cosine = math.sin(orientation), math.cos(orientation)
    placed = {
        "x": x + cosine * values["x"] - sine * values["y"],
        "y": y + sine * values["x"] + cosine * values["y"],
        "orientation": values["orientation"] + orientation,
    }
    return {**values, **placed}


GAUSSIAN_COLUMNS = ("x", "y", "orientation", "size", "aspect_ratio", "scale")
"""The numbers of a `Drawing`'s Gaussians, in the order of their columns."""

_gaussian_row = itemgetter(*GAUSSIAN_COLUMNS)


@cache
def _quantities(kind: Any) -> tuple[str, ...]:
    """Return the names of the numbers of a kind of pattern."""
    return tuple(name for name, parameter in kind.param.objects().items() if isinstance(parameter, Quantity))


def uniform_over(radius: float, seed: int) -> UniformRandom:
    """Return a coordinate drawn uniformly from [-radius, radius]."""
    return UniformRandom(lbound=-radius, ubound=radius, seed=seed)


def random_orientation(seed: int) -> UniformRandom:
    """Return an orientation drawn uniformly from the whole circle."""
    return UniformRandom(lbound=-math.pi, ubound=math.pi, seed=seed)


def soft_edge(distance: FloatArray, smoothing: float) -> FloatArray:
    """Return 1 where the distance to an edge is <= 0, and exp(-d²/2s²) at the distance d outside; s is `smoothing`."""
    if smoothing == 0:
        return np.where(distance <= 0, 1.0, 0.0)
    return np.where(distance <= 0, 1.0, np.exp(-(distance**2) / (2 * smoothing**2)))


def drawing_of_gaussians(gaussians: FloatArray) -> Drawing:
    """Return the drawing that is the maximum of Gaussians, given as the rows of `Drawing.gaussians`."""

    def render(x: FloatArray, y: FloatArray) -> FloatArray:
        first, *others = gaussians.tolist()
        picture = _evaluate_gaussian(first, x, y)
        for row in others:
            np.maximum(picture, _evaluate_gaussian(row, x, y), out=picture)
        return picture

    return Drawing(render, gaussians)


def _evaluate_gaussian(row: Sequence[float], x: FloatArray, y: FloatArray) -> FloatArray:
    """Return one Gaussian of a `Drawing`, (rows, columns), as `Gaussian.evaluate` does."""
    x0, y0, orientation, size, aspect_ratio, scale = row
    if orientation == 0:  # the rotated coordinates are the same in each row, and in each column
        picture = _gaussian(size, aspect_ratio, np.asarray(x)[None, :] - x0, np.asarray(y)[:, None] - y0)
    else:
        picture = _gaussian(size, aspect_ratio, *_rotated(x, y, x0, y0, orientation))
    if scale != 1:
        picture *= scale
        picture += 0.0  # -0.0 becomes 0.0
    return picture
