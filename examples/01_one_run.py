"""How do I develop a map, record everything about it, and look at what came out?

The same run from the command line: python -m topo_exp cortex_density=3 'times=[0,100,500]' tag=example
"""

from pathlib import Path

import topo_exp

# A network alone, to try things on: nothing is recorded.
sim = topo_exp.build("tiny", cortex_density=3)
sim.run(until=100)
print(f"at time {sim.time:g} the most active of {sim['V1'].activity.size} units has {sim['V1'].activity.max():.3f}")

# A recorded run: a directory with everything in it, that can be found again by what was varied.
run = topo_exp.run("tiny", cortex_density=3, times=[0, 100, 500], tag="example", tracking="none")
print(run)
print(run.metrics.T)

for name, pictures in run.figures.items():
    print(f"{name}: {len(pictures)} pictures, the last one is {Path(pictures[max(pictures)]).name}")

# Later, or elsewhere, the directory is all that is needed.
again = topo_exp.load_run(run.directory)
print(again.parameters)
