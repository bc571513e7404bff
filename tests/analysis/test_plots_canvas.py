"""Texts of pictures are drawn once and copied from then on: they must look as matplotlib draws them."""

import numpy as np
import pytest

from tests.analysis.drawn import PREFERENCE, SELECTIVITY, X, Y, pixels_of
from topo_exp.analysis import plots, plots_canvas


def pixels(title):
    """Return the pixels of a picture with upright and turned texts, in black and grey."""
    figure = plots.orientation(PREFERENCE, SELECTIVITY, X, Y, title=title, pinwheels=True)
    return pixels_of(plots.render(figure)).astype(int)


@pytest.mark.parametrize("title", ["Title, t = 2000", "gjpqy ÄÖ µ°", ""])
def test_copied_texts_look_as_matplotlib_draws_them(title, monkeypatch):
    """At first and from copies, pixels differ by rounding only from those of a picture without copies."""
    first, copied = pixels(title), pixels(title)
    monkeypatch.delattr(plots_canvas._CachingRenderer, "draw_text")
    expected = pixels(title)
    np.testing.assert_array_equal(copied, first)
    assert np.abs(copied - expected).max() <= 1, "of 255"
