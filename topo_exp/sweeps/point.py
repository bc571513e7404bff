"""One point of a space: the settings of one run."""

import copy
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from topo_exp.sweeps.values import Value, checked_name, key_of, literal, plain


class Point(Mapping[str, Value]):
    """Settings of one run, in order; immutable.

    Two points are equal if they have equal settings, in whatever order.

    Args:
        settings: Name of a setting -> value.
        where: The point's place, for errors.

    Raises:
        ConfigError: A name cannot be a setting's, or a value is not plain data.
    """

    def __init__(self, settings: Mapping[str, object], *, where: str = "point") -> None:
        """Copy the settings as plain data."""
        self._settings: dict[str, Value] = {
            checked_name(name, where): plain(value, f"{where}.{name}") for name, value in settings.items()
        }

    def __getitem__(self, name: str) -> Value:
        """Return a copy of a value."""
        value = self._settings[name]
        return copy.deepcopy(value) if isinstance(value, list | dict) else value

    def __iter__(self) -> Iterator[str]:
        """List the names, in order."""
        return iter(self._settings)

    def __len__(self) -> int:
        """Count the settings."""
        return len(self._settings)

    def __eq__(self, other: object) -> bool:
        """Compare the keys."""
        return self.key == other.key if isinstance(other, Point) else NotImplemented

    def __hash__(self) -> int:
        """Hash the key."""
        return hash(self.key)

    def __repr__(self) -> str:
        """Show the words."""
        return f"Point({self})"

    def __str__(self) -> str:
        """Write the words on one line, for messages."""
        return " ".join(self.words)

    @property
    def words(self) -> list[str]:
        """The point as words of a command line, `name=value` in Hydra's grammar."""
        return [f"{name}={literal(value)}" for name, value in self._settings.items()]

    @cached_property
    def key(self) -> str:
        """Hash of the words, independent of their order."""
        return key_of(self._settings)

    def joined(self, other: "Point") -> "Point":
        """Return a point with the settings of this one, then those of another one; the other's values win."""
        result = Point({})
        result._settings = {**self._settings, **other._settings}
        return result

    def only(self, names: Collection[str]) -> "Point":
        """Return a point with some of the settings, in this point's order."""
        result = Point({})
        result._settings = {name: value for name, value in self._settings.items() if name in names}
        return result
