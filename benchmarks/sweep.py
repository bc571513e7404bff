"""Many short runs: the local launcher beside Hydra's basic and joblib launchers, and the start of a large sweep.

    python -m benchmarks sweep [--runs 200] [--points 2000] [--rounds 1]

Each launcher carries out the same runs, `tiny` for one iteration without analyses, in turns, as a command of its own in
an empty directory; times are by the clock. joblib is left out where hydra-joblib-launcher is not installed. Then a
sweep of many points is started, and ended when its first run exists: all points are checked before that.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAUNCHERS = ("local", "basic", "joblib")
QUICK = ("times=[0,1]", "analysis=[]", "tracking=none", "progress=false")


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200, help="runs that each launcher carries out")
    parser.add_argument("--points", type=int, default=2000, help="points of the large sweep")
    parser.add_argument("--rounds", type=int, default=1, help="times that each launcher does so")
    options = parser.parse_args(arguments)
    found = importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher") if _has_plugins() else None
    launchers = [name for name in LAUNCHERS if name != "joblib" or found is not None]
    seconds: dict[str, list[float]] = {name: [] for name in launchers}
    for _ in range(options.rounds):
        for name in launchers:
            seconds[name].append(whole(options.runs, name))
    for name, times in seconds.items():
        each = statistics.median(times)
        print(f"{name:<8}{options.runs} runs {each:>7.1f} s, {1000 * each / options.runs:>5.0f} ms each", flush=True)
    for analysis in ("[]", "[default]"):
        first = until_first(options.points, analysis)
        print(f"{options.points} points, analysis={analysis}: first run after {first:.1f} s")


def _has_plugins() -> bool:
    return importlib.util.find_spec("hydra_plugins") is not None


def words(points: int) -> list[str]:
    """Return words of a sweep with that many points, all small."""
    return ["-m", f"cortex_density=linspace(3,5,{points})"]


def whole(runs: int, launcher: str) -> float:
    """Return the seconds that a launcher takes for all runs."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "topo_exp", *words(runs), *QUICK, f"hydra/launcher={launcher}"],
            cwd=folder,
            env=_environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - began
        made = len(list(Path(folder).glob("Output/*/*/run.yaml")))
        assert made == runs, f"{launcher}: {made} runs"
        return seconds


def until_first(points: int, analysis: str) -> float:
    """Return the seconds from the command to the first run directory of a sweep, which is then ended."""
    with tempfile.TemporaryDirectory() as folder:
        quick = [word if word != "analysis=[]" else f"analysis={analysis}" for word in QUICK]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "topo_exp", *words(points), *quick],
            cwd=folder,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while process.poll() is None and not list(Path(folder).glob("Output/*/*/run.yaml")):
                time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            process.kill()
            process.wait()
            time.sleep(1)  # its runs notice that it has gone


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path.cwd())}
