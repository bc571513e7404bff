"""The mapping under `sweep:` in YAML, read as a space.

    sweep:
      contrast: [15, 100]                     # settings: all combinations of their values
      strength: {linspace: [0.5, 1.5, 5]}     # or geomspace: [first, last, count], range: [start, stop, step]
      zip: {tau: [1, 2], rate: [0.1, 0.05]}   # paired values, combined with all others
      exclude: contrast > 50 and tau == 2     # or a list of conditions: a point is left out if one is true
      replicates: {input_seed: 8}             # each point with the seeds 0 to 7

A mapping is a space: the product of its entries in their order, then without what `exclude` describes, then replicated.
Further entries: `product`, `concat` and `zip` with a list of such mappings; `points` with a list of points;
`csv: FILE`; `record: DIRECTORY` of an earlier sweep; `sample: {n: 20, seed: 1, method: sobol}`, which draws the
settings of the mapping that have a distribution (`{uniform: [0, 1]}`, `log_uniform`, `integers`, `one_of`);
`zip: [a, b]`, which pairs settings of the mapping; `settings`, for settings with the name of an entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.sweeps.conditions import Condition
from topo_exp.sweeps.nodes import RESERVED, Grid, Listed, Node, Sampled, concat, excluded, grid, product, zipped
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.ranges import values_of
from topo_exp.sweeps.sampling import Design, Distribution, distribution, is_distribution
from topo_exp.sweeps.tables import csv_points, recorded_points
from topo_exp.sweeps.values import checked_name, shown

Data = Mapping[str, object]


def parse(data: object, *, base: Path | None = None, where: str = "sweep") -> Node:
    """Read a mapping as a space.

    Args:
        data: The mapping, as YAML or `Node.data` gives it.
        base: Directory that paths of files start from; the working directory if None.
        where: The mapping's place, for errors.

    Raises:
        ConfigError: The mapping does not describe a space; the message names the place in it.
        UnknownNameError: A name in it is unknown.
    """
    return _Mapping(_checked_mapping(data, where), base or Path.cwd(), where).node()


def node_of(settings: Data, where: str = "sweep") -> Node:
    """Make the grid of some settings.

    Raises:
        ConfigError: A name or value is not a setting's, or is a distribution, which needs a sample.
    """
    for name, given in settings.items():
        if is_distribution(given):
            raise ConfigError(
                f"{where}.{name}: a distribution must be drawn from (got {shown(given)}). "
                "Add sample: {n: 20, seed: 1} beside it, sweep.sample=20 on a command line."
            )
    return grid({checked_name(name, where): values_of(given, f"{where}.{name}") for name, given in settings.items()})


def sampled(design: Design, distributions: Mapping[str, Distribution]) -> Node:
    """Make a sample of some settings.

    Raises:
        ConfigError: There are no settings to draw.
    """
    if not distributions:
        raise ConfigError(
            f"{design.where}: must have a setting to draw (got none with a distribution). "
            "Give one a distribution, {uniform: [0, 1]}; uniform(0,1) on a command line."
        )
    return Sampled(design, tuple(distributions.items()))


def replicated(node: Node, seeds: Data, where: str = "sweep.replicates") -> Node:
    """Repeat each point with other seeds; several seeds change together.

    Args:
        node: The points.
        seeds: Name of a seed's setting -> the seeds, or how many: 8 stands for 0 to 7.
        where: The entry's place, for errors.

    Raises:
        ConfigError: The seeds are not such a mapping, or the points have one of them already.
    """
    columns: list[Node] = []
    for name, given in seeds.items():
        if isinstance(given, int) and (given < 1 or isinstance(given, bool)):
            raise ConfigError(f"{where}.{name}: must be a number >= 1 or a list of seeds (got {given!r}). Use 8.")
        values = range(given) if isinstance(given, int) else given
        columns.append(grid({checked_name(name, where): values_of(values, f"{where}.{name}")}))
    if not columns:
        raise ConfigError(f"{where}: must name a seed (got no name). Write replicates: {{input_seed: 8}}.")
    return product([node, zipped(columns, where)], where)


@dataclass(frozen=True)
class _Group:
    """Settings of a mapping that are drawn or paired together."""

    names: list[str]
    node: Node


class _Mapping:
    """One mapping of the grammar, read entry by entry."""

    def __init__(self, data: Data, base: Path, where: str) -> None:
        self._base = base
        self._where = where
        self._entries: dict[str, object] = {}
        self._settings: dict[str, object] = {}
        self._order: list[tuple[bool, str]] = []  # whether it is a setting, and the name
        for key, given in data.items():
            if key == "settings":
                for name, values in _checked_mapping(given, f"{where}.settings").items():
                    self._add_setting(name, values)
            elif key in RESERVED:
                self._entries[key] = given
                self._order.append((False, key))
            else:
                self._add_setting(key, given)

    def node(self) -> Node:
        """Make the space."""
        groups = self._groups()
        parts: list[Node] = []
        for is_setting, key in self._order:
            group = next((group for group in groups if key in group.names), None) if is_setting else None
            if not is_setting:
                parts.extend(self._entry(key))
            elif group is None:
                parts.append(node_of({key: self._settings[key]}, self._where))
            elif group.node not in parts:
                parts.append(group.node)
        node = excluded(product(parts, self._where), self._conditions())
        if "replicates" in self._entries:
            where = f"{self._where}.replicates"
            node = replicated(node, _checked_mapping(self._entries["replicates"], where), where)
        return node

    def _add_setting(self, name: str, given: object) -> None:
        if name in self._settings:
            raise ConfigError(f"{self._where}: a setting must get its values once (got {name!r} twice). Remove one.")
        self._settings[name] = given
        self._order.append((True, name))

    def _groups(self) -> list[_Group]:
        """Make the parts of the settings that are drawn or paired together."""
        groups: list[_Group] = []
        if "sample" in self._entries:
            drawn = {name: given for name, given in self._settings.items() if is_distribution(given)}
            groups.append(_Group(list(drawn), self._sample(drawn)))
        where = f"{self._where}.zip"
        for names in self._paired():
            for name in names:
                if name not in self._settings:
                    hint = nearest(name, self._settings) if self._settings else f"Add {name}: [...]."
                    raise UnknownNameError(f"{where}: each name must have values beside it (got {name!r}). {hint}")
                if names.count(name) > 1 or any(name in group.names for group in groups):
                    raise ConfigError(f"{where}: a setting must be paired or drawn once (got {name!r}). Remove one.")
            columns = [node_of({name: self._settings[name]}, self._where) for name in names]
            groups.append(_Group(names, zipped(columns, where)))
        return groups

    def _paired(self) -> list[list[str]]:
        """Return the groups of names in `zip: [a, b]` and `zip: [[a, b], [c, d]]`; none for its other forms."""
        given = self._entries.get("zip")
        if not isinstance(given, list | tuple) or not given:
            return []
        if all(isinstance(name, str) for name in given):
            return [list(given)]
        is_grouped = all(
            isinstance(names, list | tuple) and all(isinstance(name, str) for name in names) for names in given
        )
        return [list(names) for names in given] if is_grouped else []

    def _sample(self, drawn: Data) -> Node:
        where = f"{self._where}.sample"
        given = self._entries["sample"]
        options: dict[str, Any] = {"n": given} if isinstance(given, int) else _checked_mapping(given, where)
        for name in options:
            if name not in ("n", "seed", "method"):
                raise UnknownNameError(
                    f"{where}: has no option of that name (got {name!r}). {nearest(name, ('n', 'seed', 'method'))}"
                )
        if "n" not in options:
            raise ConfigError(f"{where}: must say how many points (got no n). Write sample: {{n: 20, seed: 1}}.")
        design = Design(**options, where=where)
        distributions = {}
        for name, given in drawn.items():
            assert isinstance(given, Mapping)
            kind, arguments = next(iter(given.items()))
            distributions[checked_name(name, where)] = distribution(kind, arguments, f"{self._where}.{name}")
        return sampled(design, distributions)

    def _entry(self, key: str) -> list[Node]:
        """Make the part that an entry describes, if it describes points."""
        given = self._entries[key]
        where = f"{self._where}.{key}"
        if key in ("product", "concat"):
            parts = self._spaces(given, where)
            return [product(parts, where) if key == "product" else concat(parts)]
        if key == "zip":
            if isinstance(given, Mapping):
                return [zipped([node_of({name: values}, where) for name, values in given.items()] or [Grid(())], where)]
            return [] if self._paired() else [zipped(self._spaces(given, where), where)]
        if key == "points":
            if not isinstance(given, list | tuple) or not given:
                raise ConfigError(
                    f"{where}: must be a list of points (got {shown(given)}). Write [{{a: 1}}, {{a: 2}}]."
                )
            listed = [_checked_mapping(each, f"{where}[{place}]") for place, each in enumerate(given)]
            return [Listed(tuple(Point(each, where=f"{where}[{place}]") for place, each in enumerate(listed)))]
        if key in ("csv", "record"):
            if not isinstance(given, str):
                raise ConfigError(f"{where}: must be a path (got {shown(given)}). Write {key}: path.")
            path = self._base / Path(given).expanduser()
            return [Listed(tuple(csv_points(path) if key == "csv" else recorded_points(path)))]
        return []

    def _spaces(self, given: object, where: str) -> list[Node]:
        if not isinstance(given, list | tuple) or not given:
            raise ConfigError(f"{where}: must be a list of mappings (got {shown(given)}). Write [{{a: [1, 2]}}, ...].")
        return [parse(each, base=self._base, where=f"{where}[{place}]") for place, each in enumerate(given)]

    def _conditions(self) -> list[Condition]:
        given: Any = self._entries.get("exclude", [])
        texts = list(given) if isinstance(given, list | tuple) else [given]
        return [Condition(text, f"{self._where}.exclude") for text in texts]


def _checked_mapping(data: object, where: str) -> dict[str, object]:
    if isinstance(data, Mapping) and all(isinstance(key, str) for key in data):
        return dict(data)
    raise ConfigError(
        f"{where}: must be a mapping with names as keys (got {shown(data)}). Write {where}: {{a: [1, 2]}}."
    )
