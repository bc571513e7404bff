"""Signatures of the sweeps that this user has started.

The directory of a sweep names the code that its points run, and may hold copies of it. Who owns the files does not tell
who wrote them: the files of an unpacked archive belong to the user who unpacked it. So a sweep is signed when it is
made, with a key that is kept outside it, in `~/.config/topo_exp/key`. Files that were added or changed by anything else
do not fit the signature.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from topo_exp.record.checked import file_sha256
from topo_exp.record.files import write_text
from topo_exp.record.layout import SWEEP_YAML

SIGNATURE = "sweep.signature"
SETTINGS = "settings"
"""Folder of the settings of points that jobs on other machines run."""
CODE = "code"
"""Folder of the copies of the code that such jobs run."""


def sign(directory: Path, text: str | None = None) -> None:
    """Sign a sweep; without a home directory that can be written it stays unsigned.

    Args:
        directory: Of the sweep.
        text: Of sweep.yaml, which is about to be written. The present one is valid, too, until the next signature, so
            that the sweep is signed at every instant. None if the present one stays.
    """
    _write(directory, text, [_signature])


def sign_unfinished(directory: Path, text: str | None = None) -> None:
    """Sign that this user stores settings and code of a sweep, until `sign` is called when that is complete.

    A command that is stopped meanwhile can be given again and stores the rest. The sweep counts as signed only as long
    as its files are those of the last signature.

    Args:
        directory: Of the sweep.
        text: As of `sign`.
    """
    _write(directory, text, [_unfinished, _signature] if is_signed(directory) else [_unfinished])


def is_signed(directory: Path) -> bool:
    """Return True if a sweep is as this user has made it.

    Args:
        directory: Of the sweep.
    """
    return _has(directory, _signature)


def is_unfinished(directory: Path) -> bool:
    """Return True if this user has begun to store settings and code of a sweep, and was stopped.

    Args:
        directory: Of the sweep.
    """
    return _has(directory, _unfinished)


def _write(directory: Path, text: str | None, kinds: Sequence[Callable[[Path, str, bytes], str]]) -> None:
    try:
        key = _key(is_made=True)
    except (OSError, RuntimeError):
        return
    present = directory / SWEEP_YAML
    texts = [present.read_text(encoding="utf-8")] if present.is_file() else []
    if text is not None:
        texts.append(text)
    write_text(directory / SIGNATURE, "".join(f"{kind(directory, each, key)}\n" for kind in kinds for each in texts))


def _has(directory: Path, kind: Callable[[Path, str, bytes], str]) -> bool:
    try:
        found = (directory / SIGNATURE).read_text(encoding="ascii").split()
        expected = kind(directory, (directory / SWEEP_YAML).read_text(encoding="utf-8"), _key())
    except (OSError, RuntimeError, ValueError):
        return False
    return any(hmac.compare_digest(each, expected) for each in found)


def _unfinished(directory: Path, text: str, key: bytes) -> str:
    """Return the signature of a description whose settings and code are being stored."""
    return hmac.new(key, f"unfinished\0{text}".encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def _signature(directory: Path, text: str, key: bytes) -> str:
    """Return the signature of a description together with the stored settings and code, by their names."""
    lines = [f"{SWEEP_YAML}\0{hashlib.sha256(text.encode()).hexdigest()}"]
    for path in _stored(directory):
        content = f"link {os.readlink(path)}" if path.is_symlink() else file_sha256(path)
        lines.append(f"{path.relative_to(directory).as_posix()}\0{content}")
    return hmac.new(key, "\n".join(lines).encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def _stored(directory: Path) -> Iterator[Path]:
    """Yield the stored files and links in a fixed order, without what Python compiles from them."""
    for name in (SETTINGS, CODE):
        for folder, folders, files in os.walk(directory / name):
            linked = [each for each in folders if Path(folder, each).is_symlink()]
            folders[:] = sorted(each for each in folders if each != "__pycache__" and each not in linked)
            yield from (Path(folder, each) for each in sorted([*files, *linked]))


def _key(*, is_made: bool = False) -> bytes:
    """Return the key of this user.

    Args:
        is_made: Whether to make one if there is none.

    Raises:
        OSError, RuntimeError: There is none, or it cannot be made.
    """
    base = os.environ.get("XDG_CONFIG_HOME")
    path = (Path(base) if base else Path.home() / ".config") / "topo_exp" / "key"
    if is_made and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent)  # only this user may read it
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
            if not path.exists():
                os.link(temporary, path)  # unlike a rename, it never replaces the key that another process has made
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    return path.read_bytes()
