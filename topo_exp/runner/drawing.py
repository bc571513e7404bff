"""Pictures, drawn by a worker process beside the simulation.

Figures arrive as functions without arguments. They are pickled to one worker, `python -m topo_exp.runner.drawing`,
which loads matplotlib and draws while the simulation continues. A function that cannot be pickled, or that the worker
cannot import (from the user's own file), is called in this process instead. The pictures are the same either way.
"""

from __future__ import annotations

import logging
import os
import queue
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.record.files import write_bytes
from topo_exp.record.processes import start_beside
from topo_exp.runner.rendering import packed, rendered, unpacked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from topo_exp.analysis.plots_axes import Frames

log = logging.getLogger(__name__)

NICENESS = 3
"""The simulation has priority when there are more processes than cores."""
WAITING_PICTURES = 64
"""Figures that may be queued before the simulation waits for the worker."""
DONE, NOT_FOUND, FAILED = b"d", b"n", b"f"


@dataclass(frozen=True)
class PictureOrder:
    """One figure to be drawn: its name, its function, and the files to write, the format being their suffix."""

    name: str
    draw: Callable[[], Figure]
    paths: tuple[Path, ...]
    source: str
    """Analysis and time that the figure belongs to, for error messages."""
    style: FigureStyle = field(default_factory=FigureStyle)
    """Size, resolution and font."""
    cell: Path | None = None
    """PNG file of the picture for a cell of a table, or None for no such picture."""


class FigureWriter:
    """Draw figures in the background; `finish` waits for all of them.

    Args:
        on_done: Called once for each figure, in any thread, with its order and its error, or None.
    """

    def __init__(self, on_done: Callable[[PictureOrder, BaseException | None], None]) -> None:
        self._on_done = on_done
        self._jobs: queue.Queue[tuple[PictureOrder, bytes | None] | None] = queue.Queue(WAITING_PICTURES)
        self._thread: threading.Thread | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def submit(self, order: PictureOrder) -> None:
        """Queue a figure; waits while the queue is full."""
        pickled = packed(order.name, order.draw, order.paths, order.style, order.cell)
        if pickled is None:
            log.debug("%s: drawn in this process, since its function cannot be called in another one", order.name)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="drawing", daemon=True)
            self._thread.start()
        self._jobs.put((order, pickled))

    def finish(self) -> None:
        """Wait until every figure is on disk, and end the worker."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            order, pickled = job
            try:
                if pickled is None or not self._drawn_by_worker(pickled):
                    save_figure(order.name, order.draw, order.paths, style=order.style, cell=order.cell)
            except BaseException as error:  # noqa: BLE001  passed to the caller, which decides whether the run fails
                self._on_done(order, error)
            else:
                self._on_done(order, None)
        self._end_worker()

    def _drawn_by_worker(self, pickled: bytes) -> bool:
        """Return False if the worker cannot import the function, or has ended."""
        try:
            if self._worker is None:
                self._worker = start_beside("topo_exp.runner.drawing", output=subprocess.PIPE)
            assert self._worker.stdin is not None
            assert self._worker.stdout is not None
            self._worker.stdin.write(struct.pack("!Q", len(pickled)) + pickled)
            self._worker.stdin.flush()
            answer, text = _read_answer(self._worker.stdout)
        except (OSError, EOFError) as error:
            log.warning("the drawing worker ended early (%s): this process draws the rest", error or "no answer")
            self._end_worker()
            return False
        if answer == FAILED:
            raise FigureError(text)
        return answer == DONE

    def _end_worker(self) -> None:
        if self._worker is not None:
            for pipe in (self._worker.stdin, self._worker.stdout):
                if pipe is not None:
                    with suppress(OSError):  # unsent requests to a dead worker are discarded
                        pipe.close()
            try:
                self._worker.wait(10)
            except subprocess.TimeoutExpired:
                self._worker.kill()
                self._worker.wait()
            self._worker = None


class FigureError(Exception):
    """A figure's function raised in the worker; the argument is the traceback there."""

    def __str__(self) -> str:
        return str(self.args[0]).strip().rpartition("\n")[2]


def save_figure(
    name: str,
    function: Callable[[], Figure],
    paths: Sequence[Path],
    *,
    style: FigureStyle | None = None,
    cell: Path | None = None,
    frames: Frames | None = None,
) -> None:
    """Draw one figure and write it to its files; the arguments are those of `rendering.rendered`."""
    for path, content in rendered(name, function, paths, style=style or FigureStyle(), cell=cell, frames=frames):
        write_bytes(path, content)


def _read_answer(pipe: IO[bytes]) -> tuple[bytes, str]:
    head = pipe.read(9)
    if len(head) < 9:
        raise EOFError("no answer")
    answer, length = struct.unpack("!cQ", head)
    return answer, pipe.read(length).decode("utf-8", "replace")


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Draw the requested figures until the requests end; this is the main loop of the worker."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401  loaded before the first request comes

    from topo_exp.analysis.plots_axes import Frames

    frames = Frames()
    while len(head := requests.read(8)) == 8:
        request = requests.read(struct.unpack("!Q", head)[0])
        text = ""
        try:
            name, function, paths, style, cell = unpacked(request)
        except Exception:  # noqa: BLE001  a user's module is missing here, or raises when it is imported
            answer = NOT_FOUND
        else:
            try:
                save_figure(name, function, paths, style=style, cell=cell, frames=frames)
                answer = DONE
            except Exception:  # noqa: BLE001  sent to the parent
                answer, text = FAILED, traceback.format_exc()
        encoded = text.encode("utf-8")
        answers.write(struct.pack("!cQ", answer, len(encoded)) + encoded)
        answers.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the output of a figure's function must not be mixed with the answers
    try:
        _serve(sys.stdin.buffer, answers)
    except BrokenPipeError:  # the run has ended, and its pictures are no longer needed
        os._exit(1)
