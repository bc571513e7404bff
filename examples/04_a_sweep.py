"""How does the coverage of the retina depend on the density of both sheets, which change together?

Four runs side by side: two pairs of densities, each developed for two lengths of time.
"""

import topo_exp
from topo_exp import Sweep

pairs = Sweep.zip(cortex_density=[4, 6], retina_density=[12, 24])
sweep = topo_exp.sweep("tiny", space=pairs, times=[[0, 50], [0, 100]], tracking="none", tag="pairs")
print(f"{len(sweep.space)} runs: {', '.join(sweep.names)}")
finished = sweep.run()
print(finished.status())
for run in finished.runs:
    print(run.parameters["cortex_density"], run.times[-1], run.metrics["V1/retinotopy_coverage"].iloc[-1])
