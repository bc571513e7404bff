"""A sweep of small runs, made once for all tests of finished runs."""

from pathlib import Path

import pytest

import topo_exp

MEASURE = """
from topo_exp import Result

def measure(sim):
    v1 = sim["V1"].projections["Afferent"].weights
    return Result(metrics={"V1/largest_weight": float(v1.max()), "V1/orientation_selectivity_mean": float(v1.std())})
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a finished sweep: 2 cortex_density x 2 retina_density, times 0 and 10."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "functions.py").write_text(MEASURE)
    sweep = topo_exp.sweep(
        "tiny",
        cortex_density=[3, 4],
        retina_density=[12, 24],
        times=[0, 10],
        analysis=[f"{folder / 'functions.py'}:measure"],
        tracking="none",
        output_dir=str(folder / "Output"),
        progress=False,
    )
    return sweep.run().directory
