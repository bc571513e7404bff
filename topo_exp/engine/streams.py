"""Numbers that vary over presentations or time, and the seeded streams that they come from.

A declaration such as `UniformRandom(lbound=-1, ubound=1, seed=12)` holds no state: a `Simulation` owns the streams, so
that two simulations never share one and a stored state continues each where it stood. The values are those of the
field's reference streams (`numbergen`, Topographica), draw by draw.
"""

import hashlib
import itertools
import math
import random
import struct
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property

import numpy as np
import param

from topo_exp.errors import ParameterError, StateError
from topo_exp.typing import State

_REFERENCE_RANDOM_SEED = 42
_UNSIGNED_32 = 2**32
_PACK_SEED = struct.Struct("!IIII").pack


class NumberGenerator(param.Parameterized):
    """A number that is drawn anew for each presentation, or depends on time."""

    def value(self, time: Fraction, stream: random.Random) -> float:
        """Return the number for `time`, drawing random numbers from `stream`."""
        raise TypeError(f"{type(self).__name__}.value: must be defined by every number generator. Define it.")


class UniformRandom(NumberGenerator):
    """A number drawn uniformly from [lbound, ubound]."""

    lbound = param.Number(0.0, doc="Lower end of the interval.")
    ubound = param.Number(1.0, doc="Upper end of the interval.")
    seed = param.Integer(0, doc="Seed of the stream, which this number has to itself.")
    time_dependent = param.Boolean(
        False,
        doc="Draw from a stream seeded by this object's name, its seed and the time, so that the number is a function "
        "of time; otherwise numbers follow one another in one stream.",
    )

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        if self.time_dependent and "name" not in params:
            raise ParameterError(
                "UniformRandom.name: must be given with time_dependent, for the numbers depend on it (got none). "
                "Give a name."
            )

    def value(self, time: Fraction, stream: random.Random) -> float:
        """Return the next number of the stream, or the number that belongs to `time`."""
        return _uniform(self, stream)(time)


