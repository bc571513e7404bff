"""Deferred pictures: callables for `Result.figures`, made without loading matplotlib."""

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture(function: str, *arrays: Any, **options: Any) -> "partial[Figure]":
    """Return a callable that draws by `topo_exp.analysis.plots.<function>(*arrays, **options)`, in any process."""
    return partial(draw, function, *arrays, **options)


def draw(function: str, *arrays: Any, **options: Any) -> "Figure":
    """Draw by the function of that name of `topo_exp.analysis.plots`."""
    from topo_exp.analysis import plots  # here, because it loads matplotlib

    figure: Figure = getattr(plots, function)(*arrays, **options)
    return figure
