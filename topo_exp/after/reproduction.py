"""Repeat a recorded run with its recorded code, and compare every array."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from topo_exp.after.checkout import RecordedTree, checked_out, find_repository, own_repository, recorded_tree
from topo_exp.after.comparison import compare
from topo_exp.after.differences import Comparison, Divergence, printable
from topo_exp.after.environment import Environment, fresh_environment
from topo_exp.after.rerun import REPLACED, CodeFiles, recorded_words, run_words
from topo_exp.errors import ConfigError
from topo_exp.record.files import make_directory
from topo_exp.record.handle import RunHandle
from topo_exp.runner.signals import Interrupted, Interruptions

TOLERANCE = 1e-4
"""Largest difference of an array on another processor, as a share of its largest absolute value or of its period: the
limit of `tests/engine/test_compiled_agrees.py`, which compares sums in another order."""

Verdict = Literal["identical", "within tolerance", "different"]


@dataclass(frozen=True)
class Plan:
    """The code with which a run is repeated.

    Attributes:
        tree: The recorded working tree of this package; None for a run of an installed package.
        repository: From which it is checked out; None without a tree.
        code: Files and repositories that come from the record, and must be trusted.
    """

    tree: RecordedTree | None
    repository: Path | None
    code: tuple[str, ...]


@dataclass(frozen=True)
class Reproduction:
    """The result of repeating a run.

    Attributes:
        comparison: A is the recorded run, B its repetition.
        verdict: `identical`; `within tolerance` if no array differs by more than `TOLERANCE` and the host is another
            one; otherwise `different`.
        notes: Deviations from the record: of versions, of code.
    """

    comparison: Comparison
    verdict: Verdict
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Divergence | None:
        """The first difference; at one time states stand before maps and metrics, weights before other arrays."""
        found = [each for each in self.comparison.divergences if not each.is_over_time] or self.comparison.divergences
        return next(iter(found), None)

    def __str__(self) -> str:
        """Write the verdict, and for a difference everything that differs."""
        lines = [f"note: {printable(note)}" for note in self.notes]
        if self.verdict == "identical":
            return "\n".join([*lines, f"identical: {self.comparison.compared} arrays and numbers"])
        largest = max((each.relative for each in self.comparison.divergences), default=0.0)
        if self.verdict == "within tolerance":
            host = "; ".join(map(str, self.comparison.of_kind("host")))
            text = f"equal within the tolerance for another processor: {largest:.1e} at most, {TOLERANCE:.0e} allowed"
            return "\n".join([*lines, printable(f"{text} ({host})")])
        lines.append(str(self.comparison))
        if self.first is not None:
            lines.append(printable(f"different: {self.first.file}, time {self.first.time:g}, {self.first}"))
        else:
            lines.append("different: not shown to be equal")
        return "\n".join(lines)


def plan_reproduction(run: RunHandle, *, repository: Path | None = None, trust: bool = False) -> Plan:
    """Find the code of a recorded run; nothing of it is executed.

    Args:
        run: The recorded run.
        repository: A repository with its commit; that of this package if None.
        trust: Whether the repository at the recorded place may be used.

    Raises:
        ConfigError: The run is not done, or no repository has its commit.
        RecordError: The record is damaged.
    """
    if run.status != "done":
        raise ConfigError(f"{run.directory.name}: must be done to be reproduced (got a run that is {run.status}).")
    tree = recorded_tree(run)
    if tree is None:
        return Plan(None, None, ())
    found = find_repository(tree, repository, trust=trust)
    code = [str(tree.patch)] if tree.patch is not None else []
    if repository is None and found != own_repository():
        code.append(str(found))
    return Plan(tree, found, tuple(code))


def reproduce(
    run: RunHandle,
    plan: Plan,
    config: Mapping[str, object],
    *,
    same_environment: bool = False,
    output: Path | None = None,
    report: Callable[[str], object] = lambda text: None,
) -> Reproduction:
    """Repeat a recorded run, whose code is trusted, and compare every array.

    The recorded commit and patch are checked out into a worktree in a temporary directory, and the recorded versions
    are installed into a virtual environment there; both are deleted afterwards.

    Args:
        run: The recorded run.
        plan: As `plan_reproduction` returns it.
        config: The composed configuration of the run, resolved.
        same_environment: Whether the libraries of this process are used instead of the recorded versions.
        output: Directory in which the new run is kept; it is deleted if None.
        report: Receives a line for each step.

    Raises:
        ConfigError: A file of the user's own code is no longer as it was.
        RecordError: The code cannot be checked out, or the versions cannot be installed.
        RunError: The run failed.
    """
    with _stoppable(), ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="topo_exp_reproduce_")).resolve()
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        notes = list(_notes(run, plan, same_environment=same_environment))
        worktree = None
        if plan.tree is not None and plan.repository is not None:
            patched = "" if plan.tree.patch is None else " with the recorded patch"
            report(f"checking out {plan.tree.commit[:12]}{patched} of {plan.repository}")
            worktree = stack.enter_context(checked_out(plan.repository, plan.tree, place / "code"))
        environment = Environment(Path(sys.executable))
        if not same_environment:
            version = run.metadata["versions"]["topo-exp"]
            report("installing the recorded versions into a new environment")
            package = ["--editable", str(worktree)] if worktree is not None else [f"topo-exp=={version}"]
            environment = fresh_environment(run, place / "environment", package)
        files = CodeFiles(run, None if plan.tree is None else plan.tree.root, worktree)
        words = recorded_words(run, config, files, place / "conf")
        report(f"running {run.directory.name} again, to time {max(run.times, default=0.0):g}")
        again = run_words(
            words,
            python=environment.python,
            import_from=_import_from(worktree, is_fresh=environment.is_fresh),
            directory=files.directory or place,
            output=place / "out" if output is None else _new_folder(output),
            is_isolated=environment.is_fresh,
        )
        if output is not None:
            notes.append(f"the new run is {again.directory}")
        comparison, more = _comparable(run, compare(run, again))
        return Reproduction(comparison, _verdict(comparison), (*notes, *environment.notes, *more))


def _new_folder(output: Path) -> Path:
    """Make a directory that holds the new run and no other."""
    return make_directory(output, "reproduced", option="-o")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block as an exception, so that everything temporary is deleted."""
    with Interruptions() as signals:
        try:
            with signals.allowed():
                yield
        except Interrupted as stop:
            raise stop.as_exit() from None


