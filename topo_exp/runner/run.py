"""One run, from its directory to its outcome."""

from __future__ import annotations

import logging
import shlex
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from topo_exp.about import PROGRAM
from topo_exp.errors import GeometryError, ModelError, ParameterError, RecordError, RunError, TopoExpError, described
from topo_exp.record.archive import archive
from topo_exp.record.files import make_directory, path_errors, write_bytes
from topo_exp.record.layout import PROVENANCE, RUN_LOG
from topo_exp.record.lease import leased
from topo_exp.record.live import RunRecord
from topo_exp.record.log import ONLY_IN_FILE, RunLog
from topo_exp.record.run_yaml import ErrorData, RunData, Status
from topo_exp.runner.continuing import Continuation
from topo_exp.runner.describe import describe
from topo_exp.runner.loop import RunLoop
from topo_exp.runner.options import RunOptions
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.progress import ProgressDisplay
from topo_exp.runner.provenance import Provenance, ProvenanceThread
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
    options, made = spec.options, _missing_directories(spec)
    try:
        _make_metadata_directory(options)
        directory = make_directory(options.output_dir, spec.directory_name)
    except RecordError as error:
        outcome = Outcome.of_error(error)
    else:
        with _exits(), leased(directory):
            spec.on_directory(directory)
            outcome = _carry_out(spec, start, directory, describe(spec, directory))
    if outcome.status == "refused":
        for path in made:
            with suppress(OSError):  # another run uses it
                path.rmdir()
    return outcome


def continue_run(spec: RunSpec, continuation: Continuation) -> Outcome:
    """Continue a run in its directory, with the bits that it would have had without a break.

    Args:
        spec: The run, as it was described when it began, with the analysis times from now on.
        continuation: The directory, and the point from which the run continues.

    Returns:
        How it ended, as for `execute`.

    Raises:
        RecordError: Another process is running it, or its directory cannot be used.
        KeyboardInterrupt, SystemExit: A signal stopped the run; its directory says killed.
    """
    _make_metadata_directory(spec.options)
    directory = continuation.directory
    with _exits(), leased(directory):
        spec.on_directory(directory)
        start, data = continuation.prepare()
        data["command"] = spec.command
        if "times" in data.get("settings", {}):
            data["settings"]["times"]["value"] = list(continuation.times)
        if continuation.differences and spec.model_source is not None:
            name = f"resumed-{len(data['resumed'])}-{spec.model_source.name}"
            write_bytes(directory / PROVENANCE / name, spec.model_source.read_bytes())
        return _carry_out(spec, start, directory, data)


@contextmanager
def _exits() -> Iterator[None]:
    """End the block by the exception by which Python programs end if a signal stopped the run."""
    try:
        yield
    except Interrupted as interrupted:
        raise interrupted.as_exit() from interrupted


def _missing_directories(spec: RunSpec) -> list[Path]:
    """List the directories above the run's that do not exist yet, the innermost first."""
    chosen = [path for path in (spec.options.output_dir, spec.options.metadata_dir) if path is not None]
    return [path for place in chosen for path in (place, *place.parents) if not path.exists()]


def _make_metadata_directory(options: RunOptions) -> None:
    if options.metadata_dir is not None:
        with path_errors(options.metadata_dir, "metadata_dir"):
            options.metadata_dir.mkdir(parents=True, exist_ok=True)


def _carry_out(spec: RunSpec, start: Start, directory: Path, data: RunData) -> Outcome:
    """Run the loop in a directory, with its log, its progress and its signals.

    Args:
        spec: The run.
        start: The point from which it simulates.
        directory: Of the run.
        data: Contents of run.yaml; a run without `resumed` is new, and its directory is deleted if it is refused.
    """
    options = spec.options
    is_new = "resumed" not in data
    progress = ProgressDisplay(options.times[-1], live=options.progress, label=spec.model, listener=spec.on_progress)
    with (
        Interruptions() as interruptions,
        RunLog(directory / RUN_LOG, command=spec.command, verbose=options.verbose, write=progress.write) as run_log,
    ):
        try:
            record = RunRecord(directory, data, run_log)
            # the origin of the code is recorded once; differences that a resumption accepts are listed in run.yaml
            described = spec.described_code
            provenance = ProvenanceThread(spec.model_source, record, described=described) if is_new else Provenance()
            loop = RunLoop(spec, start, record, progress, interruptions, provenance)
        except RecordError as error:
            if is_new:
                shutil.rmtree(directory, ignore_errors=True)
            return Outcome.of_error(error, None if is_new else directory)
        except BaseException:  # the run cannot begin, so no directory may say that it is running
            if is_new:
                shutil.rmtree(directory, ignore_errors=True)
            raise
        return _run_loop(loop, spec, record, interruptions, is_new=is_new)


def _run_loop(
    loop: RunLoop, spec: RunSpec, record: RunRecord, interruptions: Interruptions, *, is_new: bool
) -> Outcome:
    """Run the loop, close the record with the status, and return the outcome."""
    try:
        with interruptions.allowed():
            loop.run()
    except REFUSALS as error:
        if is_new and not loop.is_built:
            loop.stop_provenance()
            shutil.rmtree(record.directory, ignore_errors=True)
            return Outcome.of_error(error)
        _close(loop, spec, record, "failed", error)
        return _failed(record, error)
    except Interrupted as interrupted:
        log.info("stopped by %s", interrupted)
        _close(loop, spec, record, "killed", interrupted)
        _report_stop(record, interrupted)
        raise
    except BaseException as error:  # noqa: BLE001  every end of a run is recorded
        _close(loop, spec, record, "failed", error)
        return _failed(record, error)
    _close(loop, spec, record, "done", None)
    return Outcome("done", record.directory)


def _report_stop(record: RunRecord, interrupted: Interrupted) -> None:
    """Print the directory, the status and the time that a stopped run has reached."""
    when = f" at time {record.data['stopped_at']:g}" if "stopped_at" in record.data else " before its first iteration"
    status = f"{record.data['status']} by {interrupted}{when}"
    command = shlex.join([*PROGRAM.split(), "resume", str(record.directory)])
    sys.stderr.write(f"topo_exp: {record.directory}: {status}. To continue: {command}\n")


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
    message = str(error) if isinstance(error, TopoExpError) else described(error)
    failure = RunError(
        f"{record.directory.name}: the run failed {when}. {message.rstrip('.')}. See {record.directory / RUN_LOG}"
    )
    failure.__cause__ = error
    return Outcome.of_error(failure, record.directory)
