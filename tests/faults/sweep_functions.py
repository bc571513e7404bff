"""Functions for runs of a sweep, named on its command line by this file."""

import os
import time
from pathlib import Path

from topo_exp.analysis.result import Result


def measure(sim):
    """Return a number that depends on all weights."""
    return Result(metrics={"V1/total": float((sim["V1"].projections["Afferent"].weights ** 2).sum())})


def wait(sim):
    """Wait until the process is killed, and ignore everything else; a file says that it has begun."""
    Path(os.environ["TOPO_EXP_OUTPUT"], "waiting").touch()
    until = time.monotonic() + 1000
    while time.monotonic() < until:
        try:
            time.sleep(0.1)
        except BaseException:  # noqa: BLE001  it ignores signals on purpose
            continue