def _import_from(worktree: Path | None, *, is_fresh: bool) -> Path | None:
    """Return the directory from which the package is imported: the worktree, or that of this process."""
    if worktree is not None:
        return worktree
    return None if is_fresh else Path(__file__).resolve().parents[2]


def _notes(run: RunHandle, plan: Plan, *, same_environment: bool) -> Iterator[str]:
    if plan.tree is None:
        version = run.metadata["versions"]["topo-exp"]
        used = "the code of this process is used" if same_environment else f"topo-exp {version} is installed by pip"
        yield f"the run was made from an installed package, without a repository: {used}"
    elif plan.tree.untracked:
        names = ", ".join(plan.tree.untracked[:5]) + (" ..." if len(plan.tree.untracked) > 5 else "")
        yield f"{len(plan.tree.untracked)} untracked files of the run's working tree are not in its record: {names}"


def _comparable(run: RunHandle, found: Comparison) -> tuple[Comparison, list[str]]:
    """Leave out differences that the repetition intends, and results that were added to the run after its end."""
    causes = tuple(cause for cause in found.causes if cause.kind != "setting" or cause.name not in REPLACED)
    kept, notes = found.divergences, []
    if run.metadata.get("analysed_later"):
        kept = tuple(each for each in kept if each.text != "only in A")
        notes = [f"{len(found.divergences) - len(kept)} results were added after the run's end, and are not repeated"]
    return replace(found, causes=causes, divergences=kept), notes


def _verdict(found: Comparison) -> Verdict:
    if found.is_equal:
        return "identical"
    is_elsewhere = any(cause.name in ("name", "system", "machine") for cause in found.of_kind("host"))
    return "within tolerance" if is_elsewhere and found.within(TOLERANCE) else "different"
