"""All kernels and the columns of their tables, as one module."""

from topo_exp.engine.compiled.kernels.layout import convert, list_vectors
from topo_exp.engine.compiled.kernels.learn import adapt, learn
from topo_exp.engine.compiled.kernels.pictures import draw_gaussians
from topo_exp.engine.compiled.kernels.respond import respond
from topo_exp.engine.compiled.kernels.settle import settle, settle_together
from topo_exp.engine.compiled.kernels.table import *  # noqa: F403 - constants only
from topo_exp.engine.compiled.kernels.weights import add_squares, add_up, fold

__all__ = [
    "adapt",
    "add_squares",
    "add_up",
    "convert",
    "draw_gaussians",
    "fold",
    "learn",
    "list_vectors",
    "respond",
    "settle",
    "settle_together",
]
