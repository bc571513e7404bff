"""Pictures yet to be drawn: the entries of `Result.figures`, made without loading matplotlib."""

from collections.abc import Callable
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


def is_picture(drawing: Callable[[], Any]) -> bool:
    """Return True if a callable was made by `picture`, so that no other function has changed the figure it returns."""
    return isinstance(drawing, partial) and drawing.func is draw
