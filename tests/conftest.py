"""What holds for all tests."""

import os
import shutil
import signal
import tempfile

from hypothesis import HealthCheck, settings

# A shell that starts the tests in the background has Ctrl-C ignored in them, and in every process that they start.
# The tests that press it are about programs that listen.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes depends on the machine, which other work may keep busy.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# The key with which sweeps are signed is made here, and not in the home directory of the user who runs the tests.
CONFIGURATION = tempfile.mkdtemp(prefix="topo_exp_tests_")
os.environ["XDG_CONFIG_HOME"] = CONFIGURATION


def pytest_unconfigure() -> None:
    """Delete the key."""
    shutil.rmtree(CONFIGURATION, ignore_errors=True)
