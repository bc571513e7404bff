"""Run the points of a sweep side by side on this machine, each in a process that is supervised."""

import math
import os
import pickle
import shlex
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType

from topo_exp.about import PROGRAM
from topo_exp.errors import ConfigError
from topo_exp.runner.outcome import Outcome
from topo_exp.runner.progress import Progress
from topo_exp.sweeps.capacity import free_cores, has_memory, memory_of
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.forkserver import Workers
from topo_exp.sweeps.job import Job, JobEnd, NoSource, Source, first_line
from topo_exp.sweeps.ledger import BEAT_EVERY, Lease
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.signals import stop_signals_handled
from topo_exp.sweeps.status import RunningPoint, SweepStatus, seconds_left
from topo_exp.sweeps.watch import Display
from topo_exp.sweeps.worker import Message, Stopped

ELSEWHERE_POLLING = 1.0
"""Seconds between two looks at the points on which other processes work."""
POLLING = 0.2
"""Longest time, in seconds, until a signal, a timeout or a free core is noticed."""
PATIENCE = 2.0
"""Seconds that runs get to write restart points after a first signal, before a further one kills them."""
GRACE = 10.0
"""Seconds that a run gets to stop at SIGTERM after its timeout, before it is killed."""


@dataclass
class _Running:
    job: Job
    lease: Lease
    process: ForkServerProcess
    connection: Connection
    output: Path
    started: float
    progress: Progress | None = None
    end: Outcome | Stopped | None = None
    timed_out_at: float | None = None
    is_stopping: bool = False
    is_hopeless: bool = False


