"""Which densities cover the retina best?

Optuna proposes ten networks, and stops those that fall behind at time 20.
Needs Optuna: pip install 'topo-exp[optuna]'.
"""

import topo_exp

search = topo_exp.search(
    "tiny",
    metric="V1/retinotopy_coverage",
    direction="maximize",
    n=10,
    pruner="median",
    seed=1,
    cortex_density={"integers": [3, 8]},
    retina_density={"uniform": [10, 24]},
    times=[0, 20, 200],
    tracking="none",
    tag="search",
)
finished = search.run()
best = finished.best
assert best is not None
print(best.metrics["V1/retinotopy_coverage"].iloc[-1], best.parameters["cortex_density"], best.directory.name)
print((finished.directory / "search.csv").read_text())
