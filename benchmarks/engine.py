"""The engine against a dense NumPy engine and against the memory's bandwidth, in ratios of one run.

Whatever is compared is measured in turns (A B A B ...) in this process, and medians are reported, since machines are
never quiet. Times within this process are CPU time, so that being interrupted does not count; whole processes are
measured by the clock. Times are of whole iterations of gcal_oo_or, from input to normalised weights, on one thread.

The floor is what the event-driven form has to move, at the bandwidth measured here for a working set of that size: the
LGN's kernels once per active source; afferent weights of active sources, and the weights that change once more to be
written, both from among all weights, of which the last iteration used others; weights of the active units once per
settling step, again from among all weights the first time, and then from those that are active.
"""

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from topo_exp.engine.compiled import buffers, fields
from topo_exp.engine.compiled.executor import Executor
from topo_exp.engine.fields import DenseFields
from topo_exp.engine.patterns import SineGrating
from topo_exp.engine.projection import Projection
from topo_exp.engine.simulation import Simulation
from topo_exp.models.gcal_oo_or import GcalOoOr

STAGES = {"draw_gaussians": "retina", "settle": "settle", "learn": "learn", "fold": "fold", "adapt": "threshold"}


# ---------------------------------------------------------------------------------------------------------- clocks
Clock = Callable[[], float]


def seconds(work: Callable[[], object], clock: Clock = time.process_time) -> float:
    """Return how long some work takes."""
    begin = clock()
    work()
    return clock() - begin


def in_turns(rounds: int, *works: Callable[[], object], clock: Clock = time.process_time) -> list[float]:
    """Do each work once per round, in turns, and return the median time of each."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, own in zip(works, times, strict=True):
            own.append(seconds(work, clock))
    return [statistics.median(own) for own in times]


def running(sim: Simulation, iterations: int) -> Callable[[], None]:
    """Return the work of running so many further iterations."""
    return lambda: sim.run(round(sim.time) + iterations)


READ = 64 << 20
"""Bytes that `reading` reads."""


ROUNDS = 9


def reading(size: int) -> Callable[[], None]:
    """Return the work of reading READ bytes from a working set of `size` bytes, over and over.

    Each time another one is read: how well a cache holds it depends on where in memory it came to lie. They start on a
    cache line, as weights do.
    """
    sets = itertools.cycle([buffers.aligned(max(size // 4, 1024)) for _ in range(ROUNDS)])
    repeats = max(1, READ // (4 * max(size // 4, 1024)))

    def read() -> None:
        numbers = next(sets)
        for _ in range(repeats):
            np.dot(numbers, numbers)

    return read


def bandwidth(size: int) -> float:
    """Return bytes per second that one core reads from a working set of `size` bytes."""
    return READ / in_turns(ROUNDS, reading(size))[0]


# ------------------------------------------------------------------------------------------------------- what moves
def executors(sim: Simulation) -> dict[str, Executor]:
    """Return the executor of each compiled sheet."""
    return {sheet.name: worker for sheet, worker in sim._started().items() if isinstance(worker, Executor)}


def reached(projection: Projection, active: np.ndarray) -> int:
    """Return how many connections the given source units have through a projection."""
    layout = projection.fields.buffers.layout
    bits = np.unpackbits(layout.lanes.astype("<i4").view(np.uint8).reshape(-1, 4), axis=1).reshape(-1, 4, 8).sum(axis=2)
    reach = np.add.reduceat(np.vstack([bits, np.zeros((1, 4), int)]), layout.lists[:, 0])
    reach[layout.lists[:, 1:].sum(axis=1) == 0] = 0
    columns = projection.src.shape[1]
    quad_columns = (columns + 1) // 2
    row, column = np.divmod(np.flatnonzero(active), columns)
    return int(reach[layout.list_of[row // 2 * quad_columns + column // 2], row % 2 * 2 + column % 2].sum())


def moved(sim: Simulation, iterations: int) -> tuple[dict[str, float], float]:
    """Go through some iterations step by step; return bytes moved per iteration by stage, and V1's connections used."""
    v1 = sim["V1"]
    kernels = [p for p in sim.projections if p.is_shared and p.fields.opposite is None]
    lateral = [p for p in v1.projections.values() if p.src is v1]
    afferent = [p for p in v1.projections.values() if p.src is not v1]
    step = lateral[0].delay
    total: dict[str, float] = defaultdict(float)
    used = 0
    for _ in range(iterations):
        begin = round(sim.time)
        for n in range(4, round(1 / step)):
            sim.run(round(begin + n * step, 6))
            used_now = sum(reached(p, v1.activity) for p in lateral)
            total["settle, first step" if n == 4 else "settle"] += 4 * used_now
            used += used_now
        for p in afferent:
            own = reached(p, p.input)
            total["afferent"] += 4 * own
            used += own
            total["learn"] += 8 * own * np.count_nonzero(v1.activity) / v1.activity.size
        total["learn"] += sum(8 * reached(p, v1.activity) for p in lateral) * (v1.activity > 0).mean()
        total["LGN"] += sum(4 * reached(p, p.input) for p in kernels)
        sim.run(begin + 1)
    return {stage: size / iterations for stage, size in total.items()}, used / iterations


