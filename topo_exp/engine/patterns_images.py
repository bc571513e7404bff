"""Patterns taken from grey-level images."""

from functools import cached_property
from typing import ClassVar

import numpy as np
import param

from topo_exp.engine.patterns import Pattern, Values
from topo_exp.engine.streams import Quantity
from topo_exp.errors import ModelError
from topo_exp.typing import FloatArray


class Image(Pattern):
    """A patch of one or more grey-level images, at random places and orientations when its numbers are generators.

    `images` is called once, for an array (images, rows, columns) in [0, 1]; `index` in [0, 1] chooses one of them. The
    image's longer side covers `size` units of the sheet; beyond its edges an image is continued by its mirror image.
    """

    size_is_extent: ClassVar[bool] = False

    images = param.Callable(doc="Returns the grey levels in [0, 1], (images, rows, columns).")
    index = Quantity(0.0, bounds=(0, 1), doc="Which image, as a fraction of their number.")
    size = Quantity(
        10.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Length on the sheet of an image's longer side."
    )

    @cached_property
    def grey_levels(self) -> FloatArray:
        """The images, (images, rows, columns)."""
        images = np.asarray(self.images()) if self.images is not None else np.zeros(())
        if images.ndim != 3 or not images.size:
            raise ModelError(
                f"Image.images: must be a function that returns images (images, rows, columns) (got shape "
                f"{images.shape}). Give one."
            )
        return images

    def function(self, values: Values, px: FloatArray, py: FloatArray) -> FloatArray:
        """Return the nearest pixel's value of the chosen image."""
        count, rows, columns = self.grey_levels.shape
        image = self.grey_levels[min(int(values["index"] * count), count - 1)]
        pixels = max(rows, columns) / values["size"]
        column = _mirror(np.floor(columns / 2 + px * pixels).astype(np.intp), columns)
        row = _mirror(np.floor(rows / 2 - py * pixels).astype(np.intp), rows)
        return image[row, column]


def _mirror(index: np.ndarray, length: int) -> np.ndarray:
    """Fold indices beyond the ends back, as in a mirror."""
    index = np.mod(index, 2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
