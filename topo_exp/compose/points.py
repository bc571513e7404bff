"""The settings of each point of a sweep, composed once for each choice of configuration files, and checked."""

import copy
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from omegaconf import MISSING, DictConfig, OmegaConf

from topo_exp.compose.bridge import Settings, make_spec, run_date
from topo_exp.compose.composition import directory_flags, run_command
from topo_exp.compose.mistakes import composition_errors
from topo_exp.compose.naming import fingerprint, sanitised
from topo_exp.compose.overrides import as_written, for_hydra, names_set, written_settings
from topo_exp.compose.schema import GROUPS, SWEEP_NODE, checked
from topo_exp.errors import ConfigError, TopoExpError
from topo_exp.record.run_yaml import dump_yaml
from topo_exp.runner.describe import installed_versions, source_checksums
from topo_exp.runner.options import RunOptions
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.manifest import Manifest
from topo_exp.sweeps.options import DEFAULTS, SWEEP_OPTIONS, SweepOptions
from topo_exp.sweeps.point import Point
from topo_exp.sweeps.space import Sweep
from topo_exp.sweeps.values import Value, literal
from topo_exp.typing import Data

Compose: TypeAlias = Callable[[Sequence[str]], DictConfig]
"""Composes words, rewritten for Hydra, to a configuration with its `hydra` node."""

COMMON = ("output_dir", "name_time_format", "timestamp", "dirname_prefix", "max_name_length")
"""Options that must be equal in all points: they name and place the directory of the sweep."""


@dataclass(frozen=True)
class SweepIdentity:
    """Facts of a sweep that each of its runs records.

    Attributes:
        id: Shared by all runs of the sweep.
        time: When it began.
    """

    id: str
    time: datetime

    @classmethod
    def new(cls) -> "SweepIdentity":
        """Make the identity of a sweep that begins now."""
        now = datetime.now()
        return cls(f"{now:%Y%m%d%H%M%S}_{uuid.uuid4().hex[:6]}", now)


@dataclass(frozen=True)
class CheckedPoint:
    """A point whose settings describe a run.

    Attributes:
        point: The point.
        model: Name of its model.
        directory_name: Name that its run directory will have, unless that is taken.
        options: Of its run.
        parameters: Of its model.
        sources: Checksums of the code on which its results depend, by place.
    """

    point: Point
    model: str
    directory_name: str
    options: RunOptions
    parameters: Mapping[str, Data]
    sources: Mapping[str, str]


@dataclass(frozen=True)
class _Composition:
    """The configuration of one choice of files, before the other settings are applied."""

    task: DictConfig
    plain: dict[str, Data] | None
    """The same as plain data; None if values refer to others, which have to be resolved for each point."""
    flags: list[str]
    hydra: str
    model: list[str]
    """The word for the model if there is one, given or added for a file that chooses the model by the key `model`."""