def shares(sim: Simulation, iterations: int) -> dict[str, float]:
    """Return the share of an iteration that each stage takes; what is left is Python between the kernels."""
    kernels, spent = buffers.kernels(), defaultdict(float)

    class Watched:
        def __getattr__(self, name: str) -> Any:
            value = getattr(kernels, name)
            if name not in STAGES:
                return value

            def call(*args: Any) -> Any:
                begin = time.perf_counter()
                result = value(*args)
                sheet = f" {names[args[0].ctypes.data]}" if name == "settle" else ""
                spent[STAGES[name] + sheet] += time.perf_counter() - begin
                return result

            return call

    watched = Watched()
    names = {executor._addresses.ctypes.data: name for name, executor in executors(sim).items()}
    original = buffers.kernels
    buffers.kernels = fields.kernels = lambda: watched
    for executor in executors(sim).values():
        executor._kernels = watched
    try:
        whole = seconds(running(sim, iterations))
    finally:
        buffers.kernels = fields.kernels = original
        for executor in executors(sim).values():
            executor._kernels = kernels
    spent["Python between kernels"] = whole - sum(spent.values())
    return {stage: part / whole for stage, part in spent.items()}


# --------------------------------------------------------------------------------------------------------- networks
def network(iterations: int, **parameters: Any) -> tuple[Simulation, float, float]:
    """Return gcal_oo_or after so many iterations, seconds to build it, and seconds to lay out its weights."""
    build = seconds(lambda: built.append(GcalOoOr(**parameters).build()))
    sim = built.pop()
    lay = seconds(sim.start)
    sim.run(iterations)
    return sim, build, lay


built: list[Simulation] = []


def dense_twin(sim: Simulation, **parameters: Any) -> Simulation:
    """Return the same network in the same state, computed densely by NumPy with float32 weights and arithmetic."""
    twin = GcalOoOr(**parameters).build()
    twin.engine = "reference"
    twin.restore(sim.state())
    for projection in twin["V1"].projections.values():
        weights = projection.fields.weights()
        projection.fields = DenseFields(projection.geometry, projection.mask, weights, np.float32)
    return twin


