"""run.log: the command that repeats the run, then everything that the run prints or logs."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TextIO

from topo_exp.record.files import path_errors, write_text

LINE_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
ONLY_IN_FILE = {"only_in_file": True}
"""The argument `extra` for log records that go to run.log and not to the terminal, such as long tracebacks."""


class RunLog:
    """Write run.log while the block runs.

    Python's standard output and error stream are copied to the file; log records go to the file and, if they are
    warnings or worse (with `verbose`, all), to the terminal. At the end of the block, streams and loggers are restored.

    Args:
        path: The file.
        command: Its first line. Other lines of a file that exists are kept.
        verbose: Whether the terminal shows log records of every level.
        write: Function that writes a text to a stream without overwriting the progress bar.
    """

    def __init__(self, path: Path, *, command: str, verbose: bool, write: Callable[[str, TextIO], None]) -> None:
        first_line = command.replace("\n", " ") + "\n"
        with path_errors(path):
            if path.exists():  # the run is resumed
                earlier = path.read_text(encoding="utf-8", errors="backslashreplace").partition("\n")[2]
                write_text(path, first_line + earlier + ("" if earlier.endswith("\n") or not earlier else "\n"))
            else:
                write_text(path, first_line)
            self._file = _LogFile(path)
        self._lock = threading.RLock()
        self._count = _Count()
        to_file = logging.StreamHandler(_Locked(self._file, self._lock))
        to_file.setFormatter(logging.Formatter(LINE_FORMAT))
        to_terminal = _TerminalHandler(write)
        to_terminal.setLevel(logging.INFO if verbose else logging.WARNING)
        self._handlers: list[logging.Handler] = [to_file, to_terminal, self._count]
        self._write = write
        self._streams: tuple[TextIO, TextIO] | None = None

    @property
    def errors(self) -> int:
        """Number of log records of level ERROR or above so far."""
        return self._count.errors

    @property
    def warnings(self) -> int:
        """Number of log records of level WARNING so far, Python's own warnings included."""
        return self._count.warnings

    def __enter__(self) -> RunLog:
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(min(self._level or logging.INFO, logging.INFO))
        for handler in self._handlers:
            root.addHandler(handler)
        self._removed = [handler for handler in root.handlers if _writes_to_terminal(handler)]
        for handler in self._removed:
            root.removeHandler(handler)  # its lines would appear twice
        logging.captureWarnings(True)
        self._streams = (sys.stdout, sys.stderr)
        sys.stdout = _Tee(sys.stdout, self._file, self._lock, self._write)
        sys.stderr = _Tee(sys.stderr, self._file, self._lock, self._write)
        self._faults = not faulthandler.is_enabled()
        if self._faults:
            faulthandler.enable(self._file)  # a crash in compiled code leaves its traceback in the log
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        root = logging.getLogger()
        assert self._streams is not None
        sys.stdout, sys.stderr = self._streams
        if self._faults:
            faulthandler.disable()
        logging.captureWarnings(False)
        for handler in self._handlers:
            root.removeHandler(handler)
        for handler in self._removed:
            root.addHandler(handler)
        root.setLevel(self._level)
        self._file.close()


class _Count(logging.Handler):
    """Count warnings and errors, for run.yaml."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors = 0
        self.warnings = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.errors += 1
        else:
            self.warnings += 1


class _TerminalHandler(logging.Handler):
    """Show records in one line each, without their tracebacks."""

    def __init__(self, write: Callable[[str, TextIO], None]) -> None:
        super().__init__()
        self._write = write
        self._stream = sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "only_in_file", False):
            prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
            self._write(f"{prefix}{record.getMessage()}\n", self._stream)


class _LogFile:
    """A text file that reports its first write error, such as a full disk, and ignores further ones.

    Everything is appended, since the process that updates MLflow writes its errors to the same file. Text written after
    the end of the run is ignored: libraries and handlers may keep the streams that they found while it ran.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        self._broken = False

    def write(self, text: str) -> int:
        self._attempt(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        self._attempt(self._file.flush)

    def close(self) -> None:
        self._attempt(self._file.close)

    def fileno(self) -> int:
        return self._file.fileno()

    def _attempt(self, act: Callable[[], object]) -> None:
        if self._file.closed:
            return
        try:
            act()
        except OSError as error:
            if not self._broken:
                self._broken = True
                message = (
                    f"topo_exp: {self._path}: must be writable (got: {error.strerror}). The rest of the log is lost."
                )
                print(message, file=sys.__stderr__)


class _Locked:
    """A stream that several threads write whole texts to."""

    def __init__(self, stream: _LogFile, lock: AbstractContextManager[object]) -> None:
        self._stream = stream
        self._lock = lock

    def write(self, text: str) -> int:
        with self._lock:
            return self._stream.write(text)

    def flush(self) -> None:
        with self._lock:
            self._stream.flush()


class _Tee:
    """Replace an output stream: each text goes to the terminal and to run.log."""

    def __init__(
        self,
        stream: TextIO,
        file: _LogFile,
        lock: AbstractContextManager[object],
        terminal: Callable[[str, TextIO], None],
    ) -> None:
        self._stream = stream
        self._file = file
        self._lock = lock
        self._terminal = terminal

    def write(self, text: str) -> int:
        with self._lock:
            self._file.write(text)
        self._terminal(text, self._stream)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _writes_to_terminal(handler: logging.Handler) -> bool:
    return type(handler) is logging.StreamHandler and handler.stream in (sys.stdout, sys.stderr)
