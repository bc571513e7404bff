"""Continue a sweep from its directory alone."""

import sys
from collections.abc import Mapping
from contextlib import chdir
from functools import partial
from pathlib import Path

from topo_exp.compose.joining import open_sweep
from topo_exp.compose.launching import PRELOAD, run_locally
from topo_exp.compose.points import read_sweep_options
from topo_exp.compose.searching import has_all_trials, run_search
from topo_exp.compose.trust import Permission
from topo_exp.record.files import delete_leftovers
from topo_exp.record.layout import find_runs
from topo_exp.record.lease import is_leased
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.options import SWEEP_OPTIONS


def _refresh_page(path: Path) -> None:
    from topo_exp.after.report import is_outdated, refresh_report

    if is_outdated(path) and (page := refresh_report(path)).failure:
        sys.stderr.write(f"{page}\n")


def resume_sweep(
    path: Path, given: Mapping[str, object] | None = None, *, force: bool, permit: Permission, skips_failed: bool
) -> str:
    """Run the points of a sweep that are not done, on this machine.

    Args:
        path: Directory of the sweep.
        given: Options of the sweep that replace the recorded ones.
        force: Whether code, versions and configuration files may have changed.
        permit: Permits the code of the sweep that may be another user's.
        skips_failed: Whether failed points are left as they are.

    Returns:
        One line about the end.

    Raises:
        ConfigError, RecordError: The sweep cannot be continued; nothing was started.
        RunError: A point failed.
    """
    sweep = SweepDirectory.open(path)
    manifest = sweep.manifest
    states = sweep.ledger.states([point.key for point in manifest.space]).values()
    is_over = all(state.state == "done" or (state.state == "failed" and skips_failed) for state in states)
    if is_over and (manifest.search is None or has_all_trials(sweep, manifest.search)):
        for run in find_runs([path]):
            if not is_leased(run):
                delete_leftovers(run)  # of a kill between the last status and the end of a run
        _refresh_page(path)
        return "nothing to resume"
    recorded = {name: value for name, value in manifest.options.items() if name in SWEEP_OPTIONS}
    options = read_sweep_options({**recorded, **(given or {})})
    with chdir(manifest.working_directory if Path(manifest.working_directory).is_dir() else "."):
        workers = Workers(PRELOAD)
        directory, composer, points = open_sweep(path, force=force, permit=permit)
        start = run_locally if manifest.search is None else partial(run_search, manifest.search)
        return start(composer, points, directory, options, workers, retries_failed=not skips_failed, force=force)
