"""One figure as the contents of its files, and as a message to the worker that draws it."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.pictures import is_picture
from topo_exp.errors import is_users, users_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from topo_exp.analysis.plots_axes import Frames

CELL_PIXELS = 300
"""Largest side of a picture for a cell of a table."""
CELL_DPI = 150.0


class OtherModuleError(Exception):
    """A function's module is another file, or missing, in the process that should call the function."""


class FigureError(Exception):
    """A figure's function raised, or returned something else.

    Args:
        text: One line about the error.
        place: File and line of the user's own code; empty if none is involved.
        details: The traceback in the worker.
    """

    def __init__(self, text: str, place: str = "", details: str = "") -> None:
        super().__init__(text, place, details)
        self.place = place
        self.details = details

    def __str__(self) -> str:
        return str(self.args[0])

    @classmethod
    def of(cls, error: BaseException) -> FigureError:
        """Describe any exception."""
        text = " ".join(str(error).split()).rstrip(".")
        return cls(f"{type(error).__name__}{': ' if text else ''}{text}", users_line(error))


def place_of(function: Callable[[], object]) -> tuple[str, str]:
    """Return the name by which a user knows a figure's function, and the file and line of its definition.

    The place is empty for a function of this package or of a library.
    """
    inner: Any = function
    while isinstance(inner, partial):
        inner = inner.args[0] if is_picture(inner) else inner.func
    code = getattr(inner, "__code__", None)
    name = inner if isinstance(inner, str) else getattr(inner, "__qualname__", type(inner).__name__)
    if code is None or not is_users(code.co_filename):
        return name, ""
    return name, f"{code.co_filename}, line {code.co_firstlineno}"


def rendered(
    name: str,
    function: Callable[[], Any],
    paths: Sequence[Path],
    *,
    style: FigureStyle,
    cell: Path | None = None,
    frames: Frames | None = None,
) -> Iterator[tuple[Path, bytes]]:
    """Draw one figure and yield each of its files with its content.

    Args:
        name: Stored in the files as their title, since file names cannot hold every name.
        function: Returns a matplotlib Figure.
        paths: Files; their suffix is the format.
        style: Of figures that are drawn by `topo_exp.analysis.plots`. Its resolution is that of all figures.
        cell: PNG file of the picture for a cell of a table, or None for no such picture. A figure of this package is
            drawn a second time for it, without title, margins and keys; any other is only reduced.
        frames: Axes of earlier pictures to draw into, in a process that draws many.

    Yields:
        Path and content, in the order of `paths`, that of the cell last.

    Raises:
        FigureError: The function returned something else.
    """
    from topo_exp.analysis.plots_axes import Frames
    from topo_exp.analysis.plots_style import Picture, render  # here, because they load matplotlib

    reused = frames if frames is not None and is_picture(function) else Frames()
    with style.use(), reused.use():
        figure = function()
        if not hasattr(figure, "savefig"):
            raise FigureError(f"{type(figure).__name__} instead of a matplotlib Figure")
        for path in paths:
            yield path, render(figure, path.suffix.lstrip("."), dpi=style.dpi, title=name)
    if cell is not None:
        with replace(style, form="cell", dpi=CELL_DPI).use(), reused.use():
            is_ours = isinstance(figure, Picture)
            small = function() if is_ours else figure
            yield cell, render(small, "png", dpi=None if is_ours else _reduced(small), title=name)
            if is_ours:
                reused.keep(small)
    reused.keep(figure)


def packed(*message: Any) -> bytes | None:
    """Return objects as a message for another process, or None if only this process can use them.

    Functions and classes travel as the names of their modules and themselves. The message says which file each module
    is, so that the other process refuses a module of the same name that is another one. A function of `__main__`, the
    script or notebook that is running, cannot travel: the `__main__` of the other process is another file.
    """
    buffer = io.BytesIO()
    pickler = _ModuleNotingPickler(buffer)
    try:
        pickler.dump(message)
    except Exception:  # noqa: BLE001  a user's object may raise anything when it is pickled
        return None
    files = {module: _file(sys.modules.get(module)) for module in pickler.modules}
    return None if "__main__" in files else pickle.dumps((files, buffer.getvalue()), protocol=5)


def unpacked(message: bytes) -> Any:
    """Return the objects of a message made by `packed`.

    Raises:
        OtherModuleError: A module of that name is another file here, or cannot be imported.
    """
    files, content = pickle.loads(message)  # noqa: S301  from the parent process only, through its pipe
    for module, file in files.items():
        try:
            found = _file(import_module(module))
        except Exception as error:  # a user's module may raise anything when it is imported
            raise OtherModuleError(module) from error
        if found != file:
            raise OtherModuleError(module)
    return pickle.loads(content)  # noqa: S301  as above


class _ModuleNotingPickler(pickle.Pickler):
    """Pickle, and note the modules of functions and classes."""

    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, protocol=5)
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Note the module of a function or class, and leave the pickling as it is."""
        if callable(obj) and hasattr(obj, "__qualname__"):
            self.modules.add(getattr(obj, "__module__", None) or "builtins")
        return NotImplemented


def _file(module: Any) -> str | None:
    return getattr(module, "__file__", None)


def _reduced(figure: Figure) -> float:
    """Return the dots per inch at which a figure is as large as a cell."""
    return CELL_PIXELS / float(max(figure.get_size_inches()))
