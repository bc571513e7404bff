"""The names that `topo_exp.analysis` offers."""

import subprocess
import sys
from types import FunctionType

import pytest

import topo_exp.analysis as analysis


@pytest.mark.parametrize("name", sorted(set(analysis._WHERE) - {"Presentation", "Result"}))
def test_names_are_functions_each_time(name):
    """An analysis asked for by name is its function, the first time and later, with any modules loaded."""
    assert isinstance(getattr(analysis, name), FunctionType)
    assert getattr(analysis, name) is getattr(analysis, name)


def test_modules_are_found_too():
    """Modules need no import of their own, and unknown names are answered with the nearest."""
    assert analysis.plots.orientation
    assert set(analysis._MODULES) <= set(dir(analysis))
    with pytest.raises(AttributeError, match="orientation_map"):
        _ = analysis.orientation_maps


def test_importing_analyses_loads_nothing_heavy():
    """Neither the package nor any measurement's module loads matplotlib, scipy or xarray before it is used."""
    code = (
        "import sys, topo_exp.analysis as a\n"
        "a.orientation_map, a.map_quality, a.retinotopic_map, a.orientation_tuning, a.receptive_fields, a.activity\n"
        "print([m for m in ('matplotlib', 'scipy', 'xarray', 'pandas', 'numba') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
