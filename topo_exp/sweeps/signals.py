"""Signals that stop a sweep."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGXCPU", "SIGUSR1", "SIGUSR2")
"""Signals that stop a run, but for SIGHUP: a sweep whose terminal is closed ends, and its runs stop by themselves."""
STOPPING = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


@contextmanager
def stop_signals_handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle the signals that stop a sweep within the block, if it runs in the main thread, where Python allows that.

    A signal that the process ignores stays ignored: a shell's script starts commands in the background like this, and
    the runs, which inherit it, would not stop.

    Args:
        handle: Receives the number of the signal and the interrupted frame.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in STOPPING if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
