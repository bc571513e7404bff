"""The command `resume`."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from topo_exp.cli.commands import runs_below
from topo_exp.cli.trust import TRUST, user_permission
from topo_exp.cli.words import COMMANDS, DONE, combined, exit_code
from topo_exp.compose.points import read_sweep_options
from topo_exp.errors import ConfigError, RecordError, TopoExpError
from topo_exp.record.files import delete_leftovers
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import find_runs
from topo_exp.record.lease import is_leased
from topo_exp.runner.options import output_directory
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.directory import find_sweeps

if TYPE_CHECKING:
    from topo_exp.compose.trust import Permission

FORCE = click.option("--force", is_flag=True, help="Continue although code or versions have changed.")


@click.command("resume", short_help=COMMANDS["resume"])
@click.argument("words", nargs=-1)
@FORCE
@TRUST
def command(words: Sequence[str], force: bool, trust: bool) -> int:
    """Continue the runs and sweeps at or below the paths among WORDS that are not done.

    A run continues from its last restart point, and has the same results, to the last bit, as one without a break.
    Finished runs are skipped. Of a sweep, all other points run, as many at a time as the sweep's own options say, or
    n_jobs=..., timeout=..., on_error=... among WORDS. failed=skip leaves failed runs as they are.

    A run or sweep is refused if its code or the versions of its libraries have changed, unless --force is given. Code
    that may be another user's runs with your permission only: --trust, or yes on a terminal.
    """
    chosen = _Chosen.read(words)
    permit = user_permission(trust=trust)
    codes = []
    sweeps = find_sweeps(chosen.paths)
    for path in sweeps:
        codes.append(_report(partial(_resume_sweep, path, chosen, force=force, permit=permit)))
    runs = [run for run in find_runs(chosen.paths) if not any(sweep in run.parents for sweep in sweeps)]
    if not runs and not sweeps:
        runs_below(chosen.paths)  # raises
    for directory in runs:
        codes.append(_report(partial(_resume_run, directory, chosen, force=force, permit=permit)))
    return combined(codes)


@dataclass(frozen=True)
class _Chosen:
    """The words of the command.

    Args:
        paths: To look at and below.
        options: Options of sweeps that are set.
        skips_failed: Whether failed runs are left as they are.
    """

    paths: Sequence[Path]
    options: Mapping[str, object]
    skips_failed: bool

    @classmethod
    def read(cls, words: Sequence[str]) -> "_Chosen":
        """Separate paths from settings.

        Raises:
            ConfigError, UnknownNameError: A word is neither.
        """
        from topo_exp.compose.overrides import parsed

        settings = [word for word in words if re.match(r"[a-z_]+=", word) and not Path(word).exists()]
        given = {word.partition("=")[0]: parsed(word).value() for word in settings}
        failed = given.pop("failed", "retry")
        if failed not in ("retry", "skip"):
            raise ConfigError(f"failed: must be retry or skip (got {failed!r}). Write failed=skip.")
        read_sweep_options(given)
        paths = [Path(word) for word in words if word not in settings] or [output_directory()]
        missing = [path for path in paths if not path.exists()]
        if missing:
            raise ConfigError(f"resume: must be given paths that exist (got {missing[0]}). Check the path.")
        return cls(paths, given, failed == "skip")


def _report(resume: Callable[[], None]) -> int:
    """Resume something; return the exit code, after having said why it is not 0."""
    try:
        resume()
    except TopoExpError as error:
        print(f"topo_exp: {error}", file=sys.stderr, flush=True)
        return exit_code(error)
    return DONE


def _resume_run(directory: Path, chosen: _Chosen, *, force: bool, permit: "Permission") -> None:
    run = RunHandle(directory)
    if run.status == "done" or (run.status == "failed" and chosen.skips_failed):
        if not is_leased(directory):
            delete_leftovers(directory)  # of a kill between its last status and its end
        print(f"{directory.name}: {run.status}, not resumed", flush=True)
        return
    outcome = continued(run, force=force, permit=permit)
    outcome.raise_error()
    print(f"{directory.name}: {outcome.status}", flush=True)


def _resume_sweep(path: Path, chosen: _Chosen, *, force: bool, permit: "Permission") -> None:
    from topo_exp.compose.resuming import resume_sweep

    text = resume_sweep(path, chosen.options, force=force, permit=permit, skips_failed=chosen.skips_failed)
    print(f"{path.name}: {text}", flush=True)


def continued(run: RunHandle, *, force: bool, permit: "Permission", times: Sequence[float] | None = None) -> Outcome:
    """Continue one run.

    Args:
        run: The run.
        force: Whether changed code and versions are accepted.
        permit: Permits the code of the record that may be another user's.
        times: Analysis times of a finished run that is extended; None to continue a run that is not done.

    Raises:
        ConfigError: Code must be trusted, or code or versions have changed.
        RecordError: Another process is running it.
    """
    from topo_exp.compose.resumption import continue_as, recorded_spec, require_same_code
    from topo_exp.compose.trust import recorded_code

    _require_no_process(run)
    require_same_code(run, force=force)
    permit(run.directory.name, recorded_code(run, may_differ=force))
    return continue_as(recorded_spec(run, times=times), run, force=force, is_extension=times is not None)


def _require_no_process(run: RunHandle) -> None:
    """Raise if the process of a run is known to be running; the lease of the directory decides in all other cases."""
    process = run.metadata["process"]
    if run.status == "running":
        from topo_exp.record.lease import is_leased

        if is_leased(run.directory):
            raise RecordError(
                f"{run.directory.name}: must be free (got process {process['pid']} on {process['host']}, which is "
                "running it). Wait for its end, or stop that process."
            )
