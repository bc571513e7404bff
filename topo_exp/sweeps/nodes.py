"""The parts that a space is made of; each lists its points and writes itself as plain data."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.sweeps.conditions import Condition
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.sampling import Design, Distribution
from topo_exp.sweeps.values import Value, plain

RESERVED = frozenset(
    {"product", "zip", "concat", "points", "csv", "record", "sample", "exclude", "replicates", "settings"}
)
"""Keys of a mapping under `sweep:` that are not names of settings."""


class Node(Protocol):
    """Part of a space: a list of points in a fixed order."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the settings that some point has, in order."""

    @property
    def size(self) -> int:
        """Number of points, or the largest it can be, known without listing them."""

    def points(self) -> Iterator[Point]:
        """List the points."""

    def data(self) -> dict[str, Value]:
        """Write the node as the mapping from which `grammar.parse` makes an equal node."""


@dataclass(frozen=True)
class Grid:
    """All combinations of the values of some settings; the last setting changes fastest."""

    settings: tuple[tuple[str, tuple[Value, ...]], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the settings."""
        return tuple(name for name, _ in self.settings)

    @property
    def size(self) -> int:
        """Number of combinations."""
        return math.prod(len(values) for _, values in self.settings)

    def points(self) -> Iterator[Point]:
        """List the combinations."""
        for values in itertools.product(*(values for _, values in self.settings)):
            yield Point(dict(zip(self.names, values, strict=True)))

    def data(self) -> dict[str, Value]:
        """Write `{name: [value, ...]}`, below `settings` if a name has another meaning."""
        listed: dict[str, Value] = {name: plain(values, name) for name, values in self.settings}
        return {"settings": listed} if RESERVED & set(listed) else listed


@dataclass(frozen=True)
class Listed:
    """Points that are written out."""

    listed: tuple[Point, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the points, in order of appearance."""
        return tuple(dict.fromkeys(name for point in self.listed for name in point))

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.listed)

    def points(self) -> Iterator[Point]:
        """List the points."""
        return iter(self.listed)

    def data(self) -> dict[str, Value]:
        """Write `{points: [...]}`."""
        return {"points": [dict(point) for point in self.listed]}


