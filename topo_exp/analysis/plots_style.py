"""The style of all pictures as matplotlib's settings, and the bytes of their files."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topo_exp.analysis.figure_style import FigureStyle, current_style
from topo_exp.analysis.plots_canvas import PictureCanvas, TextCache

P = ParamSpec("P")

STYLE = str(Path(__file__).with_name("topo_exp.mplstyle"))
"""The style file of all pictures, for use with `matplotlib.style.use`."""

FONT_SIZES = ("font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
PNG_COMPRESSION = 1
"""At the usual 6, a file is a tenth smaller and takes twice as long."""
WITHOUT_DATES: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


class Picture(Figure):
    """A figure that keeps the style it was drawn in, also when it is saved: matplotlib reads some settings only then.

    Args:
        style: The style.
        size: Width and height, inches.
        texts: Images of texts that other pictures have drawn, too; None starts without any.
    """

    def __init__(self, style: FigureStyle, size: tuple[float, float], texts: TextCache | None = None) -> None:
        """Make an empty figure, independent of pyplot."""
        super().__init__(figsize=size, dpi=style.dpi)
        self.style = style
        self.frame: object = None
        self._pixels = PictureCanvas(self, TextCache() if texts is None else texts)

    def pixels(self) -> NDArray[np.uint8]:
        """Draw, and return RGB (height, width, 3)."""
        with mpl.rc_context(settings(self.style)):
            self._pixels.draw()
            return np.asarray(self._pixels.buffer_rgba())[..., :3]

    def _repr_png_(self) -> bytes:
        """Show the picture in a notebook, also where pyplot was not imported."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Save as `Figure.savefig` does, in the picture's own style."""
        with mpl.rc_context(settings(self.style)):
            super().savefig(*args, **kwargs)


@functools.lru_cache(maxsize=8)
def settings(style: FigureStyle) -> dict[str, Any]:
    """Return matplotlib's settings for a style."""
    found: dict[str, Any] = dict(mpl.rc_params_from_file(STYLE, use_default_template=False))
    scale = style.font_size / found["font.size"]
    found |= {name: found[name] * scale for name in FONT_SIZES}
    found["font.sans-serif"] = [style.font, *found["font.sans-serif"]]
    found["figure.dpi"] = style.dpi
    return found


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return `draw` changed to draw in the current style of this package, independent of the session's settings."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(settings(current_style())):
            return draw(*args, **kwargs)

    return drawn


def render(figure: Figure, format: str = "png", *, dpi: float | None = None, title: str | None = None) -> bytes:
    """Return a figure as the content of a file, the same bytes for equal figures.

    Args:
        figure: Drawn by a function of this package, or any other.
        format: "png", "pdf", "svg" or another format that matplotlib writes.
        dpi: Pixels per inch; None keeps the figure's.
        title: Stored in PNG, PDF and SVG files as their title.

    Returns:
        The file's content, without dates and versions.
    """
    metadata: dict[str, str | None] = {**WITHOUT_DATES.get(format, {})}
    if title is not None and format in ("png", "pdf", "svg"):
        metadata["Title"] = title
    if format == "png" and isinstance(figure, Picture):
        return _png(figure, dpi or figure.dpi, title)
    if format == "png":
        metadata["Software"] = None
    buffer = io.BytesIO()
    options: dict[str, Any] = {"pil_kwargs": {"compress_level": PNG_COMPRESSION}} if format == "png" else {}
    if metadata:  # some formats refuse even an empty one
        options["metadata"] = metadata
    with mpl.rc_context({"svg.hashsalt": "topo_exp"}):
        figure.savefig(buffer, format=format, dpi=dpi or figure.dpi, **options)
    return buffer.getvalue()


def save(
    figure: Figure, path: str | Path, *, formats: Iterable[str] = ("png",), dpi: float | None = None
) -> list[Path]:
    """Write a figure to files, one per format.

    Args:
        figure: Drawn by a function of this package, or any other.
        path: File name without the format's ending, which is added: "plots/map" becomes plots/map.png.
        formats: Endings such as "png", "pdf", "svg".
        dpi: Pixels per inch; None keeps the figure's.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        OSError: A file cannot be written.
    """
    written = []
    for format in formats:
        target = Path(f"{path}.{format}")
        target.write_bytes(render(figure, format, dpi=dpi))
        written.append(target)
    return written


def _png(figure: Picture, dpi: float, title: str | None) -> bytes:
    """Return a picture as a PNG file without filters.

    Pillow chooses one of five filters for each row; for flat areas and cells of few pixels this makes files larger and
    takes twice as long, and it offers no way to turn them off.
    """
    own, figure.dpi = figure.dpi, dpi
    try:
        pixels = figure.pixels()
    finally:
        figure.dpi = own
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # the leading 0 of each row says that it is not filtered
    rows[:, 1:].reshape(height, width, 3)[:] = pixels
    per_metre = round(dpi / 0.0254)
    chunks = [
        (b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"pHYs", struct.pack("!IIB", per_metre, per_metre, 1)),
        *([(b"tEXt", b"Title\0" + title.encode("latin-1", "replace"))] if title is not None else []),
        (b"IDAT", zlib.compress(rows.data, PNG_COMPRESSION)),
        (b"IEND", b""),
    ]
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in chunks:
        parts += [struct.pack("!I", len(content)), kind, content, struct.pack("!I", zlib.crc32(kind + content))]
    return b"".join(parts)