@dataclass
class PointComposer:
    """Make the settings of each point.

    A composition with Hydra takes a fifth of a second, so it is done once for each combination of config groups, and
    the other settings of a point are set in a copy of its result, as Hydra would.

    Attributes:
        space: The points.
        compose: Composes words.
        is_group: Returns True for a key that is a group of configuration files.
        others: Further words, for all points: deletions, and values that refer to other settings.
        config_dirs: Directories with configuration files of the user's own.
        identity: Of the sweep.
    """

    space: Sweep
    compose: Compose
    is_group: Callable[[str], bool]
    others: Sequence[str] = ()
    config_dirs: Sequence[Path] = ()
    identity: SweepIdentity = field(default_factory=SweepIdentity.new)

    def __post_init__(self) -> None:
        """Start with nothing composed."""
        self._compositions: dict[tuple[str, ...], _Composition] = {}
        self._sources: dict[object, dict[str, str]] = {}

    def words(self, point: Point) -> list[str]:
        """Return the words of a run, as a user would write them."""
        return [*point.words, *as_written(self.others)]

    def added(self, point: Point, directory: Path | None = None) -> dict[str, Value]:
        """Return the settings that the sweep adds to a point."""
        return {
            "sweep_id": self.identity.id,
            "sweep_time": self.identity.time.isoformat(timespec="seconds"),
            "sweep_names": list(self.space.varying),
            "sweep_dir": None if directory is None else str(directory),
            "sweep_point": point.key,
        }

    def job_words(self, point: Point, directory: Path) -> list[str]:
        """Return the words with which a launcher of Hydra composes the run of a point."""
        added = [f"++{name}={literal(value)}" for name, value in self.added(point, directory).items()]
        words = self.words(point)
        if "model" not in names_set(words):
            words += self._composition(self._choices(point).words).model
        return [*for_hydra(words, self.is_group), *added]

    def settings(self, point: Point, directory: Path | None = None) -> Settings:
        """Return the settings of a point.

        Args:
            point: A point of the space.
            directory: Of the sweep; None to check the point only: then the configuration files for the record, which
                take time to write, are left out.

        Raises:
            ConfigError, UnknownNameError: It cannot be composed.
        """
        chosen = self._choices(point)
        composition = self._composition(chosen.words)
        config = _applied(composition, {name: value for name, value in point.items() if name not in chosen})
        words = self.words(point)
        texts = {}
        if directory is not None:
            texts = {
                "config.yaml": dump_yaml(config),
                "overrides.yaml": OmegaConf.to_yaml(OmegaConf.create(words)),
                "hydra.yaml": composition.hydra,
            }
        return Settings(
            config={**config, **self.added(point, directory)},
            given=self._given(point),
            command=run_command(words, config.get("model"), composition.flags),
            texts=texts,
        )

    def check(self) -> list[CheckedPoint]:
        """Check every point.

        Raises:
            ConfigError, UnknownNameError, ParameterError, ModelError: The first mistake, with its point.
        """
        for name in COMMON:
            if name in self.space.varying:
                raise ConfigError(f"{name}: must be the same in all runs of a sweep (got several). Give one value.")
        return [self._checked(point) for point in self.space]

    def configurations(self) -> dict[str, Value]:
        """Return a checksum of the configuration of each choice of files that was composed so far, by its words."""
        found: dict[str, Value] = {}
        for words, composition in self._compositions.items():
            task = OmegaConf.to_container(composition.task, resolve=False)
            assert isinstance(task, dict)
            kept = {str(name): value for name, value in task.items() if name not in {SWEEP_NODE, *SWEEP_OPTIONS}}
            found[" ".join(words)] = fingerprint(kept)
        return found

    def _checked(self, point: Point) -> CheckedPoint:
        try:
            spec = make_spec(self.settings(point))
        except TopoExpError as error:
            label = self.space.label(point)
            raise type(error)(f"{error} In the run with {label}; none was started." if label else str(error)) from error
        code = (spec.model_source, repr(spec.analysis_config), spec.before, spec.after)
        if code not in self._sources:
            self._sources[code] = source_checksums(spec)
        sources = self._sources[code]
        return CheckedPoint(point, spec.model, spec.directory_name, spec.options, spec.parameters, sources)

    def _given(self, point: Point) -> dict[str, Data]:
        """Return what `written_settings` reads from the words of a point, without parsing them."""
        given: dict[str, Data] = {}
        for name, value in point.items():
            is_one = isinstance(value, list) and len(value) == 1
            given[name] = literal(value) if name not in GROUPS else value[0] if is_one else value  # type: ignore[index]
        return {**given, **written_settings(self.others)}

    def _choices(self, point: Point) -> Point:
        """Return the settings of a point that choose configuration files."""
        return Point({name: value for name, value in point.items() if self._is_choice(name)})

    def _is_choice(self, name: str) -> bool:
        return name in GROUPS or "/" in name or "@" in name or self.is_group(name)

    def _composition(self, words: Sequence[str]) -> _Composition:
        key = tuple(words)
        if key not in self._compositions:
            with composition_errors():
                composed = self.compose(for_hydra([*words, *self.others], self.is_group))
                task = OmegaConf.masked_copy(composed, [str(name) for name in composed if name != "hydra"])
                raw = OmegaConf.to_container(task, resolve=False, throw_on_missing=True)
                assert isinstance(raw, dict)
                if raw.get(SWEEP_NODE) and "experiment" in self.space.varying:
                    raise ConfigError(
                        f"experiment: files that vary must not describe sweeps of their own (got {' '.join(words)}). "
                        "Run each by itself, with -m."
                    )
                self._compositions[key] = _Composition(
                    task=task,
                    plain=None if "${" in repr(raw) else {str(name): value for name, value in raw.items()},
                    flags=directory_flags(composed["hydra"]),
                    hydra=OmegaConf.to_yaml(OmegaConf.create({"hydra": composed["hydra"]})),
                    model=[str(word) for word in composed["hydra"].overrides.task if names_set([word]) == ["model"]],
                )
        return self._compositions[key]


