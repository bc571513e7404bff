"""How does coverage depend on the size of the cortex?

The task of Lancet's tutorial: a range of values, launched side by side, collated into a table, drawn as a curve.
"""

from pathlib import Path

import topo_exp

finished = topo_exp.sweep("tiny", cortex_density=range(3, 7), retina_density=[16, 24], times=[0, 50, 200]).run()
table = topo_exp.collate(finished.directory)
print(table[["cortex_density", "retina_density", "time", "V1/retinotopy_coverage"]].to_string(index=False))

figure = topo_exp.plot_sweep(table, x="cortex_density", y="V1/retinotopy_coverage", hue="retina_density")
picture = Path(finished.directory, "coverage.pdf")
figure.savefig(picture)
print(picture)
