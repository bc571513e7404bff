"""Progress is shown on a terminal, and written to the log."""

import logging
import os
import pty
import subprocess
import sys
import time

from tests.doubles import ROOT
from topo_exp.analysis.responses import Cost
from topo_exp.runner.progress import Progress, ProgressDisplay

SHOWN = """if True:
    import sys, time
    from pathlib import Path
    from tests.doubles import numbers
    from topo_exp.analysis.responses import Cost
    from topo_exp.analysis.result import Result
    from topo_exp.runner.run import execute
    from topo_exp.testing import run_spec
    def slow(sim, *, progress=None):
        progress(Cost(36, 72, 2.0))
        time.sleep(0.5)
        return Result()
    def hello(sim):
        print("hello from before")
        assert not {type(sys.stdout).__name__, type(sys.stderr).__name__} & {"FileProxy"}, "the bar took a stream"
    execute(run_spec(Path(sys.argv[1]), analyses={"numbers": numbers, "slow": slow}, progress=sys.argv[2] == "true",
                     times=(0.0, 5.0, 40.0), before=(hello,),
                     sim={"seconds_per_iteration": 0.02}))
"""


def on_a_terminal(tmp_path, progress):
    """Carry out a run on a terminal; return the terminal's text and the log."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SHOWN, str(tmp_path), progress],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux reports in this way that no process writes to the terminal any more
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0, shown
    (log,) = tmp_path.glob("*/run.log")
    return shown.decode(), log.read_text()


def test_a_terminal_shows_a_bar_with_rate_and_the_log_shows_lines(tmp_path):
    """The bar counts iterations, prints stand above it whole, and none of it gets into the log."""
    shown, log = on_a_terminal(tmp_path, "true")
    assert "/40" in shown
    assert "iterations/s" in shown
    assert "slow 36/72, 2 s left" in shown
    assert shown.count("hello from before") == log.count("hello from before") == 1
    assert "\x1b" not in log
    assert "time 40 of 40" in log


def test_without_progress_the_terminal_stays_quiet(tmp_path):
    """progress=false shows prints and nothing else."""
    shown, _ = on_a_terminal(tmp_path, "false")
    assert shown.split() == ["hello", "from", "before"]


def test_the_log_tells_rate_and_remaining_time(caplog):
    """A line says how far the run is, how fast, and how long simulating the rest will take."""
    progress = ProgressDisplay(100.0, live=False, label="fake")
    with caplog.at_level(logging.INFO):
        progress.advanced(0.0, iterations=0.0, seconds=20.0)  # the first slice compiles, perhaps
        progress.advanced(1.0, iterations=1.0, seconds=20.0)
        progress.advanced(50.0, iterations=50.0, seconds=5.0)
        progress.analysed(50.0)
    assert caplog.messages == ["time 50 of 100, 10 iterations/s, 5 s of simulating left"]


def test_a_listener_hears_of_every_step():
    """Each step has the time reached, the last time, and the rate of simulating or the analysis with its cost."""
    heard = []
    progress = ProgressDisplay(100.0, live=False, label="fake", listener=heard.append)
    progress.advanced(1.0, iterations=1.0, seconds=20.0)  # the first slice compiles, perhaps
    progress.advanced(21.0, iterations=20.0, seconds=2.0)
    progress.advanced(31.0, iterations=10.0, seconds=4.0)
    progress.measuring("map")(Cost(18, 72, 10.0))
    progress.simulated()
    assert heard == [
        Progress(1.0, 100.0, ""),
        Progress(21.0, 100.0, "10 iterations/s"),
        Progress(31.0, 100.0, "5 iterations/s"),
        Progress(31.0, 100.0, "map"),
        Progress(31.0, 100.0, "map 18/72, 30 s left"),
        Progress(31.0, 100.0, "drawing", is_simulated=True),
    ]


def test_the_log_hears_of_a_long_measurement(caplog, monkeypatch):
    """Without a bar, a measurement of minutes leaves lines in the log, and one of seconds does not."""
    progress = ProgressDisplay(100.0, live=False, label="fake")
    with caplog.at_level(logging.INFO):
        progress.measuring("map")(Cost(18, 72, 1.0))
        assert not caplog.messages
        monkeypatch.setattr("topo_exp.runner.progress.LOG_EVERY", 0.0)
        progress.measuring("map")(Cost(36, 72, 40.0))
    assert caplog.messages == ["map: 36/72, 40 s left"]


def test_long_waits_are_said_aloud(monkeypatch):
    """While a block runs, a text says what is waited for and for how long; a short block says nothing."""
    said = []
    progress = ProgressDisplay(100.0, live=False, label="fake")
    monkeypatch.setattr(progress, "say", said.append)
    with progress.saying(lambda seconds: f"waiting for MLflow ({seconds:.0f} s)"):
        pass
    assert not said
    with progress.saying(lambda seconds: f"waiting for MLflow ({seconds:.1f} s)", after=0.05):
        time.sleep(0.5)
    assert len(said) == 1
    assert 0.05 <= float(said[0].removeprefix("waiting for MLflow (").removesuffix(" s)")) < 0.5


def test_nothing_is_said_when_there_is_nothing_to_say(monkeypatch):
    """An empty text is not shown: kernels that are compiled already need no word."""
    said = []
    progress = ProgressDisplay(100.0, live=False, label="fake")
    monkeypatch.setattr(progress, "say", said.append)
    with progress.saying(lambda seconds: "", after=0.01):
        time.sleep(0.1)
    assert not said
