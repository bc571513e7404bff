"""Pictures of means with their confidence, in a column of a journal and in the cell of a table."""

import numpy as np
import pytest

from topo_exp.analysis.figure_style import FigureStyle
from topo_exp.analysis.plots_groups import MOST_NAMED, Group, group_means
from topo_exp.errors import ParameterError

NUMBERS = Group([1.0, 2.0, 4.0], [0.1, 0.5, 0.3], [0.0, 0.4, np.nan], [0.2, 0.7, np.nan])
TEXTS = Group(["a", "b"], [1.0, 2.0], [0.5, np.nan], [2.0, np.nan])


def drawn(groups, **options):
    """Draw groups, with a legend and a note."""
    return group_means(groups, title="T", xlabel="x", ylabel="y", legend="size", note="mean", **options)


@pytest.mark.parametrize("form", ["page", "cell"])
@pytest.mark.parametrize("group", [NUMBERS, TEXTS])
def test_axes_and_numbers_lie_within_the_picture(form, group):
    """Axes, ticks and their numbers must lie on the canvas; a cell has neither title nor legend."""
    with FigureStyle(form=form).use():
        figure = drawn({"one": group})
        (axes,) = figure.axes
        box = axes.get_position()
        assert 0 < box.x0 < box.x1 < 1
        assert 0 < box.y0 < box.y1 < 1
        shown = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert shown.x0 >= -0.01
        assert shown.y0 >= -0.01
        assert shown.x1 <= width + 0.01
        assert shown.y1 <= height + 0.01
        assert (axes.get_legend() is None) == (form == "cell")


def test_a_line_has_its_values_and_its_band():
    """The line passes through the means, and the band from the lower to the upper ends where there are any."""
    figure = drawn({"one": NUMBERS})
    (axes,) = figure.axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), NUMBERS.x)
    np.testing.assert_array_equal(line.get_ydata(), NUMBERS.mean)
    (band,) = axes.collections
    corners = {tuple(corner) for path in band.get_paths() for corner in path.vertices.tolist()}
    assert {(1.0, 0.0), (1.0, 0.2), (2.0, 0.4), (2.0, 0.7)} <= corners
    assert axes.get_xlim() == pytest.approx((1 - 0.09, 4 + 0.09))


def test_texts_are_set_side_by_side():
    """Groups at one text must not lie over each other, each with its bars, within half a step of the text."""
    figure = drawn({"one": TEXTS, "two": TEXTS})
    (axes,) = figure.axes
    places = [container.lines[0].get_xdata().tolist() for container in axes.containers]
    assert places == [pytest.approx([-0.15, 0.85]), pytest.approx([0.15, 1.15])]
    segments = [container.lines[2][0].get_segments() for container in axes.containers]
    for (first, second), (at, *_) in zip(segments, places, strict=True):
        np.testing.assert_allclose(first, [[at, 0.5], [at, 2.0]])
        assert second[0][1] == second[1][1] == 2.0, "one replicate has no bar"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert axes.get_xlim() == (-0.5, 1.5)


@pytest.mark.parametrize("group", [NUMBERS, TEXTS])
def test_markers_grow_with_the_font(group):
    """With letters twice as large, all markers and the ends of bars are twice as large."""

    def sizes(font_size):
        with FigureStyle(font_size=font_size, width=170).use():
            axes = drawn({"one": group}).axes[0]
        return [line.get_markersize() for line in axes.lines]

    assert sizes(14) == pytest.approx([2 * size for size in sizes(7)])


def test_a_legend_names_no_more_groups_than_there_are_colours():
    """The heading says what the names give and what is drawn."""
    figure = drawn({f"g{number}": NUMBERS for number in range(MOST_NAMED + 2)})
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [f"g{number}" for number in range(MOST_NAMED)]
    assert legend.get_title().get_text() == "mean\nsize"


@pytest.mark.parametrize(("count", "columns"), [(4, 1), (5, 2)])
def test_a_legend_of_more_than_four_groups_has_two_columns(count, columns):
    """Names stand below each other, or in two columns, so that the legend leaves room for the lines."""
    legend = drawn({f"g{number}": NUMBERS for number in range(count)}).axes[0].get_legend()
    legend.figure.draw_without_rendering()
    assert len({round(text.get_window_extent().x0) for text in legend.get_texts()}) == columns


@pytest.mark.parametrize("groups", [{}, {"one": NUMBERS, "two": TEXTS}])
def test_nothing_and_mixtures_are_refused(groups):
    """There must be a group, and numbers and texts have no common axis."""
    with pytest.raises(ParameterError, match=r"group_means\.groups"):
        drawn(groups)
