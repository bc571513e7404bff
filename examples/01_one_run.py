"""How do I develop a map, record the run, and read its results?

The same run from the command line: python -m topo_exp cortex_density=3 'times=[0,100,500]' tag=example
"""

from pathlib import Path

import topo_exp

# A simulation without a run: nothing is recorded.
sim = topo_exp.build("tiny", cortex_density=3)
sim.run(until=100)
print(f"at time {sim.time:g} the most active of {sim['V1'].activity.size} units has {sim['V1'].activity.max():.3f}")

# A recorded run: one directory, named after the parameters that were set.
run = topo_exp.run("tiny", cortex_density=3, times=[0, 100, 500], tag="example", tracking="none")
print(run)
print(run.metrics.T)

for name, pictures in run.figures.items():
    print(f"{name}: {len(pictures)} pictures, the last one is {Path(pictures[max(pictures)]).name}")

# Later, or on another machine, the directory is enough.
again = topo_exp.load_run(run.directory)
print(again.parameters)
