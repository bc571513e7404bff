"""Which runs does a sweep consist of?

Pairs, one space after another, a condition, seeds, a random sample, a table: each is printed as the command line words
of its runs; the last one is run.
"""

import csv
import tempfile
from pathlib import Path

import topo_exp
from topo_exp import Sweep

pairs = Sweep.zip(cortex_density=[4, 6], retina_density=[12, 24])
one_after_another = Sweep(cortex_density=[3, 4]) + Sweep(cortex_density=[8], retina_density=[24])
without_some = Sweep(cortex_density=[3, 4, 8], retina_density=[12, 24]).exclude(
    "cortex_density == 8 and retina_density < 20"
)
with_seeds = (Sweep(contrast=[15, 100], model=["gcal"])).replicates(input_seed=3)
sample = Sweep.sample(4, seed=1, method="sobol", retina_density={"log_uniform": [8, 32]})

with tempfile.TemporaryDirectory() as folder:
    table = Path(folder, "points.csv")
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["cortex_density", "retina_density"], [3, 12], [5, 20]])
    listed = Sweep.csv(table)

spaces = {
    "pairs (zip)": pairs,
    "one after another (+)": one_after_another,
    "all but some (exclude)": without_some,
    "with seeds (replicates)": with_seeds,
    "a random sample": sample,
    "from a table (csv)": listed,
}
for name, space in spaces.items():
    print(f"{name}: {len(space)} runs")
    for point in space:
        print(f"    {point}")

finished = topo_exp.sweep("tiny", space=listed, times=[0, 50], tracking="none", tag="listed").run()
print(finished.status())
