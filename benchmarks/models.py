"""The cost of an iteration of several models, for each connection that an active unit reaches.

    python -m benchmarks models [--rounds 7]

Models take turns in one process; times are CPU time. Active connections of an iteration are counted from the activity
at its end: the fraction of active units of the source of each projection, times its connections, times the activations
and the learning in which they are used.
"""

import argparse
import statistics
import time

import topo_exp
from topo_exp.engine.simulation import Simulation

MODELS = ("gcal_oo_or", "gcal_od", "lissom_oo_or", "lissom_or")
"""The first one is the unit of the ratios."""
BEGIN, SLICE = 2000, 100
"""Iterations before measuring, and in each measurement."""
COUNTED = 20
"""Iterations over which active connections are averaged."""


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each model")
    options = parser.parse_args(arguments)
    sims = {model: topo_exp.build(model) for model in MODELS}
    for sim in sims.values():
        sim.run(BEGIN)
    found: dict[str, list[float]] = {model: [] for model in MODELS}
    for _ in range(options.rounds):
        for model, sim in sims.items():
            began = time.process_time()
            sim.run(round(sim.time) + SLICE)
            found[model].append((time.process_time() - began) / SLICE)
    print(f"{'model':<14}{'iteration':>12}{'active connections':>20}{'each':>10}{'ratio':>8}")
    unit = 0.0
    for model, sim in sims.items():
        seconds, active = statistics.median(found[model]), active_connections(sim)
        unit = unit or seconds / active
        each = seconds / active
        print(f"{model:<14}{seconds * 1e3:>9.3f} ms{active / 1e3:>18.0f} k{each * 1e9:>7.3f} ns{each / unit:>8.2f}")


def active_connections(sim: Simulation) -> float:
    """Return the connections into V1 that active units use in one iteration, on average."""
    v1, total = sim["V1"], 0.0
    for _ in range(COUNTED):
        sim.run(round(sim.time) + 1)
        for projection in v1.projections.values():
            uses = 1 + (v1.tsettle if projection.src is v1 else 1)
            total += (projection.src.activity > 0).mean() * projection.n_connections * uses
    return total / COUNTED
