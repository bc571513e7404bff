"""sweep.yaml: what a sweep is, written before its first run starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from topo_exp.errors import RecordError
from topo_exp.sweeps.search import ENTRY, Search
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.tables import points_in, read_yaml, scalar
from topo_exp.sweeps.values import Value, plain, shown

FORMAT = 1
"""Number of this layout; raised when a reader of the older one would misunderstand it."""


@dataclass(frozen=True)
class Manifest:
    """Description of a sweep.

    Attributes:
        space: Its points.
        command: The command that makes the sweep again.
        created: When it was made, in ISO 8601.
        options: How it is run: launcher, number of jobs, reaction to errors ...
        budget: Largest time and disk space it may use.
        code: Checksums of the code on which results depend, and versions; see `Code`.
        description: The space as it was described, in the grammar of `sweep:`; that of `space` if empty.
        id: Shared by all of its runs.
        others: Words for all points besides their settings, such as deletions.
        config_dirs: Directories with configuration files of the user's own.
        working_directory: From which it was started; relative paths in settings refer to it.
    """

    space: Sweep
    command: str
    created: str
    id: str = ""
    others: Sequence[str] = ()
    config_dirs: Sequence[str] = ()
    working_directory: str = ""
    options: Mapping[str, Value] = field(default_factory=dict)
    budget: Mapping[str, Value] = field(default_factory=dict)
    code: Mapping[str, Value] = field(default_factory=dict)
    description: Mapping[str, Value] = field(default_factory=dict)

    @property
    def search(self) -> Search | None:
        """The search that the sweep is; None if its points were listed."""
        return Search.from_data(self.description) if ENTRY in self.description else None

    def text(self) -> str:
        """Write sweep.yaml.

        It lists the points beside the description of the space: a sample may be drawn otherwise by a later version of a
        library, and a table may change. Each point has the settings that vary; those in `constant` belong to all.
        """
        varying, constant = self.space.varying, self.space.constant
        content: dict[str, Value] = {
            "format": FORMAT,
            "created": self.created,
            "command": self.command,
            "runs": len(self.space),
            "key": self.space.key,
            "id": self.id,
            "working_directory": self.working_directory,
            "config_dirs": list(self.config_dirs),
            "others": list(self.others),
            "constant": plain(constant, "constant"),
            "varying": {name: list(values) for name, values in varying.items()},
            "space": plain(self.description, "space") or self.space.data(),
            "options": plain(self.options, "options"),
            "budget": plain(self.budget, "budget"),
            "code": dict(self.code),
            "order": list(self.space.names),
            "points": [{"key": point.key, "settings": dict(point.only(varying.keys()))} for point in self.space.points],
        }
        text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        assert isinstance(text, str)
        return text

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read the description of a sweep, without executing or drawing anything.

        Args:
            path: Directory of the sweep, or its sweep.yaml.

        Raises:
            ConfigError: It cannot be read, or its points are damaged.
            RecordError: It is of a later version, or its points are not those that were written.
        """
        record = read_yaml(path)
        found = record.get("format")
        if found != FORMAT:
            raise RecordError(
                f"{path}: must be a sweep of format {FORMAT} (got {shown(found)}). "
                "Read it with the version that wrote it."
            )
        space = Sweep.of(points_in(record, path))
        if space.key != record.get("key"):
            raise RecordError(
                f"{path}: must list the points that were written (got key {space.key}, not {record.get('key')!r}). "
                "Restore the file."
            )
        return cls(
            space=space,
            command=str(record.get("command", "")),
            created=str(record.get("created", "")),
            id=str(record.get("id", "")),
            others=[str(word) for word in record.get("others") or []],
            config_dirs=[str(path) for path in record.get("config_dirs") or []],
            working_directory=str(record.get("working_directory", "")),
            options=record.get("options", {}),
            budget=record.get("budget", {}),
            code=record.get("code", {}),
            description=record.get("space", {}),
        )


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # whichever is installed
    """Write a list or mapping of scalars on one line, and quote texts that some reader takes for numbers."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal lists in full."""
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Quote a text such as 1e3, which is a number in YAML 1.2 and a text in PyYAML."""
        style = None if isinstance(scalar(text), str) else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def represent_items(self, items: list[Value]) -> yaml.SequenceNode:
        """Choose the form of a list."""
        node = self.represent_sequence("tag:yaml.org,2002:seq", items)
        node.flow_style = all(isinstance(item, yaml.ScalarNode) for item in node.value)
        return node

    def represent_entries(self, entries: dict[str, Value]) -> yaml.MappingNode:
        """Choose the form of a mapping."""
        node = self.represent_mapping("tag:yaml.org,2002:map", entries)
        node.flow_style = all(isinstance(value, yaml.ScalarNode) for _, value in node.value)
        return node


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(list, _Dumper.represent_items)
_Dumper.add_representer(dict, _Dumper.represent_entries)
