"""Ctrl-C and SIGTERM, taken where nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(BaseException):
    """The run was asked to stop by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    def as_exit(self) -> BaseException:
        """Return what Python programs raise to end like this: KeyboardInterrupt, or SystemExit with the usual code."""
        return KeyboardInterrupt() if self.number == signal.SIGINT else SystemExit(128 + self.number)


class Interruptions:
    """Turn stopping signals into `Interrupted`, inside `allowed()` only, and there not inside `held()`.

    Elsewhere the first signal waits for the next place where it is allowed; a second one does not wait. Outside the
    main thread, where Python allows no handlers, nothing is changed.
    """

    def __init__(self) -> None:
        self._held = 1
        self._pending: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                previous = signal.getsignal(number)
                if previous not in (signal.SIG_IGN, None):  # nohup ignores SIGHUP, and means it
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous.clear()

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let signals through until the block ends."""
        self._held -= 1
        self._check()
        try:
            yield
        finally:
            self._held += 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the first signal waiting until the block ends."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self._check()

    def _check(self) -> None:
        if self._pending is not None and not self._held:
            number, self._pending = self._pending, None
            raise Interrupted(number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._held and self._pending is None:
            self._pending = number
        else:
            self._pending = None
            raise Interrupted(number)
