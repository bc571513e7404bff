"""Processes for runs, forked from one that has loaded everything: 40 ms each instead of seconds."""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from types import ModuleType

from topo_exp.sweeps.worker import Task, work

ONE_THREAD: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
}
"""Environment of each worker: libraries start one thread for each core unless they are told otherwise."""


class Workers:
    """Start processes for tasks.

    Args:
        preload: Module that loads what a task needs; the server imports it once.
    """

    def __init__(self, preload: str) -> None:
        """Start the server, which imports the module in the background."""
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([preload])
        with _environment({**ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}), _no_main_module():
            ensure_running()

    def start(self, task: Task, output: Path) -> tuple[ForkServerProcess, Connection]:
        """Start a process for a task.

        Args:
            task: To carry out; it is pickled.
            output: File for everything that the process prints.

        Returns:
            The process, and the connection on which its messages arrive.

        Raises:
            pickle.PicklingError, AttributeError, TypeError: The task cannot be pickled.
        """
        here, there = self._context.Pipe(duplex=True)
        process = self._context.Process(
            target=work, args=(there, task, output, {**os.environ, **ONE_THREAD}), name=output.stem
        )
        try:
            with _no_main_module():
                process.start()
        except BaseException:
            here.close()
            raise
        finally:
            there.close()
        return process, here


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Change environment variables within the block."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Hide the program's main module within the block.

    multiprocessing would execute it again in each process, a user's script without `if __name__ == "__main__"` as
    well; tasks need nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
