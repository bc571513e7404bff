"""Drawing of pixels for pictures: matplotlib's Agg canvas, with texts kept as images.

Laying out and drawing a text takes 1 to 2 ms, and the pictures of a run repeat the same tick labels, labels and keys.
A `TextCache` keeps each of them as an image, at the fraction of a pixel that it is drawn at.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

TEXTS_KEPT = 4096
SUBPIXELS = 64
"""Positions within a pixel that the font library distinguishes."""


class TextCache:
    """Images of texts, and their sizes, by everything that they depend on."""

    def __init__(self) -> None:
        """Start without any."""
        self.images: dict[object, tuple[int, int, NDArray[np.uint8]]] = {}
        self.sizes: dict[object, tuple[float, float, float]] = {}

    def limit(self) -> None:
        """Drop everything once there is too much of it; titles differ between times, so the cache grows."""
        if len(self.images) > TEXTS_KEPT:
            self.images.clear()
        if len(self.sizes) > TEXTS_KEPT:
            self.sizes.clear()


class PictureCanvas(FigureCanvasAgg):
    """The canvas of a picture.

    Args:
        figure: The figure.
        texts: Images of texts that other canvases have drawn, too.
    """

    def __init__(self, figure: Figure, texts: TextCache) -> None:
        """Become the canvas of the figure."""
        super().__init__(figure)
        self._texts = texts
        self._size: object = None

    def get_renderer(self) -> RendererAgg:
        """Return the renderer, the same one as long as size and resolution stay."""
        width, height = self.get_width_height(physical=True)
        key = width, height, self.figure.dpi
        if self._size != key:
            self._own = _CachingRenderer(width, height, self.figure.dpi, self._texts)
            self._size = key
        return self._own


class _CachingRenderer(RendererAgg):
    """An Agg renderer that draws each text once and copies its pixels from then on."""

    def __init__(self, width: float, height: float, dpi: float, texts: TextCache) -> None:
        super().__init__(width, height, dpi)
        self._texts = texts
        texts.limit()

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        """Return the size of a text, pixels."""
        key = (s, hash(prop), ismath, self.dpi)
        if key not in self._texts.sizes:
            self._texts.sizes[key] = super().get_text_width_height_descent(s, prop, ismath)
        return self._texts.sizes[key]

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        """Draw a text at a place given in pixels, y from the top."""
        if gc.get_alpha() != 1.0:  # would count twice, in the image and when it is copied
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        column, row = math.floor(x), math.floor(y)
        at = round((x - column) * SUBPIXELS), round((y - row) * SUBPIXELS)
        key = (s, hash(prop), angle, ismath, at, gc.get_rgb(), self.dpi)
        if key not in self._texts.images:
            self._texts.images[key] = self._image(gc, (at[0] / SUBPIXELS, at[1] / SUBPIXELS), s, prop, angle, ismath)
        left, top, pixels = self._texts.images[key]
        if pixels.size:
            self.draw_image(gc, column + left, int(self.height) - (row + top + len(pixels)), pixels[::-1])

    def _image(
        self, gc: Any, at: tuple[float, float], s: str, prop: Any, angle: float, ismath: Any
    ) -> tuple[int, int, NDArray[np.uint8]]:
        """Return a text as RGBA pixels, and the place of their upper left corner relative to the text's."""
        width, height, _ = self.get_text_width_height_descent(s, prop, ismath)
        reach = math.ceil(math.hypot(width, height)) + 8
        sheet = RendererAgg(2 * reach, 2 * reach, self.dpi)
        free = sheet.new_gc()
        free.copy_properties(gc)
        free.set_clip_rectangle(None)
        free.set_clip_path(None)
        sheet.draw_text(free, reach + at[0], reach + at[1], s, prop, angle, ismath)
        pixels = np.asarray(sheet.buffer_rgba())
        rows, columns = (np.flatnonzero(pixels[..., 3].any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return 0, 0, np.zeros((0, 0, 4), np.uint8)
        inside = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
        return int(columns[0]) - reach, int(rows[0]) - reach, inside
