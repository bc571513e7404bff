"""Ctrl-C and the signals of batch systems, handled only where no work is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR1", "SIGUSR2")
"""Ctrl-C; the end of a job; a closed terminal; a limit of CPU time; warnings that batch systems send before the end."""
STOPPING = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], object] | int | None


class Interrupted(BaseException):
    """A signal asked the run to stop.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    def as_exit(self) -> BaseException:
        """Return the exception by which Python programs end: KeyboardInterrupt, or SystemExit with the usual code."""
        return KeyboardInterrupt() if self.number == signal.SIGINT else SystemExit(128 + self.number)


class Interruptions:
    """Turn stopping signals into `Interrupted`, inside `allowed()` only, and there not inside `held()`.

    Elsewhere the first signal is deferred to the next place where it is allowed; a second one is raised at once. After
    `Interrupted` was raised, further signals are ignored, since they ask for what is being done: the run is closed,
    which takes seconds. If a user's function has caught it, it is raised again at the next `held()`. Outside the main
    thread, where Python allows no handlers, nothing is changed.
    """

    def __init__(self) -> None:
        self._held = 1
        self._pending: int | None = None
        self._raised: int | None = None
        self._previous: dict[int, Handler] = {}

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                previous = signal.getsignal(number)
                if previous not in (signal.SIG_IGN, None):  # nohup ignores SIGHUP on purpose
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous.clear()

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raise signals within the block."""
        self._held -= 1
        self._check()
        try:
            yield
        finally:
            self._held += 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Defer the first signal to the end of the block.

        Raises:
            Interrupted: A signal stopped the run before, and a function has caught the exception.
        """
        if self._raised is not None:
            raise Interrupted(self._raised)
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self._check()

    def _check(self) -> None:
        if self._pending is not None and not self._held:
            self._raise(self._pending)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._raised is not None:
            return
        if self._held and self._pending is None:
            self._pending = number
        else:
            self._raise(number)

    def _raise(self, number: int) -> None:
        self._pending, self._raised = None, number
        raise Interrupted(number)
