"""The families together: nothing that is declared in the engine stands outside of them."""

import importlib
import inspect
import pkgutil

import param
import pytest

from tests.contracts.members import assert_declared
from topo_exp import engine
from topo_exp.engine.cortex import NeighborhoodMask
from topo_exp.engine.patterns import Pattern
from topo_exp.engine.projection import Projection
from topo_exp.engine.sheet import Sheet
from topo_exp.engine.streams import NumberGenerator
from topo_exp.engine.transfer import Adaptive

MODULES = [
    importlib.import_module(f"topo_exp.engine.{module.name}")
    for module in pkgutil.iter_modules(engine.__path__)
    if module.name != "compiled"
]
DECLARED = {
    thing
    for module in MODULES
    for thing in vars(module).values()
    if inspect.isclass(thing) and issubclass(thing, param.Parameterized) and thing.__module__ == module.__name__
}
BASES = (Pattern, Projection, Sheet, NeighborhoodMask, NumberGenerator, Adaptive)
CALLED = {
    ("inputs", "weights"),
    ("activity", "contribution"),
    ("x",),
    ("x", "y"),
    ("weights", "inputs", "activity", "rate"),
    ("weights", "inputs", "activity", "rate", "memory"),
    ("weights",),
    ("sim",),
}
"""What the members of the other families are called with."""


@pytest.mark.parametrize("cls", sorted(DECLARED, key=lambda cls: cls.__name__))
def test_whatever_is_declared_belongs_to_a_family(cls):
    """A declared class of the engine is below a family's base, or is called as a family's members are."""
    call = vars(cls).get("__call__")
    arguments = tuple(inspect.signature(call).parameters)[1:] if call else None
    assert issubclass(cls, BASES) or arguments in CALLED, f"{cls.__name__}: give it a family in tests/contracts"
    assert_declared(cls)
