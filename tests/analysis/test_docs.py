"""The worked examples of docs/writing_an_analysis.md."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

import topo_exp
from topo_exp.analysis.result import subject_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def examples():
    """Run all code of the document in order, as a reader would in one file, and return its names."""
    text = (DOCS / "writing_an_analysis.md").read_text()
    namespace = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, "writing_an_analysis.md", "exec"), namespace)  # noqa: S102  the project's own document
    return namespace


def test_documented_examples_run(examples):
    """The code of the document runs as it stands, and draws its figure."""
    assert examples["figure"].axes
    assert examples["result"].maps["length_preference"].shape == examples["sim"]["V1"].shape
    assert np.isin(examples["result"].maps["length_preference"], (0.0, 0.1, 0.2, 0.4, 0.8)).all()


def test_documented_analyses_of_maps_are_marked_and_find_numbers(examples):
    """The examples on the maps of others are called with maps, of one time and of all, and return nothing without."""
    maps = xr.Dataset(
        {"orientation_selectivity": (("time", "y", "x"), np.array([0.2, 0.6]).reshape(2, 1, 1))},
        coords={"time": [0.0, 5.0]},
    )
    sharp, sharpening = examples["sharp_units"], examples["sharpening"]
    assert (subject_of(sharp), subject_of(sharpening)) == ("maps", "maps over time")
    assert sharp({"orientation_map": maps}).metrics == {"V1/sharp_units": 0.5}
    found = sharpening({"orientation_map": maps})
    assert [found[time].metrics["V1/sharpening"] for time in (0.0, 5.0)] == pytest.approx([0.0, 0.4])
    assert not sharp({})
    assert not sharpening({})


def test_documented_balance_is_measured(examples):
    """The example on ON and OFF finds a balance near 0 in a new network, and nothing where there is no pair."""
    found = examples["on_off_balance"](topo_exp.build("gcal_oo_or", cortex_density=12))
    assert abs(found.metrics["V1/on_off_balance"]) < 0.05
    assert found.figures["V1/on_off_balance"]().axes
    assert not examples["on_off_balance"](topo_exp.build("tiny"))


@pytest.mark.parametrize("file", sorted((DOCS.parent / "conf" / "analysis").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_entry_names_a_function_that_takes_its_options(file):
    """Each analysis that can be named on the command line exists and accepts the options set for it."""
    for entry in yaml.safe_load(file.read_text()).values():
        module, _, name = entry.pop("_target_").rpartition(".")
        inspect.signature(getattr(import_module(module), name)).bind(None, **entry)


def test_every_entry_of_the_configuration_is_documented():
    """Each analysis that can be named on the command line has its line in docs/analyses.md."""
    text = (DOCS / "analyses.md").read_text()
    for entry in sorted((DOCS.parent / "conf" / "analysis").glob("*.yaml")):
        assert f"**`{entry.stem}`**" in text
        for name in re.findall(r"^(\w+):", entry.read_text(), flags=re.MULTILINE):
            assert f"`{name}`" in text
