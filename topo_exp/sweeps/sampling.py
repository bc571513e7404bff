"""Random samples of settings: distributions, and the designs that cover them evenly."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from topo_exp.errors import ConfigError, nearest
from topo_exp.sweeps.ranges import LARGEST, is_number
from topo_exp.sweeps.values import Value, plain, shown
from topo_exp.typing import FloatArray


class Distribution(Protocol):
    """Distribution of one setting's values."""

    def value_at(self, quantile: float) -> Value:
        """Return the value below which a share `quantile`, in [0, 1), of the distribution lies."""

    def data(self) -> dict[str, Value]:
        """Return the distribution as a mapping with one key, as it stands in YAML."""


@dataclass(frozen=True)
class Uniform:
    """All numbers from `low` to `high`, equally likely."""

    low: float
    high: float

    def value_at(self, quantile: float) -> Value:
        """Return the value at a quantile."""
        return _within(self.low + (self.high - self.low) * quantile, self.low, self.high)

    def data(self) -> dict[str, Value]:
        """Return `{uniform: [low, high]}`."""
        return {"uniform": [self.low, self.high]}


@dataclass(frozen=True)
class LogUniform:
    """Numbers from `low` to `high`, both positive, with logarithms that are equally likely."""

    low: float
    high: float

    def value_at(self, quantile: float) -> Value:
        """Return the value at a quantile."""
        logarithm = math.log(self.low) + (math.log(self.high) - math.log(self.low)) * quantile
        return _within(math.exp(logarithm), self.low, self.high)

    def data(self) -> dict[str, Value]:
        """Return `{log_uniform: [low, high]}`."""
        return {"log_uniform": [self.low, self.high]}


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high`, both included, equally likely."""

    low: int
    high: int

    def value_at(self, quantile: float) -> Value:
        """Return the value at a quantile."""
        return min(self.low + math.floor(quantile * (self.high - self.low + 1)), self.high)

    def data(self) -> dict[str, Value]:
        """Return `{integers: [low, high]}`."""
        return {"integers": [self.low, self.high]}


@dataclass(frozen=True)
class OneOf:
    """One of several values, equally likely; in an evenly covering design each stands for an equal interval."""

    values: list[Value] = field(hash=False)

    def value_at(self, quantile: float) -> Value:
        """Return the value at a quantile."""
        return self.values[min(math.floor(quantile * len(self.values)), len(self.values) - 1)]

    def data(self) -> dict[str, Value]:
        """Return `{one_of: [...]}`."""
        return {"one_of": plain(self.values, "one_of")}


DISTRIBUTIONS = ("uniform", "log_uniform", "integers", "one_of")
METHODS = ("random", "latin_hypercube", "sobol", "halton")


def distribution(name: str, arguments: object, where: str) -> Distribution:
    """Make a distribution from its name in `DISTRIBUTIONS` and its arguments.

    Args:
        name: Its name.
        arguments: `[low, high]`, or the list of values.
        where: The setting's place, for errors.

    Raises:
        ConfigError: The arguments do not describe such a distribution.
    """
    listed = list(arguments) if isinstance(arguments, Iterable) and not isinstance(arguments, str | Mapping) else []
    if name == "one_of":
        if len(listed) < 2:
            raise ConfigError(f"{where}: one_of must have at least two values (got {shown(arguments)}). Write a list.")
        return OneOf([plain(value, where) for value in listed])
    if len(listed) != 2 or not all(is_number(number) for number in listed) or not listed[0] < listed[1]:
        raise ConfigError(
            f"{where}: {name} must have two numbers that increase (got {shown(arguments)}). Write {name}: [low, high]."
        )
    low, high = (plain(number, where) for number in listed)
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if name == "uniform":
        return Uniform(low, high)
    if name == "log_uniform":
        if not low > 0:
            raise ConfigError(f"{where}: log_uniform must have positive ends (got {low!r}). Use uniform.")
        return LogUniform(low, high)
    if not float(low).is_integer() or not float(high).is_integer():
        raise ConfigError(f"{where}: integers must have whole ends (got {shown(arguments)}). Use uniform.")
    return Integers(int(low), int(high))


def is_distribution(given: object) -> bool:
    """Return True for a mapping such as `{uniform: [0, 1]}`."""
    return isinstance(given, Mapping) and len(given) == 1 and next(iter(given)) in DISTRIBUTIONS


@dataclass(frozen=True)
class Design:
    """How a sample is drawn.

    Args:
        n: Number of points.
        seed: Seed of the random numbers, a whole number >= 0. Equal seeds give equal samples.
        method: One of `METHODS`: independent random numbers, a Latin hypercube (each of n equal intervals of each
            setting is drawn from once), or a scrambled Sobol or Halton sequence. A Sobol sequence covers evenly
            where n is a power of 2.
        where: The design's place, for errors.

    Raises:
        ConfigError: A value is outside its range, or the method is unknown.
    """

    n: int
    seed: int = 0
    method: str = "random"
    where: str = field(default="sweep.sample", compare=False)

    def __post_init__(self) -> None:
        """Check the values."""
        for name, lowest in (("n", 1), ("seed", 0)):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < lowest:
                raise ConfigError(
                    f"{self.where}.{name}: must be a whole number >= {lowest} (got {number!r}). "
                    "Write sample: {n: 20, seed: 1, method: sobol}."
                )
        if self.n > LARGEST:
            raise ConfigError(f"{self.where}.n: must be at most {LARGEST} (got {self.n}). Draw fewer points.")
        if self.method not in METHODS:
            raise ConfigError(
                f"{self.where}.method: must be one of {', '.join(METHODS)} (got {self.method!r}). "
                f"{nearest(str(self.method), METHODS)}"
            )

    def quantiles(self, dimensions: int) -> FloatArray:
        """Draw `n` points of the unit cube.

        Args:
            dimensions: Number of settings.

        Returns:
            Shape (n, dimensions), values in [0, 1).

        References:
            McKay, Beckman, Conover 1979, doi:10.2307/1268522 (Latin hypercube); Sobol 1967,
            doi:10.1016/0041-5553(67)90144-9; Halton 1960, doi:10.1007/BF01386213.
        """
        import numpy as np

        numbers = np.random.default_rng(self.seed)
        if self.method == "random":
            return numbers.random((self.n, dimensions))
        from scipy.stats import qmc

        # `seed`, not `rng`: SciPy < 1.15 knows no other name, and later ones accept it
        if self.method == "latin_hypercube":
            return qmc.LatinHypercube(dimensions, seed=numbers).random(self.n)
        if self.method == "halton":
            return qmc.Halton(dimensions, seed=numbers).random(self.n)
        # the beginning of a sequence of a balanced length: the same points, without SciPy's warning for other lengths
        return qmc.Sobol(dimensions, seed=numbers).random_base2(math.ceil(math.log2(self.n)))[: self.n]

    def draw(self, distributions: Sequence[Distribution]) -> list[list[Value]]:
        """Draw `n` lists of values, one value per distribution."""
        return [
            [each.value_at(float(quantile)) for each, quantile in zip(distributions, row, strict=True)]
            for row in self.quantiles(len(distributions))
        ]


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, float(low)), float(high))
