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
from typing import IO, TYPE_CHECKING, Any

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.runner.directory import write_bytes
from topo_exp.runner.processes import start_beside
from topo_exp.runner.rendering import packed, rendered, unpacked

if TYPE_CHECKING:
    from topo_exp.analysis.plots_axes import Frames

log = logging.getLogger(__name__)

NICENESS = 3
"""The simulation goes first where there are more processes than cores."""
WAITING_PICTURES = 64
"""Figures that may wait for the worker before the simulation waits too."""
DONE, NOT_FOUND, FAILED = b"d", b"n", b"f"


@dataclass(frozen=True)
class Drawing:
    """One figure to be drawn: its name, its function, and the files to write, the format being their suffix."""

    name: str
    draw: Callable[[], Any]
    paths: tuple[Path, ...]
    source: str
    """Who asked for it, for error messages: analysis and time."""
    style: FigureStyle = field(default_factory=FigureStyle)
    """Size, resolution and font."""
    cell: Path | None = None
    """PNG file of the picture for a cell of a table, or None for no such picture."""


class Draughtsman:
    """Draw figures without holding up the caller; `finish` waits for all of them.

    Args:
        on_done: Called once for each figure, in any thread, with the drawing and the error that it ended with, or None.
    """

    def __init__(self, on_done: Callable[[Drawing, BaseException | None], None]) -> None:
        self._on_done = on_done
        self._jobs: queue.Queue[tuple[Drawing, bytes | None] | None] = queue.Queue(WAITING_PICTURES)
        self._thread: threading.Thread | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def submit(self, drawing: Drawing) -> None:
        """Have a figure drawn soon."""
        pickled = packed(drawing.name, drawing.draw, drawing.paths, drawing.style, drawing.cell)
        if pickled is None:
            log.debug("%s: drawn in this process, since its function cannot be called in another one", drawing.name)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="drawing", daemon=True)
            self._thread.start()
        self._jobs.put((drawing, pickled))

    def finish(self) -> None:
        """Wait until every figure is on disk, and end the worker."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            drawing, pickled = job
            try:
                if pickled is None or not self._drawn_by_worker(pickled):
                    draw(drawing.name, drawing.draw, drawing.paths, style=drawing.style, cell=drawing.cell)
            except BaseException as error:  # noqa: BLE001  told to the caller, who decides what it means for the run
                self._on_done(drawing, error)
            else:
                self._on_done(drawing, None)
        self._dismiss_worker()

    def _drawn_by_worker(self, pickled: bytes) -> bool:
        """Return False if the worker cannot do it, or is no more."""
        try:
            if self._worker is None:
                self._worker = start_beside("topo_exp.runner.drawing", output=subprocess.PIPE)
            assert self._worker.stdin is not None
            assert self._worker.stdout is not None
            self._worker.stdin.write(struct.pack("!Q", len(pickled)) + pickled)
            self._worker.stdin.flush()
            answer, text = _read_answer(self._worker.stdout)
        except (OSError, EOFError) as error:
            log.warning("the drawing worker ended early (%s): drawing goes on in this process", error or "no answer")
            self._dismiss_worker()
            return False
        if answer == FAILED:
            raise DrawingError(text)
        return answer == DONE

    def _dismiss_worker(self) -> None:
        if self._worker is not None:
            for pipe in (self._worker.stdin, self._worker.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what a dead worker was still to be told is of no use
                        pipe.close()
            try:
                self._worker.wait(10)
            except subprocess.TimeoutExpired:
                self._worker.kill()
                self._worker.wait()
            self._worker = None


class DrawingError(Exception):
    """What a figure's function raised in the worker; its text is the traceback there."""

    def __str__(self) -> str:
        return str(self.args[0]).strip().rpartition("\n")[2]


def draw(
    name: str,
    function: Callable[[], Any],
    paths: Sequence[Path],
    *,
    style: FigureStyle | None = None,
    cell: Path | None = None,
    frames: Frames | None = None,
) -> None:
    """Draw one figure and write it to its files; the arguments are those of `rendering.rendered`."""
    for path, content in rendered(name, function, paths, style=style or FigureStyle(), cell=cell, frames=frames):
        write_bytes(path, content)


def picture_name(path: Path) -> str:
    """Return the name that a figure was given, from its PNG file.

    Args:
        path: A file that `draw` has written.

    Returns:
        Its stored title; for other files the part of the file name after the time.
    """
    with path.open("rb") as file:
        if file.read(8) == b"\x89PNG\r\n\x1a\n":
            while len(head := file.read(8)) == 8:
                length, kind = struct.unpack("!I4s", head)
                if kind == b"IDAT":
                    break
                content = file.read(length + 4)[:-4]
                if kind == b"tEXt" and content.startswith(b"Title\0"):
                    return content[6:].decode("latin-1")
    return path.stem.partition("_")[2]


def _read_answer(pipe: IO[bytes]) -> tuple[bytes, str]:
    head = pipe.read(9)
    if len(head) < 9:
        raise EOFError("no answer")
    answer, length = struct.unpack("!cQ", head)
    return answer, pipe.read(length).decode("utf-8", "replace")


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Be the worker: draw what is asked for until there are no more requests."""
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
        except Exception:  # noqa: BLE001  a user's module that is not found here, or anything that it does
            answer = NOT_FOUND
        else:
            try:
                draw(name, function, paths, style=style, cell=cell, frames=frames)
                answer = DONE
            except Exception:  # noqa: BLE001  sent to the parent
                answer, text = FAILED, traceback.format_exc()
        encoded = text.encode("utf-8")
        answers.write(struct.pack("!cQ", answer, len(encoded)) + encoded)
        answers.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a figure's function prints must not get among the answers
    try:
        _serve(sys.stdin.buffer, answers)
    except BrokenPipeError:  # the run is gone, and nobody needs the rest
        os._exit(1)
