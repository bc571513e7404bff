"""Pictures, drawn in a process beside the simulation.

Figures come as functions without arguments. They are pickled to one worker, `python -m topo_exp.runner.drawing`, which
loads matplotlib and draws while the simulation goes on. What cannot be pickled, or not found again by the worker (a
function of the user's own file), is drawn here instead. The pictures are the same either way.
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
from topo_exp.errors import AnalysisError
from topo_exp.record.files import write_bytes
from topo_exp.record.processes import collect_rarely, start_beside
from topo_exp.runner.rendering import FigureError, packed, place_of, rendered, unpacked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from topo_exp.analysis.plots_axes import Frames

log = logging.getLogger(__name__)

NICENESS = 3
"""The simulation has priority when there are more processes than cores."""
WAITING_PICTURES = 64
"""Figures that may be queued before the simulation waits for the worker."""
REPORT_EVERY = 0.5
"""Seconds between two reports of the number of figures that are drawn."""
STOP_PATIENCE = 0.5
"""Seconds to wait for the figure that is being drawn when drawing is stopped."""
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
        self._is_stopped = False
        self._guard = threading.Lock()
        """Held while the thread is started, and while drawing is stopped, which other threads may do meanwhile."""
        self.ordered = 0
        """Number of figures that were submitted."""
        self.finished = 0
        """Number of figures that were drawn, or could not be."""

    def submit(self, order: PictureOrder) -> None:
        """Queue a figure; waits while the queue is full. After `stop` figures are dropped."""
        pickled = packed(order.name, order.draw, order.paths, order.style, order.cell)
        if pickled is None:
            log.debug("%s: drawn in this process, since its function cannot be called in another one", order.name)
        with self._guard:
            if self._is_stopped:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="drawing", daemon=True)
                self._thread.start()
        self.ordered += 1
        self._put((order, pickled))

    def finish(self, report: Callable[[int, int], None] | None = None) -> None:
        """Wait until every figure is on disk, and end the worker.

        Args:
            report: Called every REPORT_EVERY seconds with the number of finished figures and that of all.
        """
        if (thread := self._thread) is not None:
            self._put(None)
            while thread.is_alive():
                thread.join(REPORT_EVERY)
                if report is not None and thread.is_alive():
                    report(self.finished, self.ordered)
            self._thread = None

    def stop(self) -> None:
        """Drop all figures that are queued, and end the worker soon; may be called at any time."""
        with self._guard:
            self._is_stopped, thread = True, self._thread
        with suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()
        if thread is None:
            return
        self._put(None)
        thread.join(STOP_PATIENCE)
        if thread.is_alive() and (worker := self._worker) is not None:
            worker.kill()
            thread.join(STOP_PATIENCE)
        self._thread = None

    def _put(self, job: tuple[PictureOrder, bytes | None] | None) -> None:
        """Queue a job; wait while the queue is full, unless drawing has been stopped."""
        while True:
            try:
                self._jobs.put(job, timeout=REPORT_EVERY)
            except queue.Full:
                if not self._is_stopped:
                    continue
            return

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            order, pickled = job
            if self._is_stopped:
                continue
            try:
                if pickled is None or not self._drawn_by_worker(pickled):
                    save_figure(order.name, order.draw, order.paths, style=order.style, cell=order.cell)
            except BaseException as error:  # noqa: BLE001  passed to the caller, which decides whether the run fails
                self._done(order, error)
            else:
                self._done(order, None)
        self._end_worker()

    def _done(self, order: PictureOrder, error: BaseException | None) -> None:
        self.finished += 1
        if error is None or not self._is_stopped:
            self._on_done(order, error)

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
            if self._is_stopped:
                raise FigureError("drawing was stopped") from error
            log.warning("the drawing worker ended early (%s): this process draws the rest", error or "no answer")
            self._end_worker()
            return False
        if answer == FAILED:
            raise FigureError(*text.split("\n", maxsplit=2))
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


def figure_failure(order: PictureOrder, error: BaseException) -> AnalysisError:
    """Return the error of an analysis whose figure could not be drawn.

    Args:
        order: The figure.
        error: The exception that its function raised, here or in the worker.

    Returns:
        An error in one line that names analysis, time, figure, its function, and file and line of the user's own code.
    """
    found = error if isinstance(error, FigureError) else FigureError.of(error)
    name, place = place_of(order.draw)
    place = found.place or place
    failure = AnalysisError(
        f"{order.source}: figure {order.name!r} could not be drawn by {name} "
        f"(got {found}{', in ' if place else ''}{place})."
    )
    failure.__cause__ = error
    return failure


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
    collect_rarely()
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
            except BaseException as error:  # noqa: BLE001  sent to the parent
                found = error if isinstance(error, FigureError) else FigureError.of(error)
                answer, text = FAILED, "\n".join([str(found), found.place, traceback.format_exc()])
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
