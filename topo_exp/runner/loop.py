"""The loop of a run: build, simulate, measure and record, from the start to the last analysis time."""

from __future__ import annotations

import logging
import math
import time as clock
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Literal

from topo_exp.errors import AnalysisError
from topo_exp.record.files import require_space, write_text
from topo_exp.record.layout import HYDRA
from topo_exp.record.live import RunRecord
from topo_exp.record.log import ONLY_IN_FILE
from topo_exp.record.run_yaml import ErrorData, Status, now, yaml_data
from topo_exp.record.states import Snapshot
from topo_exp.runner.background import BackgroundRecorder
from topo_exp.runner.dense import DenseWatch
from topo_exp.runner.directory_recorder import DirectoryRecorder
from topo_exp.runner.measuring import Measuring
from topo_exp.runner.progress import ProgressDisplay
from topo_exp.runner.provenance import ProvenanceThread
from topo_exp.runner.recorders import CombinedRecorder
from topo_exp.runner.signals import Interruptions
from topo_exp.runner.spec import RunSpec
from topo_exp.runner.start import Start
from topo_exp.typing import Data

if TYPE_CHECKING:
    from topo_exp.engine.simulation import Simulation

log = logging.getLogger(__name__)

SLICE_SECONDS = 0.1
"""Time that the simulation runs before progress and signals are handled; slicing changes no result."""
HEARTBEAT_SECONDS = 30.0
"""Interval at which run.yaml records that a long run is alive."""


