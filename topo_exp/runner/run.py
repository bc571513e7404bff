"""One run, from its directory to its last time."""

from __future__ import annotations

import logging
import math
import shutil
import time as clock
import traceback
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from topo_exp.errors import (
    AnalysisError,
    GeometryError,
    ModelError,
    ParameterError,
    RecordError,
    RunError,
    TopoExpError,
)
from topo_exp.runner.archive import archive
from topo_exp.runner.directory import explained, make_directory, require_space, write_text
from topo_exp.runner.handle import RunHandle
from topo_exp.runner.measuring import Measuring
from topo_exp.runner.mlflow_recorder import MlflowRecorder
from topo_exp.runner.progress import Progress
from topo_exp.runner.provenance import ProvenanceThread
from topo_exp.runner.record import RunRecord, Status, now
from topo_exp.runner.recorders import BackgroundRecorder, DirectoryRecorder, Moment, Recorders
from topo_exp.runner.runlog import ONLY_IN_FILE, RunLog
from topo_exp.runner.signals import Interrupted, Interruptions
from topo_exp.runner.spec import RunSpec

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

log = logging.getLogger(__name__)

SLICE_SECONDS = 0.1
"""How long the simulation runs before progress and signals are looked after; cutting it changes no result."""
HEARTBEAT_SECONDS = 30.0
"""How often run.yaml says that a long run is alive."""
REFUSALS = (ParameterError, GeometryError, ModelError, RecordError)
"""What is raised, before the first step, for a model that cannot be or a record that would not fit on the disk: then
there is no run, and its directory is taken back."""


def execute(spec: RunSpec) -> RunHandle:
    """Carry out one run and record it.

    Args:
        spec: The run, complete and valid.

    Returns:
        A handle to the finished run.

    Raises:
        ParameterError, GeometryError, ModelError: `spec.build` refuses its parameters; nothing is left behind.
        RecordError: The run directory cannot be written.
        RunError: The run failed; its directory says how, and the cause is chained.
        KeyboardInterrupt, SystemExit: The run was stopped, by Ctrl-C or by SIGTERM; its directory says killed.
    """
    try:
        return _execute(spec)
    except Interrupted as interrupted:
        raise interrupted.as_exit() from interrupted


def _execute(spec: RunSpec) -> RunHandle:
    if spec.metadata_dir is not None:
        with explained(spec.metadata_dir, "metadata_dir"):
            spec.metadata_dir.mkdir(parents=True, exist_ok=True)
    directory = make_directory(spec.output_dir, spec.directory_name)
    progress = Progress(spec.times[-1], live=spec.progress, label=spec.model)
    with (
        Interruptions() as interruptions,
        RunLog(directory / "run.log", command=spec.command, verbose=spec.verbose, write=progress.write) as run_log,
    ):
        try:
            run = _Run(spec, RunRecord.begin(directory, spec, run_log), progress, interruptions)
        except RecordError:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        try:
            with interruptions.allowed():
                run.carry_out()
        except BaseException as error:
            if isinstance(error, REFUSALS) and not run.is_built:
                run.take_back()
                raise
            run.close(error)
            if isinstance(error, Interrupted | RecordError):
                raise
            raise run.failure(error) from error
        run.close(None)
    return RunHandle(directory)


