"""A search: a sweep whose points are proposed one after another, each in view of the results so far.

sweep:
afferent_strength: {uniform: [0.5, 2.0]}     # or log_uniform, integers, one_of; a list is one_of
search: {metric: V1/orientation_selectivity_mean, direction: maximize, n: 40, sampler: tpe, pruner: median, seed: 1}
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from topo_exp.errors import ConfigError, UnknownNameError, nearest
from topo_exp.sweeps.nodes import RESERVED
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.ranges import LARGEST, values_of
from topo_exp.sweeps.sampling import Distribution, OneOf, distribution, is_distribution
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.values import Value, checked_name, plain, shown

ENTRY = "search"
"""Entry of the mapping `sweep:` that describes a search."""
SAMPLERS = ("tpe", "random", "qmc", "cmaes", "gp", "nsgaii")
"""Ways to propose points, as Optuna calls them."""
PRUNERS = ("none", "median", "halving", "hyperband")
"""Rules by which a run without prospects is stopped at an analysis time, as Optuna calls them."""
DIRECTIONS = ("minimize", "maximize")
LAST = 1.0 - 1e-12
"""Quantile of the upper end of a distribution."""


@dataclass(frozen=True)
class Search:
    """Describe a search.

    Attributes:
        settings: Those that are varied, with the distribution from which values are proposed.
        constant: Those that all runs share.
        metric: Name of a metric; its value at the last analysis time is what counts.
        direction: `minimize` or `maximize`.
        n: Number of runs.
        sampler: One of `SAMPLERS`.
        pruner: One of `PRUNERS`.
        seed: Of the sampler.

    Raises:
        ConfigError, UnknownNameError: A value is none of those.
    """

    settings: Mapping[str, Distribution]
    constant: Mapping[str, Value] = field(default_factory=dict)
    metric: str = ""
    direction: str = ""
    n: int = 0
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        where = f"sweep.{ENTRY}"
        if not self.settings:
            raise ConfigError(
                f"{where}: must have a setting to vary (got none). Give one values or a distribution, a=uniform(0,1)."
            )
        if not self.metric or not isinstance(self.metric, str):
            raise ConfigError(
                f"{where}.metric: must be the name of a metric (got {self.metric!r}). The names are in metrics.csv "
                "of a run."
            )
        for name, known in (("direction", DIRECTIONS), ("sampler", SAMPLERS), ("pruner", PRUNERS)):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"{where}.{name}: must be one of {', '.join(known)} (got {value!r}).")
        for name, lowest in (("n", 1), ("seed", 0)):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or not lowest <= number <= LARGEST:
                raise ConfigError(f"{where}.{name}: must be a whole number >= {lowest} (got {number!r}).")

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> "Search":
        """Read the mapping `sweep:`, which has the entry `search`.

        Args:
            data: The mapping; each setting in it, also below `settings`, has a value, a list or a distribution.

        Raises:
            ConfigError, UnknownNameError: It does not describe a search.
        """
        own = data.get("settings", {})
        assert isinstance(own, Mapping)
        given = {**{name: entry for name, entry in data.items() if name not in {*RESERVED, ENTRY}}, **own}
        others = [name for name in data if name in RESERVED and name != "settings"]
        if others:
            raise ConfigError(
                f"sweep.{ENTRY}: must stand without other descriptions of points (got sweep.{others[0]}). Remove one."
            )
        options = data[ENTRY]
        if not isinstance(options, Mapping):
            raise ConfigError(
                f"sweep.{ENTRY}: must be a mapping (got {shown(options)}). "
                f"Write sweep.{ENTRY}={{metric:NAME,direction:minimize,n:20}}."
            )
        known = ("metric", "direction", "n", "sampler", "pruner", "seed")
        for name in options:
            if name not in known:
                raise UnknownNameError(
                    f"sweep.{ENTRY}: has no option of that name (got {name!r}). {nearest(str(name), known)}"
                )
        varied = {name: _distribution(name, entry) for name, entry in given.items()}
        chosen: dict[str, Any] = dict(options)
        return cls(
            settings={name: found for name, found in varied.items() if found is not None},
            constant={name: _constant(given[name], name) for name, found in varied.items() if found is None},
            **chosen,
        )

    def data(self) -> dict[str, Value]:
        """Write the mapping from which `from_data` reads an equal search."""
        options = asdict(self)
        settings: dict[str, Value] = {name: [value] for name, value in self.constant.items()}
        settings.update({name: each.data() for name, each in self.settings.items()})
        kept = {name: options[name] for name in ("metric", "direction", "n", "sampler", "pruner", "seed")}
        return {"settings": settings, ENTRY: kept}

    def point(self, proposed: Mapping[str, Value]) -> Point:
        """Return the point with some proposed values."""
        return Point({**self.constant, **proposed})

    @property
    def first(self) -> dict[str, Value]:
        """The values with which the search begins: the middle of each distribution."""
        return {name: each.value_at(0.5) for name, each in self.settings.items()}

    @property
    def probes(self) -> Sweep:
        """The first point, and those in which one setting has an end of its range, or another of its values."""
        points = {point.key: point for point in self._probes()}
        return Sweep.of(points.values())

    def _probes(self) -> Iterator[Point]:
        yield self.point(self.first)
        for name, each in self.settings.items():
            ends = each.values if isinstance(each, OneOf) else [each.value_at(0.0), each.value_at(LAST)]
            for value in ends:
                yield self.point({**self.first, name: value})


def _distribution(name: str, given: object) -> Distribution | None:
    """Read the distribution of a setting; None if it has one value only."""
    where = f"sweep.{checked_name(name, 'sweep')}"
    if is_distribution(given):
        assert isinstance(given, Mapping)
        kind, arguments = next(iter(given.items()))
        return distribution(kind, arguments, where)
    values = values_of(given, where)
    return OneOf([plain(value, where) for value in values]) if len(values) > 1 else None


def _constant(given: object, name: str) -> Value:
    return plain(values_of(given, f"sweep.{name}")[0], f"sweep.{name}")
