"""Runs and sweeps in one file, and back: compressed, checked, and equal byte for byte for equal directories.

An archive is a tar file, compressed by Zstandard. Its first member, `archive.json`, lists each file with its size and
SHA-256. Only what is listed is unpacked, into a new directory, which gets its name when everything has been checked.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from topo_exp.errors import ConfigError, RecordError
from topo_exp.record.files import make_directory, path_errors, replacing
from topo_exp.record.layout import RUN_YAML, SWEEP_YAML, find_runs
from topo_exp.record.lease import is_leased

if TYPE_CHECKING:
    from zstandard import ZstdCompressor

FORMAT = 1
LISTING = "archive.json"
"""The first member: what the archive holds."""
LARGEST_LISTING = 256 * 2**20
"""Bytes of the listing, at most."""
LEVEL = 10
"""Of compression; states and pictures are compressed already."""
LARGEST_HEAD = 2**20
"""Bytes of an extended head of a member, at most."""
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
CHUNK = 2**20
LEFT_OUT = (".lease.", "mlflow.log")
"""Names, or beginnings of names, of files that belong to processes and not to results."""


@dataclass(frozen=True)
class Listed:
    """A file in an archive.

    Attributes:
        size: In bytes.
        sha256: Of its contents.
    """

    size: int
    sha256: str


class _BoundedHead(tarfile.TarInfo):
    """The head of a member; one that continues in further blocks, as a long name does, may not be larger than a bound.

    tarfile reads such blocks into memory as a whole before any name is known.
    """

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTENDED and self.size > LARGEST_HEAD:
            raise tarfile.ReadError(f"a head of {self.size / 1e6:.0f} MB")
        found: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]  # it has no public place
        return found


def write_archive(paths: Sequence[Path], target: Path) -> dict[str, Listed]:
    """Write directories of runs or sweeps into one file.

    Links are left out, since they would bring files of other places along.

    Args:
        paths: Directories of runs or sweeps, with different names.
        target: File to write, `*.tar.zst`.

    Returns:
        The files in the archive, by path.

    Raises:
        ConfigError: A path is neither a run nor a sweep, a name occurs twice, or the target has another suffix.
        RecordError: A run is in progress, or a file cannot be read or written.
    """
    if not target.name.endswith(".tar.zst"):
        raise ConfigError(f"-o: must end in .tar.zst (got {str(target)!r}). Write -o runs.tar.zst.")
    if not target.absolute().parent.is_dir():
        raise ConfigError(f"-o: must be in a directory that exists (got {str(target)!r}). Make {target.parent} first.")
    files = dict(sorted(_files(paths).items()))
    listing = {}
    for name, path in files.items():
        with path_errors(path):
            listing[name] = Listed(path.stat().st_size, _sha256(path))
    with (
        replacing(target, "-o") as packed,
        packed.open("wb") as file,
        _compressor().stream_writer(file) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        data = {"format": FORMAT, "files": {name: [each.size, each.sha256] for name, each in listing.items()}}
        text = json.dumps(data, ensure_ascii=False).encode()
        tar.addfile(_member(LISTING, len(text)), io.BytesIO(text))
        for name, path in files.items():
            with path_errors(path), path.open("rb") as content:
                tar.addfile(_member(name, listing[name].size), content)
    return listing


def read_archive(archive: Path, target: Path) -> list[Path]:
    """Unpack an archive; nothing is left behind if anything in it is wrong.

    Args:
        archive: The file.
        target: Directory in which the runs and sweeps get their places; `-2`, `-3` ... is appended to names that are
            taken.

    Returns:
        The new directories.

    Raises:
        ConfigError: The file does not exist or is no archive.
        RecordError: It is damaged, or holds what no archive of this program holds: other files than are listed, links,
            devices, paths that lead elsewhere, or more than the disk has room for.
    """
    if not archive.is_file():
        raise ConfigError(f"--import: must be the name of a file (got {str(archive)!r}). Check the path.")
    with path_errors(target, "-o"):
        target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=target) as folder:
        place = Path(folder)
        with _members(archive) as tar:
            listing = _listing(tar, archive)
            _require_room(listing, target, archive)
            _unpack(tar, listing, place, archive)
        made = []
        for name in sorted(os.listdir(place)):
            path = make_directory(target, name, option="-o")
            with path_errors(path, "-o"):
                (place / name).rename(path)  # replaces the empty directory that reserved the name
            made.append(path)
        return made


def _files(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files of directories by their paths in an archive."""
    found: dict[str, Path] = {}
    names = [path.absolute().name for path in paths]
    for path, name in zip(paths, names, strict=True):
        if not (path / RUN_YAML).is_file() and not (path / SWEEP_YAML).is_file():
            raise ConfigError(f"PATHS: must be runs or sweeps (got {str(path)!r}). Give their own directories.")
        if names.count(name) > 1:
            raise ConfigError(f"PATHS: must have different names (got {name!r} twice). Make two archives.")
        for run in find_runs([path]):
            if is_leased(run):
                raise RecordError(f"{run}: must have ended (got a run in progress). Wait for its end, or stop it.")
        for folder, folders, files in os.walk(path):
            folders[:] = [each for each in folders if not Path(folder, each).is_symlink()]
            for each in files:
                file = Path(folder, each)
                if file.is_file() and not file.is_symlink() and not each.startswith(LEFT_OUT) and each[-4:] != ".tmp":
                    found[f"{name}/{file.relative_to(path).as_posix()}"] = file
    return found


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Return the head of a file, without owner and date, so that equal files give equal archives."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    return member


