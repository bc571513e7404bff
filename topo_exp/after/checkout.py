"""The recorded commit and patch of a run, checked out into a git worktree of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from topo_exp.errors import ConfigError, RecordError
from topo_exp.record.checksums import read_checksums, require_unchanged
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import PROVENANCE

WITHOUT_PROGRAMS = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
"""Settings with which git starts no program that the configuration of a repository names for checkouts."""
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class RecordedTree:
    """The working tree from which a run imported this package.

    Attributes:
        root: Its directory on the machine of the run.
        commit: That was checked out.
        patch: File in the run directory with the changes since the commit; None if there were none.
        untracked: Files that were in no commit, of which the record has the names only.
    """

    root: Path
    commit: str
    patch: Path | None
    untracked: tuple[str, ...]


def recorded_tree(run: RunHandle) -> RecordedTree | None:
    """Return the working tree of a run from its record.

    Returns:
        The tree; None for a run of an installed package, or where git was not available.

    Raises:
        RecordError: The record names something that is no commit, or its patch is missing or damaged.
    """
    code = run.metadata.get("code", {})
    entry = code.get("topo_exp", {})
    entry = code.get(entry.get("same_as", ""), entry)
    commit = entry.get("commit")
    if not commit or "root" not in entry:
        return None
    if not COMMIT.fullmatch(commit):
        raise RecordError(f"{run.directory.name}: must record a commit of git (got {commit!r}). It is damaged.")
    patch, untracked = (
        run.directory / PROVENANCE / Path(entry[key]).name if key in entry else None for key in ("patch", "untracked")
    )
    for path in (patch, untracked):
        if path is not None:
            if not path.is_file():
                raise RecordError(f"{path}: must exist, since the record names it (got nothing). Is it deleted?")
            require_unchanged(path, run.directory, read_checksums(run.directory))
    names = untracked.read_text(encoding="utf-8", errors="replace").splitlines() if untracked is not None else []
    return RecordedTree(Path(entry["root"]), commit, patch, tuple(names))


def own_repository() -> Path | None:
    """Return the working tree from which this process imports the package; None if it is installed."""
    package = Path(__file__).resolve().parents[1]
    if "site-packages" in package.parts:
        return None
    answer = _git(package, "rev-parse", "--show-toplevel")
    return Path(answer.stdout.strip()) if answer.returncode == 0 else None


def find_repository(tree: RecordedTree, chosen: Path | None, *, trust: bool) -> Path:
    """Find a repository that has the commit of a recorded tree.

    Args:
        tree: The tree.
        chosen: The repository that the user named; None to use that of this package.
        trust: Whether the repository at the recorded place may be used, too: git may start programs that the
            configuration of a repository names.

    Raises:
        ConfigError: None of them has the commit.
    """
    own = own_repository()
    places = [chosen] if chosen is not None else [place for place in (own, tree.root if trust else None) if place]
    for place in places:
        if place.is_dir() and _git(place, "cat-file", "-e", f"{tree.commit}^{{commit}}").returncode == 0:
            return place
    where = ", ".join(map(str, places)) or "no repository"
    recorded = f", or add --trust to use {tree.root}" if chosen is None and not trust else ""
    raise ConfigError(
        f"reproduce: needs a repository with the commit {tree.commit[:12]} (got {where}, without it). "
        f"Name one with --repository PATH{recorded}."
    )


@contextmanager
def checked_out(repository: Path, tree: RecordedTree, place: Path) -> Iterator[Path]:
    """Check out a recorded tree, and remove the worktree at the end of the block.

    Args:
        repository: That has the commit; its own files are not changed.
        tree: The commit and patch.
        place: New directory of the worktree.

    Yields:
        The worktree.

    Raises:
        RecordError: git fails, or the patch does not apply.
    """
    try:
        _checked(_git(repository, "worktree", "add", "--detach", "--quiet", str(place), tree.commit), "the checkout")
        if tree.patch is not None:
            applied = _git(place, "apply", "--binary", "--whitespace=nowarn", str(tree.patch.resolve()))
            _checked(applied, f"the patch {tree.patch.name}")
        yield place
    finally:
        _git(repository, "worktree", "remove", "--force", "--force", str(place))
        _git(repository, "worktree", "prune")


def _checked(answer: subprocess.CompletedProcess[str], step: str) -> None:
    if answer.returncode != 0:
        text = " ".join(answer.stderr.split())[:500]
        raise RecordError(f"reproduce: git must complete {step} (got: {text}). Is the record complete?")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        return subprocess.run(
            ["git", *WITHOUT_PROGRAMS, "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        raise ConfigError(f"reproduce: needs the program git (got: {error}). Install it.") from error