@dataclass(frozen=True)
class Sampled:
    """Points drawn at random from the distributions of some settings."""

    design: Design
    distributions: tuple[tuple[str, Distribution], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the settings."""
        return tuple(name for name, _ in self.distributions)

    @property
    def size(self) -> int:
        """Number of points."""
        return self.design.n

    def points(self) -> Iterator[Point]:
        """Draw the points: the same ones at every call."""
        for values in self.design.draw([each for _, each in self.distributions]):
            yield Point(dict(zip(self.names, values, strict=True)))

    def data(self) -> dict[str, Value]:
        """Write `{name: {uniform: [...]}, ..., sample: {...}}`."""
        listed: dict[str, Value] = {name: each.data() for name, each in self.distributions}
        listed = {"settings": listed} if RESERVED & set(listed) else listed
        return {**listed, "sample": {"n": self.design.n, "seed": self.design.seed, "method": self.design.method}}


@dataclass(frozen=True)
class Product:
    """Each point of the first part with each of the next, and so on; the last part changes fastest."""

    parts: tuple[Node, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the parts, in order."""
        return _names_of(self.parts)

    @property
    def size(self) -> int:
        """Product of the sizes."""
        return math.prod(part.size for part in self.parts)

    def points(self) -> Iterator[Point]:
        """List the combinations."""
        for combination in itertools.product(*(list(part.points()) for part in self.parts)):
            yield _joined(combination)

    def data(self) -> dict[str, Value]:
        """Write `{product: [...]}`."""
        return {"product": [part.data() for part in self.parts]}


@dataclass(frozen=True)
class Concat:
    """The points of the first part, then those of the next, and so on."""

    parts: tuple[Node, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the parts, in order of appearance."""
        return _names_of(self.parts)

    @property
    def size(self) -> int:
        """Sum of the sizes."""
        return sum(part.size for part in self.parts)

    def points(self) -> Iterator[Point]:
        """List the points."""
        for part in self.parts:
            yield from part.points()

    def data(self) -> dict[str, Value]:
        """Write `{concat: [...]}`."""
        return {"concat": [part.data() for part in self.parts]}


@dataclass(frozen=True)
class Zip:
    """The first point of each part together, then the second of each, and so on."""

    parts: tuple[Node, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the parts, in order."""
        return _names_of(self.parts)

    @property
    def size(self) -> int:
        """Size of each part, or the largest it can be."""
        return max(part.size for part in self.parts)

    def points(self) -> Iterator[Point]:
        """List the pairs.

        Raises:
            ConfigError: The parts have different numbers of points.
        """
        listed = [list(part.points()) for part in self.parts]
        if len({len(points) for points in listed}) > 1:
            found = ", ".join(
                f"{' '.join(part.names)}: {len(points)}" for part, points in zip(self.parts, listed, strict=True)
            )
            raise ConfigError(
                f"sweep.zip: all parts must have the same number of values (got {found}). "
                "Make them equal, or leave one out of the zip to combine it with all others."
            )
        for combination in zip(*listed, strict=True):
            yield _joined(combination)

    def data(self) -> dict[str, Value]:
        """Write `{zip: [...]}`."""
        return {"zip": [part.data() for part in self.parts]}


@dataclass(frozen=True)
class Excluded:
    """The points of a part for which none of the conditions is true."""

    part: Node
    conditions: tuple[Condition, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the part."""
        return self.part.names

    @property
    def size(self) -> int:
        """Size of the part, before points are excluded."""
        return self.part.size

    def points(self) -> Iterator[Point]:
        """List the remaining points."""
        for point in self.part.points():
            if not any(condition.holds(point) for condition in self.conditions):
                yield point

    def data(self) -> dict[str, Value]:
        """Write the part's mapping with `exclude: [...]`."""
        return {**self.part.data(), "exclude": [condition.text for condition in self.conditions]}


def product(parts: Sequence[Node], where: str = "sweep") -> Node:
    """Combine parts: all points of one with all of the others.

    Raises:
        ConfigError: Two parts have one setting.
    """
    _check_disjoint(parts, where)
    flat: list[Node] = []
    for part in parts:
        for each in part.parts if isinstance(part, Product) else (part,):
            if isinstance(each, Grid) and flat and isinstance(flat[-1], Grid):
                flat[-1] = Grid(flat[-1].settings + each.settings)
            elif not isinstance(each, Grid) or each.settings:
                flat.append(each)
    if not flat:
        return Grid(())
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def concat(parts: Sequence[Node]) -> Node:
    """Put parts one after another."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, Concat) else (part,))]
    return flat[0] if len(flat) == 1 else Concat(tuple(flat))


def zipped(parts: Sequence[Node], where: str = "sweep.zip") -> Node:
    """Pair the points of parts.

    Raises:
        ConfigError: Two parts have one setting.
    """
    _check_disjoint(parts, where)
    return parts[0] if len(parts) == 1 else Zip(tuple(parts))


def excluded(part: Node, conditions: Sequence[Condition]) -> Node:
    """Exclude points by conditions.

    Raises:
        UnknownNameError: A condition has a name that is not a setting of the part.
    """
    for condition in conditions:
        for name in condition.names:
            if name not in part.names:
                raise UnknownNameError(
                    f"{condition.where}: each name must be a setting with a value here (got {name!r} in "
                    f"{condition.text!r}). {nearest(name, part.names)} A setting that does not vary needs one value, "
                    f"{name}=..., beside those that do."
                )
    if not conditions:
        return part
    if isinstance(part, Excluded):
        return Excluded(part.part, (*part.conditions, *conditions))
    return Excluded(part, tuple(conditions))


def grid(settings: Mapping[str, Sequence[Value]]) -> Grid:
    """Make a grid from names and lists of values."""
    return Grid(tuple((name, tuple(values)) for name, values in settings.items()))


def _names_of(parts: Sequence[Node]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in parts for name in part.names))


def _joined(points: Sequence[Point]) -> Point:
    first, *others = points
    for point in others:
        first = first.joined(point)
    return first


def _check_disjoint(parts: Sequence[Node], where: str) -> None:
    owner: set[str] = set()
    for part in parts:
        for name in part.names:
            if name in owner:
                raise ConfigError(
                    f"{where}: a setting must get its values in one place only (got {name!r} in two). "
                    "Remove one of them, or write the two spaces one after the other (concat, or + in Python)."
                )
        owner.update(part.names)