def read_sweep_options(given: Mapping[str, object]) -> SweepOptions:
    """Check the options of a sweep; those that are absent have their defaults.

    Raises:
        ParameterError: A value is of the wrong kind or outside its bounds.
        UnknownNameError: There is no such option.
    """
    return SweepOptions(**checked(SWEEP_OPTIONS, given))


def make_sweep(
    composer: PointComposer, points: Sequence[CheckedPoint], *, command: str, options: SweepOptions = DEFAULTS
) -> SweepDirectory:
    """Make the directory of a sweep, with its description.

    Args:
        composer: Its points.
        points: The same, checked.
        command: The command that makes the sweep again.
        options: Of the sweep.

    Raises:
        RecordError: The directory cannot be made.
    """
    manifest = Manifest(
        space=composer.space,
        command=command,
        created=composer.identity.time.isoformat(timespec="seconds"),
        id=composer.identity.id,
        others=tuple(composer.others),
        config_dirs=[str(path.absolute()) for path in composer.config_dirs],
        working_directory=str(Path.cwd()),
        options={name: value for name, value in asdict(options).items() if value is not None},
        code=code_of(composer, points),
    )
    name = sweep_directory_name(points, composer.space)
    return SweepDirectory.make(points[0].options.output_dir, name, manifest)


def code_of(composer: PointComposer, points: Sequence[CheckedPoint]) -> dict[str, Value]:
    """Return checksums of all code and configuration on which the results of some points depend, and versions.

    Args:
        composer: The points.
        points: The same, checked.
    """
    sources: dict[str, Value] = {place: checksum for point in points for place, checksum in point.sources.items()}
    versions: dict[str, Value] = {**installed_versions()}
    return {"sources": sources, "versions": versions, "configuration": composer.configurations()}


def sweep_directory_name(points: Sequence[CheckedPoint], space: Sweep) -> str:
    """Compose `<prefix><date>_<model>[_<tag>]_sweep[,<varied names>]`, bounded in length.

    Args:
        points: The points.
        space: Their space.
    """
    options = points[0].options
    date = run_date(options.timestamp, options.sweep_time).strftime(options.name_time_format)
    return f"{sanitised(f'{options.dirname_prefix}{date}')}{name_without_date(points, space)}"


def name_without_date(points: Sequence[CheckedPoint], space: Sweep) -> str:
    """Compose the part of a sweep's name that follows the date, bounded in length.

    Args:
        points: The points.
        space: Their space.
    """
    options = points[0].options
    head_length = len(sanitised(options.dirname_prefix + datetime.now().strftime(options.name_time_format)))
    models = "+".join(dict.fromkeys(each.model for each in points))
    tags = {each.options.tag for each in points}
    tag = options.tag if len(tags) == 1 else None
    head = sanitised(f"_{models}" + (f"_{tag}" if tag else "")) + "_sweep"
    name = ",".join([head, *(sanitised(varied) for varied in space.varying)])
    most = options.max_name_length - head_length
    if len(name) <= most:
        return name
    digest = fingerprint([models, tag, list(space.varying)])
    return f"{name[: most - len(digest) - 1]}~{digest}"


def _applied(composition: _Composition, settings: Mapping[str, Data]) -> dict[str, Data]:
    """Return the composed configuration with some settings set or added, as `++name=value` does."""
    if composition.plain is not None:
        config = copy.deepcopy(composition.plain)
        if all(_set(config, name.split("."), value) for name, value in settings.items()):
            return config
    with composition_errors():
        task = copy.deepcopy(composition.task)
        OmegaConf.set_struct(task, False)
        for name, value in settings.items():
            OmegaConf.update(task, name, value, merge=True, force_add=True)
        resolved = OmegaConf.to_container(task, resolve=True, throw_on_missing=True)
    assert isinstance(resolved, dict)
    return {str(name): value for name, value in resolved.items()}


def _set(config: dict[str, Data], path: Sequence[str], value: Data) -> bool:
    """Set the value at a path; return False if the path leads through no mappings, or the value counts as missing."""
    if value == MISSING:
        return False
    *above, last = path
    place = config
    for name in above:
        below = place.setdefault(name, {})
        if not isinstance(below, dict):
            return False
        place = below
    old = place.get(last)
    if isinstance(value, dict) and isinstance(old, dict):
        return all(_set(old, [name], item) for name, item in value.items())
    place[last] = value
    return True
