"""A sweep as a list of points: all combinations of the values given."""

import itertools
from collections.abc import Iterable, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser

from topo_exp.errors import ConfigError


def points(words: Sequence[str], *, config_loader: ConfigLoader | None = None) -> list[list[str]]:
    """Expand overrides into one list of overrides per run, the last key changing fastest.

    Args:
        words: overrides in Hydra's grammar; `a=1,2`, `a=choice(...)`, `a=range(...)` and `a=glob(...)` are sweeps.
        config_loader: Hydra's, needed for `glob` over a group's files.

    Returns:
        For each run, its overrides.

    Raises:
        ConfigError: an `interval`, which is no list of points.
    """
    values: dict[str, list[str]] = {}
    for override in OverridesParser.create(config_loader=config_loader).parse_overrides(list(words)):
        key = override.get_key_element()
        if not override.is_sweep_override():
            values[key] = [str(override.input_line)]
        elif override.is_discrete_sweep():
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            raise ConfigError(
                f"{override.key_or_group}: must list its values (got {override.input_line!r}). "
                "Use choice(...) or range(start,stop,step)."
            )
    return [list(point) for point in itertools.product(*values.values())]


def varied(points_of_sweep: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return for each point only the overrides in which the points differ, for messages and names."""
    listed = [list(point) for point in points_of_sweep]
    common = set.intersection(*(set(point) for point in listed)) if listed else set()
    return [[word.lstrip("+") for word in point if word not in common] for point in listed]
