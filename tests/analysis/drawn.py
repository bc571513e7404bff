"""Small maps with known answers that the tests of pictures draw, and how they look into a figure."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from topo_exp.analysis.random_fields import ring_field

ROWS, COLS = 12, 16
X = (np.arange(COLS) + 0.5) / 16 - 0.5
Y = 0.375 - (np.arange(ROWS) + 0.5) / 16
BOUNDS = (-0.5, -0.375, 0.5, 0.375)
FIELD = ring_field((ROWS, COLS), wavelength=6, seed=2)
PREFERENCE = np.angle(FIELD) / 2 % np.pi
SELECTIVITY = np.abs(FIELD) / np.abs(FIELD).max()
RED, GREEN, BLUE, WHITE, BLACK = ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0])


def image_of(figure: Figure, index: int = 0) -> np.ndarray:
    """Return the array that the image in that axes was given."""
    return np.ma.filled(figure.axes[index].images[0].get_array(), np.nan)


def texts(figure: Figure) -> list[str]:
    """Return the texts that stand on the figure itself, in the order in which they were written."""
    return [text.get_text() for text in figure.texts]


def pixels_of(png: bytes) -> np.ndarray:
    """Return the RGB pixels of a PNG file."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
