"""A run that is stopped ends within seconds, and leaves no half-written time."""

import signal
import time

import pytest

from tests.doubles import script
from topo_exp.record.handle import load_run

SLOW_ANALYSIS = """if True:
    import sys, time
    from pathlib import Path
    from tests.doubles import finished_run, numbers
    from topo_exp.analysis.result import Result
    from topo_exp.testing import run_spec, draw_matrix
    from functools import partial
    class Slow:
        def __call__(self):
            time.sleep(3)
            return draw_matrix([[0, 1]], title="slow")
    def slow(sim):
        if sim.time:
            Path(sys.argv[1], "analysing").touch()
            for _ in range(600):
                time.sleep(0.1)  # Python handles a signal that comes just before a sleep after it
        return Result(figures={f"V1/{i}": Slow() for i in range(20)} if sys.argv[2] == "pictures" else {})
    finished_run(run_spec(Path(sys.argv[1]), analyses={"numbers": numbers, "slow": slow}, times=(0.0, 5.0)))
"""


@pytest.mark.parametrize("pictures", ["pictures", "none"])
@pytest.mark.parametrize(("number", "count"), [(signal.SIGINT, 1), (signal.SIGINT, 3), (signal.SIGTERM, 1)])
def test_a_signal_during_analyses_leaves_whole_times_only(tmp_path, number, count, pictures):
    """One signal or three, pictures queued or not: killed within seconds, and metrics of complete times only."""
    process = script(SLOW_ANALYSIS, tmp_path, pictures)
    until = time.monotonic() + 60
    while not (tmp_path / "analysing").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    sent = time.monotonic()
    for _ in range(count):
        process.send_signal(number)
        time.sleep(0.1)
    _, errors = process.communicate(timeout=30)
    seconds = time.monotonic() - sent
    (directory,) = (path for path in tmp_path.iterdir() if path.is_dir())
    run = load_run(directory)
    assert run.status == "killed"
    assert run.metadata["error"]["message"] == number.name
    assert list(run.metrics.index) == [0.0]
    assert {line.partition(",")[0] for line in (directory / "metrics.csv").read_text().split()[1:]} == {"0.0"}
    assert f"{directory}: killed by {number.name} at time 5" in errors
    assert seconds < 5.0