class _Run:
    """A run that is being carried out."""

    def __init__(self, spec: RunSpec, record: RunRecord, progress: Progress, interruptions: Interruptions) -> None:
        self.spec = spec
        self.record = record
        self.progress = progress
        self.interruptions = interruptions
        self.provenance = ProvenanceThread(spec, record)
        views = [MlflowRecorder()] if spec.tracking == "mlflow" else []
        self.recorder = BackgroundRecorder(Recorders(DirectoryRecorder(spec, self.provenance), views))
        self.measuring = Measuring(
            spec.analyses, fail=self.note, begin=progress.measuring, timed=partial(record.stage, "analysis")
        )
        self.is_built = False
        self._is_open = False
        self._step = 1.0
        self._beat = clock.monotonic()
        self._diagnosed: Mapping[str, Any] = {}

    def carry_out(self) -> None:
        """Take the simulation through its analysis times."""
        sim = self.build()
        self.open()
        self.progress.start()
        self.call("before", sim)
        for time in self.spec.times:
            self.advance(sim, time)
            self.examine(sim)
            self.analyse(sim, time)
            self.recorder.checkpoint(time, self.look_at(sim, time))
            self.progress.analysed(time)
        self.look_back()
        self.call("after", sim)
        self.recorder.finish()

    def open(self) -> None:
        """Let the recorders begin."""
        if not self._is_open:
            self._is_open = True
            self.recorder.open(self.record)

    def build(self) -> Simulation:
        """Make the simulation, while git is asked about its code."""
        for name, text in self.spec.config.items():
            write_text(self.record.directory / ".hydra" / name, text)
        self.provenance.start()
        with self.record.stage("build"):
            sim = self.spec.build()
        self.record.update(size={"connections": sim.n_connections, "weights_mb": round(sim.nbytes / 1e6, 3)})
        copies = {"none": 0, "last": 2, "all": len(self.spec.times) + 2}[self.spec.snapshot]
        require_space(self.record.directory, copies * sim.nbytes)
        self.is_built = True
        log.info("built %s: %d connections, %.1f MB of weights", self.spec.model, sim.n_connections, sim.nbytes / 1e6)
        return sim

    def advance(self, sim: Simulation, until: float) -> None:
        """Run up to a time, in slices."""
        with self.record.stage("simulate"):
            while True:
                start, time_before = clock.perf_counter(), sim.time
                with self.interruptions.held():
                    sim.run(until=min(until, math.floor(sim.time) + self._step))
                seconds = clock.perf_counter() - start
                self.progress.advanced(sim.time, iterations=sim.time - time_before, seconds=seconds)
                self._beat_heart(sim)
                if sim.time >= until:
                    return
                self._step = max(1.0, math.floor(self._step * min(2.0, SLICE_SECONDS / max(seconds, 1e-9))))

    def examine(self, sim: Simulation) -> None:
        """Refuse numbers gone bad, and report what looks odd."""
        sim.check_finite()
        diagnosed = dict(sim.diagnostics())
        for name, finding in diagnosed.items():
            if finding and self._diagnosed.get(name) != finding:
                log.warning("time %g: %s: %s", sim.time, name, finding)
        self._diagnosed = diagnosed
        self.record.update(diagnostics=diagnosed)

    def analyse(self, sim: Simulation, time: float) -> None:
        """Apply the analyses of one time, and record what they find."""
        for name, _, result in self.measuring.at(sim, time):
            self.recorder.record(name, time, result)

    def look_back(self) -> None:
        """Apply the analyses over time to what has been recorded."""
        if self.measuring.looks_over_time:
            self.recorder.settle()
            for name, time, result in self.measuring.over_time(self.record.directory):
                self.recorder.record(name, time, result)

    def note(self, failure: AnalysisError) -> None:
        """Take in that an analysis has failed."""
        if self.spec.on_analysis_error == "fail":
            raise failure from failure.__cause__
        log.error("%s", failure)
        log.info("%s", "".join(traceback.format_exception(failure.__cause__)), extra=ONLY_IN_FILE)

    def look_at(self, sim: Simulation, time: float) -> Moment:
        """Take from the simulation what the run keeps of it at a time."""
        times = self.spec.times
        keep_script = time in {"first": times[:1], "last": times[-1:], "all": times, "none": ()}[self.spec.script_repr]
        script = None
        if keep_script:
            try:
                script = sim.script_repr()
            except Exception:  # a network that has no source, as with a lambda for an action, is still worth running
                log.exception("network.py: could not be written")
        return Moment(state=sim.state() if self.spec.snapshot != "none" else None, script=script)

    def call(self, when: str, sim: Simulation) -> None:
        """Call the user's functions of `before` or `after`."""
        for function in getattr(self.spec, when):
            with self.record.stage(when):
                function(sim)

    def take_back(self) -> None:
        """Leave nothing of a run that is none."""
        if self.provenance.is_alive():
            self.provenance.join()
        shutil.rmtree(self.record.directory, ignore_errors=True)

    def close(self, error: BaseException | None) -> None:
        """Have everything on disk, then say how the run ended."""
        self.progress.stop()
        self.open()  # a run that could not be built is shown, too
        status: Status = "done" if error is None else "killed" if isinstance(error, Interrupted) else "failed"
        if isinstance(error, Interrupted):
            log.info("stopped by %s", error)
        elif error is not None:
            log.error("%s", "".join(traceback.format_exception(error)).rstrip(), extra=ONLY_IN_FILE)
        log.info("%s after %s", status, self.record.elapsed)
        self.recorder.close(status, None if error is None else _describe(error))
        if self.spec.metadata_dir is not None:
            try:
                archive(self.record.directory, self.spec.metadata_dir, self.spec.compress_metadata)
            except RecordError as trouble:
                log.error("the run is complete, but its copy is not: %s", trouble)

    def failure(self, error: BaseException) -> RunError:
        """Say what the caller is to know of an error that ended the run."""
        reached = self.record.data["reached"]
        where = "before its first analysis" if reached is None else f"after time {reached:g}"
        said = str(error) if isinstance(error, TopoExpError) else f"{type(error).__name__}: {error}".rstrip(": ")
        return RunError(
            f"{self.record.directory.name}: the run failed {where}. {said.rstrip('.')}. "
            f"See {self.record.directory / 'run.log'}"
        )

    def _beat_heart(self, sim: Simulation) -> None:
        if clock.monotonic() - self._beat >= HEARTBEAT_SECONDS:
            self._beat = clock.monotonic()
            self.record.update(heartbeat={"at": now(), "time": sim.time})
            self.record.save()


def _describe(error: BaseException) -> dict[str, Any]:
    return {"type": type(error).__name__, "message": str(error)}