def gratings(count: int) -> list[SineGrating]:
    """Return the gratings of an orientation map measurement: four orientations, 18 phases of each."""
    return [
        SineGrating(frequency=2.4, scale=0.3, orientation=np.pi * (i // 18) / 4, phase=2 * np.pi * (i % 18) / 18)
        for i in range(count)
    ]


def measuring(sim: Simulation, count: int) -> Callable[[], None]:
    """Return the work of an orientation map measurement."""

    def work() -> None:
        with sim.frozen():
            sim.respond({"Retina": gratings(count)}, sheets=["V1"])

    return work


# ------------------------------------------------------------------------------------------------------------ report
def row(name: str, value: str, remark: str = "") -> None:
    """Print one line of a table."""
    print(f"  {name:<44}{value:>16}  {remark}".rstrip(), flush=True)


def report_default(settled: int) -> float:
    """Measure the default network; return its cost per connection used, in seconds."""
    sim, build, lay = network(settled)
    print(f"\ngcal_oo_or, 48 x 48, iterations {settled} and on")
    row("build, lay out", f"{build:.3f}, {lay:.3f} s")
    weights = sum(p.nbytes for p in sim["V1"].projections.values())
    connections = sum(p.n_connections for p in sim["V1"].projections.values())
    row("bytes / float32 weights", f"{weights / (4 * connections):.2f}", f"{weights / 1e6:.1f} MB")
    dense = dense_twin(sim)
    dense.run(round(dense.time) + 1)
    fast, slow = in_turns(5, running(sim, 200), running(dense, 2))
    fast, slow = fast / 200, slow / 2
    row("iteration, event-driven", f"{fast * 1e3:.3f} ms")
    row("iteration, dense NumPy, float32", f"{slow * 1e3:.1f} ms", f"ratio {slow / fast:.0f}")
    row("reference's compiled path (33 ms when idle)", f"{33e-3 / fast:.0f} x", "not measured here")
    sizes, used = moved(sim, 20)
    shared = sum(p.fields.buffers.weights.nbytes for p in sim.projections if p.is_shared)
    sets = dict.fromkeys(sizes, weights) | {"settle": sizes["settle"] / 15, "LGN": shared / 4}
    readings = {stage: reading(int(size)) for stage, size in sets.items()}
    again, *times = in_turns(ROUNDS, running(sim, 200), *readings.values())
    floor = 0.0
    for (stage, size), spent in zip(sizes.items(), times, strict=True):
        speed = READ / spent
        floor += size / speed
        row(f"bytes, {stage}", f"{size / 1e6:.2f} MB", f"at {speed / 1e9:.0f} GB/s from {sets[stage] / 1e6:.2f} MB")
    row("floor", f"{floor * 1e3:.3f} ms", f"iteration / floor {again / 200 / floor:.1f}")
    for stage, share in sorted(shares(sim, 500).items(), key=lambda item: -item[1]):
        row(f"share, {stage}", f"{100 * share:.1f} %")
    running(sim, 20)()
    once, measured = in_turns(3, running(sim, 200), measuring(sim, 72))
    row("72 gratings", f"{measured * 1e3:.0f} ms", f"{200 * measured / once:.0f} iterations' worth")
    return fast / used


def report_scaling(per_connection: float, settled: int, *, large: bool) -> None:
    """Measure larger networks against the default's cost per connection used."""
    cases: Iterable[dict[str, float]] = [{"cortex_density": 96.0}, {"area": 2.0}]
    print(f"\nlarger networks, iterations {settled} and on")
    for parameters in [*cases, *([{"cortex_density": 98.0, "area": 1.5}] if large else [])]:
        name = ", ".join(f"{key} {value:g}" for key, value in parameters.items())
        sim, build, lay = network(settled, **parameters)
        (cost,) = in_turns(3, running(sim, 20))
        _, used = moved(sim, 5)
        active = float((sim["V1"].activity > 0).mean())
        row(
            name,
            f"{cost / 20 * 1e3:.2f} ms",
            f"per connection {cost / 20 / used / per_connection:.2f} of the default's",
        )
        weights = sum(p.nbytes for p in sim["V1"].projections.values())
        floats = 4 * sum(p.n_connections for p in sim["V1"].projections.values())
        row("", f"{weights / 1e6:.0f} MB", f"{weights / floats:.2f} of float32; active {active:.3f}")
        row("  build, lay out", f"{build:.2f}, {lay:.2f} s")
    row("peak memory of this process", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


def report_processes() -> None:
    """Measure whole processes: start to first iteration, and two runs side by side."""
    print("\nprocesses")
    first = "from topo_exp.models.gcal_oo_or import GcalOoOr; GcalOoOr(cortex_density=24).build().run(1)"
    many = "from topo_exp.models.gcal_oo_or import GcalOoOr; GcalOoOr().build().run(4000)"

    def start(code: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", code])

    def both() -> None:
        for process in [start(many), start(many)]:
            process.wait()

    bare, warm = in_turns(
        5, lambda: start("import numba, hydra").wait(), lambda: start(first).wait(), clock=time.perf_counter
    )
    row("start to first iteration", f"{warm:.2f} s", f"{warm / bare:.2f} of `import numba, hydra`")
    one, two = in_turns(2, lambda: start(many).wait(), both, clock=time.perf_counter)
    row("two runs side by side", f"{two:.2f} s", f"{two / one:.2f} of one, {os.cpu_count()} cores")


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks engine", description=__doc__)
    parser.add_argument("--settled", type=int, default=2000, help="iterations before a network is measured")
    parser.add_argument("--large", action="store_true", help="measure 147 x 147 units too (2 GB, two minutes)")
    options = parser.parse_args(arguments)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; reading", end=" ")
    print(", ".join(f"{size / 1e6:g} MB at {bandwidth(int(size)) / 1e9:.0f} GB/s" for size in (0.5e6, 8e6, 128e6)))
    per_connection = report_default(options.settled)
    report_scaling(per_connection, options.settled, large=options.large)
    report_processes()
