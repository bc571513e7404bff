"""Run a point of a sweep in this process, as its only holder; for launchers that start their own jobs."""

from collections.abc import Callable

from topo_exp.errors import RunError
from topo_exp.runner.outcome import Outcome
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.ledger import Lease


def run_leased(sweep: SweepDirectory, key: str, run: Callable[[Lease], Outcome]) -> Outcome:
    """Run a point, and record in the sweep's directory that it is running and how it ended.

    A queue may start a job a second time: a point that is finished is not run again.

    Args:
        sweep: The sweep.
        key: Of the point.
        run: Carries out the run.

    Returns:
        How the run ended, or had ended before.

    Raises:
        BaseException: What `run` raises; the point is recorded as interrupted.
    """
    ledger = sweep.ledger
    lease = ledger.acquire([key], retry_failed=True)
    if lease is None:
        if ledger.states([key])[key].state == "done":
            return Outcome("done", sweep.path / ledger.runs(key)[0])
        error = f"sweep: a point must be run once at a time (got {key}, which another process runs). Wait for its end."
        return Outcome.of_error(RunError(error))
    try:
        with lease.beating():
            outcome = run(lease)
    except BaseException as error:
        lease.interrupt(f"stopped by {type(error).__name__}")
        raise
    if outcome.directory is not None:
        lease.set_run(outcome.directory.name)
    if outcome.status == "done" and outcome.directory is not None:
        lease.finish(outcome.directory.name)
    else:
        lease.fail(outcome.error)
    return outcome
