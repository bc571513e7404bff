"""What holds for all tests."""

import signal

# A shell that starts the tests in the background has Ctrl-C ignored in them, and in every process that they start.
# The tests that press it are about programs that listen.
signal.signal(signal.SIGINT, signal.default_int_handler)