class LogUniformRandom(NumberGenerator):
    """A number whose logarithm is uniform: lbound (ubound / lbound)^u with u uniform in [0, 1], each octave alike."""

    lbound = param.Number(
        0.1, bounds=(0, None), inclusive_bounds=(False, True), doc="Lower end of the interval, above 0."
    )
    ubound = param.Number(1.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Upper end of the interval.")
    seed = param.Integer(0, doc="Seed of the stream, which this number has to itself.")

    def value(self, time: Fraction, stream: random.Random) -> float:
        """Return the next number of the stream."""
        return float(self.lbound * (self.ubound / self.lbound) ** stream.random())


class ExponentialDecay(NumberGenerator):
    """A number that decays with time t as start exp(-t / time_constant), but not below `minimum`."""

    start = param.Number(1.0, doc="Value at time 0.")
    time_constant = param.Number(10000.0, bounds=(0, None), inclusive_bounds=(False, True), doc="In iterations.")
    minimum = param.Number(0.0, doc="The value never falls below this one.")

    def value(self, time: Fraction, stream: random.Random) -> float:
        """Return the value at `time`."""
        return _decay(self, stream)(time)


class Interpolated(NumberGenerator):
    """A number that changes linearly between given times, and is constant before the first and after the last one."""

    times = param.List([0.0, 1.0], item_type=(int, float), doc="In iterations, ascending.")
    values = param.List([1.0, 0.0], item_type=(int, float), doc="The number at each of these times.")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        if len(self.times) != len(self.values) or not self.times:
            raise ParameterError(
                f"Interpolated.values: must be as many as times, and at least one (got {len(self.values)} values, "
                f"{len(self.times)} times). Give one for each."
            )
        if any(later <= earlier for earlier, later in itertools.pairwise(self.times)):
            raise ParameterError(f"Interpolated.times: must ascend (got {self.times!r}). Sort them.")

    def value(self, time: Fraction, stream: random.Random) -> float:
        """Return the value at `time`."""
        return float(np.interp(float(time), self.times, self.values))


Draw = Callable[[Fraction], float]
"""f(time) -> the number for that time, drawn from a stream."""


def _uniform(number: UniformRandom, stream: random.Random) -> Draw:
    """Return a function that draws a uniform number, whose parameters are read once."""
    low, high, fraction = number.lbound, number.ubound, stream.random
    span = high - low
    if not number.time_dependent:
        return lambda time: low + span * fraction()
    digest = hashlib.md5(f"{number.name}{number.seed}".encode(), usedforsecurity=False)
    seed = super(random.Random, stream).seed  # what Random.seed calls for a whole number

    def draw(time: Fraction) -> float:
        seed(_seed_at(digest.copy(), time))
        return low + span * fraction()

    return draw


def _decay(number: ExponentialDecay, stream: random.Random) -> Draw:
    """Return a function that computes a decaying number, whose parameters are read once."""
    start, time_constant, minimum = number.start, number.time_constant, number.minimum

    def draw(time: Fraction) -> float:
        numerator, denominator = time.as_integer_ratio()
        return max(start * math.e ** (-(numerator / denominator) / time_constant), minimum)

    return draw


class Real(param.Parameter):
    """A declared number within `bounds`; read in a fraction of the time that `param.Number` takes."""

    __slots__ = ["bounds", "inclusive_bounds"]

    def __init__(
        self,
        default: float | NumberGenerator = 0.0,
        *,
        bounds: tuple[float | None, float | None] = (None, None),
        inclusive_bounds: tuple[bool, bool] = (True, True),
        **params: object,
    ) -> None:
        self.bounds = bounds
        self.inclusive_bounds = inclusive_bounds
        super().__init__(default, **params)
        self._validate(default)

    def _validate(self, val: object) -> None:
        owner = self.owner if isinstance(self.owner, type) else type(self.owner)
        where = f"{owner.__name__}.{self.name}"
        if isinstance(val, bool) or not isinstance(val, int | float | np.number):
            raise ParameterError(f"{where}: must be a number (got {val!r}). Give one.")
        low, high = self.bounds
        low_ok = low is None or val > low or (val == low and self.inclusive_bounds[0])
        high_ok = high is None or val < high or (val == high and self.inclusive_bounds[1])
        if not (low_ok and high_ok and math.isfinite(val)):
            raise ParameterError(
                f"{where}: must be finite and within {self.bounds} (got {val!r}). Choose such a value."
            )


class Quantity(Real):
    """A declared number that may vary: a plain one within `bounds`, or a `NumberGenerator` that gives one."""

    def _validate(self, val: object) -> None:
        if not isinstance(val, NumberGenerator):
            super()._validate(val)


class Streams:
    """The random streams of one simulation, each created when it is first used.

    `shared` is the stream that all initial weights, and patterns of noise, are drawn from in turn.
    """

    def __init__(self, shared_seed: int | tuple[int, ...]) -> None:
        self._shared_seed = shared_seed
        self._numbers: dict[str, random.Random] = {}
        self._arrays: dict[str, np.random.RandomState] = {}
        self._generators: dict[str, NumberGenerator] = {}
        """The generator for which each stream of numbers was last used; another one starts a new stream."""
        self._draws: dict[str, tuple[NumberGenerator, Draw]] = {}
        """The function that draws from each stream, for the generator whose parameters it has read."""

    @cached_property
    def shared(self) -> np.random.RandomState:
        """The stream of all initial weights, and of patterns of noise without a seed of their own."""
        return np.random.RandomState(self._shared_seed)

    def refresh(self) -> None:
        """Read the parameters of all generators again when they are next used."""
        self._draws.clear()

    def number(self, path: str, value: float | NumberGenerator) -> float | Draw:
        """Return a constant unchanged, or a function of time that draws the generator's value.

        The generator's parameters are read now; the function is kept until `refresh`.

        Args:
            path: Name of the number within the simulation, and so of its stream.
            value: The number, or the generator that gives one.
        """
        if not isinstance(value, NumberGenerator):
            return float(value)
        generator, draw = self._draws.get(path, (None, None))
        if draw is None or generator is not value:
            draw = self._draw_of(path, value)
            self._draws[path] = value, draw
        return draw

    def _draw_of(self, path: str, value: NumberGenerator) -> Draw:
        if path not in self._numbers or self._generators.get(path, value) is not value:
            self._numbers[path] = random.Random(getattr(value, "seed", 0))
        self._generators[path] = value
        stream = self._numbers[path]
        if type(value) is UniformRandom:
            return _uniform(value, stream)
        if type(value) is ExponentialDecay:
            return _decay(value, stream)
        return lambda time: value.value(time, stream)

    def forget(self, owner: str) -> None:
        """Drop the streams of `owner`, which was replaced: they begin anew when next used."""
        for streams in (self._numbers, self._arrays, self._generators, self._draws):
            for path in [path for path in streams if path == owner or path.startswith((f"{owner}.", f"{owner}/"))]:
                del streams[path]

    def array(self, path: str, seed: int | tuple[int, ...] | None) -> np.random.RandomState:
        """Return the stream for arrays of random numbers: the shared one, or one of its own if there is a `seed`."""
        if seed is None:
            return self.shared
        if path not in self._arrays:
            self._arrays[path] = np.random.RandomState(seed)
        return self._arrays[path]

    def state(self) -> State:
        """Return every stream's position."""
        state: State = {"streams/shared": _pack_numpy(self.shared)}
        for path, stream in self._numbers.items():
            state[f"streams/number/{path}"] = np.array(stream.getstate()[1], np.uint32)
        for path, source in self._arrays.items():
            state[f"streams/array/{path}"] = _pack_numpy(source)
        return state

    def restore(self, state: State) -> None:
        """Set every stream to a stored position; streams that the state lacks begin anew."""
        _unpack_numpy(self.shared, state["streams/shared"])
        stored = {key.removeprefix("streams/number/"): key for key in state if key.startswith("streams/number/")}
        for path in set(self._numbers) - set(stored):
            del self._numbers[path]
        for path, key in stored.items():
            self._numbers.setdefault(path, random.Random()).setstate((3, tuple(map(int, state[key])), None))
        self._generators.clear()
        self._draws.clear()
        stored = {key.removeprefix("streams/array/"): key for key in state if key.startswith("streams/array/")}
        for path in set(self._arrays) - set(stored):
            del self._arrays[path]
        for path, key in stored.items():
            _unpack_numpy(self._arrays.setdefault(path, np.random.RandomState()), state[key])


def _seed_at(digest: "hashlib._Hash", time: Fraction) -> int:
    """Return the seed that the reference derives from a stream's name and the time, a rational number.

    Args:
        digest: The MD5 of the name; it is changed.
        time: The exact time.
    """
    numerator, denominator = time.as_integer_ratio()
    digest.update(_PACK_SEED(numerator % _UNSIGNED_32, denominator % _UNSIGNED_32, _REFERENCE_RANDOM_SEED, 1))
    return int.from_bytes(digest.digest()[:4], "big") >> 4  # seven hexadecimal digits


def _pack_numpy(stream: np.random.RandomState) -> np.ndarray:
    _kind, key, position, has_gauss, gauss = stream.get_state(legacy=True)
    return np.concatenate([np.asarray(key, np.float64), [position, has_gauss, gauss]])


def _unpack_numpy(stream: np.random.RandomState, packed: np.ndarray) -> None:
    if packed.shape != (627,):
        raise StateError(f"streams: must have 627 entries each (got shape {packed.shape}). Restore an undamaged state.")
    key = packed[:624].astype(np.uint32)
    stream.set_state(("MT19937", key, int(packed[624]), int(packed[625]), float(packed[626])))
