"""`Sweep`: a space of settings, which lists the points to run."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from topo_exp.errors import ConfigError
from topo_exp.sweeps import grammar
from topo_exp.sweeps.conditions import Condition
from topo_exp.sweeps.nodes import Listed, Node, concat, excluded, product, zipped
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.ranges import LARGEST
from topo_exp.sweeps.sampling import Design, distribution, is_distribution
from topo_exp.sweeps.tables import csv_points, recorded_points
from topo_exp.sweeps.values import Value, digest, identity, shown


class Sweep:
    """Space of settings: an ordered list of different points, described briefly.

        Sweep(contrast=[15, 100], homeostasis=[True, False])       all combinations
        Sweep(a=[1, 2]) * Sweep(b=[3, 4])                          the same of two spaces
        Sweep(a=[1, 2]) + Sweep(b=[3, 4])                          one after the other
        Sweep.zip(a=[1, 2], b=[3, 4])                              pairs: a=1 b=3, then a=2 b=4
        Sweep.sample(20, seed=1, method="sobol", a={"log_uniform": [0.1, 1]})
        Sweep.csv("points.csv")
        Sweep(a=[1, 2], b=[3, 4]).exclude("a == 2 and b > 3").replicates(input_seed=8)

    A setting is any name that a command line can set: a parameter, `times`, `analysis`, "analysis.NAME.OPTION", a
    group. A list, range or array gives the values of a setting; a value that is a list itself stands in a list. A
    mapping is a range, such as {"linspace": [0, 100, 5]}. Spaces are immutable; two are equal if they have equal
    points in one order.

    Args:
        settings: Name of a setting -> its values, for names that are not words of Python.
        **more: The same, written as arguments.

    Raises:
        ConfigError: A name cannot be a setting's, or a value is not plain data.
    """

    def __init__(self, settings: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Make the grid of all combinations."""
        given = dict(settings or {})
        for name in more:
            if name in given:
                raise ConfigError(f"sweep: a setting must get its values once (got {name!r} twice). Remove one.")
        self._node: Node = grammar.node_of({**given, **more})

    @classmethod
    def _of(cls, node: Node) -> "Sweep":
        sweep = cls()
        sweep._node = node
        return sweep

    @classmethod
    def from_data(cls, data: Mapping[str, object], *, base: Path | None = None) -> "Sweep":
        """Read a space from plain data, in the grammar of `sweep:` in YAML, described in `topo_exp.sweeps.grammar`.

        Args:
            data: The mapping.
            base: Directory that paths in it start from; the working directory if None.

        Raises:
            ConfigError: The mapping does not describe a space; the message names the place in it.
        """
        return cls._of(grammar.parse(data, base=base))

    @classmethod
    def zip(cls, *spaces: "Sweep", **settings: object) -> "Sweep":
        """Pair spaces, and lists of values, of equal length: the first points together, then the second, and so on."""
        columns = [grammar.node_of({name: values}) for name, values in settings.items()]
        parts = [*(space._node for space in spaces), *columns]
        if not parts:
            raise ConfigError(
                "sweep.zip: must have something to pair (got nothing). Write Sweep.zip(a=[1, 2], b=[3, 4])."
            )
        return cls._of(zipped(parts))

    @classmethod
    def sample(
        cls,
        n: int,
        settings: Mapping[str, object] | None = None,
        /,
        *,
        seed: int = 0,
        method: str = "random",
        **more: object,
    ) -> "Sweep":
        """Draw points at random.

        Args:
            n: Number of points.
            settings: Name of a setting -> its distribution: {"uniform": [0, 1]}, {"log_uniform": [0.1, 1]},
                {"integers": [1, 5]} with both ends, {"one_of": ["a", "b"]}.
            seed: Seed; equal seeds give equal points.
            method: "random", "latin_hypercube", "sobol" or "halton".
            **more: Further settings, written as arguments.

        Raises:
            ConfigError: A setting has no distribution, or an argument is wrong.
        """
        distributions = {}
        for name, given in {**(settings or {}), **more}.items():
            if not is_distribution(given):
                raise ConfigError(
                    f"sweep.{name}: must be a distribution here (got {shown(given)}). "
                    "Write {'uniform': [0, 1]}; multiply by a Sweep for settings with a list of values."
                )
            assert isinstance(given, Mapping)
            kind, arguments = next(iter(given.items()))
            distributions[name] = distribution(kind, arguments, f"sweep.{name}")
        return cls._of(grammar.sampled(Design(n, seed, method), distributions))

    @classmethod
    def of(cls, points: Iterable[Mapping[str, object]]) -> "Sweep":
        """Make a space from points that are written out."""
        listed = tuple(Point(point, where=f"sweep.points[{place}]") for place, point in enumerate(points))
        if not listed:
            raise ConfigError("sweep.points: must have at least one point (got an empty list). Add one.")
        return cls._of(Listed(listed))

    @classmethod
    def csv(cls, path: str | Path) -> "Sweep":
        """Read points from a CSV file with names of settings in its first line; see `tables.csv_points`."""
        return cls._of(Listed(tuple(csv_points(Path(path)))))

    @classmethod
    def recorded(cls, path: str | Path) -> "Sweep":
        """Read the points of an earlier sweep from its directory."""
        return cls._of(Listed(tuple(recorded_points(Path(path)))))

    def __mul__(self, other: object) -> "Sweep":
        """Combine each point of this space with each of another one."""
        return self._of(product([self._node, other._node])) if isinstance(other, Sweep) else NotImplemented

    def __add__(self, other: object) -> "Sweep":
        """Put the points of another space after those of this one."""
        return self._of(concat([self._node, other._node])) if isinstance(other, Sweep) else NotImplemented

    def exclude(self, *conditions: str) -> "Sweep":
        """Leave out the points for which one of the conditions is true, such as "contrast > 50 and not homeostasis"."""
        return self._of(excluded(self._node, [Condition(text) for text in conditions]))

    def replicates(self, settings: Mapping[str, object] | None = None, /, **seeds: object) -> "Sweep":
        """Repeat each point with other seeds: a list of them, or how many, from 0; several seeds change together."""
        return self._of(grammar.replicated(self._node, {**(settings or {}), **seeds}))

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """The points, in order; computed at first use.

        Raises:
            ConfigError: There are none, too many, or two are equal.
        """
        if self._node.size > LARGEST:
            raise ConfigError(f"sweep: must have at most {LARGEST} points (got {self._node.size}). Use fewer values.")
        points = tuple(self._node.points())
        if not points:
            raise ConfigError("sweep.exclude: must leave a point (got none left). Use a narrower condition.")
        places: dict[str, int] = {}
        for place, point in enumerate(points):
            first = places.setdefault(point.key, place)
            if first != place:
                raise ConfigError(
                    f"sweep: points must differ (got {str(point)!r} as point {first + 1} and as point {place + 1}). "
                    "Remove one; to repeat a point with other seeds, use replicates."
                )
        return points

    def __len__(self) -> int:
        """Count the points."""
        return len(self.points)

    def __iter__(self) -> Iterator[Point]:
        """List the points."""
        return iter(self.points)

    def __getitem__(self, place: int) -> Point:
        """Return one point."""
        return self.points[place]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all settings, in order."""
        return self._node.names

    @cached_property
    def varying(self) -> Mapping[str, tuple[Value, ...]]:
        """Settings in which the points differ, in order -> the different values, in order of appearance.

        A setting that some points leave at its default varies, even with one value.
        """
        found = {name: self._values(name) for name in self.names}
        return {
            name: tuple(values)
            for name, values in found.items()
            if len(values) > 1 or any(name not in point for point in self.points)
        }

    @cached_property
    def constant(self) -> Mapping[str, Value]:
        """Settings that have one value in all points, in order."""
        return {name: self._values(name)[0] for name in self.names if name not in self.varying}

    def label(self, point: Point) -> str:
        """Write a point by the settings in which the points differ."""
        return str(point.only(self.varying.keys()))

    @cached_property
    def key(self) -> str:
        """Hash of the points: equal for two spaces with the same points, in whatever order and however described."""
        return digest(sorted(point.key for point in self.points))

    def data(self) -> dict[str, Value]:
        """Describe the space as plain data, from which `from_data` makes an equal space."""
        return self._node.data()

    def __eq__(self, other: object) -> bool:
        """Compare the points and their order."""
        return self.points == other.points if isinstance(other, Sweep) else NotImplemented

    def __hash__(self) -> int:
        """Hash the points."""
        return hash(self.points)

    def __repr__(self) -> str:
        """Show the number of points, and in which settings they differ."""
        varying = ", ".join(f"{name} ({len(values)})" for name, values in self.varying.items())
        return f"<Sweep: {len(self)} points, varying {varying or 'nothing'}>"

    def _values(self, name: str) -> list[Value]:
        """List the different values of a setting, in order of appearance."""
        unique: dict[str, Value] = {}
        for point in self.points:
            if name in point:
                value = point[name]
                unique.setdefault(identity(value), value)
        return list(unique.values())
