"""Images for models that learn from natural-like scenes: a user's own, or a generated set free of any licence."""

from pathlib import Path

import numpy as np
import param

from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm")


class ImageFolder(param.Parameterized):
    """All images of a folder, in the order of their names; different sizes are cropped to the smallest."""

    path = param.String("", doc="The folder.")

    def __call__(self) -> FloatArray:
        """Return grey levels in [0, 1], (images, rows, columns); ParameterError where there are none."""
        from PIL import Image

        folder = Path(self.path).expanduser()
        files = sorted(f for f in folder.glob("*") if f.suffix.lower() in SUFFIXES) if folder.is_dir() else []
        if not files:
            raise ParameterError(
                f"image_folder: must be a folder that holds images {SUFFIXES} (got {self.path!r}). "
                "Name one, or leave it out."
            )
        images = []
        for file in files:
            with Image.open(file) as image:
                images.append(np.asarray(image.convert("L"), np.float64) / 255.0)
        rows, columns = (min(image.shape[axis] for image in images) for axis in (0, 1))
        return np.stack([_crop(image, rows, columns) for image in images])


class DeadLeaves(param.Parameterized):
    """Images of opaque disks that hide one another, with the statistics of natural scenes.

    The disks' radii r have the density r^-3, which makes the images invariant to scale, as natural ones are (Lee,
    Mumford & Huang 2001, doi:10.1023/A:1011109015675).
    """

    count = param.Integer(25, bounds=(1, None), doc="How many images.")
    size = param.Integer(256, bounds=(8, None), doc="Rows and columns of each, in pixels.")
    seed = param.Integer(0, bounds=(0, None), doc="Seed of places, radii and grey levels.")

    def __call__(self) -> FloatArray:
        """Return grey levels in [0, 1], (count, size, size)."""
        random = np.random.default_rng(self.seed)
        return np.stack([self._image(random) for _ in range(self.count)])

    def _image(self, random: np.random.Generator) -> FloatArray:
        size, smallest, largest = self.size, 3.0, self.size / 3.0
        rows, columns = np.ogrid[:size, :size]
        image, covered = np.full((size, size), 0.5), np.zeros((size, size), bool)
        for _leaf in range(6 * size):  # from front to back: each leaf shows where none before it lies
            radius = (smallest**-2 - random.random() * (smallest**-2 - largest**-2)) ** -0.5
            row, column = random.uniform(-radius, size + radius, 2)
            top, left = max(0, int(row - radius)), max(0, int(column - radius))
            window = np.s_[top : int(row + radius) + 2, left : int(column + radius) + 2]
            disk = (rows[window[0]] - row) ** 2 + (columns[:, window[1]] - column) ** 2 <= radius**2
            new = disk & ~covered[window]
            image[window][new] = random.random()
            covered[window] |= new
        return image


class VerticalBlur(param.Parameterized):
    """Images blurred along y only: what goggles that pass vertical contours let through."""

    images = param.Callable(doc="Returns the images, (images, rows, columns).")
    sigma = param.Number(12.0, bounds=(0, None), doc="Width of the Gaussian blur, in pixels.")

    def __call__(self) -> FloatArray:
        """Return the blurred images, (images, rows, columns)."""
        images = self.images()
        rows = images.shape[1]
        transfer = np.exp(-2 * (np.pi * self.sigma * np.fft.rfftfreq(2 * rows)) ** 2)
        mirrored = np.concatenate([images, images[:, ::-1]], axis=1)
        blurred = np.fft.irfft(np.fft.rfft(mirrored, axis=1) * transfer[None, :, None], n=2 * rows, axis=1)
        return blurred[:, :rows]


def _crop(image: FloatArray, rows: int, columns: int) -> FloatArray:
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]
