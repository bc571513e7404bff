"""How much CPU time does a picture take?

    python -m benchmarks pictures [--against PATH] [--density 24] [--rounds 5] [--profile]

Draws every picture of GCAL's default analysis and of `map_quality`, of one simulation, as the drawing worker of a run
does: in one process, the same kinds of pictures again and again. With `--against`, the checkout of another commit draws
its own pictures in turn with this one, A B A B, each time in a fresh process; the figures are medians. A process is
measured from its second round on: the first one loads fonts and makes the axes that later ones reuse; it has its own
line.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS_OF_A_PROCESS = 3


def figures(density: float) -> dict[str, Callable[[], Any]]:
    """Return the drawing functions of one small simulation, by name of the picture."""
    import topo_exp
    from topo_exp.analysis import default, fields, maps, quality, retinotopy

    sim = topo_exp.build("gcal", cortex_density=density)
    sim.run(until=20)
    found: dict[str, Callable[[], Any]] = {}
    measured: dict[str, Any] = {}
    for analysis in (
        default.activity,
        default.standard_gaussian,
        fields.connection_fields,
        retinotopy.retinotopic_map,
        maps.orientation_map,
    ):
        with sim.frozen():
            result = analysis(sim)
        found.update(result.figures)
        measured[analysis.__name__] = result.maps
    found.update(quality.orientation_quality({"orientation_map": measured["orientation_map"]}).figures)
    return found


def draw_all(density: float, *, cells: bool) -> list[dict[str, float]]:
    """Return the CPU seconds of each picture in each of some rounds, in this process."""
    import inspect

    from topo_exp.runner import drawing

    write: Any = getattr(drawing, "draw", None) or drawing.save_figure  # type: ignore[attr-defined]  of another commit
    options: dict[str, Any] = {}
    if "frames" in inspect.signature(write).parameters:
        from topo_exp.analysis.plots_axes import Frames

        options["frames"] = Frames()
    rounds = []
    functions = figures(density)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS_OF_A_PROCESS):
            taken = {}
            for i, (name, function) in enumerate(functions.items()):
                more = {"cell": Path(folder, f"{i}_cell.png")} if cells else {}
                started = time.process_time()
                write(name, function, [Path(folder, f"{i}.png")], **options, **more)
                taken[name] = time.process_time() - started
            rounds.append(taken)
    return rounds


def measure(checkout: Path, density: float, *, cells: bool = False) -> list[dict[str, float]]:
    """Return what `draw_all` returns in a fresh process that imports the package from a checkout."""
    call = f"runpy.run_path({__file__!r})['draw_all']({density}, cells={cells})"
    words = [sys.executable, "-P", "-c", f"import json, runpy; print(json.dumps({call}))"]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    rounds: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return rounds


def profile(density: float) -> None:
    """Print the functions in which drawing spends its time."""
    import cProfile
    import pstats

    draw_all(density, cells=False)
    profiler = cProfile.Profile()
    profiler.enable()
    draw_all(density, cells=False)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def main(words: list[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pictures", description=__doc__)
    parser.add_argument("--against", type=Path, help="checkout of another commit, to be measured in turn")
    parser.add_argument("--density", type=float, default=24, help="units per unit of length of the cortex")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each checkout")
    parser.add_argument("--profile", action="store_true", help="print a profile instead")
    chosen = parser.parse_args(words)
    if chosen.profile:
        profile(chosen.density)
        return
    root = Path(__file__).resolve().parents[1]
    setups: dict[str, Callable[[], list[dict[str, float]]]] = {
        "this": lambda: measure(root, chosen.density),
        "with cells": lambda: measure(root, chosen.density, cells=True),
    }
    if chosen.against is not None:
        setups = {"other": lambda: measure(chosen.against.resolve(), chosen.density), **setups}
    taken: dict[str, list[list[dict[str, float]]]] = {name: [] for name in setups}
    for _ in range(chosen.rounds):
        for name, run in setups.items():
            taken[name].append(run())
    names = list(dict.fromkeys(picture for rounds in taken.values() for picture in rounds[0][0]))
    print(f"{'CPU ms, median of ' + str(chosen.rounds) + ' processes':40}" + "".join(f"{name:>12}" for name in setups))
    for picture in names:
        later = {s: [r[picture] for p in taken[s] for r in p[1:] if picture in r] for s in setups}
        medians = [1000 * statistics.median(values) if values else float("nan") for values in later.values()]
        print(f"{picture:40}" + "".join(f"{median:12.1f}" for median in medians))
    for label, part in (("mean of all", slice(1, None)), ("mean of all, first round", slice(0, 1))):
        means = {s: [statistics.mean(r.values()) for p in taken[s] for r in p[part]] for s in setups}
        print(f"{label:40}" + "".join(f"{1000 * statistics.median(means[s]):12.1f}" for s in setups))


if __name__ == "__main__":
    main(sys.argv[1:])
