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
from topo_exp.record.handle import RunHandle
from topo_exp.record.layout import HYDRA, restart_path
from topo_exp.record.live import RunRecord
from topo_exp.record.log import ONLY_IN_FILE
from topo_exp.record.maps import without_time
from topo_exp.record.run_yaml import ErrorData, Status, now, yaml_data
from topo_exp.record.states import Snapshot
from topo_exp.runner.background import BackgroundRecorder
from topo_exp.runner.dense import DenseWatch
from topo_exp.runner.directory_recorder import DirectoryRecorder
from topo_exp.runner.measuring import Measuring
from topo_exp.runner.progress import ProgressDisplay
from topo_exp.runner.provenance import Provenance
from topo_exp.runner.recorders import CombinedRecorder
from topo_exp.runner.restarting import RestartWriter
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
        provenance: Thread, not yet started, that writes provenance/.
    """

    def __init__(
        self,
        spec: RunSpec,
        start: Start,
        record: RunRecord,
        progress: ProgressDisplay,
        interruptions: Interruptions,
        provenance: Provenance,
    ) -> None:
        self.is_built = False
        """True once the network exists: from then on the run has a directory, however it ends."""
        self._spec = spec
        self._start = start
        self._record = record
        self._progress = progress
        self._interruptions = interruptions
        self._provenance = provenance
        self._directory = DirectoryRecorder(spec.options, provenance, start, progress.say)
        views = [make_view() for make_view in spec.views]
        self._recorder = BackgroundRecorder(CombinedRecorder(self._directory, views, self._waiting))
        self._restart = RestartWriter(
            record,
            minutes=spec.options.checkpoint_every,
            queue=self._recorder.run_in_order,
            is_usable=self._directory.is_drawn_before,
        )
        self._sim: Simulation | None = None
        self._is_between_slices = False
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
        self._open_recorder()
        self._progress.start()
        self._call_hooks("before", sim)
        self._start.prepare(sim)
        self._sim, self._is_between_slices = sim, True
        for time in self._start.remaining(self._spec.options.times):
            self._simulate(sim, until=time)
            self._diagnose(sim)
            with self._interruptions.held():
                self._restart.write(sim)
            self._analyse(sim, time)
            self._recorder.complete_time(time, self._snapshot(sim, time))
            self._progress.analysed(time)
        self._analyse_over_time()
        self._call_hooks("after", sim)
        self._progress.simulated()
        self._recorder.finish()
        self._recorder.run_in_order(self._restart.delete_all)
        self._recorder.finish()

    def close(self, status: Status, error: ErrorData | None) -> None:
        """Complete all files, and record the status last."""
        self._open_recorder()  # a run whose network could not be built is shown, too
        log.info("%s after %s", status, self._record.elapsed)
        if status == "killed":
            self._stop()
        try:
            self._recorder.close(status, error)
        finally:
            self._progress.stop()

    def _stop(self) -> None:
        """Drop pictures, and write a restart point of the present time if the simulation is between two slices."""
        self._directory.stop_drawing()
        if self._sim is None:
            return
        self._record.update({"stopped_at": float(self._sim.time)})
        if self._is_between_slices:
            try:
                self._restart.write(self._sim)
            except Exception:  # logged: the run is stopped all the same, and earlier restart points are whole
                log.exception("no restart point was written")

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
        # the last two restart points and a new one; snapshots are further names of them
        copies = 3 + (len(self._spec.options.times) if self._spec.options.snapshot == "all" else 0)
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
                self._advance(sim, min(until, math.floor(sim.time) + self._slice))
                seconds = clock.perf_counter() - start
                self._note_dense(sim, seconds)
                self._progress.advanced(sim.time, iterations=sim.time - time_before, seconds=seconds)
                self._record_heartbeat(sim)
                with self._interruptions.held():
                    self._restart.write_if_due(sim)
                if sim.time >= until:
                    return
                self._slice = max(1.0, math.floor(self._slice * min(2.0, SLICE_SECONDS / max(seconds, 1e-9))))

    def _advance(self, sim: Simulation, until: float) -> None:
        """Simulate one slice; a signal that comes meanwhile is handled after it.

        The first slice may compile for many seconds. A signal interrupts it, and nothing of it is kept.
        """
        is_first = self._dense is None
        with (
            nullcontext() if is_first else self._interruptions.held(),
            self._progress.saying(self._compiling) if is_first else self._watching(sim),
        ):
            self._is_between_slices = False
            sim.run(until=until)
            self._is_between_slices = True

    def _compiling(self, seconds: float) -> str:
        from topo_exp.engine.compiled.cache import is_compiled

        assert self._sim is not None
        return "compiling (once for this machine)" if self._sim.engine == "compiled" and not is_compiled() else ""

    def _waiting(self, name: str) -> AbstractContextManager[None]:
        return self._progress.saying(lambda seconds: f"waiting for {name} ({seconds:.0f} s)")

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
                log.info("%s", report)

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
        """Apply the analyses of one time that are not yet complete, and record their results."""
        is_next = bool(self._start.results) and time == self._start.remaining(self._spec.options.times)[0]
        complete = self._start.results if is_next else {}
        stored = without_time(RunHandle(self._record.directory).maps_at(time)) if complete else None
        for analysis, results in self._measuring.by_analysis(sim, time, stored, skip=complete):
            for name, result in results.items():
                self._recorder.record(name, time, result)
            self._finish_analysis(analysis, time)

    def _analyse_over_time(self) -> None:
        """Apply the analyses over time to the recorded maps."""
        if self._measuring.has_analyses_over_time:
            self._recorder.wait_until_recorded()
            for analysis, results in self._measuring.over_time_by_analysis(self._record.directory):
                for time, named in results.items():
                    for name, result in named.items():
                        self._recorder.record(name, time, result)
                self._finish_analysis(analysis, None)

    def _finish_analysis(self, name: str, time: float | None) -> None:
        self._recorder.run_in_order(lambda: self._directory.finish_analysis(name, time))

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
        state = restart_path(self._record.directory, time) if options.snapshot != "none" else None
        return Snapshot(state=state, script=script)

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
