"""This checkout against another one, measured in turns.

    python -m benchmarks pair OTHER_CHECKOUT [--rounds 15] [--processes 1] [--large]

Each checkout runs in a process of its own that keeps its networks. They take turns (A B A B ...), so that a change of
the machine's load meets both; times are CPU time of the process. For each network the table shows the median of both
and the median of the ratios of neighbours, this / other: above 1 this checkout is slower. All times of a process
depend on where it lies in memory and on the machine, by half in small networks, so a claim needs several `--processes`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import IO, NamedTuple

NETWORKS = {
    "tiny": ("tiny", {}, 200, 150),
    "tiny, density 3": ("tiny", {"cortex_density": 3.0}, 200, 150),
    "som_retinotopy": ("som_retinotopy", {}, 200, 60),
    "gcal_oo_or": ("gcal_oo_or", {}, 2000, 100),
}
"""Model, parameters, iterations before measuring, iterations that one measurement takes."""

LARGE = {"gcal 147 x 147": ("gcal", {"cortex_density": 98.0, "area": 1.5}, 60, 5)}

WORKER = """
import json, sys, time
import topo_exp

networks = json.loads(sys.argv[1])
sims = {}
for line in sys.stdin:
    name = line.strip()
    model, parameters, settled, iterations = networks[name]
    if name not in sims:
        begin = time.process_time()
        sims[name] = topo_exp.build(model, **parameters)
        sims[name].run(1)
        first = time.process_time() - begin
        sims[name].run(settled)
        print(first, flush=True)
        continue
    sim = sims[name]
    begin = time.process_time()
    sim.run(round(sim.time) + iterations)
    print((time.process_time() - begin) / iterations, flush=True)
"""


class Checkout:
    """A process that runs the networks with the package of one checkout."""

    def __init__(self, root: Path, networks: dict[str, tuple[str, dict[str, float], int, int]]) -> None:
        environment = {**os.environ, "PYTHONPATH": str(root)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, json.dumps(networks)],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self, name: str) -> float:
        """Return seconds of CPU time: the first time to build and run one iteration, then per iteration."""
        to, answer = self._stream(self._process.stdin), self._stream(self._process.stdout)
        to.write(f"{name}\n")
        to.flush()
        return float(answer.readline())

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream

    def close(self) -> None:
        """End the process."""
        self._stream(self._process.stdin).close()
        self._process.wait()


class Comparison(NamedTuple):
    """One network in a process of each checkout: medians, CPU seconds."""

    ours: float
    theirs: float
    ratio: float
    first: float
    other_first: float

    @classmethod
    def make(cls, this: Checkout, other: Checkout, name: str, *, rounds: int) -> "Comparison":
        """Measure a network in both checkouts in turns."""
        first = this.measure(name), other.measure(name)
        pairs = [(this.measure(name), other.measure(name)) for _ in range(rounds)]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        return cls(ours, theirs, statistics.median(a / b for a, b in pairs), *first)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks pair", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, help="root of the other checkout")
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each network in each checkout")
    parser.add_argument("--processes", type=int, default=1, help="processes of each checkout, one after another")
    parser.add_argument("--large", action="store_true", help="measure 147 x 147 units too (2 x 2 GB)")
    parser.add_argument("--only", nargs="*", default=[], help="names of networks; all by default")
    options = parser.parse_args(arguments)
    networks = NETWORKS | (LARGE if options.large else {})
    networks = {name: network for name, network in networks.items() if not options.only or name in options.only}
    measured: dict[str, list[Comparison]] = {name: [] for name in networks}
    for _ in range(options.processes):
        this, other = Checkout(Path.cwd(), networks), Checkout(options.other.resolve(), networks)
        for name in networks:
            measured[name].append(Comparison.make(this, other, name, rounds=options.rounds))
        this.close()
        other.close()
    print(f"{'network':<18}{'this':>12}{'other':>12}{'ratio':>8}   of each process, ascending")
    for name, found in measured.items():
        ours, theirs, ratio, *firsts = (statistics.median(values) for values in zip(*found, strict=True))
        ratios = " ".join(f"{each.ratio:.3f}" for each in sorted(found, key=lambda each: each.ratio))
        print(f"{name:<18}{ours * 1e3:>9.3f} ms{theirs * 1e3:>9.3f} ms{ratio:>8.3f}   {ratios}")
        print(f"{'':<18}built, first iteration: {firsts[0]:.2f} s, {firsts[1]:.2f} s", flush=True)
