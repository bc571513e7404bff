"""Images for models that learn from natural-like scenes: a user's own, or a generated set free of any licence."""

from pathlib import Path

import numpy as np

from topo_exp.errors import ParameterError
from topo_exp.typing import FloatArray

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm")


def read_images(folder: str) -> FloatArray:
    """Read all images of a folder, in the order of their names, as grey levels in [0, 1].

    Returns (images, rows, columns); images of different sizes are cropped to the smallest, around their centres.
    Raises ParameterError where there is no such folder, or no image in it.
    """
    from PIL import Image

    path = Path(folder).expanduser()
    files = sorted(file for file in path.glob("*") if file.suffix.lower() in SUFFIXES) if path.is_dir() else []
    if not files:
        raise ParameterError(
            f"image_folder: must be a folder that holds images {SUFFIXES} (got {folder!r}). Name one, or leave it out."
        )
    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(np.asarray(image.convert("L"), np.float64) / 255.0)
    rows, columns = (min(image.shape[axis] for image in images) for axis in (0, 1))
    return np.stack([_crop(image, rows, columns) for image in images])


def _crop(image: FloatArray, rows: int, columns: int) -> FloatArray:
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]


def dead_leaves(count: int, *, size: int, seed: int) -> FloatArray:
    """Generate images of opaque disks that hide one another, with the statistics of natural scenes.

    The disks' radii r have the density r^-3, which makes the images invariant to scale, as natural ones are (Lee,
    Mumford & Huang 2001, doi:10.1023/A:1011109015675). Returns (count, size, size) in [0, 1].
    """
    random = np.random.default_rng(seed)
    smallest, largest = 2.0, size / 3.0
    rows, columns = np.mgrid[:size, :size]
    images = np.empty((count, size, size))
    for image in images:
        covered = np.zeros((size, size), bool)
        while not covered.all():  # leaves from front to back: each shows where nothing hides it
            share = random.random()
            radius = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
            row, column = random.uniform(-radius, size + radius, 2)
            top, bottom = max(0, int(row - radius)), min(size, int(row + radius) + 2)
            left, right = max(0, int(column - radius)), min(size, int(column + radius) + 2)
            window = np.s_[top:bottom, left:right]
            leaf = (rows[window] - row) ** 2 + (columns[window] - column) ** 2 <= radius**2
            new = leaf & ~covered[window]
            image[window][new] = random.random()
            covered[window] |= new
    return images


def blur_vertically(images: FloatArray, *, sigma: float = 12.0) -> FloatArray:
    """Blur images along y only, by a Gaussian of `sigma` pixels: what goggles for vertical contours let through."""
    rows = images.shape[1]
    frequency = np.fft.rfftfreq(2 * rows)
    transfer = np.exp(-2 * (np.pi * sigma * frequency) ** 2)
    mirrored = np.concatenate([images, images[:, ::-1]], axis=1)
    blurred = np.fft.irfft(np.fft.rfft(mirrored, axis=1) * transfer[None, :, None], n=2 * rows, axis=1)
    return blurred[:, :rows]
