"""Launch the points of a sweep as tasks of dask.distributed.

A task starts `python -m topo_exp work` on the machine of a worker and waits for it. Short texts are all that travels
through Dask. The sweep's directory holds what is known about the points, so a task, a worker or the scheduler may be
lost at any time: the launcher reads from the directory which points are left, and starts tasks for these.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from topo_exp.about import PROGRAM
from topo_exp.errors import RunError
from topo_exp.record.files import make_directory
from topo_exp.sweeps.directory import SweepDirectory
from topo_exp.sweeps.job import Job, JobEnd, first_line
from topo_exp.sweeps.launch.dask_cluster import DaskOptions
from topo_exp.sweeps.launch.work import Share, program
from topo_exp.sweeps.ledger import PointState
from topo_exp.sweeps.options import SweepOptions
from topo_exp.sweeps.signals import stop_signals_handled
from topo_exp.sweeps.status import read_status
from topo_exp.sweeps.watch import Display

if TYPE_CHECKING:
    from distributed import Client, Future

FOLDER = "dask"
"""Folder in the directory of a sweep with the output of the tasks."""
POLLING = 0.3
"""Seconds until a signal or the end of a task is noticed."""
LOOK_EVERY = 1.0
"""Seconds between two looks at the directory; more where a look takes long."""
PING_EVERY = 5.0
"""Seconds between two questions to the scheduler."""
SETTLING = 30.0
"""Seconds that runs are given to stop after a signal, or after the scheduler was lost."""
LEAVING = 10.0
"""Seconds that tasks are given to end after the last point."""


def make_task() -> Callable[[Sequence[str], Mapping[str, str]], None]:
    """Return the function that a worker calls.

    Dask transfers a function that is defined inside another one by its code. It uses the standard library and Dask
    alone, so neither the scheduler nor a worker has to be able to import this package.
    """

    def run_program(command: Sequence[str], places: Mapping[str, str]) -> None:
        """Start a program in a session of its own, and wait for it.

        The program stops when its standard input ends: if the task is cancelled, the worker closes, or this process
        dies.

        Args:
            command: Words of the command line.
            places: `code`, from which Python imports; `directory`, where the program starts; `output`, the file for
                what it prints.

        Raises:
            RuntimeError: It did not end with exit code 0.
        """
        import os
        import signal
        import socket
        import subprocess

        from distributed import get_worker

        def is_wanted() -> bool:
            state = worker.state.tasks.get(key)
            going = ("closing", "closed", "stopping", "stopped", "failed")
            return state is not None and state.state != "cancelled" and worker.status.name not in going

        worker, host = get_worker(), socket.gethostname()
        key, grace = worker.get_current_task(), 60.0
        paths = [places["code"], *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        try:
            with open(places["output"], "ab") as output:
                child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=places["directory"],
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            raise RuntimeError(f"on {host}: {error}") from None
        code = None
        while code is None and is_wanted():
            try:
                code = child.wait(0.3)
            except subprocess.TimeoutExpired:
                continue
        assert child.stdin is not None
        child.stdin.close()
        try:
            code = child.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
        if code:
            with open(places["output"], "rb") as printed:
                lines = printed.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
            raise RuntimeError(f"on {host}: exit code {code}: {lines[-1] if lines else 'nothing was printed'}")

    return run_program


@dataclass
class _Task:
    """A task that was submitted.

    Attributes:
        future: Dask's object for it.
        points: The points that it was started for, with the number of their attempts then.
    """

    future: Future
    points: Mapping[str, int]


@dataclass
class DaskLauncher:
    """Keep as many tasks submitted as free points need, until all points have ended.

    Attributes:
        directory: Of the sweep; the settings of its points are stored in it.
        jobs: All of its points, in order.
        options: Of the sweep; `n_jobs` limits the tasks at a time.
        settings: Of the launcher.
        client: Connection to the scheduler.
        code: Folder from which tasks import the program.
        display: Shows how far the sweep has come.
    """

    directory: SweepDirectory
    jobs: Sequence[Job]
    options: SweepOptions
    settings: DaskOptions
    client: Client
    code: Path
    display: Display
    _states: dict[str, PointState] = field(default_factory=dict)
    _before: dict[str, PointState] = field(default_factory=dict)
    """The states that the launcher found."""
    _tasks: list[_Task] = field(default_factory=list)
    _submitted: int = 0
    _useless: list[str] = field(default_factory=list)
    """Messages of tasks that ended without having tried a point."""
    _signals: list[int] = field(default_factory=list)
    _next_look: float = 0.0
    _next_ping: float = 0.0
    _is_connected: bool = True
    _name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def run(self) -> list[JobEnd]:
        """Run all points, and wait for those on which other processes work.

        Returns:
            How each ended, in the order of the jobs.

        Raises:
            KeyboardInterrupt, SystemExit: A signal stopped the sweep; its runs have been told to stop.
            RunError: The scheduler was lost, or tasks cannot run the program; the sweep can be continued.
        """
        self._output = make_directory(self.directory.path, FOLDER)
        self._release_failed()
        self._before = self.directory.ledger.states([job.key for job in self.jobs])
        self._task = make_task()
        with stop_signals_handled(self._handle), self.display:
            self._look(now=True)
            while not (self._is_over() or self._is_broken()):
                self._submit()
                time.sleep(POLLING)
                self._ping()
                self._collect()
                self._look()
            if self._is_broken():
                self._stop()
            else:
                self._leave()
            self._look(now=True)
        self._raise_reason()
        return [self._end_of(job) for job in self.jobs]

    def _release_failed(self) -> None:
        """Free the points that have failed before, as the local launcher does: unless other processes work here."""
        ledger = self.directory.ledger
        states = ledger.states([job.key for job in self.jobs])
        if any(state.state == "running" for state in states.values()):
            return
        for key in [key for key, state in states.items() if state.state == "failed"]:
            lease = ledger.acquire([key], retry_failed=True)
            if lease is not None:
                lease.interrupt("it failed, and is tried again")

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def _is_broken(self) -> bool:
        """Return True if nothing more can be started."""
        return bool(self._signals) or self.client.status == "closed" or len(self._useless) > self.settings.restarts

    def _is_over(self) -> bool:
        """Return True if every point has ended, or, after a failure, if the sweep stops and no task is left."""
        if self._stops_early():
            return not self._tasks
        return all(state.state in ("done", "failed") or self._is_exhausted(state) for state in self._states.values())

    def _stops_early(self) -> bool:
        return self.options.stops and any(state.state == "failed" for state in self._states.values())

    def _is_free(self, state: PointState) -> bool:
        return state.state in ("waiting", "interrupted") and not self._is_exhausted(state)

    def _is_exhausted(self, state: PointState) -> bool:
        """Return True for a point that was interrupted too often."""
        tries = state.attempts - self._before[state.key].attempts
        return state.state == "interrupted" and tries > self.settings.restarts

    def _submit(self) -> None:
        """Submit tasks for the free points for which there is none; cancel waiting ones if the sweep stops early."""
        if not self._is_connected:
            return
        if self._stops_early():
            self._cancel_waiting()
            return
        covered = {key for task in self._tasks for key in task.points}
        positions = [
            position
            for position, job in enumerate(self.jobs)
            if job.key not in covered and self._is_free(self._states[job.key])
        ]
        size = self.settings.points_per_task
        for start in range(0, len(positions), size):
            if self.options.n_jobs is not None and len(self._tasks) >= self.options.n_jobs:
                return
            self._tasks.append(self._start(positions[start : start + size]))

    def _start(self, positions: Sequence[int]) -> _Task:
        """Submit a task for some points."""
        name = f"{self._name}_{self._submitted:04d}"
        self._submitted += 1
        python = self.settings.python or os.path.abspath(sys.executable)
        command = program(self.directory.path, python=python, jobs=1, share=Share(len(positions), positions[0]))
        places = {"code": str(self.code), "directory": str(Path.cwd()), "output": str(self._output / f"{name}.log")}
        future = self.client.submit(self._task, [*command, "--watch-input"], places, key=f"topo_exp-{name}", pure=False)
        keys = [self.jobs[position].key for position in positions]
        return _Task(future, {key: self._states[key].attempts for key in keys})

    def _collect(self) -> None:
        """Take note of the tasks that have ended."""
        ended = [task for task in self._tasks if task.future.done()]
        if not ended:
            return
        states = self.directory.ledger.states([key for task in ended for key in task.points])
        for task in ended:
            self._tasks.remove(task)
            message = self._message(task)
            untried = all(
                states[key].state in ("waiting", "interrupted") and states[key].attempts == attempts
                for key, attempts in task.points.items()
            )
            if message and untried:
                self._useless.append(message)
        self._next_look = 0.0

    def _message(self, task: _Task) -> str:
        """Return the error of a task that has ended; empty if there is none, or the connection is the reason."""
        if task.future.status == "error":
            error = task.future.exception()
            return " ".join(str(error).split()) or type(error).__name__
        return "it was cancelled" if task.future.status == "cancelled" and self._is_connected else ""

    def _ping(self) -> None:
        """Ask the scheduler for a sign of life: the client does not notice each way in which it can go."""
        status = self.client.status
        if status == "running" and time.monotonic() > self._next_ping:
            self._next_ping = time.monotonic() + PING_EVERY
            try:
                workers = self.client.nthreads()
            except (OSError, RuntimeError, AttributeError, ValueError):
                self.client.close(0)
                status = "closed"
            else:
                if not workers and self._submitted and not any(s.state == "running" for s in self._states.values()):
                    self._say("no worker yet")
        if status != "running" and self._is_connected:
            self._say("connection to the scheduler lost")
        elif status == "running" and not self._is_connected:
            self._say("connected to the scheduler again")
        self._is_connected = status == "running"

    def _look(self, *, now: bool = False) -> None:
        """Read the states of the points, say which have ended, and show how far the sweep has come."""
        started = time.monotonic()
        if not now and started < self._next_look:
            return
        ledger = self.directory.ledger
        found = ledger.states([job.key for job in self.jobs])
        for job in self.jobs:
            state, earlier = found[job.key], self._states.get(job.key, self._before[job.key])
            if state.state == "done" != earlier.state:
                self.display.write(f"done: {_short(self.directory.path / next(iter(ledger.runs(job.key)), ''))}")
            elif state.state == "failed" != earlier.state:
                self.display.write(f"failed: {job.label}: {first_line(state.message)}")
        self._states = found
        self.display.show(read_status(self.directory.path))
        self._next_look = time.monotonic() + max(LOOK_EVERY, 10 * (time.monotonic() - started))

    def _cancel_waiting(self) -> None:
        """Cancel the tasks that no worker has begun."""
        begun = {str(key) for keys in self.client.processing().values() for key in keys}
        waiting = [task for task in self._tasks if str(task.future.key) not in begun and not task.future.done()]
        if waiting:
            self.client.cancel([task.future for task in waiting])
            self._tasks = [task for task in self._tasks if task not in waiting]

    def _leave(self) -> None:
        """Give tasks time to end by themselves after the last point, then cancel them."""
        until = time.monotonic() + LEAVING
        while self._tasks and time.monotonic() < until and not self._signals:
            time.sleep(POLLING)
            self._tasks = [task for task in self._tasks if not task.future.done()]
        self._cancel()

    def _stop(self) -> None:
        """Cancel all tasks, whose runs then stop, and wait for these; a second signal ends the waiting."""
        self._cancel()
        keys = [job.key for job in self.jobs]
        until = time.monotonic() + SETTLING
        while time.monotonic() < until and len(self._signals) < 2:
            states = self.directory.ledger.states(keys).values()
            if not any(s.state == "running" and s.attempts > self._before[s.key].attempts for s in states):
                return
            time.sleep(POLLING)

    def _cancel(self) -> None:
        if self._tasks and self.client.status == "running":
            self.client.cancel([task.future for task in self._tasks])

    def _raise_reason(self) -> None:
        """Raise if the sweep was stopped before its end.

        Raises:
            KeyboardInterrupt, SystemExit: By a signal.
            RunError: By the loss of the scheduler, or since no task could run the program.
        """
        if not self._is_broken():
            return
        counts = ", ".join(
            f"{number} {name}"
            for name in ("done", "failed", "interrupted", "waiting", "running")
            if (number := [state.state for state in self._states.values()].count(name))
        )
        again = (
            f"To continue: the same command, or {shlex.join([*PROGRAM.split(), 'resume', str(self.directory.path)])}"
        )
        if self._signals:
            number = self._signals[0]
            stopped = f"stopped by {signal.Signals(number).name}"
            sys.stderr.write(f"topo_exp: {self.directory.path}: {stopped}: {counts}. {again}\n")
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        if self.client.status == "closed":
            raise RunError(f"dask: the scheduler must stay reachable (got connection lost; {counts}). {again}")
        raise RunError(
            f"dask: tasks must be able to run the program (got {self._useless[-1]}; {counts}). "
            f"Correct the cluster, or hydra.launcher.python; see {self._output}. {again}"
        )

    def _end_of(self, job: Job) -> JobEnd:
        state = self._states[job.key]
        if state.state == "done":
            return JobEnd(job, "elsewhere" if self._before[job.key].state == "done" else "done")
        if state.state == "failed":
            return JobEnd(job, "failed", state.message)
        if self._is_exhausted(state):
            times = state.attempts - self._before[job.key].attempts
            return JobEnd(job, "failed", f"it was interrupted {times} times, at last since {state.message}")
        return JobEnd(job, "stopped")

    def _say(self, text: str) -> None:
        self.display.note(f"dask: {text}")


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
