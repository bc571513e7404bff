"""One run, from its directory to its outcome."""

from __future__ import annotations

import logging
import shutil
import traceback

from topo_exp.errors import GeometryError, ModelError, ParameterError, RecordError, RunError, TopoExpError
from topo_exp.record.archive import archive
from topo_exp.record.files import make_directory, path_errors
from topo_exp.record.layout import RUN_LOG
from topo_exp.record.live import RunRecord
from topo_exp.record.log import ONLY_IN_FILE, RunLog
from topo_exp.record.run_yaml import ErrorData, Status
from topo_exp.runner.describe import describe
from topo_exp.runner.loop import RunLoop
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.progress import ProgressDisplay
from topo_exp.runner.signals import Interrupted, Interruptions
from topo_exp.runner.spec import RunSpec
from topo_exp.runner.start import ZERO, Start

log = logging.getLogger(__name__)

REFUSALS = (ParameterError, GeometryError, ModelError, RecordError)
"""Errors that, raised before the network exists, mean that there is no run: its directory is deleted."""


def execute(spec: RunSpec, start: Start = ZERO) -> Outcome:
    """Carry out one run and record it.

    Args:
        spec: The run, complete and valid.
        start: The point from which it simulates.

    Returns:
        How it ended: done; failed, with a directory that records the error; or refused, with no directory, if the
        model refuses its parameters or the directory cannot be made.

    Raises:
        KeyboardInterrupt, SystemExit: A signal stopped the run; its directory says killed.
    """
    try:
        return _execute(spec, start)
    except Interrupted as interrupted:
        raise interrupted.as_exit() from interrupted


def _execute(spec: RunSpec, start: Start) -> Outcome:
    options = spec.options
    try:
        if options.metadata_dir is not None:
            with path_errors(options.metadata_dir, "metadata_dir"):
                options.metadata_dir.mkdir(parents=True, exist_ok=True)
        directory = make_directory(options.output_dir, spec.directory_name)
    except RecordError as error:
        return Outcome.of_error(error)
    progress = ProgressDisplay(options.times[-1], live=options.progress, label=spec.model, listener=spec.on_progress)
    with (
        Interruptions() as interruptions,
        RunLog(directory / RUN_LOG, command=spec.command, verbose=options.verbose, write=progress.write) as run_log,
    ):
        try:
            record = RunRecord(directory, describe(spec, directory), run_log)
            loop = RunLoop(spec, start, record, progress, interruptions)
        except RecordError as error:
            shutil.rmtree(directory, ignore_errors=True)
            return Outcome.of_error(error)
        return _run_loop(loop, spec, record, interruptions)


def _run_loop(loop: RunLoop, spec: RunSpec, record: RunRecord, interruptions: Interruptions) -> Outcome:
    """Run the loop, close the record with the status, and return the outcome."""
    try:
        with interruptions.allowed():
            loop.run()
    except REFUSALS as error:
        if not loop.is_built:
            loop.stop_provenance()
            shutil.rmtree(record.directory, ignore_errors=True)
            return Outcome.of_error(error)
        _close(loop, spec, record, "failed", error)
        return _failed(record, error)
    except Interrupted as interrupted:
        log.info("stopped by %s", interrupted)
        _close(loop, spec, record, "killed", interrupted)
        raise
    except BaseException as error:  # noqa: BLE001  every end of a run is recorded
        _close(loop, spec, record, "failed", error)
        return _failed(record, error)
    _close(loop, spec, record, "done", None)
    return Outcome("done", record.directory)


def _close(loop: RunLoop, spec: RunSpec, record: RunRecord, status: Status, error: BaseException | None) -> None:
    """Complete the directory, then copy it to `metadata_dir` if that is wanted."""
    if status == "failed" and error is not None:
        log.error("%s", "".join(traceback.format_exception(error)).rstrip(), extra=ONLY_IN_FILE)
    data: ErrorData | None = None if error is None else {"type": type(error).__name__, "message": str(error)}
    loop.close(status, data)
    if spec.options.metadata_dir is not None:
        try:
            archive(record.directory, spec.options.metadata_dir, spec.options.compress_metadata)
        except RecordError as problem:
            log.error("the run is complete, but its copy is not: %s", problem)


def _failed(record: RunRecord, error: BaseException) -> Outcome:
    """Return the outcome of a failed run: a RecordError as it is, any other error as the cause of a RunError."""
    if isinstance(error, RecordError):
        return Outcome.of_error(error, record.directory)
    reached = record.data["reached"]
    when = "before its first analysis" if reached is None else f"after time {reached:g}"
    message = str(error) if isinstance(error, TopoExpError) else f"{type(error).__name__}: {error}".rstrip(": ")
    failure = RunError(
        f"{record.directory.name}: the run failed {when}. {message.rstrip('.')}. See {record.directory / RUN_LOG}"
    )
    failure.__cause__ = error
    return Outcome.of_error(failure, record.directory)
