"""Sweeps that exist already: found for an equal command, opened again from their directories, extended by points."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig

from topo_exp.compose.composition import compose, group_test, hydra_loader
from topo_exp.compose.points import (
    CheckedPoint,
    PointComposer,
    SweepIdentity,
    code_of,
    make_sweep,
    name_without_date,
)
from topo_exp.compose.resumption import code_differences
from topo_exp.compose.trust import Permission, is_own_file, sweep_code
from topo_exp.errors import ConfigError, TopoExpError
from topo_exp.record.files import locked, path_errors
from topo_exp.record.layout import SWEEP_YAML
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.manifest import Manifest
from topo_exp.sweeps.options import DEFAULTS, SweepOptions


@dataclass(frozen=True)
class Chosen:
    """The sweep in which a command works.

    Attributes:
        directory: Of the sweep.
        is_joined: Whether it existed before.
        retries_failed: Whether points that have failed are tried again: no other process works in the sweep.
        note: One line about a sweep that is joined; empty for a new one.
    """

    directory: SweepDirectory
    is_joined: bool = False
    retries_failed: bool = False
    note: str = ""


def choose_sweep(
    composer: PointComposer,
    points: Sequence[CheckedPoint],
    *,
    command: str,
    options: SweepOptions = DEFAULTS,
) -> Chosen:
    """Join the unfinished sweep of an equal command, or make a new one.

    A sweep is joined if it has the same points, configuration files and code, and is not finished; or if it has a part
    of the points, to which the others are then added. Other commands that choose at the same moment wait.

    Args:
        composer: The points; it takes over the identity of a sweep that is joined.
        points: The same, checked.
        command: The command that makes the sweep again.
        options: Of the sweep; `join=false` makes a new one in any case.

    Raises:
        RecordError: The directory cannot be made or written.
    """
    output_dir = points[0].options.output_dir
    code = code_of(composer, points)
    with path_errors(output_dir, "output_dir"):
        output_dir.mkdir(parents=True, exist_ok=True)
    with locked(output_dir, waits=True):  # of several equal commands, one makes the sweep and the others join it
        found = _latest(composer, points, code) if options.join else None
        if found is None:
            return Chosen(make_sweep(composer, points, command=command, options=options))
        before = len(found.manifest.space)
        if len(composer.space) > before:
            found = found.rewritten(
                replace(found.manifest, space=composer.space, command=command, code=code, description={})
            )
    composer.identity = identity_of(found.manifest)
    states = [state.state for state in found.ledger.states([point.key for point in composer.space]).values()]
    counts = {name: states.count(name) for name in ("done", "failed", "running")}
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    added = f"; {len(composer.space) - before} runs are new" if len(composer.space) > before else ""
    note = f"joining {found.path} ({listed or 'nothing done yet'}{added}). join=false starts another sweep."
    return Chosen(found, is_joined=True, retries_failed="running" not in states, note=note)


def sweep_to_join(
    composer: PointComposer, points: Sequence[CheckedPoint], options: SweepOptions
) -> SweepDirectory | None:
    """Return the sweep that `choose_sweep` would join; None if it would make a new one. Nothing is changed."""
    return _latest(composer, points, code_of(composer, points)) if options.join else None


def _latest(
    composer: PointComposer, points: Sequence[CheckedPoint], code: Mapping[str, object]
) -> SweepDirectory | None:
    """Return the latest sweep that a command belongs to; None if there is none."""
    keys = {point.key for point in composer.space}
    for found in equal_sweeps(composer, points, code):
        space = found.manifest.space
        own = {point.key for point in space}
        if (
            found.manifest.search is not None
            or tuple(space.varying) != tuple(composer.space.varying)
            or not own <= keys
        ):
            continue
        states = found.ledger.states(own).values()
        if own < keys or any(state.state != "done" for state in states):
            return found
    return None


def equal_sweeps(
    composer: PointComposer, points: Sequence[CheckedPoint], code: Mapping[str, object]
) -> Iterator[SweepDirectory]:
    """Yield the sweeps in output_dir with the name, further words and code of a command, the latest first.

    Args:
        composer: The points of the command.
        points: The same, checked.
        code: As `code_of` describes it.
    """
    tail = name_without_date(points, composer.space)
    places = points[0].options.output_dir.glob(f"*/{SWEEP_YAML}")
    for place in sorted(places, key=lambda path: path.stat().st_mtime, reverse=True):
        if not re.sub(r"-\d+$", "", place.parent.name).endswith(tail):
            continue
        try:
            found = SweepDirectory.open(place.parent)
        except TopoExpError:  # damaged, or of another version: it is not this command's
            continue
        if tuple(found.manifest.others) == tuple(composer.others) and is_same_code(found.manifest.code, code):
            yield found


def is_same_code(recorded: Mapping[str, object], present: Mapping[str, object]) -> bool:
    """Return True if all that is recorded of code, versions and configuration is so at present."""
    for name in ("sources", "versions", "configuration"):
        before, now = recorded.get(name), present[name]
        assert isinstance(now, Mapping)
        if not isinstance(before, Mapping) or any(now.get(key) != value for key, value in before.items()):
            return False
    return True


def identity_of(manifest: Manifest) -> SweepIdentity:
    """Return the identity that the runs of a sweep record."""
    return SweepIdentity(manifest.id, datetime.fromisoformat(manifest.created))


def open_sweep(
    path: Path, *, force: bool, permit: Permission
) -> tuple[SweepDirectory, PointComposer, list[CheckedPoint]]:
    """Read a sweep from its directory, so that its points can be run; relative paths start where it was started.

    Args:
        path: Of the sweep.
        force: Whether code, versions and configuration files may have changed.
        permit: Permits the code of the sweep that may be another user's.

    Returns:
        The directory, and its points, checked; for a search the probes of its settings.

    Raises:
        ConfigError: It is no sweep, its code has changed, or it must be trusted.
        RecordError: It was written by a later version.
    """
    directory = SweepDirectory.open(path)
    manifest = directory.manifest
    sources, versions = manifest.code.get("sources"), manifest.code.get("versions")
    if not isinstance(sources, Mapping) or not isinstance(versions, Mapping):
        raise ConfigError(f"{path / SWEEP_YAML}: must list the code of the sweep (got none). Restore the file.")
    found = code_differences(sources, versions)
    foreign = [
        name
        for name, checksum in sources.items()
        if not name.startswith("topo_exp.") and not is_own_file(directory.path, name, None if force else str(checksum))
    ]
    if found and not force:
        raise _changed(path, found)
    permit(path.name, [*sweep_code(directory), *foreign])
    directories = [Path(each) for each in manifest.config_dirs]

    def composed(overrides: Sequence[str]) -> DictConfig:
        with hydra_loader() as loader:
            return compose(overrides, directories, loader)

    search = manifest.search
    composer = PointComposer(
        space=manifest.space if search is None else search.probes,
        compose=composed,
        is_group=group_test(directories),
        others=manifest.others,
        config_dirs=directories,
        identity=identity_of(manifest),
    )
    points = composer.check()
    changed = code_of(composer, points)["configuration"]
    if changed != manifest.code.get("configuration") and not force:
        raise _changed(path, ["configuration files: changed"])
    return directory, composer, points


def _changed(path: Path, found: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"{path.name}: must be continued by the code that began it (got {'; '.join(found)}). "
        "Go back to that code, or add --force; results may then differ between runs."
    )