@dataclass
class LocalLauncher:
    """Supervise the runs of a sweep.

    Attributes:
        directory: Of the sweep.
        jobs: Its points.
        options: Number of jobs, timeout, reaction to failures.
        workers: Starts the processes.
        display: Shows how far the sweep has come.
        retries_failed: Whether points that failed before this launcher began are tried again.
        source: Supplies further points.
    """

    directory: SweepDirectory
    jobs: Sequence[Job]
    options: SweepOptions
    workers: Workers
    display: Display
    retries_failed: bool = False
    source: Source = field(default_factory=NoSource)
    _running: list[_Running] = field(default_factory=list)
    _ends: dict[str, JobEnd] = field(default_factory=dict)
    _signals: list[int] = field(default_factory=list)
    _first_signal: float = math.inf
    """Time of the first signal."""
    _seconds: list[float] = field(default_factory=list)
    _elsewhere: dict[str, Job] = field(default_factory=dict)
    """Points on which other processes work."""
    _tries: Counter[str] = field(default_factory=Counter)
    _starts_nothing: bool = False
    _peaks: dict[str, float] = field(default_factory=dict)
    """Largest memory, in bytes, of each run that has simulated, by the key of its point."""
    _last_look: float = -math.inf
    _last_beat: float = field(default_factory=time.monotonic)

    def run(self) -> list[JobEnd]:
        """Run all points, and wait for those on which other processes work, which are taken over if these die.

        Returns:
            How each ended, in the order of the jobs.

        Raises:
            KeyboardInterrupt, SystemExit: A signal stopped the sweep; its runs have been stopped, and recorded it.
            ConfigError: A task cannot be sent to another process.
        """
        self.jobs = list(self.jobs)
        self._queue = deque(self.jobs)
        try:
            with stop_signals_handled(self._handle), self.display:
                self._fill_queue()
                while self._queue or self._running or self._elsewhere:
                    self._obey_signals()
                    self._look_elsewhere()
                    while self._may_start():
                        self._start(self._queue.popleft())
                        self._fill_queue()
                    self._receive()
                    self._supervise()
                    self._fill_queue()
                    self.display.show(self.status())
        finally:
            for running in self._running:  # an error of this process: nothing may stay behind
                _kill(running.process)
        if self._signals:
            number = self._signals[0]
            sys.stderr.write(f"topo_exp: {self._stop_text(number)}\n")
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        return [self._ends[job.key] for job in self.jobs]

    def status(self) -> SweepStatus:
        """Return how far the sweep has come."""
        now = time.monotonic()
        running = tuple(
            RunningPoint(
                label=each.job.label,
                seconds=now - each.started,
                time=each.progress.time if each.progress else None,
                until=each.progress.until if each.progress else None,
                doing=each.progress.doing if each.progress else "starting",
            )
            for each in self._running
        )
        states = [end.state for end in self._ends.values()]
        waiting = len(self._queue) + states.count("stopped")
        return SweepStatus(
            name=self.directory.path.name,
            done=states.count("done") + states.count("pruned"),
            failed=states.count("failed"),
            waiting=waiting,
            interrupted=0,
            elsewhere=states.count("elsewhere") + len(self._elsewhere),
            running=running,
            seconds_left=seconds_left(self._seconds, running, waiting),
        )

    def _fill_queue(self) -> None:
        """Take a point from the source if there is room for its run and no other point waits.

        A source proposes by the results of the runs before, so those count until their pictures are drawn.
        """
        most = self._most_at_a_time()
        if self._queue or self._signals or self._starts_nothing or len(self._running) >= most or not self._has_room():
            return
        job = self.source.next()
        if job is not None:
            self.jobs = [*self.jobs, job]
            self._queue.append(job)

    def _may_start(self) -> bool:
        return bool(self._queue) and self._has_room()

    def _has_room(self) -> bool:
        """Return True if one more run may start; as many as may simulate at a time may draw their last pictures."""
        running, most = len(self._running), self._most_at_a_time()
        drawing = sum(each.progress is not None and each.progress.is_simulated for each in self._running)
        if running - drawing >= most or running >= 2 * most:
            return False
        processes = [each.process.pid for each in self._running if each.process.pid]
        return self.options.n_jobs is not None or has_memory(processes, self._peaks.values())

    def _most_at_a_time(self) -> int:
        return self.options.n_jobs or free_cores(len(self._running))

    def _start(self, job: Job) -> None:
        is_again = self._tries[job.key] > 0
        lease = self.directory.ledger.acquire([job.key], retry_failed=is_again or self.retries_failed)
        if lease is None:
            self._elsewhere[job.key] = job
            return
        self._tries[job.key] += 1
        self._ends.pop(job.key, None)
        output = self.directory.points / f"{job.key}.{lease.attempt:04d}.output"
        try:
            process, connection = self.workers.start(job.make_task(lease), output)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            lease.interrupt("it could not be sent to another process")
            raise ConfigError(
                f"{job.label}: settings must be data that other processes can read (got {error}). "
                "Name functions by their file, file.py:function."
            ) from error
        self._running.append(_Running(job, lease, process, connection, output, time.monotonic()))

    def _receive(self) -> None:
        """Take the messages that have arrived, and wait for some if there are none."""
        sources: list[Connection | int] = [each.connection for each in self._running if not each.connection.closed]
        sources += [each.process.sentinel for each in self._running]
        if not sources:
            time.sleep(POLLING if self._elsewhere else 0)
            return
        wait(sources, POLLING)
        for running in self._running:
            for message in _messages(running.connection):
                if isinstance(message, Progress):
                    running.progress = message
                    self._note_memory(running)
                else:
                    running.end = message

    def _note_memory(self, running: _Running) -> None:
        if running.progress is not None and running.progress.time > 0 and running.process.pid is not None:
            peak = memory_of(running.process.pid)
            if peak is not None:
                self._peaks[running.job.key] = peak

    def _supervise(self) -> None:
        """Finish what has ended, stop what takes too long, and show that the others are alive."""
        now = time.monotonic()
        for running in list(self._running):
            if not running.process.is_alive():
                for message in _messages(running.connection):  # sent since they were taken
                    running.end = running.end if isinstance(message, Progress) else message
                self._finish(running)
            elif self.options.timeout is not None and now - running.started > self.options.timeout:
                if running.timed_out_at is None:
                    running.timed_out_at = now
                    _send(running.process, signal.SIGTERM)
                elif now - running.timed_out_at > GRACE:
                    _kill(running.process)
            elif not running.is_hopeless and self.source.is_hopeless(running.job.key):
                running.is_hopeless = True
                _send(running.process, signal.SIGTERM)
        if now - self._last_beat > BEAT_EVERY:
            self._last_beat = now
            for running in self._running:
                if not running.lease.beat():
                    _send(running.process, signal.SIGTERM)

    def _finish(self, running: _Running) -> None:
        """Record how a run has ended, and try it again if the options say so."""
        self._running.remove(running)
        running.process.join()
        end = self._end_of(running)
        running.process.close()
        running.connection.close()
        self._record(running, end)
        self._ends[running.job.key] = end
        if end.state == "done":
            self._seconds.append(time.monotonic() - running.started)
            assert end.outcome is not None
            assert end.outcome.directory is not None
            self.display.write(f"done: {_short(end.outcome.directory)}")
        elif end.state == "pruned":
            self.display.write(f"stopped early, without prospects: {running.job.label}")
        elif end.state == "failed":
            self.display.write(f"failed: {running.job.label}: {first_line(end.message)}")
            if not self._signals and self._tries[running.job.key] <= self.options.retries:
                self._queue.append(running.job)
                return
            if self.options.stops:
                self._stop_starting()
        self.source.ended(end)

    def _end_of(self, running: _Running) -> JobEnd:
        job, end, code = running.job, running.end, running.process.exitcode
        if running.timed_out_at is not None and not (isinstance(end, Outcome) and end.status == "done"):
            return JobEnd(job, "failed", f"it took longer than timeout={self.options.timeout:g} s")
        if isinstance(end, Outcome):
            return JobEnd(job, "done" if end.status == "done" else "failed", end.error, end)
        if running.is_hopeless and isinstance(end, Stopped):
            return JobEnd(job, "pruned")
        if self._signals:
            return JobEnd(job, "stopped", end.reason if end else "killed")
        if isinstance(end, Stopped):
            return JobEnd(job, "failed", f"its process was stopped by {end.reason}")
        reason = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return JobEnd(job, "failed", f"its process ended early, with {reason}. See {running.output}")

    def _record(self, running: _Running, end: JobEnd) -> None:
        """Write the end into the ledger; what the process printed is kept only if run.log may lack it."""
        directory = end.outcome.directory if end.outcome else None
        if end.outcome is not None:
            running.output.unlink(missing_ok=True)
        if directory is not None:
            running.lease.set_run(directory.name)
        if end.state == "done":
            assert directory is not None
            running.lease.finish(directory.name)
        elif end.state == "pruned":
            running.lease.finish(self.directory.ledger.runs(running.job.key)[0])
        elif end.state == "stopped":
            running.lease.interrupt(end.message)
        else:
            running.lease.fail(end.message)

    def _look_elsewhere(self) -> None:
        """Take note of points that other processes have finished, and queue those that they have abandoned."""
        now = time.monotonic()
        if not self._elsewhere or now - self._last_look < ELSEWHERE_POLLING:
            return
        self._last_look = now
        for key, state in self.directory.ledger.states(self._elsewhere).items():
            if state.state == "running":
                continue
            job = self._elsewhere.pop(key)
            if state.state == "done":
                self._ends[key] = JobEnd(job, "elsewhere")
                self.source.ended(self._ends[key])
            elif state.state == "failed":
                self._ends[key] = JobEnd(job, "failed", state.message)
                self.source.ended(self._ends[key])
            else:
                self._queue.append(job)

    def _stop_text(self, number: int) -> str:
        """Return one line about a sweep that a signal has stopped: how many points are done, stopped, left."""
        states = [end.state for end in self._ends.values()]
        started = sum(end.state == "stopped" and self._tries[key] > 0 for key, end in self._ends.items())
        ended = sum(states.count(state) for state in ("done", "pruned", "failed", "elsewhere"))
        left = len(self.jobs) - ended - started
        failed = f"{states.count('failed')} failed, " if "failed" in states else ""
        command = shlex.join([*PROGRAM.split(), "resume", str(self.directory.path)])
        return (
            f"{self.directory.path}: stopped by {signal.Signals(number).name}: {states.count('done')} done, {failed}"
            f"{started} stopped, {left} left. To continue: {command}"
        )

    def _stop_starting(self) -> None:
        self._starts_nothing = True
        self._elsewhere.clear()
        while self._queue:
            job = self._queue.popleft()
            self._ends.setdefault(job.key, JobEnd(job, "stopped"))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._first_signal = min(self._first_signal, time.monotonic())
        self._signals.append(number)

    def _obey_signals(self) -> None:
        """Stop at the first signal as soon as the runs allow it; if there was a second one, after `PATIENCE`."""
        if not self._signals:
            return
        self._stop_starting()
        is_over = len(self._signals) > 1 and time.monotonic() - self._first_signal > PATIENCE
        for running in self._running:
            if is_over:
                _kill(running.process)
            elif not running.is_stopping:
                running.is_stopping = True
                _send(running.process, self._signals[0])


def _messages(connection: Connection) -> Iterator[Message]:
    """Yield the messages that have arrived on a connection."""
    try:
        while not connection.closed and connection.poll():
            yield connection.recv()
    except (EOFError, OSError):
        connection.close()  # its process has ended; a message that was cut off is none


def _send(process: ForkServerProcess, number: int) -> None:
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, number)


def _kill(process: ForkServerProcess) -> None:
    """Kill a worker with everything in its session that has not left it."""
    if process.pid is None or not process.is_alive():
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not yet made its session
        process.kill()


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
