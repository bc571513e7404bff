"""Stopping signals are taken where nothing is half done."""

import contextlib
import os
import signal
import threading

import pytest

from topo_exp.runner.signals import Interrupted, Interruptions


def interrupt(number=signal.SIGTERM):
    """Send a signal to this process."""
    os.kill(os.getpid(), number)


def test_a_signal_interrupts_where_it_is_allowed():
    """Inside allowed() a signal is raised at once, under its name."""
    with Interruptions() as interruptions:
        with pytest.raises(Interrupted, match="SIGTERM"), interruptions.allowed():
            interrupt()
        interrupt()  # waits, for good: the run is being closed


def test_a_signal_waits_for_the_end_of_what_is_held():
    """Inside held() the first signal waits until the block is complete."""
    steps = []

    def work(interruptions):
        with interruptions.allowed(), interruptions.held():
            interrupt()
            steps.append("the rest of the block")

    with Interruptions() as interruptions, pytest.raises(Interrupted):
        work(interruptions)
    assert steps == ["the rest of the block"]


def test_a_signal_before_the_start_is_not_lost():
    """A signal that comes too early is raised at the next place where it is allowed."""
    with Interruptions() as interruptions:
        interrupt(signal.SIGINT)
        with pytest.raises(Interrupted, match="SIGINT"), interruptions.allowed():
            pytest.fail("the run began")


def test_a_second_signal_does_not_wait():
    """The second Ctrl-C is raised at once."""

    def work(interruptions):
        with interruptions.held():
            interrupt(signal.SIGINT)
            interrupt(signal.SIGINT)
            pytest.fail("went on")

    with Interruptions() as interruptions, pytest.raises(Interrupted):
        work(interruptions)


def test_further_signals_are_ignored():
    """Once the run is being closed, a third and a fourth Ctrl-C do not disturb it."""
    steps = []
    with Interruptions() as interruptions:
        with pytest.raises(Interrupted), interruptions.allowed():
            interrupt(signal.SIGINT)
        for _ in range(3):
            interrupt(signal.SIGINT)
            steps.append("closing")
    assert len(steps) == 3


def test_a_signal_that_a_function_has_caught_is_raised_again():
    """A user's `except:` does not keep the run from being stopped."""

    def work(interruptions):
        with interruptions.allowed():
            with contextlib.suppress(Interrupted):
                interrupt()
            with interruptions.held():
                pytest.fail("the run continued")

    with Interruptions() as interruptions, pytest.raises(Interrupted, match="SIGTERM"):
        work(interruptions)


def test_other_threads_change_nothing():
    """Outside the main thread handlers stay as they are."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def look():
        with Interruptions():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_the_program_ends_as_python_programs_do(number, kind):
    """Ctrl-C becomes KeyboardInterrupt, SIGTERM the exit code that shells know."""
    error = Interrupted(number).as_exit()
    assert isinstance(error, kind)
    assert getattr(error, "code", None) == (143 if number == signal.SIGTERM else None)
