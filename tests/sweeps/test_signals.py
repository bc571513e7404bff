"""Signals that stop a sweep."""

import signal
import threading

from topo_exp.sweeps.signals import stop_signals_handled


def test_signals_are_handled_within_the_block_only() -> None:
    """SIGINT and SIGTERM reach the function while the block runs; afterwards they have their handlers of before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    received = []
    with stop_signals_handled(lambda number, frame: received.append(number)):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert received == [signal.SIGINT, signal.SIGTERM]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_ignored_signal_stays_ignored() -> None:
    """Where the process ignores SIGINT, the function does not receive it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        received = []
        with stop_signals_handled(lambda number, frame: received.append(number)):
            signal.raise_signal(signal.SIGINT)
        assert received == []
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_handles_no_signal() -> None:
    """Outside the main thread the block runs, and the handlers stay."""
    before = signal.getsignal(signal.SIGINT)
    inside = []

    def work() -> None:
        with stop_signals_handled(lambda number, frame: None):
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [before]