def _compressor() -> ZstdCompressor:
    from zstandard import ZstdCompressor

    return ZstdCompressor(level=LEVEL, threads=0)


@contextmanager
def _members(archive: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive for reading from the first to the last member."""
    from zstandard import ZstdDecompressor, ZstdError

    try:
        with (
            archive.open("rb") as file,
            ZstdDecompressor().stream_reader(file) as stream,
            tarfile.open(fileobj=stream, mode="r|", tarinfo=_BoundedHead) as tar,
        ):
            yield tar
    except RecordError:
        raise
    except (ZstdError, tarfile.TarError, EOFError, OSError) as error:
        raise RecordError(f"{archive}: must be a whole archive (got: {error}). Get another copy.") from error


def _listing(tar: tarfile.TarFile, archive: Path) -> dict[str, Listed]:
    """Read the first member."""
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.name == LISTING and first.isreg() else None
    if first is None or content is None or first.size > LARGEST_LISTING:
        raise RecordError(f"{archive}: must begin with {LISTING} (got something else). It is no archive of topo_exp.")
    try:
        data = json.loads(content.read())
        if data["format"] != FORMAT:
            raise RecordError(
                f"{archive}: must have format {FORMAT} (got {data['format']!r}). Use the version that wrote it."
            )
        listing = {_checked_name(str(name), archive): Listed(int(s), str(h)) for name, (s, h) in data["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RecordError(f"{archive}: must have a readable {LISTING} (got: {error}). It is damaged.") from error
    for folder in {name.partition("/")[0] for name in listing}:
        if f"{folder}/{RUN_YAML}" not in listing and f"{folder}/{SWEEP_YAML}" not in listing:
            raise RecordError(f"{archive}: must hold files of runs only (got the folder {folder!r}). Do not trust it.")
    return listing


def _checked_name(name: str, archive: Path) -> str:
    """Return a path in an archive, if it stays inside the directory of a run or sweep."""
    path = PurePosixPath(name)
    is_inside = not path.is_absolute() and ".." not in path.parts and len(path.parts) > 1
    if not is_inside or "\\" in name or "\0" in name or str(path) != name or path.parts[0].startswith("."):
        raise RecordError(f"{archive}: must hold files of runs only (got the path {name!r}). Do not trust it.")
    return name


def _require_room(listing: Mapping[str, Listed], target: Path, archive: Path) -> None:
    needed, free = sum(each.size for each in listing.values()), shutil.disk_usage(target).free
    if any(each.size < 0 for each in listing.values()) or needed > free:
        raise RecordError(
            f"{archive}: must fit on the disk (got {needed / 1e9:.3g} GB, with {free / 1e9:.3g} GB free). Free space."
        )


def _unpack(tar: tarfile.TarFile, listing: Mapping[str, Listed], place: Path, archive: Path) -> None:
    """Write the listed files below a directory, and check each."""
    left = dict(listing)
    while (member := tar.next()) is not None:
        expected = left.pop(member.name, None)
        if expected is None or not member.isreg() or member.size != expected.size:
            raise RecordError(
                f"{archive}: must hold the files that it lists (got {member.name!r}, which differs). Do not trust it."
            )
        content = tar.extractfile(member)
        assert content is not None
        path = place / member.name
        with path_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                digest = _copied(content, file)
        if digest != expected.sha256:
            raise RecordError(f"{archive}: {member.name} must have its checksum (got another). It is damaged.")
    if left:
        raise RecordError(f"{archive}: must hold all files that it lists (got none for {min(left)!r}). It is damaged.")


def _copied(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy a file, and return the SHA-256 of its contents."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
