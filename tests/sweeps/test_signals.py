"""Signals that stop a sweep."""

import signal
import threading

from topo_exp.sweeps.signals import stop_signals_handled


def test_signals_are_handled_within_the_block_only() -> None:
    """Ctrl-C and the signals of batch systems reach the function while the block runs; then they are as before."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2]
    before = [signal.getsignal(number) for number in numbers]
    received = []
    with stop_signals_handled(lambda number, frame: received.append(number)):
        for number in numbers:
            signal.raise_signal(number)
    assert received == numbers
    assert [signal.getsignal(number) for number in numbers] == before


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