class RunLoop:
    """Take one run through its analysis times.

    Args:
        spec: The run.
        start: The point from which it simulates.
        record: Its run.yaml.
        progress: Shows how far it has come.
        interruptions: Stop it between two slices of simulation.
    """

    def __init__(
        self, spec: RunSpec, start: Start, record: RunRecord, progress: ProgressDisplay, interruptions: Interruptions
    ) -> None:
        self.is_built = False
        """True once the network exists: from then on the run has a directory, however it ends."""
        self._spec = spec
        self._start = start
        self._record = record
        self._progress = progress
        self._interruptions = interruptions
        self._provenance = ProvenanceThread(spec.model_source, record)
        views = [make_view() for make_view in spec.views]
        self._recorder = BackgroundRecorder(CombinedRecorder(DirectoryRecorder(spec.options, self._provenance), views))
        self._measuring = Measuring(
            spec.analyses, fail=self._note_failure, begin=progress.measuring, timed=partial(record.stage, "analysis")
        )
        self._is_open = False
        self._slice = 1.0
        self._last_heartbeat = clock.monotonic()
        self._diagnosed: Mapping[str, Data] = {}
        self._dense: DenseWatch | None = None

    def run(self) -> None:
        """Take the simulation through its analysis times."""
        sim = self._build()
        self._start.prepare(sim)
        self._open_recorder()
        self._progress.start()
        self._call_hooks("before", sim)
        for time in self._start.remaining(self._spec.options.times):
            self._simulate(sim, until=time)
            self._diagnose(sim)
            self._analyse(sim, time)
            self._recorder.complete_time(time, self._snapshot(sim, time))
            self._progress.analysed(time)
        self._analyse_over_time()
        self._call_hooks("after", sim)
        self._recorder.finish()

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Complete all files, and record the status last."""
        self._progress.stop()
        self._open_recorder()  # a run whose network could not be built is shown, too
        log.info("%s after %s", status, self._record.elapsed)
        self._recorder.close(status, error)

    def stop_provenance(self) -> None:
        """Wait for the thread that writes provenance/, before the directory is deleted."""
        if self._provenance.is_alive():
            self._provenance.join()

    def _build(self) -> Simulation:
        """Build the simulation, while git is asked about its code."""
        for name, text in self._spec.config.items():
            write_text(self._record.directory / HYDRA / name, text)
        self._provenance.start()
        with self._record.stage("build"):
            sim = self._spec.build()
        self._provenance.copy_imported_files()
        self._record.update({"size": {"connections": sim.n_connections, "weights_mb": round(sim.nbytes / 1e6, 3)}})
        self._record.set_option("engine", sim.engine)
        copies = {"none": 0, "last": 2, "all": len(self._spec.options.times) + 2}[self._spec.options.snapshot]
        require_space(self._record.directory, copies * sim.nbytes)
        self.is_built = True
        log.info("built %s: %d connections, %.1f MB of weights", self._spec.model, sim.n_connections, sim.nbytes / 1e6)
        return sim

    def _open_recorder(self) -> None:
        if not self._is_open:
            self._is_open = True
            self._recorder.open(self._record)

    def _simulate(self, sim: Simulation, until: float) -> None:
        """Simulate up to a time, in slices."""
        with self._record.stage("simulate"):
            while True:
                start, time_before = clock.perf_counter(), sim.time
                with self._interruptions.held(), self._watching(sim):
                    sim.run(until=min(until, math.floor(sim.time) + self._slice))
                seconds = clock.perf_counter() - start
                self._note_dense(sim, seconds)
                self._progress.advanced(sim.time, iterations=sim.time - time_before, seconds=seconds)
                self._record_heartbeat(sim)
                if sim.time >= until:
                    return
                self._slice = max(1.0, math.floor(self._slice * min(2.0, SLICE_SECONDS / max(seconds, 1e-9))))

    def _watching(self, sim: Simulation) -> AbstractContextManager[None]:
        """Return a context in which the time of dense sheets is measured, if that is still to be done."""
        if self._dense is None or self._dense.is_complete:
            return nullcontext()
        return sim.watched(self._dense.sheet)

    def _note_dense(self, sim: Simulation, seconds: float) -> None:
        """Add a measured slice; log the dense sheets that take a notable share of the time, once.

        The first slice is not measured, since it may include compilation; only after it the forms are known at no cost.
        """
        if self._dense is None:
            self._dense = DenseWatch(sim.explain() if sim.engine == "compiled" else ())
        elif not self._dense.is_complete:
            self._dense.add_total(seconds)
            if self._dense.is_complete and (report := self._dense.report()):
                log.warning("%s", report)

    def _diagnose(self, sim: Simulation) -> None:
        """Raise if a number is not finite, and log each new finding of the simulation's diagnostics."""
        sim.check_finite()
        diagnosed = {name: yaml_data(finding) for name, finding in sim.diagnostics().items()}
        for name, finding in diagnosed.items():
            if finding and self._diagnosed.get(name) != finding:
                log.warning("time %g: %s: %s", sim.time, name, finding)
        self._diagnosed = diagnosed
        self._record.update({"diagnostics": diagnosed})

    def _analyse(self, sim: Simulation, time: float) -> None:
        """Apply the analyses of one time, and record their results."""
        for name, _, result in self._measuring.at(sim, time):
            self._recorder.record(name, time, result)

    def _analyse_over_time(self) -> None:
        """Apply the analyses over time to the recorded maps."""
        if self._measuring.has_analyses_over_time:
            self._recorder.wait_until_recorded()
            for name, time, result in self._measuring.over_time(self._record.directory):
                self._recorder.record(name, time, result)

    def _note_failure(self, failure: AnalysisError) -> None:
        """Raise the error of an analysis, or log it, as the option says."""
        if self._spec.options.on_analysis_error == "fail":
            raise failure from failure.__cause__
        log.error("%s", failure)
        log.info("%s", "".join(traceback.format_exception(failure.__cause__)), extra=ONLY_IN_FILE)

    def _snapshot(self, sim: Simulation, time: float) -> Snapshot:
        """Copy from the simulation the parts that the run keeps at a time."""
        times, options = self._spec.options.times, self._spec.options
        keep_script = time in {"first": times[:1], "last": times[-1:], "all": times, "none": ()}[options.script_repr]
        script = None
        if keep_script:
            try:
                script = sim.script_repr()
            except Exception:  # a network without source, as with a lambda for an action, is still worth running
                log.exception("network.py: could not be written")
        return Snapshot(state=sim.state() if options.snapshot != "none" else None, script=script)

    def _call_hooks(self, when: Literal["before", "after"], sim: Simulation) -> None:
        """Call the user's functions."""
        for function in self._spec.before if when == "before" else self._spec.after:
            with self._record.stage(when):
                function(sim)

    def _record_heartbeat(self, sim: Simulation) -> None:
        if clock.monotonic() - self._last_heartbeat >= HEARTBEAT_SECONDS:
            self._last_heartbeat = clock.monotonic()
            self._record.update({"heartbeat": {"at": now(), "time": sim.time}})
            self._record.save()
